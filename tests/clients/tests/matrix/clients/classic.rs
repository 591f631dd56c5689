use super::{
    Case, Client, EMPTY_PACKAGE, Empty, Expect, MINIMIST, NOT_LISTED, Subject, Want, installs, kept, nothing, npmrc,
};
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

    fn empty(&self) -> Option<Empty> {
        Some(Empty { command: "yarn cache clean", script: Some(("yarn", "yarn/bin/yarn.js")) })
    }

    fn insists(&self) -> bool {
        true
    }

    fn expect(&self, case: Case) -> Expect {
        match case {
            Case::Allowed | Case::Range => installs("minimist@"),
            Case::Pinned => nothing("Couldn't find any versions", NOT_LISTED),
            Case::Locked | Case::File => nothing("403 Forbidden", NO_BODY),
            Case::Cut => nothing("403 Forbidden", NO_BODY),
            Case::Again => nothing("No valid versions found", NOT_LISTED),
            Case::Since => nothing("Couldn't find any versions", NOT_LISTED),
            Case::SinceLocked => kept("Building fresh packages"),
            Case::Down => nothing("ResponseError: Request failed", NO_BODY),
            other => self.expect(other.like()),
        }
    }
}

fn yarn(sandbox: &Sandbox, stage: &Stage, arguments: &[&str]) -> Seen {
    npmrc(sandbox, stage, "always-auth=true\n");
    if let Some(access) = &stage.access {
        // Of `.npmrc` it reads the token, and nothing of the authority.
        sandbox.write_home(".yarnrc", &format!("cafile \"{}\"\n", access.authority.display()));
    }
    sandbox.write(".yarnrc", &format!("registry \"{}\"\n", stage.npm()));
    // Run as root it would keep its cache beside the home, where other runs find it.
    sandbox.set("YARN_CACHE_FOLDER", sandbox.home().join("cache"));
    let options = ["--non-interactive", "--no-progress"];
    sandbox.node(&sandbox.tools().node("yarn/bin/yarn.js"), &[arguments, &options].concat())
}
