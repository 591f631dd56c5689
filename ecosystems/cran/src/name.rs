//! Package names, and the part of the repository that each is in.
//!
//! Specification: "Writing R Extensions", 1.1.1 "The DESCRIPTION file", field `Package`: ASCII letters, digits and dots, at
//! least two characters, a letter first and no dot last. Case counts: `Matrix` is not `matrix`.
//!
//! A repository in Bioconductor's layout has several trees, each with a `src/contrib` of its own. A package of such a tree
//! carries its path: `bioc/limma`, `data/annotation/GO.db`. Two trees' packages of one name are different things.

use weir_core::ecosystem::{InvalidName, Names, PackageName};

/// Longest name without its tree, in characters. The longest on CRAN has 36.
pub const MAX_NAME: usize = 128;
/// Most directories that lead to a tree.
pub const MAX_TREE_DEPTH: usize = 3;
/// Longest name of a directory that leads to a tree, in characters.
pub const MAX_TREE_SEGMENT: usize = 32;

/// Names as R has them.
pub struct RPackages;

impl Names for RPackages {
    fn parse(&self, text: &str) -> Result<PackageName, InvalidName> {
        let error = |problem: String| InvalidName {
            ecosystem: crate::ECOSYSTEM.title,
            name: text.chars().take(200).collect(),
            problem,
        };
        let (tree, name) = text.rsplit_once('/').map_or((None, text), |(tree, name)| (Some(tree), name));
        if tree.is_some_and(|tree| !is_tree(tree)) {
            return Err(error(String::from("what leads to it is no tree of a repository, such as `bioc`")));
        }
        if name.len() < 2 {
            return Err(error(String::from("it has fewer than two characters")));
        }
        if name.len() > MAX_NAME {
            return Err(error(format!("it is longer than {MAX_NAME} characters")));
        }
        if let Some(c) = name.chars().find(|c| !c.is_ascii_alphanumeric() && *c != '.') {
            return Err(error(format!(
                "it has the character `{}`; names use letters, digits and `.`",
                c.escape_debug()
            )));
        }
        if !name.starts_with(|c: char| c.is_ascii_alphabetic()) {
            return Err(error(String::from("it does not begin with a letter")));
        }
        if name.ends_with('.') {
            return Err(error(String::from("it ends with `.`")));
        }
        Ok(PackageName::from_normalized(text))
    }

    fn fold(&self, name: &PackageName) -> String {
        name.as_str().to_ascii_lowercase()
    }

    fn to_purl(&self, name: &PackageName) -> (Option<String>, String) {
        match name.as_str().rsplit_once('/') {
            Some((tree, name)) => (Some(tree.to_owned()), name.to_owned()),
            None => (None, name.as_str().to_owned()),
        }
    }

    fn from_purl(&self, namespace: Option<&str>, name: &str) -> Result<PackageName, InvalidName> {
        match namespace {
            None => self.parse(name),
            Some(tree) => self.parse(&format!("{tree}/{name}")),
        }
    }
}

/// True for a path that may lead to a tree. A tree's name is part of addresses, and never one that the layout itself uses.
pub fn is_tree(path: &str) -> bool {
    let fine = |segment: &str| {
        (1..=MAX_TREE_SEGMENT).contains(&segment.len())
            && segment.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
            && !matches!(segment, "src" | "bin" | "contrib" | "web")
    };
    path.split('/').count() <= MAX_TREE_DEPTH && path.split('/').all(fine)
}

/// The tree that a package is in, empty for the repository's own, and its name as R knows it.
pub fn split(package: &PackageName) -> (&str, &str) {
    package.as_str().rsplit_once('/').unwrap_or(("", package.as_str()))
}

/// A package of a tree by the name that R knows it by.
pub fn in_tree(tree: &str, name: &str) -> Result<PackageName, InvalidName> {
    if tree.is_empty() { RPackages.parse(name) } else { RPackages.parse(&format!("{tree}/{name}")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_keep_their_case_and_their_tree() {
        for (text, tree, name) in [
            ("Matrix", "", "Matrix"),
            ("R6", "", "R6"),
            ("data.table", "", "data.table"),
            ("bioc/limma", "bioc", "limma"),
            ("data/annotation/GO.db", "data/annotation", "GO.db"),
        ] {
            let package = RPackages.parse(text).unwrap();
            assert_eq!((package.as_str(), split(&package)), (text, (tree, name)));
            assert_eq!(in_tree(tree, name).unwrap(), package);
            let (namespace, name) = RPackages.to_purl(&package);
            assert_eq!(RPackages.from_purl(namespace.as_deref(), &name).unwrap(), package);
        }
        assert_eq!(RPackages.fold(&RPackages.parse("Matrix").unwrap()), "matrix");
    }

    #[test]
    fn what_cannot_be_a_name_is_refused() {
        let long = "a".repeat(MAX_NAME + 1);
        for text in [
            "",
            "a",
            "1a",
            ".a",
            "a.",
            "a-b",
            "a_b",
            "a b",
            "..",
            "é1",
            "a\0",
            "src/ab",
            "bioc/",
            "/ab",
            "../ab",
            "a//ab",
            "a/b/c/d/ab",
            "Bioc/ab",
            &long,
        ] {
            assert!(RPackages.parse(text).is_err(), "{text:?}");
        }
        assert!(RPackages.parse(&"a".repeat(MAX_NAME)).is_ok());
        assert_eq!(
            RPackages.parse("data_table").unwrap_err().to_string(),
            "`data_table` is not a CRAN package name: it has the character `_`; names use letters, digits and `.`"
        );
    }
}
