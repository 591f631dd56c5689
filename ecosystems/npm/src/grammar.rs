//! The grammar of ranges: from shorthand to comparators.

use weir_core::InvalidVersion;

use crate::excerpt;
use crate::range::{Comparator, Operator};
use crate::version::{self, MAX_NUMBER, Version};

/// What is wrong with a range.
pub struct Problem(pub String, pub Kind);

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Not in the grammar; a loose reading passes over it.
    Grammar,
    /// A number or a text beyond the limits; refused in both readings.
    Excess,
}

impl From<InvalidVersion> for Problem {
    fn from(invalid: InvalidVersion) -> Self {
        let excess = matches!(invalid.problem.as_str(), version::TOO_BIG | version::TOO_LONG);
        Self(invalid.to_string(), if excess { Kind::Excess } else { Kind::Grammar })
    }
}

/// How a range is read.
#[derive(Clone, Copy)]
pub struct Options {
    /// What cannot be read is passed over.
    pub loose: bool,
    /// Pre-releases count.
    pub prereleases: bool,
}

impl Options {
    /// The lowest version of a partial one: with pre-releases, the lowest pre-release.
    fn floor(self, major: u64, minor: u64, patch: u64) -> Version {
        if self.prereleases { lowest(major, minor, patch) } else { Version::of(major, minor, patch) }
    }
}

/// The lowest pre-release.
pub fn lowest(major: u64, minor: u64, patch: u64) -> Version {
    let (prerelease, build) = version::tail("-0", false).unwrap_or_default();
    Version { prerelease, build, ..Version::of(major, minor, patch) }
}

/// Reads a range into its alternatives.
pub fn expand(text: &str, options: Options) -> Result<Vec<Vec<Comparator>>, Problem> {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut alternatives = Vec::new();
    for alternative in text.split("||") {
        alternatives.extend(intersection(alternative.trim(), options)?);
    }
    let Some(first) = alternatives.first().cloned() else {
        return Err(Problem(String::from("none of its comparators can be read"), Kind::Grammar));
    };
    if alternatives.len() > 1 {
        alternatives.retain(|comparators| !comparators.first().is_some_and(Comparator::is_nothing));
        if alternatives.is_empty() {
            return Ok(vec![first]);
        }
        if alternatives.iter().any(Vec::is_empty) {
            return Ok(vec![Vec::new()]);
        }
    }
    Ok(alternatives)
}

/// Reads one alternative; `None` if it has only comparators that a loose reading passes over.
fn intersection(text: &str, options: Options) -> Result<Option<Vec<Comparator>>, Problem> {
    let text = without_builds(text);
    let mut all = Vec::new();
    let mut any = false;
    let mut take = |comparators: Result<Vec<Comparator>, Problem>| match comparators {
        Ok(comparators) => {
            any = true;
            for comparator in comparators {
                if !all.contains(&comparator) {
                    all.push(comparator);
                }
            }
            Ok(())
        }
        Err(Problem(_, Kind::Grammar)) if options.loose => Ok(()),
        Err(problem) => Err(problem),
    };
    if let Some((from, to)) = hyphen(&text, options.loose) {
        take(from.as_lower_bound(options))?;
        take(to.as_upper_bound(options))?;
    } else {
        for word in join_operators(&text).split(' ') {
            take(comparators(word, options))?;
        }
    }
    if let Some(nothing) = all.iter().find(|comparator| comparator.is_nothing()) {
        return Ok(Some(vec![nothing.clone()]));
    }
    Ok(any.then_some(all))
}

/// Build identifiers mean nothing in a range, wherever they stand.
fn without_builds(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('+') {
        let (before, build) = rest.split_at(at);
        out.push_str(before);
        let mut end = 0;
        loop {
            let identifier = build[end + 1..].bytes().take_while(|b| b.is_ascii_alphanumeric() || *b == b'-').count();
            if identifier == 0 {
                break;
            }
            end += 1 + identifier;
            if !build[end..].starts_with('.') {
                break;
            }
        }
        if end == 0 {
            out.push('+');
            end = 1;
        }
        rest = &build[end..];
    }
    out.push_str(rest);
    out
}

/// Removes the space after an operator, so that each comparator is one word.
fn join_operators(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(['<', '>', '=']) {
        let (before, from) = rest.split_at(at);
        out.push_str(before);
        let (operator, after) = from.split_at(if from[1..].starts_with('=') && !from.starts_with('=') { 2 } else { 1 });
        out.push_str(operator);
        // Only before a version; what else stands between, as in `> = 1`, stays and is refused.
        let next = after.strip_prefix(' ').unwrap_or(after);
        let version = version::strip_prefix(next);
        rest = after;
        if version.starts_with(|c: char| c.is_ascii_digit() || matches!(c, 'x' | 'X' | '*')) {
            out.push_str(&next[..next.len() - version.len()]);
            rest = version;
        }
    }
    out.push_str(rest);
    out.replace("~> ", "~>").replace("~ ", "~").replace("^ ", "^")
}

