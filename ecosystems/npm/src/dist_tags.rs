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
        let version = match version {
            version if versions.contains(version.as_ref()) => version,
            upstream if field.name == LATEST => match instead_of(&upstream, offered) {
                Some(version) => Cow::Borrowed(version),
                None => continue,
            },
            _ => continue,
        };
        // Of a repeated tag the last counts.
        tags.retain(|(name, _)| *name != field.name);
        tags.push((Cow::Borrowed(field.name.as_ref()), version));
    }
    tags
}

/// The tag that an install without a version follows.
pub const LATEST: &str = "latest";

/// The version that stands in for `latest`: a final one that is not deprecated, below the refused one where there is
/// such a one, since what is above was not meant for everyone yet; failing that any final one, and then any.
fn instead_of<'p>(latest: &str, offered: &[Offered<'p>]) -> Option<&'p str> {
    let latest = Npm.sort_key(latest).ok();
    let highest = |accept: &dyn Fn(&Offered<'_>, &weir_core::SortKey) -> bool| {
        let keyed = offered.iter().filter_map(|release| Some((Npm.sort_key(release.version).ok()?, release)));
        keyed.filter(|(key, release)| accept(release, key)).max_by(|a, b| a.0.cmp(&b.0)).map(|(_, r)| r.version)
    };
    let is_final = |release: &Offered<'_>| !Npm.is_prerelease(release.version);
    highest(&|release, key| {
        is_final(release) && !release.deprecated && latest.as_ref().is_none_or(|latest| key < latest)
    })
    .or_else(|| highest(&|release, _| is_final(release) && !release.deprecated))
    .or_else(|| highest(&|release, _| is_final(release)))
    .or_else(|| highest(&|_, _| true))
    .or_else(|| offered.last().map(|release| release.version))
}
