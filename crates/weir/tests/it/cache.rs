//! `[cache] limit-mib`: a server that keeps less than it serves.

use crate::place::Place;

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_server_under_a_limit_serves_all_and_keeps_less() {
    const WHEELS: usize = 5;
    let place = Place::new().await;
    place.configure("cache.limit-mib = 1");
    for number in 0..WHEELS {
        place.fake.pypi().release(&format!("p{number}"), "1.0").size(400_000).add();
    }
    let server = place.serve();
    for round in 0..2 {
        for number in 0..WHEELS {
            let path = place.wheel(&server, "dev", &format!("p{number}"), "1.0");
            let answer = server.get(&path).expect(200);
            assert!(answer.body.len() > 400_000, "round {round}");
        }
    }
    let metrics = server.get("/metrics").expect(200).text();
    let value = |name: &str| -> u64 {
        let line = metrics.lines().find(|line| line.starts_with(&format!("{name} ")));
        line.and_then(|line| line.rsplit(' ').next()?.parse().ok()).unwrap_or_else(|| panic!("{name}\n{metrics}"))
    };
    assert_eq!(value("weir_artifacts_limit_bytes"), 1024 * 1024);
    assert!(value("weir_artifacts_stored_bytes") <= 1024 * 1024);
    assert!(value("weir_artifacts_evicted_total") >= WHEELS as u64 - 2);
    server.stop();
    place.weir(["admin", "check", "--deep"]).expect(0).prints(&["5 artifacts", "sound"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_limit_of_nothing_is_a_mistake() {
    let place = Place::new().await;
    place.configure("cache.limit-mib = 0");
    place.weir(["config", "show"]).expect(2).tells(&["[cache] limit-mib is 0; expected 1 or more"]);
    place.configure("cache.limit-mib = 50");
    place.weir(["config", "show"]).expect(0).prints(&["cache.limit-mib = 50"]);
}
