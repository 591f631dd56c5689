use super::{Case, Client, Empty, Expect, NO_ANSWER, SMALLVEC, Subject, Want, installs, kept, nothing, shown};
use crate::gate::Stage;
use crate::sandbox::Sandbox;
use crate::seen::Seen;

pub struct Cargo;

const YANKED: &str = "a line of the index has no field for a reason; `weir explain` has it, and every download";

impl Client for Cargo {
    fn name(&self) -> &'static str {
        "cargo"
    }

    fn version(&self, sandbox: &Sandbox) -> Seen {
        sandbox.run(sandbox.tools().cargo(), &["--version"])
    }

    fn subject(&self) -> &'static Subject {
        &SMALLVEC
    }

    fn install(&self, sandbox: &Sandbox, stage: &Stage, want: Want<'_>) -> Seen {
        project(sandbox, &want.caret());
        cargo(sandbox, stage, &["fetch"])
    }

    fn lock(&self, sandbox: &Sandbox, stage: &Stage, version: &str) -> Seen {
        project(sandbox, &Want::Exactly(version).caret());
        cargo(sandbox, stage, &["generate-lockfile"])
    }

    fn install_locked(&self, sandbox: &Sandbox, made: &Sandbox, from: &Stage, to: &Stage) -> Seen {
        sandbox.take(made, &["Cargo.toml", "Cargo.lock", "src/lib.rs"], (from.base(), to.base()));
        cargo(sandbox, to, &["fetch", "--locked"])
    }

    /// cargo takes no address of a file. A lock file in which the version is already chosen is the way past the index; this
    /// one is written by hand. `cargo vendor` goes to crates.io, whatever replaces it, unless it is told not to.
    fn install_file(&self, sandbox: &Sandbox, stage: &Stage) -> Seen {
        project(sandbox, &Want::Exactly(SMALLVEC.refused).caret());
        let lock = format!(
            "version = 4\n\n[[package]]\nname = \"sample\"\nversion = \"0.1.0\"\ndependencies = [\n \"smallvec\",\n]\n\n\
             [[package]]\nname = \"smallvec\"\nversion = \"{}\"\n\
             source = \"registry+https://github.com/rust-lang/crates.io-index\"\n\
             checksum = \"1a55ca5f3b68e41c979bf8c46a6f1da892ca4db8f94023ce0bd32407573b1ac0\"\n",
            SMALLVEC.refused
        );
        sandbox.write("Cargo.lock", &lock);
        cargo(sandbox, stage, &["vendor", "--locked", "--respect-source-config"])
    }

    fn installed(&self, sandbox: &Sandbox) -> Option<String> {
        let sources = std::fs::read_dir(sandbox.home().join(".cargo/registry/cache")).ok()?;
        let crates =
            sources.filter_map(Result::ok).filter_map(|source| std::fs::read_dir(source.path()).ok()).flatten();
        let locked = sandbox.read("Cargo.lock");
        let version = crates.filter_map(Result::ok).find_map(|file| {
            let name = file.file_name().into_string().ok()?;
            Some(name.strip_prefix("smallvec-")?.strip_suffix(".crate")?.to_owned())
        });
        // What is fetched stays when a project goes: only what the project is locked to counts.
        version.filter(|version| locked.contains(&format!("version = \"{version}\"")))
    }

    fn empty(&self) -> Option<Empty> {
        Some(Empty { command: "rm -rf ~/.cargo/registry", script: None })
    }

    fn expect(&self, case: Case) -> Expect {
        match case {
            Case::Allowed | Case::Range => installs("Downloaded smallvec v"),
            Case::Pinned => nothing("is yanked", YANKED),
            Case::Locked | Case::File => shown("vulnerability RUSTSEC"),
            Case::Cut => nothing("failed to download from", NO_ANSWER),
            Case::Again | Case::Since => nothing("is yanked", YANKED),
            Case::SinceLocked => kept(""),
            Case::Down => shown("cannot be reached"),
            other => self.expect(other.like()),
        }
    }
}

fn project(sandbox: &Sandbox, requirement: &str) {
    let manifest = format!(
        "[package]\nname = \"sample\"\nversion = \"0.1.0\"\nedition = \"2021\"\n\n[dependencies]\n\
         smallvec = \"{requirement}\"\n\n[workspace]\n"
    );
    sandbox.write("Cargo.toml", &manifest);
    sandbox.write("src/lib.rs", "");
}

fn cargo(sandbox: &Sandbox, stage: &Stage, arguments: &[&str]) -> Seen {
    let index = stage.cargo();
    // A registry that has a name is one that cargo finds a token for.
    let weir = match &stage.access {
        None => format!("[source.weir]\nregistry = \"{index}\"\n"),
        Some(access) => {
            sandbox.set("CARGO_REGISTRIES_WEIR_TOKEN", &access.token);
            let authority = access.authority.display();
            format!(
                "[registries.weir]\nindex = \"{index}\"\ncredential-provider = [\"cargo:token\"]\n\n\
                 [http]\ncainfo = \"{authority}\"\n"
            )
        }
    };
    let config = format!("[source.crates-io]\nreplace-with = \"weir\"\n\n{weir}\n[net]\nretry = 0\n");
    sandbox.write_home(".cargo/config.toml", &config);
    sandbox.run(sandbox.tools().cargo(), arguments)
}
