use super::{
    Case, Client, EMPTY_PACKAGE, Empty, Expect, MINIMIST, NO_ANSWER, NOT_LISTED, Subject, Want, installs, kept,
    nothing, shown,
};
use crate::gate::Stage;
use crate::sandbox::Sandbox;
use crate::seen::Seen;

pub struct Berry;

impl Client for Berry {
    fn name(&self) -> &'static str {
        "yarn berry"
    }

    fn version(&self, sandbox: &Sandbox) -> Seen {
        sandbox.node(&sandbox.tools().node("@yarnpkg/cli-dist/bin/yarn.js"), &["--version"])
    }

    fn subject(&self) -> &'static Subject {
        &MINIMIST
    }

    fn install(&self, sandbox: &Sandbox, stage: &Stage, want: Want<'_>) -> Seen {
        project(sandbox);
        yarn(sandbox, stage, &["add", &want.spec(MINIMIST.package)])
    }

    fn lock(&self, sandbox: &Sandbox, stage: &Stage, version: &str) -> Seen {
        project(sandbox);
        yarn(sandbox, stage, &["add", "--mode=update-lockfile", &Want::Exactly(version).spec(MINIMIST.package)])
    }

    fn install_locked(&self, sandbox: &Sandbox, made: &Sandbox, from: &Stage, to: &Stage) -> Seen {
        sandbox.take(made, &["package.json", "yarn.lock"], (from.base(), to.base()));
        yarn(sandbox, to, &["install", "--immutable"])
    }

    fn install_file(&self, sandbox: &Sandbox, stage: &Stage) -> Seen {
        project(sandbox);
        yarn(sandbox, stage, &["add", &format!("minimist@{}", stage.file(MINIMIST.file))])
    }

    fn installed(&self, sandbox: &Sandbox) -> Option<String> {
        sandbox.node_version_of(MINIMIST.package)
    }

    fn empty(&self) -> Option<Empty> {
        Some(Empty { command: "yarn cache clean --all", script: Some(("yarn", "@yarnpkg/cli-dist/bin/yarn.js")) })
    }

    fn expect(&self, case: Case) -> Expect {
        match case {
            Case::Allowed | Case::Range => installs("+ minimist@"),
            Case::Pinned => nothing("No candidates found", NOT_LISTED),
            Case::Locked | Case::File => shown("Response Code: 403"),
            Case::Cut => nothing("ReadError", NO_ANSWER),
            Case::Again => shown("Response Code: 403"),
            Case::Since => kept("+ minimist@"),
            Case::SinceLocked => kept("Fetch step"),
            Case::Down => shown("Response Code: 502"),
            other => self.expect(other.like()),
        }
    }
}

/// A lock file, though an empty one, says that this directory is the project and none above it.
fn project(sandbox: &Sandbox) {
    sandbox.write("package.json", EMPTY_PACKAGE);
    sandbox.write("yarn.lock", "");
}

fn yarn(sandbox: &Sandbox, stage: &Stage, arguments: &[&str]) -> Seen {
    let access = stage.access.as_ref().map_or_else(String::new, |access| {
        let authority = access.authority.display();
        format!("npmAuthToken: \"{}\"\nnpmAlwaysAuth: true\nhttpsCaFilePath: \"{authority}\"\n", access.token)
    });
    sandbox.write_secret(".yarnrc.yml", &access);
    let settings = format!(
        "npmRegistryServer: \"{}\"\nunsafeHttpWhitelist: [\"127.0.0.1\"]\nnodeLinker: node-modules\n\
         enableScripts: false\nhttpRetry: 0\n",
        stage.npm()
    );
    sandbox.write(".yarnrc.yml", &settings);
    sandbox.node(&sandbox.tools().node("@yarnpkg/cli-dist/bin/yarn.js"), arguments)
}
