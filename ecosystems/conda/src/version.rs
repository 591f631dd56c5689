//! Version order.
//!
//! Specification: CEP 33 and conda's `VersionOrder`, which conda, mamba and rattler agree on. A version is an epoch, parts
//! between `.` and `_`, and a local version after `+`; each part is runs of digits and of other characters. Missing parts
//! and runs count as 0, so `1.1` and `1.1.0` are equal; text stands before numbers, `*` before `dev` before `_` before other
//! text, and `post` after every number.

use weir_core::ecosystem::{InvalidRange, InvalidVersion, SortKey, VersionRange, Versions};

use crate::range::Spec;

/// Longest version, in characters: conda's own limit is a file name's.
pub const MAX_VERSION: usize = 128;

/// How conda orders versions.
pub struct VersionOrder;

/// A run of a part of a version.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Atom {
    /// Text, in the spelling by which it is compared.
    Text(String),
    /// A number: its digits without leading zeros; empty for 0.
    Number(String),
    /// `post`: after every number.
    Post,
}

/// A version as it is compared.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Version {
    /// The epoch and the parts.
    pub(crate) parts: Vec<Vec<Atom>>,
    /// The parts of the local version.
    pub(crate) local: Vec<Vec<Atom>>,
}

impl Version {
    /// Reads a version. `Err` with what is wrong.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut text = text.trim().to_ascii_lowercase();
        if text.is_empty() {
            return Err(String::from("it is empty"));
        }
        if text.len() > MAX_VERSION {
            return Err(format!("it is longer than {MAX_VERSION} characters"));
        }
        if text.contains('-') && !text.contains('_') {
            text = text.replace('-', "_");
        }
        let is_known = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "*.+!_".contains(c);
        if let Some(wrong) = text.chars().find(|c| !is_known(*c)) {
            return Err(format!("invalid character `{}`", wrong.escape_default()));
        }
        let (epoch, rest) = text.split_once('!').unwrap_or(("0", &text));
        if epoch.is_empty() || !epoch.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(String::from("its epoch is no number"));
        }
        let (version, local) = match rest.split_once('+') {
            Some((version, local)) => (version, Some(local)),
            None => (rest, None),
        };
        if version.is_empty() || rest.contains('!') || local.is_some_and(|local| local.contains('+')) {
            return Err(String::from("it has two epochs, two local versions, or nothing between them"));
        }
        let mut parts = vec![atoms(epoch)?];
        // A `_` at the end is openssl's way to say "before a letter": part of what stands before it.
        let (version, tail) = match version.strip_suffix('_') {
            Some(version) => (version, "_"),
            None => (version, ""),
        };
        let pieces: Vec<&str> = version.split(['.', '_']).collect();
        for (at, piece) in pieces.iter().enumerate() {
            let tail = if at + 1 == pieces.len() { tail } else { "" };
            parts.push(atoms(&format!("{piece}{tail}"))?);
        }
        let local = match local {
            Some(local) => local.split(['.', '_']).map(atoms).collect::<Result<_, _>>()?,
            None => Vec::new(),
        };
        Ok(Self { parts, local })
    }

    /// Bytes whose order is the versions' order.
    pub fn key(&self) -> SortKey {
        let mut key = Vec::new();
        list_key(&self.parts, &mut key);
        list_key(&self.local, &mut key);
        SortKey::from_bytes(key)
    }

    fn texts(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().chain(&self.local).flatten().filter_map(|atom| match atom {
            Atom::Text(text) => Some(text.as_str()),
            Atom::Number(_) | Atom::Post => None,
        })
    }

    /// True if what `prefix` names begins this: `1.1` begins 1.1.3 and 1.1a, not 1.10.
    pub(crate) fn starts_with(&self, prefix: &Self) -> bool {
        if prefix.local.is_empty() {
            begins(&self.parts, &prefix.parts)
        } else {
            self.parts == prefix.parts && begins(&self.local, &prefix.local)
        }
    }
}

fn begins(whole: &[Vec<Atom>], prefix: &[Vec<Atom>]) -> bool {
    let Some((last, before)) = prefix.split_last() else { return true };
    if whole.len() < before.len() || whole.iter().zip(before).any(|(a, b)| a != b) {
        return false;
    }
    let Some((end, middle)) = last.split_last() else { return true };
    let nothing = Vec::new();
    let part = whole.get(before.len()).unwrap_or(&nothing);
    if part.len() < middle.len() || part.iter().zip(middle).any(|(a, b)| a != b) {
        return false;
    }
    match (part.get(middle.len()), end) {
        (Some(Atom::Text(text)), Atom::Text(end)) => text.starts_with(end.as_str()),
        (Some(atom), end) => atom == end,
        (None, Atom::Number(number)) => number.is_empty(),
        (None, _) => false,
    }
}

