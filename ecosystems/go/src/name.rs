//! Module paths.
//!
//! Specification: the Go modules reference, "Module paths" and "Module proxy" (case encoding); the rules are those of
//! `golang.org/x/mod/module`, `CheckPath`, `SplitPathVersion` and `EscapePath`. A path is case-sensitive, and its normal
//! form is itself. In addresses, an upper-case letter is `!` and the lower-case one.

use weir_core::ecosystem::{InvalidName, Names, PackageName};

/// Longest module path, in bytes. Go has no limit of its own; the longest that are in use have about 150.
pub const MAX_PATH: usize = 255;

/// What Windows takes for a device, whatever follows a dot.
const DEVICES: [&str; 4] = ["con", "prn", "aux", "nul"];

/// Module paths as the go command accepts them for downloads.
pub struct Paths;

impl Names for Paths {
    fn parse(&self, text: &str) -> Result<PackageName, InvalidName> {
        match check(text) {
            Ok(()) => Ok(PackageName::from_normalized(text)),
            Err(problem) => {
                Err(InvalidName { ecosystem: crate::ECOSYSTEM.title, name: text.chars().take(200).collect(), problem })
            }
        }
    }

    /// Hosts keep no two repositories apart by case alone, and the proxy protocol's case encoding is there for file systems
    /// that do not either.
    fn fold(&self, name: &PackageName) -> String {
        name.as_str().to_ascii_lowercase()
    }

    /// purl-spec asks for lower case, which would name other modules; Go's own tools keep the case, and so does this.
    fn to_purl(&self, name: &PackageName) -> (Option<String>, String) {
        match name.as_str().rsplit_once('/') {
            Some((namespace, name)) => (Some(namespace.to_owned()), name.to_owned()),
            None => (None, name.as_str().to_owned()),
        }
    }

    fn from_purl(&self, namespace: Option<&str>, name: &str) -> Result<PackageName, InvalidName> {
        match namespace {
            Some(namespace) => self.parse(&format!("{namespace}/{name}")),
            None => self.parse(name),
        }
    }
}

fn check(path: &str) -> Result<(), String> {
    if path.len() > MAX_PATH {
        return Err(format!("it is longer than {MAX_PATH} characters"));
    }
    let first = path.split('/').next().unwrap_or_default();
    if !first.contains('.') {
        return Err(String::from("its first element has no dot, as a host name has"));
    }
    if first.starts_with('-') {
        return Err(String::from("it begins with `-`"));
    }
    let host = |c: &char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '.');
    if let Some(c) = first.chars().find(|c| !host(c)) {
        return Err(format!(
            "its first element has the character `{}`; host names use lower-case letters, digits, `-` and `.`",
            c.escape_debug()
        ));
    }
    path.split('/').try_for_each(element)?;
    match split_major(path) {
        Some(_) => Ok(()),
        None => Err(String::from("its end is no major version; expected `/v2` and above, or `.v1` at gopkg.in")),
    }
}

fn element(element: &str) -> Result<(), String> {
    if element.is_empty() {
        return Err(String::from("it has an empty element"));
    }
    let allowed = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_' | '~');
    if let Some(c) = element.chars().find(|c| !allowed(c)) {
        return Err(format!(
            "it has the character `{}`; module paths use letters, digits, `-`, `.`, `_` and `~`",
            c.escape_debug()
        ));
    }
    if element.starts_with('.') || element.ends_with('.') {
        return Err(format!("its element `{element}` begins or ends with a dot"));
    }
    let short = element.split('.').next().unwrap_or_default().to_ascii_lowercase();
    let port = short.strip_prefix("com").or_else(|| short.strip_prefix("lpt"));
    let is_port = port.is_some_and(|number| number.len() == 1 && matches!(number.as_bytes(), [b'1'..=b'9']));
    if DEVICES.contains(&short.as_str()) || is_port {
        return Err(format!("its element `{element}` is a device on Windows"));
    }
    let digits = short.rsplit_once('~').map(|(_, digits)| digits);
    if digits.is_some_and(|digits| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())) {
        return Err(format!("its element `{element}` ends like a short name of Windows"));
    }
    Ok(())
}

