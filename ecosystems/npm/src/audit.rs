//! `npm audit`: the bulk advisory endpoint.
//!
//! npm posts every name with its versions and computes the rest itself from `vulnerable_versions`. Weir's answer names
//! the versions that were asked about, so that client and gateway cannot read a range differently.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use weir_core::ecosystem::Names as _;
use weir_core::facts::{Kind, Vulnerability};
use weir_core::registry::{AuditFinding, Reply, RouteError};
use weir_core::severity::Level;
use weir_core::{Digest, PackageName};

use crate::name::Npm;

/// Longest question, in bytes.
pub const MAX_QUESTION: usize = 8 * 1024 * 1024;

/// Most versions that one question may list.
pub const MAX_VERSIONS: usize = 100_000;

/// Reads `{"name": ["1.0.0"]}`. What cannot be a name is passed over: no advisory can be about it.
pub fn question(body: &[u8]) -> Result<Vec<(PackageName, Vec<String>)>, RouteError> {
    let bad = |problem: String| RouteError::BadRequest(problem);
    if body.len() > MAX_QUESTION {
        return Err(bad(format!("the audit is longer than {MAX_QUESTION} bytes: ask about fewer packages at once")));
    }
    let asked: BTreeMap<String, Vec<String>> = serde_json::from_slice(body)
        .map_err(|error| bad(format!("the audit is not an object of names with lists of versions: {error}")))?;
    if asked.values().map(Vec::len).sum::<usize>() > MAX_VERSIONS {
        return Err(bad(format!("the audit lists more than {MAX_VERSIONS} versions: ask about fewer at once")));
    }
    Ok(asked.into_iter().filter_map(|(name, versions)| Some((Npm.parse(&name).ok()?, versions))).collect())
}

/// Writes `{"name": [advisory]}`.
pub fn answer(findings: &[AuditFinding<'_>]) -> Reply {
    let mut packages: Map<String, Value> = Map::new();
    for finding in findings {
        let advisories = packages.entry(finding.package.as_str()).or_insert_with(|| json!([]));
        if let Some(advisories) = advisories.as_array_mut() {
            advisories.push(advisory(finding));
        }
    }
    Reply::json(200, &Value::Object(packages))
}

fn advisory(finding: &AuditFinding<'_>) -> Value {
    let vulnerability = finding.vulnerability;
    let id = &vulnerability.id;
    let title = match vulnerability.summary.trim() {
        "" => id.clone(),
        summary => format!("{id}: {summary}"),
    };
    let cvss = vulnerability.severity.as_ref();
    json!({
        "id": number(id),
        "url": format!("https://osv.dev/vulnerability/{id}"),
        "title": title,
        "severity": severity(vulnerability),
        "vulnerable_versions": finding.versions.join(" || "),
        "cwe": [],
        "cvss": {
            // A score is given with one decimal; widening it as such would print 9.800000190734863.
            "score": cvss.map_or(0.0, |severity| (f64::from(severity.score) * 10.0).round() / 10.0),
            "vectorString": cvss.map(|severity| severity.vector.as_str()),
        },
    })
}

/// npm's advisories have numbers and its clients compare them. This one is the same for an id everywhere and always.
fn number(id: &str) -> u32 {
    let [a, b, c, d, ..] = *Digest::of(id.as_bytes()).as_bytes();
    u32::from_be_bytes([a, b, c, d])
}

/// npm's words. Malware is critical whatever its score; what nobody scored is `info`, which npm lists without failing
/// at any `--audit-level` above it: a guess would be read as an assessment.
fn severity(vulnerability: &Vulnerability) -> &'static str {
    if vulnerability.kind == Kind::Malware {
        return "critical";
    }
    match vulnerability.severity.as_ref().map(|severity| Level::of(severity.score)) {
        None | Some(Level::None) => "info",
        Some(Level::Low) => "low",
        Some(Level::Medium) => "moderate",
        Some(Level::High) => "high",
        Some(Level::Critical) => "critical",
    }
}

#[cfg(test)]
mod tests {
    use weir_core::Severity;

    use super::*;

    fn vulnerability(id: &str, kind: Kind, score: Option<f32>) -> Vulnerability {
        let severity = score.map(|score| Severity {
            score,
            vector: String::from("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"),
            source: id.to_owned(),
        });
        Vulnerability {
            id: id.to_owned(),
            aliases: Vec::new(),
            kind,
            summary: String::from("A sentence"),
            severity,
            known_exploited: None,
            epss: None,
            fixed: Vec::new(),
            published: None,
            digest: Digest::of(b""),
            via: None,
        }
    }

    #[test]
    fn a_question_is_read_and_names_that_cannot_be_are_passed_over() {
        let asked = question(br#"{"left-pad": ["1.0.0", "1.1.0"], "@a/b": [], "../x": ["1.0.0"]}"#).unwrap();
        let asked: Vec<_> = asked.iter().map(|(name, versions)| (name.as_str(), versions.len())).collect();
        assert_eq!(asked, [("@a/b", 0), ("left-pad", 2)]);
        assert_eq!(question(b"{}").unwrap(), []);
    }

    #[test]
    fn a_question_beyond_the_limits_is_refused_with_a_way_out() {
        assert!(matches!(question(b"[1]"), Err(RouteError::BadRequest(_))));
        assert!(matches!(question(br#"{"a": ["1.0.0", 2]}"#), Err(RouteError::BadRequest(_))));
        let mut versions = vec!["1"; MAX_VERSIONS];
        assert!(question(json!({ "a": versions }).to_string().as_bytes()).is_ok());
        versions.push("1");
        let error = question(json!({ "a": versions }).to_string().as_bytes()).unwrap_err();
        assert_eq!(error.to_string(), "the audit lists more than 100000 versions: ask about fewer at once");
        assert!(question(&vec![b' '; MAX_QUESTION + 1]).is_err());
    }

    #[test]
    fn an_answer_says_which_of_the_versions_and_how_bad() {
        let package = Npm.parse("left-pad").unwrap();
        let versions = [String::from("1.0.0"), String::from("1.1.0")];
        let vulnerability = vulnerability("GHSA-xxxx-yyyy-zzzz", Kind::Vulnerability, Some(9.8));
        let finding = AuditFinding { package: &package, versions: &versions, vulnerability: &vulnerability };
        let reply = answer(&[finding, finding]);
        let body: Value = serde_json::from_slice(&reply.body).unwrap();
        assert_eq!(reply.status, 200);
        assert_eq!(body["left-pad"].as_array().unwrap().len(), 2);
        assert_eq!(
            body["left-pad"][0],
            json!({
                "id": number("GHSA-xxxx-yyyy-zzzz"),
                "url": "https://osv.dev/vulnerability/GHSA-xxxx-yyyy-zzzz",
                "title": "GHSA-xxxx-yyyy-zzzz: A sentence",
                "severity": "critical",
                "vulnerable_versions": "1.0.0 || 1.1.0",
                "cwe": [],
                "cvss": {"score": 9.8, "vectorString": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"},
            })
        );
        assert_eq!(answer(&[]).body, b"{}");
    }

    #[test]
    fn what_nobody_scored_is_info_and_malware_is_critical() {
        let of = |kind, score| severity(&vulnerability("X-1", kind, score));
        assert_eq!(of(Kind::Vulnerability, None), "info");
        assert_eq!(of(Kind::Vulnerability, Some(0.1)), "low");
        assert_eq!(of(Kind::Vulnerability, Some(4.0)), "moderate");
        assert_eq!(of(Kind::Vulnerability, Some(7.0)), "high");
        assert_eq!(of(Kind::Malware, None), "critical");
    }
}
