use super::{Case, Client, DJANGO, Empty, Expect, NO_ANSWER, Subject, Want, installs, kept, nothing, shown};
use crate::gate::Stage;
use crate::sandbox::Sandbox;
use crate::seen::Seen;

pub struct Poetry;

/// A lock file has a digest of the sources in it: whoever moves the address of a source has to make it anew. This does so
/// without asking the source, as `poetry lock` would.
const REHASH: &str = "\
import pathlib
from poetry.factory import Factory
locker = Factory().create_poetry().locker
path = pathlib.Path('poetry.lock')
lines = path.read_text().splitlines()
lines = [f'content-hash = \"{locker._get_content_hash()}\"' if l.startswith('content-hash') else l for l in lines]
path.write_text('\\n'.join(lines) + '\\n')
";

impl Client for Poetry {
    fn name(&self) -> &'static str {
        "poetry"
    }

    fn version(&self, sandbox: &Sandbox) -> Seen {
        poetry(sandbox, None, &["--version"])
    }

    fn subject(&self) -> &'static Subject {
        &DJANGO
    }

    fn install(&self, sandbox: &Sandbox, stage: &Stage, want: Want<'_>) -> Seen {
        project(sandbox, stage, &want.requirement(DJANGO.package));
        let locked = poetry(sandbox, Some(stage), &["lock"]);
        if !locked.succeeded() {
            return locked;
        }
        locked.then(poetry(sandbox, Some(stage), &["install"]))
    }

    fn lock(&self, sandbox: &Sandbox, stage: &Stage, version: &str) -> Seen {
        project(sandbox, stage, &Want::Exactly(version).requirement(DJANGO.package));
        poetry(sandbox, Some(stage), &["lock"])
    }

    fn install_locked(&self, sandbox: &Sandbox, made: &Sandbox, from: &Stage, to: &Stage) -> Seen {
        sandbox.take(made, &["pyproject.toml", "poetry.lock"], (from.base(), to.base()));
        let rehashed = sandbox.run(&sandbox.tools().python("python"), &["-c", REHASH]);
        assert!(rehashed.succeeded(), "{}", rehashed.transcript());
        poetry(sandbox, Some(to), &["install"])
    }

    fn install_file(&self, sandbox: &Sandbox, stage: &Stage) -> Seen {
        project(sandbox, stage, &format!("django @ {}", stage.file(DJANGO.file)));
        let locked = poetry(sandbox, Some(stage), &["lock"]);
        if !locked.succeeded() {
            return locked;
        }
        locked.then(poetry(sandbox, Some(stage), &["install"]))
    }

    fn installed(&self, sandbox: &Sandbox) -> Option<String> {
        sandbox.python_version_of(DJANGO.package)
    }

    fn empty(&self) -> Option<Empty> {
        Some(Empty { command: "rm -rf \"$(poetry config cache-dir)\"", script: None })
    }

    fn insists(&self) -> bool {
        true
    }

    fn expect(&self, case: Case) -> Expect {
        match case {
            Case::Allowed | Case::Range => installs("Installing django ("),
            Case::Pinned | Case::Locked | Case::File => shown("403 Client Error"),
            Case::Cut => nothing("Cannot install django", NO_ANSWER),
            Case::Again => shown("403 Client Error"),
            Case::Since | Case::SinceLocked => kept("is yanked"),
            Case::Down => shown("502 Server Error"),
            other => self.expect(other.like()),
        }
    }
}

fn project(sandbox: &Sandbox, stage: &Stage, requirement: &str) {
    let project = format!(
        "[project]\nname = \"sample\"\nversion = \"0.1.0\"\nrequires-python = \">=3.11\"\n\
         dependencies = [\"{requirement}\"]\n\n[tool.poetry]\npackage-mode = false\n\n\
         [[tool.poetry.source]]\nname = \"weir\"\nurl = \"{}\"\npriority = \"primary\"\n",
        stage.pypi()
    );
    sandbox.write("pyproject.toml", &project);
}

fn poetry(sandbox: &Sandbox, stage: Option<&Stage>, arguments: &[&str]) -> Seen {
    if let Some(access) = stage.and_then(|stage| stage.access.as_ref()) {
        sandbox.set("POETRY_HTTP_BASIC_WEIR_USERNAME", "weir");
        sandbox.set("POETRY_HTTP_BASIC_WEIR_PASSWORD", &access.token);
        sandbox.set("POETRY_CERTIFICATES_WEIR_CERT", &access.authority);
    }
    sandbox.run(&sandbox.tools().python("poetry"), &[arguments, &["--no-interaction"]].concat())
}
