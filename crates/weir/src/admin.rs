//! `weir admin …`

use std::process::ExitCode;

use anyhow::bail;
use clap::Subcommand;
use weir_api::token::Token;
use weir_core::{Clock, time::SystemClock};
use weir_store::Scope;

use crate::cli::Place;
use crate::{backup, check, ecosystems, output, wiring};

#[derive(Subcommand, Debug)]
pub enum Command {
    /// Access tokens.
    #[command(subcommand)]
    Token(TokenCommand),
    /// Check that everything that Weir keeps is whole. Exit code 1 if it is not.
    Check(check::Arguments),
    /// Copy everything that Weir keeps, as it is at one moment, while a server runs. Exit code 1 if bytes are missing.
    Backup(backup::Arguments),
}

#[derive(Subcommand, Debug)]
pub enum TokenCommand {
    /// Make a token and print it, this once.
    Create {
        /// Whose it is: the name in logs and records.
        name: String,
        /// What it may do.
        #[arg(long, default_value = "read", value_parser = ["read", "admin"])]
        scope: String,
        /// Bind it to a stage: nothing that this stage refuses is served for it, whatever stage an address names.
        #[arg(long)]
        stage: Option<String>,
        /// Let it publish packages whose names match: `npm:@acme/*`, `pypi:acme-*`, `cargo:*`, or `*` for all. Can be
        /// given several times.
        #[arg(long, value_name = "PATTERN")]
        publish: Vec<String>,
        /// Days until it ends.
        #[arg(long, default_value_t = 90, value_parser = clap::value_parser!(i64).range(1..=3650))]
        days: i64,
    },
    /// List tokens, without their secrets.
    List,
    /// End a token at once.
    Revoke {
        /// Its id, as `list` shows it.
        id: String,
    },
}

/// Runs `weir admin …`.
pub async fn run(place: &Place, command: &Command) -> anyhow::Result<ExitCode> {
    let command = match command {
        Command::Token(command) => command,
        Command::Check(arguments) => return check::run(place, arguments).await,
        Command::Backup(arguments) => return backup::run(place, arguments).await,
    };
    let parts = wiring::Opened::open(place, true).await?;
    let now = SystemClock.now();
    match command {
        TokenCommand::Create { name, scope, stage, publish, days } => {
            for pattern in publish {
                if let Err(problem) = weir_gateway::rights::check(pattern, ecosystems::ALL) {
                    bail!("--publish: {problem}");
                }
            }
            let scope = if scope == "admin" { Scope::Admin } else { Scope::Read };
            if let Some(stage) = stage {
                let policy = crate::policy::read(&parts.data.policy(place))?;
                if policy.stage(stage).is_none() {
                    let known: Vec<_> = policy.stages().map(|stage| stage.name.as_str()).collect();
                    bail!("the policy has no stage `{stage}`; it has {}", known.join(", "));
                }
            }
            let expires = Some(now.plus_days(*days));
            let token = Token::create(&parts.store, name, scope, stage.as_deref(), publish, now, expires).await?;
            output::line(token.reveal());
        }
        TokenCommand::List => {
            for row in parts.store.tokens().await? {
                let state = if row.revoked.is_some() {
                    String::from("revoked")
                } else {
                    match row.expires {
                        Some(expires) if expires <= now => format!("expired {}", expires.date()),
                        Some(expires) => format!("until {}", expires.date()),
                        None => String::from("without end"),
                    }
                };
                let publish = match row.publish.as_slice() {
                    [] => String::new(),
                    patterns => format!("  publishes {}", patterns.join(", ")),
                };
                output::line(format!(
                    "{}  {:<6} {:<10} {:<20} {}{publish}",
                    row.id,
                    match row.scope {
                        Scope::Admin => "admin",
                        Scope::Read => "read",
                    },
                    row.stage.as_deref().unwrap_or("any stage"),
                    state,
                    row.name
                ));
            }
        }
        TokenCommand::Revoke { id } => {
            if parts.store.token(id).await?.is_none() {
                bail!("there is no token `{id}`; `weir admin token list` shows them");
            }
            parts.store.revoke_token(id, now).await?;
            output::line(format!("{id} is revoked; a running server forgets it within 2 seconds"));
        }
    }
    Ok(ExitCode::SUCCESS)
}
