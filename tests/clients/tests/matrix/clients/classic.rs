use super::{Case, Client, EMPTY_PACKAGE, Expect, MINIMIST, NOT_LISTED, Subject, Want, installs, nothing};
use crate::gate::Stage;
use crate::sandbox::Sandbox;
use crate::seen::Seen;

pub struct Classic;

const NO_BODY: &str = "yarn classic prints neither the body nor the reason phrase of an answer";

impl Client for Classic {
    fn name(&self) -> &'static str {
        "yarn classic"
    }

    fn version(&self, sandbox: &Sandbox) -> Seen {
        sandbox.node(&sandbox.tools().node("yarn/bin/yarn.js"), &["--version"])
    }

    fn subject(&self) -> &'static Subject {
        &MINIMIST
    }

    fn install(&self, sandbox: &Sandbox, stage: &Stage, want: Want<'_>) -> Seen {
        sandbox.write("package.json", EMPTY_PACKAGE);
        yarn(sandbox, stage, &["add", &want.spec(MINIMIST.package)])
    }

    /// It makes no lock file without installing; the project that installs the lock file is another.
    fn lock(&self, sandbox: &Sandbox, stage: &Stage, version: &str) -> Seen {
        self.install(sandbox, stage, Want::Exactly(version))
    }

    fn install_locked(&self, sandbox: &Sandbox, made: &Sandbox, from: &Stage, to: &Stage) -> Seen {
        sandbox.take(made, &["package.json", "yarn.lock"], (from.base(), to.base()));
        yarn(sandbox, to, &["install", "--frozen-lockfile"])
    }

    fn install_file(&self, sandbox: &Sandbox, stage: &Stage) -> Seen {
        sandbox.write("package.json", EMPTY_PACKAGE);
        yarn(sandbox, stage, &["add", &stage.file(MINIMIST.file)])
    }

    fn installed(&self, sandbox: &Sandbox) -> Option<String> {
        sandbox.node_version_of(MINIMIST.package)
    }

    fn insists(&self) -> bool {
        true
    }

    fn expect(&self, case: Case) -> Expect {
        match case {
            Case::Allowed | Case::Range => installs("minimist@"),
            Case::Pinned => nothing("Couldn't find any versions", NOT_LISTED),
            Case::Locked | Case::File => nothing("403 Forbidden", NO_BODY),
            Case::Down => nothing("ResponseError: Request failed", NO_BODY),
        }
    }
}

fn yarn(sandbox: &Sandbox, stage: &Stage, arguments: &[&str]) -> Seen {
    sandbox.write(".yarnrc", &format!("registry \"{}\"\n", stage.npm()));
    // Run as root it would keep its cache beside the home, where other runs find it.
    let cache = format!("--cache-folder={}", sandbox.home().join("cache").display());
    let options = [cache.as_str(), "--non-interactive", "--no-progress"];
    sandbox.node(&sandbox.tools().node("yarn/bin/yarn.js"), &[arguments, &options].concat())
}
