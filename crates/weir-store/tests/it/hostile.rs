//! Everything from outside is hostile, and both engines take it alike.

use weir_core::Digest;
use weir_store::{NewArtifact, NewDocument, NewFact, NewToken, RequestRow, StoreError, limits};

use crate::Fixture;
use crate::advisories::advisory;
use crate::artifacts::artifact;
use crate::documents::document;
use crate::facts::fact;
use crate::fixture::{at, digest};
use crate::record::{decision, index_state, request};
use crate::seen::release;
use crate::settings::{feed, token};

const TEXTS: &[&str] = &[
    "",
    " ",
    "'; drop table setting; --",
    "\"quoted\" `ticks` $1 ? :name @name {}",
    "back\\slash \\x00 \\u0000 %00",
    "null",
    "NULL",
    "line\r\nbreak\ttab\u{1}\u{7f}",
    "é e\u{301} ß İ ı ǅ \u{202e}evil\u{202c} \u{feff}",
    "𝔘𝔫𝔦𝔠𝔬𝔡𝔢 👩‍👩‍👧‍👦 \u{10ffff}",
    "00123",
    "1e400",
    "9223372036854775808",
    "true",
];

pub async fn quotes_and_unicode_come_back_as_they_went_in(f: Fixture) {
    for (number, text) in TEXTS.iter().enumerate() {
        let at = at(number as i64);
        f.store.set_setting(text, text).await.unwrap();
        assert_eq!(f.store.setting(text).await.unwrap().as_deref(), Some(*text));

        let new = NewDocument {
            upstream: (*text).to_owned(),
            path: (*text).to_owned(),
            etag: Some((*text).to_owned()),
            ..document(text)
        };
        f.store.record_document(&new, at).await.unwrap();
        let row = f.store.current_document(text, text).await.unwrap().unwrap();
        assert_eq!((row.upstream.as_str(), row.path.as_str(), row.etag.as_deref()), (*text, *text, Some(*text)));

        let seen = f.store.first_seen("pypi", text, &[release(text, &[(text, "")])], &digest("d"), at).await.unwrap();
        assert_eq!((seen.releases[0].0.as_str(), seen.artifacts[0].file.as_str()), (*text, *text));
        let again = f.store.first_seen("pypi", text, &[release(text, &[(text, "")])], &digest("d"), at).await.unwrap();
        assert_eq!(again, seen);

        let new = NewArtifact { package: (*text).to_owned(), license: Some((*text).to_owned()), ..artifact(text, "x") };
        f.store.record_artifact(&new, at).await.unwrap();
        let row = f.store.artifact("pypi", text, text).await.unwrap().unwrap();
        assert_eq!(row.license.as_deref(), Some(*text));

        let value = serde_json::to_string(text).unwrap();
        let new = NewFact { subject: (*text).to_owned(), kind: (*text).to_owned(), ..fact("", text, &value) };
        f.store.record_facts(std::slice::from_ref(&new), at).await.unwrap();
        let row = f.store.facts_current(text).await.unwrap().remove(0);
        assert_eq!((row.kind, row.source, row.value), (new.kind, new.source, new.value));

        f.store.put_advisories(text, &[advisory(text, 1, text)], at).await.unwrap();
        let row = f.store.advisory(text).await.unwrap().remove(0);
        assert_eq!((row.source.as_str(), row.body.as_slice()), (*text, text.as_bytes()));
    }
    let names = f.store.package_names("pypi", "", 1000).await.unwrap();
    let mut expected: Vec<&str> = TEXTS.iter().copied().filter(|text| !text.is_empty()).collect();
    expected.sort_unstable();
    assert_eq!(names, expected, "after the empty name, in the order of bytes");
}

pub async fn a_megabyte_of_text_comes_back(f: Fixture) {
    let text = "é\"\\ ".repeat(200_000);
    f.store.set_setting("a", &text).await.unwrap();
    assert_eq!(f.store.setting("a").await.unwrap().as_deref(), Some(text.as_str()));
    let value = serde_json::to_string(&text).unwrap();
    f.store.record_facts(&[fact("readme", "registry", &value)], at(1)).await.unwrap();
    assert_eq!(f.store.facts_current("pkg:pypi/example@1.0").await.unwrap()[0].value, value);
    f.store.put_advisories("osv", &[advisory("A", 1, &text)], at(1)).await.unwrap();
    assert_eq!(f.store.advisory("A").await.unwrap()[0].body, text.as_bytes());
    let error = f.store.set_setting("a", &"x".repeat(limits::TEXT + 1)).await.unwrap_err();
    assert!(matches!(error, StoreError::TooLong { limit: limits::TEXT, .. }), "{error}");
    f.store.set_setting("a", &"x".repeat(limits::TEXT)).await.unwrap();
}

fn is_nul<T: std::fmt::Debug>(result: Result<T, StoreError>) {
    let error = result.unwrap_err();
    let StoreError::Nul { position: 1, text, .. } = &error else { panic!("{error}") };
    assert_eq!(text, "a\\0b");
}