fn atoms(part: &str) -> Result<Vec<Atom>, String> {
    let kind = |c: char| {
        if c.is_ascii_digit() {
            0
        } else if c == '*' {
            1
        } else {
            2
        }
    };
    let mut atoms = Vec::new();
    let mut rest = part;
    while let Some(first) = rest.chars().next() {
        let end = rest.find(|c| kind(c) != kind(first)).unwrap_or(rest.len());
        let (run, after) = rest.split_at(end);
        if atoms.is_empty() && kind(first) != 0 {
            // Numbers and text stay in phase.
            atoms.push(Atom::Number(String::new()));
        }
        atoms.push(match run {
            _ if kind(first) == 0 => Atom::Number(run.trim_start_matches('0').to_owned()),
            "post" => Atom::Post,
            // Upper case stands before `_` and all lower case.
            "dev" => Atom::Text(String::from("DEV")),
            text => Atom::Text(text.to_owned()),
        });
        rest = after;
    }
    if atoms.is_empty() { Err(String::from("it has an empty part")) } else { Ok(atoms) }
}

/// How something stands to the zeros that fill what is missing.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sign {
    Before,
    Zero,
    After,
}

impl Atom {
    fn sign(&self) -> Sign {
        match self {
            Self::Text(_) => Sign::Before,
            Self::Number(number) if number.is_empty() => Sign::Zero,
            Self::Number(_) | Self::Post => Sign::After,
        }
    }
}

// A run of zeros is written as its length before what follows it, so that a list compares with one that ends earlier as
// with zeros without end: what is before 0 comes the sooner the fewer zeros are before it, what is after 0 the later.
const BEFORE: u8 = 1;
const END: u8 = 2;
const AFTER: u8 = 3;

fn run(sign: Sign, zeros: u16, key: &mut Vec<u8>) {
    match sign {
        Sign::Before => {
            key.push(BEFORE);
            key.extend_from_slice(&zeros.to_be_bytes());
        }
        Sign::Zero => key.push(END),
        Sign::After => {
            key.push(AFTER);
            key.extend_from_slice(&(u16::MAX - zeros).to_be_bytes());
        }
    }
}

fn list_key(parts: &[Vec<Atom>], key: &mut Vec<u8>) {
    let mut zeros = 0;
    for part in parts {
        let sign = part.iter().map(Atom::sign).find(|sign| *sign != Sign::Zero).unwrap_or(Sign::Zero);
        if sign == Sign::Zero {
            zeros += 1;
            continue;
        }
        run(sign, zeros, key);
        part_key(part, key);
        zeros = 0;
    }
    key.push(END);
}

fn part_key(part: &[Atom], key: &mut Vec<u8>) {
    let mut zeros = 0;
    for atom in part {
        let sign = atom.sign();
        if sign == Sign::Zero {
            zeros += 1;
            continue;
        }
        run(sign, zeros, key);
        zeros = 0;
        match atom {
            Atom::Text(text) => {
                key.extend_from_slice(text.as_bytes());
                key.push(0);
            }
            Atom::Number(number) => {
                // No version is so long that this is cut.
                key.extend_from_slice(&(number.len() as u16).to_be_bytes());
                key.extend_from_slice(number.as_bytes());
            }
            Atom::Post => key.extend_from_slice(&u16::MAX.to_be_bytes()),
        }
    }
    key.push(END);
}

/// What marks a pre-release.
const PRE: [&str; 9] = ["DEV", "a", "alpha", "b", "beta", "c", "rc", "pre", "preview"];

impl Versions for VersionOrder {
    fn sort_key(&self, version: &str) -> Result<SortKey, InvalidVersion> {
        Version::parse(version).map(|version| version.key()).map_err(|problem| InvalidVersion {
            ecosystem: crate::ECOSYSTEM.title,
            version: version.chars().take(200).collect(),
            problem,
        })
    }

    fn is_prerelease(&self, version: &str) -> bool {
        Version::parse(version).is_ok_and(|version| version.texts().any(|text| PRE.contains(&text)))
    }

    fn major_line(&self, version: &str) -> Option<String> {
        let version = Version::parse(version).ok()?;
        match version.parts.get(1)?.first()? {
            Atom::Number(number) if number.is_empty() => Some(String::from("0")),
            Atom::Number(number) => Some(number.clone()),
            Atom::Text(_) | Atom::Post => None,
        }
    }

