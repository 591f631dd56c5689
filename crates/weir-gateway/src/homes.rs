//! Which upstream does a package come from?
//!
//! From exactly one: versions of two upstreams are never merged. A name that is bound to an upstream comes from there, else
//! the first in order that has the package is its home, and stays so. A stranger who takes the name elsewhere, after it was
//! deleted at home or before it appears there, gets nothing: a package that could come from two upstreams is refused until
//! somebody binds its name ([ADR 10](../../../docs/adr/0010-one-package-one-upstream.md)).

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};
use weir_core::{Clock, Ecosystem, PackageName, Purl, Timestamp};
use weir_policy::Contest;
use weir_store::{NewFact, Store};

use crate::cache::Lru;
use crate::documents::{DocumentError, Lifetimes};
use crate::members::{Member, Members, Nobody};

/// The kind of fact that tells a package's home. Its subject is the package.
const HOME: &str = "upstream";
/// The kind of fact that tells which other upstream has the package, too.
const RIVAL: &str = "upstream-rival";
/// What the facts give as their source.
const SOURCE: &str = "weir";
/// Most bytes of memory for homes.
const HOMES_BYTES: usize = 8 * 1024 * 1024;

/// Whether an upstream has a package, while it is asked.
pub type Asked<'f> = BoxFuture<'f, Result<(), DocumentError>>;

/// Where a package comes from.
#[derive(Clone, Debug)]
pub struct Home {
    /// The upstream.
    pub member: Arc<Member>,
    /// Since when it is found there although it could be elsewhere. `None` if its name says where it is from.
    pub since: Option<Timestamp>,
}

/// Why a package is refused that more than one upstream could answer for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Contested {
    /// The name of the upstream that it came from.
    pub home: Arc<str>,
    /// Since when.
    pub since: Timestamp,
    /// What happened.
    pub change: Change,
}

impl Contested {
    /// As policy tells it.
    pub fn contest(&self) -> Contest<'_> {
        let change = match &self.change {
            Change::Removed => weir_policy::Change::Removed,
            Change::Lost => weir_policy::Change::Lost,
            Change::Rival(rival) => weir_policy::Change::Rival(rival),
        };
        Contest { home: &self.home, since: self.since, change }
    }
}

/// What happened to a package's home.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Change {
    /// The upstream is not configured any more, or not asked for such names.
    Removed,
    /// The upstream does not have the package any more.
    Lost,
    /// An upstream that is asked before it has the package, too.
    Rival(Arc<str>),
}

/// The value of both kinds of facts.
#[derive(Serialize, Deserialize)]
struct Value {
    upstream: String,
}

#[derive(Clone)]
enum Found {
    Home(Home),
    Contested(Contested),
}

#[derive(Clone)]
struct Kept {
    found: Found,
    from: Timestamp,
    until: Timestamp,
}

/// The homes of packages.
pub struct Homes {
    members: Members,
    store: Store,
    clock: Arc<dyn Clock>,
    lifetimes: Lifetimes,
    /// Without it, nobody is asked and nothing is written down.
    online: bool,
    kept: Lru<(&'static str, PackageName), Kept>,
}

/// Why no home is told.
#[derive(Debug)]
pub enum Homeless {
    /// Nobody answers for it, or whoever should is in trouble.
    Document(DocumentError),
    /// More than one could.
    Contested(Contested),
}

impl From<Homeless> for DocumentError {
    fn from(homeless: Homeless) -> Self {
        match homeless {
            Homeless::Document(error) => error,
            Homeless::Contested(it) => {
                Self::Unreadable(format!("it could come from other upstreams than `{}`", it.home))
            }
        }
    }
}

impl From<DocumentError> for Homeless {
    fn from(error: DocumentError) -> Self {
        Self::Document(error)
    }
}

impl Homes {
    /// Nothing is known in memory yet.
    pub fn new(members: Members, store: Store, clock: Arc<dyn Clock>, lifetimes: Lifetimes, online: bool) -> Self {
        Self { members, store, clock, lifetimes, online, kept: Lru::new(HOMES_BYTES) }
    }

    /// The upstreams.
    pub const fn members(&self) -> &Members {
        &self.members
    }

