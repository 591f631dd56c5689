//! What the default policy makes of what real projects bring: their packages are installed through a stage that allows
//! everything, and every release on the pages that came with them is judged by the default policy.
//!
//! WEIR_UPDATE installs all projects and writes `docs/reference/default-policy.md`; without it, the small ones are installed
//! and the goal is checked. The registries move from day to day, so that nothing is compared byte by byte.

use std::path::Path;

use serde_json::Value;

use crate::gate::{Gate, OPEN_AND_STRICT};
use crate::sandbox::Sandbox;
use crate::setting::Setting;

mod page;
mod projects;

use projects::{Project, Small};

/// At most this share of the newest releases is refused in `dev` for another cause than being young, in percent.
const GOAL: f64 = 1.0;
/// How many of the newest releases of each package are judged.
const NEWEST: usize = 10;
/// The policy that is written at the first start.
const DEFAULT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../crates/weir-policy/src/default.toml");
const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/reference/default-policy.md");

/// What was judged.
struct Calibration {
    /// The projects, with how many packages each installed.
    projects: Vec<(&'static Project, usize)>,
    dev: Value,
    prod: Value,
}

#[test]
fn the_default_policy_annoys_nobody_without_cause() {
    let Some(setting) = Setting::turn() else { return };
    let update = std::env::var_os("WEIR_UPDATE").is_some();
    let gate = Gate::start(&setting, OPEN_AND_STRICT);
    let mut projects = Vec::new();
    for project in projects::ALL.iter().filter(|project| update || project.small == Small::Yes) {
        let sandbox = Sandbox::new(&setting.tools);
        // Not a stage of the default policy: what a stage has served itself is nothing new to it.
        let installed = project.install(&sandbox, &gate.stage("open"));
        eprintln!("{}: {installed} packages", project.name);
        assert!(installed >= project.tops.len(), "{}: {installed} packages", project.name);
        projects.push((project, installed));
    }
    let survey = |stage| gate.survey(Path::new(DEFAULT), stage, NEWEST);
    let calibration = Calibration { projects, dev: survey("dev"), prod: survey("prod") };
    let page = page::render(&calibration);
    eprintln!("{page}");
    if update {
        std::fs::write(PAGE, &page).unwrap();
    } else {
        has_the_form(&page, &std::fs::read_to_string(PAGE).unwrap());
    }
    let (refused, of) = refused_for_cause(&calibration.dev);
    // Of a few dozen packages, one is more than the goal.
    #[expect(clippy::cast_precision_loss, reason = "thousands at most")]
    let allowed = (of as f64 * GOAL / 100.0).max(1.0);
    #[expect(clippy::cast_precision_loss, reason = "thousands at most")]
    let is_met = refused as f64 <= allowed;
    assert!(is_met, "{refused} of {of} newest releases are refused in dev for another cause than their age:\n{page}");
}

/// How many newest releases are refused for something else than their age, and of how many.
fn refused_for_cause(surveyed: &Value) -> (u64, u64) {
    let tallies = || page::ecosystems(surveyed).map(|(_, counted)| &counted["newest"]);
    (tallies().map(page::for_cause).sum(), tallies().map(|tally| page::count(tally, "releases")).sum())
}

/// What is written in the repository has the same headings and columns as what a run writes now.
fn has_the_form(now: &str, written: &str) {
    let form = |page: &str| -> Vec<String> {
        let rows = page.lines().zip(page.lines().skip(1));
        let heads = rows.filter(|(_, below)| below.starts_with("|---")).map(|(head, _)| head.to_owned());
        page.lines().filter(|line| line.starts_with('#')).map(str::to_owned).chain(heads).collect()
    };
    assert_eq!(form(written), form(now), "write docs/reference/default-policy.md again, with WEIR_UPDATE=1");
}
