//! Bounded, strict readers of zip and tar.