pub async fn nul_is_refused_everywhere(f: Fixture) {
    let nul = || String::from("a\0b");
    let some = || Some(nul());
    let store = &f.store;
    store.record_document(&document("one"), at(1)).await.unwrap();
    is_nul(store.current_document("a\0b", "x").await);
    is_nul(store.current_document("x", "a\0b").await);
    is_nul(store.document_at("x", "a\0b", at(1)).await);
    for new in [
        NewDocument { upstream: nul(), ..document("two") },
        NewDocument { path: nul(), ..document("two") },
        NewDocument { content_type: nul(), ..document("two") },
        NewDocument { url: nul(), ..document("one") },
        NewDocument { etag: some(), ..document("one") },
        NewDocument { last_modified: some(), ..document("two") },
    ] {
        is_nul(store.record_document(&new, at(2)).await);
    }
    is_nul(store.touch_document("x", "y", Some("a\0b"), None, at(2)).await);
    is_nul(store.close_document("a\0b", "y", at(2)).await);
    let d = digest("d");
    is_nul(store.first_seen("a\0b", "x", &[release("1", &[])], &d, at(2)).await);
    is_nul(store.first_seen("pypi", "a\0b", &[release("1", &[])], &d, at(2)).await);
    is_nul(store.first_seen("pypi", "x", &[release("a\0b", &[])], &d, at(2)).await);
    is_nul(store.first_seen("pypi", "x", &[release("1", &[("a\0b", "")])], &d, at(2)).await);
    is_nul(store.first_seen("pypi", "x", &[release("1", &[("f", "a\0b")])], &d, at(2)).await);
    is_nul(store.package_names("a\0b", "", 1).await);
    for new in [
        NewArtifact { version: nul(), ..artifact("f", "x") },
        NewArtifact { license: some(), ..artifact("f", "x") },
        NewArtifact { license_source: some(), ..artifact("f", "x") },
    ] {
        is_nul(store.record_artifact(&new, at(2)).await);
    }
    is_nul(store.artifact("pypi", "a\0b", "f").await);
    is_nul(store.record_facts(&[NewFact { subject: nul(), ..fact("k", "s", "1") }], at(2)).await);
    is_nul(store.record_facts(&[fact("a\0b", "s", "1")], at(2)).await);
    is_nul(store.facts_current("a\0b").await);
    is_nul(store.record_decision(&decision("a\0b")).await);
    is_nul(store.append_requests(&[request(1), RequestRow { client: nul(), ..request(2) }]).await);
    is_nul(store.append_requests(&[RequestRow { outcome: nul(), ..request(2) }]).await);
    is_nul(store.record_event("k", "a\0b", "{}", at(2)).await);
    is_nul(store.create_token(&NewToken { name: nul(), ..token("t") }).await);
    is_nul(store.token("a\0b").await);
    is_nul(store.set_setting("x", "a\0b").await);
    is_nul(store.set_setting_if("x", Some("a\0b"), "y").await);
    is_nul(store.set_feed(&weir_store::FeedRow { error: some(), ..feed("f") }).await);
    is_nul(store.put_advisories("a\0b", &[advisory("A", 1, "{}")], at(2)).await);
    is_nul(store.put_advisories("osv", &[advisory("a\0b", 1, "{}")], at(2)).await);
    is_nul(store.advisory("a\0b").await);
    // Bodies of advisories and revisions are bytes.
    store.put_advisories("osv", &[advisory("A", 1, "a\0b")], at(2)).await.unwrap();
    assert_eq!(store.advisory("A").await.unwrap()[0].body, b"a\0b");

    assert_eq!(store.count_requests().await.unwrap(), 0, "a batch goes in whole or not at all");
    assert_eq!(store.package_names("pypi", "", 10).await.unwrap(), [""; 0]);
    store.record_document(&document("two"), at(3)).await.unwrap();
}

/// Text that no compression makes shorter: PostgreSQL compresses index entries before it measures them.
fn noise(bytes: usize) -> String {
    let mut out = String::new();
    for number in 0.. {
        if out.len() >= bytes {
            break;
        }
        out.push_str(&Digest::of(format!("{number}").as_bytes()).to_string());
        out.push_str(&Digest::of(format!("{number}").as_bytes()).short());
    }
    out.truncate(bytes);
    out
}

fn is_too_long<T: std::fmt::Debug>(result: Result<T, StoreError>, expected: &str) {
    let error = result.unwrap_err();
    let StoreError::TooLong { what, length, limit, text, .. } = &error else { panic!("{error}") };
    assert_eq!((*what, *length), (expected, limit + 1));
    assert_eq!(text.len(), limits::SHOWN);
}

