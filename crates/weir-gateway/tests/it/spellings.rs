//! No spelling of a request gets around a refusal: every route × every spelling × every way to ask.
//!
//! The bytes of what is refused are in the store already, let in by another stage, so that only the decision stands
//! between them and the client. The private names exist at the upstream, as an attacker would have them.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use bytes::Bytes;
use serde_json::{Value, json};
use weir_testing::artifact;

use crate::gate::{Answer, Kept, SIMPLE_JSON, TestGate};

const POLICY: &str = r#"
[stage.open]

[stage.prod]
denied = ["pkg:pypi/re-fused-pkg", "pkg:npm/re-fused.pkg", "pkg:npm/%40scope/re-fused", "pkg:cargo/re_fused"]
private-name = ["acme-*", "@acme/*"]
"#;

/// A text in every artifact and document that must not come out.
const CANARY: &str = "canary-that-must-not-sing";

/// What a route answers with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    /// An index page: never an error for a policy reason, but with every refused entry demoted.
    Page,
    /// An artifact, what belongs to it, or the manifest of a single release.
    File,
}

/// The routes of all ecosystems, for a refused package or for a private one, after `/{stage}/`.
fn routes(of: &str) -> Vec<(Kind, String)> {
    let (pypi, module, npm, scoped, scoped_file, cargo) = match of {
        "refused" => ("re-fused-pkg", "re_fused_pkg", "re-fused.pkg", "@scope/re-fused", "re-fused", "re_fused"),
        _ => ("acme-billing", "acme_billing", "acme-billing", "@acme/billing", "billing", "acme-billing"),
    };
    let encoded = scoped.replace('/', "%2f");
    let index = format!("{}/{}/{cargo}", &cargo[..2], &cargo[2..4]);
    let file = |path: String| (Kind::File, path);
    let page = |path: String| (Kind::Page, path);
    vec![
        page(format!("pypi/simple/{pypi}/")),
        file(format!("pypi/files/{pypi}/{module}-1.0-py3-none-any.whl")),
        file(format!("pypi/files/{pypi}/{module}-1.0-py3-none-any.whl.metadata")),
        file(format!("pypi/files/{pypi}/{module}-1.0.tar.gz")),
        file(format!("pypi/files/{pypi}/{pypi}-1.0.zip")),
        file(format!("pypi/files/{pypi}/{module}-1.0-py2.7.egg")),
        file(format!("pypi/provenance/{pypi}/{module}-1.0-py3-none-any.whl")),
        page(format!("npm/{npm}")),
        file(format!("npm/{npm}/1.0.0")),
        file(format!("npm/{npm}/latest")),
        file(format!("npm/{npm}/-/{npm}-1.0.0.tgz")),
        page(format!("npm/-/package/{npm}/dist-tags")),
        file(format!("npm/-/npm/v1/attestations/{npm}@1.0.0")),
        page(format!("npm/{encoded}")),
        page(format!("npm/{scoped}")),
        file(format!("npm/{encoded}/1.0.0")),
        file(format!("npm/{scoped}/1.0.0")),
        file(format!("npm/{scoped}/-/{scoped_file}-1.0.0.tgz")),
        file(format!("npm/{encoded}/-/{scoped_file}-1.0.0.tgz")),
        file(format!("npm/{scoped}/-/{scoped}-1.0.0.tgz")),
        page(format!("npm/-/package/{encoded}/dist-tags")),
        file(format!("npm/-/npm/v1/attestations/{encoded}@1.0.0")),
        page(format!("cargo/{index}")),
        file(format!("cargo/dl/{cargo}/1.0.0/download")),
    ]
}

