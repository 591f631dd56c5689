//! Moments and the clock that tells them.
//!
//! No code asks the operating system for the time except [`SystemClock`]; everything else takes a moment or a [`Clock`],
//! so that a rule about seven days is tested by moving a clock.

use std::fmt;
use std::str::FromStr;
use std::sync::Mutex;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A moment, in milliseconds since 1970-01-01T00:00:00Z. Displays as RFC 3339 in UTC.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Timestamp(i64);

/// One day in milliseconds.
pub const DAY: i64 = 24 * 60 * 60 * 1000;

impl Timestamp {
    /// A moment from milliseconds since the epoch.
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// Milliseconds since the epoch.
    pub const fn millis(self) -> i64 {
        self.0
    }

    /// This moment and `millis` more, clamped to the representable range.
    pub const fn plus_millis(self, millis: i64) -> Self {
        Self(self.0.saturating_add(millis))
    }

    /// This moment and `days` more, clamped to the representable range.
    pub const fn plus_days(self, days: i64) -> Self {
        self.plus_millis(days.saturating_mul(DAY))
    }

    /// Parses RFC 3339 (`2026-10-01T12:00:00Z`, any offset) or a bare date (`2026-10-01`, midnight UTC).
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        if let Ok(moment) = jiff::Timestamp::from_str(text) {
            return Some(Self(moment.as_millisecond()));
        }
        let date = jiff::civil::Date::from_str(text).ok()?;
        let zoned = date.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
        Some(Self(zoned.timestamp().as_millisecond()))
    }

    /// Reads HTTP's `Last-Modified`: `Thu, 01 Oct 2026 12:00:00 GMT` (RFC 9110 §5.6.7).
    pub fn parse_http(text: &str) -> Option<Self> {
        let moment = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text).ok()?;
        Some(Self(moment.as_millisecond()))
    }

    /// The date in UTC, `2026-10-01`.
    pub fn date(self) -> String {
        let text = self.to_string();
        text.split('T').next().unwrap_or(&text).to_owned()
    }

    /// The form of HTTP's `Last-Modified`: `Thu, 01 Oct 2026 12:00:00 GMT` (RFC 9110 §5.6.7).
    pub fn http_date(self) -> String {
        match jiff::Timestamp::from_millisecond(self.0) {
            Ok(moment) => moment.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string(),
            Err(_) => String::from("Thu, 01 Jan 1970 00:00:00 GMT"),
        }
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_millisecond(self.0) {
            Ok(moment) => write!(f, "{moment}"),
            Err(_) => write!(f, "{} ms", self.0),
        }
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text)
            .ok_or_else(|| serde::de::Error::custom(format!("`{text}` is not an RFC 3339 time or a date")))
    }
}

/// A day in UTC: `2026-10-01`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Day(i64);

impl Day {
    /// Reads `2026-10-01`, and nothing else that means a day.
    pub fn parse(text: &str) -> Option<Self> {
        let is_plain = text.len() == "2026-10-01".len() && !text.starts_with(['-', '+']);
        let day = Self::of(Timestamp::parse(text).filter(|_| is_plain)?);
        (day.to_string() == text).then_some(day)
    }

    /// The day in which a moment is.
    pub const fn of(moment: Timestamp) -> Self {
        Self(moment.0.div_euclid(DAY))
    }

    /// Its first moment.
    pub const fn begin(self) -> Timestamp {
        Timestamp(self.0.saturating_mul(DAY))
    }

    /// The first moment after it.
    pub const fn end(self) -> Timestamp {
        self.begin().plus_days(1)
    }

    /// The day before it.
    pub const fn before(self) -> Self {
        Self(self.0.saturating_sub(1))
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.begin().date())
    }
}

/// Tells the time.
pub trait Clock: Send + Sync + fmt::Debug {
    /// The present moment.
    fn now(&self) -> Timestamp;
}

/// The machine's own clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        #[expect(clippy::disallowed_methods, reason = "the one place that asks the operating system")]
        let now = jiff::Timestamp::now();
        Timestamp(now.as_millisecond())
    }
}

/// A clock that stands still until it is moved, for tests and replays.
#[derive(Debug)]
pub struct FixedClock(Mutex<Timestamp>);

impl FixedClock {
    /// A clock that shows `at`.
    pub fn new(at: Timestamp) -> Self {
        Self(Mutex::new(at))
    }

    /// Moves the clock to `at`.
    pub fn set(&self, at: Timestamp) {
        *self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner()) = at;
    }
}

impl Clock for FixedClock {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_reads_back_as_it_is_written() {
        for text in ["2026-10-01T12:00:00Z", "1999-12-31T23:59:59.5Z"] {
            let moment = Timestamp::parse(text).unwrap();
            assert_eq!(Timestamp::parse(&moment.to_string()), Some(moment));
        }
        assert_eq!(Timestamp::parse("2026-10-01").unwrap().to_string(), "2026-10-01T00:00:00Z");
        assert_eq!(Timestamp::parse("2024-11-22T20:25:36.090000+00:00").unwrap().date(), "2024-11-22");
        assert_eq!(Timestamp::parse("yesterday"), None);
    }

    #[test]
    fn a_day_is_written_in_one_way_and_lasts_until_the_next_begins() {
        let day = Day::parse("2026-10-01").unwrap();
        assert_eq!(day.to_string(), "2026-10-01");
        assert_eq!(day, Day::of(Timestamp::parse("2026-10-01T23:59:59.999Z").unwrap()));
        assert_eq!(day.end(), Timestamp::parse("2026-10-02").unwrap());
        assert_eq!(Day::of(day.begin().plus_millis(-1)), day.before());
        assert_eq!(Day::of(Timestamp::from_millis(-1)).to_string(), "1969-12-31");
        for text in ["", "2026-13-01", "2026-02-30", "20261001", "2026-10-1", "+2026-10-01", "2026-10-01T00:00:00Z"] {
            assert_eq!(Day::parse(text), None, "{text}");
        }
    }

    #[test]
    fn an_http_date_is_in_the_one_fixed_form() {
        let moment = Timestamp::parse("2026-10-01T12:00:00Z").unwrap();
        assert_eq!(moment.http_date(), "Thu, 01 Oct 2026 12:00:00 GMT");
        assert_eq!(Timestamp::parse_http("Thu, 01 Oct 2026 12:00:00 GMT"), Some(moment));
        assert_eq!(Timestamp::parse_http("2026-10-01"), None);
    }
}
