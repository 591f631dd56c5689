//! Which packages and versions are meant: `pkg:npm/left-*`, `pkg:pypi/django@<4.2.30`.

use std::fmt;
use std::sync::Arc;

use percent_encoding::percent_decode_str;
use weir_core::ecosystem::{PackageName, VersionRange};
use weir_core::{Ecosystem, Ecosystems};

/// Longest pattern, in bytes.
pub const MAX_PATTERN: usize = 512;
/// Most `*` in one pattern.
pub const MAX_STARS: usize = 8;

/// What a `*` is while its ecosystem normalises the name around it: letters that no normalisation touches.
const STAR: &str = "zqstarqz";

/// A name with `*` for any run of characters, compared in the ecosystem's folded form.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Glob {
    pieces: Vec<String>,
}

impl Glob {
    /// Reads a glob that is already folded.
    pub fn new(folded: &str) -> Self {
        Self { pieces: folded.split('*').map(str::to_owned).collect() }
    }

    /// Brings `text` into the folded form of `ecosystem`, stars and all. `Err` with the reason.
    pub fn fold(text: &str, ecosystem: &Ecosystem) -> Result<Self, String> {
        fold(text, |name| ecosystem.names.parse(name).map_err(|error| error.problem), ecosystem)
    }

    /// True if a package's folded name matches, or a shorter form by which people also mean it.
    pub fn means(&self, ecosystem: &Ecosystem, folded: &str) -> bool {
        self.matches(folded) || ecosystem.names.shorter(folded).iter().any(|shorter| self.matches(shorter))
    }

    /// True if `folded` matches. Linear in practice: each piece is looked for once, from left to right.
    pub fn matches(&self, folded: &str) -> bool {
        let Some((first, rest)) = self.pieces.split_first() else { return false };
        let Some((last, middle)) = rest.split_last() else { return folded == first };
        let Some(mut left) = folded.strip_prefix(first.as_str()) else { return false };
        for piece in middle {
            match left.find(piece.as_str()) {
                Some(at) => left = &left[at + piece.len()..],
                None => return false,
            }
        }
        left.len() >= last.len() && left.ends_with(last.as_str())
    }
}

fn fold(
    text: &str,
    parse: impl Fn(&str) -> Result<PackageName, String>,
    ecosystem: &Ecosystem,
) -> Result<Glob, String> {
    if text.len() > MAX_PATTERN || text.matches('*').count() > MAX_STARS {
        return Err(format!("it is longer than {MAX_PATTERN} bytes or has more than {MAX_STARS} `*`"));
    }
    if text.contains(STAR) {
        return Err(format!("it contains `{STAR}`, which stands for `*` inside Weir"));
    }
    let mut single = text.to_owned();
    while single.contains("**") {
        single = single.replace("**", "*");
    }
    let name = parse(&single.replace('*', STAR))?;
    Ok(Glob::new(&ecosystem.names.fold(&name).replace(STAR, "*")))
}

/// Which versions.
#[derive(Clone, Debug)]
enum Versions {
    Any,
    Exactly(String),
    Within(Arc<dyn VersionRange>),
}

/// Packages, and versions of them.
#[derive(Clone, Debug)]
pub struct Pattern {
    text: String,
    ecosystem: &'static Ecosystem,
    name: Glob,
    versions: Versions,
}

/// Why a text is not a pattern.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct InvalidPattern {
    /// What is wrong.
    pub message: String,
    /// The way out.
    pub help: String,
}

