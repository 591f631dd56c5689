//! Pages of a day: `/{stage}@2026-10-01/{ecosystem}/…`.
//!
//! Of a day is what upstream listed on it. All else is of now: what was good enough then and is refused today is refused, and
//! a file is decided when it is asked for, as under the stage's own address.

use std::sync::Arc;

use weir_core::Ecosystem;
use weir_core::catalogue::Catalogue;
use weir_core::registry::Ask;
use weir_core::time::Day;

use super::catalogue::Wanting;
use super::{Failure, Gateway, PackageName};
use crate::catalogues::Catalogued;
use crate::documents::DocumentError;
use crate::known::Stamp;
use crate::view::View;

/// A stage as an address names it: `prod`, `prod@2026-10-01`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Addressed<'a> {
    /// The stage.
    pub(super) stage: &'a str,
    /// What follows an `@`: a day, if it is one.
    pub(super) day: Option<Result<Day, &'a str>>,
}

impl<'a> Addressed<'a> {
    pub(super) fn read(text: &'a str) -> Self {
        match text.split_once('@') {
            Some((stage, day)) => Self { stage, day: Some(Day::parse(day).ok_or(day)) },
            None => Self { stage: text, day: None },
        }
    }

    /// The day that is meant, if one is.
    pub(super) fn day(&self, ecosystem: &'static Ecosystem) -> Result<Option<Day>, Failure> {
        match self.day {
            None => Ok(None),
            Some(Err(text)) => {
                let text = super::truncated(text);
                Err(Failure::NotFound(format!("`{text}` is no day; expected {}@2026-10-01", self.stage)))
            }
            Some(Ok(_)) if ecosystem.registry.catalogue().is_none() => {
                let title = ecosystem.title;
                Err(Failure::NotFound(format!(
                    "{title} has no pages of a day: those are where one document lists all packages"
                )))
            }
            Some(Ok(day)) => Ok(Some(day)),
        }
    }
}

/// Whether something can be asked of a day.
pub(super) fn check(day: Day, ask: &Ask) -> Result<(), Failure> {
    match ask {
        Ask::Shards { .. } | Ask::Shard { .. } => {
            Err(Failure::NotFound(format!("what was listed on {day} is there as a whole, not in shards")))
        }
        Ask::Write(_) | Ask::Owners(_) => Err(Failure::MethodNotAllowed(format!(
            "{day} cannot be changed; publish to the stage itself, at the address without the day"
        ))),
        _ => Ok(()),
    }
}

impl Gateway {
    /// The catalogue of a part as it was on a day, and how its registry reads it.
    pub(super) async fn catalogued_on(
        &self,
        ecosystem: &'static Ecosystem,
        part: &str,
        day: Day,
    ) -> Result<(&'static dyn Catalogue, Arc<Catalogued>), DocumentError> {
        let (catalogue, member) = self.member_of(ecosystem, part)?;
        Ok((catalogue, self.catalogues.of_day(&member, part, day).await?))
    }

    /// Sees to it that no day passes unseen of which the catalogues are to be kept.
    pub async fn keep_days(&self) -> Result<(), Failure> {
        if !self.settings.online {
            return Ok(());
        }
        for member in self.ecosystems.iter().flat_map(|ecosystem| self.homes.members().of(ecosystem)) {
            self.catalogues.keep_days(member).await?;
        }
        Ok(())
    }

    /// A package as a catalogue that is not the current one lists it, judged now. `None` if it does not, or cannot be read.
    /// Nothing of it is kept in memory: that has what is current.
    pub(super) async fn view_in(
        self: &Arc<Self>,
        call: &Wanting<'_>,
        catalogued: &Catalogued,
        key: &str,
        package: &PackageName,
    ) -> Result<Option<Arc<View>>, Failure> {
        let policy = self.policy();
        let is_own = self.homes.members().is_own(call.ecosystem, package);
        let mut rules = call.stages.iter().filter_map(|stage| policy.stage(stage));
        if !is_own && rules.any(|rules| weir_policy::private_name(rules, call.ecosystem, package).is_some()) {
            return Ok(None);
        }
        let Some(held) = catalogued.slice(key) else { return Ok(None) };
        let advisories = self.advisories();
        let stamp = Stamp {
            documents: vec![held.digest],
            advisories: advisories.digest(),
            names: self.well_known.load().digest(),
            learnt: self.learnt.of(&(call.ecosystem.id, package.clone())),
        };
        let held = vec![Arc::new(held)];
        let known = match Arc::clone(self).assemble(call.ecosystem, package.clone(), held, stamp, advisories).await {
            Ok(known) => Arc::new(known),
            Err(DocumentError::Storage(problem)) => return Err(Failure::Internal(problem)),
            Err(_) => return Ok(None),
        };
        let (stages, public_url, now) = (call.stages.clone(), self.settings.public_url.clone(), self.clock.now());
        let judge = move || View::judge(known, policy, &stages, &public_url, now);
        let view = tokio::task::spawn_blocking(judge).await.map_err(Failure::internal)?;
        Ok(view.map(Arc::new))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stage_is_followed_by_nothing_or_a_day() {
        assert_eq!(Addressed::read("prod"), Addressed { stage: "prod", day: None });
        let day = Day::parse("2026-10-01").unwrap();
        assert_eq!(Addressed::read("prod@2026-10-01"), Addressed { stage: "prod", day: Some(Ok(day)) });
        assert_eq!(Addressed::read("prod@latest"), Addressed { stage: "prod", day: Some(Err("latest")) });
        assert_eq!(Addressed::read("a@b@c"), Addressed { stage: "a", day: Some(Err("b@c")) });
    }
}
