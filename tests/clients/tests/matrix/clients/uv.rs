use super::{Case, Client, DJANGO, Empty, Expect, Subject, Want, installs, kept, shown};
use crate::gate::Stage;
use crate::sandbox::Sandbox;
use crate::seen::Seen;

pub struct Uv;

const INSTALL: [&str; 5] = ["pip", "install", "--no-deps", "--target", "site"];

impl Client for Uv {
    fn name(&self) -> &'static str {
        "uv"
    }

    fn version(&self, sandbox: &Sandbox) -> Seen {
        uv(sandbox, None, &["--version"], &[])
    }

    fn subject(&self) -> &'static Subject {
        &DJANGO
    }

    fn install(&self, sandbox: &Sandbox, stage: &Stage, want: Want<'_>) -> Seen {
        uv(
            sandbox,
            Some(stage),
            &INSTALL,
            &["--default-index", &format!("weir={}", stage.pypi()), &want.requirement(DJANGO.package)],
        )
    }

    fn lock(&self, sandbox: &Sandbox, stage: &Stage, version: &str) -> Seen {
        let project = format!(
            "[project]\nname = \"sample\"\nversion = \"0.1.0\"\nrequires-python = \">=3.11\"\n\
             dependencies = [\"django=={version}\"]\n\n[[tool.uv.index]]\nname = \"weir\"\nurl = \"{}\"\ndefault = true\n",
            stage.pypi()
        );
        sandbox.write("pyproject.toml", &project);
        uv(sandbox, Some(stage), &["lock"], &[])
    }

    fn install_locked(&self, sandbox: &Sandbox, made: &Sandbox, from: &Stage, to: &Stage) -> Seen {
        sandbox.take(made, &["pyproject.toml", "uv.lock"], (from.base(), to.base()));
        uv(sandbox, Some(to), &["sync", "--frozen", "--no-install-project"], &[])
    }

    fn install_file(&self, sandbox: &Sandbox, stage: &Stage) -> Seen {
        let address = format!("django @ {}", stage.file(DJANGO.file));
        uv(sandbox, Some(stage), &INSTALL, &["--default-index", &format!("weir={}", stage.pypi()), &address])
    }

    fn installed(&self, sandbox: &Sandbox) -> Option<String> {
        sandbox.python_version_of(DJANGO.package)
    }

    fn empty(&self) -> Option<Empty> {
        Some(Empty { command: "uv cache clean", script: None })
    }

    fn expect(&self, case: Case) -> Expect {
        match case {
            Case::Allowed | Case::Range => installs("+ django=="),
            Case::Pinned | Case::Locked | Case::File => shown("client error (403"),
            Case::Cut | Case::Again => shown("client error (403"),
            Case::Since => kept("is yanked"),
            Case::SinceLocked => kept("+ django=="),
            Case::Down => shown("Server message"),
            other => self.expect(other.like()),
        }
    }
}

fn uv(sandbox: &Sandbox, stage: Option<&Stage>, first: &[&str], more: &[&str]) -> Seen {
    if let Some(access) = stage.and_then(|stage| stage.access.as_ref()) {
        sandbox.set("UV_INDEX_WEIR_USERNAME", "weir");
        sandbox.set("UV_INDEX_WEIR_PASSWORD", &access.token);
        sandbox.set("SSL_CERT_FILE", &access.authority);
    }
    sandbox.run(&sandbox.tools().python("uv"), &[first, more].concat())
}
