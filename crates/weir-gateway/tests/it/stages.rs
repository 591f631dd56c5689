//! A token that is bound to a stage brings its stage along: the stricter of the token's and the address's decides.

use serde_json::json;

use crate::gate::{CRITICAL, Plan, TestGate, osv};

/// What `dev` alone refuses is 1.2, what `prod` alone refuses is 1.1, what both refuse is 1.0, what neither does is 1.3.
const POLICY: &str = r#"
[stage.dev]
denied = [{ package = "pkg:pypi/example@1.2", reason = "in trial" }, "pkg:npm/example@1.2.0", "pkg:cargo/example@1.2.0"]
vulnerability = { block-cvss = 9.0 }
[stage.prod]
denied = [{ package = "pkg:pypi/example@1.1", reason = "not reviewed" }, "pkg:npm/example@1.1.0", "pkg:cargo/example@1.1.0"]
vulnerability = { block-cvss = 9.0 }
[stage.open]
"#;

async fn gate(policy: &str) -> TestGate {
    let records = [
        osv("PYSEC-2026-1", "PyPI", "example", "1.1", Some(CRITICAL)),
        osv("GHSA-aaaa-bbbb-cccc", "npm", "example", "1.1.0", Some(CRITICAL)),
        osv("RUSTSEC-2026-0001", "crates.io", "example", "1.1.0", Some(CRITICAL)),
    ];
    let gate = Plan::new(policy).records(&records).start().await;
    for version in ["1.0", "1.1", "1.2", "1.3"] {
        gate.pypi.pypi().release("example", version).published("2026-01-01").add();
        gate.npm.npm().release("example", &format!("{version}.0")).published("2026-01-01").add();
        gate.cargo.cargo().release("example", &format!("{version}.0")).published("2026-01-01").add();
    }
    gate
}

/// The minor versions that a stage's address serves, as its files say: one letter a registry.
async fn files(gate: &TestGate, stage: &str) -> [String; 3] {
    let mut served = [const { String::new() }; 3];
    for minor in 0..4 {
        let paths = [
            format!("/{stage}/pypi/files/example/example-1.{minor}-py3-none-any.whl"),
            format!("/{stage}/npm/example/-/example-1.{minor}.0.tgz"),
            format!("/{stage}/cargo/dl/example/1.{minor}.0/download"),
        ];
        for (served, path) in served.iter_mut().zip(paths) {
            match gate.get(&path).await.status {
                200 => served.push_str(&minor.to_string()),
                status => assert_eq!(status, 403, "{path}"),
            }
        }
    }
    served
}

/// The minor versions that a stage's pages offer.
async fn pages(gate: &TestGate, stage: &str) -> [String; 3] {
    let pypi = gate.simple(stage, "example").await;
    let npm = gate.get(&format!("/{stage}/npm/example")).await.json();
    let cargo = gate.get(&format!("/{stage}/cargo/ex/am/example")).await.text();
    let offers =
        |offered: &dyn Fn(usize) -> bool| (0..4).filter(|minor| offered(*minor)).map(|m| m.to_string()).collect();
    [
        offers(&|minor| !pypi["files"][minor]["yanked"].is_string()),
        offers(&|minor| npm["versions"].get(format!("1.{minor}.0")).is_some()),
        offers(&|minor| cargo.lines().nth(minor).unwrap().contains("\"yanked\":false")),
    ]
}

async fn assert_offers(gate: &TestGate, stage: &str, minors: &str) {
    assert_eq!(files(gate, stage).await, [minors; 3], "files of {stage}");
    assert_eq!(pages(gate, stage).await, [minors; 3], "pages of {stage}");
}

#[tokio::test]
async fn what_is_served_is_what_both_stages_serve_in_every_registry() {
    let gate = gate(POLICY).await;
    for (token, stage, minors) in [
        (None, "dev", "13"),
        (None, "prod", "23"),
        (None, "open", "0123"),
        (Some("prod"), "prod", "23"),
        (Some("prod"), "dev", "3"),
        (Some("dev"), "prod", "3"),
        (Some("prod"), "open", "23"),
        (Some("open"), "dev", "13"),
        // And nothing of one asker's page is in another's.
        (None, "dev", "13"),
    ] {
        gate.principal("ci", token);
        assert_offers(&gate, stage, minors).await;
    }
}

