//! Which version of each package is shown, when some are refused.
//!
//! CRAN shows one version of a package: R's resolver sees no other. So a refused version cannot simply be left out as
//! elsewhere: everything that needs the package would fail. An older one takes its place, and then the whole has to be
//! coherent again, for what needs the newer one may no longer be installable.
//!
//! The rule is one sentence:
//!
//! > A package shows the newest of its versions that policy allows and whose own needs are met by what is shown; if there is
//! > none, it is hidden.
//!
//! What is shown stands on both sides of it, so it is a fixed point that is sought, and of several the greatest: nothing is
//! older than it has to be. It is found from above. Every package begins with its newest allowed version; whoever's needs
//! are not met goes one version down; that may leave others unmet, and so on. Steps only go down, so it ends. Needs on CRAN
//! are lower bounds (`Rcpp (>= 1.0.0)`), and for them a step down is never regretted: the newest version that can be shown is
//! shown, whatever the order of steps, so that a need which it does not meet no other version could meet either. Where a need
//! has an upper bound the result is coherent all the same, but a package may end lower than it had to.
//!
//! Two things are no fault of policy and change nothing. A need that upstream's own catalogue does not meet is upstream's
//! state of affairs. And what upstream's catalogue needs and does not have comes from elsewhere: R itself, the packages that
//! come with it, other repositories.
//!
//! What an older version needs is told only by the DESCRIPTION inside its archive. Whoever calls may not have it yet: then it
//! is taken to need nothing for the moment, and the answer lists what has to be looked into before it is final.

use std::collections::{HashMap, HashSet, VecDeque};

use crate::dependency::Requirement;
use crate::version::Version;

/// A package of the catalogue.
#[derive(Clone, Debug)]
pub struct Package<'a> {
    /// Its name as R knows it.
    pub name: &'a str,
    /// Its versions, newest first. Those that upstream's catalogue shows are marked.
    pub candidates: Vec<Candidate<'a>>,
}

/// A version of a package.
#[derive(Clone, Debug)]
pub struct Candidate<'a> {
    /// Its version.
    pub version: Version,
    /// Policy allows it.
    pub allowed: bool,
    /// Upstream's catalogue shows it.
    pub current: bool,
    /// What it needs; `None` while nobody has looked.
    pub needs: Option<&'a [Requirement]>,
}

/// What becomes of each package, in the order in which they were given.
#[derive(Clone, PartialEq, Debug)]
pub struct Solution {
    /// The place of the version that is shown, among its package's candidates; `None` if it is hidden.
    pub shown: Vec<Option<usize>>,
    /// Places of packages and candidates that are shown beside a newer one, as upstream shows them: some packages have a
    /// record for each of several versions of R.
    pub beside: HashSet<(usize, usize)>,
    /// Why the newest version of a package is not shown, by the package's place.
    pub causes: HashMap<usize, Cause>,
    /// Places of packages and candidates that have to be looked into before this is final.
    pub unknown: Vec<(usize, usize)>,
}

/// Why a version is not shown.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Cause {
    /// Policy refuses it.
    Refused,
    /// It needs something that is not shown in such a version.
    Unmet {
        /// What it needs.
        need: Requirement,
        /// The place of the package that it needs; `None` if the catalogue has none of that name.
        of: Option<usize>,
    },
}

/// Finds what is shown.
pub fn solve(packages: &[Package<'_>]) -> Solution {
    Descent::new(packages).run()
}

struct Descent<'p, 'a> {
    packages: &'p [Package<'a>],
    places: HashMap<&'p str, usize>,
    /// Names that versions which upstream shows need, and that upstream does not have.
    elsewhere: HashSet<&'p str>,
    /// The candidate of each package that may yet be shown; past the last, it is hidden.
    at: Vec<usize>,
    causes: HashMap<usize, Cause>,
}

