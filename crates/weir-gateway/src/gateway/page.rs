//! Pages: a package's index in the form that a client wants, the list of names, and what is only handed on.

use std::sync::Arc;

use axum::response::Response;
use bytes::Bytes;
use weir_core::registry::{Form, Reply, Shown};
use weir_core::{Ecosystem, PackageName};

use super::ready::What;
use super::releases::documents_of;
use super::{Call, Failure, Gateway, truncated};
use crate::documents::DocumentError;
use crate::hosted::Hosting;
use crate::members::Member;
use crate::phases::Phase;
use crate::respond;
use crate::view::{Made, PageBytes, View};

/// Names that are listed at most.
const MAX_NAMES: usize = 100_000;
/// Names that are read from the store at once.
const NAMES_AT_ONCE: u32 = 1_000;

impl Gateway {
    pub(super) async fn page(
        self: &Arc<Self>,
        call: &mut Call<'_>,
        package: &PackageName,
        form: &Form,
    ) -> Result<Response, Failure> {
        call.record.package = package.as_str().to_owned();
        let mut sight = self.sight(&call.stages, call.ecosystem, package, call.phases).await?;
        if sight.view.known.held.is_empty() {
            call.stale = sight.stale;
            self.on_record(&sight.view).await;
            call.record.index_state = Some(sight.view.state);
            return Err(self.departed(call, &sight.view, None).await);
        }
        let prepared;
        let mut form = form;
        if let Some(releases) = call.ecosystem.registry.releases() {
            (sight, prepared) = self.prepared(call, releases, package, form, sight).await?;
            form = &prepared;
        }
        let mut made = self.made_on_record(call, &sight.view, form).await?;
        if made.shown == Shown::Nothing {
            sight = self.sight_of(&call.stages, call.ecosystem, package, |_| false, call.phases).await?;
            made = self.made_on_record(call, &sight.view, form).await?;
        }
        let view = &sight.view;
        call.upstream = self.told_upstream(view);
        call.stale = sight.stale;
        call.record.index_state = Some(view.state);
        match &made.shown {
            Shown::Package => {}
            Shown::Nothing => {
                return Err(Failure::NotFound(format!(
                    "`{package}` has no release or tag `{}`",
                    truncated(form.detail.as_deref().unwrap_or_default())
                )));
            }
            Shown::Release(version) => self.one_release(call, view, version).await?,
        }
        let page = made.page.as_ref().ok_or_else(|| Failure::Internal(String::from("a page was not made")))?;
        let response = self.coded(call, view, page).await?;
        if made.shown == Shown::Package {
            let what = What::Page(Arc::downgrade(page), respond::coding(call.headers));
            self.may_repeat(call, view, what);
        }
        Ok(response)
    }

    /// The form, once it is made and what it is made from is on record: neither waits for the other.
    async fn made_on_record(
        self: &Arc<Self>,
        call: &Call<'_>,
        view: &Arc<View>,
        form: &Form,
    ) -> Result<Arc<Made>, Failure> {
        let (made, ()) = tokio::join!(self.made(call, view, form), self.on_record(view));
        made
    }

    /// What a page is made from is on record before the page leaves; that it could not be recorded stops no page.
    async fn on_record(&self, view: &View) {
        let record = || async {
            if let Err(error) = self.store.record_index_state(&view.state(view.judged_at())).await {
                tracing::error!(error = %error, "an index state could not be recorded");
            }
        };
        view.on_record.get_or_init(record).await;
    }

    /// The form, made now if nobody has asked for it yet: once, whoever asks and however many.
    async fn made(self: &Arc<Self>, call: &Call<'_>, view: &Arc<View>, form: &Form) -> Result<Arc<Made>, Failure> {
        let slot = view.slot(form);
        if let Some(made) = slot.get() {
            return Ok(Arc::clone(made));
        }
        let make = || async {
            let held = documents_of(&view.known, form);
            let bodies = self.bodies(&held).await?;
            let (making, form, base) = (Arc::clone(view), form.clone(), call.base.clone());
            let made = tokio::task::spawn_blocking(move || making.make(&form, &base, &held, &bodies))
                .await
                .map_err(Failure::internal)?
                .map_err(DocumentError::Invalid)?;
            let key = (call.stages.clone(), call.ecosystem.id, view.known.facts.package.clone());
            self.remember_named(key, view);
            if let Some(page) = &made.page {
                self.record_told(view, page).await;
            }
            Ok::<_, Failure>(Arc::new(made))
        };
        let made = call.phases.time(Phase::Render, slot.get_or_try_init(make)).await.map(Arc::clone)?;
        self.reweigh(call, view);
        Ok(made)
    }

