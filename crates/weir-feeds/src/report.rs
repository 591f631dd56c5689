//! What happened, and which data is there?

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;
use weir_advisory::read::ReadReport;
use weir_core::{Digest, Timestamp};
use weir_store::PutReport;

use crate::names::NamesRow;

/// Most problems that a report shows to people.
const SHOWN: usize = 20;

/// What an import did.
#[derive(Clone, Debug, Default, Serialize)]
pub struct ImportReport {
    /// What was read.
    pub read: Read,
    /// What that changed in the store.
    pub stored: PutReport,
    /// Catalogues and scores that were left out because newer ones are there.
    pub older: Vec<String>,
    /// Lists of well-known names that were read.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub names: Vec<NamesRow>,
    /// Lists that could not be read: place and problem.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub name_problems: Vec<String>,
    /// The index made of all that is current.
    pub index: Option<IndexSummary>,
}

/// What was read.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Read {
    /// OSV records.
    pub osv: u64,
    /// Of these, withdrawn.
    pub withdrawn: u64,
    /// Of these, those that tell of malicious code.
    pub malware: u64,
    /// OSV records by ecosystem; the empty name counts those that name no package.
    pub ecosystems: BTreeMap<String, u64>,
    /// CVE records.
    pub cve: u64,
    /// KEV catalogues.
    pub kev: u64,
    /// Files of EPSS scores.
    pub epss: u64,
    /// Files that are none of these.
    pub skipped: u64,
    /// What could not be read: place and problem, the first hundred.
    pub problems: Vec<String>,
    /// How many there are.
    pub problem_count: u64,
}

impl From<&ReadReport> for Read {
    fn from(report: &ReadReport) -> Self {
        Self {
            osv: report.osv,
            withdrawn: report.withdrawn,
            malware: report.malware,
            ecosystems: report.ecosystems.clone(),
            cve: report.cve,
            kev: report.kev,
            epss: report.epss,
            skipped: report.skipped_count,
            problems: report.errors.iter().map(ToString::to_string).collect(),
            problem_count: report.error_count,
        }
    }
}

/// An index in numbers.
#[derive(Clone, Debug, Serialize)]
pub struct IndexSummary {
    /// The advisory epoch.
    pub digest: Digest,
    /// Vulnerabilities: advisories that are aliases of one another count once.
    pub vulnerabilities: u64,
    /// Packages that have any.
    pub packages: u64,
    /// Bytes of the file.
    pub size_bytes: u64,
}

impl ImportReport {
    /// How many things could not be read.
    pub fn errors(&self) -> u64 {
        self.read.problem_count + self.name_problems.len() as u64
    }

    /// What an import of lists of names did.
    pub(crate) fn of_names(names: Vec<NamesRow>, name_problems: Vec<String>) -> Self {
        Self { names, name_problems, ..Self::default() }
    }

    /// True if anything was read, or tried to be, that is no list of names.
    fn has_advisories(&self) -> bool {
        let read = &self.read;
        let count = read.osv + read.cve + read.kev + read.epss + read.problem_count;
        count > 0 || (self.names.is_empty() && self.name_problems.is_empty())
    }
}

impl fmt::Display for ImportReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let read = &self.read;
        let mut lines: Vec<String> = self.names.iter().map(NamesRow::to_string).collect();
        lines.extend(self.name_problems.iter().map(|problem| format!("could not be read: {problem}")));
        write!(f, "{}", lines.join("\n"))?;
        if !self.has_advisories() {
            return Ok(());
        }
        if !lines.is_empty() {
            writeln!(f)?;
        }
        write!(f, "read {} {}", read.osv, if read.osv == 1 { "advisory" } else { "advisories" })?;
        if read.withdrawn > 0 || read.malware > 0 {
            write!(f, " ({} withdrawn, {} of malicious code)", read.withdrawn, read.malware)?;
        }
        for (count, one, more) in [
            (read.cve, "CVE record", "CVE records"),
            (read.kev, "KEV catalogue", "KEV catalogues"),
            (read.epss, "file of EPSS scores", "files of EPSS scores"),
        ] {
            if count > 0 {
                write!(f, ", {count} {}", if count == 1 { one } else { more })?;
            }
        }
        if read.skipped > 0 {
            write!(f, "; passed over {} other files", read.skipped)?;
        }
        let named: Vec<String> = read
            .ecosystems
            .iter()
            .filter(|(name, _)| !name.is_empty())
            .map(|(name, count)| format!("{name} {count}"))
            .collect();
        if !named.is_empty() {
            write!(f, "\n  {}", named.join(", "))?;
        }
        writeln!(f, "\n{}", Stored(&self.stored))?;
        for older in &self.older {
            writeln!(f, "{older}")?;
        }
        if read.problem_count > 0 {
            writeln!(f, "{} could not be read:", read.problem_count)?;
            for problem in read.problems.iter().take(SHOWN) {
                writeln!(f, "  {problem}")?;
            }
            if read.problem_count > SHOWN as u64 {
                writeln!(f, "  … and {} more", read.problem_count - SHOWN as u64)?;
            }
        }
        match &self.index {
            Some(index) => write!(f, "{index}"),
            None => write!(f, "the index is as it was"),
        }
    }
}

