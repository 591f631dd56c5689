//! Which upstreams does an ecosystem have?

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use weir_core::registry::Wanted;
use weir_core::time::Day;
use weir_core::{Ecosystem, PackageName, Timestamp};
use weir_policy::Glob;
use weir_upstream::Upstream;

/// One of the upstreams of an ecosystem.
pub struct Member {
    /// Its ecosystem.
    pub ecosystem: &'static Ecosystem,
    /// What it is called among them, in configuration, messages and metrics: `torch`.
    pub name: Arc<str>,
    /// How it is asked.
    pub upstream: Arc<Upstream>,
    /// The names that come from it alone.
    packages: Vec<Glob>,
    /// It is asked for names that are bound to no upstream.
    is_searched: bool,
    /// It is the public registry: private names are not asked for there, even if they are bound to it.
    is_public: bool,
    /// The key of the checksum database that it hands on: what comes from it is checked against that. `None`: it is not.
    pub checksum_key: Option<Arc<str>>,
    /// Of so many days what its catalogues listed is kept, and looked at on each.
    pub kept_days: u32,
    /// It is one page with files of many packages, at this path below its base. `None`: it has a page for each package.
    flat: Option<Arc<str>>,
}

impl fmt::Debug for Member {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Member").field(&self.ecosystem.id).field(&self.name).finish()
    }
}

impl Member {
    /// An upstream of `ecosystem` under a name of its own, which is asked for every name that is bound to no other.
    pub fn new(ecosystem: &'static Ecosystem, name: &str, upstream: Arc<Upstream>) -> Self {
        let is_public = is_public(ecosystem, upstream.base());
        Self {
            ecosystem,
            name: name.into(),
            upstream,
            packages: Vec::new(),
            is_searched: true,
            is_public,
            checksum_key: None,
            kept_days: ecosystem.registry.catalogue().map_or(0, |catalogue| catalogue.kept_days()),
            flat: None,
        }
    }

    /// The same with names bound to it: they come from it alone.
    pub fn with_packages(self, packages: Vec<Glob>) -> Self {
        Self { packages, ..self }
    }

    /// The same, asked for the names that are bound to it, and for no others.
    pub fn only_bound(self) -> Self {
        Self { is_searched: false, ..self }
    }

    /// With what comes from it checked against the checksum database of this key.
    pub fn checked_by(mut self, key: &str) -> Self {
        self.checksum_key = Some(key.into());
        self
    }

    /// With what its catalogues listed kept of so many days.
    pub fn keeping_days(self, days: u32) -> Self {
        Self { kept_days: days, ..self }
    }

    /// True if a catalogue that was current from one moment to another, and is no more, was so at the end of a day that is to
    /// be kept: the others of its past are needed by nobody who asks for a day.
    pub fn keeps(&self, from: Timestamp, to: Timestamp, now: Timestamp) -> bool {
        let last = Day::of(to).before();
        let since = Day::of(now.plus_days(-i64::from(self.kept_days)));
        self.kept_days > 0 && last >= Day::of(from) && last >= since
    }

    /// The same as one page with files of many packages ([`weir_core::registry::Flat`]), at this path below its base.
    pub fn flat(self, page: &str) -> Self {
        Self { flat: Some(page.into()), ..self }
    }

    /// The documents that answer for a package here, the package's own first.
    pub fn documents(&self, package: &PackageName) -> Vec<Wanted> {
        let mut all = self.ecosystem.registry.documents(package);
        if let (Some(page), Some(own)) = (&self.flat, all.first_mut()) {
            own.path = format!("{page}#{package}");
            all.truncate(1);
        }
        all
    }

