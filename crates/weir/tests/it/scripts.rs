//! Protocols, told by scripts: `ecosystems/*/tests/protocol/*.txt`, which nobody needs Rust to judge.
//!
//! A script is what upstream has, what the policy says, and what clients ask and are answered. Lines:
//!
//! | Line | Means |
//! |---|---|
//! | `# …` | why |
//! | `policy` | the indented lines below are the policy |
//! | `config` | the indented lines below are added to the configuration |
//! | `upstream PATH` | upstream has a document there: the indented lines below. `{upstream}` in it is its address; `PATH TYPE` says its media type |
//! | `checksum PATH` | upstream has the SHA-1 of that document beside it |
//! | `GET PATH`, `HEAD PATH` | a client asks; what follows is about the answer. ` WITH Name: value` adds a header |
//! | `status N` | its status is this |
//! | `reason TEXT` | its reason phrase has this |
//! | `header NAME TEXT` | its header of this name has this |
//! | `body contains TEXT`, `body lacks TEXT` | its body, unpacked, has this or has it not |
//! | `told PATH`, `never told PATH` | upstream was asked for this by now, or was not |

use std::io::Read as _;
use std::path::{Path, PathBuf};

use weir_testing::artifact::shasum;
use weir_testing::{FakeResponse, FakeUpstream};

use crate::http::Answer;
use crate::place::{Place, Server};

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn every_protocol_goes_as_its_scripts_say() {
    let scripts = scripts();
    for ecosystem in ["pypi", "npm", "cargo", "conda", "cran", "go", "maven"] {
        let is_of = |script: &&PathBuf| script.to_string_lossy().contains(&format!("/{ecosystem}/"));
        assert!(scripts.iter().any(|script| is_of(&script)), "{ecosystem} has no script");
    }
    for script in scripts {
        let ecosystem = script.components().rev().nth(3).unwrap().as_os_str().to_string_lossy().into_owned();
        let text = std::fs::read_to_string(&script).unwrap();
        play(&format!("{ecosystem}/{}", script.file_name().unwrap().to_string_lossy()), &ecosystem, &text).await;
    }
}

/// All scripts of all ecosystems.
fn scripts() -> Vec<PathBuf> {
    let ecosystems = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../ecosystems");
    let directories = std::fs::read_dir(ecosystems).unwrap().map(|entry| entry.unwrap().path().join("tests/protocol"));
    let mut scripts: Vec<PathBuf> = directories
        .filter_map(|directory| std::fs::read_dir(directory).ok())
        .flat_map(|entries| entries.map(|entry| entry.unwrap().path()))
        .collect();
    scripts.sort();
    scripts
}

async fn play(name: &str, ecosystem: &str, text: &str) {
    let place = Place::new().await;
    let mut server: Option<Server> = None;
    let mut answer: Option<Answer> = None;
    let lines: Vec<&str> = text.lines().collect();
    let mut at = 0;
    while let Some(line) = lines.get(at) {
        let place_of = format!("{name}, line {}: {line}", at + 1);
        at += 1;
        let (verb, rest) = line.trim_end().split_once(' ').unwrap_or((line.trim_end(), ""));
        let block = |at: &mut usize| {
            let mut block = String::new();
            let is_indented = |at: usize| lines.get(at).is_some_and(|line| line.starts_with("    "));
            // An empty line belongs to it if more of it comes.
            while is_indented(*at) || (lines.get(*at) == Some(&"") && is_indented(*at + 1)) {
                block += lines[*at].trim_start_matches("    ");
                block.push('\n');
                *at += 1;
            }
            block.replace("{upstream}", place.fake.url().trim_end_matches('/'))
        };
        match verb {
            "" | "#" => {}
            "policy" => place.policy(&block(&mut at)),
            "config" => place.configure(&block(&mut at)),
            "upstream" => {
                let (path, kind) = rest.split_once(' ').unwrap_or((rest, ""));
                put(&place.fake, ecosystem, path, kind, block(&mut at).into_bytes());
            }
            "checksum" => {
                let sum = shasum(&body(&place.fake, ecosystem, rest));
                put(&place.fake, ecosystem, &format!("{rest}.sha1"), "", sum.into_bytes());
            }
            "GET" | "HEAD" => {
                let (path, header) = rest.split_once(" WITH ").unwrap_or((rest, ""));
                let header = header.split_once(": ");
                let server = server.get_or_insert_with(|| place.serve());
                answer = Some(server.ask(verb, path, header.as_slice()));
            }
            "told" | "never" => {
                let path = path_of(ecosystem, rest.trim_start_matches("told "));
                let was = place.fake.requests().iter().any(|seen| seen.path == path);
                assert_eq!(was, verb == "told", "{place_of}");
            }
            _ => {
                let answer = answer.as_ref().unwrap_or_else(|| panic!("{place_of}: nothing was asked yet"));
                check(&place_of, verb, rest, answer);
            }
        }
    }
    assert!(answer.is_some(), "{name} asks nothing");
}

fn check(place: &str, verb: &str, rest: &str, answer: &Answer) {
    let told = || format!("{place}\n{} {}\n{}", answer.status, answer.phrase, shown(answer));
    match (verb, rest.split_once(' ')) {
        ("status", _) => assert_eq!(answer.status.to_string(), rest, "{}", told()),
        ("reason", _) => assert!(answer.phrase.contains(rest), "{}", told()),
        ("header", Some((name, text))) => {
            assert!(answer.header(name).contains(text), "{}: {}", told(), answer.header(name));
        }
        ("body", Some(("contains", text))) => assert!(shown(answer).contains(text), "{}", told()),
        ("body", Some(("lacks", text))) => assert!(!shown(answer).contains(text), "{}", told()),
        _ => panic!("{place}: no such line"),
    }
}

/// A body as text, whatever it is packed in.
fn shown(answer: &Answer) -> String {
    let mut text = Vec::new();
    let unpacked = match answer.body.as_slice() {
        bytes @ [0x1f, 0x8b, ..] => flate2::read::GzDecoder::new(bytes).read_to_end(&mut text).is_ok(),
        bytes @ [0x28, 0xb5, 0x2f, 0xfd, ..] => {
            zstd::Decoder::new(bytes).is_ok_and(|mut frame| frame.read_to_end(&mut text).is_ok())
        }
        _ => false,
    };
    String::from_utf8_lossy(if unpacked { &text } else { &answer.body }).into_owned()
}

/// Where the fake has the documents of an ecosystem.
fn path_of(ecosystem: &str, path: &str) -> String {
    match ecosystem {
        "pypi" => format!("/{path}"),
        _ => format!("/{ecosystem}/{path}"),
    }
}

fn put(fake: &FakeUpstream, ecosystem: &str, path: &str, kind: &str, body: Vec<u8>) {
    let answer = FakeResponse::ok(body).last_modified("Wed, 01 Jan 2020 00:00:00 GMT");
    let answer = if kind.is_empty() { answer } else { answer.content_type(kind) };
    fake.put(&path_of(ecosystem, path), answer);
}

/// What the fake has there.
fn body(fake: &FakeUpstream, ecosystem: &str, path: &str) -> Vec<u8> {
    let mut body = Vec::new();
    fake.change(&path_of(ecosystem, path), |answer| body = answer.body.to_vec());
    body
}
