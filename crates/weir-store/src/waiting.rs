//! Files that were sent of a release that is not whole yet.
//!
//! Some clients send the files of a release one by one, and say at the end that these are all. Until then nobody sees them,
//! another may take the place of each, and those that have waited for too long are forgotten. Their bytes are durable before
//! they wait; what is forgotten of them is left to the cache.

use serde_json::json;
use weir_core::{Digest, Timestamp};

use crate::columns::{Columns, FromColumns};
use crate::db::{Session, transaction, values};
use crate::error::StoreError;
use crate::hosted::{Head, NewHosted, Published};
use crate::rows::ArtifactRow;
use crate::seen::{package_id, package_lock};
use crate::{Store, sql};

/// Most files of one package that wait.
pub const MAX_WAITING: usize = 500;
/// How long a file waits for the rest of its release, in milliseconds.
pub const MAX_WAIT: i64 = 7 * 24 * 60 * 60 * 1000;
/// Most overdue files that are forgotten at once.
const AT_ONCE: i64 = 1_000;

/// A file that waits.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Waiting {
    /// Its name.
    pub file: String,
    /// The version of its release.
    pub version: String,
    /// Its bytes.
    pub sha256: Digest,
    /// Number of bytes.
    pub size: u64,
    /// When it was sent.
    pub at: Timestamp,
    /// What is to be published.
    pub new: NewHosted,
}

/// Answer to [`Store::wait`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Waits {
    /// It waits.
    Waits,
    /// The release was published with the same bytes under this name; nothing was written.
    Known,
    /// The release was published, and has other bytes under this name, or no such file; nothing was written.
    Published,
    /// Other bytes are known under this file name, with this digest; nothing was written.
    Conflict(Digest),
    /// A package whose name differs in spelling only is hosted; nothing was written.
    Taken(String),
    /// [`MAX_WAITING`] files of the package wait; nothing was written.
    Full,
}

/// Where the bytes of a file that waits are.
struct Place {
    package: i64,
    file: String,
    sha256: Digest,
    size: u64,
}

impl Store {
    /// Has a file wait for the rest of its release. Its package is hosted from now on, though nothing of it is seen.
    pub async fn wait(&self, new: &NewHosted, at: Timestamp) -> Result<Waits, StoreError> {
        const OPERATION: &str = "wait";
        new.check(OPERATION)?;
        let body = json!(new).to_string();
        crate::limits::json(OPERATION, "body", &body)?;
        let lock = new.lock();
        transaction!(self, OPERATION, lock Some(&lock), |session| { wait_in(&mut session, new, &body, at).await? })
    }

    /// The files of a package that wait.
    pub async fn waiting(&self, ecosystem: &str, package: &str) -> Result<Vec<Waiting>, StoreError> {
        let mut session = self.db.read("waiting").await?;
        let head: Option<Head> = session.one(sql::hosted::PACKAGE, values![ecosystem, package]).await?;
        let Some(head) = head else { return Ok(Vec::new()) };
        session.all(sql::hosted::WAITING, values![head.package, MAX_WAITING as u64]).await
    }

    /// A file does not wait any longer; true if it did.
    pub async fn stop_waiting(&self, ecosystem: &str, package: &str, file: &str) -> Result<bool, StoreError> {
        const OPERATION: &str = "stop_waiting";
        let lock = package_lock(ecosystem, package);
        transaction!(self, OPERATION, lock Some(&lock), |session| {
            let head: Option<Head> = session.one(sql::hosted::PACKAGE, values![ecosystem, package]).await?;
            match head {
                None => false,
                Some(head) => session.run(sql::hosted::STOP_WAITING, values![head.package, file]).await? > 0,
            }
        })
    }

    /// Publishes what waits of some releases, all of it or nothing; the first that cannot be is the answer. The revision is
    /// that of the last, `None` if nothing waited.
    pub async fn release(
        &self,
        ecosystem: &str,
        package: &str,
        versions: &[String],
        at: Timestamp,
    ) -> Result<Option<Published>, StoreError> {
        const OPERATION: &str = "release";
        let lock = package_lock(ecosystem, package);
        // Each is looked at before the first is written, so that what comes of it is all or nothing.
        transaction!(self, OPERATION, lock Some(&lock), |session| {
            self.release_in(&mut session, ecosystem, package, versions, at).await?
        })
    }

