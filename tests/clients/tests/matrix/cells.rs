//! Every client in every case.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::clients::{ALL, CASES, Case, Client, Expect, Shows, Subject, Want};
use crate::gate::{EMPTY, Gate, OPEN_AND_STRICT};
use crate::harder;
use crate::page::{self, Cell, Row};
use crate::proxy::Planned;
use crate::sandbox::Sandbox;
use crate::seen::Seen;
use crate::setting::Setting;

/// The rule that refuses in all cases.
const RULE: &str = "vulnerability";
/// The rule that refuses what is not what it should be.
const INTEGRITY: &str = "integrity";
/// Clients that run at the same time: they share nothing but the gate.
const AT_ONCE: usize = 2;
/// Seconds in which a client has given up on an upstream that is down, where it can be told not to try again.
const SOON: u64 = 5;
/// The same, for clients that try again whatever they are told.
const WITH_RETRIES: u64 = 60;

#[test]
fn every_client_shows_what_it_can() {
    let Some(setting) = Setting::turn() else { return };
    let Some(nginx) = Planned::new() else { return };
    let gate = Gate::start(&setting, OPEN_AND_STRICT);
    let mut outcome = Outcome::new(each_client(|client| ordinary(&setting, &gate, client)));
    drop(gate);
    outcome.append(harder::run(&setting, nginx));
    let Outcome { problems, rows } = outcome;
    assert!(problems.is_empty(), "{} cells are wrong\n\n{}", problems.len(), problems.join("\n"));
    page::check(&rows);
}

/// What was seen of the clients, and what of it is not as it should be.
pub struct Outcome {
    rows: Vec<Row>,
    problems: Vec<String>,
}

impl Outcome {
    pub fn new(rows: Vec<(Row, Vec<String>)>) -> Self {
        let (rows, problems): (_, Vec<_>) = rows.into_iter().unzip();
        Self { rows, problems: problems.concat() }
    }

    /// The cells of further cases.
    fn append(&mut self, cells: Vec<(Vec<Cell>, Vec<String>)>) {
        for (row, (cells, problems)) in self.rows.iter_mut().zip(cells) {
            row.cells.extend(cells);
            self.problems.extend(problems);
        }
    }
}

/// Does something with every client, two at a time; what comes of it is in the order of the page.
pub fn each_client<T: Send>(run: impl Fn(&'static dyn Client) -> T + Sync) -> Vec<T> {
    let next = AtomicUsize::new(0);
    let done = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some(client) = ALL.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let place = ALL.iter().position(|other| other.name() == client.name());
                    let made = run(*client);
                    done.lock().unwrap().push((place, made));
                }
            });
        }
    });
    let mut done = done.into_inner().unwrap();
    done.sort_by_key(|(place, _)| *place);
    done.into_iter().map(|(_, made)| made).collect()
}

