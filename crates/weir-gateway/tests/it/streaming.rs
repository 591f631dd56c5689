//! What bytes alone can tell is decided before a client has them whole.

use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::StreamExt as _;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::Notify;
use weir_core::Digest;
use weir_testing::artifact::{big_wheel, noise, wheel_with};
use weir_testing::{FakeResponse, Fault};

use crate::gate::{Answer, Plan, SIMPLE_JSON, TestGate};

/// Artifacts above this are streamed in these tests.
const STREAM_ABOVE: u64 = 256 * 1024;
/// Bytes that are held back at the end at least.
const TAIL: usize = 64 * 1024;
const LARGE: usize = 2_000_000;
const WHEEL: &str = "/dev/pypi/files/example/example-1.0-py3-none-any.whl";
const FILE: &str = "/files/example-1.0-py3-none-any.whl";
const PAUSE: Duration = Duration::from_millis(300);

fn plan(policy: &str) -> Plan {
    Plan::new(policy).stream_above(STREAM_ABOVE).upstream(|_, config| config.limits.stall = Duration::from_millis(600))
}

/// A file server that sends the first bytes at once and the rest when it is told to.
struct Valve {
    authority: String,
    open: Arc<Notify>,
    hits: Arc<AtomicUsize>,
}

impl Valve {
    async fn holding(bytes: Vec<u8>, after: usize) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let authority = listener.local_addr().unwrap().to_string();
        let (open, hits) = (Arc::new(Notify::new()), Arc::new(AtomicUsize::new(0)));
        let (opened, counted) = (Arc::clone(&open), Arc::clone(&hits));
        tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                counted.fetch_add(1, Ordering::SeqCst);
                let (bytes, opened) = (bytes.clone(), Arc::clone(&opened));
                tokio::spawn(async move {
                    let _ = stream.read(&mut [0; 4096]).await;
                    let head =
                        format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", bytes.len());
                    stream.write_all(head.as_bytes()).await.unwrap();
                    stream.write_all(&bytes[..after]).await.unwrap();
                    opened.notified().await;
                    let _ = stream.write_all(&bytes[after..]).await;
                });
            }
        });
        Self { authority, open, hits }
    }

    /// A gate whose PyPI has `example 1.0` with its wheel behind this valve.
    async fn gate(&self, policy: &str, bytes: &[u8]) -> TestGate {
        let host = self.authority.clone();
        let plan = Plan::new(policy).stream_above(STREAM_ABOVE);
        let gate = plan.upstream(move |_, config| config.hosts.push(host.clone())).start().await;
        let page = json!({ "meta": { "api-version": "1.1" }, "name": "example", "versions": ["1.0"], "files": [{
            "filename": "example-1.0-py3-none-any.whl", "url": format!("http://{}/x.whl", self.authority),
            "hashes": { "sha256": Digest::of(bytes) }, "upload-time": "2026-01-01T00:00:00Z",
        }] });
        gate.pypi.put("/simple/example/", FakeResponse::ok(page.to_string()).content_type(SIMPLE_JSON));
        gate
    }
}

/// Where the central directory of a zip file begins.
fn directory(zip: &[u8]) -> usize {
    let end = zip.windows(4).rposition(|window| window == b"PK\x05\x06").unwrap();
    u32::from_le_bytes(zip[end + 16..end + 20].try_into().unwrap()) as usize
}

/// A compressed tar file.
fn tar_gz(files: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    for (path, bytes) in files {
        let mut header = [0u8; 512];
        header[..path.len()].copy_from_slice(path.as_bytes());
        header[100..108].copy_from_slice(b"0000644\0");
        header[124..136].copy_from_slice(format!("{:011o}\0", bytes.len()).as_bytes());
        header[136..148].copy_from_slice(b"00000000000\0");
        header[148..156].copy_from_slice(b"        ");
        header[156] = b'0';
        header[257..265].copy_from_slice(b"ustar\x0000");
        let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
        header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        gz.write_all(&header).unwrap();
        gz.write_all(bytes).unwrap();
        gz.write_all(&vec![0; bytes.len().next_multiple_of(512) - bytes.len()]).unwrap();
    }
    gz.write_all(&[0; 1024]).unwrap();
    gz.finish().unwrap()
}

