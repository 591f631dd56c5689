//! Artifacts: what a file name says, and where to look inside.
//!
//! Names of wheels are fixed by the binary distribution format (PEP 427), of sdists by PEP 625; both are younger than much
//! of what PyPI holds. Older names are ambiguous by themselves (`a-b-1` is `a` or `a-b`), so a name is always read as a
//! file *of a given package*, and dropped where even that leaves a doubt.

use std::fmt;

use weir_core::PackageName;
use weir_core::registry::{Container, Inspection};

use crate::name::names_package;
use crate::version::Version;

/// Longest file name, in bytes.
pub const MAX_FILE_NAME: usize = 255;

/// What kind of artifact a file is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// A wheel: unpacked, not executed, at installation.
    Wheel,
    /// A source distribution: executed at installation to build a wheel.
    Sdist,
    /// What earlier tools installed: egg, exe, msi, rpm, dmg and `bdist_dumb`. No current client takes these.
    Legacy,
}

/// What a file name says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FileName {
    /// What kind of artifact it is.
    pub kind: Kind,
    /// Its version.
    pub version: FileVersion,
}

/// A version in a file name.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum FileVersion {
    /// One that PEP 440 can read. Displays in the normal form that PEP 440 gives to this spelling: `1.0.0` stays that.
    Read(Version),
    /// One from before PEP 440, as it stands.
    Legacy(String),
}

impl fmt::Display for FileVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read(version) => version.fmt(f),
            Self::Legacy(text) => f.write_str(text),
        }
    }
}

/// Suffixes of source distributions, longer ones first. PEP 527 left two; the others are in PyPI's past.
const SDIST_SUFFIXES: [&str; 8] = [".tar.bz2", ".tar.gz", ".tar.xz", ".tar.z", ".tbz2", ".tgz", ".tar", ".zip"];

/// How the names of platforms begin in `bdist_dumb` and `bdist_wininst` files.
const PLATFORMS: [&str; 10] = [
    ".linux-",
    ".macosx-",
    ".win32",
    ".win-",
    ".cygwin-",
    ".freebsd-",
    ".openbsd-",
    ".netbsd-",
    ".solaris-",
    ".darwin-",
];

/// True for what may be a file name at all: a non-empty `[A-Za-z0-9._+!-]` without a leading dot.
pub fn is_file_name(file: &str) -> bool {
    (1..=MAX_FILE_NAME).contains(&file.len())
        && !file.starts_with('.')
        && file.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'+' | b'!' | b'-'))
}

/// Reads `file` as the name of an artifact of `package`; `None` if it is not one, or not for certain.
pub fn read_file_name(package: &PackageName, file: &str) -> Option<FileName> {
    if !is_file_name(file) {
        return None;
    }
    let (kind, version) = if let Some(stem) = strip_suffix(file, ".whl") {
        (Kind::Wheel, wheel(package, stem)?)
    } else if let Some(stem) = SDIST_SUFFIXES.iter().find_map(|suffix| strip_suffix(file, suffix)) {
        sdist(after_package(package, stem)?)?
    } else {
        (Kind::Legacy, FileVersion::Read(legacy(package, file)?))
    };
    Some(FileName { kind, version })
}

/// True for a name that could be that of a wheel or a source distribution of some package.
pub(crate) fn could_be_artifact(file: &str) -> bool {
    is_file_name(file)
        && file.contains('-')
        && (is_wheel(file) || SDIST_SUFFIXES.iter().any(|suffix| strip_suffix(file, suffix).is_some()))
}

/// True for the name of a source distribution that could be one of another package as well: `a-1-2.tar.gz` is `a` 1-2, or `a-1`
/// 2.
pub(crate) fn is_ambiguous(package: &PackageName, file: &str) -> bool {
    let stem = SDIST_SUFFIXES.iter().find_map(|suffix| strip_suffix(file, suffix));
    stem.and_then(|stem| after_package(package, stem)).is_some_and(|version| version.contains('-'))
}

/// True for the name of a wheel.
pub(crate) fn is_wheel(file: &str) -> bool {
    strip_suffix(file, ".whl").is_some()
}

/// How to look into `file`.
pub fn inspection(file: &str) -> Option<Inspection> {
    let ends_with = |suffix| strip_suffix(file, suffix).is_some();
    if !is_file_name(file) {
        None
    } else if is_wheel(file) {
        Some(Inspection { container: Container::Zip, wanted: in_wheel })
    } else if ends_with(".egg") {
        Some(Inspection { container: Container::Zip, wanted: in_egg })
    } else if ends_with(".zip") {
        Some(Inspection { container: Container::Zip, wanted: in_sdist })
    } else if ends_with(".tar.gz") || ends_with(".tgz") {
        Some(Inspection { container: Container::TarGz, wanted: in_sdist })
    } else if ends_with(".tar.bz2") || ends_with(".tbz2") {
        Some(Inspection { container: Container::TarBz2, wanted: in_sdist })
    } else {
        None
    }
}

