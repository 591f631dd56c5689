//! Content-addressed bytes: local files, S3.