/// A version that may lack parts: `1`, `1.2.x`, `*`.
struct Partial<'a> {
    /// `v`, `=`, or both, as written before it.
    prefix: &'a str,
    /// What follows the prefix.
    text: &'a str,
    /// `None` for `x`, `X`, `*` and for what is missing.
    parts: [Option<&'a str>; 3],
    /// How many parts are written.
    written: usize,
    tail: &'a str,
}

impl<'a> Partial<'a> {
    fn read(word: &'a str, loose: bool) -> Option<Self> {
        let text = version::strip_prefix(word);
        let prefix = &word[..word.len() - text.len()];
        let mut parts = [None; 3];
        let mut written = 0;
        let mut rest = text;
        for part in &mut parts {
            if written > 0 {
                match rest.strip_prefix('.') {
                    Some(next) => rest = next,
                    None => break,
                }
            }
            (*part, rest) = match rest.strip_prefix(['x', 'X', '*']) {
                Some(next) => (None, next),
                None => {
                    let (digits, next) = version::digits(rest);
                    if digits.is_empty() || (!loose && digits.len() > 1 && digits.starts_with('0')) {
                        return None;
                    }
                    (Some(digits), next)
                }
            };
            written += 1;
        }
        if written < 3 {
            return rest.is_empty().then_some(Self { prefix, text, parts, written, tail: "" });
        }
        if version::tail(rest, loose).is_err() {
            // See `Version::scan` on the optional hyphen.
            let patch = parts[2].filter(|digits| loose && digits.len() > 1)?;
            rest = &text[text.len() - rest.len() - 1..];
            version::tail(rest, loose).ok()?;
            parts[2] = Some(&patch[..patch.len() - 1]);
        }
        Some(Self { prefix, text, parts, written, tail: rest })
    }

    fn number(&self, index: usize) -> Result<u64, Problem> {
        version::number(self.parts[index].unwrap_or("0")).map_err(|problem| Problem(problem.to_owned(), Kind::Excess))
    }

    /// How many parts are numbers, from the first.
    fn known(&self) -> usize {
        self.parts.iter().take_while(|part| part.is_some()).count()
    }

    /// A number after an `x`, as in `1.x.5`, means nothing.
    fn is_out_of_order(&self) -> bool {
        self.parts[self.known()..self.written].iter().any(Option::is_some)
    }

    /// `1.2.3` and `v1.2.3`; in loose mode with any prefix.
    fn version(&self, loose: bool) -> Result<Version, Problem> {
        if !loose && !matches!(self.prefix, "" | "v") {
            let problem = format!("`{}` stands before the full version `{}`", self.prefix.trim(), excerpt(self.text));
            return Err(Problem(problem, Kind::Grammar));
        }
        Ok(Version::parse_as(self.text, loose)?)
    }

    /// The whole version, however it is prefixed.
    fn bare_version(&self, options: Options) -> Result<Version, Problem> {
        Ok(Version::parse_as(self.text, options.loose)?)
    }

    /// The first version after all that begin with the first `count` parts.
    fn ceiling(&self, count: usize) -> Result<Version, Problem> {
        let mut numbers = [0; 3];
        for (index, number) in numbers.iter_mut().take(count).enumerate() {
            *number = self.number(index)?;
        }
        let last = &mut numbers[count.saturating_sub(1)];
        *last += 1;
        if *last > MAX_NUMBER {
            return Err(Problem(String::from("its upper bound is above 9007199254740991"), Kind::Excess));
        }
        Ok(lowest(numbers[0], numbers[1], numbers[2]))
    }

    /// The first version of all that begin with the known parts.
    fn floor(&self, options: Options) -> Result<Version, Problem> {
        let part = |index: usize| if index < self.known() { self.number(index) } else { Ok(0) };
        Ok(options.floor(part(0)?, part(1)?, part(2)?))
    }

    /// The left side of `a - b`.
    fn as_lower_bound(&self, options: Options) -> Result<Vec<Comparator>, Problem> {
        let version = match self.known() {
            0 => return Ok(Vec::new()),
            3 => {
                let version = self.version(options.loose)?;
                if version.prerelease.is_empty() && options.prereleases {
                    lowest(version.major, version.minor, version.patch)
                } else {
                    version
                }
            }
            _ => self.floor(options)?,
        };
        Ok(at_least(version, options, self.known() < 3 || self.prefix.is_empty()))
    }

