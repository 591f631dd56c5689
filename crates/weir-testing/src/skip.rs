//! What a test needs beside the project, and what happens where that is absent.

use std::path::{Path, PathBuf};

/// Says loudly that a test is skipped, and why. Where the environment variable `WEIR_REQUIRE` (a list such as
/// `shared,postgres,s3,clients`) names `component`, the test fails instead.
#[expect(clippy::print_stderr, reason = "a skipped test must not look like a passed one")]
pub fn skip(component: &str, why: &str) {
    let required = std::env::var("WEIR_REQUIRE").unwrap_or_default();
    let required = required.split(',').any(|word| word.trim() == component);
    assert!(!required, "WEIR_REQUIRE names `{component}`, but {why}");
    eprintln!("skipped: {why}");
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
