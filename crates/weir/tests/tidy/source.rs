//! Does the source keep to its own rules?

use crate::workspace::{code, files, sources};

/// Files of more than [`MOST_LINES`] lines, each with the reason why it is one.
const LONG: &[(&str, &str)] = &[];
const MOST_LINES: usize = 700;

/// Where an ecosystem's identifier may be written: in its own crate, in the one list, and where real clients are driven.
const NAMES_ECOSYSTEMS: &[&str] =
    &["ecosystems/", "crates/weir/src/ecosystems.rs", "crates/weir-testing/", "tests/clients/"];

#[test]
fn sql_is_written_in_the_store_alone() {
    let mut found = Vec::new();
    for file in sources().iter().filter(|file| !file.path.starts_with("crates/weir-store/")) {
        for (line, text) in code(&file.text) {
            let text = text.to_ascii_lowercase();
            let sql = text.contains("insert into ")
                || text.contains("delete from ")
                || text.contains("\"select ")
                || (text.contains("update ") && text.contains(" set ") && text.contains('='));
            if sql && text.contains('"') {
                found.push(format!("{}:{line}", file.path));
            }
        }
    }
    assert!(found.is_empty(), "SQL outside crates/weir-store: {}", found.join(", "));
}

#[test]
fn nothing_matches_on_an_ecosystems_name() {
    let mut found = Vec::new();
    for file in sources().iter().filter(|file| !NAMES_ECOSYSTEMS.iter().any(|free| file.path.starts_with(free))) {
        for (line, text) in code(&file.text) {
            if ["pypi", "npm", "cargo"].iter().any(|id| text.contains(&format!("\"{id}\""))) {
                found.push(format!("{}:{line}", file.path));
            }
        }
    }
    assert!(
        found.is_empty(),
        "an ecosystem is named outside its folder (ask a capability of `weir_core::Ecosystem` instead): {}",
        found.join(", ")
    );
}

#[test]
fn a_lint_is_exempted_with_a_reason() {
    let attribute = |name: &str| [format!("#[{name}("), format!("#![{name}(")];
    let mut found = Vec::new();
    for file in files().iter().filter(|file| file.path.ends_with(".rs")) {
        for (at, text) in file.text.lines().enumerate().map(|(at, text)| (at, text.trim_start())) {
            let silent = attribute("allow").iter().any(|start| text.starts_with(start.as_str()));
            let expected = attribute("expect").iter().any(|start| text.starts_with(start.as_str()));
            // The reason may stand some lines further down, where rustfmt has broken the attribute.
            let reasoned = || file.text.lines().skip(at).take(6).any(|text| text.contains("reason = "));
            if silent || (expected && !reasoned()) {
                found.push(format!("{}:{}", file.path, at + 1));
            }
        }
    }
    assert!(found.is_empty(), "write `#[expect(lint, reason = \"…\")]`: {}", found.join(", "));
}

#[test]
fn a_file_answers_one_question() {
    let lines = |text: &str| text.lines().count();
    let mut found = Vec::new();
    let files = files();
    for file in files.iter().filter(|file| file.path.ends_with(".rs")) {
        let count = lines(&file.text);
        if count > MOST_LINES && !LONG.iter().any(|(path, _)| *path == file.path) {
            found.push(format!("{} ({count} lines)", file.path));
        }
    }
    assert!(found.is_empty(), "are there two questions in these? Split them, or say why not: {}", found.join(", "));
    for (path, reason) in LONG {
        let file = files.iter().find(|file| file.path == *path);
        assert!(
            file.is_some_and(|file| lines(&file.text) > MOST_LINES),
            "`{path}` is not long any more (it was listed because {reason}): take it off the list"
        );
    }
}

#[test]
fn no_file_knows_the_machine_it_was_written_on() {
    // Put together here, so that this file is none of those that it looks for.
    let places =
        [["/work", "/"], ["/root", "/."], ["/home", "/"], ["/Users", "/"], ["/tmp", "/"]].map(|parts| parts.concat());
    let mut found = Vec::new();
    for file in &files() {
        for (at, text) in file.text.lines().enumerate() {
            // In `https://example/root/…` and the like it is a part of something else.
            let begins = |at: usize| !text[..at].ends_with(|c: char| c.is_alphanumeric());
            if places.iter().any(|place| text.match_indices(place.as_str()).any(|(at, _)| begins(at))) {
                found.push(format!("{}:{}", file.path, at + 1));
            }
        }
    }
    assert!(found.is_empty(), "a path of one machine: {}", found.join(", "));
}