/// A large npm package whose manifest says this name.
fn tarball(name: &str) -> Vec<u8> {
    let manifest = json!({ "name": name, "version": "1.0.0" }).to_string();
    tar_gz(&[("package/package.json", manifest.into()), ("package/data.bin", noise(LARGE))])
}

fn assert_cut(answer: &Answer, whole: usize) {
    assert_eq!((answer.status, answer.cut), (200, true), "{}", answer.phrase);
    assert_eq!(answer.header("content-length"), whole.to_string());
    assert!(answer.body.len() + TAIL <= whole, "{} of {whole} bytes came", answer.body.len());
}

async fn assert_nothing_is_stored(gate: &TestGate, ecosystem: &str) {
    assert_eq!(gate.store.artifacts(ecosystem, "example").await.unwrap(), []);
    let spooled = std::fs::read_dir(gate.directory.path().join("blobs/tmp")).unwrap().count();
    assert_eq!(spooled, 0, "something was left behind");
}

async fn blobs_of_at_least(gate: &TestGate, size: u64) -> usize {
    let blobs: Vec<_> = gate.blobs.list().collect().await;
    blobs.into_iter().filter(|blob| blob.as_ref().unwrap().1 >= size).count()
}

#[tokio::test]
async fn the_tail_of_a_large_artifact_waits_until_the_whole_is_there_and_decided() {
    let wheel = big_wheel("example", "1.0", &[], LARGE);
    let valve = Valve::holding(wheel.clone(), wheel.len() - 1).await;
    let gate = valve.gate("", &wheel).await;
    let mut reading = gate.open(WHEEL).await;
    let soon = reading.quiet(PAUSE).await;
    assert_eq!(soon.status, 200);
    assert!(soon.body.len() > LARGE / 2, "it is not streamed: {} bytes", soon.body.len());
    assert!(soon.body.len() + TAIL <= wheel.len(), "{} of {} bytes came", soon.body.len(), wheel.len());
    assert!(soon.body.len() <= directory(&wheel));
    valve.open.notify_one();
    let whole = reading.end().await;
    assert_eq!((whole.status, whole.cut), (200, false));
    assert_eq!(whole.body, wheel);
}

#[tokio::test]
async fn a_zip_directory_that_is_longer_than_the_tail_is_held_whole() {
    let names: Vec<String> = (0..4000).map(|number| format!("example/a-rather-long-name-{number:05}.py")).collect();
    let data = noise(LARGE);
    let mut files: Vec<(&str, &[u8])> = vec![("example/data.bin", &data)];
    files.extend(names.iter().map(|name| (name.as_str(), b"x".as_slice())));
    let wheel = wheel_with("example", "1.0", &[], &files);
    assert!(wheel.len() - directory(&wheel) > 4 * TAIL);
    let valve = Valve::holding(wheel.clone(), wheel.len() - 1).await;
    let gate = valve.gate("", &wheel).await;
    let mut reading = gate.open(WHEEL).await;
    let soon = reading.quiet(PAUSE).await;
    assert!(soon.body.len() > LARGE / 2 && soon.body.len() <= directory(&wheel), "{}", soon.body.len());
    valve.open.notify_one();
    assert_eq!(reading.end().await.body, wheel);
}