impl fmt::Display for IndexSummary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let vulnerabilities = if self.vulnerabilities == 1 { "vulnerability" } else { "vulnerabilities" };
        let packages = if self.packages == 1 { "package" } else { "packages" };
        write!(f, "the index has {} {vulnerabilities} of {} {packages}", self.vulnerabilities, self.packages)
    }
}

struct Stored<'a>(&'a PutReport);

impl fmt::Display for Stored<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let PutReport { new, changed, unchanged, older } = self.0;
        write!(f, "stored {new} new, {changed} changed, {unchanged} as before")?;
        if *older > 0 {
            write!(f, "; left out {older} that are older than what is here")?;
        }
        Ok(())
    }
}

/// What a sync did.
#[derive(Clone, Debug, Default, Serialize)]
pub struct SyncReport {
    /// What happened to each feed.
    pub feeds: Vec<SyncedFeed>,
    /// The index made of all that is current.
    pub index: Option<IndexSummary>,
}

/// What happened to a feed.
#[derive(Clone, Debug, Default, Serialize)]
pub struct SyncedFeed {
    /// Its name.
    pub name: String,
    /// What was fetched changed this in the store.
    pub stored: PutReport,
    /// Upstream said that nothing has changed.
    pub not_modified: bool,
    /// Ids that upstream no longer lists, the first few; they stay.
    pub gone: Vec<String>,
    /// How many there are.
    pub gone_count: u64,
    /// What could not be read in it.
    pub problems: Vec<String>,
    /// Why it could not be synced.
    pub error: Option<String>,
}

impl SyncReport {
    /// How many feeds could not be synced.
    pub fn errors(&self) -> usize {
        self.feeds.iter().filter(|feed| feed.error.is_some()).count()
    }
}

impl fmt::Display for SyncReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for feed in &self.feeds {
            match &feed.error {
                Some(error) => writeln!(f, "{}: {error}", feed.name)?,
                None if feed.not_modified => writeln!(f, "{}: nothing has changed", feed.name)?,
                None => writeln!(f, "{}: {}", feed.name, Stored(&feed.stored))?,
            }
            if feed.gone_count > 0 {
                let gone = feed.gone.join(", ");
                writeln!(f, "  {} are no longer listed there and stay: {gone}", feed.gone_count)?;
            }
            for problem in feed.problems.iter().take(SHOWN) {
                writeln!(f, "  {problem}")?;
            }
        }
        if self.errors() > 0 {
            writeln!(f, "{}", crate::sync::ADVICE)?;
        }
        match &self.index {
            Some(index) => write!(f, "{index}"),
            None => write!(f, "the index is as it was"),
        }
    }
}

/// Which data there is.
#[derive(Clone, Debug, Default, Serialize)]
pub struct FeedStatus {
    /// One row a feed, by name.
    pub rows: Vec<FeedRow>,
    /// Lists of well-known names, a row an ecosystem.
    pub names: Vec<NamesRow>,
}

/// A feed.
#[derive(Clone, Debug, Serialize)]
pub struct FeedRow {
    /// An OSV ecosystem, `cve`, `kev` or `epss`.
    pub name: String,
    /// Records that count.
    pub records: u64,
    /// When its source last confirmed or changed it.
    pub as_of: Option<Timestamp>,
    /// Milliseconds since then.
    pub age: Option<i64>,
    /// What went wrong last time.
    pub error: Option<String>,
}
