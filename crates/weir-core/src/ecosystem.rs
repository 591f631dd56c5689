//! What an ecosystem is: a value made of small capabilities.
//!
//! Each ecosystem is a folder under `ecosystems/` that exports one [`Ecosystem`]. The binary lists them once, in an
//! [`Ecosystems`]; nothing else names one.

use std::borrow::Borrow;
use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::purl::types::Rules as PurlRules;
use crate::registry::Registry;

/// One package ecosystem and what Weir can do with it.
pub struct Ecosystem {
    /// The word for it in routes, policy, tables and output: `pypi`. Lower case, `[a-z]+`.
    pub id: &'static str,
    /// Its name as people write it: `PyPI`.
    pub title: &'static str,
    /// Its name in OSV records: `PyPI`, `crates.io`.
    pub osv: &'static str,
    /// Its type in package URLs: `pypi`, `cargo`.
    pub purl_type: &'static str,
    /// What that type asks of a purl's parts.
    pub purl_rules: PurlRules,
    /// How names are read.
    pub names: &'static dyn Names,
    /// How versions are ordered.
    pub versions: &'static dyn Versions,
    /// How its registry speaks.
    pub registry: &'static dyn Registry,
    /// Where its packages come from unless configured otherwise.
    pub upstream: DefaultUpstream,
    /// The files of projects that it reads; none where its packages have no such files of their own.
    pub lockfiles: &'static [crate::lockfile::Format],
}

/// The public registry of an ecosystem.
#[derive(Clone, Copy, Debug)]
pub struct DefaultUpstream {
    /// What it is called among the upstreams of its ecosystem: `pypi`. Lower case, `[a-z][a-z0-9-]*`.
    pub name: &'static str,
    /// Base address, as in `[upstream.pypi] url = "…"`.
    pub url: &'static str,
    /// Further hosts that its index may name for files (`host` or `host:port`).
    pub hosts: &'static [&'static str],
}

impl fmt::Debug for Ecosystem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Ecosystem").field(&self.id).finish()
    }
}

impl PartialEq for Ecosystem {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
    }
}

impl Eq for Ecosystem {}

/// The list of ecosystems that this Weir knows: the only such list.
#[derive(Clone, Copy, Debug)]
pub struct Ecosystems(pub &'static [&'static Ecosystem]);

impl Ecosystems {
    /// The ecosystem with this [`Ecosystem::id`].
    pub fn by_id(self, id: &str) -> Option<&'static Ecosystem> {
        self.0.iter().copied().find(|ecosystem| ecosystem.id == id)
    }

    /// The ecosystem with this package URL type.
    pub fn by_purl_type(self, purl_type: &str) -> Option<&'static Ecosystem> {
        self.0.iter().copied().find(|ecosystem| ecosystem.purl_type == purl_type)
    }

    /// The ecosystem with this OSV name; a suffix (`Maven:https://…`) is ignored.
    pub fn by_osv(self, osv: &str) -> Option<&'static Ecosystem> {
        let base = osv.split(':').next().unwrap_or(osv);
        self.0.iter().copied().find(|ecosystem| ecosystem.osv == base)
    }

    /// The format of a file with this name (no folders), with the ecosystem that reads it.
    pub fn lockfile(self, file: &str) -> Option<(&'static Ecosystem, &'static crate::lockfile::Format)> {
        let named = |ecosystem: &'static Ecosystem| {
            Some((ecosystem, ecosystem.lockfiles.iter().find(|format| format.is_named(file))?))
        };
        self.0.iter().copied().find_map(named)
    }

    /// All of them, in the order of the list.
    pub fn iter(self) -> impl Iterator<Item = &'static Ecosystem> {
        self.0.iter().copied()
    }
}

/// A package's name in its ecosystem's normal form. Only [`Names::parse`] should make one.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PackageName(Arc<str>);

impl PackageName {
    /// Wraps a name that is already in normal form. For [`Names::parse`] and for reading back what was stored.
    pub fn from_normalized(name: &str) -> Self {
        Self(name.into())
    }

    /// The normal form.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for PackageName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Borrow<str> for PackageName {
    fn borrow(&self) -> &str {
        &self.0
    }
}

/// A text that is not a package name of its ecosystem.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[error("`{name}` is not a {ecosystem} package name: {problem}")]
pub struct InvalidName {
    /// [`Ecosystem::title`].
    pub ecosystem: &'static str,
    /// What was given, at most 200 characters of it.
    pub name: String,
    /// What is wrong and what is expected, without a full stop.
    pub problem: String,
}

