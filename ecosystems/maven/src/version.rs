//! Versions: the order of Maven's `ComparableVersion`, of Maven 3.9.
//!
//! Specification: POM reference, "Version Order Specification". Every text is a version: a chain of lists of numbers and
//! words, each list the last item of the one before. The order is not transitive (`1.0.0-sp` is less than `1-0-alpha`, that
//! is less than `1`, and `1` is less than `1.0.0-sp`), so there are two of it here: [`Version::cmp_maven`] is Maven's own, and
//! [`Version::key`] an order that agrees with it wherever words stand first in their list, as in all but odd versions.

use std::cmp::Ordering;

use weir_core::ecosystem::{InvalidRange, InvalidVersion, SortKey, VersionRange, Versions};

use crate::range::Ranges;

/// Longest version that is read, in bytes.
pub const MAX_VERSION: usize = 200;

/// The words that Maven knows, in their order; the empty one is the release itself.
const QUALIFIERS: [&str; 7] = ["alpha", "beta", "milestone", "rc", "snapshot", "", "sp"];
/// The place of the release among them.
const RELEASE: u8 = 5;
/// Words that people write for what comes before a release, though Maven sorts them after it.
const EARLY: [&str; 7] = ["pre", "preview", "ea", "eap", "dev", "nightly", "canary"];

/// How Maven orders versions.
pub struct Comparable;

impl Versions for Comparable {
    fn sort_key(&self, version: &str) -> Result<SortKey, InvalidVersion> {
        Ok(Version::parse(version)?.key())
    }

    fn compare(&self, a: &str, b: &str) -> Option<Ordering> {
        Some(Version::parse(a).ok()?.cmp_maven(&Version::parse(b).ok()?))
    }

    fn is_prerelease(&self, version: &str) -> bool {
        let Ok(version) = Version::parse(version) else { return false };
        let early = |word: &Word| word.rank < RELEASE || EARLY.contains(&word.text.as_str());
        version.words().any(early)
    }

    fn major_line(&self, version: &str) -> Option<String> {
        let version = version.trim().trim_start_matches(['v', 'V']);
        let digits: &str = version.split(|c: char| !c.is_ascii_digit()).next()?;
        let major = digits.trim_start_matches('0');
        match (digits.is_empty(), major.is_empty()) {
            (true, _) => None,
            (false, true) => Some(String::from("0")),
            (false, false) => Some(major.to_owned()),
        }
    }

    fn range(&self, text: &str) -> Result<Box<dyn VersionRange>, InvalidRange> {
        Ok(Box::new(Ranges::parse(text)?))
    }
}

/// A version, split into the lists that Maven makes of it: each is the last item of the one before.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Version(Vec<Vec<Item>>);

#[derive(Clone, PartialEq, Eq, Debug)]
enum Item {
    /// Digits without leading zeros; none for 0.
    Number(String),
    Word(Word),
}

/// A word with its place among those that Maven knows; after them come all others by their letters.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Word {
    rank: u8,
    text: String,
}

impl Version {
    /// Reads a version. Refused are only texts that could be no directory of a repository.
    pub fn parse(text: &str) -> Result<Self, InvalidVersion> {
        let invalid = |problem: &str| InvalidVersion {
            ecosystem: crate::ECOSYSTEM.title,
            version: text.chars().take(200).collect(),
            problem: problem.to_owned(),
        };
        if text.is_empty() {
            return Err(invalid("it is empty"));
        }
        if text.len() > MAX_VERSION {
            return Err(invalid("it is longer than 200 characters"));
        }
        if let Some(c) = text.bytes().find(|c| !c.is_ascii_graphic() || b"/\\:\"<>|?*[](),;&%#'`$".contains(c)) {
            let c = char::from(c).escape_default();
            return Err(invalid(&format!("it has the character `{c}`, which no version can have")));
        }
        Ok(Self::split(&text.to_ascii_lowercase()))
    }