    /// The home of a package. `ask` tells whether an upstream has it; trouble with one that comes first is trouble, and
    /// never a reason to ask the next. Whether one that comes before the home has it, too, is looked at as often as a
    /// package's own document, and that this one is in trouble stops nothing.
    pub async fn of<'f>(
        &self,
        ecosystem: &'static Ecosystem,
        package: &PackageName,
        ask: impl Fn(Arc<Member>) -> Asked<'f> + Sync,
    ) -> Result<Home, Homeless> {
        let now = self.clock.now();
        let key = (ecosystem.id, package.clone());
        if let Some(kept) = self.kept.get(&key)
            && kept.from <= now
            && now < kept.until
        {
            return kept.found.into();
        }
        let settled = self.members.settled(ecosystem, package).map_err(DocumentError::from)?;
        let remembered = self.remembered(ecosystem, package).await?;
        let searched = self.members.searched(ecosystem);
        let place = |name: &str| searched.iter().position(|member| *member.name == *name);
        let is_choice = searched.len() > 1;
        let found = match (settled, remembered) {
            (Some(member), remembered) => {
                self.remember(package, member, remembered.map(|(name, _)| name)).await;
                Found::Home(Home { member: Arc::clone(member), since: None })
            }
            (None, Some((name, since))) => match place(&name) {
                None => Found::Contested(Contested { home: name.into(), since, change: Change::Removed }),
                Some(place) => match self.rival(&searched[..place], package, &name, &ask).await {
                    Some(rival) => {
                        Found::Contested(Contested { home: name.into(), since, change: Change::Rival(rival) })
                    }
                    None => {
                        let since = is_choice.then_some(since);
                        Found::Home(Home { member: Arc::clone(searched[place]), since })
                    }
                },
            },
            (None, None) => match searched.as_slice() {
                [] => return Err(DocumentError::from(Nobody::None(ecosystem.id)).into()),
                // Nobody else could be asked: nothing has to be found out or written down.
                [only] => Found::Home(Home { member: Arc::clone(only), since: None }),
                _ => {
                    let member = first(&searched, &ask).await?;
                    self.remember(package, member, None).await;
                    Found::Home(Home { member: Arc::clone(member), since: Some(now) })
                }
            },
        };
        let kept = Kept { found: found.clone(), from: now, until: now.plus_millis(self.lifetimes.package) };
        self.kept.insert(key, kept, 256 + package.as_str().len() * 2);
        found.into()
    }