#[tokio::test]
async fn a_refusal_names_the_stage_that_refused_and_a_version_that_both_serve() {
    let gate = gate(POLICY).await;
    gate.principal("ci", Some("prod"));
    let by_token = gate.get("/dev/pypi/files/example/example-1.1-py3-none-any.whl").await;
    let expected = "denied (pkg:pypi/example@1.1)";
    assert!(
        by_token.phrase.contains("in the token's stage prod; nearest allowed 1.3; see "),
        "{expected}: {}",
        by_token.phrase
    );
    assert!(
        by_token.text().contains("is blocked in stage prod") && by_token.text().contains("not reviewed"),
        "{}",
        by_token.text()
    );
    let by_address = gate.get("/dev/pypi/files/example/example-1.2-py3-none-any.whl").await;
    assert!(
        !by_address.phrase.contains("token") && by_address.phrase.contains("nearest allowed 1.3"),
        "{}",
        by_address.phrase
    );
    assert!(by_address.text().contains("is blocked in stage dev"), "{}", by_address.text());
    // Where both refuse, the address's stage speaks.
    let by_both = gate.get("/dev/pypi/files/example/example-1.0-py3-none-any.whl").await;
    assert!(by_both.text().contains("is blocked in stage dev"), "{}", by_both.text());
    // The page says the same to whoever reads it there.
    let page = gate.simple("dev", "example").await;
    let notes: Vec<_> = (0..3).map(|at| page["files"][at]["yanked"].as_str().unwrap().to_owned()).collect();
    assert!(
        notes[1].contains("token's stage prod") && !notes[0].contains("token") && !notes[2].contains("token"),
        "{notes:?}"
    );
}

#[tokio::test]
async fn a_decision_has_the_id_and_the_record_that_it_has_for_everybody_in_its_stage() {
    let gate = gate(POLICY).await;
    let alone = gate.get("/prod/pypi/files/example/example-1.1-py3-none-any.whl").await;
    assert!(alone.phrase.contains("nearest allowed 1.2"), "{}", alone.phrase);
    gate.principal("ci", Some("prod"));
    let together = gate.get("/dev/pypi/files/example/example-1.1-py3-none-any.whl").await;
    assert_eq!(alone.header("weir-decision"), together.header("weir-decision"));
    let served = gate.get("/dev/pypi/files/example/example-1.3-py3-none-any.whl").await;
    gate.principal("anonymous", None);
    let plainly = gate.get("/dev/pypi/files/example/example-1.3-py3-none-any.whl").await;
    assert_eq!(served.header("weir-decision"), plainly.header("weir-decision"));
    let fresh = gate.simple("dev", "example").await;
    assert!(fresh["files"][1]["yanked"] == json!(false), "{fresh}");

    // Also where the token is the first to ask, the record is the stage's own.
    let gate = self::gate(POLICY).await;
    gate.principal("ci", Some("prod"));
    let id = gate.get("/dev/pypi/files/example/example-1.1-py3-none-any.whl").await.header("weir-decision").to_owned();
    let row = gate.store.decision(&id).await.unwrap().unwrap();
    let body: serde_json::Value = serde_json::from_str(&row.body).unwrap();
    assert_eq!((row.stage.as_str(), &body["nearest_allowed"]), ("prod", &json!("1.2")));
    let rows = gate.records(|row| row.file.is_some()).await;
    assert!(rows.iter().all(|row| row.principal == "ci" && row.stage == "dev"), "{rows:#?}");
}

