//! What of upstream does not do its work at the moment?

use std::collections::BTreeMap;
use std::sync::Mutex;

use crate::members::MemberId;

/// What of an upstream: indexes and files may be on different hosts.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Part {
    /// Its documents.
    Index,
    /// Its artifacts.
    Artifacts,
}

/// The last problem of each part of each upstream, until that part does its work again.
#[derive(Debug, Default)]
pub struct Trouble(Mutex<BTreeMap<(MemberId, Part), String>>);

impl Trouble {
    /// A part of this upstream did not do its work.
    pub fn note(&self, upstream: MemberId, part: Part, problem: String) {
        self.lock().insert((upstream, part), problem);
    }

    /// It did.
    pub fn over(&self, upstream: MemberId, part: Part) {
        self.lock().remove(&(upstream, part));
    }

    /// True if there is any with this upstream.
    pub fn has(&self, upstream: &MemberId) -> bool {
        self.lock().keys().any(|(there, _)| there == upstream)
    }

    /// All there is: upstream and problem.
    pub fn list(&self) -> Vec<(MemberId, String)> {
        self.lock().iter().map(|((upstream, _), problem)| (upstream.clone(), problem.clone())).collect()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<(MemberId, Part), String>> {
        self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}
