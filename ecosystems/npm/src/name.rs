//! Package names: `left-pad`, `@babel/core`.
//!
//! The rules are those of npm's own `validate-npm-package-name` for *old* packages, because the registry still serves
//! them: upper case and `~'!()*` may occur. A leading hyphen is accepted as well: such packages exist (`-` itself).

use weir_core::ecosystem::Names;
use weir_core::{InvalidName, PackageName};

use crate::{TITLE, excerpt};

/// Longest name, scope included, in characters.
pub const MAX_LENGTH: usize = 214;

/// Names that would collide with paths: npm refuses them too.
const RESERVED: [&str; 2] = ["node_modules", "favicon.ico"];

/// Reads and writes npm names.
#[derive(Debug)]
pub struct Npm;

impl Names for Npm {
    /// The registry compares names as they are, so the normal form keeps its case.
    fn parse(&self, text: &str) -> Result<PackageName, InvalidName> {
        match problem(text) {
            None => Ok(PackageName::from_normalized(text)),
            Some(problem) => Err(invalid(text, problem)),
        }
    }

    fn fold(&self, name: &PackageName) -> String {
        name.as_str().to_ascii_lowercase()
    }

    fn to_purl(&self, name: &PackageName) -> (Option<String>, String) {
        match split(name.as_str()) {
            (Some(scope), base) => (Some(scope.to_owned()), base.to_owned()),
            (None, base) => (None, base.to_owned()),
        }
    }

    fn from_purl(&self, namespace: Option<&str>, name: &str) -> Result<PackageName, InvalidName> {
        match namespace {
            None if name.starts_with('@') => {
                Err(invalid(name, "a scope belongs into the namespace, as in pkg:npm/%40scope/name"))
            }
            None => self.parse(name),
            Some(scope) if scope.starts_with('@') && !scope.contains('/') => self.parse(&format!("{scope}/{name}")),
            Some(scope) => {
                Err(invalid(&format!("{scope}/{name}"), "its namespace is no scope, which is `@` and one segment"))
            }
        }
    }
}

/// Splits a valid name into its scope, with `@`, and the rest.
pub(crate) fn split(name: &str) -> (Option<&str>, &str) {
    match name.split_once('/') {
        Some((scope, base)) => (Some(scope), base),
        None => (None, name),
    }
}

fn invalid(name: &str, problem: impl Into<String>) -> InvalidName {
    InvalidName { ecosystem: TITLE, name: excerpt(name), problem: problem.into() }
}

fn problem(text: &str) -> Option<String> {
    if text.is_empty() {
        return Some(String::from("it is empty"));
    }
    if text.len() > MAX_LENGTH {
        return Some(format!("it is longer than {MAX_LENGTH} characters"));
    }
    if RESERVED.iter().any(|reserved| text.eq_ignore_ascii_case(reserved)) {
        return Some(String::from("npm reserves it"));
    }
    let base = match text.strip_prefix('@') {
        None => {
            if text.starts_with('_') {
                return Some(String::from("names do not begin with `_`"));
            }
            text
        }
        Some(scoped) => match scoped.split_once('/') {
            None => return Some(String::from("a scope is followed by `/` and a name, as in `@scope/name`")),
            Some((scope, base)) => {
                if let Some(problem) = segment(scope) {
                    return Some(format!("in its scope, {problem}"));
                }
                base
            }
        },
    };
    segment(base)
}

fn segment(text: &str) -> Option<String> {
    if text.is_empty() {
        return Some(String::from("there is nothing beside the `/`"));
    }
    if text.starts_with('.') {
        return Some(String::from("names do not begin with `.`"));
    }
    let odd = text.chars().find(|&c| !(c.is_ascii_alphanumeric() || "-._~!'()*".contains(c)))?;
    Some(format!("`{}` cannot occur; names use letters, digits, `-`, `.`, `_`, `~`", odd.escape_debug()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_the_registry_are_read_as_they_are() {
        for name in ["left-pad", "@babel/core", "jQuery", "-", "--hiljson", "@_nu/_x", "a.b_c~d", "@a/-", "2"] {
            assert_eq!(Npm.parse(name).unwrap().as_str(), name);
        }
        let longest = "x".repeat(MAX_LENGTH);
        assert!(Npm.parse(&longest).is_ok());
        assert!(Npm.parse(&format!("{longest}x")).is_err());
    }

    #[test]
    fn what_could_lead_elsewhere_is_refused() {
        for name in [
            "",
            ".",
            "..",
            ".x",
            "_x",
            "@",
            "@/",
            "@a",
            "@a/",
            "@/a",
            "@a/b/c",
            "a/b",
            "@../x",
            "@a/..",
            "a b",
            " a",
            "a%2f",
            "a\\b",
            "a\0",
            "a?b",
            "a#b",
            "a@b",
            "@a@b/c",
            "flatmap-stream@",
            "é",
            "node_modules",
            "Favicon.ico",
        ] {
            assert!(Npm.parse(name).is_err(), "{name}");
        }
        assert_eq!(
            Npm.parse("foo;").unwrap_err().to_string(),
            "`foo;` is not a npm package name: `;` cannot occur; names use letters, digits, `-`, `.`, `_`, `~`"
        );
    }

    #[test]
    fn a_scope_is_the_namespace_of_the_purl() {
        let name = Npm.parse("@babel/core").unwrap();
        assert_eq!(Npm.to_purl(&name), (Some(String::from("@babel")), String::from("core")));
        assert_eq!(Npm.from_purl(Some("@babel"), "core"), Ok(name));
        assert!(Npm.from_purl(Some("babel"), "core").is_err());
        assert!(Npm.from_purl(Some("@a/b"), "core").is_err());
        assert!(Npm.from_purl(None, "@babel/core").is_err());
        assert_eq!(Npm.fold(&Npm.parse("@A/jQuery").unwrap()), "@a/jquery");
    }
}
