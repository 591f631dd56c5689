//! `dist-tags`: names for versions. A tag never points to a version that the page does not offer.

use std::borrow::Cow;

use weir_core::ecosystem::Versions as _;

use crate::json;
use crate::packument::Packument;
use crate::version::Npm;

/// A version that the page offers.
#[derive(Clone, Copy, Debug)]
pub struct Offered<'a> {
    /// As upstream spells it.
    pub version: &'a str,
    /// Its maintainers call it deprecated.
    pub deprecated: bool,
}

/// The tags of a page, in the document's order. `latest` moves to what a person would take instead; others that point
/// nowhere are dropped, for nobody can say what a `beta` should be.
pub fn repaired<'p>(packument: &'p Packument<'_>, offered: &[Offered<'p>]) -> Vec<(Cow<'p, str>, Cow<'p, str>)> {
    let versions: std::collections::HashSet<&str> = offered.iter().map(|release| release.version).collect();
    let mut tags: Vec<(Cow<'p, str>, Cow<'p, str>)> = Vec::new();
    for field in &packument.dist_tags.0 {
        let Some(version) = json::text(field.value) else { continue };
        let name = field.name();
        let version = match version {
            version if versions.contains(version.as_ref()) => version,
            upstream if name == LATEST => match instead_of(&upstream, offered) {
                Some(version) => Cow::Borrowed(version),
                None => continue,
            },
            _ => continue,
        };
        // Of a repeated tag the last counts.
        tags.retain(|(other, _)| *other != name);
        tags.push((name, version));
    }
    tags
}

/// The tag that an install without a version follows.
pub const LATEST: &str = "latest";

/// The version that stands in for `latest`: a final one that is not deprecated, below the refused one where there is
/// such a one, since what is above was not meant for everyone yet; failing that any final one, and then any.
fn instead_of<'p>(latest: &str, offered: &[Offered<'p>]) -> Option<&'p str> {
    let latest = Npm.sort_key(latest).ok();
    let place = |release: &Offered<'p>| {
        let key = Npm.sort_key(release.version).ok()?;
        let is_final = !Npm.is_prerelease(release.version);
        let is_good = is_final && !release.deprecated;
        let is_below = latest.as_ref().is_none_or(|latest| key < *latest);
        Some(((is_good && is_below, is_good, is_final, key), release.version))
    };
    let best = offered.iter().filter_map(place).max_by(|a, b| a.0.cmp(&b.0)).map(|(_, version)| version);
    best.or_else(|| offered.last().map(|release| release.version))
}
