use super::{
    Case, Client, EMPTY_PACKAGE, Empty, Expect, MINIMIST, NO_ANSWER, NOT_LISTED, Subject, Want, installs, kept,
    nothing, npmrc, shown,
};
use crate::gate::Stage;
use crate::sandbox::Sandbox;
use crate::seen::Seen;

pub struct Pnpm;

impl Client for Pnpm {
    fn name(&self) -> &'static str {
        "pnpm"
    }

    fn version(&self, sandbox: &Sandbox) -> Seen {
        sandbox.node(&sandbox.tools().node("pnpm/bin/pnpm.cjs"), &["--version"])
    }

    fn subject(&self) -> &'static Subject {
        &MINIMIST
    }

    fn install(&self, sandbox: &Sandbox, stage: &Stage, want: Want<'_>) -> Seen {
        sandbox.write("package.json", EMPTY_PACKAGE);
        pnpm(sandbox, stage, &["add", &want.spec(MINIMIST.package)])
    }

    fn lock(&self, sandbox: &Sandbox, stage: &Stage, version: &str) -> Seen {
        sandbox.write("package.json", EMPTY_PACKAGE);
        pnpm(sandbox, stage, &["add", "--lockfile-only", &Want::Exactly(version).spec(MINIMIST.package)])
    }

    fn install_locked(&self, sandbox: &Sandbox, made: &Sandbox, from: &Stage, to: &Stage) -> Seen {
        sandbox.take(made, &["package.json", "pnpm-lock.yaml"], (from.base(), to.base()));
        pnpm(sandbox, to, &["install", "--frozen-lockfile"])
    }

    fn install_file(&self, sandbox: &Sandbox, stage: &Stage) -> Seen {
        sandbox.write("package.json", EMPTY_PACKAGE);
        pnpm(sandbox, stage, &["add", &stage.file(MINIMIST.file)])
    }

    fn installed(&self, sandbox: &Sandbox) -> Option<String> {
        sandbox.node_version_of(MINIMIST.package)
    }

    fn empty(&self) -> Option<Empty> {
        Some(Empty { command: "rm -rf \"$(pnpm store path)\"", script: Some(("pnpm", "pnpm/bin/pnpm.cjs")) })
    }

    fn expect(&self, case: Case) -> Expect {
        match case {
            Case::Allowed | Case::Range => installs("+ minimist"),
            Case::Pinned => nothing("No matching version", NOT_LISTED),
            Case::Locked | Case::File => shown("ERR_PNPM_FETCH_403"),
            Case::Cut => nothing("aborted", NO_ANSWER),
            Case::Again => shown("ERR_PNPM_FETCH_403"),
            Case::Since | Case::SinceLocked => kept("+ minimist"),
            Case::Down => shown("ERR_PNPM_FETCH_502"),
            other => self.expect(other.like()),
        }
    }
}

fn pnpm(sandbox: &Sandbox, stage: &Stage, arguments: &[&str]) -> Seen {
    npmrc(sandbox, stage, "");
    let registry = format!("--registry={}", stage.npm());
    let options = [registry.as_str(), "--fetch-retries=0", "--reporter=append-only"];
    sandbox.node(&sandbox.tools().node("pnpm/bin/pnpm.cjs"), &[arguments, &options].concat())
}