    /// The right side of `a - b`.
    fn as_upper_bound(&self, options: Options) -> Result<Vec<Comparator>, Problem> {
        let comparator = match self.known() {
            0 => return Ok(Vec::new()),
            3 => {
                let version = if options.prereleases || !self.tail.is_empty() {
                    self.bare_version(options)?
                } else {
                    self.version(options.loose)?
                };
                if version.prerelease.is_empty() && options.prereleases {
                    Comparator::new(Operator::Less, self.ceiling(3)?)
                } else {
                    Comparator::new(Operator::LessOrEqual, version)
                }
            }
            known => Comparator::new(Operator::Less, self.ceiling(known)?),
        };
        Ok(vec![comparator])
    }

    /// `~1.2.3`, `^1.2.3`: from here up to the next `count`-part ceiling.
    fn up_to(&self, count: usize, options: Options) -> Result<Vec<Comparator>, Problem> {
        let floor = match self.known() {
            0 => return Ok(Vec::new()),
            3 => self.bare_version(options)?,
            _ => self.floor(options)?,
        };
        let mut comparators = at_least(floor, options, true);
        comparators.push(Comparator::new(Operator::Less, self.ceiling(count)?));
        Ok(comparators)
    }
}

/// `>=version`, which is nothing where it is true of all.
fn at_least(version: Version, options: Options, plain: bool) -> Vec<Comparator> {
    if plain && version == options.floor(0, 0, 0) {
        return Vec::new();
    }
    vec![Comparator::new(Operator::GreaterOrEqual, version)]
}

/// Splits `a - b`.
fn hyphen(text: &str, loose: bool) -> Option<(Partial<'_>, Partial<'_>)> {
    let (from, to) = text.split_once(" - ")?;
    Some((Partial::read(from, loose)?, Partial::read(to, loose)?))
}

/// What one word stands for.
fn comparators(word: &str, options: Options) -> Result<Vec<Comparator>, Problem> {
    if word.is_empty() {
        return Ok(Vec::new());
    }
    let unreadable = || {
        let problem = format!("`{}` is not a comparator such as `>=1.2.3`, `^1.2`, `~1.2.3` or `1.x`", excerpt(word));
        Problem(problem, Kind::Grammar)
    };
    if let Some(rest) = word.strip_prefix('^') {
        let partial = Partial::read(rest, options.loose).ok_or_else(unreadable)?;
        // Everything but the leftmost number that is not 0 may change. It is the spelling `0` that counts.
        let fixed = match partial.parts {
            [Some("0"), Some("0"), Some(_)] => 3,
            [Some("0"), Some(_), _] => 2,
            _ => 1,
        };
        return partial.up_to(fixed, options);
    }
    if let Some(rest) = word.strip_prefix('~') {
        let partial = Partial::read(rest.strip_prefix('>').unwrap_or(rest), options.loose).ok_or_else(unreadable)?;
        return partial.up_to(partial.known().min(2), options);
    }
    let (operator, rest) = operator(word);
    let partial = Partial::read(rest, options.loose).filter(|p| !p.is_out_of_order()).ok_or_else(unreadable)?;
    let known = partial.known();
    if known == 3 {
        let version = partial.version(options.loose)?;
        return Ok(match operator {
            Some(Operator::GreaterOrEqual) => at_least(version, options, rest == "0.0.0" || rest == "0.0.0-0"),
            operator => vec![Comparator::new(operator.unwrap_or(Operator::Equal), version)],
        });
    }
    match operator {
        Some(Operator::Less | Operator::Greater) if known == 0 => {
            Ok(vec![Comparator::new(Operator::Less, lowest(0, 0, 0))])
        }
        _ if known == 0 => Ok(Vec::new()),
        None | Some(Operator::Equal) => partial.up_to(known, options),
        Some(Operator::Less) => {
            let floor = Options { prereleases: true, ..options };
            Ok(vec![Comparator::new(Operator::Less, partial.floor(floor)?)])
        }
        Some(Operator::LessOrEqual) => Ok(vec![Comparator::new(Operator::Less, partial.ceiling(known)?)]),
        Some(Operator::GreaterOrEqual) => Ok(at_least(partial.floor(options)?, options, true)),
        Some(Operator::Greater) => {
            let Version { major, minor, patch, .. } = partial.ceiling(known)?;
            Ok(at_least(options.floor(major, minor, patch), options, true))
        }
    }
}

/// Splits a word after its operator.
fn operator(word: &str) -> (Option<Operator>, &str) {
    for (text, operator) in [
        ("<=", Operator::LessOrEqual),
        ("<", Operator::Less),
        (">=", Operator::GreaterOrEqual),
        (">", Operator::Greater),
        ("=", Operator::Equal),
    ] {
        if let Some(rest) = word.strip_prefix(text) {
            return (Some(operator), rest);
        }
    }
    (None, word)
}
