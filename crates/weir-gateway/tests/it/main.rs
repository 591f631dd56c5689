//! The gate at its boundary: a real socket on one side, a fake upstream on the other.

mod gate;
mod pass;
