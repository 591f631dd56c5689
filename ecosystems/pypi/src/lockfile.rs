//! Files that lock Python packages.
//!
//! | File | Format |
//! |---|---|
//! | `lockfile/requirements.rs` | `requirements.txt`, as pip and pip-compile write and read it |
//! | `lockfile/uv.rs` | `uv.lock` |
//! | `lockfile/tables.rs` | `poetry.lock`, `pdm.lock`, `pylock.toml` |
//! | `lockfile/pipfile.rs` | `Pipfile.lock` |

use weir_core::Purl;
use weir_core::digest::StatedDigests;
use weir_core::ecosystem::Names as _;
use weir_core::lockfile::{Format, InvalidLockfile, Lines, Locked};

use crate::ECOSYSTEM;
use crate::name::PypiNames;

mod pipfile;
mod requirements;
mod tables;
mod uv;

/// What is read.
pub const FORMATS: &[Format] = &[
    Format {
        name: "requirements.txt",
        files: &["requirements*.txt", "constraints*.txt", "*requirements.txt"],
        read: requirements::read,
    },
    Format { name: "uv.lock", files: &["uv.lock"], read: uv::read },
    Format { name: "poetry.lock", files: &["poetry.lock"], read: tables::poetry },
    Format { name: "pdm.lock", files: &["pdm.lock", "pdm.*.lock"], read: tables::pdm },
    Format { name: "pylock.toml", files: &["pylock.toml", "pylock.*.toml"], read: tables::pylock },
    Format { name: "Pipfile.lock", files: &["Pipfile.lock"], read: pipfile::read },
];

/// A package with its version, if both can be read.
fn locked(name: &str, version: &str, line: usize) -> Option<Locked> {
    let package = PypiNames.parse(name).ok()?;
    version.parse::<crate::Version>().ok()?;
    Some(Locked::new(Purl::new(&ECOSYSTEM, &package, Some(version)), line))
}

/// The digest that `sha256:…` states; others are not checked against indexes that state SHA-256.
fn sha256(text: &str) -> Option<StatedDigests> {
    let sha256 = text.strip_prefix("sha256:")?.parse().ok()?;
    Some(StatedDigests { sha256: Some(sha256), ..StatedDigests::default() })
}

/// Reads TOML.
fn toml<'de, T: serde::Deserialize<'de>>(
    text: &'de str,
    lines: &Lines<'_>,
    expected: &'static str,
) -> Result<T, InvalidLockfile> {
    toml::from_str(text).map_err(|error| InvalidLockfile {
        expected,
        line: error.span().map(|span| lines.at(span.start)),
        problem: error.message().to_owned(),
    })
}
