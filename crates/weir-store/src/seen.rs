//! When releases and files were first seen, and with which digest.

use std::collections::{HashMap, HashSet};

use serde_json::json;
use weir_core::{Digest, Timestamp};

use crate::columns::{Columns, FromColumns};
use crate::db::{ATTEMPTS, Session, Value, transaction, values};
use crate::error::StoreError;
use crate::events::{NewEvent, append};
use crate::rows::{ArtifactSeen, FirstSeen, SeenRelease};
use crate::{Store, limits, sql};

/// Statements by so many algorithms are remembered for a file; no registry has more.
const ALGORITHMS: usize = 4;

impl Store {
    /// When the releases and files of a document were first seen. What is new is remembered with `at` and `document`; when
    /// nothing is, nothing is written. A file whose stated digest is no longer the first one is flagged for good, with an
    /// event `changed-bytes`; digests by different algorithms cannot be compared and are remembered side by side.
    ///
    /// What is not remembered was not in the document that was compared before this one. When that was last confirmed is
    /// kept with what is new: no stated date from well before then can be true.
    pub async fn first_seen(
        &self,
        ecosystem: &str,
        package: &str,
        releases: &[SeenRelease],
        document: &Digest,
        at: Timestamp,
    ) -> Result<FirstSeen, StoreError> {
        const OPERATION: &str = "first_seen";
        limits::at_most(OPERATION, "ecosystem", limits::WORD, ecosystem)?;
        limits::at_most(OPERATION, "package", limits::NAME, package)?;
        for release in releases {
            limits::at_most(OPERATION, "version", limits::NAME, &release.version)?;
            for artifact in &release.artifacts {
                limits::at_most(OPERATION, "file", limits::NAME, &artifact.file)?;
                limits::at_most(OPERATION, "stated", limits::STATED, &artifact.stated)?;
            }
        }
        let sight = Sight { ecosystem, package, document, at };
        let lock = package_lock(ecosystem, package);
        for _ in 0..ATTEMPTS {
            let mut known = self.known(OPERATION, ecosystem, package).await?;
            let news = known.news(releases);
            // A package that is gone has no document.
            let is_compared = releases.is_empty() || known.compared.as_ref() == Some(document);
            if news.is_empty() && is_compared {
                return Ok(known.answer(releases, at));
            }
            let before = known.compared.filter(|_| !is_compared);
            let written = transaction!(self, OPERATION, lock Some(&lock), |session| {
                let last_absent = last_confirmed(&mut session, before.as_ref(), document).await?;
                news.write(&mut session, &sight, last_absent, is_compared).await?.then_some(last_absent)
            })?;
            if let Some(last_absent) = written {
                known.learn(&news, at, last_absent);
                return Ok(FirstSeen { changes: news.changes.len() as u64, ..known.answer(releases, at) });
            }
            // Another process was ahead with some of it: its moment counts, so look again.
        }
        Err(StoreError::Overtaken { operation: OPERATION })
    }

    /// Names of the packages that were seen, ascending, after `after`, at most [`limits::PAGE`].
    pub async fn package_names(&self, ecosystem: &str, after: &str, limit: u32) -> Result<Vec<String>, StoreError> {
        let mut session = self.db.read("package_names").await?;
        session.all(sql::seen::NAMES, values![ecosystem, after, limits::page(limit)]).await
    }

    /// The files of a package that were ever seen, listed now or not, in the order of their bytes.
    pub async fn seen_files(&self, ecosystem: &str, package: &str) -> Result<Vec<String>, StoreError> {
        let mut session = self.db.read("seen_files").await?;
        session.all(sql::seen::FILES, values![ecosystem, package]).await
    }

    /// The versions of a package's releases that were ever seen, listed now or not, in the order of their bytes.
    pub async fn seen_versions(&self, ecosystem: &str, package: &str) -> Result<Vec<String>, StoreError> {
        let mut session = self.db.read("seen_versions").await?;
        session.all(sql::seen::VERSIONS, values![ecosystem, package]).await
    }

