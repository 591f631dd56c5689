//! What clients and `/readyz` see while an upstream misbehaves, and after: one table, made by asking.
//!
//! `docs/reference/faults.md` is what this test sees; `WEIR_UPDATE=1` writes it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use weir_testing::{FakeResponse, Fault};

use crate::gate::{Answer, CRITICAL, Plan, SIMPLE_JSON, TestGate, osv};

const POLICY: &str = "[stage.dev]\nvulnerability = { block-cvss = 9.0 }\n";
/// Most bytes of a document here, so that one above the limit need not be 64 MiB.
const DOCUMENT_BYTES: u64 = 100_000;
/// Every time limit here, so that nobody waits for what hangs.
const SHORT: Duration = Duration::from_millis(300);
const PAGES: [&str; 2] = ["/simple/warm/", "/simple/cold/"];
const FILES: [&str; 2] = ["/files/warm-1.0-py3-none-any.whl", "/files/warm-2.0-py3-none-any.whl"];

/// What goes wrong.
enum Wrong {
    /// With every page and file.
    All(fn(&mut FakeResponse)),
    /// With pages alone.
    Pages(fn(&mut FakeResponse)),
    /// With files alone.
    Files(fn(&mut FakeResponse)),
    /// No connection is taken.
    Down,
    /// The name has no address any more.
    NoName,
}

/// What a fault is called, what it is, and whether what is kept goes on being served.
const FAULTS: &[(&str, Wrong, bool)] = &[
    ("refuses connections", Wrong::Down, true),
    ("DNS has no address for its name", Wrong::NoName, true),
    ("closes the connection without an answer", Wrong::All(|it| it.fault = Some(Fault::Hangup)), true),
    ("does not answer", Wrong::All(|it| it.fault = Some(Fault::Delay(Duration::from_secs(60)))), true),
    ("hangs in the middle", Wrong::All(|it| it.fault = Some(Fault::Stall { after: 10 })), true),
    ("sends a byte at a time", Wrong::All(|it| it.fault = Some(Fault::Drip(Duration::from_millis(60)))), true),
    ("breaks off in the middle", Wrong::All(|it| it.fault = Some(Fault::Cut { after: 10 })), true),
    ("announces more than it sends", Wrong::All(|it| it.fault = Some(Fault::ClaimLength(50_000))), true),
    ("announces less than it sends", Wrong::All(|it| it.fault = Some(Fault::ClaimLength(10))), true),
    ("sends without end", Wrong::All(|it| it.fault = Some(Fault::Endless)), true),
    ("sends a document above the limit", Wrong::Pages(|it| it.body = vec![b' '; 100_001].into()), true),
    ("sends a gzip bomb", Wrong::Pages(bomb), true),
    ("sends gzip that ends early", Wrong::Pages(short_gzip), true),
    ("sends broken JSON", Wrong::Pages(|it| it.body = "{".into()), true),
    ("sends a login page", Wrong::Pages(login), true),
    ("answers 500", Wrong::All(|it| *it = FakeResponse::status(500)), true),
    ("answers 503", Wrong::All(|it| *it = FakeResponse::status(503)), true),
    ("answers 429, `Retry-After: 3600`", Wrong::All(throttle), true),
    ("answers 403", Wrong::All(|it| *it = FakeResponse::status(403)), true),
    ("sends files with other bytes than it states", Wrong::Files(|it| it.fault = Some(Fault::WrongBytes)), true),
    ("has deleted the package", Wrong::Pages(|it| *it = FakeResponse::status(404)), false),
    ("has deleted the files alone", Wrong::Files(|it| *it = FakeResponse::status(404)), true),
];

fn bomb(page: &mut FakeResponse) {
    *page = FakeResponse::ok(vec![b' '; 20_000_000]).content_type(SIMPLE_JSON).gzip();
}

fn short_gzip(page: &mut FakeResponse) {
    let start: &[u8] = &[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 0x4b];
    *page = FakeResponse::ok(start).content_type(SIMPLE_JSON).header("Content-Encoding", "gzip");
}

fn login(page: &mut FakeResponse) {
    *page = FakeResponse::ok("<html><body>Please log in</body></html>").content_type("text/plain");
}

fn throttle(it: &mut FakeResponse) {
    *it = FakeResponse::status(429).header("Retry-After", "3600");
}

