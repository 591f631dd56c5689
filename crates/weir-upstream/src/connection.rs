//! How a connection is made: who Weir says it is, and whom it trusts.

use std::error::Error as _;
use std::io::Read as _;
use std::sync::Arc;
use std::time::Duration;

use url::Url;

use crate::address::Allowed;
use crate::config::{CA_BUNDLE_BYTES, ConfigError, UpstreamConfig};
use crate::resolve::Resolver;
use crate::secret::Secret;

/// How Weir names itself to upstreams.
pub const USER_AGENT: &str = concat!("weir/", env!("CARGO_PKG_VERSION"));

/// How long an idle connection is kept.
const IDLE: Duration = Duration::from_secs(60);

/// What is sent to the base's own authority, and to no other.
#[derive(Clone)]
pub(crate) enum Credentials {
    Basic(String, Option<Secret>),
    Bearer(Secret),
}

/// The credentials that are set, if they can be sent.
pub(crate) fn credentials(
    config: &UpstreamConfig,
    base: &Url,
    shown: &str,
) -> Result<Option<Credentials>, ConfigError> {
    let invalid = |problem| ConfigError::Credentials { url: shown.to_owned(), problem };
    let decoded = |text: &str| {
        percent_decode(text).ok_or_else(|| invalid("the user or password in `url` is not percent-encoded UTF-8"))
    };
    let in_url = !base.username().is_empty() || base.password().is_some();
    if in_url && (config.username.is_some() || config.password.is_some()) {
        return Err(invalid("they are both in `url` and in `username` and `password`; keep one of them"));
    }
    let basic = if in_url {
        Some((decoded(base.username())?, base.password().map(decoded).transpose()?.map(Secret::new)))
    } else if config.username.is_some() || config.password.is_some() {
        Some((config.username.clone().unwrap_or_default(), config.password.clone()))
    } else {
        None
    };
    let credentials = match (basic, &config.token) {
        (Some(_), Some(_)) => {
            return Err(invalid("there is a `token` beside a user and password; keep one of them"));
        }
        (Some((user, password)), None) => {
            let clean = |text: &str| !text.chars().any(char::is_control);
            if user.contains(':') || !clean(&user) || !password.as_ref().is_none_or(|password| clean(password.expose()))
            {
                return Err(invalid("a user has no colon, and neither user nor password has control characters"));
            }
            Credentials::Basic(user, password)
        }
        (None, Some(token)) => {
            if token.expose().is_empty() || !token.expose().bytes().all(|byte| byte.is_ascii_graphic()) {
                return Err(invalid("`token` must be printable ASCII without spaces"));
            }
            Credentials::Bearer(token.clone())
        }
        (None, None) => return Ok(None),
    };
    let host = base.host_str().unwrap_or_default();
    if base.scheme() == "http" && !matches!(host, "localhost" | "127.0.0.1" | "[::1]") {
        tracing::warn!(upstream = shown, "credentials are sent without encryption: use https for this upstream");
    }
    Ok(Some(credentials))
}

fn percent_decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let mut digit = || char::from(rest.next()?).to_digit(16);
        bytes.push(u8::try_from(digit()? << 4 | digit()?).ok()?);
    }
    String::from_utf8(bytes).ok()
}

/// A client that trusts the system's roots and those of `ca_bundle`, and leaves redirects and codings to its caller.
pub(crate) fn client(
    config: &UpstreamConfig,
    base: &Url,
    allowed: &Allowed,
    shown: &str,
) -> Result<reqwest::Client, ConfigError> {
    let resolver = Arc::new(Resolver { hosts: allowed.hosts(), public: config.public });
    let certificates = certificates(config, shown)?;
    let builder = || {
        reqwest::Client::builder()
            .user_agent(USER_AGENT)
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            .dns_resolver(Arc::clone(&resolver))
            // Documents are decoded here, where what they unpack to is bounded.
            .no_gzip()
            .connect_timeout(config.limits.connect)
            .pool_idle_timeout(IDLE)
    };
    match builder().tls_certs_merge(certificates.clone()).build() {
        Ok(client) => Ok(client),
        // A machine without root certificates can still speak to a plain upstream.
        Err(error) if base.scheme() == "http" => {
            tracing::debug!(error = %cause(&error), "no system root certificates");
            builder().tls_certs_only(certificates).build()
        }
        Err(error) => Err(error),
    }
    .map_err(|error| ConfigError::Client { url: shown.to_owned(), problem: cause(&error) })
}

fn certificates(config: &UpstreamConfig, shown: &str) -> Result<Vec<reqwest::Certificate>, ConfigError> {
    let Some(path) = &config.ca_bundle else { return Ok(Vec::new()) };
    let invalid = |problem: String| ConfigError::CaBundle { url: shown.to_owned(), path: path.clone(), problem };
    let mut pem = Vec::new();
    let file = std::fs::File::open(path).map_err(|error| invalid(error.to_string()))?;
    file.take(CA_BUNDLE_BYTES + 1).read_to_end(&mut pem).map_err(|error| invalid(error.to_string()))?;
    if pem.len() as u64 > CA_BUNDLE_BYTES {
        return Err(invalid(format!("it is larger than {CA_BUNDLE_BYTES} bytes")));
    }
    let certificates = reqwest::Certificate::from_pem_bundle(&pem).map_err(|error| invalid(cause(&error)))?;
    if certificates.is_empty() {
        return Err(invalid(String::from("it has no `-----BEGIN CERTIFICATE-----`; a PEM file is expected")));
    }
    Ok(certificates)
}

/// The innermost cause: the outer ones say only that something failed, and name the address with its query.
pub(crate) fn cause(error: &reqwest::Error) -> String {
    let mut text = None;
    let mut source = error.source();
    while let Some(error) = source {
        text = Some(error.to_string());
        source = error.source();
    }
    text.unwrap_or_else(|| String::from("the request failed"))
}

/// True if a failure to connect comes from the TLS handshake, which rustls reports as invalid data.
pub(crate) fn is_tls(error: &(dyn std::error::Error + 'static)) -> bool {
    if let Some(io) = error.downcast_ref::<std::io::Error>() {
        if io.kind() == std::io::ErrorKind::InvalidData {
            return true;
        }
        // The source of an I/O error is not the error that it wraps but that one's source.
        if let Some(wrapped) = io.get_ref() {
            return is_tls(wrapped);
        }
    }
    error.source().is_some_and(is_tls)
}
