//! Every statement is executed on both engines.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::sync::{Mutex, Once};

use tracing::field::{Field, Visit};
use tracing::span;
use weir_store::hosted::HostedChange;
use weir_store::sql::{self, Statement};
use weir_store::{AdvisoryKind, Engine, IndexState, RevisionKind, Store};

use crate::Fixture;
use crate::advisories::advisory;
use crate::artifacts::artifact;
use crate::documents::document;
use crate::facts::fact;
use crate::fixture::{at, digest};
use crate::hosted::hosted;
use crate::record::{decision, index_state, request};
use crate::seen::release;
use crate::settings::{feed, token};

/// Engine and text of the statements that ran in this process.
static RAN: Mutex<BTreeSet<(String, String)>> = Mutex::new(BTreeSet::new());

/// Hears what the store tells before each statement.
struct Listener;

#[derive(Default)]
struct Heard {
    engine: String,
    sql: String,
}

impl Visit for Heard {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "sql" {
            value.clone_into(&mut self.sql);
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        if field.name() == "engine" {
            self.engine = format!("{value:?}");
        }
    }
}

impl tracing::Subscriber for Listener {
    fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
        metadata.target() == "weir_store::statement"
    }

    fn event(&self, event: &tracing::Event<'_>) {
        let mut heard = Heard::default();
        event.record(&mut heard);
        RAN.lock().unwrap().insert((heard.engine, heard.sql));
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}
    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}
    fn enter(&self, _: &span::Id) {}
    fn exit(&self, _: &span::Id) {}
}

