//! Package names: a channel, a platform, and a name there.
//!
//! Specification: CEP 26 (names, channels, subdirs). Files of two channels, or of two platforms, are different things under
//! one name, so that the normal form has all three: `conda-forge/linux-64/numpy`. People also say `conda-forge/numpy` and
//! `numpy`; in policy, these mean it wherever it is.

use std::collections::BTreeMap;

use weir_core::ecosystem::{InvalidName, Names, PackageName};

/// Longest name of a package, in characters.
pub const MAX_NAME: usize = 128;
/// Longest name of a channel, in characters.
pub const MAX_CHANNEL: usize = 64;
/// Longest name of a platform's subdirectory, in characters.
pub const MAX_SUBDIR: usize = 32;

/// The platforms that a name without one may mean, likeliest first.
pub const SUBDIRS: [&str; 14] = [
    "noarch",
    "linux-64",
    "osx-arm64",
    "win-64",
    "linux-aarch64",
    "osx-64",
    "linux-ppc64le",
    "win-arm64",
    "linux-32",
    "win-32",
    "linux-s390x",
    "linux-riscv64",
    "emscripten-wasm32",
    "wasi-wasm32",
];

/// How conda reads names.
pub struct CondaNames;

/// A name's parts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Parts<'a> {
    /// The channel, as it is called among the upstreams.
    pub channel: Option<&'a str>,
    /// The platform.
    pub subdir: Option<&'a str>,
    /// The package's own name.
    pub name: &'a str,
}

impl<'a> Parts<'a> {
    /// The parts of a normal name.
    pub fn of(package: &'a PackageName) -> Self {
        Self::split(package.as_str())
    }

    fn split(text: &'a str) -> Self {
        match text.rsplit_once('/') {
            None => Self { channel: None, subdir: None, name: text },
            Some((place, name)) => match place.split_once('/') {
                None => Self { channel: Some(place), subdir: None, name },
                Some((channel, subdir)) => Self { channel: Some(channel), subdir: Some(subdir), name },
            },
        }
    }
}

/// The package of this name in a part (`conda-forge/linux-64`); `None` if it cannot be one.
pub fn of(part: &str, name: &str) -> Option<PackageName> {
    is_name(name).then(|| PackageName::from_normalized(&format!("{part}/{name}")))
}

/// The packages that a name without channel or platform may mean: in the channels in their order, on each platform.
pub fn meant(package: &PackageName, channels: &[&str]) -> Vec<PackageName> {
    let parts = Parts::of(package);
    if parts.subdir.is_some() {
        return Vec::new();
    }
    let channels = channels.iter().filter(|channel| parts.channel.is_none_or(|named| named == **channel));
    channels
        .flat_map(|channel| SUBDIRS.map(|subdir| of(&format!("{channel}/{subdir}"), parts.name)))
        .flatten()
        .collect()
}

/// True for what may be a package's own name, in its normal form.
pub fn is_name(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= MAX_NAME
        && text
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_' | b'.'))
        && text.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_')
}

/// True for what may be a channel: what an upstream may be called.
pub fn is_channel(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= MAX_CHANNEL
        && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_'))
        && text.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
}

/// True for what may be a platform: `noarch`, or a system and a machine.
pub fn is_subdir(text: &str) -> bool {
    let word = |text: &str| {
        !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
    };
    let is_pair = || text.split_once('-').is_some_and(|(system, machine)| word(system) && word(machine));
    text.len() <= MAX_SUBDIR && (text == "noarch" || is_pair())
}

impl Names for CondaNames {
    fn parse(&self, text: &str) -> Result<PackageName, InvalidName> {
        let lower = text.to_ascii_lowercase();
        let error = |problem: String| InvalidName {
            ecosystem: crate::ECOSYSTEM.title,
            name: text.chars().take(200).collect(),
            problem,
        };
        if lower.matches('/').count() > 2 {
            return Err(error(String::from("it has more parts than `channel/platform/name`")));
        }
        let parts = Parts::split(&lower);
        if !is_name(parts.name) {
            return Err(error(format!(
                "names use letters, digits, `-`, `_` and `.`, begin with a letter, digit or `_`, and have at most {MAX_NAME} \
                 characters"
            )));
        }
        if parts.channel.is_some_and(|channel| !is_channel(channel)) {
            return Err(error(String::from("what is before the first `/` is no channel's name")));
        }
        if parts.subdir.is_some_and(|subdir| !is_subdir(subdir)) {
            return Err(error(String::from(
                "what is between the two `/` is no platform, such as `linux-64` or `noarch`",
            )));
        }
        Ok(PackageName::from_normalized(&lower))
    }