/// Addresses that are no routes of Weir but of upstreams, older Weirs or wishful clients.
fn elsewhere(of: &str) -> Vec<String> {
    let (pypi, module, npm, cargo) = match of {
        "refused" => ("re-fused-pkg", "re_fused_pkg", "re-fused.pkg", "re_fused"),
        _ => ("acme-billing", "acme_billing", "acme-billing", "acme-billing"),
    };
    vec![
        format!("pypi/{module}-1.0-py3-none-any.whl"),
        format!("pypi/files/{module}-1.0-py3-none-any.whl"),
        format!("pypi/simple/{pypi}/{module}-1.0-py3-none-any.whl"),
        format!("pypi/packages/aa/bb/{module}-1.0-py3-none-any.whl"),
        format!("pypi/files/{pypi}/1.0/{module}-1.0-py3-none-any.whl"),
        format!("pypi/pypi/{pypi}/json"),
        format!("pypi/pypi/{pypi}/1.0/json"),
        // One package's file under another one's name.
        format!("pypi/files/allowed/{module}-1.0-py3-none-any.whl"),
        format!("pypi/provenance/allowed/{module}-1.0-py3-none-any.whl"),
        format!("npm/allowed/-/{npm}-1.0.0.tgz"),
        format!("npm/@scope/allowed/-/{npm}-1.0.0.tgz"),
        format!("npm/{npm}/download/{npm}-1.0.0.tgz"),
        format!("npm/{npm}/-/@other/{npm}-1.0.0.tgz"),
        format!("npm/{npm}/-/-/{npm}-1.0.0.tgz"),
        format!("npm/{npm}/-rev/1-0"),
        format!("npm/{npm}@1.0.0"),
        format!("npm/-/npm/v1/security/audits?x={npm}"),
        format!("cargo/api/v1/crates/{cargo}/1.0.0/download"),
        format!("cargo/crates/{cargo}/{cargo}-1.0.0.crate"),
        format!("cargo/{cargo}/1.0.0/download"),
        format!("cargo/dl/{cargo}/{cargo}-1.0.0.crate"),
        format!("cargo/dl/{cargo}/1.0.0+build/download"),
        format!("cargo/dl/{cargo}/v1.0.0/download"),
        format!("cargo/dl/{cargo}/1.0/download"),
    ]
}

