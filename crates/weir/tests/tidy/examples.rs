//! Do the examples in the guides work?

use std::process::{Command, Stdio};

use crate::workspace::read;

/// What stands in the blocks of a language.
fn blocks(text: &str, language: &str) -> Vec<String> {
    let start = format!("```{language}\n");
    text.split(start.as_str())
        .skip(1)
        .filter_map(|rest| rest.split_once("\n```").map(|(block, _)| format!("{block}\n")))
        .collect()
}

/// What Weir says about `text` in a file that it is given in the place of `FILE`; `None` if it is content.
fn complaint(text: &str, arguments: &[&str]) -> Option<String> {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("example.toml");
    std::fs::write(&file, text).expect("a file");
    let mut command = Command::new(env!("CARGO_BIN_EXE_weir"));
    command.arg("--data").arg(folder.path().join("data")).stdin(Stdio::null());
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("WEIR_")) {
        command.env_remove(name);
    }
    for argument in arguments {
        if *argument == "FILE" {
            command.arg(&file)
        } else {
            command.arg(argument)
        };
    }
    let output = command.output().expect("weir runs");
    (!output.status.success()).then(|| String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
fn every_policy_in_the_guide_checks() {
    let guide = read("docs/guides/policy.md");
    // A waiver by itself names stages that stand elsewhere; a line by itself is one of a stage.
    let whole = |text: &str| match text {
        text if text.contains("[stage.") => text.to_owned(),
        text => format!("[stage.dev]\n[stage.prod]\n{text}"),
    };
    let lines = guide.lines().filter(|line| line.starts_with('|')).filter_map(|line| line.rsplit('|').nth(1));
    let lines = lines.filter_map(|cell| cell.trim().strip_prefix('`')?.strip_suffix('`'));
    let lines = lines.filter(|line| line.contains(" = ")).map(|line| format!("[stage.dev]\n{line}\n"));
    let examples: Vec<String> = blocks(&guide, "toml").iter().map(|text| whole(text)).chain(lines).collect();
    assert!(examples.len() > 10, "the examples were not found: {examples:?}");
    for example in examples {
        if let Some(problem) = complaint(&example, &["policy", "check", "FILE"]) {
            panic!("an example of docs/guides/policy.md does not check:\n{example}\n{problem}");
        }
    }
}

#[test]
fn every_configuration_in_the_guides_checks() {
    for page in ["docs/guides/upstreams.md", "docs/guides/groups.md", "docs/guides/feeds.md", "docs/guides/operate.md"]
    {
        let examples = blocks(&read(page), "toml");
        assert!(!examples.is_empty(), "{page} has no examples");
        for example in examples {
            if let Some(problem) = complaint(&example, &["--config", "FILE", "config", "show"]) {
                panic!("an example of {page} does not check:\n{example}\n{problem}");
            }
        }
    }
}
