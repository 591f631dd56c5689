//! `weir policy survey`: what a policy makes of everything that is kept.

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;
use weir_gateway::gateway::Surveyed;
use weir_policy::survey::{EcosystemSurvey, RefusedRelease, Tally};
use weir_policy::{Outcome, Policy};

use crate::cli::{Format, Place};
use crate::output;
use crate::wiring::Opened;

/// Most releases of each package that are counted.
const MAX_NEWEST: u16 = 1_000;
/// Columns of the first column of a table.
const FIRST: usize = 34;

#[derive(Args, Debug)]
pub struct Arguments {
    /// The stage that decides.
    #[arg(long, default_value = "dev")]
    stage: String,
    /// Count so many of the newest releases of each package, too.
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u16).range(1..=i64::from(MAX_NEWEST)))]
    newest: u16,
    /// How to print the result.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// Runs `weir policy survey`.
pub async fn run(place: &Place, arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let opened = Opened::open(place, true).await?;
    let path = opened.data.policy(place);
    let policy = policy(place, &path)?;
    let feeds = opened.feeds().await?;
    let gateway = opened.gateway(Arc::new(policy), &feeds, opened.blobs()?, String::new(), false)?;
    let surveyed = gateway.survey(&arguments.stage, usize::from(arguments.newest)).await?;
    match arguments.format {
        Format::Json => output::line(serde_json::to_string_pretty(&surveyed)?),
        Format::Human => print(&surveyed),
    }
    // 2: what could not be read was not judged.
    Ok(ExitCode::from(if surveyed.unread > 0 { 2 } else { 0 }))
}

fn policy(place: &Place, path: &Path) -> anyhow::Result<Policy> {
    match path.exists() || place.policy.is_some() {
        true => crate::policy::read(path),
        false => crate::policy::parse(path, Policy::default_text()),
    }
}

fn print(surveyed: &Surveyed) {
    let survey = &surveyed.survey;
    let packages: usize = survey.ecosystems.values().map(|counted| counted.packages).sum();
    if packages == 0 {
        output::line("no page of any package is kept here yet; install something through this Weir first");
    } else {
        let noun = if packages == 1 { "package" } else { "packages" };
        output::line(format!("Stage {} and the {packages} {noun} kept here, as of {}", survey.stage, surveyed.at));
        tallies("Newest release of each package", surveyed, |counted| &counted.newest);
        tallies(&format!("{} newest releases of each package", survey.newest), surveyed, |counted| &counted.recent);
        rules(surveyed);
        refused(&survey.refused);
    }
    if surveyed.gone > 0 {
        output::line(format!("\n{} more have no page here any more: upstream has deleted them.", surveyed.gone));
    }
    for unread in &surveyed.unread_packages {
        output::note(format!("{} could not be judged: {}", unread.purl, unread.reason));
    }
    let unnamed = surveyed.unread.saturating_sub(surveyed.unread_packages.len());
    if unnamed > 0 {
        output::note(format!("{unnamed} more could not be judged"));
    }
}

fn tallies(title: &str, surveyed: &Surveyed, of: impl Fn(&EcosystemSurvey) -> &Tally) {
    output::line(format!(
        "\n{title:FIRST$} {:>8} {:>15} {:>15} {:>15} {:>15} {:>15}",
        "releases", "block", "held: cause", "held: age", "held: date", "warn"
    ));
    for counted in surveyed.survey.ecosystems.values() {
        let tally = of(counted);
        let share = |count: usize| share(count, tally.releases);
        let held = tally.held.saturating_sub(tally.held_for_age + tally.held_for_date);
        output::line(format!(
            "  {:width$} {:>8} {:>15} {:>15} {:>15} {:>15} {:>15}",
            counted.title,
            tally.releases,
            share(tally.blocked),
            share(held),
            share(tally.held_for_age),
            share(tally.held_for_date),
            share(tally.warned),
            width = FIRST - 2,
        ));
    }
}

/// A count with its share in percent.
fn share(count: usize, of: usize) -> String {
    match count {
        0 => String::from("0"),
        // In tenths of a percent, rounded.
        _ => {
            let tenths = (count * 1000 + of / 2).checked_div(of).unwrap_or_default();
            format!("{count} ({}.{} %)", tenths / 10, tenths % 10)
        }
    }
}

fn rules(surveyed: &Surveyed) {
    let survey = &surveyed.survey;
    output::line(format!(
        "\n{:FIRST$} {:>8} {:>8} {:>8}   of {} newest: {:>8} {:>8} {:>8}",
        "By rule, newest release", "block", "held", "warn", survey.newest, "block", "held", "warn"
    ));
    for counted in survey.ecosystems.values() {
        // What the newest have, the newest few have.
        for (key, recent) in &counted.recent.rules {
            let newest = counted.newest.rules.get(key).cloned().unwrap_or_default();
            let (rule, detail) = key;
            let detail = detail.as_ref().map(|detail| format!(": {detail}")).unwrap_or_default();
            output::line(format!(
                "  {:width$} {:>8} {:>8} {:>8}   {:gap$} {:>8} {:>8} {:>8}",
                format!("{} {rule}{detail}", counted.title),
                newest.blocked,
                newest.held,
                newest.warned,
                "",
                recent.blocked,
                recent.held,
                recent.warned,
                width = FIRST - 2,
                gap = format!("of {} newest:", survey.newest).len(),
            ));
        }
    }
}

fn refused(refused: &[RefusedRelease]) {
    output::line("\nNewest releases that are refused");
    if refused.is_empty() {
        output::line("  none");
    }
    for release in refused {
        let decision = if release.decision == Outcome::Block { "block" } else { "held" };
        output::line(format!("  {decision:5} {}", release.purl));
        for reason in &release.reasons {
            output::line(format!("          {}", reason.line));
        }
        match &release.nearest_allowed {
            Some(version) => output::line(format!("          instead: {version}")),
            None => output::line("          no version of it is allowed"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_rounded_to_tenths_of_a_percent() {
        assert_eq!(share(0, 7), "0");
        assert_eq!(share(1, 3), "1 (33.3 %)");
        assert_eq!(share(2, 3), "2 (66.7 %)");
        assert_eq!(share(3, 3), "3 (100.0 %)");
        assert_eq!(share(1, 0), "1 (0.0 %)");
    }
}
