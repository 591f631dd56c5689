//! Versions: PEP 440, read as leniently as the reference implementation (`packaging`) reads them.
//!
//! A version is `epoch!release`, then at most one each of pre-, post- and development release, then a local label:
//! `1!2.0rc1.post3.dev4+ubuntu.1`. What PyPI holds from before PEP 440 and does not fit is an error here: a release with
//! such a version is *not assessed*, never *not affected*.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use weir_core::ecosystem::{InvalidRange, VersionRange, Versions};
use weir_core::{InvalidVersion, SortKey};

use crate::specifier::Specifiers;

/// Longest version that is read, in bytes. It also bounds the digits of each number in it.
pub const MAX_LENGTH: usize = 256;

/// How PyPI orders versions.
#[derive(Clone, Copy, Debug)]
pub struct PypiVersions;

impl PypiVersions {
    /// The key of a version, also of one from before PEP 440.
    fn place(&self, version: &str) -> Option<SortKey> {
        self.sort_key(version).ok().or_else(|| crate::legacy::sort_key(version))
    }
}

impl Versions for PypiVersions {
    fn sort_key(&self, version: &str) -> Result<SortKey, InvalidVersion> {
        Ok(version.parse::<Version>()?.sort_key())
    }

    fn compare(&self, a: &str, b: &str) -> Option<Ordering> {
        match (a.parse::<Version>(), b.parse::<Version>()) {
            (Ok(a), Ok(b)) => Some(a.cmp(&b)),
            // Versions from before PEP 440 have no key: as the bound of a range, `2.6.0-NA` means 2.6.0.
            _ => Some(self.place(a)?.cmp(&self.place(b)?)),
        }
    }

    fn canonical(&self, version: &str) -> String {
        version.parse::<Version>().map_or_else(|_| version.to_owned(), |version| version.canonical())
    }

    fn public(&self, version: &str) -> Option<String> {
        let version = version.parse::<Version>().ok().filter(Version::is_local)?;
        Some(Version { local: Vec::new(), ..version }.to_string())
    }

    fn is_prerelease(&self, version: &str) -> bool {
        version.parse::<Version>().is_ok_and(|version| version.is_prerelease())
    }

    fn major_line(&self, version: &str) -> Option<String> {
        version.parse::<Version>().ok().map(|version| version.major_line())
    }

    fn range(&self, text: &str) -> Result<Box<dyn VersionRange>, InvalidRange> {
        Ok(Box::new(text.parse::<Specifiers>()?))
    }
}

/// A PEP 440 version. Equality and order are those of PEP 440, so `1.0` and `1.0.0` are equal; they display differently.
#[derive(Clone, Debug)]
pub struct Version {
    epoch: Number,
    /// Never empty; with the trailing zeros that were written.
    release: Vec<Number>,
    pre: Option<(Phase, Number)>,
    post: Option<Number>,
    dev: Option<Number>,
    /// Empty if there is no local label.
    local: Vec<Segment>,
}

/// The phases of pre-releases, in order.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Phase {
    Alpha,
    Beta,
    Candidate,
}

/// One segment of a local label. Text sorts before numbers.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Segment {
    Text(String),
    Number(Number),
}

/// A number of any length. Dates with times and hashes read as decimals do not fit 64 bits.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Number {
    Small(u64),
    /// Above `u64::MAX`: the count of digits, then the digits without leading zeros.
    Large(usize, Box<str>),
}

/// A version's place in the order: tuples of these compare as PEP 440 says.
type Place<'a> = (&'a Number, &'a [Number], Maturity<'a>, Option<&'a Number>, Progress<'a>, &'a [Segment]);

/// How far a release has come. `1.0.dev1` lies before `1.0a1`, though `1.0a1.dev1` belongs to `1.0a1`.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Maturity<'a> {
    Development,
    Pre(Phase, &'a Number),
    Final,
}

/// A development release lies before what it leads up to.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Progress<'a> {
    Development(&'a Number),
    Done,
}