    fn shorter(&self, folded: &str) -> Vec<String> {
        let parts = Parts::split(folded);
        let mut shorter = Vec::with_capacity(2);
        if let (Some(channel), Some(_)) = (parts.channel, parts.subdir) {
            shorter.push(format!("{channel}/{}", parts.name));
        }
        if parts.channel.is_some() {
            shorter.push(parts.name.to_owned());
        }
        shorter
    }

    fn to_purl(&self, name: &PackageName) -> (Option<String>, String) {
        (None, Parts::of(name).name.to_owned())
    }

    fn qualifiers(&self, name: &PackageName) -> Vec<(&'static str, String)> {
        let parts = Parts::of(name);
        let channel = parts.channel.map(|channel| ("channel", channel.to_owned()));
        channel.into_iter().chain(parts.subdir.map(|subdir| ("subdir", subdir.to_owned()))).collect()
    }

    fn from_purl(&self, namespace: Option<&str>, name: &str) -> Result<PackageName, InvalidName> {
        match namespace {
            None => self.parse(name),
            // Not of the type's definition, and what people write in a policy.
            Some(namespace) => self.parse(&format!("{namespace}/{name}")),
        }
    }

    fn qualified(&self, name: PackageName, qualifiers: &BTreeMap<String, String>) -> Result<PackageName, InvalidName> {
        let parts = Parts::of(&name);
        let (Some(channel), None) = (qualifiers.get("channel"), parts.channel) else { return Ok(name) };
        match qualifiers.get("subdir") {
            Some(subdir) => self.parse(&format!("{channel}/{subdir}/{}", parts.name)),
            None => self.parse(&format!("{channel}/{}", parts.name)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_known_by_its_channel_and_platform_and_by_less() {
        for (text, normal, shorter) in [
            ("NumPy", "numpy", &[][..]),
            ("conda-forge/numpy", "conda-forge/numpy", &["numpy"]),
            ("conda-forge/linux-64/numpy", "conda-forge/linux-64/numpy", &["conda-forge/numpy", "numpy"]),
            (
                "a/noarch/_x86_64-microarch-level",
                "a/noarch/_x86_64-microarch-level",
                &["a/_x86_64-microarch-level", "_x86_64-microarch-level"],
            ),
        ] {
            let name = CondaNames.parse(text).unwrap();
            assert_eq!(name.as_str(), normal);
            assert_eq!(CondaNames.shorter(normal), shorter);
            assert_eq!(CondaNames.parse(name.as_str()), Ok(name));
        }
    }

    #[test]
    fn a_name_without_a_place_means_it_in_every_channel_and_on_every_platform() {
        let meant = |text: &str| super::meant(&CondaNames.parse(text).unwrap(), &["ours", "conda-forge"]);
        let all = meant("numpy");
        assert_eq!(all.len(), 2 * SUBDIRS.len());
        assert_eq!(all[0].as_str(), "ours/noarch/numpy");
        assert_eq!(all[SUBDIRS.len() + 1].as_str(), "conda-forge/linux-64/numpy");
        assert_eq!(meant("conda-forge/numpy").len(), SUBDIRS.len());
        assert_eq!(meant("strange/numpy"), []);
        assert_eq!(meant("conda-forge/linux-64/numpy"), []);
    }

    #[test]
    fn what_cannot_be_a_name_is_refused() {
        let long = "a".repeat(129);
        for text in [
            "",
            "-a",
            ".a",
            "a b",
            "é",
            "a\0",
            "a/b/c/d",
            "/a",
            "a//b",
            "a/linux/b",
            "a/../b",
            "A!/b",
            "a/x-y-z/b",
            &long,
        ] {
            assert!(CondaNames.parse(text).is_err(), "{text:?}");
        }
        assert!(CondaNames.parse(&"a".repeat(128)).is_ok());
    }

    #[test]
    fn a_purl_has_channel_and_platform_as_qualifiers() {
        let name = CondaNames.parse("conda-forge/linux-64/numpy").unwrap();
        let qualifiers: BTreeMap<_, _> =
            CondaNames.qualifiers(&name).into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
        let bare = CondaNames.from_purl(None, &CondaNames.to_purl(&name).1).unwrap();
        assert_eq!(bare.as_str(), "numpy");
        assert_eq!(CondaNames.qualified(bare, &qualifiers), Ok(name));
    }
}
