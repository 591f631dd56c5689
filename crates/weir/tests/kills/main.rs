//! Killed at any instant: no decision that a client was told is lost, no date moves, no refused byte is completed, no byte is
//! another, and everything that is kept is whole.
//!
//! The built `weir` runs on a fake upstream while clients fetch, the policy changes and advisories are imported, and is ended
//! by SIGKILL at a moment drawn from a seed, some of them while it starts. Then `weir admin check --deep` looks at what is
//! left, and it is started again on it.
//!
//! ```text
//! cargo test -p weir --test kills                                 a few, in seconds
//! WEIR_KILLS=200 cargo test -p weir --test kills -- --nocapture   as many as you like
//! WEIR_TEST_SEED=7 …                                              the same moments again
//! WEIR_UPDATE=1 …                                                 writes docs/reference/kills.md
//! ```
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test fails by panicking, and tells what it measured"
)]

mod clients;
#[path = "../it/http.rs"]
mod http;
mod phases;
#[expect(dead_code, reason = "shared with the tests of the binary, which use more of it")]
#[path = "../it/place.rs"]
mod place;
mod random;
mod world;

use std::process::Child;
use std::time::{Duration, Instant};

use clients::Clients;
use phases::Tally;
use random::Random;
use world::World;

/// Kills, unless `WEIR_KILLS` says how many.
const KILLS: u64 = 8;
/// Kills in one data directory before the next begins empty, so that everything is also met for the first time.
const KILLS_IN_ONE: u64 = 8;
/// Milliseconds from the start of the process within which it is killed: starting takes some hundred of them.
const SPAN: u64 = 900;
/// One kill in so many ends an import instead of the server.
const OF_AN_IMPORT: u64 = 5;
/// Milliseconds from the start of an import within which it is killed.
const IMPORT_SPAN: u64 = 160;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kill_at_any_instant_loses_nothing_that_was_told_and_lets_nothing_through() {
    let seed = random::seed();
    let kills = std::env::var("WEIR_KILLS").ok().and_then(|text| text.parse().ok()).unwrap_or(KILLS);
    println!("seed {seed}; WEIR_KILLS={kills} WEIR_TEST_SEED={seed} repeats it");
    let mut random = Random(seed);
    let mut world = World::new().await;
    let mut tally = Tally::default();
    let began = Instant::now();
    for kill in 0..kills {
        if kill % KILLS_IN_ONE == 0 {
            if kill > 0 {
                end(&world, &mut tally).await;
            }
            world.begin_anew();
        }
        round(&mut world, &mut random, &mut tally, kill).await;
    }
    end(&world, &mut tally).await;
    tally.fetched = world.fetched() as u64;
    tally.print(kills, seed, began.elapsed());
    if kills >= 100 {
        assert_eq!(tally.missed(), [""; 0], "no kill met these");
    }
    tally.write(kills, seed);
}

/// Starts, works, is killed; then what is left is looked at.
async fn round(world: &mut World, random: &mut Random, tally: &mut Tally, kill: u64) {
    let server = world.start();
    let clients = Clients::start(world, &server, random.fork());
    let at = Duration::from_millis(random.below(SPAN));
    let of_an_import = random.below(OF_AN_IMPORT) == 0;
    let mut busy = Busy { import: None, import_at: random.below(SPAN), reload_at: random.below(SPAN) };
    let mut last_reload = None;
    while server.began.elapsed() < at {
        let now = server.began.elapsed();
        if busy.import.is_none() && now >= Duration::from_millis(busy.import_at) && !of_an_import {
            busy.import = Some(world.import());
            busy.import_at = u64::MAX;
        }
        if now >= Duration::from_millis(busy.reload_at) {
            world.rewrite_policy();
            last_reload = Some(Instant::now());
            busy.reload_at = now.as_millis() as u64 + 250;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    if of_an_import {
        let mut import = world.import();
        std::thread::sleep(Duration::from_millis(random.below(IMPORT_SPAN)));
        tally.note_import(&server, &clients.flying, alive(&mut import.0));
        import.0.kill().unwrap();
        world.ended(import);
        tally.kills_of_imports += 1;
    }
    let import_runs = busy.import.as_mut().is_some_and(|import| alive(&mut import.0));
    if !of_an_import {
        tally.note(&server, &clients.flying, import_runs, last_reload);
    }
    server.kill();
    clients.stop();
    if let Some(import) = busy.import.take() {
        world.ended(import);
    }
    tally.looked += 1;
    let left = world.check(&format!("kill {kill}")).await;
    tally.in_evictions += u64::from(left.evicting > 0);
    tally.spool += left.spool;
}

/// What goes on beside the clients.
struct Busy {
    import: Option<(Child, u64)>,
    import_at: u64,
    reload_at: u64,
}

fn alive(child: &mut Child) -> bool {
    child.try_wait().unwrap().is_none()
}

/// The last look at a data directory: started in peace, everything that was told is asked for again.
async fn end(world: &World, tally: &mut Tally) {
    let server = world.start();
    server.listens();
    world.ask_again(&server);
    server.kill();
    tally.looked += 1;
    tally.orphans += world.check("the end").await.orphans;
    let told = world.told.lock();
    tally.decisions += told.decisions.len() as u64;
    tally.dates += told.dates.len() as u64;
    tally.artifacts += told.complete;
}