impl Version {
    /// True for alphas, betas, candidates and development releases.
    pub fn is_prerelease(&self) -> bool {
        self.pre.is_some() || self.dev.is_some()
    }

    /// True if there is a local label (`+ubuntu.1`).
    pub fn is_local(&self) -> bool {
        !self.local.is_empty()
    }

    /// The number of release segments as written: 3 in `1.0.0`.
    pub(crate) fn release_length(&self) -> usize {
        self.release.len()
    }

    /// True for a final release or a pre-release, with no post or development part: what `>` treats as a family.
    pub(crate) fn is_release_or_pre(&self) -> bool {
        self.post.is_none() && self.dev.is_none()
    }

    /// True for nothing but an epoch and a release.
    pub(crate) fn is_plain(&self) -> bool {
        !self.is_prerelease() && self.post.is_none() && self.local.is_empty()
    }

    /// The normal form without trailing zeros of the release: equal texts if and only if equal versions.
    pub fn canonical(&self) -> String {
        let release = match self.trimmed_release() {
            [] => &self.release[..1],
            release => release,
        };
        Self { release: release.to_vec(), ..self.clone() }.to_string()
    }

    /// The line of compatible upgrades: `4` for 4.2.1, `0.2` for 0.2.7, `1!4` for 1!4.2.1.
    pub fn major_line(&self) -> String {
        let epoch = if self.epoch.is_zero() { String::new() } else { format!("{}!", self.epoch) };
        match self.release.as_slice() {
            [zero, minor, ..] if zero.is_zero() => format!("{epoch}0.{minor}"),
            [zero] if zero.is_zero() => format!("{epoch}0.0"),
            [major, ..] => format!("{epoch}{major}"),
            [] => epoch,
        }
    }

    /// Bytes whose order is the order of versions.
    ///
    /// Each part is self-delimiting, so that a longer key never continues where a shorter one could have differed: lists
    /// put a byte above zero before each element and end with zero, numbers tell their length first.
    pub fn sort_key(&self) -> SortKey {
        let mut key = Vec::with_capacity(24);
        let (epoch, release, maturity, post, progress, local) = self.place();
        epoch.write_key(&mut key);
        for number in release {
            number.write_key(&mut key);
        }
        key.push(END);
        match maturity {
            Maturity::Development => key.push(1),
            Maturity::Pre(phase, number) => {
                key.push(2 + phase as u8);
                number.write_key(&mut key);
            }
            Maturity::Final => key.push(5),
        }
        match post {
            None => key.push(1),
            Some(number) => {
                key.push(2);
                number.write_key(&mut key);
            }
        }
        match progress {
            Progress::Development(number) => {
                key.push(1);
                number.write_key(&mut key);
            }
            Progress::Done => key.push(2),
        }
        for segment in local {
            match segment {
                Segment::Text(text) => {
                    key.push(1);
                    key.extend_from_slice(text.as_bytes());
                    key.push(END);
                }
                Segment::Number(number) => {
                    key.push(2);
                    number.write_key(&mut key);
                }
            }
        }
        key.push(END);
        SortKey::from_bytes(key)
    }

    /// True if both are the same but for local labels.
    pub(crate) fn same_public(&self, other: &Self) -> bool {
        self.same_family(other) && self.post == other.post && self.dev == other.dev
    }

    /// True if both are the same but for post-releases, development releases and local labels.
    pub(crate) fn same_family(&self, other: &Self) -> bool {
        self.epoch == other.epoch && self.trimmed_release() == other.trimmed_release() && self.pre == other.pre
    }

    /// True if the release begins with the first `length` segments of `prefix`; what is not written is zero.
    pub(crate) fn release_starts_with(&self, prefix: &Self, length: usize) -> bool {
        let zero = Number::Small(0);
        self.epoch == prefix.epoch
            && prefix
                .release
                .iter()
                .take(length)
                .enumerate()
                .all(|(place, number)| self.release.get(place).unwrap_or(&zero) == number)
    }

