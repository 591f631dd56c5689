use serde_json::Value;

use super::{Case, Client, DJANGO, Expect, Subject, Want, installs, nothing, shown};
use crate::gate::Stage;
use crate::sandbox::Sandbox;
use crate::seen::Seen;

pub struct Pip;

const INSTALL: [&str; 7] = ["install", "--retries", "0", "--no-deps", "--no-compile", "--target", "site"];

impl Client for Pip {
    fn name(&self) -> &'static str {
        "pip"
    }

    fn version(&self, sandbox: &Sandbox) -> Seen {
        pip(sandbox, None, &["--version"], &[])
    }

    fn subject(&self) -> &'static Subject {
        &DJANGO
    }

    fn install(&self, sandbox: &Sandbox, stage: &Stage, want: Want<'_>) -> Seen {
        pip(sandbox, Some(stage), &INSTALL, &["--index-url", &stage.pypi(), &want.requirement(DJANGO.package)])
    }

    fn lock(&self, sandbox: &Sandbox, stage: &Stage, version: &str) -> Seen {
        let wanted = Want::Exactly(version).requirement(DJANGO.package);
        let report = ["--dry-run", "--report", "report.json", "--no-deps", "--index-url", &stage.pypi(), &wanted];
        let seen = pip(sandbox, Some(stage), &["install"], &report);
        let report: Value = serde_json::from_str(&sandbox.read("report.json")).unwrap_or_default();
        let hash = report["install"][0]["download_info"]["archive_info"]["hashes"]["sha256"].as_str();
        sandbox.write("requirements.txt", &format!("{wanted} --hash=sha256:{}\n", hash.unwrap_or_default()));
        seen
    }

    fn install_locked(&self, sandbox: &Sandbox, made: &Sandbox, from: &Stage, to: &Stage) -> Seen {
        sandbox.take(made, &["requirements.txt"], (from.base(), to.base()));
        let locked = ["--index-url", &to.pypi(), "--require-hashes", "--requirement", "requirements.txt"];
        pip(sandbox, Some(to), &INSTALL, &locked)
    }

    fn install_file(&self, sandbox: &Sandbox, stage: &Stage) -> Seen {
        pip(sandbox, Some(stage), &INSTALL, &["--index-url", &stage.pypi(), &stage.file(DJANGO.file)])
    }

    fn installed(&self, sandbox: &Sandbox) -> Option<String> {
        sandbox.python_version_of(DJANGO.package)
    }

    fn expect(&self, case: Case) -> Expect {
        match case {
            Case::Allowed | Case::Range => installs("Successfully installed"),
            Case::Pinned | Case::Locked | Case::File => shown("403 Client Error"),
            Case::Cut => shown("ERROR: 403 Client Error"),
            Case::Again | Case::Since | Case::SinceLocked => shown("403 Client Error"),
            Case::Down => nothing("from versions: none", "pip shows nothing of a page that it cannot get"),
            other => self.expect(other.like()),
        }
    }
}

fn pip(sandbox: &Sandbox, stage: Option<&Stage>, first: &[&str], more: &[&str]) -> Seen {
    if let Some(access) = stage.and_then(|stage| stage.access.as_ref()) {
        sandbox.write_secret(".netrc", &format!("machine localhost\nlogin weir\npassword {}\n", access.token));
        sandbox.set("PIP_CERT", &access.authority);
    }
    sandbox.run(&sandbox.tools().python("pip"), &[first, more].concat())
}
