//! What a project's own files say of its packages: lock files, and lists that name versions.
//!
//! An ecosystem lists the [`Format`]s that it reads. A reader does no I/O: it is given one file's bytes, and gives the
//! packages in it with their places, digests and edges; what it cannot name a version of is told with the reason, never
//! left out. The same reading serves a mirror that fetches ahead, an audit that matches advisories, and whoever plans a fix.

use std::collections::{HashMap, VecDeque};

use crate::Purl;
use crate::digest::StatedDigests;

/// Largest file that is read, in bytes.
pub const MAX_LOCKFILE: usize = 64 * 1024 * 1024;
/// Most packages in one file.
pub const MAX_LOCKED: usize = 200_000;
/// Most of what a file could not be judged by that is told one by one; the rest is counted.
pub const MAX_UNLOCKED: usize = 10_000;

/// One format of files.
#[derive(Clone, Copy)]
pub struct Format {
    /// Its name: `package-lock.json`.
    pub name: &'static str,
    /// The names that such files have; `*` stands for any characters, once at most in each.
    pub files: &'static [&'static str],
    /// Reads one.
    pub read: fn(&str) -> Result<Lockfile, InvalidLockfile>,
}

impl std::fmt::Debug for Format {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Format").field(&self.name).finish()
    }
}

impl Format {
    /// True if a file of this name has this format.
    pub fn is_named(&self, file: &str) -> bool {
        self.files.iter().any(|pattern| match pattern.split_once('*') {
            None => *pattern == file,
            Some((before, after)) => {
                file.len() >= before.len() + after.len() && file.starts_with(before) && file.ends_with(after)
            }
        })
    }

    /// Reads a file's bytes, within the limits that hold for all formats.
    pub fn read_bytes(&self, bytes: &[u8]) -> Result<Lockfile, InvalidLockfile> {
        if bytes.len() > MAX_LOCKFILE {
            let problem = format!("it has {} bytes; the limit is {MAX_LOCKFILE}", bytes.len());
            return Err(InvalidLockfile { expected: self.name, line: None, problem });
        }
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        let text = std::str::from_utf8(bytes).map_err(|error| {
            let before = bytes.get(..error.valid_up_to()).unwrap_or_default();
            let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
            InvalidLockfile { expected: self.name, line: Some(line), problem: String::from("it is not UTF-8") }
        })?;
        let read = (self.read)(text)?;
        if read.packages.len() > MAX_LOCKED {
            let problem = format!("it has {} packages; the limit is {MAX_LOCKED}", read.packages.len());
            return Err(InvalidLockfile { expected: self.name, line: None, problem });
        }
        Ok(read)
    }
}

/// A file that cannot be read.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("it is not a {expected} that can be read{}: {problem}", .line.map(|line| format!(", line {line}")).unwrap_or_default())]
pub struct InvalidLockfile {
    /// [`Format::name`].
    pub expected: &'static str,
    /// The line, from 1, where it is known.
    pub line: Option<usize>,
    /// What is wrong.
    pub problem: String,
}

/// What a file says.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Lockfile {
    /// The packages with their versions, in the file's order.
    pub packages: Vec<Locked>,
    /// What has no version that could be judged.
    pub unlocked: Vec<Unlocked>,
    /// Other files that this one takes in.
    pub includes: Vec<Include>,
    /// True if the file tells which packages need which: then a path from a direct dependency can be told.
    pub has_edges: bool,
}

/// One package in a file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Locked {
    /// The package with its version. Its type says the ecosystem: one file can lock packages of several.
    pub purl: Purl,
    /// The line, from 1, that names it; 0 where nobody knows.
    pub line: usize,
    /// The digests by which the file pins its artifacts, one or many. Empty if it pins by version alone.
    pub digests: Vec<StatedDigests>,
    /// Asked for by the project itself (`true`), or by another package; `None` where the file does not tell.
    pub direct: Option<bool>,
    /// What for.
    pub scope: Scope,
    /// The packages that it needs, by their places in [`Lockfile::packages`].
    pub requires: Vec<usize>,
}