/// Everything that the store can do, once.
async fn tour(store: &Store) {
    let (upstream, path) = (document("").upstream, document("").path);
    for (text, millis) in [("one", 1), ("one", 2), ("two", 3)] {
        store.record_document(&document(text), at(millis)).await.unwrap();
    }
    store.touch_document(&upstream, &path, None, None, at(4)).await.unwrap();
    store.current_documents(&upstream, std::slice::from_ref(&path)).await.unwrap();
    store.document_before(&upstream, &path, at(9)).await.unwrap();
    store.document_after(&upstream, &path, at(1)).await.unwrap();
    store.document_paths(&upstream, "#table").await.unwrap();
    store.document_at(&upstream, &path, at(1)).await.unwrap().unwrap();
    store.newest_document(&upstream, &path).await.unwrap().unwrap();
    store.close_document(&upstream, &path, at(5)).await.unwrap();
    let past: Vec<i64> = store.past_documents(&upstream, &path).await.unwrap().iter().map(|row| row.id).collect();
    assert_eq!((past.len(), store.forget_documents(&[-1]).await.unwrap().len()), (2, 0));
    assert_eq!(store.expire_documents(at(9)).await.unwrap().len(), 2);

    for (stated, document) in [("", "d"), ("sha1:a", "e"), ("sha512:b", "e"), ("sha512:c", "e")] {
        let releases = [release("1.0", &[("f", stated)])];
        store.first_seen("pypi", "example", &releases, &digest(document), at(1)).await.unwrap();
    }
    store.package_names("pypi", "", 10).await.unwrap();
    store.seen_versions("pypi", "example").await.unwrap();
    store.seen_files("pypi", "example").await.unwrap();
    for bytes in ["one", "two"] {
        store.record_artifact(&artifact("f", bytes), at(1)).await.unwrap();
    }
    store.artifacts("pypi", "example").await.unwrap();
    let held = store.cached_blobs(None, 10).await.unwrap();
    store.cached_bytes(1).await.unwrap();
    store.is_held(&digest("one")).await.unwrap();
    store.cached_blobs_above(1, 10).await.unwrap();
    store.names_of_blobs(&held).await.unwrap();
    store.keep("k", &[digest("one")], None, at(1)).await.unwrap();
    store.kept_of(&[digest("one")], at(1)).await.unwrap();
    store.kept_sets().await.unwrap();
    store.drop_kept("k").await.unwrap();
    store.touch_blobs(&held, at(1)).await.unwrap();
    store.begin_eviction(&held, at(1)).await.unwrap();
    store.unfinished_evictions(at(1)).await.unwrap();
    store.end_eviction(&[digest("one")]).await.unwrap();

    for value in ["1", "2"] {
        store.record_facts(&[fact("k", "s", value)], at(1)).await.unwrap();
    }
    store.facts_at("pkg:pypi/example@1.0", at(1)).await.unwrap();
    store.facts_current("pkg:pypi/example@1.0").await.unwrap();

    store.record_decision(&decision("d")).await.unwrap();
    assert!(store.allowed_releases("pypi", "example").await.unwrap().is_empty());
    let state: IndexState = index_state("i");
    store.record_index_state(&state).await.unwrap();
    store.index_state(&state.digest).await.unwrap();
    store.append_requests(&[request(1), request(2)]).await.unwrap();
    store.append_requests(&vec![request(1); 8]).await.unwrap();
    store.requests(0, 10).await.unwrap();
    store.count_requests().await.unwrap();
    store.events(0, 10).await.unwrap();

    for (version, file) in [("1.0", "h"), ("1.1", "i")] {
        store.publish(&hosted(version, file, file), at(1)).await.unwrap();
    }
    store.hosted("pypi", "example").await.unwrap().unwrap();
    for (version, at) in [("2.0", at(1)), ("2.1", at(2 + weir_store::waiting::MAX_WAIT))] {
        store.wait(&hosted(version, version, version), at).await.unwrap();
    }
    store.waiting("pypi", "example").await.unwrap();
    store.stop_waiting("pypi", "example", "2.1").await.unwrap();
    store.hosted_names(0, 10).await.unwrap();
    assert!(store.is_held(&digest("h")).await.unwrap());
    for change in [
        HostedChange::Yank(String::from("1.0"), Some(String::new())),
        HostedChange::Deprecate(vec![(String::from("1.0"), None)]),
    ] {
        store.change_hosted("pypi", "example", &change, "ci", at(1)).await.unwrap();
    }

    store.create_token(&token("t")).await.unwrap();
    store.token("t").await.unwrap();
    store.tokens().await.unwrap();
    store.revoke_token("t", at(1)).await.unwrap();
    store.any_tokens().await.unwrap();

    store.set_setting("a", "1").await.unwrap();
    store.set_setting_if("a", Some("1"), "2").await.unwrap();
    store.set_setting_if("b", None, "2").await.unwrap();
    store.set_feed(&feed("f")).await.unwrap();
    store.feed("f").await.unwrap();
    store.feeds().await.unwrap();

    for (number, text) in ["one", "two"].iter().enumerate() {
        let at = at(number as i64);
        store.record_revision(RevisionKind::Kev, &digest(text), text.as_bytes(), at).await.unwrap();
        store.put_advisories("osv", &[advisory("A", 1, text)], at).await.unwrap();
    }
    store.revision(RevisionKind::Kev, &digest("one")).await.unwrap();
    store.revision_at(RevisionKind::Kev, at(1)).await.unwrap();
    store.advisory("A").await.unwrap();
    store.advisory_at("A", at(1)).await.unwrap();
    store.advisory_counts().await.unwrap();
    store.each_advisory(AdvisoryKind::Osv, &mut |_, _, _| ControlFlow::Continue(())).await.unwrap();
    store.each_advisory_since(AdvisoryKind::Osv, None, &mut |_, _, _| ControlFlow::Continue(())).await.unwrap();
    store.ping().await.unwrap();
    crate::ship::tour(store).await;

    store.named_documents(0, 10).await.unwrap();
    assert_eq!(store.named_artifacts((0, ""), 10).await.unwrap().len(), 3);
    assert_eq!(store.decisions("", 10).await.unwrap().len(), 1);
    assert_eq!(store.count_decisions().await.unwrap(), 1);
    assert_eq!(store.verdicts(&["d", "none"]).await.unwrap().len(), 1);
    assert!(store.is_artifact(&digest("one")).await.unwrap());
    assert_eq!(store.last_id("request").await.unwrap(), Some(10));
    assert_eq!(store.contradictions(&[]).await.unwrap(), [""; 0]);
    assert_eq!(store.integrity().await.unwrap(), [""; 0]);
    let directory = tempfile::tempdir().unwrap();
    let copied = store.snapshot(&directory.path().join("copy.sqlite")).await.unwrap();
    assert_eq!(copied, store.engine() == Engine::Sqlite);
}

pub async fn every_statement_is_executed(f: Fixture) {
    static LISTEN: Once = Once::new();
    LISTEN.call_once(|| tracing::subscriber::set_global_default(Listener).unwrap());
    tour(&f.store).await;
    let engine = f.store.engine().to_string();
    let ran = RAN.lock().unwrap();
    let ran: Vec<&str> = ran.iter().filter(|(on, _)| *on == engine).map(|(_, sql)| sql.as_str()).collect();
    let missing: Vec<&str> = sql::all()
        .into_iter()
        .filter(|(_, statement)| match statement {
            Statement::Fixed(text) => !ran.contains(text),
            Statement::SqliteOnly(text) => f.store.engine() == Engine::Sqlite && !ran.contains(text),
            Statement::PostgresOnly(text) => f.store.engine() == Engine::Postgres && !ran.contains(text),
            Statement::Bulk(bulk) => {
                let head = bulk.head_on(f.store.engine());
                !ran.iter().any(|text| text.starts_with(&*head))
            }
        })
        .map(|(name, _)| name)
        .collect();
    assert_eq!(missing, [""; 0], "never executed on {engine}");
    assert!(sql::all().len() > 40);
}
