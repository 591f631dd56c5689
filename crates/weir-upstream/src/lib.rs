//! Outbound HTTP: limits, retry, conditional requests, redirect rules.
//!
//! An [`Upstream`] is one registry that Weir fetches from. It contacts its own authority and the listed hosts, nobody
//! else: addresses in an index and redirects are followed only there, credentials are sent only to its own authority,
//! and nothing goes from https to http. Everything is bounded: bytes, time, redirects, retries, requests at once.
//!
//! | Module | Answers |
//! |---|---|
//! | [`client`] | how is a document, an artifact, a forwarded request fetched? |
//! | [`body`] | how are bytes received within limits? |
//! | [`address`] | which addresses may be contacted, and how are they shown? |
//! | [`connection`] | who does Weir say it is, and whom does it trust? |
//! | [`config`] | what can be set, and what is wrong with a setting? |
//! | [`error`] | what went wrong, and what can be done? |
//! | `resolve` | what may a host's name stand for? |
//! | [`flights`] | how do many callers share one piece of work? |
//! | [`secret`] | how is a password kept out of logs? |

pub mod address;
pub mod body;
mod circuit;
pub mod client;
pub mod config;
pub mod connection;
pub mod error;
pub mod flights;
mod resolve;
pub mod secret;

pub use body::Download;
pub use client::{Fetched, Forwarded, Opened, Upstream, Validators};
pub use config::{ConfigError, Limits, UpstreamConfig};
pub use error::{Phase, UpstreamError};
pub use flights::{FlightBroken, Flights};
pub use secret::Secret;
