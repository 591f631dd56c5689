//! Crate names.
//!
//! Specification: cargo book, "The manifest format", `name`; "Index format", "Index files". crates.io allows ASCII
//! letters, digits, `-` and `_`, a letter first, 64 characters at most, and gives out no two names that are equal but for
//! case or `-` against `_`. One name is looked up in one way only, so `serde-json` is not `serde_json`.

use weir_core::ecosystem::{InvalidName, Names, PackageName};

/// Longest name, in characters: crates.io's own limit.
pub const MAX_NAME: usize = 64;

/// Names as crates.io has them. The normal form is lower case, which is also that of index paths.
pub struct Crates;

impl Names for Crates {
    fn parse(&self, text: &str) -> Result<PackageName, InvalidName> {
        let error = |problem: String| InvalidName {
            ecosystem: crate::ECOSYSTEM.title,
            name: text.chars().take(200).collect(),
            problem,
        };
        if text.is_empty() {
            return Err(error(String::from("it is empty")));
        }
        if text.len() > MAX_NAME {
            return Err(error(format!("it is longer than {MAX_NAME} characters")));
        }
        if let Some(c) = text.chars().find(|c| !c.is_ascii_alphanumeric() && !matches!(c, '-' | '_')) {
            return Err(error(format!(
                "it has the character `{}`; names use letters, digits, `-` and `_`",
                c.escape_debug()
            )));
        }
        if !text.starts_with(|c: char| c.is_ascii_alphabetic()) {
            return Err(error(String::from("it does not begin with a letter")));
        }
        Ok(PackageName::from_normalized(&text.to_ascii_lowercase()))
    }

    fn fold(&self, name: &PackageName) -> String {
        name.as_str().to_ascii_lowercase().replace('_', "-")
    }

    fn from_purl(&self, namespace: Option<&str>, name: &str) -> Result<PackageName, InvalidName> {
        match namespace {
            None => self.parse(name),
            Some(namespace) => Err(InvalidName {
                ecosystem: crate::ECOSYSTEM.title,
                name: format!("{namespace}/{name}").chars().take(200).collect(),
                problem: String::from("crates have no namespace"),
            }),
        }
    }
}

/// The directory of a crate's index file: `1`, `2`, `3/s`, `se/rd`. Keeps the name's case, as the marker `{prefix}` asks.
pub fn prefix(name: &str) -> String {
    // Names are ASCII, so that bytes are characters; others give no panic but no sensible directory either.
    let part = |range: std::ops::Range<usize>| name.get(range).unwrap_or_default();
    match name.len() {
        0 | 1 => String::from("1"),
        2 => String::from("2"),
        3 => format!("3/{}", part(0..1)),
        _ => format!("{}/{}", part(0..2), part(2..4)),
    }
}

/// The path of a crate's index file: `se/rd/serde`.
pub fn index_path(package: &PackageName) -> String {
    let name = package.as_str().to_ascii_lowercase();
    format!("{}/{name}", prefix(&name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_keep_their_separators_and_lose_their_case() {
        for (text, normal, folded) in [
            ("serde", "serde", "serde"),
            ("Inflector", "inflector", "inflector"),
            ("serde_json", "serde_json", "serde-json"),
            ("a", "a", "a"),
            ("windows-sys", "windows-sys", "windows-sys"),
        ] {
            let name = Crates.parse(text).unwrap();
            assert_eq!((name.as_str(), Crates.fold(&name).as_str()), (normal, folded));
            assert_eq!(Crates.parse(name.as_str()), Ok(name));
        }
    }

    #[test]
    fn what_cannot_be_a_name_is_refused() {
        let long = "a".repeat(65);
        for text in ["", "1password", "-a", "_a", "a.b", "a/b", "..", "a b", "é", "a\0", "a%2f", &long] {
            assert!(Crates.parse(text).is_err(), "{text:?}");
        }
        assert_eq!(
            Crates.parse("a!b").unwrap_err().to_string(),
            "`a!b` is not a crates.io package name: it has the character `!`; names use letters, digits, `-` and `_`"
        );
        assert!(Crates.parse(&"a".repeat(64)).is_ok());
        assert!(Crates.from_purl(Some("x"), "serde").is_err());
    }

    #[test]
    fn the_index_path_follows_the_length_of_the_name() {
        for (name, path) in [("a", "1/a"), ("ab", "2/ab"), ("abc", "3/a/abc"), ("Cargo", "ca/rg/cargo")] {
            assert_eq!(index_path(&Crates.parse(name).unwrap()), path);
        }
        assert_eq!(prefix("Cargo"), "Ca/rg");
    }
}
