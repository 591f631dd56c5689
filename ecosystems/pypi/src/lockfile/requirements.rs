//! `requirements.txt`.
//!
//! Specification: pip's documentation, "Requirements File Format". A requirement is locked by one `==` without a wildcard.
//! Who needs what is told only by the comments that pip-compile and `uv pip compile` write (`# via`).

use std::collections::HashMap;

use weir_core::ecosystem::Names as _;
use weir_core::lockfile::{Include, InvalidLockfile, Lockfile, Why};

use super::{locked, sha256};

/// Options that name another file.
const INCLUDES: [(&str, bool); 4] = [("-r", false), ("--requirement", false), ("-c", true), ("--constraint", true)];

pub fn read(text: &str) -> Result<Lockfile, InvalidLockfile> {
    let mut read = Lockfile::default();
    let mut via: Vec<(usize, String)> = Vec::new();
    // The package whose comments may follow.
    let mut above = None;
    let mut in_via = false;
    let mut lines = text.lines().enumerate();
    while let Some((at, line)) = lines.next() {
        let number = at + 1;
        if let Some(comment) = line.trim().strip_prefix('#') {
            let comment = comment.trim();
            if let (Some(rest), Some(above)) = (comment.strip_prefix("via"), above) {
                in_via = true;
                via.extend(rest.split(',').filter(|by| !by.trim().is_empty()).map(|by| (above, by.trim().to_owned())));
            } else if let (true, Some(above), false) = (in_via, above, comment.is_empty()) {
                via.push((above, comment.to_owned()));
            }
            continue;
        }
        let mut logical = String::new();
        let mut part = line;
        loop {
            let without = uncommented(part);
            match without.strip_suffix('\\') {
                Some(before) => {
                    logical.push_str(before);
                    logical.push(' ');
                    let Some((_, next)) = lines.next() else { break };
                    part = next;
                }
                None => {
                    logical.push_str(without);
                    break;
                }
            }
        }
        let beside = part.split_once(" # via").map(|(_, rest)| rest.to_owned());
        above = requirement(logical.trim(), number, &mut read);
        in_via = false;
        if let (Some(rest), Some(above)) = (beside, above) {
            via.extend(rest.split(',').map(|by| (above, by.trim().to_owned())));
        }
    }
    edges(&mut read, &via);
    Ok(read)
}

/// A line without its comment: `#` begins one at the start or after a space.
fn uncommented(line: &str) -> &str {
    let comment = line.char_indices().find(|(at, c)| *c == '#' && (*at == 0 || line[..*at].ends_with([' ', '\t'])));
    comment.map_or(line, |(at, _)| &line[..at]).trim_end()
}

/// Reads one requirement or option, and gives the place of what is locked by it.
fn requirement(text: &str, line: usize, read: &mut Lockfile) -> Option<usize> {
    if text.is_empty() {
        return None;
    }
    if text.starts_with('-') {
        let (option, value) = text.split_once(['=', ' ', '\t']).unwrap_or((text, ""));
        let value = value.trim().trim_matches(['"', '\'']);
        if let Some((_, is_constraint)) = INCLUDES.iter().find(|(name, _)| *name == option) {
            read.includes.push(Include { path: value.to_owned(), line, is_constraint: *is_constraint });
        } else if matches!(option, "-e" | "--editable") {
            read.unlocked(text, line, Why::NotFromRegistry);
        }
        return None;
    }
    // Options of a requirement come after it.
    let (wanted, options) = text.find(" --").map_or((text, ""), |at| text.split_at(at));
    let digests = options
        .split_ascii_whitespace()
        .filter_map(|option| sha256(option.strip_prefix("--hash=").unwrap_or(option)))
        .collect();
    let wanted = wanted.split(" ;").next().unwrap_or(wanted);
    let wanted = if wanted.contains("://") { wanted } else { wanted.split(';').next().unwrap_or(wanted) }.trim();
    let name_ends = wanted.find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_')));
    let (name, rest) = wanted.split_at(name_ends.unwrap_or(wanted.len()));
    let rest = rest.trim_start();
    let rest = match rest.strip_prefix('[') {
        Some(extras) => extras.split_once(']').map_or("", |(_, rest)| rest).trim_start(),
        None => rest,
    };
    let is_elsewhere =
        rest.starts_with('@') || rest.starts_with([':', '/', '+']) || name.starts_with('.') || name.is_empty();
    if is_elsewhere {
        read.unlocked(wanted, line, Why::NotFromRegistry);
        return None;
    }
    let rest = rest.strip_prefix('(').and_then(|rest| rest.strip_suffix(')')).unwrap_or(rest);
    let version = rest.strip_prefix("===").or_else(|| rest.strip_prefix("=="));
    let version = version.map(str::trim).filter(|version| !version.contains(['*', ',', ' ']));
    let Some(version) = version else {
        read.unlocked(wanted, line, Why::NotLocked);
        return None;
    };
    match locked(name, version, line) {
        Some(mut locked) => {
            locked.digests = digests;
            read.packages.push(locked);
            Some(read.packages.len() - 1)
        }
        None => {
            read.unlocked(wanted, line, Why::Unreadable);
            None
        }
    }
}

