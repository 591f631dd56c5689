//! The folder of real inputs beside the project.

use std::path::PathBuf;

/// A folder under `../shared`; `None`, with a message, where it is absent and not required.
pub fn folder(name: &str) -> Option<PathBuf> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared").join(name);
    if path.is_dir() {
        return Some(path);
    }
    let required = std::env::var("WEIR_REQUIRE").is_ok_and(|list| list.split(',').any(|word| word == "shared"));
    assert!(!required, "WEIR_REQUIRE names `shared`, and `../shared/{name}` is absent");
    println!("skipped: `../shared/{name}` is absent");
    None
}
