//! What a release needs to be installed.
//!
//! Specification: "Writing R Extensions", 1.1.3 "Package Dependencies". `Depends`, `Imports` and `LinkingTo` have to be there
//! when a package is installed; `Suggests` and `Enhances` do not, so they decide nothing here.

use crate::dcf::Record;
use crate::version::Bound;

/// The fields whose packages are installed with a package.
pub const NEEDED: [&str; 3] = ["Depends", "Imports", "LinkingTo"];

/// Most requirements that are read of one release. The most on CRAN are about a hundred.
pub const MAX_REQUIREMENTS: usize = 2_000;

/// A package that has to be there, in a version within the bound.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Requirement {
    /// Its name as R knows it. `R` is R itself.
    pub name: String,
    /// What its version must be.
    pub bound: Option<Bound>,
}

/// Everything that a release needs. What cannot be read is passed over, as R passes over it: it asks for no package.
pub fn requirements(record: Record<'_>) -> Vec<Requirement> {
    let mut needed = Vec::new();
    for field in NEEDED {
        let Some(text) = record.get(field) else { continue };
        for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
            if needed.len() == MAX_REQUIREMENTS {
                return needed;
            }
            needed.extend(requirement(part));
        }
    }
    needed
}

/// Reads `name` or `name (>= 1.2)`.
fn requirement(text: &str) -> Option<Requirement> {
    let (name, bound) = match text.split_once('(') {
        Some((name, bound)) => (name.trim(), Bound::parse(bound.trim_end().trim_end_matches(')')).ok()),
        None => (text, None),
    };
    let is_name = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'.');
    is_name.then(|| Requirement { name: name.to_owned(), bound })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::version::{Operator, Version};

    #[test]
    fn what_is_installed_with_a_package_is_read_with_its_bounds() {
        let record = Record::first(
            b"Package: x\nDepends: R (>= 4.0), methods\nImports: Rcpp (>=\n  1.0.0),\tcli,, bad name (>= 1)\nLinkingTo: Rcpp\nSuggests: testthat\n",
        )
        .unwrap();
        let needed = requirements(record);
        let names: Vec<_> = needed.iter().map(|needed| needed.name.as_str()).collect();
        assert_eq!(names, ["R", "methods", "Rcpp", "cli", "Rcpp"]);
        let bound = Bound { operator: Operator::AtLeast, version: Version::parse("1.0.0").unwrap() };
        assert_eq!(needed[2].bound, Some(bound));
        assert_eq!(needed[3].bound, None);
    }

    #[test]
    fn no_record_names_more_than_is_read() {
        for (count, read) in [(MAX_REQUIREMENTS, MAX_REQUIREMENTS), (MAX_REQUIREMENTS + 1, MAX_REQUIREMENTS)] {
            let text = format!("Imports: {}\n", vec!["aa"; count].join(", "));
            assert_eq!(requirements(Record::first(text.as_bytes()).unwrap()).len(), read);
        }
    }
}
