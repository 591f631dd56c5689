//! Which names look like this one, in a microsecond?

use std::collections::HashMap;
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};

use weir_core::facts::{Lookalike, Slip};

use crate::spelling::{at_a_glance, is_one_slip, letters, scope, without_language, words};

/// The names of a list that others are compared with: those that everybody uses. Further ones are only known as not being
/// strangers.
pub const MOST_USED: usize = 1000;

/// The well-known names of one ecosystem.
#[derive(Debug, Default)]
pub struct Names {
    /// The most used, in order.
    most_used: Vec<Box<str>>,
    /// Hashes of all names, ascending.
    listed: Vec<u64>,
    /// Hashes of the ways in which a most used name may be written, ascending, with its place.
    ways: Vec<(u64, u16)>,
}

/// Ways of writing are told apart, so that no deletion is taken for an order of words.
#[derive(Clone, Copy)]
enum Way {
    Listed,
    Letters,
    Glance,
    Words,
    Slip,
}

impl Names {
    /// The index of these names, in the ecosystem's normal form, most used first.
    pub fn new<'n>(names: impl IntoIterator<Item = &'n str>) -> Self {
        let mut made = Self::default();
        for (place, name) in names.into_iter().enumerate() {
            made.listed.push(hash(Way::Listed, name));
            if place >= MOST_USED {
                continue;
            }
            let Ok(place) = u16::try_from(place) else { continue };
            each_way(name, &mut |way| made.ways.push((way, place)));
            made.most_used.push(name.into());
        }
        made.listed.sort_unstable();
        made.ways.sort_unstable();
        made.ways.dedup();
        made.ways.shrink_to_fit();
        made
    }

    /// How many names there are.
    pub fn len(&self) -> usize {
        self.listed.len()
    }

    /// True if there are none.
    pub fn is_empty(&self) -> bool {
        self.listed.is_empty()
    }

    /// True if a name is on the list.
    pub fn is_listed(&self, name: &str) -> bool {
        self.listed.binary_search(&hash(Way::Listed, name)).is_ok()
    }

    /// The most used of the names that `name`, in normal form, could be mistaken for. What is on the list itself is no
    /// stranger, and names of one scope have one owner.
    pub fn lookalike(&self, name: &str) -> Option<Lookalike> {
        if self.most_used.is_empty() || self.is_listed(name) { None } else { self.like(name) }
    }

    /// The most used of the names before `place` that the name at `place` of the list could be mistaken for: how a list is
    /// measured by itself.
    pub fn like(&self, name: &str) -> Option<Lookalike> {
        let mut places: Vec<u16> = Vec::new();
        each_way(name, &mut |way| {
            let start = self.ways.partition_point(|(hash, _)| *hash < way);
            places.extend(self.ways[start..].iter().take_while(|(hash, _)| *hash == way).map(|(_, place)| *place));
        });
        if let Some(rest) = without_language(name) {
            let way = hash(Way::Letters, &letters(rest));
            let start = self.ways.partition_point(|(hash, _)| *hash < way);
            places.extend(self.ways[start..].iter().take_while(|(hash, _)| *hash == way).map(|(_, place)| *place));
        }
        places.sort_unstable();
        places.dedup();
        places.into_iter().find_map(|place| {
            let other = self.most_used.get(usize::from(place))?;
            let slip = compare(name, other)?;
            Some(Lookalike { name: other.clone(), rank: u32::from(place) + 1, slip })
        })
    }

    /// A rough weight in memory, in bytes.
    pub fn weight(&self) -> usize {
        self.most_used.iter().map(|name| name.len() + 16).sum::<usize>() + self.listed.len() * 8 + self.ways.len() * 16
    }
}

/// What was slipped to get from one name to the other; `None` if they are not alike, or have one owner.
fn compare(name: &str, other: &str) -> Option<Slip> {
    let (own_scope, other_scope) = (scope(name), scope(other));
    if name == other || (own_scope.is_some() && own_scope == other_scope) {
        return None;
    }
    let (a, b) = (letters(name), letters(other));
    if a == b {
        // Registries refuse a new name that differs from another in separators alone; a scope gets around that.
        return (own_scope.is_some() != other_scope.is_some()).then_some(Slip::Scope);
    }
    if at_a_glance(&a) == at_a_glance(&b) {
        return Some(Slip::Glance);
    }
    if is_one_slip(&a, &b) {
        return Some(Slip::Edit);
    }
    if words(name).is_some_and(|own| words(other) == Some(own)) {
        return Some(Slip::Order);
    }
    without_language(name).filter(|rest| letters(rest) == b).map(|_| Slip::Affix)
}

/// Calls `each` with the hash of every way to write a name under which a name that is like it is found.
fn each_way(name: &str, each: &mut dyn FnMut(u64)) {
    let letters = letters(name);
    each(hash(Way::Letters, &letters));
    each(hash(Way::Glance, &at_a_glance(&letters)));
    if let Some(words) = words(name) {
        each(hash(Way::Words, &words));
    }
    // Two names that are one edit or swap apart have a way in common that leaves out at most one letter of each.
    each(hash(Way::Slip, &letters));
    let mut shorter = String::with_capacity(letters.len());
    for (at, letter) in letters.char_indices() {
        shorter.clear();
        shorter.push_str(&letters[..at]);
        shorter.push_str(&letters[at + letter.len_utf8()..]);
        each(hash(Way::Slip, &shorter));
    }
}

/// A hash that is the same in every run.
fn hash(way: Way, text: &str) -> u64 {
    BuildHasherDefault::<DefaultHasher>::default().hash_one((way as u8, text))
}

/// The well-known names of all ecosystems, by id.
pub(crate) type ByEcosystem = HashMap<&'static str, Names>;
