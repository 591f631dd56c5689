//! `weir publish …`: packages of one's own, the same for every ecosystem.

use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::{Args, Subcommand};
use http::Method;
use weir_core::Purl;

use crate::server::{Server, detail};
use crate::{ecosystems, output};

mod check;

#[derive(Subcommand, Debug)]
pub enum Command {
    /// Look files over before they are published: what is in them, and what one would rather know. Exit code 1 if
    /// something of it should stop them.
    Check(check::Arguments),
    /// Withdraw a release that is hosted: it stays for those who pin it, and nobody else chooses it.
    Yank {
        /// The release: pkg:pypi/acme-core@1.0.
        purl: String,
        /// Why, for those who meet it.
        #[arg(long, default_value = "")]
        reason: String,
        #[command(flatten)]
        at: At,
    },
    /// Take a withdrawal back.
    Restore {
        /// The release: pkg:pypi/acme-core@1.0.
        purl: String,
        #[command(flatten)]
        at: At,
    },
}

/// The running Weir that hosts the release.
#[derive(Args, Debug)]
pub struct At {
    /// Its address.
    #[arg(long, env = "WEIR_SERVER", value_name = "URL")]
    server: String,
    /// A token that may publish the package.
    #[arg(long, env = "WEIR_TOKEN", hide_env_values = true, value_name = "TOKEN")]
    token: Option<String>,
}

/// Runs `weir publish …`.
pub async fn run(command: &Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Check(arguments) => check::run(arguments).await,
        Command::Yank { purl, reason, at } => change(at, "yank", purl, &[("reason", reason)], "is withdrawn").await,
        Command::Restore { purl, at } => change(at, "restore", purl, &[], "is restored").await,
    }
}

/// Asks for a change of a release, and says that it is done. What is refused ends with 1.
async fn change(at: &At, what: &str, text: &str, more: &[(&str, &String)], done: &str) -> anyhow::Result<ExitCode> {
    let purl = Purl::parse(text)?;
    let (ecosystem, package) = purl.package(ecosystems::ALL)?;
    let version = purl.version.as_deref().with_context(|| format!("`{text}` names no version"))?;
    let purl = Purl::new(ecosystem, &package, Some(version)).to_string();
    let mut parameters = vec![("purl", purl.as_str())];
    parameters.extend(more.iter().map(|(name, value)| (*name, value.as_str())));
    let server = Server::at(&at.server, at.token.as_deref())?;
    let (status, body) = server.send(Method::POST, &format!("hosted/{what}"), &parameters).await?;
    match status {
        200 => {
            output::line(format!("{purl} {done}"));
            Ok(ExitCode::SUCCESS)
        }
        400..500 => {
            output::note(format!("{}: {}", at.server, detail(&body)));
            Ok(ExitCode::FAILURE)
        }
        status => bail!("{} answered {status}: {}", at.server, detail(&body)),
    }
}
