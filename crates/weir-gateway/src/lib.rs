//! Fetch, verify, inspect, decide, serve, for every ecosystem.
