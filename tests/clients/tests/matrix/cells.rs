//! Every client in every case.

use crate::clients::{ALL, CASES, Case, Client, Expect, Shows, Subject, Want};
use crate::gate::{EMPTY, Gate, OPEN_AND_STRICT};
use crate::page::{self, Cell, Row};
use crate::sandbox::Sandbox;
use crate::seen::Seen;
use crate::setting::Setting;

/// The rule that refuses in all cases.
const RULE: &str = "vulnerability";
/// Seconds in which a client has given up on an upstream that is down, where it can be told not to try again.
const AT_ONCE: u64 = 5;
/// The same, for clients that try again whatever they are told.
const WITH_RETRIES: u64 = 60;

#[test]
fn every_client_shows_what_it_can() {
    let Some(setting) = Setting::turn() else { return };
    let gate = Gate::start(&setting, OPEN_AND_STRICT);
    let mut problems = Vec::new();
    let rows: Vec<_> = ALL.iter().map(|client| row(&setting, &gate, *client, &mut problems)).collect();
    assert!(problems.is_empty(), "{} cells are wrong\n\n{}", problems.len(), problems.join("\n"));
    page::check(&rows);
}

#[test]
fn with_an_empty_policy_every_client_installs_what_was_refused() {
    let Some(setting) = Setting::turn() else { return };
    let gate = Gate::start(&setting, EMPTY);
    let (dev, prod) = (gate.stage("dev"), gate.stage("prod"));
    let mut problems = Vec::new();
    for client in ALL {
        let refused = client.subject().refused;
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
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

fn row(setting: &Setting, gate: &Gate, client: &dyn Client, problems: &mut Vec<String>) -> Row {
    let version = client.version(&Sandbox::new(&setting.tools));
    let cells = CASES.map(|case| cell(setting, gate, client, case, problems));
    Row { client: client.name(), version: number(&version.text), subject: client.subject(), cells: cells.into() }
}

/// Runs one case and compares it with what the client can show.
fn cell(setting: &Setting, gate: &Gate, client: &dyn Client, case: Case, problems: &mut Vec<String>) -> Cell {
    let sandbox = Sandbox::new(&setting.tools);
    let subject = client.subject();
    let (open, strict) = (gate.stage("open"), gate.stage("strict"));
    let seen = match case {
        Case::Allowed => client.install(&sandbox, &strict, Want::Exactly(subject.allowed)),
        Case::Range => client.install(&sandbox, &strict, Want::Range(subject.range)),
        Case::Pinned => client.install(&sandbox, &strict, Want::Exactly(subject.refused)),
        Case::Locked => {
            let made = Sandbox::new(&setting.tools);
            let locked = client.lock(&made, &open, subject.refused);
            if locked.succeeded() { client.install_locked(&sandbox, &made, &open, &strict) } else { locked }
        }
        Case::File => client.install_file(&sandbox, &strict),
        Case::Down => {
            let down = Gate::without_upstreams(setting);
            client.install(&sandbox, &down.stage("strict"), Want::Exactly(subject.allowed))
        }
    };
    eprintln!("{}, {}\n{}", client.name(), case.title(), seen.transcript());
    let Expect { line, shows } = client.expect(case);
    let installed = client.installed(&sandbox);
    let within = (case == Case::Down).then(|| if client.insists() { WITH_RETRIES } else { AT_ONCE });
    let mut wrong = |what: String| {
        problems.push(format!("{}, {}: {what}\n{}", client.name(), case.title(), seen.transcript()));
    };
    for mistake in mistakes(case, subject, shows, &seen, installed.as_deref()) {
        wrong(mistake);
    }
    if let Some(seconds) = within
        && seen.took.as_secs() >= seconds
    {
        wrong(format!("it took {} s; expected less than {seconds} s", seen.took.as_secs()));
    }
    let shown = seen.line(line).unwrap_or_else(|| {
        wrong(format!("no line with `{line}`"));
        String::new()
    });
    Cell { case, shows, installed, line: shown, within }
}

fn mistakes(case: Case, subject: &Subject, shows: Shows, seen: &Seen, installed: Option<&str>) -> Vec<String> {
    let mut mistakes = Vec::new();
    let reason: &[&str] =
        if case == Case::Down { &["Connection refused"] } else { &[RULE, subject.advisory, subject.nearest] };
    let wanted = match case {
        Case::Allowed => Some(subject.allowed),
        Case::Range => Some(subject.within),
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
