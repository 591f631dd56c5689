//! How bad a vulnerability is, and who says so.

use serde::{Deserialize, Serialize};

/// A CVSS base score with where it comes from.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Severity {
    /// 0.0 to 10.0, one decimal, computed from `vector`.
    pub score: f32,
    /// The vector as published, `CVSS:3.1/AV:N/…`; for version 2 without a prefix.
    pub vector: String,
    /// Who states it: an advisory's id (`GHSA-…`, `RUSTSEC-…`) or a CVE id with its container (`CVE-2024-1 (CNA)`).
    pub source: String,
}

/// The qualitative bands of CVSS v3.1 §5 and v4.0 §6.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// 0.0.
    None,
    /// 0.1 to 3.9.
    Low,
    /// 4.0 to 6.9.
    Medium,
    /// 7.0 to 8.9.
    High,
    /// 9.0 to 10.0.
    Critical,
}

impl Level {
    /// The band that `score` falls in.
    pub fn of(score: f32) -> Self {
        match score {
            score if score >= 9.0 => Self::Critical,
            score if score >= 7.0 => Self::High,
            score if score >= 4.0 => Self::Medium,
            score if score > 0.0 => Self::Low,
            _ => Self::None,
        }
    }

    /// The band's name in lower case.
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
}
