//! Package URLs: `pkg:type/namespace/name@version?qualifiers#subpath` (ECMA-427, package-url/purl-spec).

use std::collections::BTreeMap;
use std::fmt;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use crate::ecosystem::{Ecosystem, Ecosystems, InvalidName, PackageName};

pub mod types;

/// A package URL, split into its parts and percent-decoded. Type rules are those of the ecosystem: [`Purl::package`].
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Purl {
    /// Lower case: `pypi`.
    pub ty: String,
    /// Segments joined by `/`; `None` where there is none.
    pub namespace: Option<String>,
    /// As written.
    pub name: String,
    /// As written.
    pub version: Option<String>,
    /// Keys in lower case.
    pub qualifiers: BTreeMap<String, String>,
    /// Without leading or trailing slashes.
    pub subpath: Option<String>,
}

/// Longest purl that is read, in bytes.
pub const MAX_LENGTH: usize = 4096;

/// A text that is not a package URL.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum InvalidPurl {
    /// Syntax.
    #[error("`{0}` is not a package URL: {1}; expected pkg:type/name@version")]
    Syntax(String, &'static str),
    /// A type that this Weir has no ecosystem for.
    #[error("`{0}` has the type `{1}`; known types are {2}")]
    UnknownType(String, String, String),
    /// A name that its ecosystem refuses.
    #[error(transparent)]
    Name(#[from] InvalidName),
}

impl Purl {
    /// The purl of a package, with or without a version.
    pub fn new(ecosystem: &Ecosystem, package: &PackageName, version: Option<&str>) -> Self {
        let (namespace, name) = ecosystem.names.to_purl(package);
        Self {
            ty: ecosystem.purl_type.to_owned(),
            namespace,
            name,
            version: version.map(str::to_owned),
            qualifiers: ecosystem
                .names
                .qualifiers(package)
                .into_iter()
                .map(|(key, value)| (key.to_owned(), value))
                .collect(),
            subpath: None,
        }
    }

    /// Splits a text. Does not know any type's rules.
    pub fn parse(text: &str) -> Result<Self, InvalidPurl> {
        let error = |problem| InvalidPurl::Syntax(text.chars().take(200).collect(), problem);
        if text.len() > MAX_LENGTH {
            return Err(error("it is longer than 4096 bytes"));
        }
        let rest = match text.get(..4) {
            Some(scheme) if scheme.eq_ignore_ascii_case("pkg:") => text[4..].trim_start_matches('/'),
            _ => return Err(error("it does not begin with `pkg:`")),
        };
        let (rest, subpath) = match rest.rsplit_once('#') {
            Some((rest, subpath)) => (rest, Some(subpath)),
            None => (rest, None),
        };
        let (rest, qualifiers) = match rest.rsplit_once('?') {
            Some((rest, qualifiers)) => (rest, Some(qualifiers)),
            None => (rest, None),
        };
        let (ty, rest) = rest.split_once('/').ok_or_else(|| error("it has no name"))?;
        let ty = ty.to_ascii_lowercase();
        if !is_type(&ty) {
            return Err(error("its type has a character that types cannot have"));
        }
        let rest = rest.trim_matches('/');
        // An npm scope may be written plainly (`@scope/name`), so an `@` marks a version only after the last slash.
        let name_at = rest.rfind('/').map_or(0, |slash| slash + 1);
        let (path, version) = match rest[name_at..].rfind('@') {
            Some(at) => (&rest[..name_at + at], Some(&rest[name_at + at + 1..])),
            None => match rest.rsplit_once('@') {
                // A version may itself contain a slash (percent-encoded it may not need to).
                Some((path, version)) if name_at > path.len() && !path.is_empty() => (path, Some(version)),
                _ => (rest, None),
            },
        };
        let decode = |part: &str| {
            percent_decode_str(part).decode_utf8().map(|text| text.into_owned()).map_err(|_| error("it is not UTF-8"))
        };
        let mut segments =
            path.split('/').filter(|segment| !segment.is_empty()).map(decode).collect::<Result<Vec<_>, _>>()?;
        let name = segments.pop().filter(|name| !name.is_empty()).ok_or_else(|| error("it has no name"))?;
        let mut pairs = BTreeMap::new();
        for pair in qualifiers.unwrap_or_default().split('&').filter(|pair| !pair.is_empty()) {
            let (key, value) = pair.split_once('=').ok_or_else(|| error("a qualifier has no `=`"))?;
            if !value.is_empty() {
                pairs.insert(key.to_ascii_lowercase(), decode(value)?);
            }
        }
        // An encoded slash parts segments too, as some tools write it, so there may be empty ones only now.
        let parted = |text: &str, is_segment: fn(&&str) -> bool| {
            let segments: Vec<_> = text.split('/').filter(is_segment).collect();
            (!segments.is_empty()).then(|| segments.join("/"))
        };
        let subpath = subpath.map(decode).transpose()?;
        Ok(Self {
            ty,
            namespace: parted(&segments.join("/"), |segment| !segment.is_empty()),
            name,
            version: version.filter(|version| !version.is_empty()).map(decode).transpose()?,
            qualifiers: pairs,
            // A subpath stays below: `.` and `..` say nothing there.
            subpath: subpath.and_then(|subpath| parted(&subpath, |segment| !matches!(*segment, "" | "." | ".."))),
        })
    }

    /// The spelling in which purls that name the same are equal, by the rules of its type; what its type does not allow is
    /// an error. A type that is not registered has no rules.
    pub fn canonical(mut self, ecosystems: Ecosystems) -> Result<Self, InvalidPurl> {
        let problem = |purl: &Self, problem| InvalidPurl::Syntax(purl.to_string().chars().take(200).collect(), problem);
        if !is_type(&self.ty) {
            return Err(problem(&self, "its type has a character that types cannot have"));
        }
        if self.name.is_empty() {
            return Err(problem(&self, "it has no name"));
        }
        let is_key = |key: &String| {
            key.starts_with(|c: char| c.is_ascii_lowercase())
                && key.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-_".contains(&byte))
        };
        if !self.qualifiers.keys().all(is_key) {
            return Err(problem(&self, "a qualifier's key has a character that keys cannot have"));
        }
        types::apply(&mut self, ecosystems).map_err(|why| problem(&self, why))?;
        Ok(self)
    }

    /// The ecosystem and normalised name that this purl stands for.
    pub fn package(&self, ecosystems: Ecosystems) -> Result<(&'static Ecosystem, PackageName), InvalidPurl> {
        let ecosystem = ecosystems.by_purl_type(&self.ty).ok_or_else(|| {
            let known = ecosystems.iter().map(|ecosystem| ecosystem.purl_type).collect::<Vec<_>>().join(", ");
            InvalidPurl::UnknownType(self.to_string(), self.ty.clone(), known)
        })?;
        let name = ecosystem.names.from_purl(self.namespace.as_deref(), &self.name)?;
        Ok((ecosystem, ecosystem.names.qualified(name, &self.qualifiers)?))
    }
}

fn is_type(ty: &str) -> bool {
    ty.starts_with(|c: char| c.is_ascii_alphabetic())
        && ty.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '+'))
}

