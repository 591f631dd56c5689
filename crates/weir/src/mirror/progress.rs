//! How far is it? A bar on a terminal, a line for each release otherwise, all on standard error.

use std::io::{IsTerminal as _, Write as _};
use std::sync::Mutex;

use weir_gateway::gateway::{Brought, State};

use crate::airgap::size;
use crate::output;

/// Columns of the bar.
const WIDTH: usize = 30;

/// What has been told so far.
pub struct Progress {
    total: usize,
    is_terminal: bool,
    so_far: Mutex<(usize, u64)>,
}

impl Progress {
    /// Nothing yet, of so many releases.
    pub fn new(total: usize) -> Self {
        Self { total, is_terminal: std::io::stderr().is_terminal(), so_far: Mutex::default() }
    }

    /// One more.
    pub fn tell(&self, brought: &Brought) {
        let fetched = brought.files.iter().filter(|file| file.state == State::Fetched);
        let bytes: u64 = fetched.filter_map(|file| file.size).sum();
        let (done, all) = {
            let mut so_far = self.so_far.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
            so_far.0 += 1;
            so_far.1 += bytes;
            *so_far
        };
        if self.is_terminal {
            let full = WIDTH * done / self.total.max(1);
            let bar = format!("{}{}", "#".repeat(full), "-".repeat(WIDTH - full.min(WIDTH)));
            let _ = write!(std::io::stderr(), "\r[{bar}] {done}/{} {}\u{1b}[K", self.total, size(all));
            return;
        }
        output::note(format!("{done}/{} {}: {}", self.total, brought.purl, told(brought, bytes)));
    }

    /// The end of the bar.
    pub fn end(&self) {
        if self.is_terminal {
            let _ = write!(std::io::stderr(), "\r\u{1b}[K");
        }
    }
}

fn told(brought: &Brought, bytes: u64) -> String {
    let count = |state: State| brought.files.iter().filter(|file| file.state == state).count();
    let fetched = (count(State::Fetched) > 0).then(|| format!("{} fetched, {}", count(State::Fetched), size(bytes)));
    let others = [(State::Here, "here"), (State::Refused, "refused"), (State::Failed, "failed")];
    let others = others.iter().filter(|(state, _)| count(*state) > 0);
    let parts: Vec<String> =
        fetched.into_iter().chain(others.map(|(state, word)| format!("{} {word}", count(*state)))).collect();
    parts.join("; ")
}
