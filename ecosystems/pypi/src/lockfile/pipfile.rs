//! `Pipfile.lock`: JSON, with the packages of `default` and `develop` by name.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::RawValue;
use weir_core::lockfile::{InvalidLockfile, Lines, Lockfile, Scope, Why};

use super::{locked, sha256};

#[derive(Deserialize)]
struct File<'a> {
    #[serde(borrow, default)]
    default: BTreeMap<String, &'a RawValue>,
    #[serde(borrow, default)]
    develop: BTreeMap<String, &'a RawValue>,
}

#[derive(Deserialize)]
struct Package {
    version: Option<String>,
    #[serde(default)]
    hashes: Vec<String>,
}

pub fn read(text: &str) -> Result<Lockfile, InvalidLockfile> {
    let invalid =
        |line: usize, problem: String| InvalidLockfile { expected: "Pipfile.lock", line: Some(line), problem };
    let file: File<'_> = serde_json::from_str(text).map_err(|error| invalid(error.line(), error.to_string()))?;
    let lines = Lines::new(text);
    let mut read = Lockfile::default();
    for (packages, scope) in [(&file.default, Scope::Runtime), (&file.develop, Scope::Development)] {
        for (name, raw) in packages {
            let line = lines.of(raw.get());
            let package: Package =
                serde_json::from_str(raw.get()).map_err(|error| invalid(line, format!("`{name}`: {error}")))?;
            let Some(written) = &package.version else {
                read.unlocked(name, line, Why::NotFromRegistry);
                continue;
            };
            match written.strip_prefix("==").and_then(|version| locked(name, version, line)) {
                Some(mut locked) => {
                    locked.digests = package.hashes.iter().filter_map(|hash| sha256(hash)).collect();
                    locked.scope = scope;
                    read.packages.push(locked);
                }
                None => read.unlocked(&format!("{name} {written}"), line, Why::NotLocked),
            }
        }
    }
    read.packages.sort_by_key(|locked| locked.line);
    Ok(read)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_sections_are_read_with_the_line_of_each_package() {
        let text = format!(
            "{{\n  \"_meta\": {{}},\n  \"default\": {{\n    \"jinja2\": {{\n      \"hashes\": [\"sha256:{}\"],\n      \
             \"version\": \"==3.1.6\"\n    }},\n    \"mine\": {{ \"git\": \"https://example.com/mine\", \"ref\": \"0123\" }},\n    \
             \"any\": {{ \"version\": \"*\" }}\n  }},\n  \"develop\": {{\n    \"iniconfig\": {{ \"version\": \"==2.0.0\" }}\n  }}\n}}",
            "1".repeat(64)
        );
        let read = read(&text).unwrap();
        let told: Vec<_> = read
            .packages
            .iter()
            .map(|it| format!("{} line {} {} {}", it.purl, it.line, it.scope.word(), it.digests.len()))
            .collect();
        assert_eq!(told, ["pkg:pypi/jinja2@3.1.6 line 4 runtime 1", "pkg:pypi/iniconfig@2.0.0 line 12 development 0"]);
        let unlocked: Vec<_> = read.unlocked.iter().map(|it| (it.text.as_str(), it.why)).collect();
        assert_eq!(unlocked, [("any *", Why::NotLocked), ("mine", Why::NotFromRegistry)]);
        assert_eq!(super::read("{\n\"default\": []}").unwrap_err().line, Some(2));
    }
}
