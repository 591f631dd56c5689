//! What has Weir itself found out about artifacts since it started?

use std::collections::HashMap;
use std::sync::Mutex;

use weir_core::PackageName;

/// Packages that are told apart before all are taken for changed at once.
const MAX_PACKAGES: usize = 100_000;

/// Counts, for each package, what was learnt about its artifacts. A number that was given for a package is never given
/// again after something more was learnt about it.
#[derive(Debug, Default)]
pub struct Learnt(Mutex<Counts>);

#[derive(Debug, Default)]
struct Counts {
    last: u64,
    /// What counts for packages that are not listed.
    floor: u64,
    of: HashMap<(&'static str, PackageName), u64>,
}

impl Learnt {
    /// Something was learnt about a package.
    pub fn add(&self, ecosystem: &'static str, package: &PackageName) {
        let mut counts = self.lock();
        counts.last += 1;
        let last = counts.last;
        if counts.of.len() >= MAX_PACKAGES {
            counts.of.clear();
            counts.floor = last;
        }
        counts.of.insert((ecosystem, package.clone()), last);
    }

    /// Something may have been learnt about every package.
    pub fn add_all(&self) {
        let mut counts = self.lock();
        counts.last += 1;
        counts.floor = counts.last;
        counts.of.clear();
    }

    /// The number of what is known about a package.
    pub fn of(&self, key: &(&'static str, PackageName)) -> u64 {
        let counts = self.lock();
        counts.of.get(key).copied().unwrap_or(counts.floor)
    }

    /// The number of what is known about all packages, and of which of `ecosystem` something was learnt after `number`;
    /// `None` if that cannot be said any more.
    pub fn since(&self, ecosystem: &str, number: u64) -> (u64, Option<Vec<PackageName>>) {
        let counts = self.lock();
        let later = counts.of.iter().filter(|((of, _), count)| *of == ecosystem && **count > number);
        let packages = (counts.floor <= number).then(|| later.map(|((_, package), _)| package.clone()).collect());
        (counts.last, packages)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Counts> {
        self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_never_given_again_also_when_packages_are_forgotten() {
        let learnt = Learnt::default();
        let package = PackageName::from_normalized("example");
        let other = PackageName::from_normalized("other");
        assert_eq!(learnt.of(&("pypi", package.clone())), 0);
        learnt.add("pypi", &package);
        let before = learnt.of(&("pypi", package.clone()));
        for number in 0..MAX_PACKAGES {
            learnt.add("npm", &PackageName::from_normalized(&number.to_string()));
        }
        let after = learnt.of(&("pypi", package.clone()));
        assert!(after > before);
        assert!(learnt.of(&("pypi", other)) > 0);
        let (number, packages) = learnt.since("pypi", before);
        assert_eq!(packages, None);
        learnt.add("pypi", &package);
        assert_eq!(learnt.since("pypi", number).1, Some(vec![package.clone()]));
        assert_eq!(learnt.since("npm", number).1, Some(Vec::new()));
        assert!(learnt.of(&("pypi", package)) > after);
    }
}
