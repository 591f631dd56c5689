//! `uv.lock`.
//!
//! Specification: uv's documentation, "Locking and syncing", and the shape that uv 0.4 to 0.9 write. A package whose source
//! is a folder is the project's own: what it needs is what the project asks for.

use std::collections::{BTreeMap, HashMap};

use serde::Deserialize;
use toml::Spanned;
use weir_core::lockfile::{InvalidLockfile, Lines, Lockfile, Scope, Why};

use super::{locked, sha256};

#[derive(Deserialize)]
struct File {
    #[serde(default)]
    package: Vec<Package>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Package {
    name: Spanned<String>,
    version: Option<String>,
    #[serde(default)]
    source: BTreeMap<String, toml::Value>,
    #[serde(default)]
    dependencies: Vec<Dependency>,
    #[serde(default)]
    optional_dependencies: BTreeMap<String, Vec<Dependency>>,
    #[serde(default)]
    dev_dependencies: BTreeMap<String, Vec<Dependency>>,
    sdist: Option<Artifact>,
    #[serde(default)]
    wheels: Vec<Artifact>,
}

#[derive(Deserialize)]
struct Dependency {
    name: String,
    version: Option<String>,
    #[serde(default)]
    extra: Vec<String>,
}

#[derive(Deserialize)]
struct Artifact {
    hash: Option<String>,
}

pub fn read(text: &str) -> Result<Lockfile, InvalidLockfile> {
    let lines = Lines::new(text);
    let file: File = super::toml(text, &lines, "uv.lock")?;
    let mut read = Lockfile::default();
    let mut places = Vec::with_capacity(file.package.len());
    let mut by_name: HashMap<&str, Vec<usize>> = HashMap::new();
    for (at, package) in file.package.iter().enumerate() {
        by_name.entry(package.name.as_ref()).or_default().push(at);
        let line = lines.at(package.name.span().start);
        let version = package.version.as_deref().unwrap_or_default();
        let mut place = None;
        if package.source.contains_key("registry") {
            match locked(package.name.as_ref(), version, line) {
                Some(mut locked) => {
                    let files = package.wheels.iter().chain(&package.sdist);
                    locked.digests = files.filter_map(|file| sha256(file.hash.as_deref()?)).collect();
                    place = Some(read.packages.len());
                    read.packages.push(locked);
                }
                None => read.unlocked(&format!("{} {version}", package.name.as_ref()), line, Why::Unreadable),
            }
        } else if !package.is_own() {
            read.unlocked(&format!("{} {version}", package.name.as_ref()), line, Why::NotFromRegistry);
        }
        places.push(place);
    }
    // All that one dependency may mean: an extra of a package brings that extra's own.
    let meant = |dependency: &Dependency| -> Vec<usize> {
        let candidates = by_name.get(dependency.name.as_str()).into_iter().flatten().filter(|at| {
            let package = file.package.get(**at);
            let version = package.and_then(|package| package.version.as_ref());
            dependency.version.is_none() || dependency.version.as_ref() == version
        });
        candidates.filter_map(|at| places.get(*at).copied().flatten()).collect()
    };
    let mut roots = Vec::new();
    // What an extra brings is needed by whoever asks for the extra; the file's edges are of packages.
    let mut asked_extras: HashMap<&str, Vec<&str>> = HashMap::new();
    for dependency in file.package.iter().flat_map(Package::all) {
        asked_extras.entry(&dependency.name).or_default().extend(dependency.extra.iter().map(String::as_str));
    }
    for (at, package) in file.package.iter().enumerate() {
        let place = places.get(at).copied().flatten();
        let extras = asked_extras.get(package.name.as_ref().as_str());
        let is_asked = |extra: &str| extras.is_some_and(|extras| extras.contains(&extra));
        let of_extras = package.optional_dependencies.iter().filter(|(extra, _)| is_asked(extra));
        let plain = package.dependencies.iter().chain(of_extras.flat_map(|(_, needed)| needed));
        let needed: Vec<usize> = plain.flat_map(&meant).collect();
        match place.and_then(|place| read.packages.get_mut(place)) {
            Some(locked) => locked.requires = needed,
            None if package.is_own() => {
                roots.extend(needed.into_iter().map(|at| (at, Scope::Runtime)));
                let optional = package.optional_dependencies.values().flatten().flat_map(&meant);
                roots.extend(optional.map(|at| (at, Scope::Optional)));
                let development = package.dev_dependencies.values().flatten().flat_map(&meant);
                roots.extend(development.map(|at| (at, Scope::Development)));
            }
            None => {}
        }
    }
    read.root(&roots);
    Ok(read)
}

impl Package {
    /// The project, or a member of its workspace.
    fn is_own(&self) -> bool {
        ["editable", "virtual", "directory"].iter().any(|kind| self.source.contains_key(*kind))
    }

    fn all(&self) -> impl Iterator<Item = &Dependency> {
        let groups = self.optional_dependencies.values().chain(self.dev_dependencies.values());
        self.dependencies.iter().chain(groups.flatten())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_tells_packages_with_their_digests_scope_and_path() {
        let text = r#"version = 1
requires-python = ">=3.12"

[[package]]
name = "app"
version = "0.1.0"
source = { virtual = "." }
dependencies = [
    { name = "uvicorn", extra = ["standard"] },
]

[package.dev-dependencies]
dev = [
    { name = "pytest" },
]

[[package]]
name = "httptools"
version = "0.6.4"
source = { registry = "https://pypi.org/simple" }

[[package]]
name = "pytest"
version = "8.3.4"
source = { registry = "https://pypi.org/simple" }
sdist = { url = "https://files.pythonhosted.org/x.tar.gz", hash = "sha256:1111111111111111111111111111111111111111111111111111111111111111", size = 1 }
wheels = [
    { url = "https://files.pythonhosted.org/x.whl", hash = "sha256:2222222222222222222222222222222222222222222222222222222222222222", size = 1 },
]

[[package]]
name = "uvicorn"
version = "0.34.0"
source = { registry = "https://pypi.org/simple" }

[package.optional-dependencies]
standard = [
    { name = "httptools" },
]

[[package]]
name = "fork"
version = "1.0"
source = { git = "https://example.com/fork?rev=0123" }
"#;
        let read = read(text).unwrap();
        let told: Vec<_> = read
            .packages
            .iter()
            .zip(read.paths())
            .map(|(it, path)| format!("{} line {} {} {} {path:?}", it.purl, it.line, it.scope.word(), it.digests.len()))
            .collect();
        assert_eq!(
            told,
            [
                "pkg:pypi/httptools@0.6.4 line 18 runtime 0 [2, 0]",
                "pkg:pypi/pytest@8.3.4 line 23 development 2 [1]",
                "pkg:pypi/uvicorn@0.34.0 line 32 runtime 0 [2]",
            ]
        );
        assert_eq!(read.unlocked[0].text, "fork 1.0");
        assert_eq!(super::read("version = 1\n[[package]\n").unwrap_err().line, Some(2));
    }
}
