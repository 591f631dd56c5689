//! Which upstreams does an ecosystem have?

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use weir_core::{Ecosystem, PackageName};
use weir_upstream::Upstream;

/// One of the upstreams of an ecosystem.
pub struct Member {
    /// Its ecosystem.
    pub ecosystem: &'static Ecosystem,
    /// What it is called among them, in configuration, messages and metrics: `torch`.
    pub name: Arc<str>,
    /// How it is asked.
    pub upstream: Arc<Upstream>,
}

impl fmt::Debug for Member {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Member").field(&self.ecosystem.id).field(&self.name).finish()
    }
}

impl Member {
    /// An upstream of `ecosystem` under a name of its own.
    pub fn new(ecosystem: &'static Ecosystem, name: &str, upstream: Arc<Upstream>) -> Self {
        Self { ecosystem, name: name.into(), upstream }
    }

    /// What is kept of it, and told of it, goes by this.
    pub fn id(&self) -> MemberId {
        MemberId { ecosystem: self.ecosystem.id, name: Arc::clone(&self.name) }
    }
}

/// Ecosystem and name of a [`Member`].
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct MemberId {
    /// The ecosystem's id.
    pub ecosystem: &'static str,
    /// The member's name.
    pub name: Arc<str>,
}

impl fmt::Display for MemberId {
    /// `pypi torch`; one that is called like its ecosystem, by that one word.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self.name == *self.ecosystem {
            true => f.write_str(self.ecosystem),
            false => write!(f, "{} {}", self.ecosystem, self.name),
        }
    }
}

/// Why no upstream answers for a package.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Nobody {
    /// There is none at all.
    #[error("no upstream is configured for {0}; set [upstream.{0}] url in weir.toml")]
    None(&'static str),
    /// The package's name says which, and that one is not configured.
    #[error(
        "`{package}` is of `{name}`, which is no upstream here; to take packages from it, set [[upstream.{ecosystem}.group]] \
         name = \"{name}\" and its url in weir.toml"
    )]
    Unknown {
        /// The ecosystem's id.
        ecosystem: &'static str,
        /// The package.
        package: String,
        /// The upstream that its name names.
        name: String,
    },
}

/// The upstreams of all ecosystems, those of each in the order in which they are asked.
#[derive(Clone, Default, Debug)]
pub struct Members(HashMap<&'static str, Vec<Arc<Member>>>);

impl FromIterator<Member> for Members {
    fn from_iter<T: IntoIterator<Item = Member>>(members: T) -> Self {
        let mut all: HashMap<_, Vec<_>> = HashMap::new();
        for member in members {
            all.entry(member.ecosystem.id).or_default().push(Arc::new(member));
        }
        Self(all)
    }
}

impl Members {
    /// Those of one ecosystem, in order.
    pub fn of(&self, ecosystem: &Ecosystem) -> &[Arc<Member>] {
        self.0.get(ecosystem.id).map_or(&[], Vec::as_slice)
    }

    /// The last one of an ecosystem: the registry that answers where nothing else is said.
    pub fn last(&self, ecosystem: &Ecosystem) -> Result<&Arc<Member>, Nobody> {
        self.of(ecosystem).last().ok_or(Nobody::None(ecosystem.id))
    }

    /// The one that answers for a package.
    pub fn answering(&self, ecosystem: &Ecosystem, package: &PackageName) -> Result<&Arc<Member>, Nobody> {
        self.named(ecosystem, ecosystem.registry.member(package), package.as_str())
    }

    /// The one of this name, or the last where none is named. `what` is what it is asked for.
    pub fn named(&self, ecosystem: &Ecosystem, name: Option<&str>, what: &str) -> Result<&Arc<Member>, Nobody> {
        let Some(name) = name else { return self.last(ecosystem) };
        self.of(ecosystem).iter().find(|member| *member.name == *name).ok_or_else(|| Nobody::Unknown {
            ecosystem: ecosystem.id,
            package: what.to_owned(),
            name: name.to_owned(),
        })
    }
}
