//! What a person sees of a command: its output, its exit code, and the time it took.

use std::time::Duration;

use crate::proxy::PREFIX;

/// What begins an address of these tests, before the port.
const HOSTS: [&str; 2] = ["http://127.0.0.1:", "https://localhost:"];
/// Longest line of the page, in characters.
const MAX_LINE: usize = 260;

/// What a command left on the screen.
#[derive(Clone, Debug)]
pub struct Seen {
    pub command: String,
    pub code: i32,
    pub text: String,
    pub took: Duration,
    pub home: String,
}

impl Seen {
    /// True if the command says that it did what it was asked for.
    pub fn succeeded(&self) -> bool {
        self.code == 0
    }

    /// True if all of it can be read.
    pub fn says(&self, words: &[&str]) -> bool {
        words.iter().all(|word| self.text.contains(word))
    }

    /// The first line with a text in it, without what differs from run to run: ports, paths, decision ids, colours.
    pub fn line(&self, with: &str) -> Option<String> {
        let line = self.text.lines().map(|line| self.plain(line)).find(|line| line.contains(with))?;
        Some(shortened(&line))
    }

    /// Both, one after the other.
    pub fn then(mut self, next: Seen) -> Seen {
        self.command = format!("{} && {}", self.command, next.command);
        self.text.push_str(&next.text);
        self.code = next.code;
        self.took += next.took;
        self
    }

    /// The command and its output, for whoever reads why a test failed.
    pub fn transcript(&self) -> String {
        format!(
            "$ {}\n{}\n(exit {}, {:.1} s)\n",
            self.command,
            self.text.trim_end(),
            self.code,
            self.took.as_secs_f64()
        )
    }

    fn plain(&self, line: &str) -> String {
        let line = line.replace(&self.home, "~");
        let mut plain = String::new();
        let mut rest = line.trim();
        let begin = |rest: &str| HOSTS.iter().filter_map(|host| Some((rest.find(host)?, host.len()))).min();
        while let Some((at, length)) = begin(rest) {
            plain.push_str(&rest[..at]);
            let after = &rest[at + length..];
            let path = after.trim_start_matches(|c: char| c.is_ascii_digit());
            let port = &after[..after.len() - path.len()];
            let end = path.find([' ', '`', '"', '\'', ')', ',']).unwrap_or(path.len());
            let (path, following) = path.split_at(end);
            // A message may go on with `: ` or end with `.`, which are no part of the address.
            let (path, mark) = path.split_at(path.trim_end_matches([':', '.']).len());
            if path.strip_prefix(PREFIX).unwrap_or(path).starts_with("/d/") {
                plain.push_str("http://HOST/d/ID");
            } else if port == "1" {
                plain.push_str("UPSTREAM");
            } else {
                plain.push_str("URL");
            }
            plain.push_str(mark);
            rest = following;
        }
        plain.push_str(rest);
        uncounted(&untimed(&plain))
    }
}

/// Without ` in 519ms`.
fn untimed(line: &str) -> String {
    let Some((before, after)) = line.rsplit_once(" in ") else { return line.to_owned() };
    let unit = after.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
    if unit.len() < after.len() && matches!(unit, "ms" | "s") { before.to_owned() } else { line.to_owned() }
}

/// Without what changes when the registry has one version more: how many there are, and which is the newest.
fn uncounted(line: &str) -> String {
    let words: Vec<_> = line.split(' ').collect();
    let is_number = |word: &str| word.starts_with(|c: char| c.is_ascii_digit());
    let mut plain = Vec::new();
    for (at, word) in words.iter().enumerate() {
        let next = |steps: usize| words.get(at + steps).copied().unwrap_or_default();
        match *word {
            word if is_number(word) && next(1) == "of" && next(3).starts_with("versions") => plain.push("N"),
            word if is_number(word) && at > 0 && words[at - 1] == "of" && next(1).starts_with("versions") => {
                plain.push("M")
            }
            word if word.starts_with('(') && next(1) == "is" && next(2) == "available)" => break,
            word => plain.push(word),
        }
    }
    plain.join(" ")
}

/// A line that fits, cut at its end: what matters comes first.
fn shortened(line: &str) -> String {
    if line.chars().count() <= MAX_LINE {
        return line.to_owned();
    }
    let mut short: String = line.chars().take(MAX_LINE).collect();
    short.push('…');
    short
}
