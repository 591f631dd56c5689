//! Settings, feeds, revisions and tokens.

use weir_store::{FeedRow, NewToken, RevisionKind, Scope, StoreError};

use crate::Fixture;
use crate::fixture::{at, digest, kinds};

pub fn token(id: &str) -> NewToken {
    NewToken {
        id: id.to_owned(),
        hash: *digest(id).as_bytes(),
        name: String::from("build server"),
        scope: Scope::Read,
        stage: Some(String::from("prod")),
        publish: vec![String::from("pypi:acme-*")],
        created: at(10),
        expires: Some(at(1_000)),
    }
}

pub fn feed(name: &str) -> FeedRow {
    FeedRow {
        name: name.to_owned(),
        as_of: Some(at(10)),
        cursor: None,
        etag: Some(String::from("\"e\"")),
        records: 3,
        error: None,
    }
}

pub async fn a_setting_is_replaced_only_by_who_knows_it(f: Fixture) {
    assert_eq!(f.store.setting("a").await.unwrap(), None);
    assert!(!f.store.set_setting_if("a", Some("x"), "y").await.unwrap());
    assert!(f.store.set_setting_if("a", None, "1").await.unwrap());
    assert!(!f.store.set_setting_if("a", None, "2").await.unwrap());
    assert!(!f.store.set_setting_if("a", Some("2"), "3").await.unwrap());
    assert!(f.store.set_setting_if("a", Some("1"), "").await.unwrap());
    assert_eq!(f.store.setting("a").await.unwrap().as_deref(), Some(""));
    f.store.set_setting("a", "4").await.unwrap();
    f.store.set_setting("A", "5").await.unwrap();
    assert_eq!(f.store.setting("a").await.unwrap().as_deref(), Some("4"));
}

pub async fn one_of_many_wins_a_setting(f: Fixture) {
    let tasks: Vec<_> = (0..8)
        .map(|task| {
            let store = f.store.clone();
            tokio::spawn(async move { store.set_setting_if("leader", None, &task.to_string()).await.unwrap() })
        })
        .collect();
    let mut winners = 0;
    for task in tasks {
        winners += u32::from(task.await.unwrap());
    }
    assert_eq!(winners, 1);
}

pub async fn a_feed_has_a_state(f: Fixture) {
    assert_eq!(f.store.feed("osv/PyPI").await.unwrap(), None);
    let mut row = feed("osv/PyPI");
    f.store.set_feed(&row).await.unwrap();
    f.store.set_feed(&feed("kev")).await.unwrap();
    (row.as_of, row.cursor, row.error) = (None, Some(String::from("c")), Some(String::from("no network")));
    f.store.set_feed(&row).await.unwrap();
    assert_eq!(f.store.feed("osv/PyPI").await.unwrap().as_ref(), Some(&row));
    assert_eq!(f.store.feeds().await.unwrap(), [feed("kev"), row]);
}

pub async fn a_revision_is_current_until_the_next(f: Fixture) {
    let (one, two) = ("[stage.dev]\n".repeat(1_000), String::new());
    assert!(f.store.record_revision(RevisionKind::Policy, &digest("1"), one.as_bytes(), at(10)).await.unwrap());
    assert!(!f.store.record_revision(RevisionKind::Policy, &digest("1"), one.as_bytes(), at(15)).await.unwrap());
    assert!(f.store.record_revision(RevisionKind::Policy, &digest("2"), two.as_bytes(), at(20)).await.unwrap());
    let found = f.store.revision(RevisionKind::Policy, &digest("1")).await.unwrap().unwrap();
    assert_eq!((found.body, found.seen_from, found.seen_to), (one.into_bytes(), at(10), Some(at(20))));
    assert_eq!(f.store.revision(RevisionKind::Waivers, &digest("1")).await.unwrap(), None);
    assert_eq!(f.store.revision_at(RevisionKind::Policy, at(9)).await.unwrap(), None);
    let at_19 = f.store.revision_at(RevisionKind::Policy, at(19)).await.unwrap().unwrap();
    let at_20 = f.store.revision_at(RevisionKind::Policy, at(20)).await.unwrap().unwrap();
    assert_eq!((at_19.digest, at_20.digest, at_20.body), (digest("1"), digest("2"), Vec::new()));
    assert_eq!(kinds(&f.store).await, ["policy-changed", "policy-changed"]);
}

pub async fn a_revision_that_comes_back_is_kept_once(f: Fixture) {
    for (text, millis) in [("1", 10), ("2", 20), ("1", 30)] {
        let kind = RevisionKind::Waivers;
        assert!(f.store.record_revision(kind, &digest(text), text.as_bytes(), at(millis)).await.unwrap());
    }
    for (millis, expected) in [(10, "1"), (25, "2"), (30, "1")] {
        let found = f.store.revision_at(RevisionKind::Waivers, at(millis)).await.unwrap().unwrap();
        assert_eq!((found.digest, found.body), (digest(expected), expected.as_bytes().to_vec()));
    }
    assert_eq!(f.store.revision(RevisionKind::Waivers, &digest("1")).await.unwrap().unwrap().seen_from, at(10));
}

pub async fn a_token_is_kept_until_it_is_revoked(f: Fixture) {
    assert!(!f.store.any_tokens().await.unwrap());
    let new = token("one");
    f.store.create_token(&new).await.unwrap();
    let admin = NewToken {
        scope: Scope::Admin,
        stage: None,
        publish: Vec::new(),
        expires: None,
        created: at(5),
        ..token("two")
    };
    f.store.create_token(&admin).await.unwrap();
    let found = f.store.token("one").await.unwrap().unwrap();
    assert_eq!((found.hash, &found.name, found.scope), (new.hash, &new.name, Scope::Read));
    assert_eq!((found.stage.as_deref(), found.expires, found.revoked), (Some("prod"), Some(at(1_000)), None));
    assert_eq!(found.publish, ["pypi:acme-*"]);
    assert_eq!(f.store.token("two").await.unwrap().unwrap().publish, [""; 0]);
    assert!(f.store.revoke_token("one", at(50)).await.unwrap());
    assert!(!f.store.revoke_token("one", at(60)).await.unwrap());
    assert!(!f.store.revoke_token("three", at(60)).await.unwrap());
    assert_eq!(f.store.token("one").await.unwrap().unwrap().revoked, Some(at(50)));
    assert_eq!(f.store.token("three").await.unwrap(), None);
    let ids: Vec<String> = f.store.tokens().await.unwrap().into_iter().map(|token| token.id).collect();
    assert_eq!(ids, ["two", "one"]);
    assert!(f.store.any_tokens().await.unwrap());
    assert!(!format!("{found:?}").contains(&format!("{:?}", found.hash)), "no hash in a log");
}

pub async fn a_second_token_with_the_same_id_is_refused(f: Fixture) {
    f.store.create_token(&token("one")).await.unwrap();
    let error = f.store.create_token(&token("one")).await.unwrap_err();
    assert!(matches!(error, StoreError::Exists { operation: "create_token", .. }), "{error}");
    f.store.create_token(&token("two")).await.unwrap();
}