    /// What `<bound` means: below `bound`, and none of its pre-releases unless it is one itself.
    pub(crate) fn is_before(&self, bound: &Self) -> bool {
        if bound.is_prerelease() {
            return self < bound;
        }
        let first = Self { dev: Some(Number::Small(0)), local: Vec::new(), ..bound.clone() };
        *self < first
    }

    fn place(&self) -> Place<'_> {
        let maturity = match (&self.pre, &self.post, &self.dev) {
            (Some((phase, number)), _, _) => Maturity::Pre(*phase, number),
            (None, None, Some(_)) => Maturity::Development,
            (None, _, _) => Maturity::Final,
        };
        let progress = self.dev.as_ref().map_or(Progress::Done, Progress::Development);
        (&self.epoch, self.trimmed_release(), maturity, self.post.as_ref(), progress, &self.local)
    }

    fn trimmed_release(&self) -> &[Number] {
        let length = self.release.iter().rposition(|number| !number.is_zero()).map_or(0, |last| last + 1);
        &self.release[..length]
    }
}

impl Ord for Version {
    fn cmp(&self, other: &Self) -> Ordering {
        self.place().cmp(&other.place())
    }
}

impl PartialOrd for Version {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Version {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Version {}

impl fmt::Display for Version {
    /// The normal form.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.epoch.is_zero() {
            write!(f, "{}!", self.epoch)?;
        }
        for (place, number) in self.release.iter().enumerate() {
            write!(f, "{}{number}", if place == 0 { "" } else { "." })?;
        }
        if let Some((phase, number)) = &self.pre {
            let phase = match phase {
                Phase::Alpha => "a",
                Phase::Beta => "b",
                Phase::Candidate => "rc",
            };
            write!(f, "{phase}{number}")?;
        }
        if let Some(number) = &self.post {
            write!(f, ".post{number}")?;
        }
        if let Some(number) = &self.dev {
            write!(f, ".dev{number}")?;
        }
        for (place, segment) in self.local.iter().enumerate() {
            f.write_str(if place == 0 { "+" } else { "." })?;
            match segment {
                Segment::Text(text) => f.write_str(text)?,
                Segment::Number(number) => write!(f, "{number}")?,
            }
        }
        Ok(())
    }
}

impl FromStr for Version {
    type Err = InvalidVersion;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        parse(text).map_err(|problem| InvalidVersion {
            ecosystem: "PyPI",
            version: text.chars().take(200).collect(),
            problem: String::from(problem),
        })
    }
}

/// Ends a list in a key: below every byte that begins an element.
const END: u8 = 0;

impl Number {
    /// From ASCII digits, at least one and at most [`MAX_LENGTH`].
    fn from_digits(digits: &str) -> Self {
        let digits = digits.trim_start_matches('0');
        if digits.is_empty() {
            return Self::Small(0);
        }
        digits.parse().map_or_else(|_| Self::Large(digits.len(), digits.into()), Self::Small)
    }

    fn is_zero(&self) -> bool {
        *self == Self::Small(0)
    }

    /// The length (one byte above [`END`]), then that many bytes. Small numbers take 0 to 8 bytes, big-endian; larger ones
    /// have at least 20 decimal digits and are written as such, with lengths above those of small numbers.
    fn write_key(&self, key: &mut Vec<u8>) {
        match self {
            Self::Small(number) => {
                let skipped = number.leading_zeros() / 8;
                key.push(9 - skipped as u8);
                key.extend_from_slice(&number.to_be_bytes()[skipped as usize..]);
            }
            Self::Large(length, digits) => {
                key.push(10 + length.saturating_sub(20).min(245) as u8);
                key.extend_from_slice(digits.as_bytes());
            }
        }
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Small(number) => write!(f, "{number}"),
            Self::Large(_, digits) => f.write_str(digits),
        }
    }
}