impl<'p, 'a> Descent<'p, 'a> {
    fn new(packages: &'p [Package<'a>]) -> Self {
        let places: HashMap<&str, usize> = packages.iter().enumerate().map(|(at, it)| (it.name, at)).collect();
        let current = packages.iter().flat_map(|package| &package.candidates).filter(|candidate| candidate.current);
        let elsewhere = current
            .flat_map(|candidate| candidate.needs.unwrap_or_default())
            .map(|need| need.name.as_str())
            .filter(|name| !places.contains_key(name))
            .collect();
        Self { packages, places, elsewhere, at: vec![0; packages.len()], causes: HashMap::new() }
    }

    fn run(mut self) -> Solution {
        let dependents = self.dependents();
        // Packages whose choice has yet to be looked at, each at most once in the queue.
        let mut queue: VecDeque<usize> = (0..self.packages.len()).collect();
        let mut queued = vec![true; self.packages.len()];
        while let Some(package) = queue.pop_front() {
            if let Some(queued) = queued.get_mut(package) {
                *queued = false;
            }
            if !self.step_down(package) {
                continue;
            }
            for dependent in dependents.get(package).into_iter().flatten() {
                if let Some(queued) = queued.get_mut(*dependent)
                    && !std::mem::replace(queued, true)
                {
                    queue.push_back(*dependent);
                }
            }
        }
        let shown: Vec<_> =
            self.packages.iter().zip(&self.at).map(|(it, at)| it.candidates.get(*at).map(|_| *at)).collect();
        let unknown = shown.iter().enumerate().filter_map(|(package, at)| {
            let candidate = self.packages.get(package)?.candidates.get((*at)?)?;
            candidate.needs.is_none().then_some((package, (*at)?))
        });
        Solution { unknown: unknown.collect(), beside: self.beside(&shown), shown, causes: self.causes }
    }

    /// What upstream shows beside what is shown, and finds all that it needs.
    fn beside(&self, shown: &[Option<usize>]) -> HashSet<(usize, usize)> {
        let mut beside = HashSet::new();
        for (place, (package, shown)) in self.packages.iter().zip(shown).enumerate() {
            let older = shown.map_or(usize::MAX, |shown| shown + 1);
            for (at, candidate) in package.candidates.iter().enumerate().skip(older) {
                if candidate.current && candidate.allowed && self.unmet(candidate).is_none() {
                    beside.insert((place, at));
                }
            }
        }
        beside
    }

    /// The packages of which some candidate needs each package. Those whose needs nobody knows yet need nothing.
    fn dependents(&self) -> Vec<Vec<usize>> {
        let mut dependents = vec![Vec::new(); self.packages.len()];
        for (place, package) in self.packages.iter().enumerate() {
            for need in package.candidates.iter().flat_map(|candidate| candidate.needs.unwrap_or_default()) {
                let of = self.places.get(need.name.as_str()).and_then(|of| dependents.get_mut(*of));
                if let Some(of) = of
                    && of.last() != Some(&place)
                {
                    of.push(place);
                }
            }
        }
        dependents
    }

    /// Goes down to the newest candidate that may be shown; true if that is another one than before.
    fn step_down(&mut self, place: usize) -> bool {
        let Some(package) = self.packages.get(place) else { return false };
        let before = self.at.get(place).copied().unwrap_or_default();
        let mut at = before;
        while let Some(candidate) = package.candidates.get(at) {
            let cause = match candidate.allowed {
                false => Some(Cause::Refused),
                true => self.unmet(candidate),
            };
            let Some(cause) = cause else { break };
            if at == 0 {
                self.causes.insert(place, cause);
            }
            at += 1;
        }
        if let Some(now) = self.at.get_mut(place) {
            *now = at;
        }
        at != before
    }

    /// The first need of a version that is not met by what may yet be shown.
    fn unmet(&self, candidate: &Candidate<'_>) -> Option<Cause> {
        let needs = candidate.needs.unwrap_or_default();
        let unmet = needs.iter().find(|need| match self.places.get(need.name.as_str()) {
            Some(of) => !self.meets(*of, need) && (!candidate.current || self.upstream_meets(*of, need)),
            None => !self.elsewhere.contains(need.name.as_str()),
        })?;
        Some(Cause::Unmet { need: unmet.clone(), of: self.places.get(unmet.name.as_str()).copied() })
    }

    fn meets(&self, of: usize, need: &Requirement) -> bool {
        let candidate = self.packages.get(of).zip(self.at.get(of)).and_then(|(of, at)| of.candidates.get(*at));
        candidate.is_some_and(|candidate| is_within(need, candidate))
    }

    fn upstream_meets(&self, of: usize, need: &Requirement) -> bool {
        let candidates = self.packages.get(of).map(|of| of.candidates.iter());
        candidates.is_some_and(|mut it| it.any(|candidate| candidate.current && is_within(need, candidate)))
    }
}

fn is_within(need: &Requirement, candidate: &Candidate<'_>) -> bool {
    need.bound.as_ref().is_none_or(|bound| bound.holds(&candidate.version))
}
