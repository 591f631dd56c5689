//! The sparse index: one document a crate, one line of JSON a version.
//!
//! Specification: cargo book, "Registries", "Index format". A line is never written anew: where it has to say something
//! else, the few bytes of that one value are replaced and all others stay as upstream sent them.

use serde::Deserialize;
use serde_json::value::RawValue;
use url::Url;
use weir_core::digest::StatedDigests;
use weir_core::registry::{Artifact, Document, Index, InvalidDocument, Page, Release, Rendered, ServedRelease, Wanted};
use weir_core::{Digest, PackageName, Timestamp};

use crate::name::{Crates, index_path, prefix};
use crate::version::Version;
use weir_core::ecosystem::Names as _;

/// Most lines of one document. The longest on crates.io has about three thousand.
pub const MAX_LINES: usize = 50_000;
/// Longest line that is read, in bytes; one that is longer is left out. crates.io refuses larger metadata.
pub const MAX_LINE: usize = 4 << 20;
/// Longest `dl` template, in bytes.
pub const MAX_TEMPLATE: usize = 2000;

const EXPECTED_INDEX: &str = "a file of a sparse index";
const EXPECTED_CONFIG: &str = "the config.json of a sparse index";

/// The documents that answer for a crate: its index file, and where artifacts are.
pub fn documents(package: &PackageName) -> Vec<Wanted> {
    vec![
        Wanted { path: index_path(package), accept: "text/plain", shared: false },
        Wanted { path: String::from("config.json"), accept: "application/json", shared: true },
    ]
}

/// Reads a crate's index file and the registry's configuration.
///
/// Lines that cargo would pass over are passed over: what is not JSON, has no version or checksum, is of another crate,
/// or repeats the version of an earlier line. Of the document at least one line must be left.
pub fn parse(package: &PackageName, documents: &[Document<'_>]) -> Result<Index, InvalidDocument> {
    let [document, config, ..] = documents else {
        let url = documents.first().map_or_else(String::new, |document| document.url.to_owned());
        return Err(InvalidDocument {
            url,
            expected: EXPECTED_INDEX,
            problem: String::from("the registry's config.json is missing beside it"),
        });
    };
    let template = Template::read(config)?;
    let lines = Lines::read(package, document)?;
    let bounds = publication_bounds(&lines.good);
    let releases = lines.good.iter().zip(bounds).map(|(line, published)| {
        let artifact = Artifact {
            file: format!("{}-{}.crate", line.name, line.vers),
            url: template.address(line),
            digests: StatedDigests { sha256: Some(line.cksum), ..StatedDigests::default() },
            published,
            ..Artifact::default()
        };
        Release {
            version: line.vers.to_owned(),
            published,
            // The index has no place for a reason.
            yanked: line.yanked.then(String::new),
            artifacts: vec![artifact],
            ..Release::default()
        }
    });
    Ok(Index { releases: releases.collect(), status: None })
}

/// All that a line says.
pub fn said(documents: &[Document<'_>], version: &str) -> serde_json::Value {
    let nothing = || serde_json::Value::Object(serde_json::Map::new());
    let Some(text) = documents.first().and_then(|document| std::str::from_utf8(document.body).ok()) else {
        return nothing();
    };
    let line = split(text).find(|line| Line::read(line.content).is_some_and(|line| line.vers == version));
    line.and_then(|line| serde_json::from_str(line.content).ok())
        .filter(serde_json::Value::is_object)
        .unwrap_or_else(nothing)
}

/// The document with refused versions yanked and dates where they are missing. Lines that [`parse`] passes over are left
/// out: what is not judged is not offered.
pub fn render(page: &Page<'_>) -> Result<Rendered, InvalidDocument> {
    let document = page.documents.first().ok_or_else(|| InvalidDocument {
        url: String::new(),
        expected: EXPECTED_INDEX,
        problem: String::from("it is missing"),
    })?;
    let lines = Lines::read(page.package, document)?;
    // After those of the document the gate may have added releases that advisories alone still name; they have no file,
    // and no line either.
    let departed = page.index.releases.iter().skip(lines.good.len());
    let same = lines.good.len() <= page.index.releases.len()
        && page.index.releases.len() == page.releases.len()
        && lines.good.iter().zip(&page.index.releases).all(|(line, release)| line.vers == release.version)
        && departed.into_iter().all(|release| release.artifacts.is_empty());
    if !same {
        return Err(invalid(document, String::from("it is not the document that the releases were read from")));
    }
    let mut body = Vec::with_capacity(document.body.len() + 64 * lines.good.len());
    for (line, served) in lines.good.iter().zip(page.releases) {
        write_line(line, served, &mut body);
    }
    Ok(Rendered { content_type: String::from("text/plain; charset=utf-8"), body })
}

fn write_line(line: &Line<'_>, served: &ServedRelease, body: &mut Vec<u8>) {
    let refused = served.refused.is_some() || served.artifacts.iter().any(|artifact| artifact.refused.is_some());
    let mut edits = Vec::new();
    let mut added = String::new();
    if refused && !line.yanked {
        match line.yanked_at {
            Some(range) => edits.push((range, String::from("true"))),
            None => added.push_str(",\"yanked\":true"),
        }
    }
    if line.pubtime.is_none() {
        let pubtime = format!("\"{}\"", whole_second(served.published));
        match line.pubtime_at {
            Some(range) => edits.push((range, pubtime)),
            None => added.push_str(&format!(",\"pubtime\":{pubtime}")),
        }
    }
    edits.push(((line.end, line.end), added));
    edits.sort_by_key(|((start, _), _)| *start);
    let content = line.content.as_bytes();
    let mut from = 0;
    for ((start, end), text) in edits {
        body.extend_from_slice(content.get(from..start).unwrap_or_default());
        body.extend_from_slice(text.as_bytes());
        from = end;
    }
    body.extend_from_slice(content.get(from..).unwrap_or_default());
    body.extend_from_slice(line.ending.as_bytes());
}

/// cargo reads `2026-10-01T12:00:00Z` and nothing finer.
fn whole_second(moment: Timestamp) -> Timestamp {
    Timestamp::from_millis(moment.millis().div_euclid(1000) * 1000)
}

/// The lines of a document that count.
struct Lines<'a> {
    good: Vec<Line<'a>>,
}

impl<'a> Lines<'a> {
    fn read(package: &PackageName, document: &Document<'a>) -> Result<Self, InvalidDocument> {
        let text = std::str::from_utf8(document.body)
            .map_err(|error| invalid(document, format!("it is not UTF-8 at byte {}", error.valid_up_to())))?;
        let mut good: Vec<Line<'_>> = Vec::new();
        let mut seen = std::collections::HashSet::new();
        let mut passed_over = 0usize;
        for (index, raw) in split(text).enumerate() {
            if index >= MAX_LINES {
                return Err(invalid(document, format!("it has more than {MAX_LINES} lines")));
            }
            let line = Line::read(raw.content)
                .filter(|line| Crates.parse(line.name).is_ok_and(|name| name == *package) && seen.insert(line.vers));
            match line {
                Some(line) => good.push(Line { ending: raw.ending, ..line }),
                None => passed_over += 1,
            }
        }
        if good.is_empty() {
            let problem = format!("none of its {passed_over} lines is a version of `{package}`");
            return Err(invalid(document, problem));
        }
        Ok(Self { good })
    }
}

/// A line as it stands in the document, with what ends it.
struct RawLine<'a> {
    content: &'a str,
    ending: &'a str,
}