    fn split(text: &str) -> Self {
        let mut lists: Vec<Vec<Item>> = vec![Vec::new()];
        let (mut start, mut in_digits) = (0, false);
        for (at, c) in text.bytes().enumerate() {
            match c {
                b'.' | b'-' => {
                    push(&mut lists, item(text.get(start..at).unwrap_or_default(), in_digits));
                    start = at + 1;
                    if c == b'-' {
                        lists.push(Vec::new());
                    }
                }
                b'0'..=b'9' => {
                    if !in_digits && at > start {
                        // `1.0.0.X1` is read as `1.0.0-X1`.
                        begin(&mut lists);
                        push(&mut lists, Item::Word(Word::of(text.get(start..at).unwrap_or_default(), true)));
                        start = at;
                        lists.push(Vec::new());
                    }
                    in_digits = true;
                }
                _ => {
                    if in_digits && at > start {
                        push(&mut lists, item(text.get(start..at).unwrap_or_default(), true));
                        start = at;
                        lists.push(Vec::new());
                    }
                    in_digits = false;
                }
            }
        }
        if let Some(rest) = text.get(start..).filter(|rest| !rest.is_empty()) {
            if !in_digits {
                begin(&mut lists);
            }
            push(&mut lists, item(rest, in_digits));
        }
        for list in &mut lists {
            while list.last().is_some_and(Item::is_nothing) {
                list.pop();
            }
        }
        while lists.last().is_some_and(Vec::is_empty) {
            lists.pop();
        }
        Self(lists)
    }

    fn words(&self) -> impl Iterator<Item = &Word> {
        self.0.iter().flatten().filter_map(|item| match item {
            Item::Word(word) => Some(word),
            Item::Number(_) => None,
        })
    }

    /// Maven's own order. Not transitive.
    pub fn cmp_maven(&self, other: &Self) -> Ordering {
        compare_lists(&self.0, &other.0)
    }

    /// True if Maven's order of this version and any other of which this is true is that of their keys.
    pub fn is_ordinary(&self) -> bool {
        let word_after_others = |list: &Vec<Item>| list.iter().skip(1).any(|item| matches!(item, Item::Word(_)));
        let begins_with_word =
            |list: &Vec<Item>| matches!(list.first(), Some(Item::Word(word)) if word.rank != RELEASE);
        let begins_with_number = |list: &Vec<Item>| matches!(list.first(), Some(Item::Number(_)));
        !self.0.iter().any(word_after_others)
            && self.0.first().is_none_or(|root| !matches!(root.first(), Some(Item::Word(_))))
            && self.0.iter().skip(1).all(|list| begins_with_word(list) || begins_with_number(list))
    }

    /// Bytes in an order that is Maven's among [`Version::is_ordinary`] versions.
    ///
    /// At each place stand, from low to high: a word or list that is less than nothing, the end, a word or list that is more,
    /// a number. A number has before it how many zeros stand there, the more the less, since `1.0.1` is less than `1.1`.
    pub fn key(&self) -> SortKey {
        let mut key = Vec::with_capacity(24);
        for (at, list) in self.0.iter().enumerate() {
            if at > 0 {
                key.push(if sign(&self.0[at..]).is_lt() { place::LIST_BEFORE } else { place::LIST_AFTER });
            }
            let mut zeros = 0u8;
            for item in list {
                match item {
                    Item::Number(digits) if digits.is_empty() => zeros = zeros.saturating_add(1),
                    Item::Number(digits) => {
                        key.extend([place::NUMBER, u8::MAX - zeros, digits.len() as u8]);
                        key.extend_from_slice(digits.as_bytes());
                        zeros = 0;
                    }
                    Item::Word(word) => {
                        key.push(if word.rank < RELEASE { place::WORD_BEFORE } else { place::WORD_AFTER });
                        key.push(word.rank);
                        key.extend_from_slice(word.text.as_bytes());
                        key.push(0);
                        zeros = 0;
                    }
                }
            }
        }
        key.push(place::END);
        SortKey::from_bytes(key)
    }
}

