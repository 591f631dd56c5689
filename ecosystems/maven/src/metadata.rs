//! `maven-metadata.xml`: which versions there are, and Weir's page of it.
//!
//! Specification: <https://maven.apache.org/ref/current/maven-repository-metadata/repository-metadata.html>. The page is
//! upstream's document with the refused versions cut out and `latest` and `release` set anew where they named one of them;
//! all other bytes stay.

use std::collections::HashSet;
use std::ops::Range;

use weir_core::PackageName;
use weir_core::ecosystem::Versions as _;

use crate::layout::{is_segment, is_snapshot};
use crate::name::split;
use crate::version::{Comparable, Version};
use crate::xml::Xml;

/// Most versions of one document.
pub const MAX_VERSIONS: usize = 50_000;

/// What a document says.
#[derive(Debug)]
pub struct Metadata<'a> {
    text: &'a str,
    /// The versions that can be read, each once, in the document's order.
    pub versions: Vec<String>,
    /// Where each version's element stands, with the number of the version if it is one of those.
    listed: Vec<(Range<usize>, Option<usize>)>,
    latest: Option<Named>,
    release: Option<Named>,
}

/// An element that names one version.
#[derive(Debug)]
struct Named {
    version: String,
    outer: Range<usize>,
    inner: Range<usize>,
}

impl<'a> Metadata<'a> {
    /// Reads a document, or says what is wrong with it. One without versions is of a group: it lists plugins.
    pub fn read(package: &PackageName, body: &'a [u8]) -> Result<Self, String> {
        let text =
            std::str::from_utf8(body).map_err(|error| format!("it is not UTF-8 at byte {}", error.valid_up_to()))?;
        let xml = Xml::read(text)?;
        if xml.root() != "metadata" {
            return Err(format!("its root is `{}`", xml.root().chars().take(60).collect::<String>()));
        }
        let mut out = Self { text, versions: Vec::new(), listed: Vec::new(), latest: None, release: None };
        let Some(versioning) = xml.child(0, "versioning") else { return Ok(out) };
        let (group, artifact) = split(package);
        for (name, expected) in [("groupId", group), ("artifactId", artifact)] {
            if let Some(said) = xml.text_at(0, name).filter(|said| said != expected) {
                let said: String = said.chars().take(200).collect();
                return Err(format!("it is of `{expected}`, and its {name} says `{said}`"));
            }
        }
        let named = |name: &str| {
            let number = xml.child(versioning, name)?;
            let element = xml.elements.get(number)?;
            let version = xml.text_of(number).into_owned();
            Some(Named { version, outer: element.outer.clone(), inner: element.inner.clone() })
        };
        out.latest = named("latest");
        out.release = named("release");
        let Some(list) = xml.child(versioning, "versions") else { return Ok(out) };
        let mut seen = HashSet::new();
        for (number, element) in xml.children(list).filter(|(_, element)| element.name == "version") {
            if out.listed.len() == MAX_VERSIONS {
                return Err(format!("it has more than {MAX_VERSIONS} versions"));
            }
            let version = xml.text_of(number).into_owned();
            let is_read = is_segment(&version) && Version::parse(&version).is_ok() && seen.insert(version.clone());
            out.listed.push((element.outer.clone(), is_read.then_some(out.versions.len())));
            if is_read {
                out.versions.push(version);
            }
        }
        Ok(out)
    }

    /// The document with those versions alone for which `served` says so; what could not be read goes with the refused.
    pub fn with(&self, served: impl Fn(usize) -> bool) -> Vec<u8> {
        let kept: Vec<&str> = self
            .versions
            .iter()
            .enumerate()
            .filter(|(number, _)| served(*number))
            .map(|(_, version)| version.as_str())
            .collect();
        let mut edits: Vec<(Range<usize>, &str)> = Vec::new();
        for (outer, number) in &self.listed {
            if !number.is_some_and(&served) {
                edits.push((self.with_space_before(outer), ""));
            }
        }
        for (named, release) in [(&self.latest, false), (&self.release, true)] {
            let Some(named) = named else { continue };
            if kept.contains(&named.version.as_str()) {
                continue;
            }
            match newest(&kept, release) {
                Some(version) if !named.inner.is_empty() => edits.push((named.inner.clone(), version)),
                _ => edits.push((self.with_space_before(&named.outer), "")),
            }
        }
        edits.sort_by_key(|(range, _)| range.start);
        let mut body = String::with_capacity(self.text.len());
        let mut from = 0;
        for (range, text) in edits {
            body.push_str(self.text.get(from..range.start).unwrap_or_default());
            body.push_str(text);
            from = range.end;
        }
        body.push_str(self.text.get(from..).unwrap_or_default());
        body.into_bytes()
    }