    fn range(&self, text: &str) -> Result<Box<dyn VersionRange>, InvalidRange> {
        Spec::parse(text).map(|spec| Box::new(spec) as Box<dyn VersionRange>).map_err(|problem| InvalidRange {
            ecosystem: crate::ECOSYSTEM.title,
            range: text.chars().take(200).collect(),
            problem,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::cmp::Ordering;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn versions_stand_in_the_order_that_conda_documents() {
        let order = [
            &["0.4", "0.4.0", "00.4", "0.4.00"][..],
            &["0.4.1.rc", "0.4.1.RC", "0.4.1-rc"],
            &["0.4.1"],
            &["0.5a1"],
            &["0.5b3"],
            &["0.5C1"],
            &["0.5"],
            &["0.9.6"],
            &["0.960923"],
            &["1.0"],
            &["1.1*"],
            &["1.1dev1"],
            &["1.1_"],
            &["1.1a1"],
            &["1.1.0dev1", "1.1.dev1"],
            &["1.1.a1"],
            &["1.1.0rc1"],
            &["1.1.0", "1.1"],
            &["1.1.0post1", "1.1.post1"],
            &["1.1post1"],
            &["1996.07.12"],
            &["1!0.4.1"],
            &["1!3.1.1.6"],
            &["2!0.4.1"],
        ];
        let flat: Vec<(usize, &str)> =
            order.iter().enumerate().flat_map(|(at, same)| same.iter().map(move |text| (at, *text))).collect();
        for (a, left) in &flat {
            for (b, right) in &flat {
                assert_eq!(VersionOrder.compare(left, right), Some(a.cmp(b)), "{left} {right}");
            }
        }
        for (left, right) in [
            ("1.0.1_", "1.0.1a"),
            ("1.0.1a", "1.0.1b"),
            ("1.0.1b", "1.0.1post.a"),
            ("1.0.1", "1.0.1post.a"),
            ("1.0.1post.a", "1.0.1post.b"),
            ("1.0+a", "1.0"),
            ("1.0", "1.0+1"),
            ("9", "10"),
            ("99999999999999999999998", "99999999999999999999999"),
        ] {
            assert_eq!(VersionOrder.compare(left, right), Some(Ordering::Less), "{left} {right}");
        }
    }

    #[test]
    fn what_is_no_version_is_refused() {
        for text in [
            "",
            "1..2",
            "1!",
            "!1",
            "1!2!3",
            "1+2+3",
            "+1",
            "a!1",
            "1-2_3",
            "é",
            "1 2",
            "5.5++",
            "3.5&1",
            "1.0.",
            &"1".repeat(129),
        ] {
            assert!(VersionOrder.sort_key(text).is_err(), "{text}");
        }
        assert!(VersionOrder.sort_key(&"1".repeat(128)).is_ok());
    }

    #[test]
    fn pre_releases_and_lines_are_told() {
        for (text, pre, line) in [
            ("1.2.3", false, "1"),
            ("2.0rc1", true, "2"),
            ("1.0.dev3", true, "1"),
            ("0.3", false, "0"),
            ("1.1.1w", false, "1"),
            ("2!3.0", false, "3"),
        ] {
            assert_eq!(
                (VersionOrder.is_prerelease(text), VersionOrder.major_line(text).as_deref()),
                (pre, Some(line)),
                "{text}"
            );
        }
    }

    /// The order itself, by zeros that fill what is missing.
    fn reference(a: &Version, b: &Version) -> Ordering {
        fn value(atom: Option<&Atom>) -> (u8, usize, String) {
            match atom {
                Some(Atom::Text(text)) => (0, 0, text.clone()),
                Some(Atom::Number(number)) => (1, number.len(), number.clone()),
                Some(Atom::Post) => (2, 0, String::new()),
                None => (1, 0, String::new()),
            }
        }
        for (a, b) in [(&a.parts, &b.parts), (&a.local, &b.local)] {
            for part in 0..a.len().max(b.len()) {
                let (a, b) = (a.get(part), b.get(part));
                for at in 0..a.map_or(0, Vec::len).max(b.map_or(0, Vec::len)) {
                    let (a, b) = (a.and_then(|a| a.get(at)), b.and_then(|b| b.get(at)));
                    match value(a).cmp(&value(b)) {
                        Ordering::Equal => {}
                        order => return order,
                    }
                }
            }
        }
        Ordering::Equal
    }

    proptest! {
        #[test]
        fn keys_stand_in_the_order_of_versions(
            a in "([0-2]!)?[0-2a-b]{1,2}([._](0|00|1|a|b0|post|dev|rc1|0a)){0,4}_?(\\+[0-1a]{1,2}(\\.0)?)?",
            b in "([0-2]!)?[0-2a-b]{1,2}([._](0|00|1|a|b0|post|dev|rc1|0a)){0,4}_?(\\+[0-1a]{1,2}(\\.0)?)?",
        ) {
            if let (Ok(a), Ok(b)) = (Version::parse(&a), Version::parse(&b)) {
                prop_assert_eq!(a.key().cmp(&b.key()), reference(&a, &b));
            }
        }

        #[test]
        fn no_text_breaks_it(text in "\\PC{0,40}") {
            drop(VersionOrder.sort_key(&text));
            drop(VersionOrder.range(&text));
        }
    }
}