/// All lines that are not blank.
fn split(text: &str) -> impl Iterator<Item = RawLine<'_>> {
    let lines = text.split_inclusive('\n').map(|line| {
        let content = line.trim_end();
        RawLine { content, ending: &line[content.len()..] }
    });
    lines.filter(|line| !line.content.is_empty())
}

/// What counts of a line.
#[derive(Clone, Debug)]
struct Line<'a> {
    content: &'a str,
    ending: &'a str,
    name: &'a str,
    vers: &'a str,
    cksum: Digest,
    yanked: bool,
    pubtime: Option<Timestamp>,
    /// Where the values stand in `content`.
    yanked_at: Option<(usize, usize)>,
    pubtime_at: Option<(usize, usize)>,
    /// Where the closing brace is.
    end: usize,
}

/// A key that stands twice makes the line unreadable, here as for cargo.
#[derive(Deserialize)]
struct Fields<'a> {
    // Names, versions and checksums that can be valid have no escapes, so that they can be borrowed.
    name: &'a str,
    vers: &'a str,
    cksum: &'a str,
    #[serde(borrow, default, deserialize_with = "even_null")]
    yanked: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "even_null")]
    pubtime: Option<&'a RawValue>,
}

/// A `null` has a place in the line like any value, and is to be replaced there: a key added beside it would stand twice.
fn even_null<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<&'de RawValue>, D::Error> {
    <&RawValue>::deserialize(deserializer).map(Some)
}

impl<'a> Line<'a> {
    fn read(content: &'a str) -> Option<Self> {
        if content.len() > MAX_LINE {
            return None;
        }
        let fields: Fields<'a> = serde_json::from_str(content).ok()?;
        Version::parse(fields.vers).ok()?;
        let at = |value: Option<&'a RawValue>| value.and_then(|value| place(content, value.get()));
        let yanked = match fields.yanked.map(RawValue::get) {
            None | Some("null" | "false") => false,
            Some("true") => true,
            Some(_) => return None,
        };
        let pubtime = fields.pubtime.and_then(|value| serde_json::from_str::<&str>(value.get()).ok());
        Some(Self {
            content,
            ending: "",
            name: fields.name,
            vers: fields.vers,
            cksum: fields.cksum.parse().ok()?,
            yanked,
            pubtime: pubtime.and_then(Timestamp::parse),
            yanked_at: at(fields.yanked),
            pubtime_at: at(fields.pubtime),
            end: content.len().checked_sub(1)?,
        })
    }
}

