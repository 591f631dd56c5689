//! What score does a vector have?
//!
//! Specifications: CVSS v2.0, v3.0, v3.1 and v4.0 of FIRST. The score is computed, never read from a number beside the
//! vector. Where the vector itself has temporal or threat metrics they count: whoever wrote them meant them.

use std::str::FromStr as _;

/// Longest vector that is read, in bytes. A full v4.0 vector has about 250.
pub const MAX_LENGTH: usize = 512;

/// The score of `vector`; `None` if it cannot be read.
///
/// Version 2 vectors have no prefix (`AV:N/AC:L/Au:N/C:P/I:P/A:P`); one in parentheses, as NVD wrote them, is read too.
pub fn score(vector: &str) -> Option<Score> {
    if vector.len() > MAX_LENGTH {
        return None;
    }
    let text = vector.trim().trim_end_matches('/');
    let text = text.strip_prefix('(').and_then(|inner| inner.strip_suffix(')')).unwrap_or(text);
    let text = text.strip_prefix("CVSS:2.0/").unwrap_or(text);
    let value = match cvss::Cvss::from_str(text).ok()? {
        cvss::Cvss::CvssV20(vector) if vector.e.is_some() || vector.rl.is_some() || vector.rc.is_some() => {
            vector.temporal_score().value()
        }
        cvss::Cvss::CvssV30(vector) | cvss::Cvss::CvssV31(vector) => v3_score(&vector)?,
        parsed => parsed.score(),
    };
    // Scores have one decimal; what is stored is the number of tenths, so that no rounding is left to anyone else.
    let tenths = (value * 10.0).round();
    (0.0..=100.0).contains(&tenths).then_some(Score { tenths: tenths as u8 })
}

/// The library takes a version 3 vector without all base metrics and scores it 0.0, which would read as harmless.
fn v3_score(vector: &cvss::v3::Vector) -> Option<f64> {
    let exploitability = vector.av.is_some() && vector.ac.is_some() && vector.pr.is_some() && vector.ui.is_some();
    let impact = vector.s.is_some() && vector.c.is_some() && vector.i.is_some() && vector.a.is_some();
    let temporal = vector.e.is_some() || vector.rl.is_some() || vector.rc.is_some();
    let score = if temporal { vector.temporal_score() } else { vector.base_score() };
    (exploitability && impact).then(|| score.value())
}

/// A score with its one decimal.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Score {
    tenths: u8,
}

impl Score {
    /// A score from tenths; more than 100 is 100.
    pub const fn from_tenths(tenths: u8) -> Self {
        Self { tenths: if tenths > 100 { 100 } else { tenths } }
    }

    /// The number of tenths: 98 for 9.8.
    pub const fn tenths(self) -> u8 {
        self.tenths
    }

    /// The score as it is shown.
    pub fn value(self) -> f32 {
        f32::from(self.tenths) / 10.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_version_of_cvss_is_scored() {
        for (vector, expected) in [
            ("AV:N/AC:L/Au:N/C:C/I:C/A:C", 10.0),
            ("(AV:N/AC:L/Au:N/C:P/I:P/A:P)", 7.5),
            ("CVSS:3.0/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", 9.8),
            ("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:N", 9.1),
            ("CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N", 9.3),
        ] {
            assert_eq!(score(vector).map(Score::value), Some(expected), "{vector}");
        }
    }

    #[test]
    fn temporal_metrics_in_the_vector_count() {
        assert_eq!(score("AV:N/AC:L/Au:S/C:C/I:C/A:C/E:F/RL:U/RC:C").map(Score::value), Some(8.6));
        assert_eq!(score("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H/E:U/RL:O/RC:C").map(Score::value), Some(8.5));
    }

    #[test]
    fn what_is_not_a_vector_has_no_score() {
        for text in ["", "7.5", "high", "CVSS:3.1", "CVSS:3.1/AV:N", "CVSS:9.0/AV:N/AC:L", "AV:N/AC:L/Au:N"] {
            assert_eq!(score(text), None, "{text}");
        }
        assert_eq!(score(&"AV:N/".repeat(1000)), None);
    }
}
