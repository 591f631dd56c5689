//! SQL on SQLite and PostgreSQL: the only place with SQL.
//!
//! A [`Store`] is opened on a file or a server and answers the same on both: one text for each statement, one suite that
//! runs on both engines. What was seen is never overwritten, it gets an interval; what happened is an event, written in
//! the same transaction.
//!
//! | File | Holds |
//! |---|---|
//! | `open.rs` | where the database is, opening it, bringing its tables up to date |
//! | `rows.rs` | what goes in and comes out |
//! | `documents.rs` | upstream documents and when they were current |
//! | `seen.rs` | when releases and files were first seen, and with which digest |
//! | `artifacts.rs` | artifacts whose bytes Weir holds |
//! | `cached.rs` | which artifact bytes are held, and when they were last used |
//! | `kept.rs` | which of them somebody named to be kept |
//! | `facts.rs` | what is known, since when, from whom |
//! | `decisions.rs`, `requests.rs`, `events.rs` | the record |
//! | `advisories.rs`, `revisions.rs`, `settings.rs` | advisory data, policies, feeds, settings |
//! | `hosted.rs` | packages that Weir hosts itself |
//! | `tokens.rs` | who may |
//! | `snapshot.rs` | a copy of it all |
//! | `ship.rs` | what one Weir tells another |
//! | `check.rs` | what a checker reads |
//! | `sql/` | every statement by name |
//! | `group.rs` | how writes that come together become durable together, on SQLite |
//! | `db.rs`, `columns.rs` | one way to run a statement and to read rows on either engine |

mod advisories;
mod artifacts;
mod cached;
mod check;
mod columns;
mod db;
mod decisions;
mod documents;
mod error;
mod events;
mod facts;
mod group;
pub mod hosted;
mod kept;
pub mod limits;
mod open;
mod pack;
mod requests;
mod revisions;
mod rows;
mod seen;
mod settings;
mod ship;
mod snapshot;
pub mod sql;
mod tokens;
pub mod waiting;

use std::sync::Arc;

pub use advisories::EachAdvisory;
pub use error::{Engine, StoreError};
pub use open::{FORMAT, Location};
pub use rows::*;
pub use ship::*;

/// The database. Clones share its connections.
#[derive(Clone, Debug)]
pub struct Store {
    db: Arc<db::Db>,
}
