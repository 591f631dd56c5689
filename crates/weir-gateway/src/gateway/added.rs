//! What a page of a catalogue has beside what its own upstream lists: packages that are hosted here, and packages that are
//! bound to another upstream of the same layout.
//!
//! A name is of one of them alone. What is hosted here shadows everybody's; else the upstream that a name is bound to has it,
//! and what any other lists under that name is not shown. So no page mixes versions of two, and a name that one's own upstream
//! lost is nobody else's.

use std::collections::BTreeSet;
use std::sync::Arc;

use weir_core::catalogue::{Catalogue, Place};
use weir_core::{Ecosystem, PackageName};

use super::catalogue::Wanting;
use super::{Failure, Gateway};
use crate::catalogues::Catalogued;
use crate::catalogues::blocks::Blocks;
use crate::catalogues::page::Added;
use crate::documents::DocumentError;
use crate::members::Member;

/// Most packages that a page has beside those of its own upstream.
pub const MAX_ADDED: usize = 20_000;

/// Where a page's further packages come from.
#[derive(Clone, Default)]
pub(super) struct Beside {
    /// What was published last.
    pub(super) hosted: i64,
    /// The catalogues of the other upstreams.
    pub(super) others: Vec<Arc<Catalogued>>,
}

impl Gateway {
    /// The upstream whose catalogue has a package, if anybody's has.
    pub(super) fn member_for(
        &self,
        ecosystem: &'static Ecosystem,
        package: &PackageName,
        part: &str,
    ) -> Result<(&'static dyn Catalogue, Arc<Member>), DocumentError> {
        let (catalogue, member) = self.member_of(ecosystem, part)?;
        let bound = match catalogue.member(part) {
            Some(_) => None,
            None => self.homes.members().bound(ecosystem, package),
        };
        Ok((catalogue, bound.map_or(member, Arc::clone)))
    }

    /// What a page is made from beside its own upstream's catalogue. An upstream that cannot tell what it has leaves it open
    /// which names are whose, and then there is no page.
    pub(super) async fn beside_of(
        self: &Arc<Self>,
        ecosystem: &'static Ecosystem,
        catalogue: &dyn Catalogue,
        current: &Catalogued,
    ) -> Result<Beside, Failure> {
        let hosted = match ecosystem.registry.hosting() {
            Some(hosting) if !hosting.is_apart() => {
                self.hosted.revision(&self.store).await.map_err(Failure::internal)?
            }
            _ => 0,
        };
        let mut others = Vec::new();
        if catalogue.member(&current.part).is_none() {
            for member in self.homes.members().of(ecosystem).iter().filter(|it| it.name != current.member.name) {
                let other = match current.day {
                    Some(day) => self.catalogues.of_day(member, &current.part, day).await,
                    None => self.catalogues.current(member, &current.part, self.settings.online).await,
                };
                match other {
                    Ok(other) => others.push(other),
                    Err(DocumentError::Absent { .. } | DocumentError::NotThatDay(_)) => {}
                    Err(error) => return Err(error.into()),
                }
            }
        }
        Ok(Beside { hosted, others })
    }

    /// The packages themselves, as they are judged.
    pub(super) async fn added(
        self: &Arc<Self>,
        call: &Wanting<'_>,
        catalogue: &'static dyn Catalogue,
        current: &Catalogued,
        beside: &Beside,
    ) -> Result<Vec<Added>, Failure> {
        let mut added = self.added_hosted(call, catalogue, current).await?;
        let hosted: BTreeSet<String> = added.iter().map(|added| added.key.clone()).collect();
        for other in &beside.others {
            for (key, package, pieces) in self.bound_in(call.ecosystem, catalogue, other).await? {
                if hosted.contains(&key) {
                    continue;
                }
                let view = self.apart(call, other, &key, &package).await?;
                added.push(Added { key, view, pieces });
            }
        }
        if added.len() > MAX_ADDED {
            return Err(Failure::Internal(format!(
                "`{}` has more than {MAX_ADDED} packages that are hosted or bound to other upstreams",
                current.part
            )));
        }
        added.sort_by(|a, b| a.key.cmp(&b.key));
        Ok(added)
    }

    async fn added_hosted(
        self: &Arc<Self>,
        call: &Wanting<'_>,
        catalogue: &'static dyn Catalogue,
        current: &Catalogued,
    ) -> Result<Vec<Added>, Failure> {
        let Some(hosting) = call.ecosystem.registry.hosting().filter(|it| !it.is_apart()) else {
            return Ok(Vec::new());
        };
        let mut added = Vec::new();
        for package in self.hosted.packages(&self.store, call.ecosystem).await.map_err(Failure::internal)? {
            let Some(place) = catalogue.place(&package).filter(|place| place.part == current.part) else { continue };
            let Some((_, mut hosted)) = self.hosted_package(call.ecosystem, &package).await? else { continue };
            if let Some(day) = current.day {
                hosted.releases.retain(|release| release.published < day.end());
            }
            let pieces = hosting.pieces(&package, &hosted);
            let view = match self.view(call.stages, call.ecosystem, &package).await {
                Ok(view) => Some(view),
                Err(Failure::Refused(_) | Failure::Document(_)) => None,
                Err(failure) => return Err(failure),
            };
            added.push(Added { key: place.key, view, pieces });
        }
        Ok(added)
    }

    /// The packages of another upstream's catalogue that are bound to it, with their pieces.
    async fn bound_in(
        self: &Arc<Self>,
        ecosystem: &'static Ecosystem,
        catalogue: &'static dyn Catalogue,
        other: &Arc<Catalogued>,
    ) -> Result<Vec<(String, PackageName, Vec<Vec<u8>>)>, Failure> {
        let file = self.catalogues.file(other).await?;
        let (homes, other) = (Arc::clone(&self.homes), Arc::clone(other));
        let read = move || {
            let table = &*other.table;
            let mut blocks = Blocks::new(&file, table)?;
            let mut bound = Vec::new();
            for (at, listed) in table.packages.iter().enumerate() {
                let place = Place { part: other.part.clone(), key: listed.key.to_string() };
                let Some(package) = catalogue.package(&place) else { continue };
                let is_its = homes.members().bound(ecosystem, &package).is_some_and(|it| it.name == other.member.name);
                if is_its && bound.len() <= MAX_ADDED {
                    bound.push((place.key, package, blocks.pieces(at)?));
                }
            }
            Ok::<_, std::io::Error>(bound)
        };
        tokio::task::spawn_blocking(read).await.map_err(Failure::internal)?.map_err(Failure::internal)
    }
}