/// `{directory}.dist-info/{file}`, for the files that tell about a wheel.
fn in_wheel(path: &str) -> bool {
    path.split_once('/').is_some_and(|(directory, file)| {
        directory.ends_with(".dist-info") && matches!(file, "METADATA" | "WHEEL" | "entry_points.txt")
    })
}

/// `{directory}/{file}`, for the files that tell about an sdist.
fn in_sdist(path: &str) -> bool {
    path.split_once('/').is_some_and(|(directory, file)| {
        !directory.is_empty() && matches!(file, "PKG-INFO" | "pyproject.toml" | "setup.py")
    })
}

fn in_egg(path: &str) -> bool {
    matches!(path, "EGG-INFO/PKG-INFO" | "EGG-INFO/entry_points.txt")
}

/// `{name}-{version}(-{build})?-{python}-{abi}-{platform}`: no part contains a `-`, so the parts are certain.
fn wheel(package: &PackageName, stem: &str) -> Option<FileVersion> {
    let parts = stem.split('-').collect::<Vec<_>>();
    let (name, version) = match parts.as_slice() {
        [name, version, _, _, _] => (name, version),
        [name, version, build, _, _, _] if build.starts_with(|c: char| c.is_ascii_digit()) => (name, version),
        _ => return None,
    };
    if !names_package(name, package) || parts.iter().any(|part| part.is_empty()) {
        return None;
    }
    Some(read_version(version).map_or_else(|| FileVersion::Legacy((*version).to_owned()), FileVersion::Read))
}

/// What follows `{name}-` in an sdist. `bdist_dumb` files have the same suffixes, and a platform behind the version.
fn sdist(rest: &str) -> Option<(Kind, FileVersion)> {
    if let Some(at) = platform(rest) {
        return Some((Kind::Legacy, FileVersion::Read(read_version(&rest[..at])?)));
    }
    let version = match read_version(rest) {
        Some(version) => FileVersion::Read(version),
        None if looks_like_a_version(rest) => FileVersion::Legacy(rest.to_owned()),
        None => return None,
    };
    Some((Kind::Sdist, version))
}

/// Eggs, Windows installers, RPMs and disk images; only where the version is a PEP 440 version.
fn legacy(package: &PackageName, file: &str) -> Option<Version> {
    let (stem, suffix) = file.rsplit_once('.')?;
    let rest = after_package(package, stem)?;
    match suffix.to_ascii_lowercase().as_str() {
        // `{version}-py3.8`, then possibly `-{platform}`.
        "egg" => read_version(rest.split_once("-py").map_or(rest, |(version, _)| version)),
        // `{version}.{platform}`, then possibly `-py2.7`.
        "exe" | "msi" | "dmg" => read_version(platform(rest).map_or(rest, |at| &rest[..at])),
        // `{version}-{release}.{architecture}`.
        "rpm" => {
            let (version_and_release, _) = rest.rsplit_once('.')?;
            read_version(version_and_release.rsplit_once('-')?.0)
        }
        _ => None,
    }
}

/// What follows the `-` behind the package's name. At most one `-` can be it: no two prefixes normalise alike that both
/// end before a `-`.
pub(crate) fn after_package<'a>(package: &PackageName, stem: &'a str) -> Option<&'a str> {
    let at = stem.match_indices('-').map(|(at, _)| at).find(|at| names_package(&stem[..*at], package))?;
    Some(&stem[at + 1..])
}

/// Where the name of a platform begins.
fn platform(rest: &str) -> Option<usize> {
    PLATFORMS.iter().filter_map(|platform| rest.find(platform)).min()
}

/// A version as file names spell it: they may have `_` for `-` and for what they cannot hold.
pub(crate) fn read_version(text: &str) -> Option<Version> {
    text.parse::<Version>().or_else(|_| text.replace('_', "-").parse::<Version>()).ok()
}

/// Versions from before PEP 440 are kept as they stand, if they begin as versions do: `1.0-final`, `v2-custom`.
fn looks_like_a_version(text: &str) -> bool {
    text.strip_prefix(['v', 'V']).unwrap_or(text).starts_with(|c: char| c.is_ascii_digit())
}

