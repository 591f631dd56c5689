//! Which paths may there be in a module zip?
//!
//! Specification: the Go modules reference, "Module zip files"; `golang.org/x/mod`, `zip.CheckZip` and `module.CheckFilePath`.
//! The go command refuses a zip that breaks these rules, and some of them keep a file from being two on another machine.

use std::collections::HashMap;

use weir_core::facts::Finding;
use weir_core::registry::Expected;

/// Findings that are told one by one.
pub const MAX_TOLD: usize = 10;
/// Names that mean devices on Windows, whatever follows a dot.
const DEVICES: [&str; 22] = [
    "CON", "PRN", "AUX", "NUL", "COM1", "COM2", "COM3", "COM4", "COM5", "COM6", "COM7", "COM8", "COM9", "LPT1", "LPT2",
    "LPT3", "LPT4", "LPT5", "LPT6", "LPT7", "LPT8", "LPT9",
];

/// What is wrong with the paths of a module zip.
pub fn findings(file: &str, paths: &mut dyn Iterator<Item = &str>, expected: &Expected<'_>) -> Vec<Finding> {
    let prefix = format!("{}@{}/", expected.package, expected.version);
    let mut findings = Vec::new();
    // Each path and each directory, by what it is where case does not count.
    let mut folded: HashMap<String, (String, bool)> = HashMap::new();
    for path in paths {
        if findings.len() == MAX_TOLD {
            break;
        }
        let mut tell = |code: &str, problem: String| {
            let shown: String = path.chars().take(200).flat_map(char::escape_debug).collect();
            findings.push(Finding { code: code.to_owned(), text: format!("{file} has `{shown}`, {problem}") });
        };
        let Some(inside) = path.strip_prefix(&prefix) else {
            tell("stray-path", format!("outside of `{prefix}`"));
            continue;
        };
        // Directories have no entries of their own where the go command packs; empty ones do no harm.
        if inside.is_empty() || inside.ends_with('/') {
            continue;
        }
        if let Some(problem) = problem(inside) {
            tell("module-path", problem);
            continue;
        }
        let (directory, name) = inside.rsplit_once('/').unwrap_or(("", inside));
        if name.eq_ignore_ascii_case("go.mod") && !(directory.is_empty() && name == "go.mod") {
            tell("module-path", String::from("and the only go.mod of a module is at its top"));
            continue;
        }
        if let Some(other) = collision(&mut folded, inside) {
            tell("module-path", format!("which is `{other}` where case does not count"));
        }
    }
    findings
}

/// What is wrong with a path by itself.
fn problem(path: &str) -> Option<String> {
    for part in path.split('/') {
        if matches!(part, "" | "." | "..") {
            return Some(String::from("which has an empty part, `.` or `..`"));
        }
        if part.ends_with('.') {
            return Some(String::from("of which a part ends in a dot"));
        }
        if let Some(c) = part.chars().find(|c| !is_allowed(*c)) {
            return Some(format!("with the character `{}`", c.escape_debug()));
        }
        let stem = part.split('.').next().unwrap_or(part);
        if DEVICES.iter().any(|device| stem.eq_ignore_ascii_case(device)) {
            return Some(format!("and `{stem}` is a device on Windows"));
        }
    }
    None
}

fn is_allowed(c: char) -> bool {
    match c.is_ascii() {
        true => c.is_ascii_alphanumeric() || "!#$%&()+,-.=@[]^_{}~ ".contains(c),
        false => c.is_alphabetic(),
    }
}

/// Another path, of a file or of a directory, that this one is where case does not count.
fn collision(folded: &mut HashMap<String, (String, bool)>, path: &str) -> Option<String> {
    let mut take = |path: &str, is_file: bool| {
        let key = path.to_lowercase();
        match folded.get(&key) {
            Some((other, was_file)) if other != path || is_file || *was_file => Some(other.clone()),
            Some(_) => None,
            None => {
                folded.insert(key, (path.to_owned(), is_file));
                None
            }
        }
    };
    let found = take(path, true);
    let directories = path.match_indices('/').filter_map(|(at, _)| path.get(..at));
    directories.fold(found, |found, directory| found.or_else(|| take(directory, false)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use weir_core::PackageName;

    fn told(paths: &[&str]) -> Vec<String> {
        let package = PackageName::from_normalized("example.com/m");
        let full: Vec<String> = paths.iter().map(|path| format!("example.com/m@v1.0.0/{path}")).collect();
        let mut all = full.iter().map(String::as_str);
        let found = findings("v1.0.0.zip", &mut all, &Expected { package: &package, version: "v1.0.0" });
        found.into_iter().map(|finding| finding.text).collect()
    }

    #[test]
    fn a_module_may_have_what_the_go_command_packs() {
        assert_eq!(
            told(&["go.mod", "a.go", "b/a.go", "b/c/ü.go", "LICENSE", "x y.txt", "b/[1].go", "b/go.mod.txt"]),
            [""; 0]
        );
    }

    #[test]
    fn paths_that_mean_something_else_elsewhere_are_told() {
        for (paths, problem) in [
            (&["../a.go"][..], "`..`"),
            (&["a//b.go"], "empty part"),
            (&["a\\b.go"], "character"),
            (&["a:b.go"], "character"),
            (&["a\n.go"], "character"),
            (&["b/con.go"], "device"),
            (&["a."], "dot"),
            (&["b/go.mod"], "only go.mod"),
            (&["GO.MOD"], "only go.mod"),
            (&["a.go", "A.go"], "case"),
            (&["a/x.go", "A/y.go"], "case"),
            (&["a/x.go", "a"], "case"),
            (&["a.go", "a.go"], "case"),
        ] {
            let told = told(paths);
            assert!(told.len() == 1 && told[0].contains(problem), "{paths:?}: {told:?}");
        }
    }

    #[test]
    fn what_lies_outside_is_told_so_often_and_no_more() {
        let package = PackageName::from_normalized("example.com/m");
        let expected = Expected { package: &package, version: "v1.0.0" };
        let count = |count| findings("f", &mut std::iter::repeat_n("x", count), &expected).len();
        assert_eq!((count(MAX_TOLD), count(MAX_TOLD + 1)), (MAX_TOLD, MAX_TOLD));
    }
}
