//! Weir: one gate for open source.
//!
//! | Module | Answers |
//! |---|---|
//! | [`ecosystems`] | which ecosystems are there? |
//! | [`cli`] | what can be asked on the command line? |
//! | [`config`] | what is set, and by whom? |
//! | [`data`] | where does Weir keep what it has? |
//! | [`wiring`] | how do the parts become a gate? |
//! | [`serve`] | how does it run? |
//! | [`tls`] | which certificate does it show? |
//! | [`watch`] | what does a running Weir look after? |
//! | [`survey`] | what does a policy make of everything that is kept? |
//! | [`explain`], [`feeds`], [`policy`], [`publish`], [`admin`] | the other commands |
//! | [`server`] | how does a command ask a running Weir? |
//! | [`clients`] | how do package managers come to ask it, and do they? |
//! | [`check`] | is everything that Weir keeps whole? |
//! | [`config_check`] | could it be served as it is configured? |
//! | [`mirror`] | how does what a project needs come in before anybody asks for it? |
//! | [`airgap`] | how does what it has get to where no network is? |
//! | [`backup`], [`health`] | a copy of it all; is it well? |
//! | [`versions`], [`purl`] | which version is later; how is a package URL written? |
//! | [`output`] | how does it talk to a terminal? |

mod admin;
mod airgap;
mod backup;
mod check;
mod cli;
mod clients;
mod config;
mod config_check;
mod data;
mod ecosystems;
mod explain;
mod feeds;
mod health;
mod mirror;
mod output;
mod policy;
mod publish;
mod purl;
mod serve;
mod server;
mod survey;
mod tls;
mod versions;
mod watch;
mod wiring;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    let cli = cli::Cli::parse();
    if cli.is_server() {
        serve::arenas::bound();
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let result = match runtime {
        Ok(runtime) => {
            let result = runtime.block_on(cli.run());
            // Work that nobody waits for any more must not hold up the end.
            runtime.shutdown_timeout(std::time::Duration::from_secs(1));
            result
        }
        Err(error) => Err(anyhow::anyhow!("the runtime cannot be started: {error}")),
    };
    match result {
        Ok(code) => code,
        Err(error) => {
            output::error(&error);
            // 2: Weir could not tell. 1 is kept for refusals.
            ExitCode::from(2)
        }
    }
}
