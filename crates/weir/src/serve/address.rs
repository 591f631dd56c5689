//! Where it listens, and under which address clients reach it.

use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::{Context, bail};
use tokio::net::TcpListener;
use weir_api::page::prefix;
use weir_api::{Network, Proxies};
use weir_policy::Policy;
use weir_upstream::address::redacted_text;

use super::Arguments;
use crate::config::Config;
use crate::tls::Files;

/// The files of certificate and key, if there are to be any.
pub fn files(arguments: &Arguments, config: &Config) -> anyhow::Result<Option<Files>> {
    let set = |flag: &Option<PathBuf>, key: &Option<PathBuf>| flag.clone().or_else(|| key.clone());
    let certificate = set(&arguments.tls_certificate, &config.server.tls.certificate);
    match (certificate, set(&arguments.tls_key, &config.server.tls.key)) {
        (Some(certificate), Some(key)) => Ok(Some(Files { certificate, key })),
        (None, None) => Ok(None),
        (Some(_), None) => bail!("there is a certificate without a key: set --tls-key FILE, or [server.tls] key"),
        (None, Some(_)) => {
            bail!("there is a key without a certificate: set --tls-certificate FILE, or [server.tls] certificate")
        }
    }
}

/// Opens the port. Beyond this machine only with https, or if plain HTTP is allowed in so many words.
pub async fn listen(arguments: &Arguments, config: &Config, secure: bool) -> anyhow::Result<TcpListener> {
    let (wanted, place) = match &arguments.listen {
        Some(wanted) => (wanted, "--listen"),
        None => (&config.server.listen, "[server] listen"),
    };
    let listener = TcpListener::bind(wanted).await.map_err(|error| {
        let advice = match error.kind() {
            std::io::ErrorKind::AddrInUse => {
                "another program listens there, perhaps another Weir; stop it, or choose another port with --listen \
                 ADDRESS:PORT (port 0 picks a free one)"
            }
            std::io::ErrorKind::PermissionDenied => {
                "this account may not listen there; choose a port above 1023 with --listen ADDRESS:PORT"
            }
            std::io::ErrorKind::AddrNotAvailable => {
                "this machine has no such address; choose another with --listen ADDRESS:PORT"
            }
            _ => "expected ADDRESS:PORT such as 127.0.0.1:8484",
        };
        anyhow::anyhow!("{place} `{wanted}` cannot be listened on: {error}; {advice}")
    })?;
    let address = listener.local_addr().context("the address that is listened on cannot be told")?;
    if secure || address.ip().to_canonical().is_loopback() {
        return Ok(listener);
    }
    if !(arguments.allow_plain_http || config.server.allow_plain_http) {
        bail!(
            "{place} `{wanted}` is reachable from other machines, and this would be plain HTTP: whoever is on the way can \
             read tokens and change packages\n\n\
             choose one of\n  \
             --tls-certificate FILE --tls-key FILE   https by Weir itself (or [server.tls])\n  \
             --listen 127.0.0.1:{port:<20} and a proxy on this machine that speaks https\n  \
             --allow-plain-http                      go on, over plain HTTP (or [server] allow-plain-http = true)\n\n\
             docs/guides/network.md tells more",
            port = address.port(),
        );
    }
    tracing::warn!(
        address = %address,
        "listening beyond this machine over plain HTTP: whoever is on the way can read tokens and change packages"
    );
    Ok(listener)
}

/// The address under which clients reach this Weir, without a slash at its end: part of every page.
pub fn public_url(
    arguments: &Arguments,
    config: &Config,
    scheme: &str,
    address: SocketAddr,
    policy: &Policy,
) -> anyhow::Result<String> {
    let Some(url) = arguments.public_url.as_ref().or(config.server.public_url.as_ref()) else {
        // An unspecified address is reachable as this machine; clients elsewhere need --public-url.
        let host = match address.ip() {
            ip if ip.is_unspecified() => {
                tracing::warn!("listening on all addresses without --public-url: pages will name localhost");
                String::from("localhost")
            }
            ip if ip.is_ipv6() => format!("[{ip}]"),
            ip => ip.to_string(),
        };
        return Ok(format!("{scheme}://{host}:{}", address.port()));
    };
    let url = url.trim_end_matches('/');
    let place = if arguments.public_url.is_some() { "--public-url" } else { "[server] public-url" };
    if let Some(problem) = unusable(url, Some(policy)) {
        bail!("{place} `{}` cannot be used: {problem}", redacted_text(url));
    }
    Ok(url.to_owned())
}

/// What is wrong with a public address, if anything. It stands in pages, header lines and commands, so it is plain.
pub fn unusable(url: &str, policy: Option<&Policy>) -> Option<String> {
    const FORM: &str = "expected https://HOST, https://HOST:PORT or https://HOST/PATH";
    let Ok(parsed) = url.parse::<http::Uri>() else { return Some(String::from(FORM)) };
    let authority = parsed.authority().map_or("", |authority| authority.as_str());
    if !matches!(parsed.scheme_str(), Some("http" | "https")) || authority.is_empty() || url.contains(['?', '#', '@']) {
        return Some(String::from(FORM));
    }
    let segments = || prefix(url).split('/').skip(1);
    let is_plain = |segment: &str| {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
        !segment.is_empty() && segment.bytes().all(plain) && !segment.bytes().all(|byte| byte == b'.')
    };
    if !segments().all(is_plain) {
        return Some(String::from("its path has other than letters, digits, `-`, `.`, `_`, `~` between slashes"));
    }
    let first = segments().next()?;
    if weir_policy::RESERVED.contains(&first) || policy.is_some_and(|policy| policy.stage(first).is_some()) {
        return Some(format!(
            "its path begins with `{first}`, as addresses of Weir itself do; choose another, such as /weir"
        ));
    }
    None
}

/// The proxies that are believed.
pub fn proxies(config: &Config) -> anyhow::Result<Proxies> {
    let parse = |text: &String| {
        Network::parse(text)
            .map_err(|problem| anyhow::anyhow!("[server] trusted-proxies: `{text}` cannot be used: {problem}"))
    };
    config.server.trusted_proxies.iter().map(parse).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_public_address_is_plain_and_is_no_address_of_weirs_own() {
        let policy = Policy::parse("[stage.dev]\n[stage.qa]\n", crate::ecosystems::ALL).unwrap();
        for good in [
            "https://a.example",
            "http://127.0.0.1:8484",
            "https://[::1]:1",
            "https://a.example/weir",
            "https://a/b/c-d_e.f~",
        ] {
            assert_eq!(unusable(good, Some(&policy)), None, "{good}");
        }
        for bad in [
            "a.example",
            "ftp://a.example",
            "https://",
            "https://a.example/?x",
            "https://a.example/#x",
            "https://u:p@a.example",
            "https://a.example//b",
            "https://a.example/../b",
            "https://a.example/a%2fb",
            "https://a.example/\"b",
            "https://a.example/dev",
            "https://a.example/qa/weir",
            "https://a.example/api",
            "https://a.example/d",
            "https://a.example/healthz/x",
        ] {
            assert!(unusable(bad, Some(&policy)).is_some(), "{bad}");
        }
    }
}