#[tokio::test]
async fn a_policy_that_changes_while_an_artifact_streams_decides_about_its_tail() {
    let wheel = big_wheel("example", "1.0", &[], LARGE);
    let valve = Valve::holding(wheel.clone(), LARGE / 2).await;
    let gate = valve.gate("[stage.dev]\n", &wheel).await;
    let mut reading = gate.open(WHEEL).await;
    assert_eq!(reading.quiet(PAUSE).await.status, 200);
    gate.policy("[stage.dev]\ndenied = [\"pkg:pypi/example\"]\n");
    valve.open.notify_one();
    assert_cut(&reading.end().await, wheel.len());
    assert_eq!(gate.get(WHEEL).await.status, 403);
    let rows = gate.records(|row| row.outcome == "refused" && row.bytes > 0).await;
    let cut = rows.iter().find(|row| row.bytes > 0).unwrap();
    assert!(cut.bytes < wheel.len() as u64 && cut.status == 200, "{cut:?}");
    let decision = gate.store.decision(cut.decision.as_deref().unwrap()).await.unwrap().unwrap();
    assert_eq!(decision.effective, "block");
}

#[tokio::test]
async fn a_large_zip_with_two_readings_is_cut_and_every_retry_is_refused() {
    let mut wheel = big_wheel("example", "1.0", &[], LARGE);
    let name = b"example/data.bin";
    let local = wheel.windows(name.len()).position(|window| window == name).unwrap();
    wheel[local + name.len() - 1] = b'x';
    let gate = plan("").start().await;
    gate.pypi.pypi().release("example", "1.0").file("example-1.0-py3-none-any.whl", wheel.clone()).add();
    assert_cut(&gate.get(WHEEL).await, wheel.len());
    assert_refused_for_good(&gate, WHEEL, "ambiguous-archive").await;
    let page = gate.simple("dev", "example").await;
    assert!(page["files"][0]["yanked"].as_str().unwrap().contains("ambiguous-archive"), "{page}");
}

#[tokio::test]
async fn a_large_wheel_of_another_name_is_cut_and_every_retry_is_refused() {
    let wheel = big_wheel("other", "1.0", &[], LARGE);
    let gate = plan("").start().await;
    gate.pypi.pypi().release("example", "1.0").file("example-1.0-py3-none-any.whl", wheel.clone()).add();
    assert_cut(&gate.get(WHEEL).await, wheel.len());
    assert_refused_for_good(&gate, WHEEL, "name-mismatch").await;
}

#[tokio::test]
async fn a_large_tarball_of_another_name_is_cut_and_every_retry_is_refused() {
    let bytes = tarball("other");
    let gate = plan("").start().await;
    gate.npm.npm().release("example", "1.0.0").bytes(bytes.clone()).add();
    let path = "/dev/npm/example/-/example-1.0.0.tgz";
    assert_cut(&gate.get(path).await, bytes.len());
    assert_refused_for_good(&gate, path, "name-mismatch").await;
    let page = gate.get("/dev/npm/example").await.json();
    assert!(page["versions"].as_object().unwrap().is_empty(), "{page}");
}

async fn assert_refused_for_good(gate: &TestGate, path: &str, finding: &str) {
    for (method, headers) in [("GET", ""), ("HEAD", ""), ("GET", "bytes=-70000"), ("GET", "bytes=0-")] {
        let range = ("Range", headers);
        let answer = gate.ask(method, path, if headers.is_empty() { &[] } else { std::slice::from_ref(&range) }).await;
        assert_eq!(answer.status, 403, "{method} {headers}");
        assert!(answer.phrase.contains(finding), "{}", answer.phrase);
    }
}

#[tokio::test]
async fn a_small_artifact_with_something_wrong_is_refused_before_its_first_byte() {
    let gate = plan("").start().await;
    let wheel = weir_testing::artifact::wheel("other", "1.0", &[]);
    gate.pypi.pypi().release("example", "1.0").file("example-1.0-py3-none-any.whl", wheel).add();
    for method in ["HEAD", "GET"] {
        let answer = gate.ask(method, WHEEL, &[]).await;
        assert_eq!(answer.status, 403, "{method}");
        assert!(answer.phrase.contains("name-mismatch"), "{}", answer.phrase);
    }
    assert_eq!(gate.pypi.hits(FILE), 1);
}

