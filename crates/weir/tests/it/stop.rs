//! Stopping: what runs may end, and what was begun is whole or not there.

use std::io::Read;
use std::time::Duration;

use weir_testing::Fault;

use crate::http;
use crate::place::{CRITICAL_ONLY, Place, until};

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_stop_lets_a_slow_download_end_and_takes_no_new_requests() {
    let place = Place::new().await;
    place.policy(CRITICAL_ONLY);
    let files = place.fake.pypi().release("example", "1.0.0").add();
    let mut server = place.serve();
    let path = place.wheel(&server, "dev", "example", "1.0.0");
    // One byte after the other: about a second and a half in all.
    let pypi = place.fake.pypi();
    let bytes = http::ask(&place.fake.authority(), "GET", &pypi.file(&files[0]), &[]).unwrap().body;
    let pause = Duration::from_micros(1_500_000 / bytes.len() as u64);
    place.fake.change(&pypi.file(&files[0]), |answer| answer.fault = Some(Fault::Drip(pause)));
    place.fake.forget();
    let mut stream = http::open(&server.address, "GET", &path, &[]).unwrap();
    until("the download has begun", Duration::from_secs(10), || place.fake.hits(&pypi.file(&files[0])) > 0);
    server.terminate();
    until("the stop is told", Duration::from_secs(10), || server.err().contains("stopping: no new connections"));
    let refused = http::ask(&server.address, "GET", "/healthz", &[]);
    assert!(refused.is_err(), "{refused:?}");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let answer = http::parse(&answer).expect(200);
    assert!(!answer.cut);
    assert_eq!(answer.body, bytes);
    assert_eq!(server.end().code(), Some(0), "{}", server.err());
    server.logs("stopped");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_stop_without_requests_is_quick() {
    let place = Place::new().await;
    let mut server = place.serve();
    // A client that keeps its connection open does not hold it up.
    let _idle = std::net::TcpStream::connect(&server.address).unwrap();
    server.get("/healthz").expect(200);
    let began = std::time::Instant::now();
    server.terminate();
    assert_eq!(server.end().code(), Some(0));
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn the_records_of_the_last_requests_are_written_before_the_end() {
    let place = Place::with_an_advisory().await;
    let server = place.serve();
    for _ in 0..20 {
        server.get("/dev/pypi/simple/example/").expect(200);
    }
    server.stop();
    let store = weir_store::Store::sqlite(&place.data.join("weir.sqlite")).await.unwrap();
    assert_eq!(store.count_requests().await.unwrap(), 20);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn what_an_earlier_run_left_half_done_is_cleared_at_the_start() {
    let place = Place::new().await;
    place.policy(CRITICAL_ONLY);
    let files = place.fake.pypi().release("example", "1.0.0").size(100_000).add();
    let pypi = place.fake.pypi();
    place.fake.change(&pypi.file(&files[0]), |answer| answer.fault = Some(Fault::Stall { after: 50_000 }));
    let server = place.serve();
    let path = place.wheel(&server, "dev", "example", "1.0.0");
    let _stream = http::open(&server.address, "GET", &path, &[]).unwrap();
    let tmp = place.data.join("blobs").join("tmp");
    let waiting = || std::fs::read_dir(&tmp).map_or(0, Iterator::count);
    until("bytes are on their way", Duration::from_secs(10), || waiting() > 0);
    server.kill();
    assert!(waiting() > 0, "a killed Weir cannot tidy up");
    place.fake.change(&pypi.file(&files[0]), |answer| answer.fault = None);
    let server = place.serve();
    assert_eq!(waiting(), 0);
    assert!(server.get(&path).expect(200).body.len() > 100_000);
}