#[tokio::test]
async fn a_waiver_in_one_stage_does_not_open_the_other() {
    let waiver = |stage: &str| {
        format!(
            "{POLICY}\n[[waiver]]\npackage = \"pkg:pypi/example@1.0\"\nadvisory = \"PYSEC-2026-1\"\nstages = [\"{stage}\"]\n\
             reason = \"reviewed\"\nuntil = \"2026-12-31\"\n"
        )
    };
    for (waived, other) in [("dev", "prod"), ("prod", "dev")] {
        let gate = gate(&waiver(waived)).await;
        let at = |stage: &str| format!("/{stage}/pypi/files/example/example-1.0-py3-none-any.whl");
        assert_eq!(gate.get(&at(waived)).await.status, 200, "{waived}");
        gate.principal("ci", Some(other));
        let refused = gate.get(&at(waived)).await;
        assert_eq!(refused.status, 403, "{waived}");
        assert!(refused.text().contains(&format!("is blocked in stage {other}")), "{}", refused.text());
        gate.principal("ci", Some(waived));
        assert_eq!(gate.get(&at(other)).await.status, 403, "{waived}");
    }
}

#[tokio::test]
async fn a_name_that_is_private_in_either_stage_is_asked_of_nobody() {
    let gate = gate("[stage.dev]\n[stage.prod]\nprivate-name = [\"example\"]\n").await;
    gate.principal("ci", Some("prod"));
    for path in [
        "/dev/pypi/simple/example/",
        "/dev/npm/example",
        "/dev/cargo/ex/am/example",
        "/dev/npm/-/v1/search?text=example",
    ] {
        assert_eq!(gate.get(path).await.status, 403, "{path}");
    }
    assert!(gate.seen().is_empty(), "{:?}", gate.seen());
    gate.principal("ci", Some("dev"));
    assert_eq!(gate.get("/prod/pypi/simple/example/").await.status, 403);
    assert_eq!(gate.get("/dev/pypi/simple/example/").await.status, 200);
}

#[tokio::test]
async fn a_token_of_a_stage_that_is_gone_opens_nothing() {
    let gate = gate(POLICY).await;
    gate.principal("ci", Some("qa"));
    for stage in ["dev", "open"] {
        let answer = gate.get(&format!("/{stage}/pypi/simple/example/")).await;
        assert_eq!(answer.status, 403);
        assert!(answer.text().contains("bound to stage `qa`"), "{}", answer.text());
    }
    assert!(gate.seen().is_empty());
}

#[tokio::test]
async fn a_change_of_either_stage_takes_effect_at_once() {
    let gate = gate("[stage.dev]\n[stage.prod]\n").await;
    gate.principal("ci", Some("prod"));
    assert_offers(&gate, "dev", "0123").await;
    gate.policy(POLICY);
    assert_offers(&gate, "dev", "3").await;
    gate.policy("[stage.dev]\n[stage.prod]\nminimum-age = { days = 3 }\n");
    gate.pypi.pypi().release("fresh", "1.0").published("2026-10-31T12:00:00Z").add();
    gate.at("2026-11-03T11:59:59.999Z");
    let wheel = "/dev/pypi/files/fresh/fresh-1.0-py3-none-any.whl";
    assert_eq!(gate.get(wheel).await.status, 403);
    gate.at("2026-11-03T12:00:00Z");
    assert_eq!(gate.get(wheel).await.status, 200, "the moment of the token's stage counts too");
}

#[tokio::test]
async fn a_large_artifact_is_cut_off_by_the_tokens_stage_too() {
    let plan = Plan::new("[stage.dev]\n[stage.prod]\nlicense = { deny = [\"AGPL-3.0-only\"] }\n").stream_above(100_000);
    let gate = plan.start().await;
    gate.pypi.pypi().release("large", "1.0").published("2026-01-01").license("AGPL-3.0-only").size(2_000_000).add();
    gate.principal("ci", Some("prod"));
    let wheel = "/dev/pypi/files/large/large-1.0-py3-none-any.whl";
    let first = gate.get(wheel).await;
    assert!(first.cut || first.status == 403, "{} {}", first.status, first.phrase);
    let again = gate.get(wheel).await;
    assert_eq!(again.status, 403);
    assert!(again.text().contains("in stage prod"), "{}", again.text());
    gate.principal("ci", None);
    assert_eq!(gate.get(wheel).await.status, 200);
}
