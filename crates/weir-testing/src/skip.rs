//! What a test needs beside the project, and what happens where that is absent.

use std::io::Write as _;
use std::path::{Path, PathBuf};

/// Says loudly that a test is skipped, and why. Where the environment variable `WEIR_REQUIRE` (a list such as
/// `shared,postgres,s3,clients`) names `component`, the test fails instead.
pub fn skip(component: &str, why: &str) {
    let required = std::env::var("WEIR_REQUIRE").unwrap_or_default();
    let required = required.split(',').any(|word| word.trim() == component);
    assert!(!required, "WEIR_REQUIRE names `{component}`, but {why}");
    // Not by a macro: the test harness would keep that to itself, and a skipped test would look like a passed one.
    let _ = std::io::stderr().write_all(format!("skipped: {component}: {why}\n").as_bytes());
}

/// A file or directory of `../shared`, beside the project; `None`, said loudly, where it is absent.
pub fn shared(path: &str) -> Option<PathBuf> {
    let found = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared").join(path);
    if !found.exists() {
        skip("shared", &format!("there is no `../shared/{path}` beside the project"));
        return None;
    }
    Some(found)
}

/// A program of this machine; `None`, said loudly, where it is absent.
pub fn program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).map(|directory| directory.join(name)).find(|file| file.is_file());
    if found.is_none() {
        skip("clients", &format!("there is no `{name}` in PATH"));
    }
    found
}
