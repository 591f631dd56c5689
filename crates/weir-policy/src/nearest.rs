//! Which version to take instead.

use weir_core::facts::PackageFacts;

use crate::judge::{Judgement, ReleaseJudgement};

/// The releases that may be recommended, by place in the order.
#[derive(Clone, Debug)]
pub(crate) struct Allowed(Vec<usize>);

impl Judgement {
    /// The version to take instead of a refused one: the lowest allowed one above it in the same major line, else the
    /// lowest above it, else the highest below it. Pre-releases and yanked releases are not recommended. `None` if the
    /// release is served, or nothing is.
    pub fn nearest_allowed(&self, facts: &PackageFacts, release: usize) -> Option<usize> {
        if self.releases.get(release).is_none_or(|judged| judged.effective.is_served()) {
            return None;
        }
        let refused = facts.releases.get(release)?;
        let allowed = &self.allowed.get_or_init(|| self.allowed(facts)).0;
        let key = |index: usize| facts.releases.get(index).and_then(|release| release.key.as_ref());
        let Some(own) = &refused.key else { return allowed.iter().rev().copied().find(|index| *index != release) };
        let above = allowed.partition_point(|index| key(*index) <= Some(own));
        // The versions of a major line are neighbours in the order, so where the line has one above, it is the first.
        // Below, an allowed release of the same precedence (another build of the version) comes before older ones; some
        // other file of the refused release may be served, but that is no other version to take.
        let below = || allowed[..above].iter().rev().find(|index| **index != release);
        allowed.get(above).or_else(below).copied()
    }

    fn allowed(&self, facts: &PackageFacts) -> Allowed {
        let mut allowed: Vec<usize> = facts
            .releases
            .iter()
            .zip(&self.releases)
            .enumerate()
            .filter(|(_, (release, judged))| {
                release.key.is_some() && !release.prerelease && release.yanked.is_none() && is_installable(judged)
            })
            .map(|(index, _)| index)
            .collect();
        allowed.sort_by(|a, b| facts.releases[*a].key.cmp(&facts.releases[*b].key));
        Allowed(allowed)
    }
}

/// True if some file of it is served: a new wheel that waits does not make an old release unavailable.
fn is_installable(judged: &ReleaseJudgement) -> bool {
    judged.effective.is_served() || judged.artifacts.iter().any(|artifact| artifact.effective.is_served())
}
