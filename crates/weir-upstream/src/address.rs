//! Which addresses may be contacted, and how they are shown.

use std::fmt;

use url::{Host, Url};

/// The longest address that is taken from an index or a redirect.
pub const MAX_URL_BYTES: usize = 8 * 1024;

/// Host and port. Default ports are filled in, so `https://x:443/` and `https://x/` have the same authority.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Authority {
    host: String,
    port: u16,
}

impl Authority {
    /// The authority of an http or https address; `None` if it has no host.
    pub fn of(url: &Url) -> Option<Self> {
        Some(Self { host: url.host_str()?.to_owned(), port: url.port_or_known_default()? })
    }
}

impl fmt::Display for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

/// An entry of an upstream's `hosts`: `host` stands for the default port of the scheme that is used, `host:port` for
/// exactly that port.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HostEntry {
    host: String,
    port: Option<u16>,
}

impl HostEntry {
    /// Reads an entry; `Err` says what is wrong with it.
    pub fn parse(entry: &str) -> Result<Self, &'static str> {
        const FORM: &str = "expected `host` or `host:port`, without scheme, path or user";
        let (host, port) = match entry.rsplit_once(':') {
            // The colons inside `[::1]` are not in front of a port.
            Some((_, port)) if port.ends_with(']') => (entry, None),
            Some((host, port)) => (host, Some(port.parse::<u16>().map_err(|_| FORM)?)),
            None => (entry, None),
        };
        if host.contains(['/', '@', '?', '#', '*', '%']) {
            return Err(FORM);
        }
        match Host::parse(host) {
            Ok(host) => Ok(Self { host: host.to_string(), port }),
            Err(_) => Err(FORM),
        }
    }

    fn allows(&self, url: &Url) -> bool {
        let port = match self.port {
            Some(port) => Some(port),
            None if url.scheme() == "https" => Some(443),
            None => Some(80),
        };
        url.host_str() == Some(self.host.as_str()) && url.port_or_known_default() == port
    }
}

/// The authorities that an upstream may contact.
#[derive(Clone, Debug)]
pub struct Allowed {
    base: Authority,
    /// The base itself is https, so nothing else of this upstream may be http.
    secure: bool,
    hosts: Vec<HostEntry>,
}

/// Why an address may not be contacted.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Refused {
    /// It is not an address that this upstream may have at all.
    Invalid(&'static str),
    /// It would leave https.
    Insecure,
    /// Its authority is not listed.
    NotListed(String),
}

impl Allowed {
    /// `base` and the listed hosts.
    pub fn new(base: &Url, hosts: Vec<HostEntry>) -> Option<Self> {
        Some(Self { base: Authority::of(base)?, secure: base.scheme() == "https", hosts })
    }

    /// The authority of the base, which alone gets credentials.
    pub fn base(&self) -> &Authority {
        &self.base
    }

    /// The hosts of all authorities, as they are looked up.
    pub(crate) fn hosts(&self) -> Vec<String> {
        let listed = self.hosts.iter().map(|entry| entry.host.clone());
        std::iter::once(self.base.host.clone()).chain(listed).collect()
    }