/// All spellings of a path `/{stage}/{ecosystem}/…`, each with the name of the trick.
fn spellings(path: &str) -> Vec<(String, String)> {
    let mut all = vec![(String::from("as it is"), path.to_owned())];
    let mut add = |trick: &str, spelled: String| {
        if spelled != path {
            all.push((trick.to_owned(), spelled));
        }
    };
    let segments: Vec<&str> = path[1..].split('/').collect();
    let with = |at: usize, segment: &str| {
        let mut segments = segments.clone();
        segments[at] = segment;
        format!("/{}", segments.join("/"))
    };
    let encode = |text: &str, percent: &str, upper: bool, all: bool| {
        let mut out = String::new();
        for (at, byte) in text.bytes().enumerate() {
            let hex = if upper { format!("{byte:02X}") } else { format!("{byte:02x}") };
            match all || at == 0 {
                true => write!(out, "{percent}{hex}").unwrap(),
                false => out.push(char::from(byte)),
            }
        }
        out
    };
    for (at, segment) in segments.iter().enumerate().filter(|(_, segment)| !segment.is_empty()) {
        add("upper case", with(at, &segment.to_uppercase()));
        add("one capital", with(at, &format!("{}{}", segment[..1].to_uppercase(), &segment[1..])));
        for (trick, from, to) in [
            ("separator", "-", "_"),
            ("separator", "-", "."),
            ("separator", "_", "-"),
            ("separator", "_", "."),
            ("separator", ".", "-"),
            ("separator", ".", "_"),
            ("run of separators", "-", "--"),
            ("run of separators", "-", "-_."),
            ("run of separators", "_", "__"),
            ("encoded separator", "-", "%2d"),
            ("encoded separator", "-", "%2D"),
            ("encoded separator", ".", "%2e"),
            ("encoded separator", "_", "%5f"),
            ("encoded twice", "-", "%252d"),
            ("encoded twice", ".", "%252e"),
            ("encoded at sign", "@", "%40"),
            ("encoded at sign twice", "@", "%2540"),
            ("encoded slash", "%2f", "%2F"),
            ("encoded slash twice", "%2f", "%252f"),
            ("decoded slash", "%2f", "/"),
            ("backslash", "%2f", "%5c"),
            ("backslash", "%2f", "\\"),
            ("dotless i", "i", "%c4%b1"),
            ("Kelvin sign", "k", "%e2%84%aa"),
            ("long s", "s", "%c5%bf"),
            ("full-width", "e", "%ef%bd%85"),
            ("version prefix", "1.0", "v1.0"),
            ("version zeros", "1.0", "1.0.0"),
            ("version zeros", "1.0", "01.0"),
            ("version epoch", "1.0", "0!1.0"),
        ] {
            add(trick, with(at, &segment.replace(from, to)));
        }
        for (trick, percent, upper, whole) in [
            ("first letter encoded", "%", false, false),
            ("encoded", "%", false, true),
            ("encoded", "%", true, true),
            ("encoded twice", "%25", false, false),
            ("encoded twice", "%25", false, true),
            ("encoded three times", "%2525", false, false),
            ("%u encoding", "%u00", false, false),
        ] {
            add(trick, with(at, &encode(segment, percent, upper, whole)));
        }
        for (trick, prefix, suffix) in [
            ("double slash", "/", ""),
            ("three slashes", "//", ""),
            ("dot", "./", ""),
            ("encoded dot", "%2e/", ""),
            ("dots", "x/../", ""),
            ("encoded dots", "x/%2e%2e/", ""),
            ("half-encoded dots", "x/.%2E/", ""),
            ("dots encoded twice", "x/%252e%252e/", ""),
            ("dots with parameter", "x/..;/", ""),
            ("backslash dots", "x\\..\\", ""),
            ("overlong dots", "x/%c0%ae%c0%ae/", ""),
            ("parameter", "", ";a=b"),
            ("space", "", "%20"),
            ("plus", "", "+"),
            ("leading space", "%20", ""),
            ("dot at end", "", "."),
            ("NUL", "", "%00"),
            ("NUL and suffix", "", "%00.json"),
            ("NUL before", "%00", ""),
            ("line feed", "", "%0a"),
            ("carriage return", "", "%0d%0aX: y"),
            ("tab", "", "%09"),
            ("backslash", "", "%5c"),
            ("question mark", "", "%3f"),
            ("number sign", "", "%23"),
            ("invalid UTF-8", "", "%ff"),
            ("half an escape", "", "%"),
            ("half an escape", "", "%2"),
        ] {
            add(trick, with(at, &format!("{prefix}{segment}{suffix}")));
        }
    }
    for at in 1..segments.len() {
        let (before, after) = (segments[..at].join("/"), segments[at..].join("/"));
        for (trick, slash) in [
            ("encoded slash", "%2f"),
            ("encoded slash", "%2F"),
            ("slash encoded twice", "%252f"),
            ("backslash", "\\"),
            ("encoded backslash", "%5c"),
            ("overlong slash", "%c0%af"),
        ] {
            add(trick, format!("/{before}{slash}{after}"));
        }
    }
    let rest = segments[1..].join("/");
    for (trick, spelled) in [
        ("two leading slashes", format!("/{path}")),
        ("three leading slashes", format!("//{path}")),
        ("dot in front", format!("/.{path}")),
        ("dots in front", format!("/..{path}")),
        ("trailing slash", format!("{path}/")),
        ("trailing slashes", format!("{path}//")),
        ("no trailing slash", path.trim_end_matches('/').to_owned()),
        ("trailing dot segment", format!("{path}/.")),
        ("trailing dots", format!("{path}/x/..")),
        ("query", format!("{path}?x=1")),
        ("empty query", format!("{path}?")),
        ("query with a path", format!("{path}?/../open/")),
        ("query of a form", format!("{path}?format=application/vnd.pypi.simple.v1%2Bjson")),
        ("npm's write query", format!("{path}?write=true")),
        ("fragment", format!("{path}#x")),
        (".metadata", format!("{path}.metadata")),
        (".METADATA", format!("{path}.METADATA")),
        (".metadata twice", format!("{path}.metadata.metadata")),
        ("encoded .metadata", format!("{path}%2emetadata")),
        (".asc", format!("{path}.asc")),
        (".provenance", format!("{path}.provenance")),
        ("as of a day", format!("/prod@2026-10-01/{rest}")),
        ("as of a day, encoded", format!("/prod%402026-10-01/{rest}")),
        ("no stage", format!("/{rest}")),
        ("empty stage", format!("//{rest}")),
        ("two stages", format!("/open/prod/{rest}")),
        ("two stages", format!("/open/../prod/{rest}")),
        ("two stages", format!("/prod/open/{rest}")),
        ("stage with a space", format!("/prod%20/{rest}")),
        ("absolute form", format!("http://weir.example{path}")),
        ("absolute form with user", format!("http://open:x@weir.example{path}")),
        ("absolute form in capitals", format!("HTTP://WEIR.EXAMPLE{path}")),
        ("absolute form of https", format!("https://weir.example:443{path}")),
        ("authority form", String::from("weir.example:80")),
        ("raw NUL", format!("{path}\0")),
        ("raw tab", format!("{path}\t")),
        ("raw letters beyond ASCII", format!("{path}\u{e9}")),
    ] {
        add(trick, spelled);
    }
    all
}