/// The gate of one fault: `warm` 1.0 has been asked for, its 2.0 and `cold` have not, its 0.9 is refused.
async fn warm(no_name: Arc<AtomicBool>) -> TestGate {
    let plan = Plan::new(POLICY).records(&[osv("PYSEC-2026-1", "PyPI", "warm", "1.0", Some(CRITICAL))]);
    let plan = plan.settings(|settings| settings.lifetimes.patience = 5_000).upstream(move |ecosystem, config| {
        let limits = &mut config.limits;
        (limits.document_bytes, limits.artifact_bytes) = (DOCUMENT_BYTES, DOCUMENT_BYTES);
        (limits.connect, limits.first_byte, limits.stall) = (2 * SHORT, SHORT, SHORT);
        (limits.document_total, limits.artifact_total, limits.left_alone) = (2 * SHORT, 2 * SHORT, 10 * SHORT);
        // Otherwise the third fault in a row would be told as one of the host.
        limits.down_after = 100;
        if no_name.load(Ordering::Relaxed) && ecosystem == "pypi" {
            // RFC 6761: this name has no address anywhere.
            let host = config.url.split('/').nth(2).unwrap().to_owned();
            config.url = String::from("http://registry.invalid/simple/");
            config.hosts.push(host);
        }
    });
    let gate = plan.start().await;
    let pypi = gate.pypi.pypi();
    for version in ["0.9", "1.0", "2.0"] {
        pypi.release("warm", version).published("2026-01-01").add();
    }
    pypi.release("cold", "1.0").published("2026-01-01").add();
    assert_eq!(page(&gate, "warm").await.status, 200);
    assert_eq!(file(&gate, "1.0").await.status, 200);
    gate
}

async fn page(gate: &TestGate, package: &str) -> Answer {
    gate.ask("GET", &format!("/dev/pypi/simple/{package}/"), &[("Accept", SIMPLE_JSON)]).await
}

async fn file(gate: &TestGate, version: &str) -> Answer {
    gate.get(&format!("/dev/pypi/files/warm/warm-{version}-py3-none-any.whl")).await
}

/// Changes what the fake upstream answers, and gives what it answered before.
fn break_it(gate: &TestGate, wrong: &Wrong) -> Vec<(&'static str, Vec<FakeResponse>)> {
    let (paths, change): (Vec<_>, _) = match wrong {
        Wrong::All(change) => (PAGES.into_iter().chain(FILES).collect(), change),
        Wrong::Pages(change) => (PAGES.to_vec(), change),
        Wrong::Files(change) => (FILES.to_vec(), change),
        Wrong::Down | Wrong::NoName => return Vec::new(),
    };
    paths
        .into_iter()
        .map(|path| {
            let mut before = Vec::new();
            gate.pypi.change(path, |answer| {
                before.push(answer.clone());
                // What upstream is asked to confirm would hide what it sends.
                answer.etag = None;
                change(answer);
            });
            (path, before)
        })
        .collect()
}

/// The same data under an upstream whose name has no address, as if it had always had that name.
async fn renamed(gate: TestGate, to: &str) -> TestGate {
    let from = gate.pypi.pypi().url();
    let row = gate.store.current_document(&from, "warm/").await.unwrap().unwrap();
    let copy = weir_store::NewDocument {
        upstream: to.to_owned(),
        path: row.path,
        digest: row.digest,
        content_type: row.content_type,
        url: row.url,
        etag: row.etag,
        last_modified: row.last_modified,
        size: row.size,
    };
    gate.store.record_document(&copy, row.checked_at).await.unwrap();
    gate.restarted().await
}

/// What a client sees, in a cell of the table.
fn cell(gate: &TestGate, answer: &Answer) -> String {
    assert!(!answer.cut, "a short file and a page are never cut: {}", answer.text());
    let stale = answer.header("weir-stale");
    match answer.status {
        200 if stale.is_empty() => String::from("200"),
        200 => String::from("200, `Weir-Stale`"),
        status => {
            let body: serde_json::Value = serde_json::from_slice(&answer.body).unwrap_or_default();
            let detail = body["detail"].as_str().map_or_else(|| answer.phrase.clone(), str::to_owned);
            format!("{status} {}", plain(gate, detail.trim()))
        }
    }
}

