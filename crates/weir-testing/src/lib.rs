//! For tests: fake upstream, temporary PostgreSQL and S3, fixed clock.
