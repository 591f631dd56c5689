//! Go modules of one's own, through the gate.

use weir_testing::artifact;

use crate::gate::{Answer, TestGate};

const OURS: &str = "[stage.dev]\nprivate-name = [\"go:acme.example/*\"]\nminimum-age = 3\n";
const DEMO: &str = "acme.example/demo";

fn module(version: &str, files: &[(&str, &str)]) -> Vec<u8> {
    let at = |(name, text): &(&str, &str)| (format!("{DEMO}@{version}/{name}"), text.as_bytes().to_vec());
    artifact::zip(&files.iter().map(at).collect::<Vec<_>>())
}

const GO_MOD: &str = "module acme.example/demo\n\ngo 1.21\n";

impl TestGate {
    async fn put_module(&self, version: &str, zip: &[u8]) -> Answer {
        self.send("PUT", &format!("/dev/go/{DEMO}/@v/{version}.zip"), "application/zip", zip).await
    }

    async fn of_module(&self, path: &str) -> Answer {
        self.get(&format!("/dev/go/{DEMO}/{path}")).await
    }
}

async fn gate() -> TestGate {
    let gate = TestGate::new(OURS).await;
    gate.publisher(&["go:acme.example/*"]);
    gate
}

#[tokio::test(flavor = "multi_thread")]
async fn a_module_that_is_put_is_served_like_any_other_and_nobody_is_asked_about_it() {
    let gate = gate().await;
    let zip = module("v1.0.0", &[("go.mod", GO_MOD), ("demo.go", "package demo\n")]);
    assert_eq!(gate.of_module("@v/list").await.status, 404);
    let answer = gate.put_module("v1.0.0", &zip).await;
    assert!(answer.status == 201 && answer.text().contains("licence"), "{}: {}", answer.status, answer.text());
    assert_eq!(gate.of_module("@v/list").await.text(), "v1.0.0\n");
    let info = gate.of_module("@v/v1.0.0.info").await.json();
    assert_eq!((info["Version"].as_str(), info["Time"].as_str()), (Some("v1.0.0"), Some("2026-11-01T12:00:00Z")));
    assert_eq!(gate.of_module("@latest").await.json(), info);
    assert_eq!(gate.of_module("@v/v1.0.0.mod").await.text(), GO_MOD);
    let answer = gate.of_module("@v/v1.0.0.zip").await;
    assert_eq!((answer.status, answer.body), (200, zip.clone()));
    for path in ["@v/v1.0.1.info", "@v/main.info", "@v/v1.0.1.zip"] {
        assert_eq!(gate.of_module(path).await.status, 404, "{path}");
    }
    let answer = gate.get("/dev/go/sumdb/sum.golang.org/lookup/acme.example/demo@v1.0.0").await;
    assert!(answer.status == 404 && answer.text().contains("hosted here"), "{}", answer.text());
    // Without a go.mod it is a module all the same.
    let zip = module("v1.1.0", &[("demo.go", "package demo\n"), ("LICENSE", "MIT License")]);
    assert_eq!(gate.put_module("v1.1.0", &zip).await.status, 201);
    assert_eq!(gate.of_module("@v/v1.1.0.mod").await.text(), "module acme.example/demo\n");
    assert_eq!(gate.of_module("@v/list").await.text(), "v1.0.0\nv1.1.0\n");
    assert_eq!(gate.seen().len(), 0, "{:?}", gate.seen());
    let gate = gate.offline().await;
    assert_eq!(gate.of_module("@v/v1.0.0.mod").await.text(), GO_MOD);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_zip_that_the_go_command_would_not_take_is_refused() {
    let gate = gate().await;
    let go = ("go.mod", GO_MOD);
    let escaping = artifact::zip(&[(String::from("../x.go"), Vec::new())]);
    for (version, zip, status, problem) in [
        ("v1.0.0", module("v1.0.1", &[go]), 400, "stray-path"),
        ("v1.0.0", module("v1.0.0", &[("go.mod", "module acme.example/other\n")]), 400, "have to be the same"),
        ("v1.0.0", module("v1.0.0", &[go, ("a.go", ""), ("A.go", "")]), 400, "module-path"),
        ("v1.0.0", module("v1.0.0", &[go, ("sub/go.mod", "")]), 400, "module-path"),
        ("v1.0.0", module("v1.0.0", &[go, ("b/con.go", "")]), 400, "module-path"),
        ("v1.0.0", escaping, 400, ""),
        ("v1.0.0", module("v1.0.0", &[go])[..40].to_vec(), 400, "unreadable-archive"),
        ("v2.0.0", module("v2.0.0", &[go]), 400, "/v2"),
        ("v0.0.0-20260101000000-0123456789ab", Vec::new(), 403, "pseudo-version"),
        ("main", Vec::new(), 400, "no version"),
    ] {
        let answer = gate.put_module(version, &zip).await;
        assert_eq!(answer.status, status, "{problem}: {}", answer.text());
        assert!(answer.text().replace('\n', " ").contains(problem), "{problem}: {}", answer.text());
    }
    assert_eq!(gate.send("PUT", "/dev/go/acme.example/demo/@v/v1.0.0.info", "", b"{}").await.status, 405);
    assert_eq!(gate.events("published").await.len(), 0);
    assert_eq!(gate.put_module("v1.0.0", &module("v1.0.0", &[go])).await.status, 201);
    let answer = gate.put_module("v1.0.0", &module("v1.0.0", &[go, ("x.go", "")])).await;
    assert!(answer.status == 409 && answer.text().contains("already exists"), "{}", answer.text());
}
