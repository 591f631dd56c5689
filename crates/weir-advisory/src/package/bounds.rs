//! The bounds of a package's ranges as places.

use weir_core::SortKey;
use weir_core::ecosystem::Versions;

use crate::osv::EventKind;
use crate::range::{Bound, Interval, intervals};
use crate::rows::{PackageRow, RangeRow};

pub(super) struct Bounds<'a> {
    versions: &'a dyn Versions,
    texts: Vec<String>,
    /// Parallel to the texts: the key of those that are bounds.
    keys: Vec<Read>,
    pub(super) sorted: Vec<SortKey>,
}

/// A text as a bound.
#[derive(Clone, Default)]
struct Read {
    plain: Option<SortKey>,
    /// In a `SEMVER` range.
    semver: Option<SortKey>,
    /// As `last_affected`, where it cannot be read as it stands.
    last: Option<SortKey>,
}

impl<'a> Bounds<'a> {
    pub(super) fn of(versions: &'a dyn Versions, row: &PackageRow) -> Self {
        let mut keys = vec![Read::default(); row.texts.len()];
        for range in row.entries.iter().flat_map(|entry| &entry.ranges) {
            for (code, number) in &range.events {
                let Some((read, text)) = keys.get_mut(*number as usize).zip(row.texts.get(*number as usize)) else {
                    continue;
                };
                if read.plain.is_none() {
                    read.plain = bound_key(versions, text);
                }
                if read.plain.is_none() && range.semver && read.semver.is_none() {
                    read.semver = filled_key(versions, text);
                }
                if read.plain.is_none() && read.last.is_none() && code.kind() == Some(EventKind::LastAffected) {
                    read.last = beginning_key(versions, text);
                }
            }
        }
        let mut sorted: Vec<SortKey> =
            keys.iter().flat_map(|read| [&read.plain, &read.semver, &read.last]).flatten().cloned().collect();
        sorted.sort();
        sorted.dedup();
        Self { versions, texts: row.texts.clone(), keys, sorted }
    }

    fn key(&self, kind: EventKind, number: u32, semver: bool) -> Option<&SortKey> {
        let read = self.keys.get(number as usize)?;
        let last = read.last.as_ref().filter(|_| kind == EventKind::LastAffected);
        read.plain.as_ref().or(read.semver.as_ref().filter(|_| semver)).or(last)
    }

    /// The places that a range means, or why it cannot be read.
    pub(super) fn places(&self, range: &RangeRow) -> Result<Vec<Interval>, String> {
        let mut events = Vec::with_capacity(range.events.len());
        for (code, number) in &range.events {
            let kind = code.kind().ok_or_else(|| String::from("a range has an event that this Weir does not know"))?;
            let text = self.texts.get(*number as usize).map_or("", String::as_str);
            let bound = match (kind, text) {
                (EventKind::Introduced, "0") => Bound::Start,
                (EventKind::Limit, "*") => Bound::End,
                _ => {
                    let key = self.key(kind, *number, range.semver);
                    match key.and_then(|key| self.sorted.binary_search(key).ok()) {
                        Some(at) => Bound::At(at as u32),
                        None => return Err(format!("the bound `{}` is no version", crate::osv::one_line(text))),
                    }
                }
            };
            events.push((kind, bound));
        }
        if !events.iter().any(|(kind, _)| *kind == EventKind::Introduced) {
            return Err(String::from("a range does not say where it begins"));
        }
        Ok(intervals(&events))
    }

    /// The versions that ranges say it is fixed in, ascending; those that cannot be read last.
    pub(super) fn fixed<'r>(&self, ranges: impl Iterator<Item = &'r RangeRow>) -> Vec<String> {
        let mut fixed: Vec<(bool, Option<&SortKey>, String, &str)> = Vec::new();
        for range in ranges {
            for (code, number) in &range.events {
                if code.kind() == Some(EventKind::Fixed)
                    && let Some(text) = self.texts.get(*number as usize)
                {
                    let key = self.key(EventKind::Fixed, *number, range.semver);
                    fixed.push((key.is_none(), key, self.versions.canonical(text), text));
                }
            }
        }
        fixed.sort();
        fixed.dedup_by(|a, b| a.2 == b.2);
        fixed.into_iter().map(|(_, _, _, text)| text.to_owned()).collect()
    }
}

/// The key of a bound. `2.6.0-NA` is 2.6.0: NVD writes `NA` where a version has no update part, and converted records keep it.
fn bound_key(versions: &dyn Versions, text: &str) -> Option<SortKey> {
    let text = text.strip_suffix("-NA").unwrap_or(text);
    versions.sort_key(text).ok()
}

/// The key of a bound in a `SEMVER` range that is short of parts (`1.9` is 1.9.0) or has a `v`: converted records have such,
/// and the schema leaves them no other meaning.
fn filled_key(versions: &dyn Versions, text: &str) -> Option<SortKey> {
    let plain = text.strip_prefix('v').unwrap_or(text);
    let parts: Vec<&str> = plain.split('.').collect();
    if parts.len() > 3 || parts.iter().any(|part| part.is_empty() || !part.bytes().all(|byte| byte.is_ascii_digit())) {
        return None;
    }
    let filled = format!("{plain}{}", ".0".repeat(3 - parts.len()));
    versions.sort_key(&filled).ok()
}

/// The key of the longest beginning that is a version: `2.6.0-cu124` as the last affected one means that 2.6.0 is affected,
/// whatever the rest means. Not done for other events, where the rest could decide the other way.
fn beginning_key(versions: &dyn Versions, text: &str) -> Option<SortKey> {
    let separators = ['-', '+', '_', '\\', ' '];
    let mut rest = text;
    while let Some(at) = rest.rfind(separators) {
        rest = rest.get(..at)?;
        if let Ok(key) = versions.sort_key(rest) {
            return Some(key);
        }
    }
    None
}
