//! Package names: the names specification (PEP 503, PEP 508).
//!
//! `Zope.Interface`, `zope_interface` and `zope--interface` are one package, `zope-interface`.

use weir_core::ecosystem::Names;
use weir_core::{InvalidName, PackageName};

/// Longest name that is read, in characters. PyPI's own limit is lower; nothing real comes near.
pub const MAX_LENGTH: usize = 200;

/// How PyPI reads names.
#[derive(Clone, Copy, Debug)]
pub struct PypiNames;

impl Names for PypiNames {
    fn parse(&self, text: &str) -> Result<PackageName, InvalidName> {
        match problem(text) {
            None => Ok(PackageName::from_normalized(&normalized(text))),
            Some(problem) => Err(invalid(text, problem)),
        }
    }

    fn from_purl(&self, namespace: Option<&str>, name: &str) -> Result<PackageName, InvalidName> {
        match namespace {
            None => self.parse(name),
            Some(namespace) => {
                let problem = String::from("package URLs of the type pypi have no namespace");
                Err(invalid(&format!("{namespace}/{name}"), problem))
            }
        }
    }
}

/// What keeps `text` from being a name.
fn problem(text: &str) -> Option<String> {
    if text.is_empty() {
        return Some(String::from("it is empty"));
    }
    if let Some(wrong) = text.chars().find(|c| !is_name_character(*c)) {
        return Some(format!(
            "invalid character `{}`: names use letters, digits, `-`, `_`, `.`",
            wrong.escape_default()
        ));
    }
    if text.len() > MAX_LENGTH {
        return Some(format!("it is longer than {MAX_LENGTH} characters"));
    }
    let letter_or_digit = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
    if !letter_or_digit(text.as_bytes().first()) || !letter_or_digit(text.as_bytes().last()) {
        return Some(String::from("names begin and end with a letter or digit"));
    }
    None
}

fn is_name_character(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.')
}

fn invalid(name: &str, problem: String) -> InvalidName {
    InvalidName { ecosystem: "PyPI", name: name.chars().take(200).collect(), problem }
}

/// Runs of `-`, `_` and `.` become one `-`, letters become lower case. For names and for what file names carry of them.
pub(crate) fn normalized(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut in_run = false;
    for c in text.chars() {
        let separator = matches!(c, '-' | '_' | '.');
        if !separator {
            out.push(c.to_ascii_lowercase());
        } else if !in_run {
            out.push('-');
        }
        in_run = separator;
    }
    out
}

/// True if `text`, once normalised, is `package`. Allocates nothing: it is asked of every `-` of every file name.
pub(crate) fn names_package(text: &str, package: &PackageName) -> bool {
    let mut expected = package.as_str().bytes();
    let mut in_run = false;
    for byte in text.bytes() {
        let separator = matches!(byte, b'-' | b'_' | b'.');
        if separator && in_run {
            continue;
        }
        in_run = separator;
        let normal = if separator { b'-' } else { byte.to_ascii_lowercase() };
        if expected.next() != Some(normal) {
            return false;
        }
    }
    expected.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_a_name_is_one_package() {
        for text in ["zope-interface", "Zope.Interface", "zope_interface", "ZOPE-_.interface"] {
            let name = PypiNames.parse(text).unwrap();
            assert_eq!(name.as_str(), "zope-interface");
            assert!(names_package(text, &name));
        }
        assert!(!names_package("zope", &PypiNames.parse("zope.interface").unwrap()));
        assert!(!names_package("zope-interface-x", &PypiNames.parse("zope.interface").unwrap()));
    }

    #[test]
    fn what_could_not_be_a_name_is_refused() {
        for text in ["", "-a", "a-", ".", "..", "a/b", "a\\b", "a b", "a%2fb", "ä", "a\n", "a\0", "K\u{212a}"] {
            assert!(PypiNames.parse(text).is_err(), "{text:?}");
        }
        assert!(PypiNames.parse(&"a".repeat(MAX_LENGTH)).is_ok());
        assert!(PypiNames.parse(&"a".repeat(MAX_LENGTH + 1)).is_err());
        assert_eq!(
            PypiNames.parse("foo!").unwrap_err().to_string(),
            "`foo!` is not a PyPI package name: invalid character `!`: names use letters, digits, `-`, `_`, `.`"
        );
    }

    #[test]
    fn a_package_url_has_no_namespace() {
        assert!(PypiNames.from_purl(Some("acme"), "x").is_err());
        assert_eq!(PypiNames.from_purl(None, "Django").unwrap().as_str(), "django");
    }
}
