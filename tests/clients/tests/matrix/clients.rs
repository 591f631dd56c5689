//! Each client in a file: how it installs, what it leaves behind, what it can show. To add one: a file, and a line in
//! [`ALL`].

use crate::gate::Stage;
use crate::sandbox::Sandbox;
use crate::seen::Seen;

mod berry;
mod cargo;
mod classic;
mod npm;
mod pip;
mod pnpm;
mod poetry;
mod uv;

/// All clients, in the order of the page.
pub const ALL: [&dyn Client; 8] =
    [&pip::Pip, &uv::Uv, &poetry::Poetry, &npm::Npm, &pnpm::Pnpm, &classic::Classic, &berry::Berry, &cargo::Cargo];

/// A package manager.
pub trait Client: Sync {
    /// Its name on the page.
    fn name(&self) -> &'static str;

    /// The command that prints its version.
    fn version(&self, sandbox: &Sandbox) -> Seen;

    /// What it is asked for.
    fn subject(&self) -> &'static Subject;

    /// Installs what a requirement admits, in the client's own words for it: exactly a version, or a range.
    fn install(&self, sandbox: &Sandbox, stage: &Stage, want: Want<'_>) -> Seen;

    /// Makes a lock file of exactly a version, and installs nothing with it yet.
    fn lock(&self, sandbox: &Sandbox, stage: &Stage, version: &str) -> Seen;

    /// Installs a lock file that was made elsewhere, for another stage.
    fn install_locked(&self, sandbox: &Sandbox, made: &Sandbox, from: &Stage, to: &Stage) -> Seen;

    /// Gets the refused version past the index: by the address of its file, if the client takes one.
    fn install_file(&self, sandbox: &Sandbox, stage: &Stage) -> Seen;

    /// The version of the subject that is installed.
    fn installed(&self, sandbox: &Sandbox) -> Option<String>;

    /// What empties its own cache; `None` where what it keeps never stands in for what it is refused.
    fn empty(&self) -> Option<Empty> {
        None
    }

    /// True if it tries again whatever it is told.
    fn insists(&self) -> bool {
        false
    }

    /// What this client shows in a case.
    fn expect(&self, case: Case) -> Expect;
}

/// What empties a client's own cache.
#[derive(Clone, Copy, Debug)]
pub struct Empty {
    /// As a shell takes it.
    pub command: &'static str,
    /// The program in it that is written for Node: its name, and its script among the tools.
    pub script: Option<(&'static str, &'static str)>,
}

/// What to install.
#[derive(Clone, Copy, Debug)]
pub enum Want<'a> {
    Exactly(&'a str),
    /// A range of the subject.
    Range(&'a str),
}

/// The columns of the page.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Case {
    /// A version that is allowed.
    Allowed,
    /// A range whose newest version is refused.
    Range,
    /// Exactly a refused version.
    Pinned,
    /// A lock file with a refused version, made where it was allowed.
    Locked,
    /// The file of a refused version.
    File,
    /// Upstream takes no connection, and nothing is kept.
    Down,
    /// The last bytes of a large artifact show that it is not what it should be.
    Cut,
    /// The same again, with whatever the client has kept of it.
    Again,
    /// Installed when it was allowed, pinned now that it is refused, with the client's own cache.
    Since,
    /// The same from a lock file.
    SinceLocked,
    /// The same from a lock file, after the client's own cache was emptied as the page says.
    Emptied,
    /// Over https, with an authority of the organisation's own, and a token.
    Encrypted,
    /// A lock file with a refused version, in the same way.
    EncryptedRefused,
    /// The lock file names a stage that allows it; the token is bound to one that does not.
    OtherStage,
    /// Through nginx, which speaks https for Weir.
    Proxied,
    /// A lock file with a refused version, in the same way.
    ProxiedRefused,
}

/// The cases of an ordinary day, in the order of the page.
pub const CASES: [Case; 6] = [Case::Allowed, Case::Range, Case::Pinned, Case::Locked, Case::File, Case::Down];

/// The cases of harder days.
pub const HARDER: [Case; 10] = [
    Case::Cut,
    Case::Again,
    Case::Since,
    Case::SinceLocked,
    Case::Emptied,
    Case::Encrypted,
    Case::EncryptedRefused,
    Case::OtherStage,
    Case::Proxied,
    Case::ProxiedRefused,
];

impl Case {
    /// The case of an ordinary day that a client should show the same of.
    pub fn like(self) -> Self {
        match self {
            Self::Encrypted | Self::Proxied => Self::Allowed,
            Self::Emptied | Self::EncryptedRefused | Self::OtherStage | Self::ProxiedRefused => Self::Locked,
            other => other,
        }
    }