/// Reads the grammar of PEP 440, appendix B. Every optional part takes as much as it can: nothing is ever taken back.
fn parse(text: &str) -> Result<Version, &'static str> {
    if text.len() > MAX_LENGTH {
        return Err("it is longer than 256 bytes");
    }
    let mut cursor = Cursor(text.trim_matches(is_space));
    cursor.word(&["v"]);
    let first = cursor.number().ok_or("expected a number such as 1.2.3, see PEP 440")?;
    let (epoch, first) = if cursor.eat(b"!") {
        (first, cursor.number().ok_or("expected a release number after the epoch")?)
    } else {
        (Number::Small(0), first)
    };
    let mut release = vec![first];
    while let Some(number) = cursor.after(b".", Cursor::number) {
        release.push(number);
    }
    let pre = cursor.marked(&["alpha", "a", "beta", "b", "preview", "pre", "c", "rc"]).map(|(word, number)| {
        let phase = match word.as_bytes()[0] {
            b'a' => Phase::Alpha,
            b'b' => Phase::Beta,
            _ => Phase::Candidate,
        };
        (phase, number)
    });
    let post =
        cursor.after(b"-", Cursor::number).or_else(|| cursor.marked(&["post", "rev", "r"]).map(|(_, number)| number));
    let dev = cursor.marked(&["dev"]).map(|(_, number)| number);
    let mut local = Vec::new();
    if cursor.eat(b"+") {
        loop {
            local.push(cursor.segment().ok_or("expected letters or digits in the local label after `+`")?);
            if !cursor.eat(b"._-") {
                break;
            }
        }
    }
    if !cursor.0.is_empty() {
        return Err("expected only pre, post, dev and local parts after the release number, see PEP 440");
    }
    Ok(Version { epoch, release, pre, post, dev, local })
}

/// What Python's `str.strip` removes: Unicode white space and the four ASCII information separators.
pub(crate) fn is_space(c: char) -> bool {
    c.is_whitespace() || ('\u{1c}'..='\u{1f}').contains(&c)
}

/// What remains to be read.
struct Cursor<'a>(&'a str);

impl<'a> Cursor<'a> {
    /// Takes one byte if it is one of `any`, which are ASCII.
    fn eat(&mut self, any: &[u8]) -> bool {
        let found = self.0.as_bytes().first().is_some_and(|byte| any.contains(byte));
        if found {
            self.0 = &self.0[1..];
        }
        found
    }

    /// Takes one of `any` and what `read` reads behind it, or nothing.
    fn after<T>(&mut self, any: &[u8], read: fn(&mut Self) -> Option<T>) -> Option<T> {
        let start = self.0;
        let read = if self.eat(any) { read(self) } else { None };
        if read.is_none() {
            self.0 = start;
        }
        read
    }

    /// Takes the first of `words` that stands here in either case.
    fn word(&mut self, words: &[&'static str]) -> Option<&'static str> {
        let word =
            *words.iter().find(|word| self.0.get(..word.len()).is_some_and(|text| text.eq_ignore_ascii_case(word)))?;
        self.0 = &self.0[word.len()..];
        Some(word)
    }

    /// Takes `[._-]? word [._-]? number?`, or nothing. No number counts as zero.
    fn marked(&mut self, words: &[&'static str]) -> Option<(&'static str, Number)> {
        let start = self.0;
        self.eat(b"._-");
        let Some(word) = self.word(words) else {
            self.0 = start;
            return None;
        };
        self.eat(b"._-");
        Some((word, self.number().unwrap_or(Number::Small(0))))
    }

    fn number(&mut self) -> Option<Number> {
        self.run(|byte| byte.is_ascii_digit()).map(Number::from_digits)
    }

    fn segment(&mut self) -> Option<Segment> {
        let text = self.run(|byte| byte.is_ascii_alphanumeric())?;
        Some(if text.bytes().all(|byte| byte.is_ascii_digit()) {
            Segment::Number(Number::from_digits(text))
        } else {
            Segment::Text(text.to_ascii_lowercase())
        })
    }

    /// Takes bytes, which `belongs` accepts only if they are ASCII; `None` if there are none.
    fn run(&mut self, belongs: fn(u8) -> bool) -> Option<&'a str> {
        let length = self.0.bytes().take_while(|byte| belongs(*byte)).count();
        let (taken, rest) = self.0.split_at(length);
        self.0 = rest;
        (!taken.is_empty()).then_some(taken)
    }
}