#[tokio::test]
async fn wrong_bytes_are_not_stored_not_served_and_an_event() {
    for size in [0, LARGE] {
        let gate = plan("").start().await;
        gate.pypi.pypi().release("example", "1.0").size(size).add();
        gate.pypi.change(FILE, |file| file.fault = Some(Fault::WrongBytes));
        for moment in ["2026-11-01T12:00:00Z", "2026-11-01T12:10:00Z"] {
            gate.at(moment);
            let answer = gate.get(WHEEL).await;
            match size {
                0 => {
                    assert_eq!(answer.status, 502);
                    assert!(answer.phrase.contains("not what its index promises"), "{}", answer.phrase);
                }
                _ => assert!(answer.cut && answer.body.len() + TAIL <= size, "{} bytes", answer.body.len()),
            }
        }
        assert_nothing_is_stored(&gate, "pypi").await;
        let events = gate.events("digest-mismatch").await;
        assert_eq!(events.len(), 2, "{events:?}");
        assert_eq!(events[0].subject, "pkg:pypi/example@1.0#example-1.0-py3-none-any.whl");
        assert!(events[0].body.contains("SHA-256"), "{}", events[0].body);
        gate.pypi.change(FILE, |file| file.fault = None);
        gate.at("2026-11-01T12:20:00Z");
        assert_eq!(gate.get(WHEEL).await.status, 200);
    }
}

#[tokio::test]
async fn an_upstream_that_breaks_off_or_hangs_gives_nobody_a_whole_file() {
    for fault in [Fault::Cut { after: 1_500_000 }, Fault::Stall { after: 1_500_000 }] {
        let gate = plan("").start().await;
        gate.pypi.pypi().release("example", "1.0").size(LARGE).add();
        gate.pypi.change(FILE, |file| file.fault = Some(fault.clone()));
        let answer = gate.get(WHEEL).await;
        assert!(answer.cut && answer.body.len() <= 1_500_000, "{fault:?}: {}", answer.body.len());
        assert_nothing_is_stored(&gate, "pypi").await;
        let rows = gate.records(|row| row.outcome == "upstream-error").await;
        assert_eq!(rows.last().unwrap().bytes, answer.body.len() as u64);
        gate.pypi.change(FILE, |file| file.fault = None);
        assert!(!gate.get(WHEEL).await.cut);
    }
    for fault in [Fault::Cut { after: 100 }, Fault::Hangup, Fault::Stall { after: 100 }] {
        let gate = plan("").start().await;
        gate.pypi.pypi().release("example", "1.0").add();
        gate.pypi.change(FILE, |file| file.fault = Some(fault.clone()));
        let answer = gate.get(WHEEL).await;
        assert_eq!(answer.status, 502, "{fault:?}: {}", answer.phrase);
        assert!(answer.phrase.contains(&gate.pypi.authority()), "{}", answer.phrase);
        assert_nothing_is_stored(&gate, "pypi").await;
    }
}

#[tokio::test]
async fn a_length_that_is_a_lie_frees_no_tail() {
    let bytes = tarball("example");
    for claimed in [bytes.len() as u64 + 3_000_000, bytes.len() as u64 - 200_000] {
        let gate = plan("").start().await;
        let npm = gate.npm.npm();
        npm.release("example", "1.0.0").bytes(bytes.clone()).add();
        gate.npm.change(&npm.tarball("example", "1.0.0"), |file| file.fault = Some(Fault::ClaimLength(claimed)));
        let answer = gate.get("/dev/npm/example/-/example-1.0.0.tgz").await;
        assert!(answer.cut || answer.status == 502, "{} {}", answer.status, answer.body.len());
        assert!(answer.body.len() + TAIL <= bytes.len(), "{} of {}", answer.body.len(), bytes.len());
        assert_nothing_is_stored(&gate, "npm").await;
    }
}