    pub fn title(self) -> &'static str {
        match self {
            Self::Allowed => "allowed",
            Self::Range => "range around a refused version",
            Self::Pinned => "pinned to a refused version",
            Self::Locked => "lock file with a refused version",
            Self::File => "file of a refused version",
            Self::Down => "upstream down",
            Self::Cut => "cut in the tail",
            Self::Again => "tried again after that",
            Self::Since => "refused since",
            Self::SinceLocked => "refused since, locked",
            Self::Emptied => "its cache emptied",
            Self::Encrypted => "https",
            Self::EncryptedRefused => "https, refused",
            Self::OtherStage => "the token's stage",
            Self::Proxied => "nginx",
            Self::ProxiedRefused => "nginx, refused",
        }
    }
}

/// What is to be seen.
#[derive(Clone, Copy, Debug)]
pub struct Expect {
    /// Part of the line that tells a person most.
    pub line: &'static str,
    pub shows: Shows,
}

/// How much a client shows.
#[derive(Clone, Copy, Debug)]
pub enum Shows {
    /// The version that is installed.
    Installed,
    /// Why: rule, advisory and the nearest version that is allowed; or what is wrong upstream.
    Reason,
    /// That it did not work, and not why: for this reason.
    Nothing(&'static str),
    /// It installs what it has kept, and asks nobody for it.
    Kept,
}

/// What all clients of an ecosystem are asked for.
#[derive(Debug)]
pub struct Subject {
    pub package: &'static str,
    /// A version that both stages allow.
    pub allowed: &'static str,
    /// A range of which the strict stage refuses the newest version.
    pub range: &'static str,
    /// The newest of the range that is allowed there.
    pub within: &'static str,
    /// A version that the strict stage refuses.
    pub refused: &'static str,
    /// Why it does.
    pub advisory: &'static str,
    /// What it offers in its place.
    pub nearest: &'static str,
    /// The file of the refused version, under the address of a stage.
    pub file: &'static str,
}

pub const DJANGO: Subject = Subject {
    package: "django",
    allowed: "4.2.30",
    range: "<4.2.30",
    within: "4.1.13",
    refused: "4.2.24",
    advisory: "PYSEC-2025-106",
    nearest: "4.2.30",
    file: "pypi/files/django/django-4.2.24-py3-none-any.whl",
};

pub const MINIMIST: Subject = Subject {
    package: "minimist",
    allowed: "1.2.8",
    range: "<1.2.6",
    within: "0.2.4",
    refused: "1.2.0",
    advisory: "GHSA-xvch-5gv4-984h",
    nearest: "1.2.6",
    file: "npm/minimist/-/minimist-1.2.0.tgz",
};

pub const SMALLVEC: Subject = Subject {
    package: "smallvec",
    allowed: "1.6.1",
    range: ">=0.6, <1.6.1",
    within: "0.6.14",
    refused: "1.6.0",
    advisory: "RUSTSEC-2021-0003",
    nearest: "1.6.1",
    file: "cargo/dl/smallvec/1.6.0/download",
};

/// A project of nothing but its name.
const EMPTY_PACKAGE: &str = "{\"name\":\"sample\",\"version\":\"1.0.0\",\"private\":true}\n";

/// Writes what npm, pnpm and yarn classic need to be let in.
fn npmrc(sandbox: &Sandbox, stage: &Stage, more: &str) {
    if let Some(access) = &stage.access {
        let (registry, token, authority) = (stage.npmrc(), &access.token, access.authority.display());
        sandbox.write_secret(".npmrc", &format!("{registry}:_authToken={token}\ncafile={authority}\n{more}"));
    }
}

/// Why nothing is said of a connection that is cut.
const NO_ANSWER: &str = "the connection ends, and nothing could say why; the next try is told";

/// Why a version that is pinned is not explained by most clients of npm.
const NOT_LISTED: &str = "it looks at `versions` alone; the refused are in `policyRestrictions`, which only npm reads";

const fn shown(line: &'static str) -> Expect {
    Expect { line, shows: Shows::Reason }
}

const fn installs(line: &'static str) -> Expect {
    Expect { line, shows: Shows::Installed }
}

const fn kept(line: &'static str) -> Expect {
    Expect { line, shows: Shows::Kept }
}

const fn nothing(line: &'static str, why: &'static str) -> Expect {
    Expect { line, shows: Shows::Nothing(why) }
}

impl Want<'_> {
    /// As Python writes it.
    fn requirement(self, package: &str) -> String {
        match self {
            Self::Exactly(version) => format!("{package}=={version}"),
            Self::Range(range) => format!("{package}{range}"),
        }
    }

    /// As the clients of npm write it.
    fn spec(self, package: &str) -> String {
        match self {
            Self::Exactly(wanted) | Self::Range(wanted) => format!("{package}@{wanted}"),
        }
    }

    /// As cargo writes it.
    fn caret(self) -> String {
        match self {
            Self::Exactly(version) => format!("={version}"),
            Self::Range(range) => range.to_owned(),
        }
    }
}