impl Pattern {
    /// Reads `pkg:TYPE/NAME`, optionally with `*` in the name, and `@` with a version or a range in the ecosystem's own
    /// notation.
    pub fn parse(text: &str, ecosystems: Ecosystems) -> Result<Self, InvalidPattern> {
        let shown = crate::reason::quote(text);
        let invalid = |problem: String, help: String| InvalidPattern {
            message: format!("`{shown}` is not a package pattern: {problem}"),
            help,
        };
        let form = || String::from("write `pkg:pypi/django@<4.2.30`, `pkg:npm/@acme/*` or `pkg:cargo/smallvec@1.6.0`");
        let text = text.trim();
        let rest = match text.get(..4) {
            Some(scheme) if scheme.eq_ignore_ascii_case("pkg:") => text[4..].trim_start_matches('/'),
            _ => return Err(invalid(String::from("it does not begin with `pkg:`"), form())),
        };
        let Some((ty, rest)) = rest.split_once('/') else {
            return Err(invalid(String::from("it has no name"), form()));
        };
        let Some(ecosystem) = ecosystems.by_purl_type(&ty.to_ascii_lowercase()) else {
            let known = ecosystems.iter().map(|ecosystem| ecosystem.purl_type).collect::<Vec<_>>().join(", ");
            return Err(invalid(
                format!("its type `{}` is unknown", crate::reason::quote(ty)),
                format!("known types: {known}"),
            ));
        };
        // An npm scope begins with `@`, so the version's `@` is the first one that does not begin a segment.
        let at = rest.char_indices().find(|(at, c)| *c == '@' && *at > 0 && !rest[..*at].ends_with('/'));
        let (path, versions) = match at {
            Some((at, _)) => (&rest[..at], Some(&rest[at + 1..])),
            None => (rest, None),
        };
        let decode = |part: &str| percent_decode_str(part).decode_utf8().map(|part| part.into_owned());
        let Ok(path) = decode(path.trim_end_matches('/')) else {
            return Err(invalid(String::from("it is not UTF-8"), form()));
        };
        let from_purl = |path: &str| {
            let (namespace, name) = match path.rsplit_once('/') {
                Some((namespace, name)) => (Some(namespace), name),
                None => (None, path),
            };
            ecosystem.names.from_purl(namespace, name).map_err(|error| error.problem)
        };
        let name = fold(&path, from_purl, ecosystem).map_err(|problem| invalid(problem, form()))?;
        let versions = match versions {
            None => Versions::Any,
            Some(written) => {
                let Ok(written) = decode(written) else {
                    return Err(invalid(String::from("its version is not UTF-8"), form()));
                };
                Self::versions(written.trim(), ecosystem).map_err(|problem| {
                    let help = format!("write a version, or a range as {} itself writes it", ecosystem.title);
                    invalid(problem, help)
                })?
            }
        };
        Ok(Self { text: text.to_owned(), ecosystem, name, versions })
    }

    fn versions(written: &str, ecosystem: &Ecosystem) -> Result<Versions, String> {
        if written.is_empty() {
            return Err(String::from("there is no version after `@`"));
        }
        if written == "*" {
            return Ok(Versions::Any);
        }
        // In some ecosystems any text can be read as a version, so what begins like a range is one.
        let like_range = written.starts_with(['<', '>', '=', '!', '~', '^', '[', '(']) || written.contains([',', '|']);
        if !like_range && ecosystem.versions.sort_key(written).is_ok() {
            return Ok(Versions::Exactly(ecosystem.versions.canonical(written)));
        }
        match ecosystem.versions.range(written) {
            Ok(range) => Ok(Versions::Within(Arc::from(range))),
            Err(error) => Err(format!("`{}`: {}", crate::reason::quote(written), error.problem)),
        }
    }

    /// As written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// True if the package is meant, in some version.
    pub fn covers_package(&self, ecosystem: &Ecosystem, folded: &str) -> bool {
        self.ecosystem == ecosystem && self.name.means(ecosystem, folded)
    }

    /// True if `version` of a package that [`Pattern::covers_package`] is meant; `None` if the version cannot be read.
    pub fn covers_version(&self, version: &str) -> Option<bool> {
        match &self.versions {
            Versions::Any => Some(true),
            Versions::Exactly(canonical) => Some(self.ecosystem.versions.canonical(version) == *canonical),
            Versions::Within(range) => range.contains(version),
        }
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_any_run() {
        for (glob, text, expected) in [
            ("acme-*", "acme-x", true),
            ("acme-*", "acme-", true),
            ("acme-*", "acme", false),
            ("*", "anything", true),
            ("*-sdk", "acme-sdk", true),
            ("a*b*c", "a-b-c", true),
            ("a*b*c", "a-c-b", false),
            ("ab*ba", "aba", false),
            ("exact", "exact", true),
            ("exact", "exactly", false),
        ] {
            assert_eq!(Glob::new(glob).matches(text), expected, "{glob} {text}");
        }
    }
}