/// What stands at a place of a key.
mod place {
    pub(super) const WORD_BEFORE: u8 = 0x10;
    pub(super) const LIST_BEFORE: u8 = 0x20;
    pub(super) const END: u8 = 0x30;
    pub(super) const WORD_AFTER: u8 = 0x40;
    pub(super) const LIST_AFTER: u8 = 0x50;
    pub(super) const NUMBER: u8 = 0x60;
}

impl Item {
    fn is_nothing(&self) -> bool {
        self.sign().is_eq()
    }

    /// Its order against nothing.
    fn sign(&self) -> Ordering {
        match self {
            Self::Number(digits) if digits.is_empty() => Ordering::Equal,
            Self::Number(_) => Ordering::Greater,
            Self::Word(word) => word.rank.cmp(&RELEASE),
        }
    }
}

impl Word {
    fn of(text: &str, before_digit: bool) -> Self {
        let text = match text {
            "a" if before_digit => "alpha",
            "b" if before_digit => "beta",
            "m" if before_digit => "milestone",
            "ga" | "final" | "release" => "",
            "cr" => "rc",
            text => text,
        };
        let rank = QUALIFIERS.iter().position(|word| *word == text).unwrap_or(QUALIFIERS.len());
        Self { rank: rank as u8, text: text.to_owned() }
    }
}

fn item(text: &str, in_digits: bool) -> Item {
    match in_digits || text.is_empty() {
        true => Item::Number(text.trim_start_matches('0').to_owned()),
        false => Item::Word(Word::of(text, false)),
    }
}

fn push(lists: &mut [Vec<Item>], item: Item) {
    if let Some(list) = lists.last_mut() {
        list.push(item);
    }
}

/// A word begins a list of its own, unless its list has nothing yet.
fn begin(lists: &mut Vec<Vec<Item>>) {
    if lists.last().is_some_and(|list| !list.is_empty()) {
        lists.push(Vec::new());
    }
}

/// What stands at one place of a list: an item, the rest of the chain, or nothing.
#[derive(Clone, Copy)]
enum At<'a> {
    Item(&'a Item),
    List(&'a [Vec<Item>]),
    Nothing,
}

fn at(lists: &[Vec<Item>], place: usize) -> At<'_> {
    let Some((list, rest)) = lists.split_first() else { return At::Nothing };
    match list.get(place) {
        Some(item) => At::Item(item),
        None if place == list.len() && !rest.is_empty() => At::List(rest),
        None => At::Nothing,
    }
}

/// The order of a chain of lists against nothing: that of its first item that has one.
fn sign(lists: &[Vec<Item>]) -> Ordering {
    lists.iter().flatten().map(Item::sign).find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
}

fn compare_lists(a: &[Vec<Item>], b: &[Vec<Item>]) -> Ordering {
    let (mut a, mut b, mut place) = (a, b, 0);
    loop {
        let order = match (at(a, place), at(b, place)) {
            (At::Nothing, At::Nothing) => return Ordering::Equal,
            (At::List(x), At::List(y)) => {
                // After a list its own list has nothing more, on either side.
                (a, b, place) = (x, y, 0);
                continue;
            }
            (x, y) => compare_places(x, y),
        };
        if order.is_ne() {
            return order;
        }
        place += 1;
    }
}

fn compare_places(a: At<'_>, b: At<'_>) -> Ordering {
    use Item::{Number, Word};
    match (a, b) {
        (At::Nothing, At::Nothing) => Ordering::Equal,
        (At::Item(item), At::Nothing) => item.sign(),
        (At::List(list), At::Nothing) => sign(list),
        (At::Nothing, other) => compare_places(other, At::Nothing).reverse(),
        (At::Item(Number(a)), At::Item(Number(b))) => a.len().cmp(&b.len()).then_with(|| a.cmp(b)),
        (At::Item(Word(a)), At::Item(Word(b))) => a.cmp(b),
        // A word is less than a list, a list less than a number.
        (At::Item(Number(_)), _) | (At::List(_), At::Item(Word(_))) => Ordering::Greater,
        (_, At::Item(Number(_))) | (At::Item(Word(_)), At::List(_)) => Ordering::Less,
        (At::List(a), At::List(b)) => compare_lists(a, b),
    }
}