/// Ways to ask, as method and header lines.
const WAYS: [(&str, &str); 3] = [("GET", ""), ("HEAD", ""), ("GET", "Range: bytes=-100\r\n")];

/// Further ways, for a path that is spelled as it is.
const FURTHER_WAYS: &[(&str, &str)] = &[
    ("GET", "Range: bytes=0-\r\n"),
    ("GET", "Range: bytes=0-0\r\n"),
    ("GET", "Range: bytes=0-1,5-6\r\n"),
    ("GET", "Range: bytes=99999999-\r\n"),
    ("HEAD", "Range: bytes=0-9\r\n"),
    ("GET", "If-None-Match: *\r\n"),
    ("GET", "If-Match: *\r\n"),
    ("GET", "Range: bytes=0-9\r\nIf-Range: \"x\"\r\n"),
    ("GET", "If-Modified-Since: Sun, 01 Nov 2037 12:00:00 GMT\r\n"),
    ("GET", "Accept-Encoding: gzip, zstd\r\n"),
    ("GET", "Accept: application/octet-stream\r\n"),
    ("GET", "Accept: application/vnd.npm.install-v1+json\r\n"),
    ("GET", "Authorization: Bearer open\r\n"),
    ("GET", "X-Original-URL: /open/\r\nX-Rewrite-URL: /open/\r\n"),
    ("GET", "X-Forwarded-Host: weir.example\r\nX-Forwarded-Prefix: /open\r\n"),
    ("GET", "Cache-Control: only-if-cached\r\n"),
    ("GET", "Connection: upgrade\r\nUpgrade: h2c\r\n"),
    ("POST", "Content-Length: 0\r\nX-HTTP-Method-Override: GET\r\n"),
    ("PUT", "Content-Length: 0\r\n"),
    ("DELETE", ""),
    ("OPTIONS", ""),
    ("PROPFIND", ""),
    ("get", ""),
];

async fn gate() -> TestGate {
    let gate = TestGate::new(POLICY).await;
    let pypi = gate.pypi.pypi();
    for name in ["Re.Fused_Pkg", "acme-billing"] {
        let (module, plain) = (artifact::module_name(name), artifact::module_name(name).replace('_', "-"));
        let marked = [("Summary", CANARY)];
        let sdist = Bytes::from(artifact::sdist(name, "1.0", &marked));
        let egg =
            artifact::zip(&[(String::from("EGG-INFO/PKG-INFO"), artifact::core_metadata(name, "1.0", &marked).into())]);
        pypi.release(name, "1.0")
            .header("Summary", CANARY)
            .file(&format!("{plain}-1.0.zip"), artifact::zip(&[(format!("{module}-1.0/PKG-INFO"), CANARY.into())]))
            .file(&format!("{module}-1.0-py2.7.egg"), egg)
            .file(&format!("{module}-1.0.tar.gz"), sdist)
            .file(&artifact::wheel_file(name, "1.0"), artifact::wheel(name, "1.0", &marked))
            .add();
    }
    pypi.release("allowed", "1.0").add();
    let npm = gate.npm.npm();
    for name in ["re-fused.pkg", "@scope/re-fused", "acme-billing", "@acme/billing"] {
        npm.release(name, "1.0.0").field("description", json!(CANARY)).add();
        npm.release(name, "1.1.0").field("description", json!(CANARY)).add();
        npm.tag(name, "latest", "1.0.0");
    }
    npm.release("allowed", "1.0.0").add();
    npm.release("@scope/allowed", "1.0.0").add();
    let cargo = gate.cargo.cargo();
    for name in ["re_fused", "acme-billing"] {
        cargo.release(name, "1.0.0").add();
        cargo.release(name, "1.1.0").add();
    }
    provenance(&gate);
    gate
}

