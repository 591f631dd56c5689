//! What was in flight when it was killed.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::world::Server;

/// How long after the policy file changed its reload may still go on: it is looked at twice a second.
const RELOADS_WITHIN: Duration = Duration::from_millis(700);

/// What clients wait for at the moment.
#[derive(Default)]
pub struct Flying {
    pub pages: AtomicUsize,
    pub refusals: AtomicUsize,
    pub small: AtomicUsize,
    pub large: AtomicUsize,
}

/// How many kills met what.
#[derive(Default)]
pub struct Tally {
    met: [u64; PHASES.len()],
    pub kills_of_imports: u64,
    pub decisions: u64,
    pub dates: u64,
    pub artifacts: u64,
    pub looked: u64,
    /// Blobs that nothing names, in the end.
    pub orphans: u64,
    /// Files of transfers that were broken off, after each kill.
    pub spool: u64,
    /// Kills between the beginning and the end of an eviction.
    pub in_evictions: u64,
    /// Large artifacts that were fetched from upstream.
    pub fetched: u64,
}

/// A kill may meet several.
const PHASES: [&str; 7] = [
    "during start-up, before it listens",
    "while an index page was asked for",
    "while a refusal was decided and recorded",
    "while a small artifact was fetched or served",
    "while a large artifact (over 8 MiB) was streamed",
    "while `weir feeds import` ran beside",
    "while the policy file was being read again",
];

impl Tally {
    /// Takes down what goes on now, right before the server is killed.
    pub fn note(&mut self, server: &Server, flying: &Flying, importing: bool, reloaded: Option<Instant>) {
        let waits = |count: &AtomicUsize| count.load(Ordering::SeqCst) > 0;
        let listens = server.address().is_some();
        let met = [
            !listens,
            waits(&flying.pages),
            waits(&flying.refusals),
            waits(&flying.small),
            waits(&flying.large),
            importing,
            listens && reloaded.is_some_and(|at| at.elapsed() < RELOADS_WITHIN),
        ];
        for (count, met) in self.met.iter_mut().zip(met) {
            *count += u64::from(met);
        }
    }

    /// The same for a kill of an import.
    pub fn note_import(&mut self, server: &Server, flying: &Flying, alive: bool) {
        self.note(server, flying, alive, None);
    }

    /// What no kill met.
    pub fn missed(&self) -> Vec<&'static str> {
        PHASES.iter().zip(self.met).filter(|(_, met)| *met == 0).map(|(phase, _)| *phase).collect()
    }

    fn lines(&self, kills: u64) -> String {
        let Self {
            decisions, dates, artifacts, looked, orphans, spool, kills_of_imports, in_evictions, fetched, ..
        } = self;
        let mut text = format!(
            "| Kills | |\n|---|---|\n| in all | {kills} |\n| of the server | {} |\n| of `weir feeds import`, and then of the \
             server | {kills_of_imports} |\n",
            kills - kills_of_imports
        );
        for (phase, met) in PHASES.iter().zip(self.met) {
            text.push_str(&format!("| {phase} | {met} |\n"));
        }
        text.push_str(&format!("| between the beginning and the end of an eviction | {in_evictions} |\n"));
        text.push_str(&format!(
            "\n| What was found | |\n|---|---|\n| looks of `weir admin check --deep`, all sound | {looked} |\n\
             | decisions that clients were told, all on record with the same outcome | {decisions} |\n\
             | dates of first sight that clients were told, all the same later | {dates} |\n\
             | artifacts that clients got whole, all with the stated digest | {artifacts} |\n\
             | refused artifacts that a client got whole | 0 |\n\
             | blobs left in the end that nothing names (no damage) | {orphans} |\n\
             | transfers that kills broke off, whose files the next start removed | {spool} |\n\
             | large artifacts fetched from upstream, again once evicted | {fetched} |\n"
        ));
        text
    }

    /// Prints everything.
    pub fn print(&self, kills: u64, seed: u64, took: Duration) {
        println!("{kills} kills from the seed {seed} in {} s\n{}", took.as_secs(), self.lines(kills));
    }

    /// Writes the page, if `WEIR_UPDATE` asks for it.
    pub fn write(&self, kills: u64, seed: u64) {
        if std::env::var_os("WEIR_UPDATE").is_none() {
            return;
        }
        let now = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_millis();
        let date = weir_core::Timestamp::from_millis(now as i64).date().to_string();
        let page = format!(
            "<!-- Written by WEIR_UPDATE=1 WEIR_KILLS={kills} WEIR_TEST_SEED={seed} cargo test -p weir --test kills -->\n\n\
             # Killed at any instant\n\n\
             `weir serve` runs on a fake upstream while six clients fetch pages, small artifacts, refused ones and ones above \
             8 MiB,\nthe policy file is rewritten, advisories are imported, and the cache has room for two large artifacts. It \
             is ended by SIGKILL\nat moments drawn evenly from the first 0.9 s of its life. After each kill `weir admin check \
             --deep` reads everything that is\nleft, and the next start goes on with it. Every eighth kill a new data directory \
             begins, so that everything is also met for\nthe first time.\n\n\
             SIGKILL shows what a process can lose. What the machine can lose when its power fails is written by the order of \
             syncs:\na blob and the names of its directories are synced before the row that names it is committed, and SQLite \
             commits with\n`synchronous=FULL`.\n\n\
             Run on {date}, seed {seed}:\n\n{}",
            self.lines(kills)
        );
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/kills.md");
        std::fs::write(path, page).unwrap();
    }
}