/// The major version that a path ends in: `v2` for `example.com/m/v2`, `v1` for `gopkg.in/yaml.v1`, empty where it ends in
/// none. `None` if the end is like one and is none.
pub fn split_major(path: &str) -> Option<&str> {
    let bare = match path.strip_prefix("gopkg.in/") {
        Some(_) => {
            let bare = path.strip_suffix("-unstable").unwrap_or(path);
            let (_, major) = bare.rsplit_once(".v")?;
            let start = bare.len() - major.len() - 1;
            let fine = is_number(major) && (major == "0" || !major.starts_with('0'));
            return if fine { bare.get(start..) } else { None };
        }
        None => path,
    };
    let (before, end) = bare.rsplit_once('/').unwrap_or(("", bare));
    let Some(number) = end.strip_prefix('v').filter(|_| !before.is_empty()) else { return Some("") };
    if number.is_empty() || !number.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
        return Some("");
    }
    // `/v1`, `/v0`, `/v02` and `/v2.1` are reserved.
    (is_number(number) && !number.starts_with('0') && number != "1").then_some(end)
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// A path or version as it stands in addresses: `github.com/!burnt!sushi/toml`.
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 4);
    for c in text.chars() {
        if c.is_ascii_uppercase() {
            out.push('!');
        }
        out.push(c.to_ascii_lowercase());
    }
    out
}

/// What an address says. `None` if it is not how [`escape`] writes it: one thing has one address.
pub fn unescape(text: &str) -> Option<String> {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '!' => out.push(chars.next().filter(char::is_ascii_lowercase)?.to_ascii_uppercase()),
            c if c.is_ascii_uppercase() => return None,
            c => out.push(c),
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_what_the_go_command_downloads() {
        for path in [
            "golang.org/x/mod",
            "github.com/BurntSushi/toml",
            "rsc.io/quote/v3",
            "gopkg.in/yaml.v2",
            "gopkg.in/yaml.v0",
            "gopkg.in/check.v1-unstable",
            "example.com",
            "example.com/a~b/c_d-e.f",
            "example.com/v2x",
            "example.com/a~1b",
        ] {
            let name = Paths.parse(path).unwrap();
            assert_eq!(name.as_str(), path);
            let (namespace, last) = Paths.to_purl(&name);
            assert_eq!(Paths.from_purl(namespace.as_deref(), &last), Ok(name));
        }
    }

    #[test]
    fn what_cannot_be_a_path_is_refused() {
        let long = format!("example.com/{}", "a".repeat(MAX_PATH - 11));
        for path in [
            "",
            "fmt",
            "stdlib",
            "example/x",
            "-example.com/x",
            "Example.com/x",
            "example.com//x",
            "example.com/x/",
            "/example.com",
            "example.com/../x",
            "example.com/.git",
            "example.com/x.",
            "example.com/a b",
            "example.com/a!b",
            "example.com/é",
            "example.com/a%2fb",
            "example.com/x\0",
            "example.com/x@v1",
            "example.com/con",
            "example.com/aux.go",
            "example.com/COM1",
            "example.com/a~1",
            "example.com/x/v1",
            "example.com/x/v0",
            "example.com/x/v02",
            "example.com/x/v2.1",
            "gopkg.in/yaml",
            "gopkg.in/yaml.v",
            "gopkg.in/yaml.v01",
            &long,
        ] {
            assert!(Paths.parse(path).is_err(), "{path:?}");
        }
        assert!(Paths.parse(&long[..MAX_PATH]).is_ok());
        assert_eq!(
            Paths.parse("stdlib").unwrap_err().to_string(),
            "`stdlib` is not a Go package name: its first element has no dot, as a host name has"
        );
    }

    #[test]
    fn one_path_has_one_address() {
        for (path, address) in [
            ("github.com/BurntSushi/toml", "github.com/!burnt!sushi/toml"),
            ("github.com/Azure/azure-sdk-for-go", "github.com/!azure/azure-sdk-for-go"),
            ("golang.org/x/mod", "golang.org/x/mod"),
        ] {
            assert_eq!(escape(path), address);
            assert_eq!(unescape(address).as_deref(), Some(path));
        }
        for address in ["github.com/BurntSushi", "a!", "a!B", "a!!b", "a!1", "!"] {
            assert_eq!(unescape(address), None, "{address}");
        }
    }

    #[test]
    fn the_major_version_is_at_the_end_of_the_path() {
        for (path, major) in [
            ("example.com/m", Some("")),
            ("example.com/m/v2", Some("v2")),
            ("example.com/m/v10", Some("v10")),
            ("example.com/v", Some("")),
            ("v2", Some("")),
            ("gopkg.in/yaml.v3", Some("v3")),
            ("gopkg.in/check.v1-unstable", Some("v1")),
            ("example.com/m/v1", None),
        ] {
            assert_eq!(split_major(path), major, "{path}");
        }
    }
}
