//! The binary as a person meets it: the built `weir`, its own process, fake upstreams, no network.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking, and tells what it measured"
)]

mod access;
mod airgap;
mod airgap_catalogues;
mod around;
mod backup;
mod bad_input;
mod cache;
mod check;
mod clients;
mod conda;
mod config;
mod config_check;
mod decisions;
mod disk;
mod encryption;
mod engines;
mod explain;
mod feeds;
mod groups;
mod health;
mod http;
mod mirror;
mod observing;
mod outbound;
mod place;
mod policy;
mod proxy;
mod publish;
mod purls;
mod scores;
mod scripts;
mod start;
mod stop;
mod survey;
mod upkeep;
mod upstream;
mod versions;