    async fn known(&self, operation: &'static str, ecosystem: &str, package: &str) -> Result<Known, StoreError> {
        let mut session = self.db.read(operation).await?;
        let row: Option<Compared> = session.one(sql::seen::COMPARED, values![ecosystem, package]).await?;
        let Some(Compared { id, compared }) = row else { return Ok(Known::default()) };
        let releases: Vec<(String, Moment)> = session.all(sql::seen::RELEASES, values![id]).await?;
        let artifacts: Vec<(String, KnownArtifact)> = session.all(sql::seen::ARTIFACTS, values![id]).await?;
        Ok(Known {
            compared,
            releases: releases.into_iter().map(|(version, Moment(at))| (version, at)).collect(),
            artifacts: artifacts.into_iter().collect(),
        })
    }
}

/// What those wait for who write about a package.
pub(crate) fn package_lock(ecosystem: &str, package: &str) -> String {
    format!("package {ecosystem} {package}")
}

/// When the document `before` was last confirmed, if `now` is from the same place: another registry's lack tells nothing.
async fn last_confirmed(
    session: &mut Session<'_>,
    before: Option<&Digest>,
    now: &Digest,
) -> Result<Option<Timestamp>, StoreError> {
    let Some(before) = before else { return Ok(None) };
    let confirmed: Option<Confirmed> = session.one(sql::seen::LAST_CONFIRMED, values![before, now]).await?;
    Ok(confirmed.and_then(|Confirmed(at)| at))
}

/// The id of a package, which is added if need be.
pub(crate) async fn package_id(
    session: &mut Session<'_>,
    ecosystem: &str,
    package: &str,
    at: Timestamp,
) -> Result<i64, StoreError> {
    if let Some(id) = session.one(sql::seen::PACKAGE, values![ecosystem, package]).await? {
        return Ok(id);
    }
    session.run(sql::seen::ADD_PACKAGE, values![ecosystem, package, at]).await?;
    let id: Option<i64> = session.one(sql::seen::PACKAGE, values![ecosystem, package]).await?;
    id.ok_or(StoreError::Overtaken { operation: session.operation() })
}

/// Who looks at what.
struct Sight<'a> {
    ecosystem: &'a str,
    package: &'a str,
    document: &'a Digest,
    at: Timestamp,
}

/// What is remembered of a package.
#[derive(Default)]
struct Known {
    /// The document that it was last compared with.
    compared: Option<Digest>,
    releases: HashMap<String, Timestamp>,
    artifacts: HashMap<String, KnownArtifact>,
}

struct KnownArtifact {
    first_seen: Timestamp,
    published: Option<Timestamp>,
    last_absent: Option<Timestamp>,
    /// The first statement by each algorithm, separated by spaces.
    stated: String,
    changed: Option<String>,
}

struct Moment(Timestamp);

/// A moment, if there is one.
struct Confirmed(Option<Timestamp>);

/// A package's id, and the document that it was last compared with.
struct Compared {
    id: i64,
    compared: Option<Digest>,
}

/// What a document has that is not remembered.
#[derive(Default)]
struct News<'a> {
    releases: Vec<&'a str>,
    artifacts: Vec<NewArtifact<'a>>,
    statements: Vec<NewStatement<'a>>,
    changes: Vec<Change<'a>>,
}

struct NewArtifact<'a> {
    version: &'a str,
    file: &'a str,
    stated: &'a str,
    published: Option<Timestamp>,
}

struct NewStatement<'a> {
    file: &'a str,
    before: String,
    after: String,
}

struct Change<'a> {
    version: &'a str,
    file: &'a str,
    first: String,
    now: &'a str,
}

/// How a statement compares with what is remembered.
enum Comparison<'k> {
    /// Nothing to compare, or the same.
    Same,
    /// Another digest by the same algorithm than this first one.
    Differs(&'k str),
    /// The first by its algorithm.
    Adds,
}

