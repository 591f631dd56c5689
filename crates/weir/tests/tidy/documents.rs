//! Do the documents say what is so?

use std::collections::BTreeSet;
use std::process::{Command, Stdio};

use crate::workspace::{File, code, files, generated, read, root};

#[test]
fn every_crate_is_on_the_map() {
    let map = read("ARCHITECTURE.md");
    let manifests = files().into_iter().filter(|file| file.path.ends_with("/Cargo.toml"));
    let missing: Vec<_> = manifests
        .map(|file| file.path.trim_end_matches("/Cargo.toml").to_owned())
        .filter(|folder| {
            let row = |name: &str| map.lines().any(|line| line.starts_with('|') && line.contains(&format!("`{name}`")));
            match folder.split_once('/') {
                Some(("crates", name)) => !row(name),
                // The ecosystems share a row that begins with the folder of the first.
                Some(("ecosystems", name)) => !row(name) && !row(folder),
                _ => !row(folder),
            }
        })
        .collect();
    assert!(missing.is_empty(), "not in the table of ARCHITECTURE.md: {}", missing.join(", "));
}

#[test]
fn the_page_of_rules_is_what_the_rules_say() {
    generated("docs/reference/rules.md", &(weir_policy::rules_reference().trim_end().to_owned() + "\n"));
}

#[test]
fn the_page_of_commands_is_what_help_prints() {
    let mut page = String::from(
        "<!-- Generated from the command line itself: WEIR_UPDATE=1 cargo test -p weir --test tidy -->\n\n# Commands\n\n\
         Results go to standard output, messages to standard error. The exit code is 0 for *allowed* or *done*, 1 for \
         *refused*,\n2 for *Weir could not tell* or *could not do it*.\n",
    );
    describe(&[], &mut page);
    generated("docs/reference/cli.md", &page);
}

/// Writes the help of a command and of all below it.
fn describe(path: &[String], page: &mut String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_weir"));
    command.args(path).arg("--help").stdin(Stdio::null()).env("COLUMNS", "100");
    // Variables that are set show up in the help.
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("WEIR_")) {
        command.env_remove(name);
    }
    let output = command.output().expect("weir runs");
    assert!(output.status.success(), "weir {path:?} --help fails");
    let help = String::from_utf8(output.stdout).expect("help is text");
    // Clap shows what a variable is set to, which is nothing here.
    let help = help.replace("=]", "]");
    let lines: Vec<&str> = help.lines().map(str::trim_end).collect();
    let title = std::iter::once("weir").chain(path.iter().map(String::as_str)).collect::<Vec<_>>().join(" ");
    let level = "#".repeat(path.len().min(2) + 2);
    page.push_str(&format!("\n{level} {title}\n\n```text\n{}\n```\n", lines.join("\n").trim_end()));
    let listed = lines.iter().skip_while(|line| **line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    // A name stands two columns in; further in are the lines that its description is continued on.
    let names = listed.filter_map(|line| line.strip_prefix("  ").filter(|line| !line.starts_with(' ')));
    for name in names.filter_map(|line| line.split_whitespace().next()).filter(|name| *name != "help") {
        let below: Vec<String> = path.iter().cloned().chain([name.to_owned()]).collect();
        describe(&below, page);
    }
}

#[test]
fn every_rule_is_in_the_reference_and_in_the_guide() {
    for page in ["docs/reference/rules.md", "docs/guides/policy.md"] {
        let text = read(page);
        let missing: Vec<_> = weir_policy::RULES
            .iter()
            .map(|rule| rule.code())
            .filter(|code| !text.contains(&format!("`{code}`")))
            .collect();
        assert!(missing.is_empty(), "not in {page}: {}", missing.join(", "));
    }
}

#[test]
fn every_setting_is_in_the_reference() {
    let page = read("docs/reference/config.md");
    let source = read("crates/weir/src/config.rs") + &read("crates/weir/src/config/upstream.rs");
    // The sections that are tables of their own; everything else that is public there is a key.
    let tables = [
        "server",
        "store",
        "blobs",
        "cache",
        "upstream",
        "group",
        "hosted",
        "feeds",
        "retention",
        "log",
        "config",
        "s3",
        "tls",
        "bundle",
    ];
    let keys: BTreeSet<String> = code(&source)
        .filter_map(|(_, line)| line.strip_prefix("    pub ")?.split_once(": ").map(|(name, _)| name.replace('_', "-")))
        .filter(|name| !tables.contains(&name.as_str()))
        .collect();
    assert!(keys.len() > 15, "the settings of crates/weir/src/config.rs were not found: {keys:?}");
    let missing: Vec<_> = keys.into_iter().filter(|key| !page.contains(&format!("`{key}`"))).collect();
    assert!(missing.is_empty(), "not in docs/reference/config.md: {}", missing.join(", "));
}

#[test]
fn every_link_between_documents_leads_somewhere() {
    let files = files();
    let mut broken = Vec::new();
    for file in files.iter().filter(|file| file.path.ends_with(".md")) {
        for target in links(&file.text) {
            if let Some(problem) = lead(file, &target, &files) {
                broken.push(format!("{}: {target} ({problem})", file.path));
            }
        }
    }
    assert!(broken.is_empty(), "broken links:\n  {}", broken.join("\n  "));
}

/// What stands in `](…)` outside code blocks.
fn links(text: &str) -> Vec<String> {
    let (mut found, mut code) = (Vec::new(), false);
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            code = !code;
        }
        if code {
            continue;
        }
        for part in line.split("](").skip(1) {
            found.extend(part.split_once(')').map(|(target, _)| target.to_owned()));
        }
    }
    found
}

/// What is wrong with a link, if anything. Addresses elsewhere are not asked.
fn lead(file: &File, target: &str, files: &[File]) -> Option<&'static str> {
    if target.contains("://") || target.starts_with("mailto:") {
        return None;
    }
    let (path, anchor) = target.split_once('#').map_or((target, None), |(path, anchor)| (path, Some(anchor)));
    let folder = file.path.rsplit_once('/').map_or("", |(folder, _)| folder);
    let path = if path.is_empty() { Some(file.path.clone()) } else { resolve(folder, path) };
    let Some(path) = path else { return Some("leads out of the project") };
    if !root().join(&path).exists() {
        return Some("no such file");
    }
    let anchor = anchor?;
    let there = files.iter().find(|other| other.path == path)?;
    (!there.text.lines().any(|line| line.starts_with('#') && slug(line) == anchor)).then_some("no such heading")
}

/// The path that `path` means in `folder`, from the root.
fn resolve(folder: &str, path: &str) -> Option<String> {
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

/// The anchor that a heading has on the usual code hosts.
fn slug(heading: &str) -> String {
    let text = heading.trim_start_matches('#').trim().to_lowercase();
    let kept = text.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}