/// Both registries offer attestations.
fn provenance(gate: &TestGate) {
    let address = format!("{}/provenance/1", gate.pypi.url());
    gate.pypi.put("/provenance/1", CANARY);
    gate.pypi.change("/simple/re-fused-pkg/", |page| {
        let Ok(mut json) = serde_json::from_slice::<Value>(&page.body) else { return };
        for file in json["files"].as_array_mut().unwrap() {
            file["provenance"] = json!(address);
        }
        page.body = json.to_string().into();
    });
    let address = format!("{}/attestations/1", gate.npm.url());
    gate.npm.put("/attestations/1", CANARY);
    for path in ["/npm/re-fused.pkg", "/npm/@scope%2fre-fused"] {
        gate.npm.change(path, |page| {
            let mut json: Value = serde_json::from_slice(&page.body).unwrap();
            for manifest in json["versions"].as_object_mut().unwrap().values_mut() {
                manifest["dist"]["attestations"] = json!({ "url": address });
            }
            page.body = json.to_string().into();
        });
    }
}

/// Lets every artifact in through the stage that refuses nothing; all routes must be there.
async fn warm(gate: &TestGate) {
    for (_, route) in routes("refused") {
        let answer = gate.get(&format!("/open/{route}")).await;
        assert_eq!((answer.status, answer.cut), (200, false), "{route} {}", answer.text());
    }
}

/// What is wrong with an answer for something refused or private; `None` if nothing.
fn wrong(kind: Kind, private: bool, answer: &Answer) -> Option<String> {
    let text = answer.text();
    let is_success = (200..300).contains(&answer.status) || answer.status == 304;
    if answer.status >= 500 {
        return Some(format!("{} {}", answer.status, answer.phrase));
    }
    if !is_success {
        let leaks = text.contains(CANARY) || answer.body.starts_with(b"PK") || answer.body.starts_with(b"\x1f\x8b");
        return leaks.then(|| String::from("the bytes come with an error"));
    }
    if private || kind == Kind::File {
        return Some(format!(
            "{} with {} bytes: {}",
            answer.status,
            answer.body.len(),
            text.chars().take(80).collect::<String>()
        ));
    }
    if answer.body.is_empty() {
        return None;
    }
    offered(answer).then(|| format!("a page that offers it: {text}"))
}

/// True if a page of a refused package offers a release.
fn offered(answer: &Answer) -> bool {
    let text = answer.text();
    let content_type = answer.header("content-type");
    if content_type.contains("html") {
        return text.matches("<a ").count() != text.matches("data-yanked").count();
    }
    if let Ok(json) = serde_json::from_slice::<Value>(&answer.body) {
        let versions = json["versions"].as_object().is_some_and(|versions| !versions.is_empty());
        let files = json["files"].as_array().is_some_and(|files| files.iter().any(|file| !file["yanked"].is_string()));
        let tags = json.as_object().is_some_and(|json| json.get("latest").is_some_and(Value::is_string));
        let line = json["yanked"] == json!(false);
        return versions || files || tags || line;
    }
    text.lines().any(|line| serde_json::from_str::<Value>(line).is_ok_and(|line| line["yanked"] == json!(false)))
}

/// True if a path at an upstream has a private name in it. On npm `acme_billing` is another name than `acme-billing`.
fn tells_private(path: &str) -> bool {
    let path = path.replace("%2f", "/").replace("%40", "@").replace("%2d", "-");
    let other_spelling = path.contains("acme_billing") || path.contains("acme.billing");
    path.contains("acme-billing") || path.contains("@acme/") || (other_spelling && !path.starts_with("/npm/"))
}

fn request(gate: &TestGate, method: &str, target: &str, headers: &str) -> Vec<u8> {
    let accept = if headers.contains("Accept:") { String::new() } else { format!("Accept: {SIMPLE_JSON}\r\n") };
    format!("{method} {target} HTTP/1.1\r\nHost: {}\r\n{accept}{headers}\r\n", gate.address).into_bytes()
}

