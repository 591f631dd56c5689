//! What is inside an artifact.