fn algorithm(stated: &str) -> &str {
    stated.split_once(':').map_or("", |(algorithm, _)| algorithm)
}

/// A statement is one word; a space would make two of it in the table.
fn word(stated: &str) -> &str {
    stated.split_ascii_whitespace().next().unwrap_or_default()
}

impl KnownArtifact {
    fn compare(&self, now: &str) -> Comparison<'_> {
        if now.is_empty() {
            return Comparison::Same;
        }
        match self.stated.split(' ').find(|first| algorithm(first) == algorithm(now)) {
            Some(first) if first == now => Comparison::Same,
            Some(first) if !first.is_empty() => Comparison::Differs(first),
            _ if self.stated.split(' ').count() >= ALGORITHMS => Comparison::Same,
            _ => Comparison::Adds,
        }
    }

    /// The first statement that `now` is compared with.
    fn counterpart(&self, now: &str) -> &str {
        let mut firsts = self.stated.split(' ');
        let same = firsts.clone().find(|first| algorithm(first) == algorithm(now));
        same.or_else(|| firsts.next()).unwrap_or_default()
    }
}

impl Known {
    fn news<'a>(&self, releases: &'a [SeenRelease]) -> News<'a> {
        let mut news = News::default();
        let mut versions = HashSet::new();
        let mut files = HashSet::new();
        for release in releases {
            let version = release.version.as_str();
            if !self.releases.contains_key(version) && versions.insert(version) {
                news.releases.push(version);
            }
            for artifact in &release.artifacts {
                let file = artifact.file.as_str();
                let now = word(&artifact.stated);
                let Some(known) = self.artifacts.get(file) else {
                    if files.insert(file) {
                        news.artifacts.push(NewArtifact { version, file, stated: now, published: artifact.published });
                    }
                    continue;
                };
                match known.compare(now) {
                    Comparison::Same => {}
                    Comparison::Differs(first) => {
                        if known.changed.as_deref() != Some(now) && files.insert(file) {
                            news.changes.push(Change { version, file, first: first.to_owned(), now });
                        }
                    }
                    Comparison::Adds => {
                        if files.insert(file) {
                            let after = format!("{} {now}", known.stated).trim_start().to_owned();
                            news.statements.push(NewStatement { file, before: known.stated.clone(), after });
                        }
                    }
                }
            }
        }
        news
    }

    /// What is known after `news` was written.
    fn learn(&mut self, news: &News<'_>, at: Timestamp, last_absent: Option<Timestamp>) {
        self.releases.extend(news.releases.iter().map(|version| ((*version).to_owned(), at)));
        for new in &news.artifacts {
            let known = KnownArtifact {
                first_seen: at,
                published: new.published,
                last_absent,
                stated: new.stated.to_owned(),
                changed: None,
            };
            self.artifacts.insert(new.file.to_owned(), known);
        }
        for new in &news.statements {
            if let Some(known) = self.artifacts.get_mut(new.file) {
                known.stated.clone_from(&new.after);
            }
        }
        for change in &news.changes {
            if let Some(known) = self.artifacts.get_mut(change.file) {
                known.changed = Some(change.now.to_owned());
            }
        }
    }

    fn answer(&self, releases: &[SeenRelease], at: Timestamp) -> FirstSeen {
        let mut answer = FirstSeen {
            releases: Vec::with_capacity(releases.len()),
            artifacts: Vec::with_capacity(releases.iter().map(|release| release.artifacts.len()).sum()),
            changes: 0,
        };
        for release in releases {
            let seen = self.releases.get(&release.version).copied().unwrap_or(at);
            answer.releases.push((release.version.clone(), seen));
            for artifact in &release.artifacts {
                let known = self.artifacts.get(&artifact.file);
                answer.artifacts.push(ArtifactSeen {
                    version: release.version.clone(),
                    file: artifact.file.clone(),
                    first_seen: known.map_or(at, |known| known.first_seen),
                    published: known.and_then(|known| known.published),
                    last_absent: known.and_then(|known| known.last_absent),
                    stated: known.map_or("", |known| known.counterpart(word(&artifact.stated))).to_owned(),
                    changed: known.and_then(|known| known.changed.clone()),
                });
            }
        }
        answer
    }
}

