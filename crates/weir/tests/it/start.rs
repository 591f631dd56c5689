//! Starting: on nothing, beside another, on what is not Weir's.

use std::fs;
use std::time::Instant;

use crate::http;
use crate::place::{PATIENCE, Place, Server, size_of};

#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_server_bounds_its_heaps_and_stays_the_process_that_was_started() {
    let place = Place::new().await;
    let server = place.serve();
    let environment = fs::read_to_string(format!("/proc/{}/environ", server.id())).unwrap();
    let heaps = environment.split('\0').find_map(|pair| pair.strip_prefix("MALLOC_ARENA_MAX=")).unwrap();
    assert!(heaps.parse::<usize>().unwrap() >= 2, "{heaps}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_first_start_makes_everything_and_says_how_to_go_on() {
    let mut place = Place::new().await;
    // Not even the directory is there, and the settings come from variables.
    fs::remove_dir_all(&place.data).unwrap();
    place.environment("WEIR_FEEDS__SYNC", "false");
    let url = place.fake.pypi().url();
    place.environment("WEIR_UPSTREAM__PYPI__URL", &url);
    place.fake.pypi().release("example", "1.0.0").add();
    let server = place.serve_with(["--listen", "127.0.0.1:0"]);
    let out = server.out();
    assert_eq!(fs::read_to_string(place.data.join("format")).unwrap(), "weir data directory, format 1\n");
    let policy = fs::read_to_string(place.data.join("policy.toml")).unwrap();
    assert!(policy.contains("[stage.dev]") && policy.contains("[stage.prod]"), "{policy}");
    assert!(out.contains("made now"), "{out}");
    assert!(out.contains("advisories  none yet"), "{out}");
    assert!(out.contains("admin token weir_"), "{out}");
    let url = format!("http://{}", server.address);
    assert!(out.contains(&format!("clients     weir use dev --server {url}\n")), "{out}");
    assert!(out.contains(&format!("{url}/ shows each client's lines")), "{out}");
    assert!(out.lines().count() < 12, "few lines, so that the token is seen: {out}");
    assert_eq!(server.simple("dev", "example")["files"].as_array().unwrap().len(), 1);
    server.stop();

    // The second start makes nothing anew.
    let server = place.serve_with(["--listen", "127.0.0.1:0"]);
    assert!(!server.out().contains("admin token"), "{}", server.out());
    assert!(!server.out().contains("made now"), "{}", server.out());
    assert_eq!(fs::read_to_string(place.data.join("policy.toml")).unwrap(), policy);
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn nobody_else_can_read_the_data_directory() {
    use std::os::unix::fs::PermissionsExt;
    let place = Place::new().await;
    let _server = place.serve();
    assert_eq!(fs::metadata(&place.data).unwrap().permissions().mode() & 0o777, 0o700);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_second_server_on_the_same_data_directory_refuses_and_says_so() {
    let place = Place::new().await;
    let server = place.serve();
    place.weir(["serve"]).expect(2).tells(&["another `weir serve` uses", place.data.to_str().unwrap(), "--data DIR"]);
    // The first one is not disturbed, and other commands work beside it.
    server.get("/healthz").expect(200);
    place.weir(["feeds", "status"]).expect(0);
    server.stop();
    place.serve().stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_data_directory_of_an_unknown_format_is_refused_and_left_as_it_is() {
    let place = Place::new().await;
    fs::write(place.data.join("format"), "weir data directory, format 9\n").unwrap();
    let before = size_of(&place.data);
    for command in [vec!["serve"], vec!["feeds", "status"], vec!["explain", "pkg:pypi/example"]] {
        place.weir(command).expect(2).tells(&["format 9", "format 1", "use the Weir that made it"]);
    }
    assert_eq!(size_of(&place.data), before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_directory_with_foreign_files_is_refused_and_left_as_it_is() {
    let place = Place::new().await;
    fs::write(place.data.join("thesis.tex"), "years of work").unwrap();
    let ran = place.weir(["serve"]).expect(2);
    ran.tells(&["holds files that are not Weir's", "--data DIR"]);
    assert!(!place.data.join("format").exists());
    assert!(!place.data.join("weir.sqlite").exists());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_data_directory_that_cannot_be_made_is_told_with_the_way_out() {
    let mut place = Place::new().await;
    place.data = place.file("a-file", "not a directory");
    place.weir(["serve"]).expect(2).tells(&["a-file", "cannot be made", "--data DIR"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn the_time_to_the_first_answer_the_idle_memory_and_the_size_are_told() {
    let place = Place::with_an_advisory().await;
    let mut best = std::time::Duration::MAX;
    let mut memory = String::from("unknown");
    for _ in 0..3 {
        let began = Instant::now();
        let mut command = place.command();
        command.arg("serve");
        let server = Server::start(command);
        http::ask(&server.address, "GET", "/healthz", &[]).unwrap().expect(200);
        best = best.min(began.elapsed());
        let status = fs::read_to_string(format!("/proc/{}/status", server.id())).unwrap_or_default();
        if let Some(line) = status.lines().find(|line| line.starts_with("VmRSS")) {
            memory = line.trim_start_matches("VmRSS:").trim().to_owned();
        }
        server.stop();
    }
    let binary = fs::metadata(env!("CARGO_BIN_EXE_weir")).unwrap().len();
    let profile = if cfg!(debug_assertions) { "debug" } else { "release" };
    println!(
        "{profile}: first answer after {} ms (budget 300), idle memory {memory} (budget 40 MiB), binary {} MB (budget 60)",
        best.as_millis(),
        binary / 1_000_000
    );
    // The budgets are for a release build on a quiet machine; this only catches a start that waits for something.
    assert!(best < PATIENCE / 6, "{best:?}");
}
