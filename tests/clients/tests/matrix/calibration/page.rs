//! `docs/reference/default-policy.md`: what was installed, and what the default policy makes of it.

use std::fmt::Write as _;

use serde_json::Value;

use super::{Calibration, GOAL, NEWEST};

const HEAD: &str = "\
<!-- Made by: WEIR_REQUIRE=shared,clients WEIR_UPDATE=1 cargo test -p weir-clients -- calibration -->

# What the default policy refuses

A default that refuses much without cause is soon switched off. So the default policy is held against real projects: they are
installed from the public registries through a stage that allows everything, and then every release on every package page that
came with them is judged by the default policy, with `weir policy survey`. No registry is searched for it: the packages are
those that the projects need, all the way down. Advisories and the lists of well-known names (PyPI, npm) are those of
the data beside the project. The registries move from day to day, so a run of another day finds other releases; the clients'
tests install two small projects and check the goal.

```sh
.ci/run tools release                                                                      # the clients, and weir
WEIR_REQUIRE=shared,clients WEIR_UPDATE=1 cargo test -p weir-clients -- calibration        # writes this page again
```

";

const CAUSES: &str = "
What is refused is told apart by its cause:

- **block** and **held: cause**: something is known of the release, or of its package.
- **held: age**: it is younger than the stage asks for, and nothing else. That is what `minimum-age` is for; the number says how
  much was published in the days before this was made.
- **held: date**: nobody can say how old it is, since its registry states no date, or none that is believed; Weir's first sight
  counts, which was a moment ago. A mirror may state no date, or that of its own copy, which makes an old release look young.

";

pub fn render(calibration: &Calibration) -> String {
    let mut page = String::from(HEAD);
    let (dev, prod) = (&calibration.dev, &calibration.prod);
    let sum = |surveyed: &Value, key: &str| ecosystems(surveyed).map(|(_, it)| count(&it["newest"], key)).sum::<u64>();
    let cause: u64 = ecosystems(dev).map(|(_, counted)| for_cause(&counted["newest"])).sum();
    let releases = sum(dev, "releases");
    let packages: u64 = ecosystems(dev).map(|(_, counted)| count(counted, "packages")).sum();
    writeln!(
        page,
        "As of {}: {packages} packages. Of {releases} newest releases, `dev` refuses {} for a cause (goal: at most {GOAL} %), and \
         holds {} because they are young and {} because they have no date.\n",
        text(dev, "at").get(..10).unwrap_or_default(),
        share(cause, releases),
        share(sum(dev, "held_for_age"), releases),
        share(sum(dev, "held_for_date"), releases),
    )
    .unwrap();
    page.push_str(
        "## The projects\n\nWhat they ask for is pinned; what that asks for is what the registries have.\n\n",
    );
    page.push_str("| project | kind | client | packages | asks for |\n|---|---|---|---|---|\n");
    for (project, installed) in &calibration.projects {
        let tops: Vec<_> = project.tops.iter().map(|top| format!("`{}`", top_name(top))).collect();
        let (name, kind, client) = (project.name, project.kind, project.client.name());
        writeln!(page, "| {name} | {kind} | {client} | {installed} | {} |", tops.join(", ")).unwrap();
    }
    page.push_str("\n## Shares\n\nThe newest release of a package is its highest final one that is not yanked.\n");
    page.push_str(CAUSES);
    page.push_str(
        "| stage | releases | registry | judged | block | held: cause | held: age | held: date | warn | no date stated |\n\
         |---|---|---|---|---|---|---|---|---|---|\n",
    );
    for surveyed in [dev, prod] {
        for (part, title) in [("newest", String::from("newest")), ("recent", format!("{NEWEST} newest"))] {
            for (_, counted) in ecosystems(surveyed) {
                let tally = &counted[part];
                let releases = count(tally, "releases");
                let share = |count| share(count, releases);
                writeln!(
                    page,
                    "| `{}` | {title} | {} | {releases} | {} | {} | {} | {} | {} | {} |",
                    text(surveyed, "stage"),
                    text(counted, "title"),
                    share(count(tally, "blocked")),
                    share(for_cause(tally).saturating_sub(count(tally, "blocked"))),
                    share(count(tally, "held_for_age")),
                    share(count(tally, "held_for_date")),
                    share(count(tally, "warned")),
                    share(count(tally, "undated")),
                )
                .unwrap();
            }
        }
    }
    page.push_str("\n## By rule\n\nA release may be in several rows; each rule counts it once, by the strictest that it says.\n\n");
    page.push_str("| stage | releases | registry | rule | block | held | warn |\n|---|---|---|---|---|---|---|\n");
    for surveyed in [dev, prod] {
        for (part, title) in [("newest", String::from("newest")), ("recent", format!("{NEWEST} newest"))] {
            for (_, counted) in ecosystems(surveyed) {
                rules(&mut page, surveyed, &title, text(counted, "title"), &counted[part]);
            }
        }
    }
    for surveyed in [dev, prod] {
        let stage = text(surveyed, "stage");
        writeln!(page, "\n## Newest releases that `{stage}` refuses\n").unwrap();
        page.push_str("| release | | why | instead |\n|---|---|---|---|\n");
        for refused in surveyed["refused"].as_array().into_iter().flatten() {
            let why: Vec<_> = refused["reasons"].as_array().into_iter().flatten().map(|it| text(it, "line")).collect();
            let instead = refused["nearest_allowed"].as_str().unwrap_or("nothing");
            let decision = if text(refused, "decision") == "block" { "block" } else { "held" };
            let why = why.join("; ").replace('|', "\\|");
            writeln!(page, "| `{}` | {decision} | {why} | {instead} |", text(refused, "purl")).unwrap();
        }
    }
    page
}

