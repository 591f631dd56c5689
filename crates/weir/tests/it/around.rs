//! Nobody walks around the gate: every route × every spelling × every way to ask, against the real server through raw
//! sockets. What is seen is `docs/reference/no-way-around.md`, which `WEIR_UPDATE=1` on this test writes again.
//!
//! | Module | Answers |
//! |---|---|
//! | [`packages`] | what is there to get at? |
//! | [`others`] | the same of ecosystems with one index for all, or with files in directories |
//! | [`routes`] | which addresses lead to it? |
//! | [`spellings`] | how else can an address be written? |
//! | [`ways`] | how else can one ask? |
//! | [`shapes`] | how else can a request lie on the wire? |
//! | [`wire`] | how is it sent, and what comes back? |
//! | [`verdict`] | was something served that should not have been? |
//! | [`table`] | how often was what asked, and what came of it? |
//! | [`page`] | what is written of it? |

mod others;
mod packages;
mod page;
mod routes;
mod shapes;
mod spellings;
mod table;
mod verdict;
mod ways;
mod wire;

use packages::Of;
use table::{Around, Phase};

use crate::place::Place;

/// Mistakes that are shown at most.
const SHOWN: usize = 100;

#[test]
fn no_spelling_gets_what_is_refused_and_none_tells_a_private_name() {
    // Each on a thread of its own, where waiting for an answer holds up nobody else's upstream.
    let tables = [Of::Refused, Of::Private].map(|of| {
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
            runtime.block_on(table(of))
        })
    });
    page::check(&tables.map(|table| table.join().unwrap()));
}

/// Asks everything three times: while Weir holds nothing, where all of it is allowed, and again when Weir holds it all.
async fn table(of: Of) -> table::Table {
    let around = Around::start(of).await;
    let cold = around.ask(Phase::Cold).await;
    let control = around.ask(Phase::Control).await;
    let warm = around.ask(Phase::Warm).await;
    let problems: Vec<_> = [&cold, &control, &warm].into_iter().flat_map(|asked| asked.problems.iter()).collect();
    assert!(
        problems.is_empty(),
        "{of:?}: {} requests went around the gate:\n{}",
        problems.len(),
        problems.iter().take(SHOWN).map(|problem| problem.as_str()).collect::<Vec<_>>().join("\n")
    );
    // What is answered does not tell whether Weir holds it.
    for (family, row) in &cold.rows {
        assert_eq!(row.compared, warm.rows[family].compared, "{of:?}, {family}: cold and warm differ");
    }
    table::Table::new(of, &[&cold, &warm], &control)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_search_for_a_private_name_stays_here() {
    let place = Place::new().await;
    place.policy(packages::POLICY);
    let server = place.serve();
    place.fake.put("/npm/-/v1/search?text=react", r#"{"objects":[]}"#);
    for query in
        ["text=acme-billing", "text=%40acme%2Fbilling&size=20", "size=1&text=a+ACME-Billing", "text=%22@acme/x%22"]
    {
        let answer = server.get(&format!("/prod/npm/-/v1/search?{query}")).expect(403);
        assert!(answer.phrase.contains("private-name"), "{query}: {}", answer.phrase);
    }
    assert!(place.fake.requests().is_empty(), "{:?}", place.fake.requests());
    server.get("/prod/npm/-/v1/search?text=react").expect(200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn what_the_index_does_not_know_is_not_there_even_if_upstream_has_the_file() {
    let place = Place::new().await;
    place.policy(packages::POLICY);
    packages::publish(&place.fake);
    let server = place.serve();
    place.fake.put("/files/allowed-2.0-py3-none-any.whl", "PK");
    place.fake.put("/npm/allowed/-/allowed-2.0.0.tgz", "x");
    place.fake.put("/cargo/dl/allowed/2.0.0/download", "x");
    for path in [
        "/open/pypi/files/allowed/allowed-2.0-py3-none-any.whl",
        "/open/npm/allowed/-/allowed-2.0.0.tgz",
        "/open/cargo/dl/allowed/2.0.0/download",
    ] {
        server.get(path).expect(404);
    }
    let seen = place.fake.requests();
    assert!(!seen.iter().any(|seen| seen.path.contains("2.0")), "{seen:?}");
}