/// Where `part`, which is borrowed from `whole`, stands in it.
fn place(whole: &str, part: &str) -> Option<(usize, usize)> {
    let start = (part.as_ptr() as usize).checked_sub(whole.as_ptr() as usize)?;
    let end = start.checked_add(part.len())?;
    (whole.get(start..end)? == part).then_some((start, end))
}

/// When each line was published.
///
/// Lines are appended in the order of publication, so a line without a date is no younger than the next that has one. That
/// is an upper bound, and taken for the date: a release may look younger than it is, never older. Where the dates that
/// there are do not rise, the file is in another order, and a line without a date has none.
fn publication_bounds(lines: &[Line<'_>]) -> Vec<Option<Timestamp>> {
    let rising = lines.iter().filter_map(|line| line.pubtime).is_sorted();
    let mut next = None;
    let mut bounds: Vec<_> = lines
        .iter()
        .rev()
        .map(|line| {
            if line.pubtime.is_some() || !rising {
                next = line.pubtime;
            }
            next
        })
        .collect();
    bounds.reverse();
    bounds
}

/// Where a registry's artifacts are: `dl` of its config.json.
struct Template(String);

#[derive(Deserialize)]
struct Config {
    dl: String,
}

impl Template {
    fn read(document: &Document<'_>) -> Result<Self, InvalidDocument> {
        let error =
            |problem: String| InvalidDocument { url: document.url.to_owned(), expected: EXPECTED_CONFIG, problem };
        let config: Config = serde_json::from_slice(document.body).map_err(|problem| error(problem.to_string()))?;
        let shown: String = config.dl.chars().take(200).collect();
        if config.dl.len() > MAX_TEMPLATE {
            return Err(error(format!("its `dl` is longer than {MAX_TEMPLATE} bytes: `{shown}`")));
        }
        const MARKERS: [&str; 5] = ["{crate}", "{version}", "{prefix}", "{lowerprefix}", "{sha256-checksum}"];
        let template = if MARKERS.iter().any(|marker| config.dl.contains(marker)) {
            config.dl
        } else {
            // `dl` itself may end in a slash, which cargo leaves as it is.
            format!("{}/{{crate}}/{{version}}/download", config.dl)
        };
        // Markers stand for nothing that could change the host, so one filled-in address shows whether all are good.
        let sample = fill(&template, "a", "1.0.0", &Digest::from_bytes([0; 32]));
        let address =
            Url::parse(&sample).map_err(|problem| error(format!("its `dl`, `{shown}`, is no address: {problem}")))?;
        if !matches!(address.scheme(), "http" | "https") || !address.has_host() {
            return Err(error(format!("its `dl`, `{shown}`, is not an address of http or https")));
        }
        let authority = template.split_once("://").and_then(|(_, rest)| rest.split(['/', '?', '#']).next());
        if authority.is_none_or(|authority| authority.contains('{')) {
            return Err(error(format!("its `dl`, `{shown}`, has a marker in its host")));
        }
        Ok(Self(template))
    }

    fn address(&self, line: &Line<'_>) -> String {
        fill(&self.0, line.name, line.vers, &line.cksum)
    }
}

/// Fills in the markers, in one pass, so that no value is read as a marker.
fn fill(template: &str, name: &str, version: &str, checksum: &Digest) -> String {
    let mut out = String::with_capacity(template.len() + name.len() + version.len());
    let mut rest = template;
    while let Some(start) = rest.find('{') {
        out.push_str(&rest[..start]);
        rest = &rest[start..];
        let end = rest.find('}').map_or(rest.len(), |end| end + 1);
        match &rest[..end] {
            "{crate}" => out.push_str(name),
            "{version}" => out.push_str(version),
            "{prefix}" => out.push_str(&prefix(name)),
            "{lowerprefix}" => out.push_str(&prefix(&name.to_ascii_lowercase())),
            "{sha256-checksum}" => out.push_str(&checksum.to_string()),
            // A brace that is none of these: only it is passed over, for one of these may follow within.
            _ => {
                out.push('{');
                rest = &rest[1..];
                continue;
            }
        }
        rest = &rest[end..];
    }
    out.push_str(rest);
    out
}

fn invalid(document: &Document<'_>, problem: String) -> InvalidDocument {
    InvalidDocument { url: document.url.to_owned(), expected: EXPECTED_INDEX, problem }
}