fn rules(page: &mut String, surveyed: &Value, title: &str, registry: &str, tally: &Value) {
    let releases = count(tally, "releases");
    for row in tally["rules"].as_array().into_iter().flatten() {
        let detail = row["detail"].as_str().map(|detail| format!(" ({detail})")).unwrap_or_default();
        let share = |key| share(count(row, key), releases);
        writeln!(
            page,
            "| `{}` | {title} | {registry} | `{}`{detail} | {} | {} | {} |",
            text(surveyed, "stage"),
            text(row, "rule"),
            share("blocked"),
            share("held"),
            share("warned"),
        )
        .unwrap();
    }
}

/// The name and version of what a project asks for, without features.
fn top_name(top: &str) -> String {
    let Some((name, rest)) = top.split_once(" = ") else { return top.to_owned() };
    let version = rest.split('"').nth(1).unwrap_or_default().trim_start_matches('=');
    format!("{name}@{version}")
}

/// The part of each ecosystem in a survey.
pub fn ecosystems(surveyed: &Value) -> impl Iterator<Item = (&String, &Value)> {
    surveyed["ecosystems"].as_object().into_iter().flatten()
}

/// Refused for something else than the age or the lack of a date.
pub fn for_cause(tally: &Value) -> u64 {
    let age = count(tally, "held_for_age") + count(tally, "held_for_date");
    (count(tally, "blocked") + count(tally, "held")).saturating_sub(age)
}

pub fn count(value: &Value, key: &str) -> u64 {
    value[key].as_u64().unwrap_or_else(|| panic!("no number `{key}` in {value}"))
}

fn text<'v>(value: &'v Value, key: &str) -> &'v str {
    value[key].as_str().unwrap_or_else(|| panic!("no text `{key}` in {value}"))
}

fn share(count: u64, of: u64) -> String {
    match count {
        0 => String::from("0"),
        _ => {
            let hundredths = (count * 10_000 + of / 2).checked_div(of).unwrap_or_default();
            format!("{count} ({}.{:02} %)", hundredths / 100, hundredths % 100)
        }
    }
}