/// A message without what differs from run to run.
fn plain(gate: &TestGate, message: &str) -> String {
    let mut text = message.replace(&gate.pypi.authority(), "registry.example").replace('|', "\\|");
    // What the operating system says differs between machines.
    if let (Some(start), Some(end)) = (text.find("cannot be reached: "), text.find("; check the address")) {
        text.replace_range(start + "cannot be reached: ".len()..end, "*cause*");
    }
    let mut words: Vec<String> = text.split(' ').map(str::to_owned).collect();
    for at in 1..words.len() {
        let is_number = |word: &str| word.parse::<u64>().is_ok();
        if words[at].starts_with("bytes") && is_number(&words[at - 1]) {
            words[at - 1] = String::from("*n*");
        } else if is_number(&words[at]) && matches!(words[at - 1].as_str(), "of" | "in") {
            words[at] = String::from("*n*");
        } else if words[at].len() >= 64 && words[at].chars().take(64).all(|c| c.is_ascii_hexdigit()) {
            words[at].replace_range(..64, "*digest*");
        }
    }
    words.join(" ")
}

async fn row(name: &str, wrong: &Wrong, stays: bool) -> String {
    let no_name = Arc::new(AtomicBool::new(false));
    let mut gate = warm(Arc::clone(&no_name)).await;
    let before = break_it(&gate, wrong);
    match wrong {
        Wrong::Down => gate.pypi.down().await,
        Wrong::NoName => {
            no_name.store(true, Ordering::Relaxed);
            gate = renamed(gate, "http://registry.invalid/simple/").await;
        }
        _ => {}
    }
    // An hour of it.
    for moment in ["2026-11-01T12:06:00Z", "2026-11-01T12:36:00Z", "2026-11-01T13:06:00Z"] {
        gate.at(moment);
        let (kept_page, kept_file) = (page(&gate, "warm").await, file(&gate, "1.0").await);
        let expected = if stays { 200 } else { 404 };
        assert_eq!((kept_page.status, kept_file.status), (expected, expected), "{name} at {moment}");
        let refused = file(&gate, "0.9").await.status;
        assert!(refused == 403 || !stays, "{name}: what is refused was answered with {refused}");
    }
    let kept = (page(&gate, "warm").await, file(&gate, "1.0").await);
    let cold_page = page(&gate, "cold").await;
    let pages_work = matches!(wrong, Wrong::Files(_));
    assert_eq!(cold_page.status == 200, pages_work, "{name}: {}", cold_page.text());
    // A fault of the page is told again, for the kept page stands in for it.
    let cold_file = file(&gate, "2.0").await;
    assert!(matches!(cold_file.status, 200 | 404 | 502), "{name}: {}", cold_file.text());
    let trouble = gate.gateway.trouble();
    let told = trouble.iter().map(|(ecosystem, problem)| format!("{ecosystem}: {}", plain(&gate, problem)));
    let mut told = told.collect::<Vec<_>>().join("<br>");
    if told.is_empty() {
        told = String::from("no trouble");
    }
    let line = format!(
        "| {name} | {} | {} | {} | {} | {told} |",
        cell(&gate, &cold_page),
        cell(&gate, &cold_file),
        cell(&gate, &kept.0),
        cell(&gate, &kept.1),
    );
    mended(name, gate, before, wrong, &no_name).await;
    line
}

