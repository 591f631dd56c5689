//! What does a pipeline write to the same end?

use std::path::Path;

use clap::ValueEnum;
use weir_core::client::{Format, Gate, Machine as _, Scope, Token};

use super::Known;
use super::machine::Here;
use super::point::{Asked, NOT_OF_A_DAY};

/// The pipelines whose words are known.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// GitHub Actions.
    Github,
    /// GitLab CI/CD.
    Gitlab,
}

/// What stands for the token until the pipeline runs. It is a text that no setting has by itself.
const TOKEN: &str = "WEIR_TOKEN_HERE";
const END: &str = "WEIR_SETTINGS_END";

/// The lines for all clients: variables where those can say it, files where not. The token is the secret `WEIR_TOKEN`.
pub fn lines(kind: Kind, server: &str, asked: &Asked, clients: &[Known], here: &Here) -> anyhow::Result<String> {
    let mut variables: Vec<(String, String)> = Vec::new();
    let mut files: Vec<(String, String, bool)> = Vec::new();
    let mut notes = Vec::new();
    let loopback =
        Gate { server: server.to_owned(), stage: asked.stage.clone(), ecosystem: "", token: None }.is_loopback();
    for Known { ecosystem, client } in clients {
        let (stage, day) = asked.address(ecosystem);
        if day != asked.day {
            notes.push(format!("# {}: {NOT_OF_A_DAY}\n", client.id));
        }
        let gate = Gate {
            server: server.to_owned(),
            stage,
            ecosystem: ecosystem.id,
            token: (!loopback).then(|| Token::new(TOKEN)),
        };
        let own = (client.variables)(&gate);
        if !own.is_empty() {
            variables.extend(own);
            continue;
        }
        match (client.settings)(&gate, here, Scope::User) {
            Ok(edits) => {
                for edit in edits {
                    let file = place(here, &edit.file);
                    let at = files.iter().position(|(there, ..)| *there == file);
                    let text = at.and_then(|at| files.get(at)).map_or("", |(_, text, _)| text.as_str());
                    let text = weir_settings::apply(text, edit.format, &edit.changes)?;
                    match at.and_then(|at| files.get_mut(at)) {
                        Some(there) => (there.1, there.2) = (text, there.2 || edit.secret),
                        None if edit.format == Format::Words => {}
                        None => files.push((file, text, edit.secret)),
                    }
                }
            }
            Err(note) => notes.push(format!("# {}: {note}\n", client.id)),
        }
    }
    variables.sort();
    variables.dedup();
    let mut out = notes.concat();
    let secret = match kind {
        Kind::Github => "${{ secrets.WEIR_TOKEN }}",
        Kind::Gitlab => "${WEIR_TOKEN}",
    };
    let needs_token = !loopback;
    if !variables.is_empty() || (needs_token && kind == Kind::Github) {
        out.push_str(if kind == Kind::Github { "env:\n" } else { "variables:\n" });
        for (name, value) in &variables {
            out.push_str(&format!("  {name}: {}\n", serde_json::Value::from(value.replace(TOKEN, secret))));
        }
        if needs_token && kind == Kind::Github && !files.is_empty() {
            out.push_str(&format!("  WEIR_TOKEN: \"{secret}\"\n"));
        }
    }
    if !files.is_empty() {
        let (head, indent) = match kind {
            Kind::Github => ("steps:\n  - name: Ask Weir\n    run: |\n", "      "),
            Kind::Gitlab => ("before_script:\n  - |\n", "    "),
        };
        out.push_str(head);
        for (file, text, secret) in &files {
            for line in script(file, text, *secret).lines() {
                out.push_str(format!("{indent}{line}").trim_end());
                out.push('\n');
            }
        }
    }
    Ok(out)
}

/// A path as a shell finds it on another machine.
fn place(here: &Here, file: &Path) -> String {
    match file.strip_prefix(here.home()) {
        Ok(rest) => format!("$HOME/{}", rest.display()),
        Err(_) => file.display().to_string(),
    }
}

/// Shell that writes a file. The shell puts the token in and nothing else.
fn script(file: &str, text: &str, secret: bool) -> String {
    let escaped = text.replace('\\', "\\\\").replace('$', "\\$").replace('`', "\\`").replace(TOKEN, "${WEIR_TOKEN}");
    let folder = file.rsplit_once('/').map_or(".", |(folder, _)| folder);
    let close = if secret { format!("chmod 600 \"{file}\"\n") } else { String::new() };
    format!("mkdir -p \"{folder}\"\ncat >\"{file}\" <<{END}\n{}\n{END}\n{close}", escaped.trim_end())
}
