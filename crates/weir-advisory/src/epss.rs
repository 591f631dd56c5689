//! A day's EPSS scores: the probability that a vulnerability is exploited in the next 30 days.
//!
//! FIRST's daily CSV, <https://www.first.org/epss/>: a comment line with model and date, a header, one line a CVE.

use std::collections::BTreeMap;
use std::io::Read;

use weir_core::{Digest, Timestamp};

use crate::cve::is_cve_id;

/// Most bytes that a day's file may have, decompressed. In 2026 it has about 10 MB.
pub const MAX_BYTES: usize = 256 << 20;
/// Most lines that are read.
pub const MAX_ROWS: usize = 5_000_000;
/// Most unreadable lines; a file with more is not what it says it is.
pub const MAX_BAD_ROWS: usize = 1000;

/// A day's scores.
#[derive(Clone, Debug)]
pub struct Scores {
    /// `v2025.03.14`.
    pub model: String,
    /// The day that the scores are for.
    pub date: Option<Timestamp>,
    /// CVE id → probability, 0 to 1.
    pub scores: BTreeMap<String, f32>,
    /// Lines that could not be read: number and what stood there, the first few.
    pub unreadable: Vec<(u64, String)>,
    /// Digest of the file.
    pub digest: Digest,
}

/// Bytes that are not a day's scores.
#[derive(Debug, thiserror::Error)]
pub enum InvalidScores {
    /// Too long.
    #[error("the file has more than {MAX_BYTES} bytes")]
    TooLong,
    /// The header is not the one that EPSS files have.
    #[error("line {line}: `{found}` is not the header of EPSS scores; expected `cve,epss,percentile`")]
    Header {
        /// Its line.
        line: u64,
        /// What stands there.
        found: String,
    },
    /// Too many lines that cannot be read.
    #[error(
        "line {line}: `{found}` is not `CVE-YEAR-NUMBER,PROBABILITY,PERCENTILE`, and {MAX_BAD_ROWS} lines before it neither"
    )]
    Rows {
        /// The last line that was read.
        line: u64,
        /// What stands there.
        found: String,
    },
    /// The file cannot be read.
    #[error("{0}")]
    Read(#[from] std::io::Error),
    /// More lines than are read.
    #[error("the file has more than {MAX_ROWS} lines")]
    TooMany,
}

/// True if `start`, the beginning of a file, is that of an EPSS file: by the comment line, or by the header without one.
pub fn is_epss(start: &[u8]) -> bool {
    let start = start.strip_prefix(b"\xef\xbb\xbf").unwrap_or(start);
    start.starts_with(b"#model_version") || start.starts_with(b"cve,epss")
}

impl Scores {
    /// Reads a file.
    pub fn parse(bytes: &[u8]) -> Result<Self, InvalidScores> {
        if bytes.len() > MAX_BYTES {
            return Err(InvalidScores::TooLong);
        }
        let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        let (mut model, mut date) = (String::new(), None);
        let mut lines = 0;
        let mut rest = text;
        while rest.first() == Some(&b'#') {
            let end = rest.iter().position(|byte| *byte == b'\n').map_or(rest.len(), |at| at + 1);
            let comment = String::from_utf8_lossy(&rest[1..end.min(1000)]);
            for part in comment.trim().split(',') {
                match part.split_once(':') {
                    Some(("model_version", value)) => model = crate::osv::one_line(value),
                    Some(("score_date", value)) => date = parse_date(value),
                    _ => {}
                }
            }
            rest = &rest[end..];
            lines += 1;
        }
        let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(rest);
        let mut row = csv::ByteRecord::new();
        let found = |row: &csv::ByteRecord| {
            let fields: Vec<_> = row.iter().take(6).map(String::from_utf8_lossy).collect();
            crate::osv::one_line(&fields.join(",")).chars().take(120).collect::<String>()
        };
        let line = |row: &csv::ByteRecord| lines + row.position().map_or(1, csv::Position::line);
        if !matches!(reader.read_byte_record(&mut row), Ok(true))
            || row.get(0) != Some(b"cve")
            || row.get(1) != Some(b"epss")
        {
            return Err(InvalidScores::Header { line: lines + 1, found: found(&row) });
        }
        let mut scores = BTreeMap::new();
        let mut unreadable = Vec::new();
        while reader.read_byte_record(&mut row).map_err(std::io::Error::other)? {
            if scores.len() >= MAX_ROWS {
                return Err(InvalidScores::TooMany);
            }
            let cve = row.get(0).and_then(|field| std::str::from_utf8(field).ok()).filter(|cve| is_cve_id(cve));
            let score = row
                .get(1)
                .and_then(|field| std::str::from_utf8(field).ok())
                .and_then(|field| field.parse::<f32>().ok())
                .filter(|score| (0.0..=1.0).contains(score));
            match (cve, score) {
                (Some(cve), Some(score)) => {
                    scores.insert(cve.to_owned(), score);
                }
                _ if unreadable.len() >= MAX_BAD_ROWS => {
                    return Err(InvalidScores::Rows { line: line(&row), found: found(&row) });
                }
                _ => unreadable.push((line(&row), found(&row))),
            }
        }
        Ok(Self { model, date, scores, unreadable, digest: Digest::of(bytes) })
    }

    /// Reads at most [`MAX_BYTES`] from `reader` for [`Scores::parse`].
    pub fn gather(reader: impl Read) -> Result<Vec<u8>, InvalidScores> {
        let mut bytes = Vec::new();
        reader.take(MAX_BYTES as u64 + 1).read_to_end(&mut bytes)?;
        if bytes.len() > MAX_BYTES { Err(InvalidScores::TooLong) } else { Ok(bytes) }
    }
}

/// `2025-02-20T00:00:00+0000`: RFC 3339 but for the colon in the offset.
fn parse_date(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    Timestamp::parse(text).or_else(|| Timestamp::parse(text.get(..10)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_with_its_model_and_day() {
        let scores = Scores::parse(
            b"#model_version:v2023.03.01,score_date:2025-02-20T00:00:00+0000\ncve,epss,percentile\nCVE-1999-0001,0.00383,0.73075\nCVE-1999-0005,0.91963,0.99214\nrubbish,1,1\nCVE-1999-0006,7,1\n",
        )
        .unwrap();
        assert_eq!(scores.model, "v2023.03.01");
        assert_eq!(scores.date.unwrap().date(), "2025-02-20");
        assert_eq!(scores.scores["CVE-1999-0005"], 0.91963);
        assert_eq!(scores.unreadable, [(5, String::from("rubbish,1,1")), (6, String::from("CVE-1999-0006,7,1"))]);
    }

    #[test]
    fn another_header_is_refused_with_its_line() {
        let error = Scores::parse(b"#model_version:v1,score_date:x\ninvalid,header,format\nCVE-2024-6775,0.1,0.1\n");
        assert_eq!(
            error.unwrap_err().to_string(),
            "line 2: `invalid,header,format` is not the header of EPSS scores; expected `cve,epss,percentile`"
        );
        assert!(Scores::parse(b"").is_err());
    }
}