/// Every route × spelling × way to ask; panics with a table of what was served.
async fn table(of: &str) {
    let gate = Arc::new(gate().await);
    warm(&gate).await;
    let private = of == "private";
    gate.forget();
    let mut asked = Vec::new();
    for (kind, route) in routes(of) {
        let path = format!("/prod/{route}");
        for (trick, spelled) in spellings(&path) {
            for (method, headers) in WAYS {
                asked.push((kind, trick.clone(), spelled.clone(), method, headers));
            }
        }
        for (method, headers) in FURTHER_WAYS {
            asked.push((kind, String::from("as it is"), path.clone(), *method, *headers));
        }
    }
    for path in elsewhere(of) {
        for (method, headers) in WAYS {
            asked.push((Kind::File, String::from("elsewhere"), format!("/prod/{path}"), method, headers));
        }
    }
    let total = asked.len();
    let asked = Arc::new(std::sync::Mutex::new(asked));
    let mut workers = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let (gate, asked) = (Arc::clone(&gate), Arc::clone(&asked));
        workers.spawn(async move {
            let mut served = Vec::new();
            let mut kept = Kept::new(&gate);
            let mut statuses: BTreeMap<u16, usize> = BTreeMap::new();
            loop {
                let Some((kind, trick, target, method, headers)) = asked.lock().unwrap().pop() else { break };
                let answer = kept.ask(&request(&gate, method, &target, headers)).await;
                *statuses.entry(answer.status).or_default() += 1;
                if let Some(wrong) = wrong(kind, private, &answer) {
                    served.push(format!("{trick}: {method} {target} {} → {wrong}", headers.trim()));
                }
            }
            (served, statuses)
        });
    }
    let (mut served, mut statuses) = (Vec::new(), BTreeMap::new());
    while let Some(done) = workers.join_next().await {
        let (some, counts) = done.unwrap();
        served.extend(some);
        for (status, count) in counts {
            *statuses.entry(status).or_insert(0) += count;
        }
    }
    println!("{of}: {total} requests, by status: {statuses:?}");
    assert!(served.is_empty(), "{of}: {} of {total} requests were served:\n{}", served.len(), served.join("\n"));
    assert!(statuses[&403] > total / 20, "the table asks past the gate: {statuses:?}");
    if private {
        let told: Vec<String> =
            gate.seen().iter().map(|seen| seen.path.to_lowercase()).filter(|path| tells_private(path)).collect();
        assert!(told.is_empty(), "upstream was told a private name:\n{}", told.join("\n"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_spelling_gets_what_is_refused() {
    table("refused").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_spelling_gets_a_private_name_or_tells_it_to_an_upstream() {
    table("private").await;
}

#[tokio::test]
async fn a_search_for_a_private_name_stays_here() {
    let gate = gate().await;
    gate.npm.put("/npm/-/v1/search?text=react", r#"{"objects":[]}"#);
    for query in
        ["text=acme-billing", "text=%40acme%2Fbilling&size=20", "size=1&text=a+ACME-Billing", "text=%22@acme/x%22"]
    {
        let answer = gate.get(&format!("/prod/npm/-/v1/search?{query}")).await;
        assert_eq!(answer.status, 403, "{query}");
        assert!(answer.phrase.contains("private-name"), "{}", answer.phrase);
    }
    assert!(gate.npm.requests().is_empty(), "{:?}", gate.npm.requests());
    assert_eq!(gate.get("/prod/npm/-/v1/search?text=react").await.status, 200);
}

#[tokio::test]
async fn what_the_index_does_not_know_is_not_there_even_if_upstream_has_the_file() {
    let gate = gate().await;
    gate.pypi.put("/files/allowed-2.0-py3-none-any.whl", "PK");
    gate.npm.put("/npm/allowed/-/allowed-2.0.0.tgz", "x");
    gate.cargo.put("/cargo/dl/re_fused/2.0.0/download", "x");
    for path in [
        "/open/pypi/files/allowed/allowed-2.0-py3-none-any.whl",
        "/open/npm/allowed/-/allowed-2.0.0.tgz",
        "/open/cargo/dl/re_fused/2.0.0/download",
    ] {
        assert_eq!(gate.get(path).await.status, 404, "{path}");
    }
    assert!(!gate.seen().iter().any(|seen| seen.path.contains("2.0")), "{:?}", gate.seen());
}
