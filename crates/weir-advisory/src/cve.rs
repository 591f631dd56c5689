//! One CVE record: a source of scores.
//!
//! CVE JSON 5, <https://github.com/CVEProject/cve-schema>. The CNA's container is the vendor's word; ADP containers
//! (CISA's among them) add to it and never overwrite it.

use serde::Deserialize;
use weir_core::{Digest, Timestamp};

use crate::json::minified;
use crate::osv::MAX_RECORD;

/// Most metrics that are kept of one record.
pub const MAX_METRICS: usize = 64;

/// A CVE record, as far as Weir uses it.
#[derive(Clone, Debug)]
pub struct Record {
    /// `CVE-2025-59681`.
    pub id: String,
    /// It was rejected and says nothing.
    pub rejected: bool,
    /// When it last changed.
    pub modified: Option<Timestamp>,
    /// Its CVSS vectors, the CNA's first.
    pub metrics: Vec<Metric>,
    /// Digest of the record's JSON without insignificant white space.
    pub digest: Digest,
}

/// A vector with who states it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Metric {
    /// The CNA states it.
    pub cna: bool,
    /// `CVE-2025-59681 (CNA)`, `CVE-2025-59681 (ADP CISA-ADP)`.
    pub source: String,
    /// The vector.
    pub vector: String,
}

/// Bytes that are not a CVE record.
#[derive(Debug, thiserror::Error)]
pub enum InvalidCve {
    /// Too long.
    #[error("the record has {0} bytes, at most {MAX_RECORD} are read")]
    TooLong(usize),
    /// Not JSON of this form.
    #[error("{0}")]
    Json(#[from] serde_json::Error),
    /// An id that cannot be one.
    #[error("`{0}` is not a CVE id: expected `CVE-YEAR-NUMBER`")]
    Id(String),
}

/// True for `CVE-YEAR-NUMBER`.
pub fn is_cve_id(text: &str) -> bool {
    text.strip_prefix("CVE-").and_then(|rest| rest.split_once('-')).is_some_and(|(year, number)| {
        year.len() == 4
            && (4..=19).contains(&number.len())
            && year.bytes().chain(number.bytes()).all(|byte| byte.is_ascii_digit())
    })
}

impl Record {
    /// Reads a record.
    pub fn parse(bytes: &[u8]) -> Result<Self, InvalidCve> {
        if bytes.len() > MAX_RECORD {
            return Err(InvalidCve::TooLong(bytes.len()));
        }
        let written: Written = serde_json::from_slice(bytes)?;
        let id = written.metadata.id;
        if !is_cve_id(&id) {
            return Err(InvalidCve::Id(id.chars().filter(|c| !c.is_control()).take(80).collect()));
        }
        let containers = written.containers.unwrap_or_default();
        let mut metrics = Vec::new();
        for (cna, container) in containers
            .cna
            .into_iter()
            .map(|container| (true, container))
            .chain(containers.adp.unwrap_or_default().into_iter().map(|container| (false, container)))
        {
            let source = if cna {
                format!("{id} (CNA)")
            } else {
                let name = container.provider.and_then(|provider| provider.short_name).unwrap_or_default();
                let name: String = name.chars().filter(|c| c.is_ascii_graphic()).take(40).collect();
                format!("{id} (ADP {name})").replace(" )", ")")
            };
            let vectors = container.metrics.unwrap_or_default().into_iter().flat_map(|metric| {
                [metric.v4, metric.v31, metric.v30, metric.v2].into_iter().flatten().filter_map(|cvss| cvss.vector)
            });
            metrics.extend(vectors.map(|vector| Metric { cna, source: source.clone(), vector }));
        }
        metrics.truncate(MAX_METRICS);
        Ok(Self {
            rejected: written.metadata.state.as_deref().is_some_and(|state| state.eq_ignore_ascii_case("REJECTED")),
            modified: written.metadata.updated.as_deref().and_then(Timestamp::parse),
            metrics,
            digest: Digest::of(&minified(bytes)),
            id,
        })
    }
}

#[derive(Deserialize)]
struct Written {
    #[serde(rename = "cveMetadata")]
    metadata: Metadata,
    containers: Option<Containers>,
}

#[derive(Deserialize)]
struct Metadata {
    #[serde(rename = "cveId")]
    id: String,
    state: Option<String>,
    #[serde(rename = "dateUpdated")]
    updated: Option<String>,
}

#[derive(Default, Deserialize)]
struct Containers {
    cna: Option<Container>,
    adp: Option<Vec<Container>>,
}

#[derive(Deserialize)]
struct Container {
    #[serde(rename = "providerMetadata")]
    provider: Option<Provider>,
    metrics: Option<Vec<WrittenMetric>>,
}

#[derive(Deserialize)]
struct Provider {
    #[serde(rename = "shortName")]
    short_name: Option<String>,
}

#[derive(Deserialize)]
struct WrittenMetric {
    #[serde(rename = "cvssV2_0")]
    v2: Option<WrittenVector>,
    #[serde(rename = "cvssV3_0")]
    v30: Option<WrittenVector>,
    #[serde(rename = "cvssV3_1")]
    v31: Option<WrittenVector>,
    #[serde(rename = "cvssV4_0")]
    v4: Option<WrittenVector>,
}

#[derive(Deserialize)]
struct WrittenVector {
    #[serde(rename = "vectorString")]
    vector: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cna_speaks_first_and_each_vector_names_its_source() {
        let record = Record::parse(
            br#"{"dataType":"CVE_RECORD","cveMetadata":{"cveId":"CVE-2026-0001","state":"PUBLISHED","dateUpdated":"2026-02-03T00:00:00"},
            "containers":{"adp":[{"title":"x","providerMetadata":{"shortName":"CISA-ADP"},"metrics":[
              {"other":{"type":"ssvc"}},{"cvssV3_1":{"baseScore":9.8,"vectorString":"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"}}]}],
            "cna":{"metrics":[{"format":"CVSS","cvssV4_0":{"vectorString":"CVSS:4.0/x"}}]}}}"#,
        )
        .unwrap();
        assert!(!record.rejected);
        let sources: Vec<_> = record.metrics.iter().map(|metric| (metric.cna, metric.source.as_str())).collect();
        assert_eq!(sources, [(true, "CVE-2026-0001 (CNA)"), (false, "CVE-2026-0001 (ADP CISA-ADP)")]);
    }

    #[test]
    fn a_rejected_record_is_known_as_such() {
        let record =
            Record::parse(br#"{"cveMetadata":{"cveId":"CVE-2026-0002","state":"REJECTED"},"containers":{"cna":{}}}"#);
        assert!(record.unwrap().rejected);
    }

    #[test]
    fn an_id_must_be_a_cve_id() {
        for id in ["CVE-2026-1234", "CVE-1999-0001", "CVE-2026-1234567"] {
            assert!(is_cve_id(id), "{id}");
        }
        for id in ["", "CVE-", "CVE-26-1234", "CVE-2026-123", "CVE-2026-12a4", "cve-2026-1234", "GHSA-2026-1234"] {
            assert!(!is_cve_id(id), "{id}");
        }
        assert!(Record::parse(br#"{"cveMetadata":{"cveId":"X"}}"#).is_err());
    }
}
