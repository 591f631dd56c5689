//! Which bytes an attestation speaks of, under which name: in-toto statements, as PyPI (PEP 740) and npm (Sigstore bundles) carry
//! them in DSSE envelopes.
//!
//! Specification: in-toto attestation framework, "Statement" v1; DSSE, "Envelope". Signatures are not verified here: that the
//! statement is about this very file is all that is known, and nobody's word for who made it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

use crate::digest::{StatedDigests, unhex};

/// Largest statement, in bytes.
pub const MAX_STATEMENT: usize = 1024 * 1024;

/// The media type of a statement in an envelope.
pub const PAYLOAD_TYPE: &str = "application/vnd.in-toto+json";

/// What an attestation states, as far as Weir reads it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Statement {
    /// What kind of claim it is: `https://slsa.dev/provenance/v1`.
    pub predicate_type: String,
    /// What its one subject is called: a file name, a package URL.
    pub subject: String,
    /// The bytes of its subject.
    pub digests: StatedDigests,
}

/// Why a statement cannot be read, without a full stop.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{0}")]
pub struct InvalidStatement(String);

fn invalid(problem: impl Into<String>) -> InvalidStatement {
    InvalidStatement(problem.into())
}

#[derive(Deserialize)]
struct Written {
    #[serde(rename = "_type")]
    kind: String,
    subject: Vec<Subject>,
    #[serde(rename = "predicateType")]
    predicate_type: String,
}

#[derive(Deserialize)]
struct Subject {
    name: String,
    digest: std::collections::BTreeMap<String, String>,
}

impl Statement {
    /// Reads the base64 of an envelope's payload. A statement about several files, or without a digest that is as strong as
    /// SHA-256, is none that could be told apart from another's.
    pub fn read(payload: &str) -> Result<Self, InvalidStatement> {
        if payload.len() / 4 * 3 > MAX_STATEMENT {
            return Err(invalid(format!("its statement is larger than {MAX_STATEMENT} bytes")));
        }
        let bytes =
            STANDARD.decode(payload).map_err(|error| invalid(format!("its statement is no base64: {error}")))?;
        let written: Written = serde_json::from_slice(&bytes)
            .map_err(|error| invalid(format!("its statement is no in-toto statement: {error}")))?;
        if !matches!(written.kind.as_str(), "https://in-toto.io/Statement/v1" | "https://in-toto.io/Statement/v0.1") {
            return Err(invalid("its statement is of no known version of in-toto"));
        }
        let mut subjects = written.subject.into_iter();
        let (Some(subject), None) = (subjects.next(), subjects.next()) else {
            return Err(invalid("its statement has not exactly one subject"));
        };
        let mut digests = StatedDigests::default();
        for (algorithm, hex) in &subject.digest {
            let problem = || invalid(format!("its `{algorithm}` is none"));
            match algorithm.as_str() {
                "sha256" => digests.sha256 = Some(hex.parse().map_err(|_| problem())?),
                "sha512" => {
                    digests.sha512 = Some(unhex(hex).filter(|bytes| bytes.len() == 64).ok_or_else(problem)?);
                }
                _ => {}
            }
        }
        if digests.is_empty() {
            return Err(invalid("its subject has neither a SHA-256 nor a SHA-512"));
        }
        Ok(Self { predicate_type: written.predicate_type, subject: subject.name, digests })
    }

    /// Adds what this says of the bytes to what the upload says of them; `Err` where the two differ.
    pub fn agrees(&self, stated: &mut StatedDigests) -> Result<(), InvalidStatement> {
        let differs = || invalid("it is about other bytes than these");
        if let Some(sha256) = &self.digests.sha256
            && stated.sha256.get_or_insert(*sha256) != sha256
        {
            return Err(differs());
        }
        if let Some(sha512) = &self.digests.sha512
            && stated.sha512.get_or_insert_with(|| sha512.clone()) != sha512
        {
            return Err(differs());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn statement() -> Value {
        json!({
            "_type": "https://in-toto.io/Statement/v1",
            "subject": [{ "name": "x.whl", "digest": { "sha256": "ab".repeat(32), "md5": "no matter" } }],
            "predicateType": "https://docs.pypi.org/attestations/publish/v1",
            "predicate": null,
        })
    }

    fn read(statement: &Value) -> Result<Statement, InvalidStatement> {
        Statement::read(&STANDARD.encode(statement.to_string()))
    }

    #[test]
    fn a_statement_is_about_one_file_under_one_name() {
        let read = read(&statement()).unwrap();
        assert_eq!(read.subject, "x.whl");
        let mut stated = StatedDigests::default();
        read.agrees(&mut stated).unwrap();
        assert_eq!(stated.sha256, Some("ab".repeat(32).parse().unwrap()), "it is checked from now on");
        stated.sha256 = Some("cd".repeat(32).parse().unwrap());
        assert_eq!(read.agrees(&mut stated), Err(invalid("it is about other bytes than these")));
    }

    #[test]
    fn what_is_no_statement_about_one_file_is_told() {
        for (key, value, problem) in [
            ("_type", json!("x"), "no known version"),
            ("subject", json!([]), "exactly one subject"),
            ("subject", json!([statement()["subject"][0], statement()["subject"][0]]), "exactly one subject"),
            ("subject", json!([{ "name": "x", "digest": { "sha1": "ab".repeat(20) } }]), "neither a SHA-256"),
            ("subject", json!([{ "name": "x", "digest": { "sha256": "ab" } }]), "`sha256` is none"),
            ("subject", json!([{ "name": "x", "digest": { "sha512": "ab" } }]), "`sha512` is none"),
            ("predicateType", Value::Null, "no in-toto statement"),
        ] {
            let mut wrong = statement();
            wrong[key] = value;
            let error = read(&wrong).unwrap_err().to_string();
            assert!(error.contains(problem), "{key}: {error}");
        }
        assert!(Statement::read("%").is_err());
        let large = |size: usize| Statement::read(&"A".repeat(size / 3 * 4)).unwrap_err().to_string();
        assert!(large(MAX_STATEMENT - 1).contains("no in-toto"), "the limit is no refusal by itself");
        assert!(large(MAX_STATEMENT + 3).contains("larger than"));
    }
}