/// Everything works again when upstream does, without a restart.
async fn mended(
    name: &str,
    mut gate: TestGate,
    before: Vec<(&'static str, Vec<FakeResponse>)>,
    wrong: &Wrong,
    no_name: &AtomicBool,
) {
    for (path, answers) in before {
        let mut answers = answers.into_iter();
        gate.pypi.change(path, |answer| *answer = answers.next().unwrap());
    }
    match wrong {
        Wrong::Down => gate.pypi.up().await,
        Wrong::NoName => {
            no_name.store(false, Ordering::Relaxed);
            gate = gate.restarted().await;
        }
        _ => {}
    }
    gate.at("2026-11-01T14:00:00Z");
    for attempt in 0.. {
        let answers = [page(&gate, "warm").await, page(&gate, "cold").await, file(&gate, "2.0").await];
        let works = answers.iter().all(|answer| answer.status == 200 && answer.header("weir-stale").is_empty());
        if works && gate.gateway.trouble().is_empty() {
            break;
        }
        assert!(attempt < 2_000, "{name} is over, and Weir does not notice: {answers:?} {:?}", gate.gateway.trouble());
        // A host that asked to be left alone is, by the machine's clock; all else goes by the test's.
        tokio::time::sleep(Duration::from_millis(10)).await;
        gate.clock.set(weir_core::Clock::now(&*gate.clock).plus_millis(20_000));
    }
    assert_eq!(file(&gate, "1.0").await.status, 200, "{name}");
    assert_eq!(file(&gate, "0.9").await.status, 403, "{name}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_table_of_faults_is_what_clients_see() {
    let mut text = String::from(
        "<!-- Made by asking: WEIR_UPDATE=1 cargo test -p weir-gateway --test it faults -->\n\n# When an upstream misbehaves\n\n\
         Each row is a run: one page and one file were asked for before (*kept*), others were not (*new*). Then the upstream \
         misbehaves\nfor an hour, and then stops. What is kept goes on being served, and says that it may be out of date; what \
         is not kept fails\nat once with the address and the cause. In every row a refused file stayed refused throughout, and \
         when the upstream works\nagain everything is served, unmarked, without a restart. `/readyz` stays 200 and names the \
         trouble under `upstreams` until the\nupstream has done its work again.\n\n\
         The limits of time and size in these runs are smaller than those of [limits.md](limits.md), and show in the messages.\n\n\
         | The upstream … | a new page | a new file | a kept page | a kept file | `/readyz` |\n|---|---|---|---|---|---|\n",
    );
    for (name, wrong, stays) in FAULTS {
        text.push_str(&row(name, wrong, *stays).await);
        text.push('\n');
    }
    text.push_str(
        "\nBytes that are not those that the index states are an event `digest-mismatch`, are stored nowhere, and are not \
         fetched again\nfor ten minutes or until the index states others. Other bytes under an old name are an event \
         `changed-bytes` and hold the whole\nrelease: see the rule `integrity` in [rules.md](rules.md). What an upstream deletes is \
         gone here, too, within five minutes; what\nadvisories say of it is still told.\n\n\
         ## Weir's own disk and process\n\n\
         | What happens | New | Kept | Afterwards |\n|---|---|---|---|\n\
         | The disk is full | 500, and the log names the disk and the way out | served, if its decision is on record | works \
         when there is room, without a restart |\n\
         | The disk is read-only | 500, and the log says so | served, if its decision is on record | works when it can be \
         written to, without a restart |\n\
         | It is killed | – | – | nothing that was told is lost: [kills.md](kills.md) |\n\
         | The clock goes back | asked for again | served; ages count from the new moment, and what waited waits | – |\n\n\
         A decision that cannot be recorded takes no effect: neither way, a file is neither let through nor refused by it.\n",
    );
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/faults.md");
    if std::env::var_os("WEIR_UPDATE").is_some() {
        std::fs::write(&path, &text).unwrap();
        return;
    }
    let there = std::fs::read_to_string(&path).unwrap_or_default();
    let differing = there.lines().zip(text.lines()).find(|(there, seen)| there != seen);
    assert!(there == text, "docs/reference/faults.md says otherwise; WEIR_UPDATE=1 writes it: {differing:?}");
}

#[tokio::test]
async fn on_a_store_that_takes_no_rows_what_is_decided_is_served_and_nothing_new_is() {
    let gate = warm(Arc::default()).await;
    assert_eq!(file(&gate, "0.9").await.status, 403);
    assert_eq!(gate.gateway.writable().await, weir_gateway::gateway::Writable::default());
    let gate = gate.read_only(true).await;
    let writable = gate.gateway.writable().await;
    assert!(writable.store.unwrap().contains("read-only"));
    for moment in [crate::gate::NOW, "2026-11-01T12:30:00Z"] {
        gate.at(moment);
        assert_eq!(page(&gate, "warm").await.status, 200, "{moment}");
        // On record, either way.
        assert_eq!(file(&gate, "1.0").await.status, 200, "{moment}");
        assert_eq!(file(&gate, "0.9").await.status, 403, "{moment}");
        // Not on record, so it takes no effect: neither a file nor a page that must be remembered.
        for answer in [file(&gate, "2.0").await, page(&gate, "cold").await] {
            assert_eq!(answer.status, 500, "{moment}: {}", answer.text());
            assert!(answer.text().contains("its log tells the cause"), "{}", answer.text());
        }
    }
    // Another policy makes other decisions, and those are not on record.
    gate.policy("[stage.dev]\nvulnerability = { block-cvss = 9.5 }\n");
    assert_eq!(file(&gate, "1.0").await.status, 500);
    let gate = gate.read_only(false).await;
    assert_eq!(file(&gate, "2.0").await.status, 200);
    assert_eq!(page(&gate, "cold").await.status, 200);
    assert_eq!(gate.gateway.writable().await, weir_gateway::gateway::Writable::default());
}