/// What stands unencoded in a purl component: unreserved characters and the colon.
const COMPONENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b':');
const SUBPATH: &AsciiSet = &COMPONENT.remove(b'/');

impl fmt::Display for Purl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "pkg:{}/", self.ty)?;
        for segment in self.namespace.iter().flat_map(|namespace| namespace.split('/')) {
            write!(f, "{}/", utf8_percent_encode(segment, COMPONENT))?;
        }
        // Only git's names are paths.
        let name = if self.ty == "git" { SUBPATH } else { COMPONENT };
        write!(f, "{}", utf8_percent_encode(&self.name, name))?;
        if let Some(version) = &self.version {
            write!(f, "@{}", utf8_percent_encode(version, COMPONENT))?;
        }
        for (index, (key, value)) in self.qualifiers.iter().enumerate() {
            let mark = if index == 0 { '?' } else { '&' };
            write!(f, "{mark}{key}={}", utf8_percent_encode(value, COMPONENT))?;
        }
        if let Some(subpath) = &self.subpath {
            write!(f, "#{}", utf8_percent_encode(subpath, SUBPATH))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_purl_is_split_and_written_back() {
        for (text, canonical) in [
            ("pkg:pypi/django@3.2", "pkg:pypi/django@3.2"),
            ("PKG://npm/@acme/x@1.0.0", "pkg:npm/%40acme/x@1.0.0"),
            ("pkg:npm/%40acme/x@1.0.0", "pkg:npm/%40acme/x@1.0.0"),
            ("pkg:npm/%40acme/x", "pkg:npm/%40acme/x"),
            ("pkg:npm/@acme/x", "pkg:npm/%40acme/x"),
            ("pkg:golang/github.com%2Fgorilla/mux@v1.8.0", "pkg:golang/github.com/gorilla/mux@v1.8.0"),
            ("pkg:golang/%2fexample.com/x#%2fcmd//y/", "pkg:golang/example.com/x#cmd/y"),
            ("pkg:cargo/serde@1.0.0+build.1", "pkg:cargo/serde@1.0.0%2Bbuild.1"),
            (
                "pkg:deb/debian/curl@7.50.3-1?arch=i386&distro=jessie",
                "pkg:deb/debian/curl@7.50.3-1?arch=i386&distro=jessie",
            ),
        ] {
            assert_eq!(Purl::parse(text).unwrap().to_string(), canonical);
        }
    }

    #[test]
    fn what_is_not_a_purl_is_refused_with_its_text() {
        for text in ["", "django", "pkg:pypi", "pkg:/x", "pkg:pypi/", "pkg:9x/y"] {
            assert!(Purl::parse(text).is_err(), "{text}");
        }
    }
}
