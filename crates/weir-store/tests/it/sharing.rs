//! Several writers, several handles, several processes.

use std::time::Duration;

use sqlx::Connection;
use weir_store::Location;

use crate::Fixture;
use crate::crash;
use crate::documents::document;
use crate::fixture::{at, digest};

pub async fn writers_queue_rather_than_fail(f: Fixture) {
    let tasks: Vec<_> = (0..64)
        .map(|task| {
            let store = f.store.clone();
            tokio::spawn(async move {
                store.set_setting(&format!("s{task}"), "1").await.unwrap();
                store.record_document(&document(&task.to_string()), at(task)).await.unwrap();
                store.record_event("tested", "x", "{}", at(task)).await.unwrap();
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(f.store.events(0, 1000).await.unwrap().len(), 128);
}

pub async fn two_handles_see_what_the_other_wrote(f: Fixture) {
    let other = f.again().await;
    for round in 0..10 {
        let (writer, reader) = if round % 2 == 0 { (&f.store, &other) } else { (&other, &f.store) };
        writer.set_setting("round", &round.to_string()).await.unwrap();
        assert_eq!(reader.setting("round").await.unwrap(), Some(round.to_string()));
    }
    other.close().await;
}

pub async fn two_processes_write_to_one_database(f: Fixture) {
    const EACH: u64 = 25;
    let mut children = [crash::spawn(&f.location, EACH), crash::spawn(&f.location, EACH)];
    for number in 0..EACH {
        f.store.record_document(&document(&format!("own {number}")), at(number as i64)).await.unwrap();
    }
    for child in &mut children {
        assert_eq!(crash::written(child).count() as u64, EACH);
        assert!(child.wait().unwrap().success());
    }
    assert_eq!(crash::check(&f.store).await.len() as u64, 3 * EACH);
}

pub async fn readers_do_not_wait_for_a_writer(f: Fixture) {
    const WRITE: &str = "update setting set value = 'unseen' where name = 'a'";
    f.store.set_setting("a", "seen").await.unwrap();
    let read = async || {
        let read = tokio::time::timeout(Duration::from_secs(5), f.store.setting("a")).await;
        assert_eq!(read.expect("the reader waits").unwrap().as_deref(), Some("seen"));
    };
    match &f.location {
        Location::Sqlite(path) => {
            let url = format!("sqlite:{}", path.display());
            let mut connection = sqlx::SqliteConnection::connect(&url).await.unwrap();
            let mut writer = connection.begin_with("begin immediate").await.unwrap();
            sqlx::query(WRITE).execute(&mut *writer).await.unwrap();
            read().await;
        }
        Location::Postgres(url) => {
            let mut connection = sqlx::PgConnection::connect(url).await.unwrap();
            let mut writer = connection.begin().await.unwrap();
            sqlx::query(WRITE).execute(&mut *writer).await.unwrap();
            read().await;
        }
    }
}

pub async fn two_that_record_one_document_open_one_interval(f: Fixture) {
    let other = f.again().await;
    for round in 0..15 {
        let (one, two) = (document(&format!("one {round}")), document(&format!("two {round}")));
        let (first, second) =
            tokio::join!(f.store.record_document(&one, at(round)), other.record_document(&two, at(round)));
        assert!(first.unwrap().changed && second.unwrap().changed);
        let both = document(&format!("both {round}"));
        let (first, second) =
            tokio::join!(f.store.record_document(&both, at(round)), other.record_document(&both, at(round)));
        let (first, second) = (first.unwrap(), second.unwrap());
        assert!(first.changed != second.changed, "one of two records the change");
        assert_eq!(first.row.id, second.row.id);
        assert_eq!(first.row.digest, digest(&format!("both {round}")));
    }
    assert_eq!(crash::check(&other).await.len(), 45);
    other.close().await;
}
