//! Ids of the SPDX list in one form: case folded, old ids under their new names, `-only` and `-or-later` taken apart.

use std::collections::HashMap;
use std::sync::OnceLock;

/// A licence of the SPDX list.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) struct License {
    /// Without `-only` and `-or-later`: `GPL-2.0`.
    pub id: &'static str,
    /// Or any later version.
    pub or_later: bool,
    /// What follows `WITH`.
    pub exception: Option<String>,
}

/// Ids of old that mean a newer id with an exception, or another id (SPDX list, "deprecated").
const OLD: [(&str, &str, bool, Option<&str>); 14] = [
    ("BSD-2-Clause-FreeBSD", "BSD-2-Clause-Views", false, None),
    ("BSD-2-Clause-NetBSD", "BSD-2-Clause", false, None),
    ("GPL-2.0-with-GCC-exception", "GPL-2.0", false, Some("GCC-exception-2.0")),
    ("GPL-2.0-with-autoconf-exception", "GPL-2.0", false, Some("Autoconf-exception-2.0")),
    ("GPL-2.0-with-bison-exception", "GPL-2.0", false, Some("Bison-exception-2.2")),
    ("GPL-2.0-with-classpath-exception", "GPL-2.0", false, Some("Classpath-exception-2.0")),
    ("GPL-2.0-with-font-exception", "GPL-2.0", false, Some("Font-exception-2.0")),
    ("GPL-3.0-with-GCC-exception", "GPL-3.0", false, Some("GCC-exception-3.1")),
    ("GPL-3.0-with-autoconf-exception", "GPL-3.0", false, Some("Autoconf-exception-3.0")),
    ("StandardML-NJ", "SMLNJ", false, None),
    ("bzip2-1.0.5", "bzip2-1.0.6", false, None),
    ("eCos-2.0", "GPL-2.0", true, Some("eCos-exception-2.0")),
    ("wxWindows", "LGPL-2.0", true, Some("WxWindows-exception-3.1")),
    ("Nunit", "zlib-acknowledgement", false, None),
];

/// All ids of the list, as it spells them.
pub(crate) fn all() -> impl Iterator<Item = &'static str> {
    spdx::identifiers::LICENSES.iter().map(|license| license.name)
}

/// The licence that an id stands for, in any case, with or without a `+`.
pub(crate) fn read(text: &str) -> Option<License> {
    let (bare, plus) = match text.strip_suffix('+') {
        Some(bare) => (bare, true),
        None => (text, false),
    };
    let name = *index().get(bare.to_ascii_lowercase().as_str())?;
    if let Some((_, id, or_later, exception)) = OLD.iter().find(|(old, ..)| *old == name) {
        let exception = exception.map(str::to_owned);
        return Some(License { id, or_later: plus || *or_later, exception });
    }
    let (id, or_later) = split(name);
    Some(License { id, or_later: or_later || plus, exception: None })
}

/// An exception's id as the list spells it; others as they are written.
pub(crate) fn exception(text: &str) -> String {
    let known = spdx::identifiers::EXCEPTIONS.iter().find(|known| known.name.eq_ignore_ascii_case(text));
    known.map_or(text, |known| known.name).to_owned()
}

/// Takes `-only` and `-or-later` off.
pub(crate) fn split(id: &'static str) -> (&'static str, bool) {
    match id.strip_suffix("-or-later").or_else(|| id.strip_suffix('+')) {
        Some(base) => (base, true),
        None => (id.strip_suffix("-only").unwrap_or(id), false),
    }
}

/// The id under which the list has this very version today: `GPL-2.0-only` for `GPL-2.0`.
pub(crate) fn current(id: &'static str) -> &'static str {
    let only = |other: &&'static str| other.strip_suffix("-only") == Some(id);
    all().find(only).unwrap_or(id)
}

/// The versions of a licence's family from its own on: `GPL-2.0` has `GPL-2.0` and `GPL-3.0`.
pub(crate) fn from_version(id: &'static str) -> Vec<&'static str> {
    let Some((family, from)) = version(id) else { return vec![id] };
    let mut versions: Vec<_> = all()
        .map(|other| split(other).0)
        .filter(|other| version(other).is_some_and(|(of, at)| of == family && at >= from))
        .collect();
    versions.dedup();
    if versions.is_empty() { vec![id] } else { versions }
}

/// `GPL-2.0` is version 2.0 of `GPL`.
fn version(id: &str) -> Option<(&str, Vec<u32>)> {
    let (family, version) = id.rsplit_once('-')?;
    let parts = version.split('.').map(|part| part.parse().ok()).collect::<Option<Vec<u32>>>()?;
    Some((family, parts))
}

fn index() -> &'static HashMap<String, &'static str> {
    static INDEX: OnceLock<HashMap<String, &str>> = OnceLock::new();
    INDEX.get_or_init(|| {
        all().filter(|id| *id != "NOASSERTION").map(|id| (id.trim_end_matches('+').to_ascii_lowercase(), id)).fold(
            HashMap::new(),
            |mut index, (folded, id)| {
                // `GPL-2.0` and the old `GPL-2.0+` fold to one; the sign is read by itself.
                index.entry(folded).or_insert(id.trim_end_matches('+'));
                index
            },
        )
    })
}
