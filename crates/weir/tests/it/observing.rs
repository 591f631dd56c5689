//! What a watchdog and a dashboard see.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use weir_testing::skip::skip;

use crate::place::{CRITICAL_ONLY, Place};

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn health_readiness_and_metrics_are_told() {
    let place = Place::with_an_advisory().await;
    let server = place.serve();
    assert_eq!(server.get("/healthz").expect(200).text(), "ok\n");
    let ready = server.get("/readyz").expect(200).json();
    assert_eq!(ready["ready"], true);
    assert_eq!(ready["store"], "ok");
    assert_eq!(ready["policy"], "ok");
    server.get(&place.wheel(&server, "dev", "example", "1.0.0")).expect(403);
    server.get(&place.wheel(&server, "dev", "example", "1.1.0")).expect(200);
    let metrics = server.get("/metrics").expect(200);
    assert!(metrics.header("content-type").starts_with("application/openmetrics-text"));
    let text = metrics.text();
    assert!(text.ends_with("# EOF\n"), "{text}");
    let count = |parts: &[&str]| -> f64 {
        let line = text.lines().find(|line| !line.starts_with('#') && parts.iter().all(|part| line.contains(part)));
        let line = line.unwrap_or_else(|| panic!("{parts:?} is missing from\n{text}"));
        line.rsplit(' ').next().unwrap().parse().unwrap()
    };
    assert_eq!(count(&["weir_requests_total", "ecosystem=\"pypi\"", "outcome=\"refused\""]), 1.0);
    assert!(count(&["weir_upstream", "pypi"]) >= 1.0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn every_answer_has_an_id_that_the_log_names() {
    let place = Place::with_an_advisory().await;
    let server = place.serve();
    let one = server.get("/dev/pypi/simple/example/").expect(200).header("x-request-id").to_owned();
    let other = server.get("/healthz").expect(200).header("x-request-id").to_owned();
    assert!(!one.is_empty() && one != other);
    server.stop_and(|err| {
        let line = err.lines().find(|line| line.contains(&one)).unwrap_or_else(|| panic!("{one} is not in\n{err}"));
        for part in ["stage=\"dev\"", "ecosystem=\"pypi\"", "package=\"example\"", "outcome=", "duration_us="] {
            assert!(line.contains(part), "{part}: {line}");
        }
    });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_strangers_text_does_not_get_into_the_log_as_it_is() {
    let place = Place::new().await;
    place.policy(CRITICAL_ONLY);
    let server = place.serve();
    let hostile = "/dev/pypi/simple/%1b%5b2J%0afake-line%20level=ERROR/";
    assert!(server.ask("GET", hostile, &[("User-Agent", "evil\tpip\u{1b}[31m/1.0")]).status < 500);
    assert!(server.get("/\u{7f}").status < 500);
    server.stop_and(|err| {
        assert!(!err.contains('\u{1b}'), "{err:?}");
        assert!(!err.lines().any(|line| line.starts_with("fake-line")), "{err}");
    });
}

/// The lines about requests in what a server has logged as JSON, as objects.
fn requests(err: &str) -> Vec<serde_json::Map<String, serde_json::Value>> {
    let lines = err.lines().filter(|line| line.starts_with('{'));
    let lines =
        lines.map(|line| serde_json::from_str::<serde_json::Map<_, _>>(line).unwrap_or_else(|e| panic!("{e}: {line}")));
    lines.filter(|line| line["target"] == "weir::request").collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn every_request_has_one_line_with_who_what_and_how_long() {
    let place = Place::with_an_advisory().await;
    place.configure("log.format = \"json\"");
    let server = place.serve();
    let good = place.wheel(&server, "dev", "example", "1.1.0");
    let bad = place.wheel(&server, "dev", "example", "1.0.0");
    let decision = server.get(&bad).expect(403).header("weir-decision").to_owned();
    let size = server.get(&good).expect(200).body.len();
    let asked = [
        ("GET", "/healthz", 200, "served"),
        ("GET", "/", 200, "served"),
        ("GET", "/nothing/here", 404, "absent"),
        ("GET", "/dev/pypi/simple/unheard-of/", 404, "absent"),
        ("GET", "/staging/pypi/simple/example/", 404, "absent"),
        ("DELETE", "/dev/pypi/simple/example/", 405, "error"),
        ("HEAD", good.as_str(), 200, "served"),
        ("GET", "/metrics", 200, "served"),
        ("GET", "/api/v1/explain?purl=pkg:pypi/example@1.0.0", 200, "served"),
        ("GET", "/api/v2/", 404, "absent"),
    ];
    for (method, path, status, _) in asked {
        server.ask(method, path, &[]).expect(status);
    }
    server.get(&format!("/d/{decision}")).expect(200);
    server.ask("GET", &good, &[("X-Forwarded-For", "203.0.113.7"), ("User-Agent", "pip/26.0")]).expect(401);
    server.stop_and(|err| {
        let lines = requests(err);
        assert_eq!(lines.len(), 2 + 2 + asked.len() + 2, "{err}");
        let known: Vec<_> = weir_gateway::line::FIELDS.iter().map(|field| field.key).collect();
        for line in &lines {
            let strange = line.keys().find(|key| {
                !["timestamp", "level", "target", "message"].contains(&key.as_str()) && !known.contains(&key.as_str())
            });
            assert_eq!(strange, None, "a key that docs/reference/log.md does not have: {line:?}");
            assert!(line["head_us"].as_u64() <= line["duration_us"].as_u64(), "{line:?}");
        }
        for (method, path, status, outcome) in asked {
            let path = path.split('?').next().unwrap();
            let found = |line: &&serde_json::Map<_, _>| line["method"] == method && line["path"] == path;
            let line = lines.iter().find(found).unwrap_or_else(|| panic!("{path} has no line in\n{err}"));
            assert_eq!((&line["status"], &line["outcome"]), (&status.into(), &outcome.into()), "{line:?}");
            assert_eq!(line["size_bytes"] == 0, method == "HEAD", "{line:?}");
        }
        let of = |path: &str, status: u16| {
            let found = |line: &&serde_json::Map<_, _>| {
                line["path"] == path && line["status"] == status && line["method"] == "GET"
            };
            lines.iter().find(found).unwrap_or_else(|| panic!("{status} {path} has no line in\n{err}"))
        };
        let refused = of(&bad, 403);
        assert_eq!((&refused["outcome"], &refused["decision"]), (&"refused".into(), &decision.as_str().into()));
        let served = of(&good, 200);
        for (key, value) in [
            ("principal", "anonymous"),
            ("stage", "dev"),
            ("ecosystem", "pypi"),
            ("package", "example"),
            ("version", "1.1.0"),
            ("peer", "127.0.0.1"),
        ] {
            assert_eq!(served[key], value, "{served:?}");
        }
        assert_eq!(served["size_bytes"], size);
        // It was fetched, looked into, stored and sent.
        for phase in ["upstream_us", "store_us", "inspect_us", "judge_us", "body_us"] {
            assert!(served.contains_key(phase), "{phase} is missing from {served:?}");
        }
        let page = of("/dev/pypi/simple/example/", 200);
        for phase in ["upstream_us", "facts_us", "judge_us", "render_us"] {
            assert!(page.contains_key(phase), "{phase} is missing from {page:?}");
        }
        assert_eq!(of(&format!("/d/{decision}"), 200)["decision"], decision);
        let denied = of(&good, 401);
        assert_eq!(denied["outcome"], "denied");
        assert!(!denied.contains_key("principal") && !denied.contains_key("package"), "{denied:?}");
    });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn no_secret_gets_into_the_log() {
    let mut place = Place::with_an_advisory().await;
    let token = place.weir(["admin", "token", "create", "alice"]).expect(0).out.trim().to_owned();
    place.environment("WEIR_UPSTREAM__NPM__PASSWORD", "upstream-secret");
    place.environment("WEIR_UPSTREAM__NPM__USERNAME", "weir");
    place.environment("WEIR_LOG__LEVEL", "trace");
    for format in ["text", "json"] {
        place.environment("WEIR_LOG__FORMAT", format);
        let server = place.serve();
        let page = "/dev/pypi/simple/example/";
        let secret = token.rsplit('_').next().unwrap();
        for header in [format!("Bearer {token}"), format!("Bearer {token}x"), token.clone()] {
            server.ask("GET", page, &[("Authorization", &header)]);
        }
        server.get(&format!("{page}?token={token}&password=query-secret"));
        server.get(&format!("/api/v1/explain?purl=pkg:pypi/example@1.0.0&token={token}"));
        server.get("/dev/npm/example");
        server.ask("GET", page, &[("Cookie", "session=cookie-secret")]).expect(200);
        server.stop_and(|err| {
            assert!(err.contains("weir::request"), "{err}");
            for secret in [secret, "query-secret", "cookie-secret", "upstream-secret"] {
                let line = err.lines().find(|line| line.contains(secret));
                assert_eq!(line, None, "a secret is in the log");
            }
        });
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn the_lines_of_requests_can_be_left_out() {
    let place = Place::with_an_advisory().await;
    place.configure("log.level = \"info,weir::request=off\"");
    let server = place.serve();
    server.get("/dev/pypi/simple/example/").expect(200);
    server.stop_and(|err| {
        assert!(!err.contains("weir::request"), "{err}");
        assert!(err.contains("stopped"), "{err}");
    });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn the_metrics_pass_promtool() {
    let place = Place::with_an_advisory().await;
    let server = place.serve();
    server.get(&place.wheel(&server, "dev", "example", "1.1.0")).expect(200);
    server.ask("GET", "/metrics", &[("Authorization", "Bearer x")]).expect(401);
    let answer = server.ask("GET", "/metrics", &[("Accept", "text/plain;version=0.0.4")]).expect(200);
    assert!(answer.header("content-type").starts_with("text/plain; version=0.0.4"));
    let text = answer.text();
    for sample in [
        "weir_requests_denied_total{reason=\"invalid\"} 1",
        "weir_upstream_up{ecosystem=\"pypi\",upstream=\"pypi\"} 1",
        "weir_connections_open ",
        "weir_requests_in_flight ",
        "weir_policy_ok 1",
        "weir_build_info{version=",
        "weir_request_phase_duration_seconds_count{ecosystem=\"pypi\",phase=\"inspect\"} 1",
        "weir_store_write_duration_seconds_count{what=\"artifact\"} 1",
        "process_resident_memory_bytes ",
        "process_start_time_seconds ",
        "process_open_fds ",
        "process_cpu_seconds_total ",
    ] {
        assert!(text.lines().any(|line| line.starts_with(sample)), "`{sample}` is missing from\n{text}");
    }
    let Some(mut promtool) = promtool() else { return };
    let mut child = promtool.args(["check", "metrics"]).stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}\n{text}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn the_alerts_of_the_guide_pass_promtool() {
    let guide =
        std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/guides/operate.md")).unwrap();
    let rules = guide.split("```yaml\n").nth(1).and_then(|rest| rest.split("```").next()).expect("rules in the guide");
    // What they ask for is there.
    let metrics = weir_gateway::metrics::Metrics::default();
    let known: Vec<String> = metrics.described().iter().map(weir_gateway::metrics::Described::name).collect();
    let named =
        rules.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).filter(|word| word.starts_with("weir_"));
    for name in named {
        let family = ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end)).unwrap_or(name);
        assert!(known.iter().any(|known| known == name || known == family), "there is no metric `{name}`");
    }
    let Some(mut promtool) = promtool() else { return };
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), rules).unwrap();
    let output = promtool.args(["check", "rules"]).arg(file.path()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// Prometheus's own checker, if it is there.
fn promtool() -> Option<Command> {
    let there = Command::new("promtool").arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    if there.is_ok_and(|status| status.success()) {
        return Some(Command::new("promtool"));
    }
    skip("promtool", "promtool is not installed (Debian: apt-get install prometheus)");
    None
}