impl Locked {
    /// A package of which nothing is known but its version and its line.
    pub fn new(purl: Purl, line: usize) -> Self {
        Self { purl, line, digests: Vec::new(), direct: None, scope: Scope::Runtime, requires: Vec::new() }
    }
}

/// What a project needs a package for.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Scope {
    /// To run, or nobody knows.
    Runtime,
    /// To build, test or work on it.
    Development,
    /// If somebody wants that part of it.
    Optional,
}

impl Scope {
    /// The word for it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Runtime => "runtime",
            Self::Development => "development",
            Self::Optional => "optional",
        }
    }
}

/// Something that a file asks for and that cannot be judged.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Unlocked {
    /// As the file writes it, at most 200 characters of it.
    pub text: String,
    /// The line, from 1; 0 where nobody knows.
    pub line: usize,
    /// Why it cannot be judged.
    pub why: Why,
}

/// Why something cannot be judged.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Why {
    /// It asks for a range of versions.
    NotLocked,
    /// It comes from a repository, an address or an archive, not from a registry.
    NotFromRegistry,
    /// It cannot be read.
    Unreadable,
}

impl Why {
    /// The reason in words.
    pub const fn text(self) -> &'static str {
        match self {
            Self::NotLocked => "not locked: it asks for a range of versions",
            Self::NotFromRegistry => "not from a registry",
            Self::Unreadable => "it cannot be read",
        }
    }
}

/// Another file that a file takes in.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Include {
    /// Its path as written, relative to the file that names it.
    pub path: String,
    /// The line, from 1.
    pub line: usize,
    /// Its versions only bound what is asked for elsewhere (`-c`).
    pub is_constraint: bool,
}

impl Lockfile {
    /// Tells of something that cannot be judged.
    pub fn unlocked(&mut self, text: &str, line: usize, why: Why) {
        if self.unlocked.len() < MAX_UNLOCKED {
            self.unlocked.push(Unlocked { text: text.chars().take(200).collect(), line, why });
        }
    }

    /// Takes these packages for what the project itself asks for, and what they need for needed for the same; where it is
    /// needed for several things, the strongest counts.
    pub fn root(&mut self, roots: &[(usize, Scope)]) {
        self.has_edges = true;
        for package in &mut self.packages {
            package.direct = Some(false);
        }
        let mut is_reached = vec![false; self.packages.len()];
        for scope in [Scope::Runtime, Scope::Optional, Scope::Development] {
            let mut waiting: Vec<usize> = roots.iter().filter(|(_, of)| *of == scope).map(|(root, _)| *root).collect();
            for root in &waiting {
                if let Some(package) = self.packages.get_mut(*root) {
                    package.direct = Some(true);
                }
            }
            while let Some(at) = waiting.pop() {
                let Some(reached) = is_reached.get_mut(at).filter(|reached| !**reached) else { continue };
                *reached = true;
                if let Some(package) = self.packages.get_mut(at) {
                    package.scope = scope;
                    waiting.extend(&package.requires);
                }
            }
        }
    }

    /// The shortest way from a direct dependency to each package, as places that end with the package's own; empty for one
    /// that none of them needs. Cycles are no harm.
    pub fn paths(&self) -> Vec<Vec<usize>> {
        let mut from: HashMap<usize, Option<usize>> = HashMap::new();
        let mut queue = VecDeque::new();
        for (at, package) in self.packages.iter().enumerate() {
            if package.direct == Some(true) {
                from.insert(at, None);
                queue.push_back(at);
            }
        }
        while let Some(at) = queue.pop_front() {
            for next in self.packages.get(at).into_iter().flat_map(|package| &package.requires) {
                if *next < self.packages.len() && !from.contains_key(next) {
                    from.insert(*next, Some(at));
                    queue.push_back(*next);
                }
            }
        }
        let path = |at: usize| {
            let mut path = Vec::new();
            let mut step = from.contains_key(&at).then_some(at);
            while let Some(here) = step {
                path.push(here);
                step = from.get(&here).copied().flatten();
            }
            path.reverse();
            path
        };
        (0..self.packages.len()).map(path).collect()
    }
}