/// Takes off an ASCII suffix in either case, leaving something.
fn strip_suffix<'a>(file: &'a str, suffix: &str) -> Option<&'a str> {
    let at = file.len().checked_sub(suffix.len()).filter(|at| *at > 0)?;
    let (stem, end) = (file.get(..at)?, file.get(at..)?);
    end.eq_ignore_ascii_case(suffix).then_some(stem)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(package: &str, file: &str, expected: Option<(Kind, &str)>) {
        let read = read_file_name(&PackageName::from_normalized(package), file);
        let read = read.map(|read| (read.kind, read.version.to_string()));
        assert_eq!(read.as_ref().map(|(kind, version)| (*kind, version.as_str())), expected, "{file}");
    }

    #[test]
    fn a_wheel_has_its_version_in_the_second_part() {
        check("flask", "Flask-2.0.0-py3-none-any.whl", Some((Kind::Wheel, "2.0.0")));
        check(
            "torch",
            "torch-2.0.0+cpu.cxx11-1build-cp310-cp310-linux_x86_64.whl",
            Some((Kind::Wheel, "2.0.0+cpu.cxx11")),
        );
        check("zope-interface", "zope.interface-5.0-py3-none-any.whl", Some((Kind::Wheel, "5.0")));
        check("x", "x-1.0_1-py3-none-any.whl", Some((Kind::Wheel, "1.0.post1")));
        check("x", "x-2004d-py3-none-any.WHL", Some((Kind::Wheel, "2004d")));
        for not_one in
            ["x-1.0-py3-none.whl", "x-1.0-build-py3-none-any.whl", "y-1.0-py3-none-any.whl", "x--py3-none-any.whl"]
        {
            check("x", not_one, None);
        }
    }

    #[test]
    fn an_sdist_begins_with_any_spelling_of_the_name() {
        check("zope-interface", "zope.interface-5.0.tar.gz", Some((Kind::Sdist, "5.0")));
        check("a-b", "a-b-1.0.zip", Some((Kind::Sdist, "1.0")));
        check("a-1", "a-1-2.0.tgz", Some((Kind::Sdist, "2.0")));
        check("a", "a-1.0-rc1.tar.bz2", Some((Kind::Sdist, "1.0rc1")));
        check("a", "a-1.0-final.tar.gz", Some((Kind::Sdist, "1.0-final")));
        check("a", "a-b-1.0.tar.gz", None);
        check("a", "a.tar.gz", None);
        check("a", "b-1.0.tar.gz", None);
    }

    #[test]
    fn older_kinds_are_read_where_the_version_is_certain() {
        check("a", "a-1.0-py2.7.egg", Some((Kind::Legacy, "1.0")));
        check("a", "a-1.0-py2.7-linux-x86_64.egg", Some((Kind::Legacy, "1.0")));
        check("a", "a-1.0.win32-py2.7.exe", Some((Kind::Legacy, "1.0")));
        check("a", "a-1.0.win32.exe", Some((Kind::Legacy, "1.0")));
        check("a", "a-1.0.win-amd64-py3.3.msi", Some((Kind::Legacy, "1.0")));
        check("a", "a-1.0-1.noarch.rpm", Some((Kind::Legacy, "1.0")));
        check("a", "a-1.0.linux-x86_64.tar.gz", Some((Kind::Legacy, "1.0")));
        check("a", "a-1.0.macosx-10.9-x86_64.dmg", Some((Kind::Legacy, "1.0")));
        for unsure in ["a-x.exe", "a-x-1.0.win32.exe", "a_1.0-1_all.deb", "a-1.0.tar.gz.asc", "a-1.0.linux-x86_64"] {
            check("a", unsure, None);
        }
    }

    #[test]
    fn a_file_name_is_a_single_plain_segment() {
        for name in ["", ".x", "..", "a/b", "a\\b", "a b", "a%b", "ä.whl", "a\0", &"a".repeat(256)] {
            assert!(!is_file_name(name), "{name:?}");
        }
        assert!(is_file_name(&"a".repeat(255)));
    }

    #[test]
    fn only_the_places_of_metadata_are_looked_into() {
        let wanted = |file: &str, path: &str| (inspection(file).unwrap().wanted)(path);
        assert!(wanted("x-1-py3-none-any.whl", "x-1.dist-info/METADATA"));
        assert!(!wanted("x-1-py3-none-any.whl", "x/x-1.dist-info/METADATA"));
        assert!(!wanted("x-1-py3-none-any.whl", "x-1.dist-info/RECORD"));
        assert!(wanted("x-1.tar.gz", "x-1/PKG-INFO"));
        assert!(!wanted("x-1.tar.gz", "x-1/x.egg-info/PKG-INFO"));
        assert!(!wanted("x-1.tar.gz", "/PKG-INFO"));
        assert!(wanted("x-1.zip", "x-1/setup.py"));
        assert!(inspection("x-1.exe").is_none());
    }
}
