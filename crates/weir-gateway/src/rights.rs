//! Which packages does a pattern of what may be published mean: `npm:@acme/*`, `pypi:acme-*`, `cargo:*`, `*`?

use weir_core::{Ecosystem, Ecosystems, PackageName};
use weir_policy::Glob;

/// Splits a pattern. A star alone is everything.
fn split(pattern: &str) -> Option<(Option<&str>, &str)> {
    match pattern.split_once(':') {
        None if pattern == "*" => Some((None, "*")),
        None => None,
        Some((ecosystem, name)) => Some((Some(ecosystem), name)),
    }
}

/// True if a pattern is about packages of an ecosystem.
pub(crate) fn is_of(pattern: &str, ecosystem: &Ecosystem) -> bool {
    split(pattern).is_some_and(|(of, _)| of.is_none_or(|of| of == ecosystem.id))
}

/// True if one of the patterns is about a package.
pub(crate) fn covers(patterns: &[String], ecosystem: &Ecosystem, package: &PackageName) -> bool {
    let folded = ecosystem.names.fold(package);
    let mut names = ecosystem.names.shorter(&folded);
    names.push(folded);
    patterns.iter().filter(|pattern| is_of(pattern, ecosystem)).any(|pattern| match split(pattern) {
        Some((_, "*")) => true,
        Some((_, name)) => {
            Glob::fold(name, ecosystem).is_ok_and(|glob| names.iter().any(|folded| glob.matches(folded)))
        }
        None => false,
    })
}

/// Why a text is not a pattern of packages that are published, if it is not: `npm:@acme/*`, `pypi:acme-*`, `cargo:*`, `*`.
pub fn check(pattern: &str, ecosystems: Ecosystems) -> Result<(), String> {
    let known = || ecosystems.iter().map(|ecosystem| ecosystem.id).collect::<Vec<_>>().join(", ");
    match split(pattern) {
        None => Err(format!("`{pattern}` names no ecosystem; write `npm:@acme/*`, `pypi:acme-*` or `*`")),
        Some((None, _) | (_, "*")) => match split(pattern) {
            Some((Some(id), _)) if ecosystems.by_id(id).is_none() => {
                Err(format!("`{id}` is no ecosystem; there are {}", known()))
            }
            _ => Ok(()),
        },
        Some((Some(id), name)) => {
            let ecosystem =
                ecosystems.by_id(id).ok_or_else(|| format!("`{id}` is no ecosystem; there are {}", known()))?;
            Glob::fold(name, ecosystem).map(drop).map_err(|problem| format!("`{pattern}` matches no name: {problem}"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ECOSYSTEMS: Ecosystems = Ecosystems(&[&weir_pypi::ECOSYSTEM, &weir_npm::ECOSYSTEM]);

    #[test]
    fn a_pattern_means_names_of_one_ecosystem_in_every_spelling() {
        for (pattern, ecosystem, name, expected) in [
            ("npm:@acme/*", "npm", "@acme/x", true),
            ("npm:@acme/*", "npm", "@acmes/x", false),
            ("pypi:Acme_*", "pypi", "acme.core", true),
            ("pypi:acme-*", "npm", "acme-x", false),
            ("pypi:*", "pypi", "anything", true),
            ("*", "npm", "anything", true),
        ] {
            let ecosystem = ECOSYSTEMS.by_id(ecosystem).unwrap();
            let package = ecosystem.names.parse(name).unwrap();
            assert_eq!(covers(&[pattern.to_owned()], ecosystem, &package), expected, "{pattern} {name}");
        }
    }

    #[test]
    fn what_is_no_pattern_is_told() {
        for (pattern, sound) in [
            ("*", true),
            ("npm:*", true),
            ("npm:@acme/*", true),
            ("acme-*", false),
            ("gem:x", false),
            ("pypi:a b", false),
            ("gem:*", false),
        ] {
            assert_eq!(check(pattern, ECOSYSTEMS).is_ok(), sound, "{pattern}");
        }
    }
}
