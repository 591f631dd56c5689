//! Which packages are hosted here?
//!
//! Every request for a package asks this first, so the names are in memory: all of them at first, then those that changed
//! after the last revision that was seen. Another process's publication is seen at the next look.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};

use tokio::sync::OnceCell;
use weir_core::{Ecosystem, PackageName};
use weir_store::{Store, StoreError};
use weir_upstream::{Upstream, UpstreamConfig};

use crate::documents::DocumentError;
use crate::members::Member;

/// What hosted packages are from, among the upstreams of their ecosystem.
const NAME: &str = "hosted";

/// Names that are read from the store at once.
const AT_ONCE: u32 = 1_000;

/// What a name is here.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Hosting {
    /// Hosted, in this revision.
    Here(i64),
    /// Hosted under another spelling.
    Under(PackageName),
    /// Not hosted.
    Elsewhere,
}

/// The names of hosted packages.
#[derive(Debug, Default)]
pub struct HostedNames {
    loaded: OnceCell<()>,
    names: Mutex<Names>,
    /// What they are from, by ecosystem: made when it is first needed.
    members: Mutex<HashMap<&'static str, Arc<Member>>>,
    /// One look at a time, so that no older one overwrites a newer.
    looking: tokio::sync::Mutex<()>,
}

#[derive(Debug, Default)]
struct Names {
    last: i64,
    /// Name and revision by ecosystem and folded name.
    of: HashMap<(String, String), (PackageName, i64)>,
}

impl HostedNames {
    /// What `package` is. The first question reads all names; without them nothing may be asked of an upstream.
    pub async fn of(&self, store: &Store, ecosystem: &Ecosystem, package: &PackageName) -> Result<Hosting, StoreError> {
        self.loaded.get_or_try_init(|| self.look(store)).await?;
        let names = self.lock();
        if names.of.is_empty() {
            return Ok(Hosting::Elsewhere);
        }
        let key = (ecosystem.id.to_owned(), ecosystem.names.fold(package));
        Ok(match names.of.get(&key) {
            Some((name, revision)) if name == package => Hosting::Here(*revision),
            Some((name, _)) => Hosting::Under(name.clone()),
            None => Hosting::Elsewhere,
        })
    }

    /// The last revision of any hosted package.
    pub async fn revision(&self, store: &Store) -> Result<i64, StoreError> {
        self.loaded.get_or_try_init(|| self.look(store)).await?;
        Ok(self.lock().last)
    }

    /// The hosted packages of an ecosystem, in the order of their names.
    pub async fn packages(&self, store: &Store, ecosystem: &Ecosystem) -> Result<Vec<PackageName>, StoreError> {
        self.loaded.get_or_try_init(|| self.look(store)).await?;
        let names = self.lock();
        let of = names.of.iter().filter(|((id, _), _)| id == ecosystem.id);
        let mut packages: Vec<PackageName> = of.map(|(_, (package, _))| package.clone()).collect();
        drop(names);
        packages.sort();
        Ok(packages)
    }

    /// Reads what changed since the last look.
    pub async fn look(&self, store: &Store) -> Result<(), StoreError> {
        let _alone = self.looking.lock().await;
        loop {
            let after = self.lock().last;
            let changed = store.hosted_names(after, AT_ONCE).await?;
            let is_last = changed.len() < AT_ONCE as usize;
            let mut names = self.lock();
            for name in changed {
                names.last = names.last.max(name.revision);
                let package = PackageName::from_normalized(&name.package);
                names.of.insert((name.ecosystem, name.fold), (package, name.revision));
            }
            if is_last {
                return Ok(());
            }
        }
    }

    /// The last revision that was seen: while it is the same, so is what every name is.
    pub fn last(&self) -> i64 {
        self.lock().last
    }

    /// What hosted packages of an ecosystem are from. There is nobody behind its address, and nothing is ever asked of it.
    pub fn member(&self, ecosystem: &'static Ecosystem) -> Result<Arc<Member>, DocumentError> {
        let mut members = self.members.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        if let Some(member) = members.get(ecosystem.id) {
            return Ok(Arc::clone(member));
        }
        let url = format!("{}{}/", weir_core::hosting::BASE, ecosystem.id);
        let upstream = Upstream::new(&UpstreamConfig { url, ..UpstreamConfig::default() });
        let member = Arc::new(Member::new(ecosystem, NAME, Arc::new(upstream.map_err(DocumentError::storage)?)));
        members.insert(ecosystem.id, Arc::clone(&member));
        Ok(member)
    }

    fn lock(&self) -> MutexGuard<'_, Names> {
        self.names.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}
