//! Who may ask: tokens, stages, and anonymous readers on this machine only.

use std::time::Duration;

use base64::Engine;

use crate::place::{Place, Server, until};

fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}")))
}

fn create(place: &Place, arguments: &[&str]) -> String {
    let ran = place.weir(["admin", "token", "create"].into_iter().chain(arguments.iter().copied())).expect(0);
    ran.out.trim().to_owned()
}

/// A server that listens beyond loopback, where nobody is anonymous.
fn beyond_loopback(place: &Place) -> Server {
    place.serve_with(["--listen", "0.0.0.0:0", "--allow-plain-http"])
}

const PAGE: &str = "/dev/pypi/simple/example/";

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn on_loopback_anybody_may_read() {
    let place = Place::with_an_advisory().await;
    let server = place.serve();
    server.get(PAGE).expect(200);
    server.get("/").expect(200);
    // A client that was given a user name only is no attempt at a token.
    server.ask("GET", PAGE, &[("Authorization", &basic("me", ""))]).expect(200);
    // But wrong credentials are wrong.
    server.ask("GET", PAGE, &[("Authorization", "Bearer weir_0_0")]).expect(401);
    // Behind a proxy everybody comes from this machine.
    server.ask("GET", PAGE, &[("X-Forwarded-For", "203.0.113.7")]).expect(401);
    server.ask("GET", PAGE, &[("Forwarded", "for=203.0.113.7")]).expect(401);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn beyond_loopback_everybody_needs_a_token() {
    let place = Place::with_an_advisory().await;
    let server = beyond_loopback(&place);
    server.logs("over plain HTTP");
    for path in
        [PAGE, "/dev/npm/example", "/dev/cargo/config.json", "/", "/metrics", "/d/aaaaaaaaaaaaaaaa", "/api/v1/explain"]
    {
        let answer = server.get(path).expect(401);
        assert!(answer.header("www-authenticate").starts_with("Basic"), "{path}: {:?}", answer.headers);
        assert!(answer.text().contains("token"), "{path}: {}", answer.text());
        assert!(place.fake.requests().is_empty(), "{path} reached upstream");
    }
    // What a watchdog asks needs none, and tells nothing of packages.
    server.get("/healthz").expect(200);
    server.get("/readyz").expect(200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_token_is_taken_as_basic_and_as_bearer_and_named_in_the_record() {
    let place = Place::with_an_advisory().await;
    let token = create(&place, &["alice"]);
    assert!(token.starts_with("weir_"), "{token}");
    let server = beyond_loopback(&place);
    for header in [
        format!("Bearer {token}"),
        format!("bearer {token}"),
        token.clone(),
        basic("anything", &token),
        basic("__token__", &token),
        basic(&token, ""),
    ] {
        server.ask("GET", PAGE, &[("Authorization", &header)]).expect(200);
    }
    let mut wrong = token.clone();
    let last = if wrong.pop() == Some('0') { '1' } else { '0' };
    wrong.push(last);
    for header in [format!("Bearer {wrong}"), String::from("Bearer "), String::from("Bearer x"), basic("me", "guess")] {
        server.ask("GET", PAGE, &[("Authorization", &header)]).expect(401);
    }
    server.stop_and(|err| {
        assert!(err.contains("principal=\"alice\""), "{err}");
        let secret = token.rsplit('_').next().unwrap();
        assert!(!err.contains(secret), "the log has a token");
    });
    let rows =
        weir_store::Store::sqlite(&place.data.join("weir.sqlite")).await.unwrap().requests(0, 100).await.unwrap();
    assert!(!rows.is_empty() && rows.iter().all(|row| row.request.principal == "alice"), "{rows:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn the_token_of_the_first_start_works_and_is_kept_as_a_hash() {
    let place = Place::with_an_advisory().await;
    let server = beyond_loopback(&place);
    let out = server.out();
    let token = out.lines().find_map(|line| line.strip_prefix("admin token ")).unwrap();
    let token = token.split_whitespace().next().unwrap().to_owned();
    server.ask("GET", PAGE, &[("Authorization", &format!("Bearer {token}"))]).expect(200);
    server.stop();
    let secret = token.rsplit('_').next().unwrap().as_bytes();
    for entry in std::fs::read_dir(&place.data).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            let bytes = std::fs::read(&path).unwrap();
            assert!(!bytes.windows(secret.len()).any(|window| window == secret), "{}", path.display());
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn addresses_locked_at_dev_are_judged_by_prod_too_where_the_token_says_prod() {
    let place = Place::with_an_advisory().await;
    place.policy("[stage.dev]\n[stage.prod]\nvulnerability = { block-cvss = 9.0 }\n");
    let (any, prod) = (create(&place, &["dev"]), create(&place, &["ci", "--stage", "prod"]));
    let server = beyond_loopback(&place);
    let ask = |path: &str, token: &str| server.ask("GET", path, &[("Authorization", &format!("Bearer {token}"))]);
    let at = |version: &str| format!("/dev/pypi/files/example/example-{version}-py3-none-any.whl");
    ask(&at("1.0.0"), &any).expect(200);
    // The lock file says /dev/; the machine that installs from it says prod.
    let refused = ask(&at("1.0.0"), &prod).expect(403);
    assert!(
        refused.phrase.contains("PYSEC-2026-1") && refused.phrase.contains("in the token's stage prod"),
        "{}",
        refused.phrase
    );
    let id = refused.header("weir-decision").to_owned();
    assert_eq!(
        ask("/prod/pypi/files/example/example-1.0.0-py3-none-any.whl", &any).expect(403).header("weir-decision"),
        id
    );
    let why = ask(&format!("/d/{id}"), &prod).expect(200);
    assert!(why.text().contains("stage prod"), "{}", why.text());
    ask(&at("1.1.0"), &prod).expect(200);
    ask("/prod/pypi/simple/example/", &prod).expect(200);
    let ran = place.weir(["admin", "token", "create", "ci", "--stage", "qa"]).expect(2);
    ran.tells(&["no stage `qa`", "dev, prod"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_token_that_is_taken_back_ends_within_two_seconds() {
    let place = Place::with_an_advisory().await;
    let token = create(&place, &["mallory"]);
    let header = format!("Bearer {token}");
    let server = beyond_loopback(&place);
    server.ask("GET", PAGE, &[("Authorization", &header)]).expect(200);
    let list = place.weir(["admin", "token", "list"]).expect(0);
    let id =
        list.out.lines().find(|line| line.contains("mallory")).unwrap().split_whitespace().next().unwrap().to_owned();
    assert!(!list.out.contains(token.rsplit('_').next().unwrap()), "{}", list.out);
    place.weir(["admin", "token", "revoke", &id]).expect(0).prints(&["is revoked"]);
    let ended = || server.ask("GET", PAGE, &[("Authorization", &header)]).status == 401;
    let took = until("the token has ended", Duration::from_millis(2_200), ended);
    println!("a revoked token ended after {} ms", took.as_millis());
    place.weir(["admin", "token", "list"]).expect(0).prints(&["revoked"]);
    place.weir(["admin", "token", "revoke", "000000000000"]).expect(2).tells(&["no token `000000000000`"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_token_ends_when_its_days_are_over() {
    let place = Place::with_an_advisory().await;
    // One whose end has come, made as the command makes them but for the time.
    let store = weir_store::Store::sqlite(&place.data.join("weir.sqlite")).await.unwrap();
    let secret = "a".repeat(64);
    let now = weir_core::Clock::now(&weir_core::time::SystemClock);
    let ended = weir_store::NewToken {
        id: "0".repeat(12),
        hash: *weir_core::Digest::of(secret.as_bytes()).as_bytes(),
        name: String::from("ended"),
        scope: weir_store::Scope::Read,
        stage: None,
        publish: Vec::new(),
        created: now.plus_days(-2),
        expires: Some(now.plus_days(-1)),
    };
    let still = weir_store::NewToken { id: "1".repeat(12), expires: Some(now.plus_days(1)), ..ended.clone() };
    store.create_token(&ended).await.unwrap();
    store.create_token(&still).await.unwrap();
    store.close().await;
    let server = beyond_loopback(&place);
    let header = |id: &str| format!("Bearer weir_{}_{secret}", id.repeat(12));
    server.ask("GET", PAGE, &[("Authorization", &header("0"))]).expect(401);
    server.ask("GET", PAGE, &[("Authorization", &header("1"))]).expect(200);
    place.weir(["admin", "token", "list"]).expect(0).prints(&["expired"]);
    for days in ["0", "-1", "4000", "many"] {
        place.weir(["admin", "token", "create", "x", "--days", days]).expect(2);
    }
}
