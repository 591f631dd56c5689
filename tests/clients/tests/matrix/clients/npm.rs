use super::{
    Case, Client, EMPTY_PACKAGE, Empty, Expect, MINIMIST, NO_ANSWER, Subject, Want, installs, kept, nothing, npmrc,
    shown,
};
use crate::gate::Stage;
use crate::sandbox::Sandbox;
use crate::seen::Seen;

pub struct Npm;

impl Client for Npm {
    fn name(&self) -> &'static str {
        "npm"
    }

    fn version(&self, sandbox: &Sandbox) -> Seen {
        sandbox.node(&sandbox.tools().node("npm/bin/npm-cli.js"), &["--version"])
    }

    fn subject(&self) -> &'static Subject {
        &MINIMIST
    }

    fn install(&self, sandbox: &Sandbox, stage: &Stage, want: Want<'_>) -> Seen {
        sandbox.write("package.json", EMPTY_PACKAGE);
        npm(sandbox, stage, &["install", &want.spec(MINIMIST.package)])
    }

    fn lock(&self, sandbox: &Sandbox, stage: &Stage, version: &str) -> Seen {
        sandbox.write("package.json", EMPTY_PACKAGE);
        let wanted = Want::Exactly(version).spec(MINIMIST.package);
        npm(sandbox, stage, &["install", "--package-lock-only", "--save-exact", &wanted])
    }

    fn install_locked(&self, sandbox: &Sandbox, made: &Sandbox, from: &Stage, to: &Stage) -> Seen {
        sandbox.take(made, &["package.json", "package-lock.json"], (from.base(), to.base()));
        npm(sandbox, to, &["ci"])
    }

    fn install_file(&self, sandbox: &Sandbox, stage: &Stage) -> Seen {
        sandbox.write("package.json", EMPTY_PACKAGE);
        npm(sandbox, stage, &["install", &stage.file(MINIMIST.file)])
    }

    fn installed(&self, sandbox: &Sandbox) -> Option<String> {
        sandbox.node_version_of(MINIMIST.package)
    }

    fn empty(&self) -> Option<Empty> {
        Some(Empty { command: "npm cache clean --force", script: Some(("npm", "npm/bin/npm-cli.js")) })
    }

    fn expect(&self, case: Case) -> Expect {
        match case {
            Case::Allowed | Case::Range => installs("added 1 package"),
            Case::Pinned => shown("Weir refuses"),
            Case::Locked | Case::File => shown("npm error 403 403"),
            Case::Cut => nothing("network aborted", NO_ANSWER),
            Case::Again | Case::Since => shown("Weir refuses"),
            Case::SinceLocked => kept("added 1 package"),
            Case::Down => shown("npm error 502"),
            other => self.expect(other.like()),
        }
    }
}

fn npm(sandbox: &Sandbox, stage: &Stage, arguments: &[&str]) -> Seen {
    npmrc(sandbox, stage, "");
    let registry = format!("--registry={}", stage.npm());
    let options = [registry.as_str(), "--no-audit", "--fetch-retries=0"];
    sandbox.node(&sandbox.tools().node("npm/bin/npm-cli.js"), &[arguments, &options].concat())
}