    /// Of a document that is made of a page with files of many packages: that page, and the package.
    pub(crate) fn page_of(&self, wanted: &Wanted) -> Option<(Wanted, PackageName)> {
        let page = self.flat.as_deref()?;
        let package = wanted.path.strip_prefix(page)?.strip_prefix('#')?;
        let page = Wanted { path: page.to_owned(), ..wanted.clone() };
        Some((page, PackageName::from_normalized(package)))
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

    /// The one of this name, or the last where none is named. `what` is what it is asked for.
    pub fn named(&self, ecosystem: &Ecosystem, name: Option<&str>, what: &str) -> Result<&Arc<Member>, Nobody> {
        let Some(name) = name else { return self.last(ecosystem) };
        self.of(ecosystem).iter().find(|member| *member.name == *name).ok_or_else(|| Nobody::Unknown {
            ecosystem: ecosystem.id,
            package: what.to_owned(),
            name: name.to_owned(),
        })
    }

    /// The one that answers for a package because its name says so: the name itself, or who it is bound to. `None` if it is
    /// one of [`Members::searched`].
    pub fn settled(&self, ecosystem: &Ecosystem, package: &PackageName) -> Result<Option<&Arc<Member>>, Nobody> {
        if let Some(name) = ecosystem.registry.member(package) {
            return self.named(ecosystem, Some(name), package.as_str()).map(Some);
        }
        Ok(self.bound(ecosystem, package))
    }

    /// Those that are asked for names that are bound to none, in order.
    pub fn searched(&self, ecosystem: &Ecosystem) -> Vec<&Arc<Member>> {
        self.of(ecosystem).iter().filter(|member| member.is_searched).collect()
    }

    /// The one that a package's name is bound to by configuration.
    pub fn bound(&self, ecosystem: &Ecosystem, package: &PackageName) -> Option<&Arc<Member>> {
        let all = self.of(ecosystem);
        if all.iter().all(|member| member.packages.is_empty()) {
            return None;
        }
        let folded = ecosystem.names.fold(package);
        all.iter().find(|member| member.packages.iter().any(|glob| glob.matches(&folded)))
    }

    /// True if a package's name is bound to an upstream that is not the public registry: there a private name may be asked.
    pub fn is_own(&self, ecosystem: &Ecosystem, package: &PackageName) -> bool {
        self.bound(ecosystem, package).is_some_and(|member| !member.is_public)
    }
}

/// True for the address of an ecosystem's public registry, whatever its path.
fn is_public(ecosystem: &Ecosystem, base: &str) -> bool {
    let host = |url: &str| url.parse::<http::Uri>().ok().and_then(|uri| uri.host().map(str::to_ascii_lowercase));
    let public = ecosystem.upstream;
    host(base).is_some_and(|it| host(public.url).as_ref() == Some(&it) || public.hosts.contains(&it.as_str()))
}

#[cfg(test)]
mod tests {
    use weir_upstream::UpstreamConfig;

    use super::*;

    #[test]
    fn of_each_day_that_counts_what_was_current_at_its_end_is_kept() {
        let config = UpstreamConfig { url: String::from("https://cran.example/"), ..UpstreamConfig::default() };
        let upstream = Arc::new(Upstream::new(&config).unwrap());
        let member = Member::new(&weir_cran::ECOSYSTEM, "cran", upstream).keeping_days(3);
        let moment = |text: &str| Timestamp::parse(text).unwrap();
        let keeps = |from: &str, to: &str| member.keeps(moment(from), moment(to), moment("2026-11-20T12:00:00Z"));
        assert!(keeps("2026-11-18T08:00:00Z", "2026-11-19T08:00:00Z"));
        assert!(keeps("2026-11-18T08:00:00Z", "2026-11-19T00:00:00Z"), "it was current until the very end");
        assert!(!keeps("2026-11-18T08:00:00Z", "2026-11-18T23:59:59.999Z"), "another was, at the end of that day");
        assert!(keeps("2026-01-01T00:00:00Z", "2026-11-18T00:00:00Z"), "the 17th is three days ago");
        assert!(!keeps("2026-01-01T00:00:00Z", "2026-11-17T23:00:00Z"));
        let none = member.keeping_days(0);
        assert!(!none.keeps(moment("2026-11-18"), moment("2026-11-20"), moment("2026-11-20T12:00:00Z")));
    }
}