#[tokio::test]
async fn an_endless_artifact_ends_at_the_limit() {
    let gate = plan("").upstream(|_, config| config.limits.artifact_bytes = 3_000_000).start().await;
    let npm = gate.npm.npm();
    npm.release("example", "1.0.0").add();
    gate.npm.change(&npm.tarball("example", "1.0.0"), |file| file.fault = Some(Fault::Endless));
    let answer = gate.get("/dev/npm/example/-/example-1.0.0.tgz").await;
    assert_eq!(answer.status, 502);
    assert!(answer.phrase.contains("3000000 bytes"), "{}", answer.phrase);
    assert_nothing_is_stored(&gate, "npm").await;

    // Where the index states a size, that is the limit.
    let gate = plan("").start().await;
    gate.pypi.pypi().release("example", "1.0").add();
    gate.pypi.change(FILE, |file| file.fault = Some(Fault::Endless));
    let answer = gate.get(WHEEL).await;
    assert_eq!((answer.status, answer.body.starts_with(b"PK")), (502, false), "{}", answer.phrase);
    assert_eq!(gate.events("digest-mismatch").await.len(), 1);
    assert_nothing_is_stored(&gate, "pypi").await;
}

#[tokio::test]
async fn an_artifact_without_a_length_arrives() {
    for size in [0, LARGE] {
        let gate = plan("").start().await;
        gate.pypi.pypi().release("example", "1.0").size(size).add();
        gate.pypi.change(FILE, |file| file.chunked = true);
        let answer = gate.get(WHEEL).await;
        assert_eq!((answer.status, answer.cut), (200, false));
        assert!(answer.body.len() >= size);
    }
}

#[tokio::test]
async fn head_and_range_never_reach_upstream_as_such() {
    for size in [0, LARGE] {
        let gate = plan("").start().await;
        gate.pypi.pypi().release("example", "1.0").size(size).add();
        let head = gate.ask("HEAD", WHEEL, &[]).await;
        assert_eq!((head.status, head.body.len()), (200, 0));
        let part = gate.ask("GET", WHEEL, &[("Range", "bytes=-100")]).await;
        assert_eq!((part.status, part.body.len()), (206, 100), "{}", part.phrase);
        let whole = gate.get(WHEEL).await;
        assert_eq!(part.body, whole.body[whole.body.len() - 100..]);
        assert_eq!(head.header("content-length"), whole.body.len().to_string());
        assert_eq!(head.header("etag"), whole.header("etag"));
        let asked: Vec<_> = gate.pypi.requests().into_iter().filter(|seen| seen.path == FILE).collect();
        assert_eq!(asked.len(), 1);
        assert_eq!((asked[0].method.as_str(), asked[0].header("range")), ("GET", None));
    }
}

