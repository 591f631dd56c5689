//! `go.mod` files, as far as they tell something of a module: its path, whether it is deprecated, what it retracts.
//!
//! Specification: the Go modules reference, "go.mod files". A line that cannot be read tells nothing; the go command is the
//! one that refuses it.

use crate::version::{Semver, Version};
use weir_core::ecosystem::Versions as _;

/// Most retractions of one file.
pub const MAX_RETRACTIONS: usize = 1_000;
/// Longest text of a comment that is kept, in characters.
const MAX_TEXT: usize = 300;

/// What a `go.mod` file says.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Modfile {
    /// The module's path.
    pub module: Option<String>,
    /// Why the module is deprecated.
    pub deprecated: Option<String>,
    /// The module's dependencies, `path version`, in order.
    pub requires: Vec<(String, String)>,
    /// Retracted versions: the lowest, the highest, and why.
    retracts: Vec<(Version, Version, String)>,
}

impl Modfile {
    /// Reads a file.
    pub fn parse(text: &str) -> Self {
        let mut file = Self::default();
        let mut block: Option<(String, String)> = None;
        // The comment lines right above a directive belong to it.
        let mut above = String::new();
        for line in text.lines() {
            let (code, comment) = match line.split_once("//") {
                Some((code, comment)) => (code.trim(), comment.trim()),
                None => (line.trim(), ""),
            };
            if code.is_empty() {
                match comment.is_empty() && !line.contains("//") {
                    true => above.clear(),
                    false => join(&mut above, comment),
                }
                continue;
            }
            let said = match (comment.is_empty(), above.is_empty()) {
                (false, _) => comment.to_owned(),
                (true, false) => above.clone(),
                (true, true) => block.as_ref().map(|(_, comment)| comment.clone()).unwrap_or_default(),
            };
            let heading = std::mem::take(&mut above);
            if code == ")" {
                block = None;
            } else if let Some((verb, _)) = &block {
                file.directive(&verb.clone(), code, &said);
            } else if let Some(verb) = code.strip_suffix('(') {
                block = Some((verb.trim().to_owned(), heading));
            } else if let Some((verb, rest)) = code.split_once(char::is_whitespace) {
                file.directive(verb, rest.trim(), &said);
            }
        }
        file
    }

    /// Why a version is retracted, if it is; the reason may be empty.
    pub fn retracts(&self, version: &str) -> Option<&str> {
        let version = Version::parse(version).ok()?;
        let mut retracts = self.retracts.iter();
        retracts.find(|(low, high, _)| *low <= version && version <= *high).map(|(_, _, why)| why.as_str())
    }

    fn directive(&mut self, verb: &str, rest: &str, comment: &str) {
        match verb {
            "module" => {
                self.module = Some(unquoted(rest).to_owned());
                let deprecated = comment.split_once("Deprecated:").filter(|(before, _)| before.trim().is_empty());
                self.deprecated = deprecated.map(|(_, why)| clip(why.trim()));
            }
            "require" => {
                if let Some((path, version)) = rest.split_once(char::is_whitespace) {
                    self.requires.push((unquoted(path).to_owned(), version.trim().to_owned()));
                }
            }
            "retract" if self.retracts.len() < MAX_RETRACTIONS => {
                let bounds = rest.trim_start_matches('[').trim_end_matches(']');
                let (low, high) = bounds.split_once(',').unwrap_or((bounds, bounds));
                let read = |text: &str| Version::parse(unquoted(text.trim())).ok();
                if let (Some(low), Some(high)) = (read(low), read(high)) {
                    self.retracts.push((low, high, clip(comment)));
                }
            }
            _ => {}
        }
    }
}

/// The newest of some versions, as the go command takes it for the one whose `go.mod` speaks for the module: the highest
/// release, else the highest pre-release, else the highest pseudo-version.
pub fn newest<'a>(versions: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let rank = |version: &str| {
        let read = Version::parse(version).ok()?;
        let kind = match (read.is_pseudo(), Semver.is_prerelease(version)) {
            (true, _) => 0,
            (false, true) => 1,
            (false, false) => 2,
        };
        Some((kind, read.key()))
    };
    versions.filter_map(|version| Some((rank(version)?, version))).max().map(|(_, version)| version)
}

fn unquoted(text: &str) -> &str {
    text.trim_matches(['"', '`'])
}

fn join(text: &mut String, line: &str) {
    if !text.is_empty() {
        text.push(' ');
    }
    text.push_str(line);
}

fn clip(text: &str) -> String {
    text.chars().take(MAX_TEXT).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = r#"
// Deprecated: use example.com/m/v2 instead.
// It has fewer surprises.
module example.com/m // not this

go 1.22

require example.com/a v1.0.0
require (
	example.com/b v1.2.3 // indirect
	"example.com/c" v0.0.0-20191109021931-daa7c04131f5
)

// Published by accident.
retract v1.9.0

retract (
	[v1.0.0, v1.0.5] // Breaks the cache.
	v1.1.0
)
"#;

    #[test]
    fn a_file_tells_what_it_requires_and_retracts() {
        let file = Modfile::parse(FILE);
        assert_eq!(file.module.as_deref(), Some("example.com/m"));
        assert_eq!(file.requires.len(), 3);
        assert_eq!(file.requires[2].0, "example.com/c");
        for (version, why) in [
            ("v1.9.0", Some("Published by accident.")),
            ("v1.0.0", Some("Breaks the cache.")),
            ("v1.0.3", Some("Breaks the cache.")),
            ("v1.0.5", Some("Breaks the cache.")),
            ("v1.1.0", Some("")),
            ("v1.0.6", None),
            ("v1.9.1", None),
        ] {
            assert_eq!(file.retracts(version), why, "{version}");
        }
    }

    #[test]
    fn a_deprecated_module_says_so_above_its_name_or_beside_it() {
        let above = "// Deprecated: use v2\nmodule example.com/m\n";
        let beside = "module example.com/m // Deprecated: use v2\n";
        let apart = "// Deprecated: use v2\n\nmodule example.com/m\n";
        assert_eq!(Modfile::parse(above).deprecated.as_deref(), Some("use v2"));
        assert_eq!(Modfile::parse(beside).deprecated.as_deref(), Some("use v2"));
        assert_eq!(Modfile::parse(apart).deprecated, None);
        assert_eq!(Modfile::parse("module x // is Deprecated: no").deprecated, None);
    }

    #[test]
    fn nothing_that_a_file_holds_is_too_much() {
        for text in ["", "(", ")", "module", "retract", "retract [", "retract [v1.0.0,", "\u{0}", "require (\nx\n"] {
            Modfile::parse(text);
        }
        let many = "retract v1.0.0\n".repeat(MAX_RETRACTIONS + 1);
        assert_eq!(Modfile::parse(&many).retracts.len(), MAX_RETRACTIONS);
    }

    #[test]
    fn the_newest_is_a_release_where_there_is_one() {
        let of = |versions: &[&'static str]| newest(versions.iter().copied());
        assert_eq!(
            of(&["v1.2.0", "v1.10.0", "v1.11.0-rc.1", "v1.12.0-0.20191109021931-daa7c04131f5"]),
            Some("v1.10.0")
        );
        assert_eq!(of(&["v1.0.0-rc.1", "v1.0.0-0.20191109021931-daa7c04131f5"]), Some("v1.0.0-rc.1"));
        assert_eq!(of(&["junk"]), None);
    }
}