/// How an ecosystem reads and writes package names.
pub trait Names: Send + Sync {
    /// Reads a name in any accepted spelling into its normal form. Refuses everything that could not be a name: names
    /// become parts of addresses and keys of tables, so what passes here is what may be there.
    fn parse(&self, text: &str) -> Result<PackageName, InvalidName>;

    /// A form under which names that people or the registry take for one another are equal (`-` and `_` in cargo). What
    /// is private or denied is compared in this form.
    fn fold(&self, name: &PackageName) -> String {
        name.as_str().to_owned()
    }

    /// The shorter forms of a folded name by which people also mean it, the longest first: a conda package without its
    /// channel. What is private, denied or waived by such a form is so under the whole name too.
    fn shorter(&self, folded: &str) -> Vec<String> {
        let _ = folded;
        Vec::new()
    }

    /// The purl namespace and name (purl-spec, type definitions): `@acme/x` is `(Some("@acme"), "x")`.
    fn to_purl(&self, name: &PackageName) -> (Option<String>, String) {
        (None, name.as_str().to_owned())
    }

    /// The purl's qualifiers that are part of the name (conda's channel).
    fn qualifiers(&self, name: &PackageName) -> Vec<(&'static str, String)> {
        let _ = name;
        Vec::new()
    }

    /// The name that a purl stands for by its namespace and name, with those of its qualifiers that are part of a name.
    fn qualified(&self, name: PackageName, qualifiers: &BTreeMap<String, String>) -> Result<PackageName, InvalidName> {
        let _ = qualifiers;
        Ok(name)
    }

    /// The name that a purl's namespace and name stand for.
    #[expect(clippy::wrong_self_convention, reason = "`self` is the ecosystem, which reads the purl's parts")]
    fn from_purl(&self, namespace: Option<&str>, name: &str) -> Result<PackageName, InvalidName>;
}

/// Bytes whose order is the ecosystem's version order. A total preorder: equal keys mean equal precedence, never identity.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct SortKey(Vec<u8>);

impl SortKey {
    /// Wraps key bytes. For [`Versions::sort_key`] and for reading back what was stored.
    pub fn from_bytes(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// A text that is not a version of its ecosystem. Such a release is *not assessed*, never *not affected*.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[error("`{version}` is not a {ecosystem} version: {problem}")]
pub struct InvalidVersion {
    /// [`Ecosystem::title`].
    pub ecosystem: &'static str,
    /// What was given, at most 200 characters of it.
    pub version: String,
    /// What is wrong and what is expected, without a full stop.
    pub problem: String,
}

/// A text that is not a version range of its ecosystem.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[error("`{range}` is not a {ecosystem} version range: {problem}")]
pub struct InvalidRange {
    /// [`Ecosystem::title`].
    pub ecosystem: &'static str,
    /// What was given, at most 200 characters of it.
    pub range: String,
    /// What is wrong and what is expected, without a full stop.
    pub problem: String,
}

/// A set of versions as the ecosystem's own tools write it (`>=1.2,<2`, `^1.2 || 3.x`).
pub trait VersionRange: Send + Sync + fmt::Debug {
    /// True if `version` is in the set. Pre-releases count as in: this answers policy, not a resolver. `None` if
    /// `version` cannot be read.
    fn contains(&self, version: &str) -> Option<bool>;
}

/// How an ecosystem orders versions.
pub trait Versions: Send + Sync {
    /// The key of `version`.
    fn sort_key(&self, version: &str) -> Result<SortKey, InvalidVersion>;

    /// The order of two versions; `None` if either cannot be read.
    fn compare(&self, a: &str, b: &str) -> Option<Ordering> {
        Some(self.sort_key(a).ok()?.cmp(&self.sort_key(b).ok()?))
    }

    /// The spelling under which two texts that name the same release are equal: PEP 440's normal form without trailing
    /// zeros on PyPI, the text itself where the registry compares texts.
    fn canonical(&self, version: &str) -> String {
        version.to_owned()
    }

    /// The version that this one is another build of, whose advisories are its own, too: `2.7.0` of `2.7.0+cu126` on PyPI.
    /// `None` if it is none of another.
    fn public(&self, version: &str) -> Option<String> {
        let _ = version;
        None
    }

    /// True for alphas, betas, candidates and development releases; false also for what cannot be read.
    fn is_prerelease(&self, version: &str) -> bool;

    /// The line within which people expect compatible upgrades: `4` for 4.2.1 (and `0.2` for a semver 0.2.7).
    fn major_line(&self, version: &str) -> Option<String>;

    /// Reads a range in the ecosystem's own notation.
    fn range(&self, text: &str) -> Result<Box<dyn VersionRange>, InvalidRange>;
}
