//! Module zips.
//!
//! Specification: the Go modules reference, "Module zip files". Every file lies below `{module}@{version}/`.

use serde_json::json;
use weir_core::registry::{Container, Declared, Entry, Expected, Inspection};

use crate::modfile::Modfile;

/// How the name of a module's artifact ends.
pub const ZIP: &str = ".zip";
/// The module's own file, and what is kept of one's own module under this name.
pub const GO_MOD: &str = "go.mod";
/// Names of files that hold a licence's text, in upper case without what follows a dot or dash.
const LICENSES: [&str; 4] = ["LICENSE", "LICENCE", "COPYING", "UNLICENSE"];

/// How to look into a file.
pub fn inspection(file: &str) -> Option<Inspection> {
    file.ends_with(ZIP).then_some(Inspection { container: Container::Zip, wanted })
}

/// `go.mod` and the licence at the top of the module.
fn wanted(path: &str) -> bool {
    let Some((_, inside)) = path.split_once('@').and_then(|(_, rest)| rest.split_once('/')) else { return false };
    !inside.contains('/') && (inside == GO_MOD || is_license(inside))
}

fn is_license(name: &str) -> bool {
    let word = name.split(['.', '-', '_']).next().unwrap_or_default().to_ascii_uppercase();
    LICENSES.contains(&word.as_str())
}

/// What a module zip declares.
pub fn declared(entries: &[Entry], expected: &Expected<'_>) -> Declared {
    let mut out = Declared::default();
    let prefix = format!("{}@{}/", expected.package, expected.version);
    let inside = |name: &str| entries.iter().find(|entry| entry.path.strip_prefix(&prefix) == Some(name));
    if let Some(modfile) = inside(GO_MOD) {
        let text = String::from_utf8_lossy(&modfile.bytes);
        let modfile = Modfile::parse(&text);
        out.own.insert(GO_MOD.to_owned(), json!(text));
        if let Some(module) = modfile.module.as_deref().filter(|module| *module != expected.package.as_str()) {
            // A fork that kept its name. The go command refuses it as a dependency, and allows it as a replacement.
            out.said.insert(String::from("module"), json!(module.chars().take(300).collect::<String>()));
        }
        let requires: Vec<String> =
            modfile.requires.iter().map(|(path, version)| format!("{path} {version}")).collect();
        out.said.insert(String::from("requires"), json!(requires));
    }
    let mut texts: Vec<&str> =
        entries.iter().filter_map(|entry| entry.path.strip_prefix(&prefix)).filter(|name| is_license(name)).collect();
    texts.sort_unstable();
    out.said.insert(String::from("license-files"), json!(texts));
    out
}
