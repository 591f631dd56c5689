//! Group commit: what several write to SQLite at the same time becomes durable together.
//!
//! SQLite has one writer, and each commit waits for the disk. So whoever writes while others wait leaves the commit to
//! them: every member of a group works under a savepoint of its own in one transaction, and the last of them, or the one
//! with whom the group is full, has it committed. Each is told only after that. A member that fails is rolled back by
//! itself. Where the transaction as a whole fails, nothing of it is written, and its members try again each by itself, so
//! that each gets its own error. Someone who writes alone waits for nobody.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use sqlx::pool::PoolConnection;
use sqlx::sqlite::{SqliteConnection, SqlitePool};
use sqlx::{SqlSafeStr, Sqlite};
use tokio::sync::{Mutex, OwnedMutexGuard, oneshot};
use tokio::time::Instant;

use crate::error::Engine;

/// With the lock at once: a transaction that began by reading could otherwise find at its first write that another process
/// was faster, and nothing but starting over would help.
///
/// Several statements in one text are one message to the driver's thread instead of several.
const BEGIN: &str = "begin immediate; savepoint member";
const ROLLBACK: &str = "rollback";
/// One more member's part of a transaction.
const SAVEPOINT: &str = "savepoint member";
const RELEASE: &str = "release member";
const COMMIT: &str = "commit";
const RELEASE_AND_COMMIT: &str = "release member; commit";
/// This fails where SQLite has ended the whole transaction by itself, as it does when the disk is full.
const ROLLBACK_TO_AND_COMMIT: &str = "rollback to member; release member; commit";

/// Most members of a group.
const MAX_MEMBERS: usize = 64;
/// How long the first member of a group waits for others to join, at most; a member that has begun is waited for.
const MAX_AGE: Duration = Duration::from_millis(10);
/// How long a writer waits for the other writers of this process.
const QUEUE: Duration = Duration::from_secs(60);

/// What became of a member: done, failed by itself, or (`None`) failed together with others.
type Outcome = Result<(), Option<sqlx::Error>>;

/// The one writer of a SQLite file.
#[derive(Debug)]
pub(crate) struct Writer {
    pool: SqlitePool,
    group: Arc<Mutex<Group>>,
    /// How many wait for their turn.
    waiting: AtomicUsize,
}

/// A transaction that several share.
#[derive(Debug, Default)]
struct Group {
    link: Option<PoolConnection<Sqlite>>,
    /// Those who have done their part and wait for the commit.
    members: Vec<oneshot::Sender<Outcome>>,
    since: Option<Instant>,
}

/// What there is of the last member's part of a transaction.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Part {
    /// Nothing, or nothing any more that could be told from the others'.
    None,
    /// It is done.
    Done,
    /// It was given up.
    Open,
}

/// One writer's turn. Dropped without [`Turn::finish`], it leaves nothing behind.
#[derive(Debug)]
pub(crate) struct Turn {
    writer: Arc<Writer>,
    group: Option<OwnedMutexGuard<Group>>,
    part: Part,
    /// Others are not to join.
    is_alone: bool,
}

/// A place in the queue.
struct Place<'w> {
    writer: &'w Arc<Writer>,
    is_served: bool,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.writer.waiting.fetch_sub(1, Ordering::SeqCst);
        if !self.is_served {
            // The group may have been left to whoever stood here.
            let writer = Arc::clone(self.writer);
            spawn(async move {
                let group = Some(Arc::clone(&writer.group).lock_owned().await);
                drop(Turn { writer, group, part: Part::None, is_alone: false });
            });
        }
    }
}

impl Writer {
    pub(crate) fn new(pool: SqlitePool) -> Arc<Self> {
        Arc::new(Self { pool, group: Arc::default(), waiting: AtomicUsize::new(0) })
    }

    /// Waits for a turn and begins. `alone`: in a transaction of its own, for what is large or failed in company.
    pub(crate) async fn turn(self: &Arc<Self>, alone: bool) -> Result<Turn, sqlx::Error> {
        self.waiting.fetch_add(1, Ordering::SeqCst);
        let mut place = Place { writer: self, is_served: false };
        let deadline = Instant::now() + QUEUE;
        let group = loop {
            let queue = tokio::time::timeout_at(deadline, Arc::clone(&self.group).lock_owned());
            let group = queue.await.map_err(|_| sqlx::Error::PoolTimedOut)?;
            if !alone || group.members.is_empty() {
                break group;
            }
            // Who was here before does not wait for the large one.
            if let Some(settled) = spawn(settle(group, Part::None)) {
                let _ = settled.await;
            }
        };
        place.is_served = true;
        drop(place);
        let mut turn = Turn { writer: Arc::clone(self), group: Some(group), part: Part::Open, is_alone: alone };
        turn.begin().await?;
        Ok(turn)
    }