    /// True if a package is known to come from `member`, and nobody is to be asked about that now.
    pub(crate) fn is_still(&self, package: &(&'static str, PackageName), member: &Arc<Member>, now: Timestamp) -> bool {
        self.kept.get(package).is_some_and(|kept| {
            let is_same = matches!(&kept.found, Found::Home(home) if Arc::ptr_eq(&home.member, member));
            kept.from <= now && now < kept.until && is_same
        })
    }

    /// The home of a package as far as it is known without asking anybody.
    pub async fn known(
        &self,
        ecosystem: &'static Ecosystem,
        package: &PackageName,
    ) -> Result<Option<Arc<Member>>, DocumentError> {
        if let Some(member) = self.members.settled(ecosystem, package)? {
            return Ok(Some(Arc::clone(member)));
        }
        let remembered = self.remembered(ecosystem, package).await?;
        let searched = self.members.searched(ecosystem);
        Ok(match (remembered, searched.as_slice()) {
            (Some((name, _)), all) => all.iter().find(|member| *member.name == *name).map(|member| Arc::clone(member)),
            (None, [only]) => Some(Arc::clone(only)),
            (None, _) => None,
        })
    }

    /// The name of the upstream that a package came from, and since when. Where nobody has written it down, because there
    /// was but one upstream then, the kept documents tell it.
    async fn remembered(
        &self,
        ecosystem: &'static Ecosystem,
        package: &PackageName,
    ) -> Result<Option<(String, Timestamp)>, DocumentError> {
        let subject = Purl::new(ecosystem, package, None).to_string();
        let facts = self.store.facts_current(&subject).await.map_err(DocumentError::storage)?;
        if let Some(fact) = facts.into_iter().find(|fact| fact.kind == HOME) {
            let value: Value = serde_json::from_str(&fact.value).map_err(DocumentError::storage)?;
            return Ok(Some((value.upstream, fact.seen_from)));
        }
        if self.members.of(ecosystem).len() == 1 {
            return Ok(None);
        }
        for member in self.members.of(ecosystem) {
            let Some(own) = member.documents(package).into_iter().find(|wanted| !wanted.shared) else {
                return Ok(None);
            };
            let newest = self.store.newest_document(member.upstream.base(), &own.path).await;
            if let Some(row) = newest.map_err(DocumentError::storage)? {
                return Ok(Some((member.name.to_string(), row.seen_from)));
            }
        }
        Ok(None)
    }

    /// Writes down where a package comes from, with an event if it came from elsewhere before.
    async fn remember(&self, package: &PackageName, member: &Member, before: Option<String>) {
        let written = self.write(HOME, package, member).await;
        if let Some(before) = before.filter(|before| written && **before != *member.name) {
            self.tell(package, member, &before, "bound").await;
        }
    }

    /// The name of an upstream that is asked before a package's home and has the package, too.
    async fn rival<'f>(
        &self,
        before: &[&Arc<Member>],
        package: &PackageName,
        home: &str,
        ask: &(impl Fn(Arc<Member>) -> Asked<'f> + Sync),
    ) -> Option<Arc<str>> {
        let patience = Duration::from_millis(u64::try_from(self.lifetimes.patience).unwrap_or_default());
        for member in before {
            if let Ok(Ok(())) = tokio::time::timeout(patience, ask(Arc::clone(member))).await {
                if self.write(RIVAL, package, member).await {
                    self.tell(package, member, home, "rival").await;
                }
                return Some(Arc::clone(&member.name));
            }
        }
        None
    }

    /// Records a fact about a package; true if it is news. That it cannot be written down stops nobody: the kept documents
    /// tell the same.
    async fn write(&self, kind: &str, package: &PackageName, member: &Member) -> bool {
        if !self.online {
            return false;
        }
        let value = Value { upstream: member.name.to_string() };
        let fact = NewFact {
            subject: Purl::new(member.ecosystem, package, None).to_string(),
            kind: kind.to_owned(),
            value: serde_json::to_string(&value).unwrap_or_default(),
            source: SOURCE.to_owned(),
        };
        match self.store.record_facts(&[fact], self.clock.now()).await {
            Ok(written) => written > 0,
            Err(error) => {
                tracing::error!(error = %error, package = %package, "where a package comes from could not be recorded");
                false
            }
        }
    }

    async fn tell(&self, package: &PackageName, member: &Member, home: &str, how: &str) {
        let subject = Purl::new(member.ecosystem, package, None).to_string();
        tracing::warn!(ecosystem = member.ecosystem.id, package = %package, upstream = %member.name, home, how,
            "a package has come from another upstream before");
        let body = serde_json::json!({ "from": home, "to": *member.name, "how": how }).to_string();
        if let Err(error) = self.store.record_event("upstream-changed", &subject, &body, self.clock.now()).await {
            tracing::error!(error = %error, package = %package, "an event could not be recorded");
        }
    }
}

/// The first upstream that has a package. That one has none is believed; that one is in trouble ends the search.
async fn first<'m, 'f>(
    searched: &[&'m Arc<Member>],
    ask: &(impl Fn(Arc<Member>) -> Asked<'f> + Sync),
) -> Result<&'m Arc<Member>, DocumentError> {
    let mut absent = None;
    for member in searched {
        match ask(Arc::clone(member)).await {
            Ok(()) => return Ok(member),
            Err(error @ (DocumentError::Absent { .. } | DocumentError::NotKept { .. })) => absent = Some(error),
            Err(error) => return Err(error),
        }
    }
    Err(absent.unwrap_or_else(|| DocumentError::Unreadable(String::from("no upstream was asked"))))
}

impl From<Found> for Result<Home, Homeless> {
    fn from(found: Found) -> Self {
        match found {
            Found::Home(home) => Ok(home),
            Found::Contested(contested) => Err(Homeless::Contested(contested)),
        }
    }
}