#[test]
fn with_an_empty_policy_every_client_installs_what_was_refused() {
    let Some(setting) = Setting::turn() else { return };
    let gate = Gate::start(&setting, EMPTY);
    let (dev, prod) = (gate.stage("dev"), gate.stage("prod"));
    let problems = each_client(|client| {
        let refused = client.subject().refused;
        let mut problems = Vec::new();
        let mut is_installed = |what: &str, sandbox: &Sandbox, seen: &Seen| {
            if !seen.succeeded() || client.installed(sandbox).as_deref() != Some(refused) {
                problems.push(format!("{}, {what}, does not install {refused}:\n{}", client.name(), seen.transcript()));
            }
        };
        let sandbox = Sandbox::new(&setting.tools);
        is_installed("pinned", &sandbox, &client.install(&sandbox, &dev, Want::Exactly(refused)));
        let made = Sandbox::new(&setting.tools);
        let sandbox = Sandbox::new(&setting.tools);
        let locked = client.lock(&made, &dev, refused);
        is_installed("locked", &sandbox, &locked.then(client.install_locked(&sandbox, &made, &dev, &prod)));
        problems
    });
    let problems = problems.concat();
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

fn ordinary(setting: &Setting, gate: &Gate, client: &dyn Client) -> (Row, Vec<String>) {
    let version = client.version(&Sandbox::new(&setting.tools));
    let mut problems = Vec::new();
    let cells = CASES.map(|case| {
        let sandbox = Sandbox::new(&setting.tools);
        let seen = play(setting, gate, client, case, &sandbox);
        cell(client, case, &sandbox, &seen, &mut problems)
    });
    let row = Row {
        client: client.name(),
        version: number(&version.text),
        subject: client.subject(),
        empty: client.empty(),
        cells: cells.into(),
    };
    (row, problems)
}

/// Runs one case.
fn play(setting: &Setting, gate: &Gate, client: &dyn Client, case: Case, sandbox: &Sandbox) -> Seen {
    let subject = client.subject();
    let (open, strict) = (gate.stage("open"), gate.stage("strict"));
    match case {
        Case::Allowed => client.install(sandbox, &strict, Want::Exactly(subject.allowed)),
        Case::Range => client.install(sandbox, &strict, Want::Range(subject.range)),
        Case::Pinned => client.install(sandbox, &strict, Want::Exactly(subject.refused)),
        Case::Locked => {
            let made = Sandbox::new(&setting.tools);
            let locked = client.lock(&made, &open, subject.refused);
            if locked.succeeded() { client.install_locked(sandbox, &made, &open, &strict) } else { locked }
        }
        Case::File => client.install_file(sandbox, &strict),
        Case::Down => {
            let down = Gate::without_upstreams(setting);
            client.install(sandbox, &down.stage("strict"), Want::Exactly(subject.allowed))
        }
        other => panic!("{other:?} is of harder days"),
    }
}

/// Compares what was seen in a case with what the client can show.
pub fn cell(client: &dyn Client, case: Case, sandbox: &Sandbox, seen: &Seen, problems: &mut Vec<String>) -> Cell {
    eprintln!("{}, {}\n{}", client.name(), case.title(), seen.transcript());
    let Expect { line, shows } = client.expect(case);
    let installed = client.installed(sandbox);
    let within = (case == Case::Down).then(|| if client.insists() { WITH_RETRIES } else { SOON });
    let mut wrong = |what: String| {
        problems.push(format!("{}, {}: {what}\n{}", client.name(), case.title(), seen.transcript()));
    };
    for mistake in mistakes(case, client.subject(), shows, seen, installed.as_deref()) {
        wrong(mistake);
    }
    if let Some(seconds) = within
        && seen.took.as_secs() >= seconds
    {
        wrong(format!("it took {} s; expected less than {seconds} s", seen.took.as_secs()));
    }
    let silent = line.is_empty() && seen.text.trim().is_empty();
    let shown = silent.then(String::new).or_else(|| seen.line(line)).unwrap_or_else(|| {
        wrong(format!("no line with `{line}`"));
        String::new()
    });
    Cell { case, shows, installed, line: shown, within }
}

fn mistakes(case: Case, subject: &Subject, shows: Shows, seen: &Seen, installed: Option<&str>) -> Vec<String> {
    let mut mistakes = Vec::new();
    let reason: &[&str] = match case {
        Case::Down => &["Connection refused"],
        Case::Cut | Case::Again => &[INTEGRITY],
        _ => &[RULE, subject.advisory, subject.nearest],
    };
    let wanted = match (case.like(), shows) {
        (Case::Allowed, _) => Some(subject.allowed),
        (Case::Range, _) => Some(subject.within),
        (_, Shows::Kept) => Some(subject.refused),
        _ => None,
    };
    if installed != wanted {
        mistakes.push(format!("installed is {installed:?}; expected {wanted:?}"));
    }
    if seen.succeeded() != wanted.is_some() {
        mistakes.push(format!("the exit code is {}", seen.code));
    }
    match shows {
        Shows::Reason if !seen.says(reason) => mistakes.push(format!("not all of {reason:?} can be read")),
        // A client that learns to show a reason is worth a line of the page.
        Shows::Nothing(_) if reason.iter().any(|word| *word != subject.nearest && seen.says(&[word])) => {
            mistakes.push(format!("it shows something of {reason:?} after all"));
        }
        _ => {}
    }
    mistakes
}

/// The version in what a client says of itself.
fn number(text: &str) -> String {
    let mut words = text.split(|c: char| c.is_whitespace() || matches!(c, '(' | ')'));
    words.find(|word| word.starts_with(|c: char| c.is_ascii_digit())).unwrap_or_default().to_owned()
}
