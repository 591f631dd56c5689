//! What can be set for an upstream, and what is wrong with a setting.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use crate::address;
use crate::secret::Secret;

/// Default for [`Limits::document_bytes`].
pub const DOCUMENT_BYTES: u64 = 64 * 1024 * 1024;
/// Default for [`Limits::artifact_bytes`].
pub const ARTIFACT_BYTES: u64 = 8 * 1024 * 1024 * 1024;
/// Default for [`Limits::forward_bytes`].
pub const FORWARD_BYTES: u64 = 16 * 1024 * 1024;
/// Most bytes of a `ca_bundle` file that are read.
pub const CA_BUNDLE_BYTES: u64 = 4 * 1024 * 1024;

/// Settings of one upstream.
#[derive(Clone, Default)]
pub struct UpstreamConfig {
    /// Base address, http or https. A user and password in it are taken out and used as if set apart.
    pub url: String,
    /// Further hosts that the upstream's index may name and redirect to: `host` or `host:port`.
    pub hosts: Vec<String>,
    /// The hosts are those of a public registry, as this program knows them: no name of them is this machine's.
    pub public: bool,
    /// Basic authentication: the user.
    pub username: Option<String>,
    /// Basic authentication: the password.
    pub password: Option<Secret>,
    /// Bearer authentication.
    pub token: Option<Secret>,
    /// A PEM file of certificates that are trusted beside the system's own.
    pub ca_bundle: Option<PathBuf>,
    /// Limits.
    pub limits: Limits,
}

impl fmt::Debug for UpstreamConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UpstreamConfig")
            .field("url", &address::redacted_text(&self.url))
            .field("hosts", &self.hosts)
            .field("public", &self.public)
            .field("username", &self.username)
            .field("password", &self.password)
            .field("token", &self.token)
            .field("ca_bundle", &self.ca_bundle)
            .field("limits", &self.limits)
            .finish()
    }
}

/// Bounds on what an upstream may cost.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Most bytes of a document, after decoding.
    pub document_bytes: u64,
    /// Most bytes of an artifact.
    pub artifact_bytes: u64,
    /// Most bytes of the answer to a forwarded request, after decoding.
    pub forward_bytes: u64,
    /// Longest time to connect, with the TLS handshake.
    pub connect: Duration,
    /// Longest time from the request to the head of the answer.
    pub first_byte: Duration,
    /// Longest time without a byte in the middle of an answer.
    pub stall: Duration,
    /// Longest time for a whole document.
    pub document_total: Duration,
    /// Longest time for a whole artifact.
    pub artifact_total: Duration,
    /// Most redirects that are followed.
    pub redirects: u8,
    /// Most tries after the first.
    pub retries: u8,
    /// Pause before the first retry; it doubles, and up to as much again is added at random.
    pub backoff: Duration,
    /// Longest `Retry-After` that is waited for; a longer one is an error at once.
    pub retry_after: Duration,
    /// Longest time for which a host that asks for no requests (`Retry-After` with 429 or 503) is left alone; then it is
    /// asked again, whatever it wanted.
    pub left_alone: Duration,
    /// Most requests at once to one host; documents and artifacts are counted apart, so that large files do not hold up
    /// indexes.
    pub concurrency: u16,
    /// A host is down after so many failures to connect in a row …
    pub down_after: u32,
    /// … and stays so for this long, before one try is made.
    pub down_for: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            document_bytes: DOCUMENT_BYTES,
            artifact_bytes: ARTIFACT_BYTES,
            forward_bytes: FORWARD_BYTES,
            connect: Duration::from_secs(5),
            first_byte: Duration::from_secs(20),
            stall: Duration::from_secs(30),
            document_total: Duration::from_secs(120),
            artifact_total: Duration::from_secs(2 * 60 * 60),
            redirects: 5,
            retries: 2,
            backoff: Duration::from_millis(150),
            retry_after: Duration::from_secs(5),
            left_alone: Duration::from_secs(2 * 60),
            concurrency: 32,
            down_after: 3,
            down_for: Duration::from_secs(10),
        }
    }
}

/// A setting of an upstream that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// `url` is not a usable address.
    #[error("`url = \"{url}\"` is not the address of an upstream: {problem}")]
    Url {
        /// What was set, redacted.
        url: String,
        /// What is wrong with it.
        problem: String,
    },
    /// An entry of `hosts` is not one.
    #[error("`{entry}` in `hosts` of the upstream `{url}` is not a host: {problem}")]
    Host {
        /// The upstream.
        url: String,
        /// The entry.
        entry: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// The credentials contradict each other or cannot be sent.
    #[error("the credentials of the upstream `{url}` cannot be used: {problem}")]
    Credentials {
        /// The upstream.
        url: String,
        /// What is wrong with them.
        problem: &'static str,
    },
    /// The certificates cannot be read.
    #[error("`ca-bundle = \"{}\"` of the upstream `{url}` cannot be used: {problem}", .path.display())]
    CaBundle {
        /// The upstream.
        url: String,
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// No client can be made, as a rule because the system has no root certificates.
    #[error(
        "no https connections can be made to the upstream `{url}`: {problem}; install the system's root certificates \
         (the package `ca-certificates`), or name a file of them in `SSL_CERT_FILE` or in `ca-bundle` of this upstream"
    )]
    Client {
        /// The upstream.
        url: String,
        /// The cause.
        problem: String,
    },
}
