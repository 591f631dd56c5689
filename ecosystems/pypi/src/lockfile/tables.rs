//! `poetry.lock`, `pdm.lock` and `pylock.toml`: one table a package.
//!
//! Specifications: `pylock.toml` is PEP 751; the other two are as Poetry 1 and 2 and PDM 2 write them. None of them tells what
//! the project itself asks for: its `pyproject.toml` does.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::{Spanned, Value};
use weir_core::lockfile::{InvalidLockfile, Lines, Lockfile, Scope, Why};

use super::{locked, sha256};

/// Keys of a package that no registry has.
const ELSEWHERE: [&str; 7] = ["vcs", "directory", "archive", "git", "url", "path", "editable"];

#[derive(Deserialize)]
struct File {
    #[serde(default, alias = "packages")]
    package: Vec<Package>,
    #[serde(default)]
    metadata: Metadata,
}

/// Where Poetry before 1.3 has the digests.
#[derive(Deserialize, Default)]
struct Metadata {
    #[serde(default)]
    files: Option<Value>,
}

#[derive(Deserialize)]
struct Package {
    name: Spanned<String>,
    version: Option<String>,
    #[serde(default)]
    optional: bool,
    category: Option<String>,
    groups: Option<Vec<String>>,
    source: Option<Source>,
    #[serde(flatten)]
    more: BTreeMap<String, Value>,
}

#[derive(Deserialize)]
struct Source {
    #[serde(rename = "type")]
    kind: Option<String>,
}

impl Package {
    fn is_elsewhere(&self) -> bool {
        let kind = self.source.as_ref().and_then(|source| source.kind.as_deref());
        matches!(kind, Some("git" | "url" | "directory" | "file"))
            || ELSEWHERE.iter().any(|key| self.more.contains_key(*key))
    }

    fn scope(&self) -> Scope {
        let is_main = |group: &str| matches!(group, "main" | "default");
        match (&self.groups, self.category.as_deref()) {
            (Some(groups), _) if !groups.is_empty() && !groups.iter().any(|group| is_main(group)) => Scope::Development,
            (None, Some("dev")) => Scope::Development,
            _ if self.optional => Scope::Optional,
            _ => Scope::Runtime,
        }
    }
}

pub fn poetry(text: &str) -> Result<Lockfile, InvalidLockfile> {
    read(text, "poetry.lock")
}

pub fn pdm(text: &str) -> Result<Lockfile, InvalidLockfile> {
    read(text, "pdm.lock")
}

pub fn pylock(text: &str) -> Result<Lockfile, InvalidLockfile> {
    read(text, "pylock.toml")
}

fn read(text: &str, expected: &'static str) -> Result<Lockfile, InvalidLockfile> {
    let lines = Lines::new(text);
    let file: File = super::toml(text, &lines, expected)?;
    let mut read = Lockfile::default();
    for package in &file.package {
        let name = package.name.as_ref();
        let line = lines.at(package.name.span().start);
        let version = package.version.as_deref().unwrap_or_default();
        if package.is_elsewhere() {
            read.unlocked(format!("{name} {version}").trim_end(), line, Why::NotFromRegistry);
            continue;
        }
        let Some(mut locked) = locked(name, version, line) else {
            let why = if version.is_empty() { Why::NotLocked } else { Why::Unreadable };
            read.unlocked(format!("{name} {version}").trim_end(), line, why);
            continue;
        };
        let apart = file.metadata.files.as_ref().and_then(|files| files.get(name));
        let own = ["files", "wheels", "sdist"].iter().filter_map(|key| package.more.get(*key));
        for files in own.chain(apart) {
            let each = files.as_array().map_or_else(|| std::slice::from_ref(files), Vec::as_slice);
            locked.digests.extend(each.iter().filter_map(digest));
        }
        locked.scope = package.scope();
        read.packages.push(locked);
    }
    Ok(read)
}

/// `hash = "sha256:…"`, or `hashes = { sha256 = "…" }`.
fn digest(file: &Value) -> Option<weir_core::digest::StatedDigests> {
    let hash = file.get("hash").and_then(Value::as_str).map(str::to_owned);
    let of_table = || Some(format!("sha256:{}", file.get("hashes")?.get("sha256")?.as_str()?));
    sha256(&hash.or_else(of_table)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(read: &Lockfile) -> Vec<String> {
        let told = read
            .packages
            .iter()
            .map(|it| format!("{} line {} {} {}", it.purl, it.line, it.scope.word(), it.digests.len()));
        told.chain(read.unlocked.iter().map(|it| format!("{} line {}: {}", it.text, it.line, it.why.text()))).collect()
    }

    #[test]
    fn poetry_before_and_since_it_had_groups_is_read() {
        let (one, two) = ("1".repeat(64), "2".repeat(64));
        let text = format!(
            "[[package]]\nname = \"a\"\nversion = \"1.0\"\noptional = false\ngroups = [\"main\", \"dev\"]\nfiles = [\n \
             {{file = \"a.whl\", hash = \"sha256:{one}\"}},\n {{file = \"a.tar.gz\", hash = \"sha256:{two}\"}},\n]\n\n\
             [package.dependencies]\nb = \">=1\"\n\n[[package]]\nname = \"b\"\nversion = \"2.0\"\ncategory = \"dev\"\n\
             optional = false\n\n[[package]]\nname = \"c\"\nversion = \"3.0\"\noptional = true\n\n[package.source]\n\
             type = \"legacy\"\nurl = \"https://packages.example/simple\"\n\n[[package]]\nname = \"d\"\nversion = \"4.0\"\n\n\
             [package.source]\ntype = \"git\"\nurl = \"https://example.com/d\"\n\n[metadata.files]\n\
             b = [{{file = \"b.whl\", hash = \"sha256:{one}\"}}]\n"
        );
        assert_eq!(
            told(&poetry(&text).unwrap()),
            [
                "pkg:pypi/a@1.0 line 2 runtime 2",
                "pkg:pypi/b@2.0 line 15 development 1",
                "pkg:pypi/c@3.0 line 21 optional 0",
                "d 4.0 line 30: not from a registry",
            ]
        );
    }

    #[test]
    fn pdm_and_the_standard_format_are_read() {
        let one = "1".repeat(64);
        let text = format!(
            "[[package]]\nname = \"a\"\nversion = \"1.0\"\ngroups = [\"dev\"]\ndependencies = [\"b>=1\"]\nfiles = [\n    \
             {{file = \"a.whl\", hash = \"sha256:{one}\"}},\n]\n"
        );
        assert_eq!(told(&pdm(&text).unwrap()), ["pkg:pypi/a@1.0 line 2 development 1"]);
        let text = format!(
            "lock-version = \"1.0\"\n[[packages]]\nname = \"a\"\nversion = \"1.0\"\n\
             sdist = {{ url = \"https://files.example/a.tar.gz\", hashes = {{ sha256 = \"{one}\" }} }}\n\
             wheels = [{{ url = \"https://files.example/a.whl\", hashes = {{ sha256 = \"{one}\" }} }}]\n\n\
             [[packages]]\nname = \"here\"\ndirectory = {{ path = \".\" }}\n\n[[packages]]\nname = \"open\"\n"
        );
        assert_eq!(
            told(&pylock(&text).unwrap()),
            [
                "pkg:pypi/a@1.0 line 3 runtime 2",
                "here line 9: not from a registry",
                "open line 13: not locked: it asks for a range of versions",
            ]
        );
        assert_eq!(pylock("[[packages]\n").unwrap_err().line, Some(1));
    }
}
