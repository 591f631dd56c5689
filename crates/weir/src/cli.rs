//! What can be asked on the command line.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::clients::{doctor, point};
use crate::{admin, airgap, config, explain, feeds, health, mirror, policy, publish, purl, serve, versions};

/// One gate for open source: serves only what policy allows, and says why.
#[derive(Parser, Debug)]
#[command(name = "weir", version, about, max_term_width = 110)]
pub struct Cli {
    #[command(flatten)]
    pub place: Place,
    #[command(subcommand)]
    command: Command,
}

/// Where Weir keeps what it has and what it is told. The same for every command.
#[derive(Args, Clone, Debug)]
pub struct Place {
    /// Directory for everything that Weir keeps.
    #[arg(long, global = true, env = "WEIR_DATA", value_name = "DIR", default_value = "weir-data")]
    pub data: PathBuf,
    /// Configuration [default: weir.toml in the data directory, if there is one].
    #[arg(long, global = true, env = "WEIR_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Policy [default: policy.toml in the data directory].
    #[arg(long, global = true, env = "WEIR_POLICY", value_name = "FILE")]
    pub policy: Option<PathBuf>,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Run the gate.
    Serve(serve::Arguments),
    /// Ask a running Weir whether it does its work. Exit code 1 if not.
    Health(health::Arguments),
    /// Say what a stage decides on a release, and why.
    Explain(explain::Arguments),
    /// Packages of one's own: look them over before they are published, withdraw and restore them.
    #[command(subcommand)]
    Publish(publish::Command),
    /// Make the package managers of this machine ask Weir, or take that back.
    Use(point::Arguments),
    /// Say whether everything on this machine asks Weir, whether Weir's answers arrive, and what mends it.
    Doctor(doctor::Arguments),
    /// Bring in advisories and see how old they are.
    #[command(subcommand)]
    Feeds(feeds::Command),
    /// Check the policy and read about its rules.
    #[command(subcommand)]
    Policy(policy::Command),
    /// See and check what is configured.
    #[command(subcommand)]
    Config(config::Command),
    /// Bring in ahead what lock files, SBOMs or lists name, by the same decisions.
    Mirror(mirror::Arguments),
    /// Write what this Weir has into one signed file, for another that no network reaches.
    Export(airgap::export::Arguments),
    /// Take in what `weir export` wrote.
    Import(airgap::import::Arguments),
    /// Compare versions as their ecosystem does.
    #[command(subcommand)]
    Version(versions::Command),
    /// Print package URLs in their canonical form.
    Purl(purl::Arguments),
    /// Access tokens; check and back up what is kept.
    #[command(subcommand)]
    Admin(admin::Command),
}

/// How results are printed.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Format {
    /// For people.
    #[default]
    Human,
    /// For programs.
    Json,
}

impl Cli {
    /// True if this is to run the gate.
    pub const fn is_server(&self) -> bool {
        matches!(self.command, Command::Serve(_))
    }

    /// Runs the command.
    pub async fn run(self) -> anyhow::Result<ExitCode> {
        let place = self.place;
        match self.command {
            Command::Serve(arguments) => serve::run(&place, &arguments).await,
            Command::Health(arguments) => health::run(&place, &arguments).await,
            Command::Explain(arguments) => explain::run(&place, &arguments).await,
            Command::Publish(command) => publish::run(&command).await,
            Command::Use(arguments) => point::run(&place, &arguments),
            Command::Doctor(arguments) => doctor::run(&place, &arguments).await,
            Command::Feeds(command) => feeds::run(&place, &command).await,
            Command::Policy(command) => policy::run(&place, &command).await,
            Command::Config(command) => config::run(&place, &command).await,
            Command::Mirror(arguments) => mirror::run(&place, &arguments).await,
            Command::Export(arguments) => airgap::export::run(&place, &arguments).await,
            Command::Import(arguments) => airgap::import::run(&place, &arguments).await,
            Command::Version(command) => versions::run(&command),
            Command::Purl(arguments) => purl::run(&arguments),
            Command::Admin(command) => admin::run(&place, &command).await,
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_well_formed() {
        super::Cli::command().debug_assert();
    }
}
