//! `/d/ID`: why something was refused, for whoever may read that stage.

use crate::place::{Place, Server};

async fn refused(place: &Place) -> (Server, String) {
    let server = place.serve();
    let answer = server.get(&place.wheel(&server, "dev", "example", "1.0.0")).expect(403);
    let id = answer.header("weir-decision").to_owned();
    assert_eq!(id.len(), 16, "{:?}", answer.headers);
    assert!(answer.phrase.ends_with(&format!("/d/{id}")), "{}", answer.phrase);
    assert!(answer.text().contains(&format!("/d/{id}")), "{}", answer.text());
    assert_eq!(answer.header("cache-control"), "no-store");
    (server, format!("/d/{id}"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_refusal_is_explained_as_a_page_as_text_and_as_json() {
    let place = Place::with_an_advisory().await;
    let (server, address) = refused(&place).await;
    let html = server.ask("GET", &address, &[("Accept", "text/html,application/xhtml+xml,*/*;q=0.8")]).expect(200);
    assert!(html.header("content-type").starts_with("text/html"));
    assert!(html.header("content-security-policy").contains("default-src 'none'"), "{:?}", html.headers);
    assert_eq!(html.header("x-content-type-options"), "nosniff");
    let text = server.get(&address).expect(200);
    assert!(text.header("content-type").starts_with("text/plain"));
    for part in ["PYSEC-2026-1", "vulnerability", "1.1.0", "example"] {
        assert!(html.text().contains(part), "{part}: {}", html.text());
        assert!(text.text().contains(part), "{part}: {}", text.text());
    }
    assert!(text.text().contains("pip install 'example==1.1.0'"), "{}", text.text());
    let json = server.ask("GET", &address, &[("Accept", "application/json")]).expect(200).json();
    assert_eq!(json["nearest_allowed"], "1.1.0");
    assert_eq!(json["install"], "pip install 'example==1.1.0'");
    assert_eq!(json["reasons"][0]["rule"], "vulnerability");
    // A HEAD is answered, anything else is not.
    assert!(server.ask("HEAD", &address, &[]).expect(200).body.is_empty());
    server.ask("POST", &address, &[]).expect(405);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_decision_outlives_a_restart_and_a_change_of_the_policy() {
    let place = Place::with_an_advisory().await;
    let (server, address) = refused(&place).await;
    server.stop();
    place.policy("[stage.dev]\n");
    let server = place.serve();
    assert!(server.get(&address).expect(200).text().contains("PYSEC-2026-1"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_decision_that_only_a_page_named_is_told_too() {
    let place = Place::with_an_advisory().await;
    let server = place.serve();
    let page = server.simple("dev", "example").to_string();
    let at = page.find("/d/").unwrap_or_else(|| panic!("no decision is named on {page}"));
    let id = &page[at..at + 19];
    assert!(server.get(id).expect(200).text().contains("PYSEC-2026-1"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn what_is_no_decision_is_not_found() {
    let place = Place::new().await;
    let server = place.serve();
    for path in ["/d/", "/d/aaaaaaaaaaaaaaaa", "/d/../policy", "/d/AAAAAAAAAAAAAAAA", "/d/a'or'1'='1aaaaaa", "/d/%00"] {
        server.get(path).expect(404);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_token_of_any_stage_may_read_it() {
    let place = Place::with_an_advisory().await;
    let token = |stage: &str| {
        let ran = place.weir(["admin", "token", "create", stage, "--stage", stage]).expect(0);
        format!("Bearer {}", ran.out.trim())
    };
    let (dev, prod) = (token("dev"), token("prod"));
    let (server, address) = refused(&place).await;
    server.ask("GET", &address, &[("Authorization", &dev)]).expect(200);
    // A token of one stage is refused by the stage of an address, too, and then reads why.
    server.ask("GET", &address, &[("Authorization", &prod)]).expect(200);
}
