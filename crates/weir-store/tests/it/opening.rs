//! Opening a database, old or new.

use std::time::{Duration, Instant};

use sqlx::Connection;
use weir_store::{Engine, FORMAT, Location, Store, StoreError};

use crate::Fixture;
use crate::fixture::{self, at};

/// An empty database of the same engine.
fn another(f: &Fixture) -> fixture::Place {
    match f.location {
        Location::Sqlite(_) => fixture::sqlite(),
        Location::Postgres(_) => fixture::postgres(),
    }
}

pub async fn an_empty_database_is_ready_in_no_time(f: Fixture) {
    let (mut created, mut opened) = (Duration::MAX, Duration::MAX);
    for _ in 0..5 {
        let (location, _folder) = another(&f).unwrap();
        for best in [&mut created, &mut opened] {
            let started = Instant::now();
            let store = Store::open(&location).await.unwrap();
            store.ping().await.unwrap();
            *best = (*best).min(started.elapsed());
            store.close().await;
        }
    }
    println!("{}: created in {created:?}, opened in {opened:?}", f.store.engine());
    // The best of five on an idle machine is some milliseconds; this one is busy with the other tests.
    assert!(created < Duration::from_millis(500) && opened < Duration::from_millis(250), "{created:?} {opened:?}");
}

pub async fn a_database_opens_again_as_it_was(f: Fixture) {
    f.store.set_setting("a", "1").await.unwrap();
    f.store.record_event("tested", "x", "{}", at(1)).await.unwrap();
    f.store.close().await;
    let again = f.again().await;
    assert_eq!(again.setting("a").await.unwrap().as_deref(), Some("1"));
    assert_eq!(again.setting("format").await.unwrap(), Some(FORMAT.to_string()));
    assert_eq!(again.record_event("tested", "x", "{}", at(1)).await.unwrap(), 2);
    again.close().await;
}

pub async fn a_newer_format_is_refused(f: Fixture) {
    f.store.set_setting("format", "999").await.unwrap();
    let error = Store::open(&f.location).await.unwrap_err();
    let StoreError::TooNew { found, known: FORMAT, .. } = &error else { panic!("{error}") };
    assert_eq!(found, "999");
    assert!(error.to_string().contains("`999`"), "{error}");
    f.store.set_setting("format", &FORMAT.to_string()).await.unwrap();
    f.again().await.close().await;
}

/// Migrations expand before they contract: a release works on the tables of the next.
pub async fn a_newer_schema_of_the_same_format_is_served(f: Fixture) {
    const ADD: &str = "insert into _sqlx_migrations (version, description, success, checksum, execution_time)
                       select 9999, 'later', success, checksum, 0 from _sqlx_migrations where version = 1";
    match &f.location {
        Location::Sqlite(path) => {
            let url = format!("sqlite:{}", path.display());
            let mut connection = sqlx::SqliteConnection::connect(&url).await.unwrap();
            sqlx::query(ADD).execute(&mut connection).await.unwrap();
        }
        Location::Postgres(url) => {
            let mut connection = sqlx::PgConnection::connect(url).await.unwrap();
            sqlx::query(ADD).execute(&mut connection).await.unwrap();
        }
    }
    let again = f.again().await;
    again.ping().await.unwrap();
    again.close().await;
}

pub async fn many_open_an_empty_database_at_once(f: Fixture) {
    let (location, _folder) = another(&f).unwrap();
    let opening: Vec<_> = (0..6)
        .map(|_| {
            let location = location.clone();
            tokio::spawn(async move { Store::open(&location).await })
        })
        .collect();
    for opening in opening {
        let store = opening.await.unwrap().unwrap();
        store.ping().await.unwrap();
        store.close().await;
    }
}

pub async fn a_closed_store_says_so(f: Fixture) {
    f.store.close().await;
    let error = f.store.ping().await.unwrap_err();
    assert!(error.to_string().contains("`ping`") && error.to_string().contains("closed"), "{error}");
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

#[test]
fn a_file_that_is_no_database_is_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("weir.db");
    let text = "this is not a database\n".repeat(1_000);
    std::fs::write(&path, &text).unwrap();
    let error = block_on(Store::sqlite(&path)).unwrap_err();
    assert!(matches!(error, StoreError::Damaged { engine: Engine::Sqlite, .. }), "{error}");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
}

#[test]
fn a_folder_that_is_not_there_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("missing").join("weir.db");
    let error = block_on(Store::sqlite(&path)).unwrap_err();
    assert!(matches!(error, StoreError::Unreachable { engine: Engine::Sqlite, .. }), "{error}");
    assert!(error.to_string().contains("missing"), "{error}");
}

#[cfg(unix)]
#[test]
fn only_the_owner_reads_the_file() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("weir.db");
    let store = block_on(async {
        let store = Store::sqlite(&path).await.unwrap();
        store.set_setting("a", "1").await.unwrap();
        store
    });
    for entry in std::fs::read_dir(folder.path()).unwrap() {
        let entry = entry.unwrap();
        assert_eq!(entry.metadata().unwrap().permissions().mode() & 0o077, 0, "{:?}", entry.path());
    }
    drop(store);
}

#[test]
fn a_server_that_is_not_there_is_named_without_the_password() {
    let url = "postgres://weir:s3cret@127.0.0.1:1/weir";
    let error = block_on(Store::postgres(url)).unwrap_err();
    assert!(matches!(error, StoreError::Unreachable { engine: Engine::Postgres, .. }), "{error}");
    let text = format!("{error} {error:?}");
    assert!(text.contains("127.0.0.1:1/weir") && !text.contains("s3cret"), "{text}");
}

#[test]
fn a_database_that_is_not_there_is_named() {
    let Some((Location::Postgres(url), _)) = fixture::postgres() else { return };
    let url = url.replace("/weir_", "/absent_");
    let error = block_on(Store::postgres(&url)).unwrap_err();
    assert!(matches!(error, StoreError::Unreachable { .. }), "{error}");
    assert!(error.to_string().contains("absent_"), "{error}");
}
