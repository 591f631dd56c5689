//! The package managers on this machine: how they come to ask Weir, and whom they ask.
//!
//! | Module | Answers |
//! |---|---|
//! | [`point`] | `weir use`: which files change, and how? |
//! | [`journal`] | what was there before, and how does it come back? |
//! | [`ci`] | what does a pipeline write to the same end? |
//! | [`doctor`] | `weir doctor`: does everything ask Weir, and does Weir's answer arrive? |
//! | [`machine`] | what is there to be read on this machine? |

pub mod ci;
pub mod doctor;
mod files;
pub mod journal;
pub mod machine;
pub mod point;

use anyhow::bail;
use clap::{Arg, ArgAction, ArgMatches, Args, Command};
use weir_core::Ecosystem;
use weir_core::client::Client;

use crate::clients::machine::Here;
use crate::ecosystems;

/// A client and the ecosystem that it belongs to.
#[derive(Clone, Copy, Debug)]
pub struct Known {
    pub ecosystem: &'static Ecosystem,
    pub client: &'static Client,
}

/// All clients, in the order of the ecosystems.
pub fn all() -> impl Iterator<Item = Known> {
    ecosystems::ALL
        .iter()
        .flat_map(|ecosystem| ecosystem.registry.clients().iter().map(move |client| Known { ecosystem, client }))
}

/// Those whose program is found on this machine.
fn present(here: &Here) -> Vec<Known> {
    all().filter(|known| known.client.programs.iter().any(|program| here.has(program))).collect()
}

/// The clients that are named on the command line, each with a flag of its own.
#[derive(Clone, Default, Debug)]
pub struct Chosen {
    ids: Vec<&'static str>,
    all: bool,
}

impl Chosen {
    /// The clients that are meant: the named ones, all with `--all`, else those that are on this machine.
    pub fn of(&self, here: &Here) -> anyhow::Result<Vec<Known>> {
        if self.all {
            return Ok(all().collect());
        }
        if !self.ids.is_empty() {
            return Ok(all().filter(|known| self.ids.contains(&known.client.id)).collect());
        }
        let found = present(here);
        if found.is_empty() {
            bail!("none of the programs that Weir knows is on the PATH; name them ({}) or say --all", flags());
        }
        Ok(found)
    }
}

fn flags() -> String {
    all().map(|known| format!("--{}", known.client.id)).collect::<Vec<_>>().join(", ")
}

impl clap::FromArgMatches for Chosen {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let ids = all().map(|known| known.client.id).filter(|id| matches.get_flag(id)).collect();
        Ok(Self { ids, all: matches.get_flag("all") })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

impl Args for Chosen {
    fn augment_args(command: Command) -> Command {
        let flag = |id: &'static str, help: String| {
            Arg::new(id)
                .long(id)
                .action(ArgAction::SetTrue)
                .help(help)
                .help_heading("Clients [default: those on the PATH]")
        };
        let command = all().fold(command, |command, Known { client, ecosystem }| {
            command.arg(flag(client.id, format!("For {}", ecosystem.title)))
        });
        command.arg(flag("all", String::from("Every client that Weir knows, also those that are not on the PATH")))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}
