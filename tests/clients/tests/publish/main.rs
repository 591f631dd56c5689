//! Real clients publish through a real `weir serve`, and what they published is installed from it: what each says when it is
//! done, and when it is refused, is written to `docs/reference/clients-publish.md`. No public registry is asked.
//!
//! | Module | Answers |
//! |---|---|
//! | [`gate`] | how is Weir run, with tokens that may publish? |
//! | [`clients`] | how does each client publish and install? |
//! | [`cut`] | what if a connection breaks off within an upload? |
//! | [`page`] | what is written of it? |
#![expect(clippy::unwrap_used, clippy::panic, reason = "a helper of tests fails by panicking")]

mod clients;
mod cut;
mod gate;
mod page;

use clients::{CLIENTS, Kind, Project};
use gate::Gate;

#[test]
fn clients_publish_and_say_why_where_they_may_not() {
    let Some(gate) = Gate::start() else { return };
    let mut page = page::Page::new();
    for client in CLIENTS {
        let ours = gate.token(&format!("ours-{}", client.id), &client.patterns());
        let other = gate.token(&format!("other-{}", client.id), &["pypi:nothing", "npm:nothing", "cargo:nothing"]);
        let name = client.own();
        let publish = |name: &str, version: &str, summary: &str, token: &str, url: &str| {
            client.publish(&Project::new(&gate), name, version, summary, token, url)
        };
        let mut row = page.row(client.name, &client.version(&gate));

        let seen = publish(&name, "1.0.0", "the first", &ours, gate.url());
        assert_eq!(seen.code, 0, "{}: {}", client.name, seen.text);
        row.cell("publishes", &seen, client.says_done);

        let seen = client.install(&Project::new(&gate), &name, "1.0.0", gate.url());
        assert_eq!(seen.code, 0, "{}: {}", client.name, seen.text);

        let seen = publish(&name, "1.0.0", "another of this version", &ours, gate.url());
        assert_ne!(seen.code, 0, "{}: {}", client.name, seen.text);
        row.cell("a version that exists", &seen, client.says_exists);

        let seen = publish("taken", "9.0.0", "somebody's name", &ours, gate.url());
        assert_ne!(seen.code, 0, "{}: {}", client.name, seen.text);
        row.cell("a name that upstream has", &seen, client.says_taken);

        let seen = publish(&name, "1.1.0", "not theirs", &other, gate.url());
        assert_ne!(seen.code, 0, "{}: {}", client.name, seen.text);
        row.cell("without the right", &seen, client.says_forbidden);

        if client.kind == Kind::Cargo {
            // It takes the address that it publishes to from the index, and that is Weir's own.
            row.untried();
            continue;
        }
        let cut = cut::Cut::before(gate.url());
        let seen = publish(&name, "1.2.0", "broken off", &ours, cut.url());
        assert_ne!(seen.code, 0, "{}: {}", client.name, seen.text);
        row.fails();
        assert!(
            !gate.versions(client.kind, &name).contains(&String::from("1.2.0")),
            "nothing half published is visible"
        );
        assert_eq!(gate.versions(client.kind, &name), ["1.0.0"]);
    }
    page.check();
}

#[test]
fn npm_deprecates_and_tags_and_withdraws_nothing() {
    let Some(gate) = Gate::start() else { return };
    let npm = CLIENTS.iter().find(|client| client.id == "npm").unwrap();
    let token = gate.token("ours", &npm.patterns());
    let project = Project::new(&gate);
    let name = npm.own();
    let run = |arguments: &[&str]| project.npm(gate.url(), &token, arguments);
    assert_eq!(npm.publish(&Project::new(&gate), &name, "1.0.0", "x", &token, gate.url()).code, 0);
    let release = format!("{name}@1.0.0");
    for arguments in [&["deprecate", &release, "use 2"][..], &["dist-tag", "add", &release, "stable"], &["whoami"]] {
        let seen = run(arguments);
        assert_eq!(seen.code, 0, "{arguments:?}: {}", seen.text);
    }
    let seen = run(&["view", &release, "deprecated", "dist-tags", "--json"]);
    assert!(seen.text.contains("use 2") && seen.text.contains("\"stable\": \"1.0.0\""), "{}", seen.text);
    let seen = run(&["unpublish", &release, "--force"]);
    assert_ne!(seen.code, 0, "{}", seen.text);
    assert!(seen.text.contains("what is published stays"), "{}", seen.text);
    assert_eq!(gate.versions(Kind::Npm, &name), ["1.0.0"]);
}

#[test]
fn cargo_yanks_restores_and_changes_owners() {
    let Some(gate) = Gate::start() else { return };
    let cargo = CLIENTS.iter().find(|client| client.id == "cargo").unwrap();
    let token = gate.token("ours", &cargo.patterns());
    let project = Project::new(&gate);
    let name = cargo.own();
    assert_eq!(cargo.publish(&Project::new(&gate), &name, "1.0.0", "x", &token, gate.url()).code, 0);
    let run = |arguments: &[&str]| {
        let seen = project.cargo(gate.url(), &token, arguments);
        assert_eq!(seen.code, 0, "{arguments:?}: {}", seen.text);
        seen
    };
    run(&["yank", "--registry", "weir", "--version", "1.0.0", &name]);
    assert!(gate.get(&format!("dev/cargo/{}", clients::crate_path(&name))).contains("\"yanked\":true"));
    run(&["yank", "--registry", "weir", "--version", "1.0.0", "--undo", &name]);
    assert!(gate.get(&format!("dev/cargo/{}", clients::crate_path(&name))).contains("\"yanked\":false"));
    run(&["owner", "--registry", "weir", "--add", "release-robot", &name]);
    let seen = run(&["owner", "--registry", "weir", "--list", &name]);
    assert!(seen.text.contains("release-robot") && seen.text.contains("ours"), "{}", seen.text);
}
