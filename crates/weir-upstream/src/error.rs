//! What went wrong with an upstream, and what can be done.

use std::fmt;
use std::time::Duration;

/// Why an upstream did not answer as asked. Can be cloned, so that all callers of one flight get it. Addresses in it are
/// redacted: no user, no password, no query.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum UpstreamError {
    /// No connection, or it broke before an answer came.
    #[error("`{url}` cannot be reached: {problem}; check the address and the network")]
    Unreachable {
        /// What was asked for.
        url: String,
        /// The cause.
        problem: String,
    },
    /// It could not be reached a moment ago, so it was not tried again.
    #[error("`{authority}` could not be reached ({problem}); the next try is in {} s", .retry_in.as_secs_f64().ceil())]
    Down {
        /// Host and port.
        authority: String,
        /// The cause of the last failure.
        problem: String,
        /// When it is tried again.
        retry_in: Duration,
    },
    /// It asked a moment ago for no more requests, so it was not tried.
    #[error(
        "`{authority}` answered {status} and asks for no requests for now; the next try is in {} s",
        .retry_in.as_secs_f64().ceil()
    )]
    Waits {
        /// Host and port.
        authority: String,
        /// The status with which it asked.
        status: u16,
        /// When it is tried again.
        retry_in: Duration,
    },
    /// It took too long.
    #[error("`{url}` timed out: {phase} took more than {} s", .after.as_secs_f64())]
    Timeout {
        /// What was asked for.
        url: String,
        /// What took too long.
        phase: Phase,
        /// The limit.
        after: Duration,
    },
    /// The connection could not be secured.
    #[error(
        "`{url}` has no certificate that is trusted here: {problem}; \
         if it is signed by your own authority, set `ca-bundle` of this upstream"
    )]
    Tls {
        /// What was asked for.
        url: String,
        /// The cause.
        problem: String,
    },
    /// It answered with a status that is not an answer.
    #[error("`{url}` answered {status}{}", hint(*.status))]
    Status {
        /// What was asked for.
        url: String,
        /// The HTTP status.
        status: u16,
        /// Seconds that its `Retry-After` asks for.
        retry_after: Option<u64>,
    },
    /// More bytes than the limit.
    #[error("`{url}` is larger than the limit of {limit} bytes")]
    TooLarge {
        /// What was asked for.
        url: String,
        /// The limit.
        limit: u64,
    },
    /// The bytes ended early, or were not as many as announced.
    #[error("`{url}` ended after {got} bytes{}", match .expected {
        Some(expected) => format!(" of {expected}"),
        None => String::new(),
    })]
    Truncated {
        /// What was asked for.
        url: String,
        /// What `Content-Length` said.
        expected: Option<u64>,
        /// What came.
        got: u64,
    },
    /// An index or a redirect names a host that is not listed.
    #[error(
        "`{host}` is not a host of the upstream `{base}`, but `{url}` is there; \
         if it belongs to it, add \"{host}\" to `hosts` of this upstream"
    )]
    HostNotAllowed {
        /// Where the index or redirect points.
        url: String,
        /// The entry to add.
        host: String,
        /// The upstream.
        base: String,
    },
    /// The name of a host stands for an address that is not contacted.
    #[error(
        "`{url}` is not asked: {problem}; if the upstream is really there, write that address itself in `url` or `hosts`"
    )]
    AddressNotAllowed {
        /// What was asked for.
        url: String,
        /// The host, the address, and what is wrong with it.
        problem: String,
    },
    /// An index or a redirect leads from https to http.
    #[error("`{url}` is http, and the upstream `{base}` is https: it is not followed")]
    Insecure {
        /// Where the index or redirect points.
        url: String,
        /// The upstream.
        base: String,
    },
    /// A chain of redirects without an end.
    #[error("`{url}` redirects more than {limit} times")]
    TooManyRedirects {
        /// What was asked for.
        url: String,
        /// The limit.
        limit: u8,
    },
    /// An address that cannot be asked for.
    #[error("`{url}` is not an address that is followed: {problem}")]
    InvalidAddress {
        /// The address.
        url: String,
        /// What is wrong with it.
        problem: String,
    },
    /// An answer that makes no sense.
    #[error("the answer of `{url}` cannot be used: {problem}")]
    InvalidAnswer {
        /// What was asked for.
        url: String,
        /// What is wrong with it.
        problem: String,
    },
}

/// What took too long.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Phase {
    /// Waiting for one of the upstream's places for requests at once.
    Queue,
    /// Connecting.
    Connect,
    /// Waiting for the head of the answer.
    FirstByte,
    /// Waiting for more of the body.
    Stall,
    /// All of the body.
    Total,
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Queue => "waiting for earlier requests",
            Self::Connect => "connecting",
            Self::FirstByte => "waiting for the answer",
            Self::Stall => "waiting for more of the answer",
            Self::Total => "the whole answer",
        })
    }
}

impl UpstreamError {
    /// True if the upstream says that there is no such thing (404, 410).
    pub fn is_absent(&self) -> bool {
        matches!(self, Self::Status { status: 404 | 410, .. })
    }

    /// True for trouble that may pass by itself: what is cached is then still served.
    pub fn is_temporary(&self) -> bool {
        match self {
            Self::Unreachable { .. }
            | Self::Down { .. }
            | Self::Waits { .. }
            | Self::Timeout { .. }
            | Self::Truncated { .. }
            | Self::AddressNotAllowed { .. }
            | Self::Tls { .. } => true,
            Self::Status { status, .. } => *status == 429 || *status >= 500,
            Self::TooLarge { .. }
            | Self::HostNotAllowed { .. }
            | Self::Insecure { .. }
            | Self::TooManyRedirects { .. }
            | Self::InvalidAddress { .. }
            | Self::InvalidAnswer { .. } => false,
        }
    }
}

fn hint(status: u16) -> &'static str {
    match status {
        401 | 403 => "; check `username` and `password`, or `token`, of this upstream",
        407 => "; check the proxy's credentials in `HTTPS_PROXY`",
        429 => ": it asks for fewer requests",
        500.. => ": it is in trouble",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_names_the_address_and_the_way_out() {
        let error = UpstreamError::HostNotAllowed {
            url: String::from("https://files.example/a"),
            host: String::from("files.example"),
            base: String::from("https://index.example/"),
        };
        assert_eq!(
            error.to_string(),
            "`files.example` is not a host of the upstream `https://index.example/`, but `https://files.example/a` is \
             there; if it belongs to it, add \"files.example\" to `hosts` of this upstream"
        );
        let error = UpstreamError::Timeout {
            url: String::from("https://a.example/"),
            phase: Phase::FirstByte,
            after: Duration::from_secs(20),
        };
        assert_eq!(error.to_string(), "`https://a.example/` timed out: waiting for the answer took more than 20 s");
        let error = UpstreamError::Down {
            authority: String::from("a.example:443"),
            problem: String::from("Connection refused"),
            retry_in: Duration::from_millis(7_200),
        };
        assert_eq!(
            error.to_string(),
            "`a.example:443` could not be reached (Connection refused); the next try is in 8 s"
        );
    }
}
