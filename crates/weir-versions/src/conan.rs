//! Conan's order.
//!
//! Specification: `conan.internal.model.version`. Items between dots, a pre-release after `-`, a build after `+`, each a
//! version of its own. Two items that are numbers are compared as such, otherwise both as text: 9 < 10 and 10 < `15x`, but
//! `15x` < 9. So this is no order, and such versions have no key: they are compared one with another.

use std::cmp::Ordering;

use weir_core::ecosystem::SortKey;

use crate::key::{Key, is_number};

const END: u8 = 0;
const NUMBER: u8 = 1;
const TEXT: u8 = 2;

/// A version, split.
struct Version<'v> {
    items: Vec<&'v str>,
    pre_release: Option<Box<Version<'v>>>,
    build: Option<Box<Version<'v>>>,
}

/// The key of a Conan version, if none of its items mixes digits with what they begin.
pub(crate) fn key(version: &str) -> Result<SortKey, &'static str> {
    let mut key = Key::default();
    read(version)?.key(&mut key)?;
    Ok(key.done())
}

/// The order of two versions; `None` if one cannot be read.
pub(crate) fn compare(a: &str, b: &str) -> Option<Ordering> {
    Some(read(a).ok()?.compare(&read(b).ok()?))
}

fn read(version: &str) -> Result<Version<'_>, &'static str> {
    if version.is_empty() || !version.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err("expected printable characters without blanks");
    }
    Ok(parts(version))
}

/// A build has no `+` in it and a pre-release neither that nor `-`, so this goes three deep.
fn parts(version: &str) -> Version<'_> {
    let (rest, build) = match version.rsplit_once('+') {
        Some((rest, build)) => (rest, Some(Box::new(parts(build)))),
        None => (version, None),
    };
    let (rest, pre_release) = match rest.rsplit_once('-') {
        Some((rest, pre_release)) => (rest, Some(Box::new(parts(pre_release)))),
        None => (rest, None),
    };
    let mut items: Vec<&str> = rest.split('.').collect();
    // Zeros at the end say nothing.
    while items.last().is_some_and(|item| is_zero(item)) {
        items.pop();
    }
    Version { items, pre_release, build }
}

fn is_zero(item: &str) -> bool {
    is_number(item) && item.bytes().all(|byte| byte == b'0')
}

fn items(a: &str, b: &str) -> Ordering {
    if is_number(a) && is_number(b) {
        let (a, b) = (a.trim_start_matches('0'), b.trim_start_matches('0'));
        a.len().cmp(&b.len()).then_with(|| a.cmp(b))
    } else {
        a.cmp(b)
    }
}

impl Version<'_> {
    fn compare(&self, other: &Self) -> Ordering {
        let both = self.items.iter().zip(&other.items);
        let main = both.map(|(a, b)| items(a, b)).find(|order| order.is_ne());
        main.unwrap_or_else(|| self.items.len().cmp(&other.items.len()))
            // One that announces is before the one without.
            .then_with(|| match (&self.pre_release, &other.pre_release) {
                (Some(a), Some(b)) => a.compare(b),
                (a, b) => b.is_some().cmp(&a.is_some()),
            })
            .then_with(|| match (&self.build, &other.build) {
                (Some(a), Some(b)) => a.compare(b),
                (a, b) => a.is_some().cmp(&b.is_some()),
            })
    }

    fn key(&self, key: &mut Key) -> Result<(), &'static str> {
        for item in &self.items {
            if is_number(item) {
                key.mark(NUMBER).number(item);
            } else if item.starts_with(|first: char| first.is_ascii_alphabetic()) {
                key.mark(TEXT).text(item);
            } else {
                return Err("an item mixes digits with other characters, which Conan compares without an order");
            }
        }
        key.mark(END);
        for (part, absent, present) in [(&self.pre_release, 1, 0), (&self.build, 0, 1)] {
            match part {
                Some(part) => {
                    key.mark(present);
                    part.key(key)?;
                }
                None => {
                    key.mark(absent);
                }
            }
        }
        Ok(())
    }
}
