//! The same story on every engine: SQLite and files, PostgreSQL, S3.

use weir_testing::postgres::Postgres;
use weir_testing::s3::S3Server;

use crate::place::{Place, osv};

/// Import, refuse, serve, explain, restart.
fn story(place: &Place) {
    place.fake.pypi().release("example", "1.0.0").add();
    place.fake.pypi().release("example", "1.1.0").size(20_000_000).add();
    place.fake.npm().release("example", "1.0.0").add();
    place.fake.cargo().release("example", "1.0.0").add();
    place.policy("[stage.dev]\nvulnerability = { block-cvss = 9.0 }\n");
    place.import(&[
        osv("PYSEC-2026-1", "PyPI", "example", "1.1.0"),
        osv("RUSTSEC-2026-1", "crates.io", "example", "2.0.0"),
    ]);
    let server = place.serve();
    let refused = server.get(&place.wheel(&server, "dev", "example", "1.0.0")).expect(403);
    let decision = format!("/d/{}", refused.header("weir-decision"));
    assert!(server.get(&decision).expect(200).text().contains("PYSEC-2026-1"));
    let path = place.wheel(&server, "dev", "example", "1.1.0");
    let bytes = server.get(&path).expect(200);
    assert!(!bytes.cut && bytes.body.len() > 20_000_000);
    let part = server.ask("GET", &path, &[("Range", "bytes=100-299")]).expect(206);
    assert_eq!(part.body, bytes.body[100..300]);
    server.get("/dev/npm/example").expect(200);
    server.get("/dev/cargo/ex/am/example").expect(200);
    // A second import while the server runs.
    place.import(&[osv("GHSA-aaaa-bbbb-cccc", "npm", "example", "2.0.0")]);
    let npm = "/dev/npm/example/-/example-1.0.0.tgz";
    crate::place::until("the import decides", crate::place::PATIENCE, || server.get(npm).status == 403);
    server.stop();

    place.fake.forget();
    let server = place.serve();
    assert!(!server.out().contains("admin token"), "the token is kept: {}", server.out());
    assert!(server.get(&decision).expect(200).text().contains("PYSEC-2026-1"));
    assert_eq!(server.get(&path).expect(200).body, bytes.body);
    assert_eq!(place.fake.requests().iter().filter(|seen| seen.path.ends_with(".whl")).count(), 0);
    server.get(&place.wheel(&server, "dev", "example", "1.0.0")).expect(403);
    server.get(npm).expect(403);
    server.stop();
    place.weir(["explain", "pkg:pypi/example@1.0.0"]).expect(1);
    place.weir(["feeds", "status"]).expect(0).prints(&["PyPI", "npm", "crates.io"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_story_on_sqlite_and_files() {
    story(&Place::new().await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_story_on_postgresql() {
    let Some(postgres) = Postgres::shared() else { return };
    let mut place = Place::new().await;
    place.environment("WEIR_STORE__URL", &postgres.database());
    story(&place);
    assert!(!place.data.join("weir.sqlite").exists());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_story_on_s3() {
    let s3 = S3Server::start().await;
    let mut place = Place::new().await;
    place.environment("S3_SECRET", s3.secret());
    place.configure(&format!(
        "[blobs.s3]\nendpoint = \"{}\"\nbucket = \"{}\"\nprefix = \"weir/\"\nregion = \"us-east-1\"\nkey = \"{}\"\n\
         secret = \"env:S3_SECRET\"",
        s3.url(),
        s3.bucket(),
        s3.key()
    ));
    story(&place);
    assert!(!place.data.join("blobs").exists(), "no blob is kept beside");
    assert!(crate::place::size_of(&s3.directory()) > 20_000_000);
    let shown = place.weir(["config", "show"]).expect(0);
    assert!(!shown.out.contains(s3.secret()), "{}", shown.out);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_database_that_does_not_answer_is_told_without_its_password() {
    let mut place = Place::new().await;
    place.environment("WEIR_STORE__URL", "postgres://weir:hunter2@127.0.0.1:9/weir");
    let ran = place.weir(["serve"]).expect(2).tells(&["[store] url", "127.0.0.1:9/weir"]);
    assert!(!ran.err.contains("hunter2"), "{}", ran.err);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bucket_that_does_not_answer_is_told_when_bytes_are_asked_for() {
    let place = Place::new().await;
    place.configure(
        "[blobs.s3]\nendpoint = \"http://127.0.0.1:9\"\nbucket = \"weir\"\nregion = \"us-east-1\"\nkey = \"k\"\nsecret = \"s\"",
    );
    place.policy("[stage.dev]\n");
    place.fake.pypi().release("example", "1.0.0").add();
    let server = place.serve();
    server.get("/dev/pypi/simple/example/").expect(500);
    server.stop_and(|err| {
        assert!(err.contains("http://127.0.0.1:9"), "{err}");
        assert!(err.contains("check the endpoint, the bucket and the network"), "{err}");
    });
}