    async fn coded(self: &Arc<Self>, call: &Call<'_>, view: &View, page: &Arc<PageBytes>) -> Result<Response, Failure> {
        let coding = respond::coding(call.headers);
        if !page.is_coded(coding) && !respond::is_current(page, call.headers) {
            // Compressing a large page takes a while, which other requests would wait for.
            let coded = Arc::clone(page);
            let coding = tokio::task::spawn_blocking(move || drop(coded.coded(coding)));
            call.phases.time(Phase::Render, coding).await.map_err(Failure::internal)?;
            self.reweigh(call, view);
        }
        Ok(respond::page(page, coding, call.headers))
    }

    fn reweigh(&self, call: &Call<'_>, view: &View) {
        let key = (call.stages.clone(), call.ecosystem.id, view.known.facts.package.clone());
        self.views.reweigh(&key, view.weight());
    }

    /// A page of a single release answers for that release: with its refusal, or that there is none.
    async fn one_release(&self, call: &mut Call<'_>, view: &View, version: &str) -> Result<(), Failure> {
        let release = view
            .known
            .release(version)
            .ok_or_else(|| Failure::NotFound(format!("there is no release {}", truncated(version))))?;
        let decision = view.release_decision(release).ok_or_else(|| Failure::no_stage(call.stages.address()))?;
        call.record.version = Some(version.to_owned());
        let recorded = self.record(&decision, call.ecosystem, &view.known.facts.package);
        call.phases.time(Phase::Store, recorded).await?;
        call.record.decision = Some(decision.id.clone());
        if view.served().get(release).is_some_and(|served| served.refused.is_none()) {
            return Ok(());
        }
        Err(Failure::Refused(Box::new(view.told(decision, release))))
    }

    pub(super) async fn names(&self, ecosystem: &'static Ecosystem, form: &Form) -> Result<Response, Failure> {
        let mut names: Vec<PackageName> = Vec::new();
        while names.len() < MAX_NAMES {
            let after = names.last().map_or("", PackageName::as_str);
            let more = self.store.package_names(ecosystem.id, after, NAMES_AT_ONCE).await.map_err(Failure::internal)?;
            let is_last = more.len() < NAMES_AT_ONCE as usize;
            names.extend(more.iter().map(|name| PackageName::from_normalized(name)));
            if is_last {
                break;
            }
        }
        names.truncate(MAX_NAMES);
        Ok(respond::reply(ecosystem.registry.names(&names, form)))
    }

    pub(super) async fn forward(&self, call: &mut Call<'_>, path: &str) -> Result<Response, Failure> {
        if !self.settings.online {
            return Err(Failure::NotFound(String::from("this is not kept offline")));
        }
        let member = self.homes.members().last(call.ecosystem).map_err(DocumentError::from)?;
        self.keep_private(call, member, path).await?;
        let forwarded = member.upstream.forward(http::Method::GET, path, Bytes::new(), None);
        let forwarded = call
            .phases
            .time(Phase::Upstream, forwarded)
            .await
            .map_err(|error| Failure::Document(DocumentError::Upstream(error)))?;
        Ok(respond::reply(Reply {
            status: forwarded.status,
            content_type: forwarded.content_type,
            headers: Vec::new(),
            body: forwarded.body.to_vec(),
        }))
    }

    /// A search tells upstream what is searched for: no word of it may be a private name, or one that is hosted here.
    async fn keep_private(&self, call: &mut Call<'_>, upstream: &Member, path: &str) -> Result<(), Failure> {
        let policy = self.policy.load_full();
        let rules: Vec<_> = call.stages.iter().filter_map(|stage| policy.stage(stage)).collect();
        let query = path.split_once('?').map_or("", |(_, query)| query).replace('+', " ");
        let text = percent_encoding::percent_decode_str(&query).decode_utf8_lossy();
        let separates = |c: char| !(c.is_alphanumeric() || "@/._~-".contains(c));
        for word in text.split(separates).filter(|word| !word.is_empty()) {
            let Ok(package) = call.ecosystem.names.parse(word) else { continue };
            // What is bound to another upstream is not told to this one.
            let is_elsewhere = self.homes.members().bound(call.ecosystem, &package);
            if let Some(member) = is_elsewhere.filter(|member| member.name != upstream.name) {
                return Err(Failure::NotFound(format!(
                    "`{package}` comes from the upstream `{}` alone, and a search would tell its name to `{}`",
                    member.name, upstream.name
                )));
            }
            if !matches!(self.hosting(call.ecosystem, &package).await?, Hosting::Elsewhere) {
                return Err(Failure::NotFound(format!(
                    "`{package}` is hosted here, and a search would tell its name to `{}`; its page is there under its name",
                    upstream.name
                )));
            }
            let private = |rules: &&_| weir_policy::private_name(rules, call.ecosystem, &package);
            if let Some(decision) = rules.iter().find_map(private) {
                call.record.package = package.as_str().to_owned();
                call.phases.time(Phase::Store, self.record(&decision, call.ecosystem, &package)).await?;
                return Err(Failure::Refused(Box::new(decision)));
            }
        }
        Ok(())
    }
}