/// The lines of a text, by the places of its bytes.
#[derive(Clone, Debug)]
pub struct Lines<'a> {
    text: &'a str,
    ends: Vec<usize>,
}

impl<'a> Lines<'a> {
    /// Of this text.
    pub fn new(text: &'a str) -> Self {
        Self { text, ends: text.match_indices('\n').map(|(at, _)| at).collect() }
    }

    /// The line, from 1, of the byte at `offset`.
    pub fn at(&self, offset: usize) -> usize {
        self.ends.partition_point(|end| *end < offset) + 1
    }

    /// The line, from 1, on which a part of the text begins; 0 if it is none.
    pub fn of(&self, part: &str) -> usize {
        let offset = (part.as_ptr() as usize).checked_sub(self.text.as_ptr() as usize);
        offset.filter(|offset| *offset <= self.text.len()).map_or(0, |offset| self.at(offset))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(name: &str, direct: bool, requires: &[usize]) -> Locked {
        let purl = Purl::parse(&format!("pkg:npm/{name}@1.0.0")).unwrap();
        Locked { direct: Some(direct), requires: requires.to_vec(), ..Locked::new(purl, 1) }
    }

    #[test]
    fn the_shortest_way_from_a_direct_dependency_is_told_and_cycles_are_no_harm() {
        let file = Lockfile {
            packages: vec![
                package("a", true, &[1]),
                package("b", false, &[2, 0]),
                package("c", false, &[1, 99]),
                package("d", true, &[2]),
                package("alone", false, &[]),
            ],
            ..Lockfile::default()
        };
        assert_eq!(file.paths(), [vec![0], vec![0, 1], vec![3, 2], vec![3], vec![]]);
    }

    #[test]
    fn what_is_needed_for_several_things_is_needed_for_the_strongest() {
        let packages = vec![
            package("run", false, &[2]),
            package("dev", false, &[2, 3]),
            package("both", false, &[]),
            package("test", false, &[]),
        ];
        let mut file = Lockfile { packages, ..Lockfile::default() };
        file.root(&[(1, Scope::Development), (0, Scope::Runtime), (99, Scope::Runtime)]);
        let told: Vec<_> = file.packages.iter().map(|it| (it.direct == Some(true), it.scope.word())).collect();
        assert_eq!(told, [(true, "runtime"), (true, "development"), (false, "runtime"), (false, "development")]);
    }

    #[test]
    fn a_format_knows_its_files_by_name() {
        let read = |_: &str| Ok(Lockfile::default());
        let format = Format { name: "requirements.txt", files: &["requirements*.txt", "constraints.txt"], read };
        for (file, is_named) in [
            ("requirements.txt", true),
            ("requirements-dev.txt", true),
            ("constraints.txt", true),
            ("requirements.in", false),
            ("my-requirements.txt", false),
            ("requirements.tx", false),
        ] {
            assert_eq!(format.is_named(file), is_named, "{file}");
        }
    }

    #[test]
    fn what_is_too_large_or_no_text_is_refused_with_its_place() {
        let read = |_: &str| Ok(Lockfile::default());
        let format = Format { name: "x.lock", files: &[], read };
        assert!(format.read_bytes(&vec![b' '; MAX_LOCKFILE]).is_ok());
        assert!(format.read_bytes(&vec![b' '; MAX_LOCKFILE + 1]).is_err());
        let error = format.read_bytes(b"a\nb\n\xff").unwrap_err();
        assert_eq!(error.to_string(), "it is not a x.lock that can be read, line 3: it is not UTF-8");
    }

    #[test]
    fn a_byte_is_on_its_line() {
        let text = "a\nbc\n\nd";
        let lines = Lines::new(text);
        assert_eq!([lines.at(0), lines.at(1), lines.at(2), lines.at(4), lines.at(5), lines.at(6)], [1, 1, 2, 2, 3, 4]);
        assert_eq!(lines.of(&text[6..]), 4);
    }
}