#[tokio::test]
async fn fifty_clients_of_one_cold_artifact_are_one_question_to_upstream() {
    for size in [0, LARGE] {
        let wheel = big_wheel("example", "1.0", &[], size);
        let valve = Valve::holding(wheel.clone(), wheel.len() / 2).await;
        let gate = Arc::new(valve.gate("", &wheel).await);
        let mut clients = tokio::task::JoinSet::new();
        for _ in 0..50 {
            let gate = Arc::clone(&gate);
            clients.spawn(async move { gate.get(WHEEL).await });
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
        valve.open.notify_one();
        while let Some(answer) = clients.join_next().await {
            let answer = answer.unwrap();
            assert_eq!((answer.status, answer.cut), (200, false), "{}", answer.phrase);
            assert!(answer.body == wheel);
        }
        assert_eq!(valve.hits.load(Ordering::SeqCst), 1);
        assert_eq!(gate.pypi.hits("/simple/example/"), 1);
    }
}

#[tokio::test]
async fn a_transfer_goes_on_when_its_client_goes_away() {
    let wheel = big_wheel("example", "1.0", &[], LARGE);
    let valve = Valve::holding(wheel.clone(), LARGE / 2).await;
    let gate = valve.gate("", &wheel).await;
    let mut reading = gate.open(WHEEL).await;
    assert!(!reading.quiet(PAUSE).await.body.is_empty());
    drop(reading);
    valve.open.notify_one();
    let rows = gate.records(|row| row.outcome == "aborted").await;
    let aborted = rows.iter().find(|row| row.outcome == "aborted").unwrap();
    assert!(aborted.bytes < wheel.len() as u64, "{aborted:?}");
    let answer = gate.get(WHEEL).await;
    assert!(answer.body == wheel);
    assert_eq!(valve.hits.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_licence_that_only_the_bytes_tell_refuses_small_ones_at_once_and_large_ones_by_cutting() {
    let policy = "[stage.dev]\nlicense = { deny = [\"GPL-3.0-only\"] }\n";
    let gate = plan(policy).start().await;
    let pypi = gate.pypi.pypi();
    pypi.release("example", "1.0").license("GPL-3.0-only").without_metadata().add();
    pypi.release("example", "1.1").license("MIT").without_metadata().add();
    pypi.release("example", "2.0").license("GPL-3.0-only").without_metadata().size(LARGE).add();
    let small = gate.get(WHEEL).await;
    assert_eq!(small.status, 403);
    assert!(small.phrase.contains("license GPL-3.0-only"), "{}", small.phrase);
    assert_eq!(gate.get(&WHEEL.replace("1.0", "1.1")).await.status, 200);
    let large = WHEEL.replace("1.0", "2.0");
    let answer = gate.get(&large).await;
    assert!(answer.cut, "{} {}", answer.status, answer.body.len());
    assert_eq!(gate.get(&large).await.status, 403);
    let page = gate.simple("dev", "example").await;
    let yanked: Vec<_> = page["files"].as_array().unwrap().iter().map(|file| file["yanked"].is_string()).collect();
    assert_eq!(yanked, [true, false, true]);

    let cargo = gate.cargo.cargo();
    cargo.release("example", "1.0.0").license("GPL-3.0-only").add();
    cargo.release("example", "1.1.0").license("MIT OR Apache-2.0").add();
    let refused = gate.get("/dev/cargo/dl/example/1.0.0/download").await;
    assert_eq!(refused.status, 403, "{}", refused.text());
    assert!(refused.text().contains("license GPL-3.0-only"), "{}", refused.text());
    assert_eq!(gate.get("/dev/cargo/dl/example/1.1.0/download").await.status, 200);
}

#[tokio::test]
async fn what_is_refused_only_because_nobody_looked_is_looked_into_when_it_is_asked_for() {
    let policy = "[stage.dev]\nlicense = { deny = [\"GPL-3.0-only\"], unknown = \"block\" }\n";
    let gate = plan(policy).start().await;
    let pypi = gate.pypi.pypi();
    pypi.release("example", "1.0").license("MIT").without_metadata().size(LARGE).add();
    pypi.release("example", "2.0").license("GPL-3.0-only").without_metadata().size(LARGE).add();
    assert!(gate.simple("dev", "example").await["files"][0]["yanked"].as_str().unwrap().contains("not known yet"));
    let metadata = gate.get(&format!("{WHEEL}.metadata")).await;
    assert_eq!(metadata.status, 200, "{}", metadata.phrase);
    assert_eq!(gate.get(WHEEL).await.status, 200);
    let refused = gate.get(&WHEEL.replace("1.0", "2.0")).await;
    assert_eq!((refused.status, refused.body.starts_with(b"PK")), (403, false));
    assert!(refused.phrase.contains("license GPL-3.0-only"), "{}", refused.phrase);
    assert_eq!(gate.simple("dev", "example").await["files"][0]["yanked"], false);
    assert_eq!(blobs_of_at_least(&gate, LARGE as u64).await, 2);
}

#[tokio::test]
async fn a_licence_in_the_metadata_beside_an_artifact_decides_before_it_is_fetched() {
    for unknown in ["", ", unknown = \"block\""] {
        let policy = format!("[stage.dev]\nlicense = {{ deny = [\"GPL-3.0-only\"]{unknown} }}\n[stage.open]\n");
        let gate = plan(&policy).start().await;
        let pypi = gate.pypi.pypi();
        pypi.release("example", "1.0").license("GPL-3.0-only").size(LARGE).add();
        pypi.release("example", "1.1").license("MIT").add();
        let answer = gate.get(WHEEL).await;
        assert_eq!((answer.status, answer.body.starts_with(b"PK")), (403, false));
        assert!(answer.phrase.contains("license GPL-3.0-only"), "{}", answer.phrase);
        assert_eq!(gate.pypi.hits(FILE), 0);
        assert_eq!(gate.get(&format!("{WHEEL}.metadata")).await.status, 403);
        assert_eq!(gate.get(&format!("{}.metadata", WHEEL.replace("1.0", "1.1"))).await.status, 200);
        assert_eq!(gate.pypi.hits(&FILE.replace("1.0", "1.1")), 0);
        assert_eq!(gate.get(&WHEEL.replace("1.0", "1.1")).await.status, 200);
        assert_eq!(gate.pypi.hits(&format!("{FILE}.metadata")), 1);
        let gate = gate.restarted().await;
        let page = gate.simple("dev", "example").await;
        let yanked: Vec<_> = page["files"].as_array().unwrap().iter().map(|file| file["yanked"].is_string()).collect();
        assert_eq!(yanked, [true, false], "{page}");
        assert_eq!(gate.get(WHEEL).await.status, 403);
        assert_eq!(gate.pypi.hits(FILE), 0);
    }
}

#[tokio::test]
async fn metadata_beside_an_artifact_that_lies_about_the_licence_frees_nothing() {
    let gate = plan("[stage.dev]\nlicense = { deny = [\"GPL-3.0-only\"] }\n").start().await;
    let pypi = gate.pypi.pypi();
    pypi.release("example", "1.0").license("MIT").add();
    pypi.replace(
        "example-1.0-py3-none-any.whl",
        big_wheel("example", "1.0", &[("License-Expression", "GPL-3.0-only")], LARGE),
    );
    assert!(gate.get(WHEEL).await.cut);
    let answer = gate.get(WHEEL).await;
    assert_eq!(answer.status, 403);
    assert!(answer.phrase.contains("license GPL-3.0-only"), "{}", answer.phrase);
}

/// Pages, files and policies at once: what was learnt or decided last counts for every request that begins after.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_race_lets_out_what_the_bytes_forbid() {
    for round in 0..10 {
        let gate = Arc::new(plan("[stage.dev]\n[stage.other]\n").start().await);
        let bad = weir_testing::artifact::wheel("other", "1.0", &[]);
        gate.pypi.pypi().release("example", "1.0").file("example-1.0-py3-none-any.whl", bad).add();
        let mut clients = tokio::task::JoinSet::new();
        for client in 0..24 {
            let gate = Arc::clone(&gate);
            clients.spawn(async move {
                for _ in 0..4 {
                    match client % 3 {
                        0 => drop(gate.get("/dev/pypi/simple/example/").await),
                        1 => drop(gate.get("/other/pypi/simple/example/").await),
                        _ => assert_eq!(gate.get(WHEEL).await.status, 403, "round {round}"),
                    }
                    if client == 0 {
                        gate.gateway.set_policy(gate.gateway.policy());
                    }
                }
            });
        }
        while let Some(done) = clients.join_next().await {
            done.unwrap();
        }
        assert_eq!(gate.pypi.hits(FILE), 1);
    }
}

#[tokio::test]
async fn the_first_bytes_are_kept_and_other_bytes_of_a_later_day_are_not() {
    let gate = plan("").start().await;
    let pypi = gate.pypi.pypi();
    pypi.release("example", "1.0").without_digests().without_metadata().add();
    let first = gate.get(WHEEL).await;
    assert_eq!(first.status, 200);
    // The blob is lost, and upstream has other bytes now, of which its page states no digest.
    gate.blobs.delete(&Digest::of(&first.body)).await.unwrap();
    pypi.replace("example-1.0-py3-none-any.whl", wheel_with("example", "1.0", &[], &[("example/evil.py", b"evil")]));
    let answer = gate.get(WHEEL).await;
    assert_eq!(answer.status, 403, "{}", answer.phrase);
    assert!(answer.phrase.contains("changed-bytes"), "{}", answer.phrase);
    assert_eq!(gate.events("changed-bytes").await.len(), 1);
}
