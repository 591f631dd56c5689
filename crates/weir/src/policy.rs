//! `weir policy …`

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, bail};
use clap::Subcommand;
use weir_core::time::SystemClock;
use weir_core::{Clock, Timestamp};
use weir_policy::{Policy, Waiver};

use crate::cli::Place;
use crate::data::{Data, write_durably};
use crate::{ecosystems, output};

/// Longest policy that is read, in bytes.
const MAX_POLICY: u64 = weir_policy::MAX_TEXT as u64;

#[derive(Subcommand, Debug)]
pub enum Command {
    /// Check a policy: prints every mistake with its line.
    Check {
        /// The file [default: the policy in force].
        file: Option<PathBuf>,
    },
    /// Describe the rules and their settings.
    Rules,
    /// Say what a stage makes of everything that is kept here, without asking any upstream.
    ///
    /// For each package that was ever asked for, its newest release and some before it are judged: the share that each rule
    /// refuses, holds and warns on, and every newest release that is refused. With --policy, that of a policy which is not
    /// in force.
    Survey(crate::survey::Arguments),
}

/// Runs `weir policy …`.
pub async fn run(place: &Place, command: &Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Check { file } => {
            let path = file.clone().or_else(|| place.policy.clone()).unwrap_or_else(|| place.data.join("policy.toml"));
            let policy = read(&path)?;
            let stages: Vec<_> = policy.stages().map(|stage| stage.name.as_str()).collect();
            output::line(format!("{}: ok (stages {})", path.display(), stages.join(", ")));
            for waiver in expired(&policy, SystemClock.now()) {
                output::line(format!("warning: {}:{}: {waiver}", path.display(), waiver.line()));
            }
            Ok(ExitCode::SUCCESS)
        }
        Command::Rules => {
            output::line(weir_policy::rules_reference());
            Ok(ExitCode::SUCCESS)
        }
        Command::Survey(arguments) => crate::survey::run(place, arguments).await,
    }
}

/// A waiver that no longer holds.
pub struct Expired<'p>(&'p Waiver);

impl Expired<'_> {
    /// The line of the policy that it begins at.
    pub fn line(&self) -> usize {
        self.0.line
    }
}

impl std::fmt::Display for Expired<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "the waiver for `{}` ended with {}: {}; give it another end, or remove it",
            self.0.package, self.0.until_text, self.0.reason
        )
    }
}

/// The waivers that no longer hold.
pub fn expired(policy: &Policy, now: Timestamp) -> impl Iterator<Item = Expired<'_>> {
    policy.waivers().iter().filter(move |waiver| !waiver.holds(now)).map(Expired)
}

/// Reads and checks a policy file.
pub fn read(path: &Path) -> anyhow::Result<Policy> {
    let size =
        std::fs::metadata(path).with_context(|| format!("the policy `{}` cannot be read", path.display()))?.len();
    if size > MAX_POLICY {
        bail!("the policy `{}` has {size} bytes; at most {MAX_POLICY} are read", path.display());
    }
    let text =
        std::fs::read_to_string(path).with_context(|| format!("the policy `{}` cannot be read", path.display()))?;
    parse(path, &text)
}

/// Checks a policy's text; the error prints all mistakes with their lines.
pub fn parse(path: &Path, text: &str) -> anyhow::Result<Policy> {
    Policy::parse(text, ecosystems::ALL).map_err(|errors| {
        // The mistakes are told for a file that `weir-policy` does not know the name of.
        let name = path.display().to_string();
        let told = errors
            .to_string()
            .split('\n')
            .map(|line| match line.strip_prefix("policy.toml:") {
                Some(place) => format!("{name}:{place}\n"),
                None => format!("{line}\n"),
            })
            .collect::<String>();
        anyhow::anyhow!("the policy `{name}` does not check\n\n{}", told.trim_end())
    })
}

/// The policy in force; the default one is written if there is none. True if it was written now.
pub fn load_or_create(data: &Data, place: &Place) -> anyhow::Result<(Arc<Policy>, bool)> {
    let path = data.policy(place);
    let created = !path.exists();
    if created {
        if place.policy.is_some() {
            bail!("there is no policy `{}`; without --policy, Weir makes one in its data directory", path.display());
        }
        write_durably(&path, Policy::default_text().as_bytes())?;
    }
    Ok((Arc::new(read(&path)?), created))
}
