//! Coordinates: a group and an artifact.
//!
//! Specification: <https://maven.apache.org/guides/mini/guide-naming-conventions.html> and the POM reference, "Maven
//! Coordinates". Maven itself checks ids against `[A-Za-z0-9_\-.]+` (`DefaultModelValidator`); case and every dot count. The
//! group's dots are directories of a repository, the artifact's are not.

use weir_core::ecosystem::{InvalidName, Names, PackageName};

/// Longest group or artifact id, in characters. The longest on Central have about a hundred.
pub const MAX_ID: usize = 200;

/// Names of the form `group:artifact`.
pub struct Coordinates;

impl Names for Coordinates {
    fn parse(&self, text: &str) -> Result<PackageName, InvalidName> {
        let Some((group, artifact)) = text.split_once(':') else {
            return Err(invalid(text, String::from("it has no `:`; expected `group:artifact`")));
        };
        join(group, artifact)
    }

    /// Case counts for Maven, and not for every repository and file system: nobody else's `com.Acme` is taken for `com.acme`.
    fn fold(&self, name: &PackageName) -> String {
        name.as_str().to_ascii_lowercase()
    }

    fn to_purl(&self, name: &PackageName) -> (Option<String>, String) {
        let (group, artifact) = split(name);
        (Some(group.to_owned()), artifact.to_owned())
    }

    fn from_purl(&self, namespace: Option<&str>, name: &str) -> Result<PackageName, InvalidName> {
        match namespace {
            Some(group) => join(group, name),
            None => Err(invalid(name, String::from("it has no group; expected pkg:maven/group/artifact"))),
        }
    }
}

/// A package's name from its parts.
pub fn join(group: &str, artifact: &str) -> Result<PackageName, InvalidName> {
    let whole = || format!("{group}:{artifact}");
    check("group", group).map_err(|problem| invalid(&whole(), problem))?;
    check("artifact", artifact).map_err(|problem| invalid(&whole(), problem))?;
    if group.split('.').any(str::is_empty) {
        // Each part is a directory of the repository.
        return Err(invalid(&whole(), String::from("its group has a dot with nothing before or after it")));
    }
    Ok(PackageName::from_normalized(&whole()))
}

/// Group and artifact.
pub fn split(name: &PackageName) -> (&str, &str) {
    name.as_str().split_once(':').unwrap_or((name.as_str(), ""))
}

/// The directory of a package in a repository, without slashes at its ends: `org/apache/logging/log4j/log4j-core`.
pub fn directory(name: &PackageName) -> String {
    let (group, artifact) = split(name);
    format!("{}/{artifact}", group.replace('.', "/"))
}

fn check(what: &str, id: &str) -> Result<(), String> {
    if id.is_empty() {
        return Err(format!("its {what} is empty; expected `group:artifact`"));
    }
    if id.len() > MAX_ID {
        return Err(format!("its {what} is longer than {MAX_ID} characters"));
    }
    if let Some(c) = id.chars().find(|c| !(c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_'))) {
        return Err(format!(
            "its {what} has the character `{}`; ids use letters, digits, `.`, `-` and `_`",
            c.escape_debug()
        ));
    }
    if id.starts_with('.') {
        return Err(format!("its {what} begins with a dot"));
    }
    Ok(())
}

fn invalid(name: &str, problem: String) -> InvalidName {
    InvalidName { ecosystem: crate::ECOSYSTEM.title, name: name.chars().take(200).collect(), problem }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_a_group_and_an_artifact() {
        let name = Coordinates.parse("org.apache.logging.log4j:log4j-core").unwrap();
        assert_eq!(name.as_str(), "org.apache.logging.log4j:log4j-core");
        assert_eq!(directory(&name), "org/apache/logging/log4j/log4j-core");
        assert_eq!(Coordinates.to_purl(&name), (Some("org.apache.logging.log4j".into()), "log4j-core".into()));
        assert_eq!(Coordinates.from_purl(Some("org.apache.logging.log4j"), "log4j-core"), Ok(name));
        assert_eq!(directory(&Coordinates.parse("HTTPClient:a.b").unwrap()), "HTTPClient/a.b");
    }

    #[test]
    fn what_cannot_be_a_name_is_refused() {
        let long = format!("a:{}", "b".repeat(MAX_ID + 1));
        for text in
            ["", "a", ":a", "a:", "a:b:c", "a/b:c", "a..b:c", ".a:b", "a.:b", "a:.b", "a:..", "a b:c", "é:a", &long]
        {
            assert!(Coordinates.parse(text).is_err(), "{text:?}");
        }
        assert!(Coordinates.parse(&format!("a:{}", "b".repeat(MAX_ID))).is_ok());
        assert!(Coordinates.from_purl(None, "junit").is_err());
        assert!(Coordinates.from_purl(Some("a/b"), "junit").is_err());
        assert_eq!(
            Coordinates.parse("junit").unwrap_err().to_string(),
            "`junit` is not a Maven package name: it has no `:`; expected `group:artifact`"
        );
    }

    #[test]
    fn what_is_private_or_denied_is_so_in_any_case() {
        let name = |text: &str| Coordinates.parse(text).unwrap();
        assert_ne!(name("com.acme:billing"), name("com.Acme:Billing"));
        assert_eq!(Coordinates.fold(&name("com.acme:billing")), Coordinates.fold(&name("com.Acme:Billing")));
    }
}