    async fn release_in(
        &self,
        session: &mut Session<'_>,
        ecosystem: &str,
        package: &str,
        versions: &[String],
        at: Timestamp,
    ) -> Result<Option<Published>, StoreError> {
        let head: Option<Head> = session.one(sql::hosted::PACKAGE, values![ecosystem, package]).await?;
        let Some(head) = head else { return Ok(None) };
        let mut waiting: Vec<Waiting> =
            session.all(sql::hosted::WAITING, values![head.package, MAX_WAITING as u64]).await?;
        waiting.retain(|file| versions.contains(&file.version));
        for file in &waiting {
            let known: Option<ArtifactRow> =
                session.one(sql::artifacts::GET, values![head.package, &file.file]).await?;
            if let Some(known) = known.filter(|known| known.sha256 != file.sha256) {
                return Ok(Some(Published::Conflict(known.sha256)));
            }
        }
        let mut last = None;
        for file in waiting {
            session.run(sql::hosted::STOP_WAITING, values![head.package, &file.file]).await?;
            match self.publish_in(session, &file.new, at).await? {
                Published::Full if last.is_some() => {
                    return Err(StoreError::Overtaken { operation: session.operation() });
                }
                Published::New(revision) | Published::Known(revision) => last = Some(Published::New(revision)),
                other => return Ok(Some(other)),
            }
        }
        Ok(last)
    }
}

async fn wait_in(session: &mut Session<'_>, new: &NewHosted, body: &str, at: Timestamp) -> Result<Waits, StoreError> {
    let artifact = &new.artifact;
    let taken: Option<String> = session.one(sql::hosted::FOLDED, values![&artifact.ecosystem, &new.fold]).await?;
    if let Some(taken) = taken.filter(|taken| *taken != artifact.package) {
        return Ok(Waits::Taken(taken));
    }
    let known: Option<Head> =
        session.one(sql::hosted::PACKAGE, values![&artifact.ecosystem, &artifact.package]).await?;
    let id = package_id(session, &artifact.ecosystem, &artifact.package, at).await?;
    let before: Option<ArtifactRow> = session.one(sql::artifacts::GET, values![id, &artifact.file]).await?;
    if known.is_some() {
        let count: Option<u64> = session.one(sql::hosted::HAS_RELEASE, values![id, &artifact.version]).await?;
        if count.unwrap_or_default() > 0 {
            let is_same = before.is_some_and(|before| before.sha256 == artifact.sha256);
            return Ok(if is_same { Waits::Known } else { Waits::Published });
        }
    }
    if let Some(before) = before.filter(|before| before.sha256 != artifact.sha256) {
        return Ok(Waits::Conflict(before.sha256));
    }
    forget_overdue(session, at).await?;
    let is_new = known.is_none();
    let mut head = Head::found(session, known, id, new).await?;
    let replaced: Option<Place> = session.one(sql::hosted::WAITING_FILE, values![id, &artifact.file]).await?;
    let count: Option<u64> = session.one(sql::hosted::COUNT_WAITING, values![id]).await?;
    if replaced.is_none() && count.unwrap_or_default() >= MAX_WAITING as u64 {
        return Ok(Waits::Full);
    }
    if let Some(replaced) = replaced.filter(|replaced| replaced.sha256 != artifact.sha256) {
        session.run(sql::cached::KEEP, values![&replaced.sha256, replaced.size, at]).await?;
    }
    let row = values![id, &artifact.file, &artifact.version, &artifact.sha256, artifact.size, at, body];
    session.run(sql::hosted::WAIT, row).await?;
    if is_new {
        head.revise(session).await?;
    }
    Ok(Waits::Waits)
}

/// What has waited for too long is forgotten, and its bytes are the cache's.
async fn forget_overdue(session: &mut Session<'_>, at: Timestamp) -> Result<(), StoreError> {
    let before = at.plus_millis(-MAX_WAIT);
    let overdue: Vec<Place> = session.all(sql::hosted::OVERDUE, values![before, AT_ONCE]).await?;
    for file in overdue {
        session.run(sql::hosted::STOP_WAITING, values![file.package, &file.file]).await?;
        session.run(sql::cached::KEEP, values![&file.sha256, file.size, at]).await?;
    }
    Ok(())
}

impl FromColumns for Waiting {
    fn read(columns: &mut Columns<'_>) -> Result<Self, StoreError> {
        let (file, version, sha256) = (columns.text()?, columns.text()?, columns.digest()?);
        let (size, at, body) = (columns.count()?, columns.time()?, columns.text()?);
        let new = serde_json::from_str(&body).map_err(|error| columns.wrong(error.to_string()))?;
        Ok(Self { file, version, sha256, size, at, new })
    }
}

impl FromColumns for Place {
    fn read(columns: &mut Columns<'_>) -> Result<Self, StoreError> {
        Ok(Self { package: columns.int()?, file: columns.text()?, sha256: columns.digest()?, size: columns.count()? })
    }
}