    /// The authority of `url` if it may be contacted.
    pub fn check(&self, url: &Url) -> Result<Authority, Refused> {
        if !matches!(url.scheme(), "http" | "https") {
            return Err(Refused::Invalid("only http and https addresses are followed"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(Refused::Invalid("an address with a user or password in it is not followed"));
        }
        let authority = Authority::of(url).ok_or(Refused::Invalid("it names no host"))?;
        if self.secure && url.scheme() == "http" {
            return Err(Refused::Insecure);
        }
        if authority == self.base || self.hosts.iter().any(|entry| entry.allows(url)) {
            return Ok(authority);
        }
        // The entry to add: the port only where it is not the scheme's own.
        Err(Refused::NotListed(match url.port() {
            Some(_) => authority.to_string(),
            None => authority.host,
        }))
    }
}

/// The address of `path` under `base`; `Err` says why `path` is not one that lies there.
///
/// `path` is percent-encoded and may carry a query. It must be spelled the way it is sent: a dot segment or a character
/// that would be rewritten is refused, so that what was checked is what is asked for.
pub fn under(base: &Url, path: &str) -> Result<Url, &'static str> {
    if path.len() > MAX_URL_BYTES {
        return Err("it is too long");
    }
    if !path.bytes().all(|byte| byte.is_ascii_graphic() && !b"\\#\"<>^`{|}".contains(&byte)) {
        return Err("it has a character that must be percent-encoded");
    }
    let (segments, query) = match path.split_once('?') {
        Some((segments, query)) => (segments, Some(query)),
        None => (path, None),
    };
    if segments.starts_with('/') {
        return Err("it must be relative to the base, without a leading slash");
    }
    let dots = |segment: &str| matches!(segment.to_ascii_lowercase().replace("%2e", ".").as_str(), "." | "..");
    if segments.split('/').any(dots) {
        return Err("it has a dot segment");
    }
    let mut url = base.clone();
    url.set_path(&format!("{}{segments}", base.path()));
    url.set_query(query);
    if url.path().strip_prefix(base.path()) != Some(segments) {
        return Err("it does not stay as written under the base");
    }
    Ok(url)
}

/// An address as messages and logs show it: no user, no password, no query (signed addresses carry secrets there).
pub fn redacted(url: &Url) -> String {
    let mut shown = url.clone();
    // Both fail only for addresses that cannot have a user, which then have none to hide.
    let _ = shown.set_username("");
    let _ = shown.set_password(None);
    shown.set_fragment(None);
    if url.query().is_some() {
        shown.set_query(Some("..."));
    }
    shown.into()
}

/// A text that should have been an address, fit for a message: at most 200 characters, nothing behind a `?`, and
/// nothing that looks like a user.
pub fn redacted_text(text: &str) -> String {
    if let Ok(url) = Url::parse(text)
        && url.has_host()
    {
        return redacted(&url).chars().take(200).collect();
    }
    let text = text.split(['?', '#']).next().unwrap_or_default();
    let text = text.rsplit('@').next().unwrap_or_default();
    text.chars().filter(|character| !character.is_control()).take(200).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    fn allowed(base: &str, hosts: &[&str]) -> Allowed {
        Allowed::new(&url(base), hosts.iter().map(|entry| HostEntry::parse(entry).unwrap()).collect()).unwrap()
    }

    #[test]
    fn only_the_base_and_listed_hosts_are_allowed() {
        let allowed = allowed("https://index.example/simple/", &["files.example", "odd.example:8443", "[::1]:99"]);
        for good in [
            "https://index.example/x",
            "https://INDEX.example:443/x",
            "https://files.example/a",
            "https://files.example:443/a",
            "https://odd.example:8443/",
            "https://[::1]:99/",
        ] {
            assert!(allowed.check(&url(good)).is_ok(), "{good}");
        }
        for (bad, entry) in [
            ("https://index.example:444/x", "index.example:444"),
            ("https://files.example:8443/a", "files.example:8443"),
            ("https://odd.example/", "odd.example"),
            ("https://localhost/", "localhost"),
            ("https://127.0.0.1/", "127.0.0.1"),
            ("https://0x7f.1/", "127.0.0.1"),
            ("https://files.example.evil.example/", "files.example.evil.example"),
            ("https://files.example./", "files.example."),
            ("https://[::1]/", "[::1]"),
        ] {
            assert_eq!(allowed.check(&url(bad)), Err(Refused::NotListed(entry.to_owned())), "{bad}");
        }
    }

    #[test]
    fn an_address_may_not_leave_https_or_carry_a_user() {
        let allowed = allowed("https://index.example/", &["files.example"]);
        assert_eq!(allowed.check(&url("http://index.example/")), Err(Refused::Insecure));
        assert_eq!(allowed.check(&url("http://files.example/")), Err(Refused::Insecure));
        assert!(matches!(allowed.check(&url("https://a:b@files.example/")), Err(Refused::Invalid(_))));
        assert!(matches!(allowed.check(&url("https://a@files.example/")), Err(Refused::Invalid(_))));
        assert!(matches!(allowed.check(&url("file:///etc/passwd")), Err(Refused::Invalid(_))));
        assert!(matches!(allowed.check(&url("ftp://files.example/")), Err(Refused::Invalid(_))));
    }

    #[test]
    fn a_plain_base_may_go_to_https_only_where_that_is_listed() {
        let plain = allowed("http://index.example/", &[]);
        assert!(plain.check(&url("http://index.example:80/")).is_ok());
        assert!(plain.check(&url("https://index.example/")).is_err());
        let listed = allowed("http://index.example/", &["index.example"]);
        assert!(listed.check(&url("https://index.example/")).is_ok());
    }

    #[test]
    fn a_host_entry_is_a_host_and_perhaps_a_port() {
        for good in ["a.example", "A.example", "a.example:1", "127.0.0.1", "[::1]", "[::1]:80"] {
            assert!(HostEntry::parse(good).is_ok(), "{good}");
        }
        for bad in ["", "https://a.example", "a.example/", "a.example:", "a.example:99999", "u@a.example", "*.example"]
        {
            assert!(HostEntry::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_path_stays_under_the_base() {
        let base = url("https://index.example/root/pypi/");
        for good in ["django/", "@scope%2fname", "a/b/c?d=e", "", "a:b", "1/a!b+c", "x%2e%2ey", "a//b"] {
            let joined = under(&base, good).unwrap();
            assert_eq!(joined.as_str(), format!("https://index.example/root/pypi/{good}"));
        }
        for bad in [
            "/etc",
            "../x",
            "a/../../x",
            "a/..",
            "%2e%2e/x",
            "%2E./x",
            ".",
            "a\\b",
            "a b",
            "a#b",
            "é",
            "a\n",
            "//evil/x",
            "a/./b",
            "a/.%2E",
        ] {
            assert!(under(&base, bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn an_address_is_shown_without_its_secrets() {
        assert_eq!(redacted(&url("https://u:p@a.example/x?sig=1#f")), "https://a.example/x?...");
        assert_eq!(redacted_text("u:secret@host/x?token=1"), "host/x");
    }
}