pub async fn names_that_are_too_long_are_refused(f: Fixture) {
    let store = &f.store;
    let (word, name, path) = (noise(limits::WORD + 1), noise(limits::NAME + 1), noise(limits::PATH + 1));
    let (d, at) = (digest("d"), at(1));
    is_too_long(store.record_document(&NewDocument { upstream: path.clone(), ..document("") }, at).await, "upstream");
    is_too_long(store.record_document(&NewDocument { path: path.clone(), ..document("") }, at).await, "path");
    is_too_long(store.first_seen(&word, "x", &[release("1", &[])], &d, at).await, "ecosystem");
    is_too_long(store.first_seen("pypi", &name, &[release("1", &[])], &d, at).await, "package");
    is_too_long(store.first_seen("pypi", "x", &[release(&name, &[])], &d, at).await, "version");
    is_too_long(store.first_seen("pypi", "x", &[release("1", &[(&name, "")])], &d, at).await, "file");
    let stated = noise(limits::STATED + 1);
    is_too_long(store.first_seen("pypi", "x", &[release("1", &[("f", &stated)])], &d, at).await, "stated");
    is_too_long(store.record_artifact(&artifact(&name, "x"), at).await, "file");
    is_too_long(store.record_facts(&[NewFact { subject: path.clone(), ..fact("k", "s", "1") }], at).await, "subject");
    is_too_long(store.record_facts(&[fact(&word, "s", "1")], at).await, "kind");
    is_too_long(store.record_facts(&[fact("k", &path, "1")], at).await, "source");
    is_too_long(store.record_decision(&decision(&word)).await, "id");
    is_too_long(store.append_requests(&[RequestRow { package: name.clone(), ..request(1) }]).await, "package");
    is_too_long(store.create_token(&token(&word)).await, "id");
    is_too_long(store.set_setting(&word, "x").await, "name");
    is_too_long(store.set_feed(&feed(&word)).await, "name");
    is_too_long(store.put_advisories("osv", &[advisory(&name, 1, "{}")], at).await, "id");
    is_too_long(store.record_event(&word, "x", "{}", at).await, "kind");
}

pub async fn the_longest_names_fit_every_index(f: Fixture) {
    let store = &f.store;
    let (word, name, path) = (noise(limits::WORD), noise(limits::NAME), noise(limits::PATH));
    let (d, at) = (digest("d"), at(1));
    let new = NewDocument { upstream: path.clone(), path: path.clone(), ..document("") };
    store.record_document(&new, at).await.unwrap();
    assert!(store.current_document(&path, &path).await.unwrap().is_some());
    let releases = [release(&name, &[(&name, &noise(limits::STATED))])];
    store.first_seen(&word, &name, &releases, &d, at).await.unwrap();
    assert_eq!(store.package_names(&word, "", 1).await.unwrap(), [name.as_str()]);
    let new =
        NewArtifact { ecosystem: word.clone(), package: name.clone(), version: name.clone(), ..artifact(&name, "x") };
    store.record_artifact(&new, at).await.unwrap();
    let new = NewFact { subject: path.clone(), ..fact(&word, &path, "1") };
    store.record_facts(&[new], at).await.unwrap();
    assert_eq!(store.facts_current(&path).await.unwrap().len(), 1);
    let mut new = decision(&word);
    (new.ecosystem, new.package, new.version, new.file) =
        (word.clone(), name.clone(), name.clone(), Some(name.clone()));
    store.record_decision(&new).await.unwrap();
    let mut new = index_state("x");
    (new.stage, new.ecosystem, new.package) = (word.clone(), word.clone(), name.clone());
    store.record_index_state(&new).await.unwrap();
    let new = RequestRow { ecosystem: word.clone(), package: name.clone(), ..request(1) };
    store.append_requests(&[new]).await.unwrap();
    store.create_token(&token(&word)).await.unwrap();
    store.set_setting(&word, "x").await.unwrap();
    store.set_feed(&feed(&word)).await.unwrap();
    store.put_advisories(&path, &[advisory(&name, 1, "{}")], at).await.unwrap();
    assert_eq!(store.advisory(&name).await.unwrap().len(), 1);
}

pub async fn what_is_not_json_is_refused(f: Fixture) {
    let is_not_json = |result: Result<(), StoreError>| {
        let error = result.unwrap_err();
        assert!(matches!(&error, StoreError::NotJson { .. }), "{error}");
    };
    is_not_json(f.store.record_facts(&[fact("k", "s", "{\"a\": }")], at(1)).await.map(drop));
    is_not_json(f.store.record_event("k", "s", "", at(1)).await.map(drop));
    is_not_json(f.store.record_event("k", "s", &"[".repeat(1_000_000), at(1)).await.map(drop));
    is_not_json(
        f.store.record_artifact(&NewArtifact { said: String::from("x"), ..artifact("f", "x") }, at(1)).await.map(drop),
    );
    let mut new = decision("x");
    new.body = String::from("{} {}");
    is_not_json(f.store.record_decision(&new).await.map(drop));
}

pub async fn bytes_order_texts(f: Fixture) {
    let mut files = ["a", "B", "_", "-", "é", "z", "Z", "10", "9", "a b", "ab", "\u{ffff}", "\u{10000}"];
    for file in files {
        f.store.record_artifact(&artifact(file, file), at(1)).await.unwrap();
    }
    files.sort_unstable();
    let found: Vec<String> =
        f.store.artifacts("pypi", "example").await.unwrap().into_iter().map(|row| row.file).collect();
    assert_eq!(found, files);
}
