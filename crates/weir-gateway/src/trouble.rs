//! What of upstream does not do its work at the moment?

use std::collections::BTreeMap;
use std::sync::Mutex;

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
pub struct Trouble(Mutex<BTreeMap<(&'static str, Part), String>>);

impl Trouble {
    /// A part of the upstream of this ecosystem did not do its work.
    pub fn note(&self, ecosystem: &'static str, part: Part, problem: String) {
        self.lock().insert((ecosystem, part), problem);
    }

    /// It did.
    pub fn over(&self, ecosystem: &'static str, part: Part) {
        self.lock().remove(&(ecosystem, part));
    }

    /// True if there is any with the upstream of this ecosystem.
    pub fn has(&self, ecosystem: &'static str) -> bool {
        self.lock().keys().any(|(there, _)| *there == ecosystem)
    }

    /// All there is: ecosystem and problem.
    pub fn list(&self) -> Vec<(&'static str, String)> {
        self.lock().iter().map(|((ecosystem, _), problem)| (*ecosystem, problem.clone())).collect()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<(&'static str, Part), String>> {
        self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}