impl News<'_> {
    fn is_empty(&self) -> bool {
        self.releases.is_empty() && self.artifacts.is_empty() && self.statements.is_empty() && self.changes.is_empty()
    }

    /// Writes all of it, and what it was compared with; false if some was there already.
    async fn write(
        &self,
        session: &mut Session<'_>,
        sight: &Sight<'_>,
        last_absent: Option<Timestamp>,
        is_compared: bool,
    ) -> Result<bool, StoreError> {
        let id = package_id(session, sight.ecosystem, sight.package, sight.at).await?;
        let fixed = values![id, sight.at, sight.document];
        let releases: Vec<Value<'_>> = self.releases.iter().map(|version| Value::from(*version)).collect();
        let artifacts: Vec<Value<'_>> = self
            .artifacts
            .iter()
            .flat_map(|new| values![new.file, new.version, new.stated, new.published].to_vec())
            .collect();
        let absent = values![id, sight.at, sight.document, last_absent];
        let mut written = session.run_bulk(&sql::seen::ADD_RELEASES, fixed, &releases).await?;
        written += session.run_bulk(&sql::seen::ADD_ARTIFACTS, absent, &artifacts).await?;
        for new in &self.statements {
            let row = values![id, new.file, &new.after, &new.before];
            written += session.run(sql::seen::STATE, row).await?;
        }
        let mut events = Vec::new();
        for change in &self.changes {
            let row = values![id, change.file, change.now, sight.at, sight.document];
            if session.run(sql::seen::CHANGE, row).await? > 0 {
                written += 1;
                events.push(changed_bytes(
                    (sight.ecosystem, sight.package, change.version, change.file),
                    (Some(&change.first), change.now),
                    Some(sight.document),
                ));
            }
        }
        if !is_compared {
            session.run(sql::seen::COMPARE, values![id, sight.document]).await?;
        }
        append(session, &events, sight.at).await?;
        let planned = self.releases.len() + self.artifacts.len() + self.statements.len() + self.changes.len();
        Ok(written == planned as u64)
    }
}

/// Other bytes under the same name: what was (`first`) and what is (`now`).
pub(crate) fn changed_bytes(
    (ecosystem, package, version, file): (&str, &str, &str, &str),
    (first, now): (Option<&str>, &str),
    document: Option<&Digest>,
) -> NewEvent {
    NewEvent {
        kind: "changed-bytes",
        subject: format!("{ecosystem}/{package}/{file}"),
        body: json!({
            "ecosystem": ecosystem, "package": package, "version": version, "file": file,
            "first": first, "now": now, "document": document,
        }),
    }
}

impl FromColumns for Moment {
    fn read(columns: &mut Columns<'_>) -> Result<Self, StoreError> {
        columns.time().map(Moment)
    }
}

impl FromColumns for Confirmed {
    fn read(columns: &mut Columns<'_>) -> Result<Self, StoreError> {
        columns.optional_time().map(Confirmed)
    }
}

impl FromColumns for Compared {
    fn read(columns: &mut Columns<'_>) -> Result<Self, StoreError> {
        Ok(Self { id: columns.int()?, compared: columns.optional_digest()? })
    }
}

impl FromColumns for KnownArtifact {
    fn read(columns: &mut Columns<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            first_seen: columns.time()?,
            published: columns.optional_time()?,
            last_absent: columns.optional_time()?,
            stated: columns.text()?,
            changed: columns.optional_text()?,
        })
    }
}