    /// Waits for what runs, and closes the connection.
    pub(crate) async fn close(&self) {
        let _last = self.group.lock().await;
        self.pool.close().await;
    }
}

impl Turn {
    async fn begin(&mut self) -> Result<(), sqlx::Error> {
        let Some(group) = self.group.as_deref_mut() else { return Err(sqlx::Error::WorkerCrashed) };
        if group.link.is_none() {
            group.link = Some(self.writer.pool.acquire().await?);
            group.since = Some(Instant::now());
            return run(group.link.as_deref_mut(), BEGIN).await;
        }
        run(group.link.as_deref_mut(), SAVEPOINT).await
    }

    /// The connection, while it is this one's turn.
    pub(crate) fn link(&mut self) -> Option<&mut SqliteConnection> {
        self.group.as_deref_mut()?.link.as_deref_mut()
    }

    /// Ends this turn well, and waits until what was written is durable. `None`: it failed together with what others
    /// wrote, and nothing is written; try again alone.
    pub(crate) async fn finish(mut self) -> Outcome {
        if self.is_followed() {
            run(self.link(), RELEASE).await.map_err(Some)?;
            self.part = Part::None;
        } else {
            self.part = Part::Done;
        }
        let (sender, committed) = oneshot::channel();
        if let Some(group) = self.group.as_deref_mut() {
            group.members.push(sender);
        }
        drop(self);
        // That nobody tells means that the process is ending.
        committed.await.unwrap_or_else(|_| Err(Some(sqlx::Error::PoolClosed)))
    }

    /// True if someone else waits to go on with the same transaction, and may.
    fn is_followed(&self) -> bool {
        let Some(group) = &self.group else { return false };
        let is_young = group.since.is_none_or(|since| since.elapsed() < MAX_AGE);
        let may_grow = !self.is_alone && is_young && group.members.len() < MAX_MEMBERS;
        may_grow && self.writer.waiting.load(Ordering::SeqCst) > 0
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if self.part == Part::None && self.is_followed() {
            return;
        }
        let Some(group) = self.group.take() else { return };
        spawn(settle(group, self.part));
    }
}

/// Commits a group, without its last member's part if that was given up, and tells its members. Runs by itself: nobody
/// who goes away takes the others' commit along.
async fn settle(mut group: OwnedMutexGuard<Group>, part: Part) {
    let Some(mut link) = group.link.take() else { return };
    group.since = None;
    let members = std::mem::take(&mut group.members);
    let text = match part {
        _ if members.is_empty() => ROLLBACK,
        Part::None => COMMIT,
        Part::Done => RELEASE_AND_COMMIT,
        Part::Open => ROLLBACK_TO_AND_COMMIT,
    };
    match run(Some(&mut link), text).await {
        Ok(()) => members.into_iter().for_each(|member| drop(member.send(Ok(())))),
        Err(error) => {
            // What state it is in nobody knows.
            link.close_on_drop();
            let is_shared = part == Part::Open || members.len() > 1;
            let mut error = Some(error);
            for member in members {
                let _ = member.send(Err(if is_shared { None } else { error.take() }));
            }
        }
    }
    drop(link);
}

async fn run(link: Option<&mut SqliteConnection>, sql: &'static str) -> Result<(), sqlx::Error> {
    let Some(link) = link else { return Err(sqlx::Error::WorkerCrashed) };
    tracing::trace!(target: "weir_store::statement", engine = %Engine::Sqlite, sql);
    sqlx::raw_sql(sql.into_sql_str()).execute(link).await.map(drop)
}

/// Runs work that must not be broken off. Without a runtime the process is ending, and so is its transaction.
fn spawn(work: impl Future<Output = ()> + Send + 'static) -> Option<tokio::task::JoinHandle<()>> {
    tokio::runtime::Handle::try_current().ok().map(|runtime| runtime.spawn(work))
}
