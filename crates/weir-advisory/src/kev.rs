//! CISA's catalogue of known exploited vulnerabilities.
//!
//! <https://www.cisa.gov/known-exploited-vulnerabilities-catalog>, the JSON form.

use std::collections::BTreeMap;

use serde::Deserialize;
use weir_core::{Digest, Timestamp};

use crate::cve::is_cve_id;
use crate::json::minified;

/// Most bytes that a catalogue may have. In 2026 it has about 1.5 MB.
pub const MAX_BYTES: usize = 64 << 20;

/// A catalogue.
#[derive(Clone, Debug)]
pub struct Catalogue {
    /// `2026.08.25`.
    pub version: String,
    /// When it was released.
    pub released: Option<Timestamp>,
    /// CVE id → when it was added.
    pub added: BTreeMap<String, Timestamp>,
    /// Entries without a CVE id or a date that can be read.
    pub unreadable: usize,
    /// Digest of the catalogue's JSON without insignificant white space.
    pub digest: Digest,
}

/// Bytes that are not a catalogue.
#[derive(Debug, thiserror::Error)]
pub enum InvalidCatalogue {
    /// Too long.
    #[error("the catalogue has {0} bytes, at most {MAX_BYTES} are read")]
    TooLong(usize),
    /// Not JSON of this form.
    #[error("{0}")]
    Json(#[from] serde_json::Error),
}

impl Catalogue {
    /// Reads a catalogue.
    pub fn parse(bytes: &[u8]) -> Result<Self, InvalidCatalogue> {
        if bytes.len() > MAX_BYTES {
            return Err(InvalidCatalogue::TooLong(bytes.len()));
        }
        let written: Written = serde_json::from_slice(bytes)?;
        let mut added = BTreeMap::new();
        let mut unreadable = 0;
        for entry in written.vulnerabilities {
            match entry.date_added.as_deref().and_then(Timestamp::parse) {
                Some(date) if is_cve_id(&entry.cve) => {
                    let earliest = added.entry(entry.cve).or_insert(date);
                    *earliest = date.min(*earliest);
                }
                _ => unreadable += 1,
            }
        }
        Ok(Self {
            version: crate::osv::one_line(&written.version),
            released: written.released.as_deref().and_then(Timestamp::parse),
            added,
            unreadable,
            digest: Digest::of(&minified(bytes)),
        })
    }
}

#[derive(Deserialize)]
struct Written {
    #[serde(rename = "catalogVersion")]
    version: String,
    #[serde(rename = "dateReleased")]
    released: Option<String>,
    vulnerabilities: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    #[serde(rename = "cveID", default)]
    cve: String,
    #[serde(rename = "dateAdded")]
    date_added: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_kept_by_cve_with_the_day_they_were_added() {
        let catalogue = Catalogue::parse(
            br#"{"catalogVersion":"2026.01.02","dateReleased":"2026-01-02T00:00:00Z","vulnerabilities":[
            {"cveID":"CVE-2026-0001","dateAdded":"2026-01-01","notes":"x"},{"cveID":"x","dateAdded":"2026-01-01"},{"cveID":"CVE-2026-0002"}]}"#,
        )
        .unwrap();
        assert_eq!(catalogue.added.len(), 1);
        assert_eq!(catalogue.added["CVE-2026-0001"].date(), "2026-01-01");
        assert_eq!(catalogue.unreadable, 2);
        assert!(Catalogue::parse(b"{}").is_err());
    }
}