    /// An element with the white space that indents it.
    fn with_space_before(&self, outer: &Range<usize>) -> Range<usize> {
        let before = self.text.get(..outer.start).unwrap_or_default();
        before.trim_end_matches([' ', '\t', '\r', '\n']).len()..outer.end
    }
}

/// The newest of these by Maven's order; for a release, the newest that is none of snapshots and, if there is such, final.
pub fn newest<'v>(versions: &[&'v str], release: bool) -> Option<&'v str> {
    let key = |version: &&str| Comparable.sort_key(version).ok();
    let released = versions.iter().copied().filter(|version| !(release && is_snapshot(version)));
    let is_final = |version: &&str| !Comparable.is_prerelease(version);
    let best = released.clone().filter(|version| !release || is_final(version)).max_by_key(key);
    best.or_else(|| released.max_by_key(key))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::name::Coordinates;
    use weir_core::ecosystem::Names as _;

    fn read(text: &str) -> Result<Metadata<'_>, String> {
        Metadata::read(&Coordinates.parse("org.example:demo").unwrap(), text.as_bytes())
    }

    const DEMO: &str = "<metadata>\n  <groupId>org.example</groupId>\n  <artifactId>demo</artifactId>\n  <versioning>\n    \
        <latest>1.2-rc1</latest>\n    <release>1.1</release>\n    <versions>\n      <version>1.0</version>\n      \
        <version>1.1</version>\n      <version>1.1</version>\n      <version>a b</version>\n      <version>1.2-rc1</version>\n    \
        </versions>\n    <own>kept</own>\n    <lastUpdated>20261019211329</lastUpdated>\n  </versioning>\n</metadata>\n";

    #[test]
    fn refused_versions_are_cut_out_and_all_else_stays() {
        let metadata = read(DEMO).unwrap();
        assert_eq!(metadata.versions, ["1.0", "1.1", "1.2-rc1"]);
        let page = |served: fn(usize) -> bool| String::from_utf8(metadata.with(served)).unwrap();
        let clean = DEMO.replacen("\n      <version>1.1</version>\n      <version>a b</version>", "", 1);
        assert_eq!(page(|_| true), clean);
        let without_newest = page(|number| number < 2);
        let expected =
            clean.replace("\n      <version>1.2-rc1</version>", "").replace("<latest>1.2-rc1", "<latest>1.1");
        assert_eq!(without_newest, expected);
        // A candidate is the release only where there is no other.
        assert!(page(|number| number != 1).contains("<release>1.0</release>"));
        assert!(page(|number| number == 2).contains("<release>1.2-rc1</release>"));
        let nothing = page(|_| false);
        assert!(!nothing.contains("<version>") && !nothing.contains("<latest>") && !nothing.contains("<release>"));
        assert!(nothing.contains("<own>kept</own>"));
    }

    #[test]
    fn a_document_of_another_package_is_refused() {
        assert!(read(&DEMO.replace(">demo<", ">other<")).unwrap_err().contains("says `other`"));
        assert!(read("<project/>").is_err());
        assert!(read("not xml").is_err());
        let group = "<metadata><plugins><plugin><prefix>x</prefix></plugin></plugins></metadata>";
        let read = read(group).unwrap();
        assert!(read.versions.is_empty());
        assert_eq!(read.with(|_| true), group.as_bytes());
    }

    #[test]
    fn the_number_of_versions_is_bounded() {
        let many = |count: usize| {
            let versions: String = (0..count).map(|number| format!("<version>{number}</version>")).collect();
            format!("<metadata><versioning><versions>{versions}</versions></versioning></metadata>")
        };
        assert_eq!(read(&many(MAX_VERSIONS)).unwrap().versions.len(), MAX_VERSIONS);
        assert!(read(&many(MAX_VERSIONS + 1)).is_err());
    }
}
