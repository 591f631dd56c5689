//! What do rules read of the pieces of a catalogue, as far as that is little?
//!
//! Noted when a catalogue is cut, so that a page can be judged without reading its pieces again: see
//! [`Alike`](super::alike::Alike).

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use weir_core::catalogue::Brief;

use super::table::{Briefs, Sight};

/// Most different licences of a catalogue that are noted. Packages with others have their pieces read.
pub const MAX_LICENSES: usize = 20_000;
/// Longest licence that is noted, in bytes.
const MAX_LICENSE: usize = 1_000;

/// What is noted of all packages.
#[derive(Default)]
pub(super) struct Notes {
    licenses: HashMap<Box<str>, u16>,
}

/// What is noted of one package while its pieces come.
pub(super) struct Noted {
    /// `None` once something has come of which rules may read more.
    pieces: Option<Vec<u16>>,
    /// By a hash of the version, which is the same for the same version at least: the licence.
    versions: Vec<(u64, u16)>,
    latest: i64,
}

impl Default for Noted {
    fn default() -> Self {
        Self { pieces: Some(Vec::new()), versions: Vec::new(), latest: i64::MIN }
    }
}

impl Notes {
    /// Notes the next piece of a package, first seen as `sight` says.
    pub(super) fn note(&mut self, noted: &mut Noted, brief: Option<Brief<'_>>, sight: &Sight) {
        let Some(pieces) = &mut noted.pieces else { return };
        let license = brief.and_then(|brief| Some((brief, self.license(brief.license)?)));
        let Some((brief, license)) = license else {
            noted.pieces = None;
            return;
        };
        pieces.push(license);
        let mut hasher = DefaultHasher::new();
        brief.version.hash(&mut hasher);
        noted.versions.push((hasher.finish(), license));
        // What upstream states counts, unless it is belied by a catalogue that did not have the file yet.
        let from = match (brief.published, sight.last_absent) {
            (None, _) => sight.first_seen,
            (Some(published), None) => published.millis(),
            (Some(published), Some(_)) => published.millis().max(sight.first_seen),
        };
        noted.latest = noted.latest.max(from);
    }

    /// The number of a licence. That of none is 0.
    fn license(&mut self, license: Option<&str>) -> Option<u16> {
        let Some(license) = license else { return Some(0) };
        if let Some(number) = self.licenses.get(license) {
            return Some(*number);
        }
        let number = u16::try_from(self.licenses.len() + 1).ok()?;
        if usize::from(number) > MAX_LICENSES || license.len() > MAX_LICENSE || license.is_empty() {
            return None;
        }
        self.licenses.insert(license.into(), number);
        Some(number)
    }

    /// The licences, and room for so many pieces.
    pub(super) fn briefs(self, pieces: usize) -> Briefs {
        let mut licenses = vec![Box::<str>::default(); self.licenses.len() + 1];
        for (license, number) in self.licenses {
            if let Some(place) = licenses.get_mut(usize::from(number)) {
                *place = license;
            }
        }
        Briefs { licenses, of_pieces: Vec::with_capacity(pieces), latest: Vec::new() }
    }
}

impl Noted {
    /// Adds the package as the next one. `pieces` are its pieces with the ids of their sights; `is_plain` tells that nothing
    /// else is known of any.
    pub(super) fn end(mut self, pieces: &[(u32, u64)], is_plain: bool, briefs: &mut Briefs) {
        let mut ids: Vec<u64> = pieces.iter().map(|(_, id)| *id).collect();
        ids.sort_unstable();
        // Of what stands twice, and of builds of one version with different licences, the registry makes what it will.
        let is_plain = is_plain && ids.windows(2).all(|pair| pair[0] != pair[1]) && {
            self.versions.sort_unstable();
            self.versions.windows(2).all(|pair| pair[0].0 != pair[1].0 || pair[0].1 == pair[1].1)
        };
        match self.pieces.filter(|noted| is_plain && noted.len() == pieces.len()) {
            Some(noted) => {
                briefs.of_pieces.extend(noted);
                briefs.latest.push(Some(self.latest));
            }
            None => {
                briefs.of_pieces.extend(std::iter::repeat_n(0, pieces.len()));
                briefs.latest.push(None);
            }
        }
    }
}