/// Adds what the comments tell: `-r requirements.in` and `app (pyproject.toml)` are the project itself.
fn edges(read: &mut Lockfile, via: &[(usize, String)]) {
    if via.is_empty() {
        return;
    }
    read.has_edges = true;
    let places: HashMap<String, usize> =
        read.packages.iter().enumerate().map(|(at, package)| (package.purl.name.clone(), at)).collect();
    for package in &mut read.packages {
        package.direct = Some(false);
    }
    for (needed, by) in via {
        let name = by.split(['[', ' ']).next().unwrap_or_default();
        let by_package = super::PypiNames.parse(name).ok().and_then(|name| places.get(name.as_str()).copied());
        match by_package.filter(|_| !by.starts_with('-') && !by.contains('(')) {
            Some(by) if by != *needed => {
                if let Some(package) = read.packages.get_mut(by) {
                    package.requires.push(*needed);
                }
            }
            _ => {
                if let Some(package) = read.packages.get_mut(*needed) {
                    package.direct = Some(true);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str) -> Vec<String> {
        let read = read(text).unwrap();
        let paths = read.paths();
        let told =
            read.packages.iter().zip(paths).map(|(it, path)| {
                format!("{} line {} {} {:?} {path:?}", it.purl, it.line, it.digests.len(), it.direct)
            });
        let told =
            told.chain(read.unlocked.iter().map(|it| format!("{} line {}: {}", it.text, it.line, it.why.text())));
        told.chain(read.includes.iter().map(|it| format!("{} line {} {}", it.path, it.line, it.is_constraint)))
            .collect()
    }

    #[test]
    fn what_pip_compile_writes_is_read_with_its_digests_and_who_needs_it() {
        let one = "1".repeat(64);
        let two = "2".repeat(64);
        let text = format!(
            "#\n# This file is autogenerated by pip-compile\n#\n\
             flask==3.0.0 \\\n    --hash=sha256:{one} \\\n    --hash=sha256:{two}\n    # via -r requirements.in\n\
             Jinja2==3.1.2 ; python_version >= \"3.8\" \\\n    --hash=sha256:{one}\n    # via\n    #   flask\n    #   other\n\
             markupsafe[x]===2.1.3  # via jinja2\n"
        );
        assert_eq!(
            told(&text),
            [
                "pkg:pypi/flask@3.0.0 line 4 2 Some(true) [0]",
                "pkg:pypi/jinja2@3.1.2 line 8 1 Some(true) [1]",
                "pkg:pypi/markupsafe@2.1.3 line 13 0 Some(false) [1, 2]",
            ]
        );
    }

    #[test]
    fn what_names_no_version_of_a_registry_is_told_with_the_reason() {
        let text = "requests>=2\nurllib3\ndjango==4.2.*\na == 1.0\n-r more.txt\n--constraint=bounds.txt\n-e .\n\
                    pip @ https://example.com/pip.zip\ngit+https://example.com/x#egg=x\n./local\n--index-url https://x.example/simple\n\
                    b==1.0,<2\nc==nonsense!\n";
        assert_eq!(
            told(text),
            [
                "pkg:pypi/a@1.0 line 4 0 None []",
                "requests>=2 line 1: not locked: it asks for a range of versions",
                "urllib3 line 2: not locked: it asks for a range of versions",
                "django==4.2.* line 3: not locked: it asks for a range of versions",
                "-e . line 7: not from a registry",
                "pip @ https://example.com/pip.zip line 8: not from a registry",
                "git+https://example.com/x#egg=x line 9: not from a registry",
                "./local line 10: not from a registry",
                "b==1.0,<2 line 12: not locked: it asks for a range of versions",
                "c==nonsense! line 13: it cannot be read",
                "more.txt line 5 false",
                "bounds.txt line 6 true",
            ]
        );
    }

    #[test]
    fn nothing_that_a_file_holds_is_too_much() {
        for text in [
            "",
            "\\",
            "\\\n\\",
            "a==1\\",
            "[",
            "==",
            "a[",
            "-r",
            "--hash",
            "#",
            "# via x",
            "a==1 #via\n# via\n#",
            "é==1",
        ] {
            let _ = read(text);
        }
    }
}
