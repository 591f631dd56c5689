//! A release brought in ahead of those who will ask for it: by the same decisions, transfers and inspection as a client's
//! request, and with a record of its own, but no bytes are sent.
//!
//! What is here already is decided on by what is kept, and nobody is asked for it again.

use std::sync::Arc;

use http::HeaderMap;
use serde::{Deserialize, Serialize};
use weir_core::digest::StatedDigests;
use weir_core::registry::{Artifact, Part, Which};
use weir_core::{Digest, Ecosystem, PackageName, Purl, Timestamp};
use weir_policy::{Decision, Outcome};
use weir_store::RequestRow;

use super::artifact::{MAX_SIBLING, only_looking_is_missing};
use super::{Call, Failure, Gateway, find};
use crate::judged::Stages;
use crate::phases::Phases;
use crate::view::View;

/// Who asks, in the records of requests.
const CLIENT: &str = "weir-mirror";
/// Most reasons of a refusal that are told.
const MAX_REASONS: usize = 3;

/// What is to be brought in.
#[derive(Clone, Debug)]
pub struct Errand {
    /// For these stages.
    pub stages: Stages,
    /// On whose behalf.
    pub principal: String,
    /// The ecosystem.
    pub ecosystem: &'static Ecosystem,
    /// The package.
    pub package: PackageName,
    /// The release; without one, the newest that is allowed.
    pub version: Option<String>,
    /// Only files with one of these digests, if there are any: what a lock file pins.
    pub digests: Vec<StatedDigests>,
    /// Only files for one of these platforms, and those for all; `*` stands for any characters. All if there are none.
    pub platforms: Vec<String>,
    /// Bytes a second, at most, as long as nobody else waits for the same file.
    pub pace: Option<u64>,
    /// The set that is to name what was brought, and when it ends.
    pub keep: Option<(String, Option<Timestamp>)>,
    /// Ask upstream for its index although what is wanted is here.
    pub refresh: bool,
}

/// What became of it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Brought {
    /// The release; the package, where there is no such release.
    pub purl: String,
    /// Its files.
    pub files: Vec<BroughtFile>,
}

/// What became of a file, or of a release of which there is none.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct BroughtFile {
    /// Its name; empty for a whole release.
    pub file: String,
    /// What became of it.
    pub state: State,
    /// Number of bytes, where they are here.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub size: Option<u64>,
    /// Their digest.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub sha256: Option<Digest>,
    /// Why not, where they are not.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub why: Option<String>,
}

/// What became of a file.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// It was here before.
    Here,
    /// It was fetched.
    Fetched,
    /// The policy refuses it.
    Refused,
    /// It could not be had.
    Failed,
}

impl Gateway {
    /// Brings a release in.
    pub async fn bring(self: &Arc<Self>, errand: &Errand) -> Brought {
        let mut brought = match self.brought(errand).await {
            Ok(brought) => brought,
            Err(failure) => {
                let purl = Purl::new(errand.ecosystem, &errand.package, errand.version.as_deref()).to_string();
                Brought { purl, files: vec![untold(&failure)] }
            }
        };
        if let Some((name, ends)) = &errand.keep {
            let bytes: Vec<Digest> = brought.files.iter().filter_map(|file| file.sha256).collect();
            if let Err(error) = self.store.keep(name, &bytes, *ends, self.clock.now()).await {
                let why = format!("it is here, and cannot be named to be kept: {error}");
                brought.files.push(BroughtFile::not(String::new(), State::Failed, why));
            }
        }
        brought
    }

    async fn brought(self: &Arc<Self>, errand: &Errand) -> Result<Brought, Failure> {
        let (ecosystem, package) = (errand.ecosystem, &errand.package);
        let kept = match (&errand.version, errand.refresh) {
            (Some(version), false) => self.all_here(errand, version).await?,
            _ => None,
        };
        if let Some((view, version, files)) = kept {
            return Ok(self.each(errand, &version, files, Some(&view)).await);
        }
        let phases = Phases::default();
        let has = |view: &View| errand.version.as_deref().is_none_or(|version| view.known.release(version).is_some());
        let sight = match (ecosystem.registry.releases(), &errand.version) {
            (Some(_), Some(version)) => {
                self.sight_of_release(&errand.stages, ecosystem, package, version, &phases).await?
            }
            _ => self.sight_of(&errand.stages, ecosystem, package, has, &phases).await?,
        };
        let mut view = sight.view;
        let release = match &errand.version {
            Some(version) => view.known.release(version).or_else(|| view.known.departed(version)),
            None => newest_allowed(&view),
        };
        let Some(mut release) = release else {
            let what = errand.version.as_deref().map_or_else(|| String::from("release"), |it| format!("release {it}"));
            return Err(Failure::NotFound(format!("upstream's index of `{package}` has no {what}")));
        };
        let version = view.known.index.releases[release].version.clone();
        if errand.version.is_none() && ecosystem.registry.releases().is_some() {
            view = self.sight_of_release(&errand.stages, ecosystem, package, &version, &phases).await?.view;
            let again = view.known.release(&version);
            release = again.ok_or_else(|| Failure::NotFound(format!("`{package}` {version} is gone")))?;
        }
        let artifacts = &view.known.index.releases[release].artifacts;
        if artifacts.is_empty() {
            let decision = view.release_decision(release).filter(|decision| decision.permit().is_none());
            let decision = decision.ok_or_else(|| Failure::NotFound(format!("`{package}` {version} has no files")))?;
            self.record(&decision, ecosystem, package).await?;
            return Err(Failure::Refused(Box::new(decision)));
        }
        let files: Vec<String> = selected(errand, artifacts).map(|artifact| artifact.file.clone()).collect();
        if files.is_empty() {
            let why = match errand.digests.is_empty() {
                true => format!("none of the files of `{package}` {version} is for the platforms that were asked for"),
                false => format!("upstream lists no file of `{package}` {version} with a digest that is locked"),
            };
            return Err(Failure::NotFound(why));
        }
        Ok(self.each(errand, &version, files, None).await)
    }

    /// The files that are wanted, if all of them are here by what is kept.
    async fn all_here(
        self: &Arc<Self>,
        errand: &Errand,
        version: &str,
    ) -> Result<Option<(Arc<View>, String, Vec<String>)>, Failure> {
        let Some(view) = self.sight_of_kept(&errand.stages, errand.ecosystem, &errand.package).await? else {
            return Ok(None);
        };
        let Some(release) = view.known.release(version).map(|at| &view.known.index.releases[at]) else {
            return Ok(None);
        };
        let mut files = Vec::new();
        for artifact in selected(errand, &release.artifacts) {
            let Some(row) = view.known.artifacts.get(&artifact.file) else { return Ok(None) };
            if self.blobs.size(&row.sha256).await.map_err(Failure::internal)? != Some(row.size) {
                return Ok(None);
            }
            files.push(artifact.file.clone());
        }
        let version = release.version.clone();
        Ok((!files.is_empty()).then_some((view, version, files)))
    }

    async fn each(
        self: &Arc<Self>,
        errand: &Errand,
        version: &str,
        files: Vec<String>,
        view: Option<&Arc<View>>,
    ) -> Brought {
        let mut brought = Vec::with_capacity(files.len());
        for file in files {
            brought.push(self.bring_file(errand, version, file, view).await);
        }
        let purl = Purl::new(errand.ecosystem, &errand.package, Some(version)).to_string();
        Brought { purl, files: brought }
    }

    /// Brings one file in, on record as a request.
    async fn bring_file(
        self: &Arc<Self>,
        errand: &Errand,
        version: &str,
        file: String,
        view: Option<&Arc<View>>,
    ) -> BroughtFile {
        let mut record = RequestRow {
            at: self.clock.now(),
            principal: errand.principal.clone(),
            client: String::from(CLIENT),
            stage: errand.stages.address().to_owned(),
            ecosystem: errand.ecosystem.id.to_owned(),
            package: errand.package.as_str().to_owned(),
            version: Some(version.to_owned()),
            file: Some(file.clone()),
            ..RequestRow::default()
        };
        let (headers, phases) = (HeaderMap::new(), Phases::default());
        let mut call = Call {
            ecosystem: errand.ecosystem,
            stages: errand.stages.clone(),
            base: String::new(),
            headers: &headers,
            head: true,
            day: None,
            stale: None,
            upstream: None,
            hosted: self.hosted.last(),
            repeats: None,
            record: &mut record,
            phases: &phases,
        };
        let brought = match self.pass_through(&mut call, errand, &file, view).await {
            Ok((state, sha256, size)) => {
                call.record.artifact = Some(sha256);
                call.record.outcome = String::from("served");
                call.record.status = 200;
                BroughtFile { size: Some(size), sha256: Some(sha256), ..BroughtFile::not(file, state, String::new()) }
            }
            Err(failure) => {
                failure.outcome().clone_into(&mut call.record.outcome);
                call.record.status = if matches!(failure, Failure::Refused(_)) { 403 } else { 502 };
                BroughtFile { file, ..untold(&failure) }
            }
        };
        self.books.requests.room().await;
        self.books.requests.keep(record);
        self.metrics.mirrored(brought.state, brought.size.unwrap_or_default());
        BroughtFile { why: brought.why.filter(|why| !why.is_empty()), ..brought }
    }

    async fn pass_through(
        self: &Arc<Self>,
        call: &mut Call<'_>,
        errand: &Errand,
        file: &str,
        view: Option<&Arc<View>>,
    ) -> Result<(State, Digest, u64), Failure> {
        let view = match view {
            Some(view) => Arc::clone(view),
            None => self.sight(&call.stages, call.ecosystem, &errand.package, call.phases).await?.view,
        };
        let place = find(&view.known, &Which::File(file.to_owned()), Part::Whole)?;
        let artifact = view.known.index.releases[place.0].artifacts[place.1].clone();
        let held = view.known.artifacts.get(file);
        match self.decide(call, &view, place).await {
            Ok(_) => {}
            // Then it is looked into, and what is found decides.
            Err(Failure::Refused(decision)) if held.is_none() && only_looking_is_missing(&decision) => {}
            Err(failure) => return Err(failure),
        }
        if let Some(row) = held
            && self.blobs.size(&row.sha256).await.map_err(Failure::internal)? == Some(row.size)
        {
            return Ok((State::Here, row.sha256, row.size));
        }
        if !self.settings.online {
            return Err(Failure::NotFound(format!("`{file}` is not kept, and Weir works offline")));
        }
        let transfer = self.fetch_for(call.phases, &view, place, &artifact, errand.pace).await?;
        let landed = transfer.landed(call.phases).await?;
        self.bring_beside(&view, &artifact).await;
        let (_, landed) = self.decide_again(call, file, landed).await?;
        Ok((State::Fetched, landed.digest, landed.size))
    }

    /// What upstream has beside a file: clients ask for it, and upstream may be gone by then. That it cannot be had stops
    /// nothing.
    async fn bring_beside(&self, view: &View, artifact: &Artifact) {
        let Ok(member) = view.known.member() else { return };
        let metadata = artifact.metadata.as_ref().map(|(url, stated)| (url, *stated));
        for (url, stated) in metadata.into_iter().chain(artifact.provenance.as_ref().map(|url| (url, None))) {
            if let Err(error) = self.documents.immutable(member, url, stated, MAX_SIBLING, true).await {
                tracing::warn!(file = artifact.file, url, error = %error, "what lies beside a file cannot be kept");
            }
        }
    }
}

impl BroughtFile {
    fn not(file: String, state: State, why: String) -> Self {
        Self { file, state, size: None, sha256: None, why: Some(why) }
    }
}

/// A failure as it is told.
fn untold(failure: &Failure) -> BroughtFile {
    match failure {
        Failure::Refused(decision) => BroughtFile::not(String::new(), State::Refused, refusal(decision)),
        failure => BroughtFile::not(String::new(), State::Failed, failure.to_string()),
    }
}

/// The reasons of a refusal in one line.
fn refusal(decision: &Decision) -> String {
    let refuses = decision.reasons.iter().filter(|reason| reason.counted() > Outcome::Warn);
    let told: Vec<String> =
        refuses.take(MAX_REASONS).map(|reason| format!("{}: {}", reason.rule, reason.message)).collect();
    let instead = decision.nearest_allowed.as_ref().map(|version| format!("; instead: {version}"));
    format!("{}{}", told.join("; "), instead.unwrap_or_default())
}

/// The files of a release that are wanted.
fn selected<'a>(errand: &'a Errand, artifacts: &'a [Artifact]) -> impl Iterator<Item = &'a Artifact> {
    let registry = errand.ecosystem.registry;
    let fits = move |artifact: &Artifact| {
        errand.platforms.is_empty()
            || registry.platforms(&artifact.file).is_none_or(|of| {
                of.iter().any(|platform| errand.platforms.iter().any(|pattern| is_like(pattern, platform)))
            })
    };
    // Digests of other kinds than the index states say nothing here: the bytes are checked where they are installed.
    let comparable = errand.digests.iter().any(|locked| artifacts.iter().any(|it| same(locked, &it.digests).is_some()));
    artifacts.iter().filter(move |artifact| {
        let is_locked =
            !comparable || errand.digests.iter().any(|locked| same(locked, &artifact.digests) == Some(true));
        is_locked && fits(artifact)
    })
}

/// Whether two statements are of the same bytes; `None` if they have no kind of digest in common.
fn same(a: &StatedDigests, b: &StatedDigests) -> Option<bool> {
    let sha256 = a.sha256.zip(b.sha256).map(|(a, b)| a == b);
    let sha512 = || a.sha512.as_ref().zip(b.sha512.as_ref()).map(|(a, b)| a == b);
    let sha1 = || a.sha1.as_ref().zip(b.sha1.as_ref()).map(|(a, b)| a == b);
    let md5 = || a.md5.as_ref().zip(b.md5.as_ref()).map(|(a, b)| a == b);
    sha256.or_else(sha512).or_else(sha1).or_else(md5)
}

/// True if a text is like a pattern, in which `*` stands for any characters.
fn is_like(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    let mut last = None;
    for part in parts {
        if let Some(part) = last.replace(part) {
            let Some(at) = rest.find(part) else { return false };
            rest = &rest[at + part.len()..];
        }
    }
    last.map_or(rest.is_empty(), |last| rest.ends_with(last))
}

/// The newest final release of which something is allowed, else the newest of the others; where nothing is allowed, the
/// newest, so that its refusal is told.
fn newest_allowed(view: &View) -> Option<usize> {
    let releases = &view.known.facts.releases;
    let mut order: Vec<usize> =
        (0..releases.len()).filter(|at| releases[*at].key.is_some() && releases[*at].yanked.is_none()).collect();
    order.sort_by(|a, b| {
        let rank = |at: usize| (!releases[at].prerelease, &releases[at].key);
        rank(*b).cmp(&rank(*a))
    });
    let is_allowed = |at: &usize| {
        let artifacts = view.known.index.releases[*at].artifacts.len();
        (0..artifacts).any(|artifact| {
            view.decided(*at, artifact)
                .is_some_and(|decision| decision.permit().is_some() || only_looking_is_missing(&decision))
        })
    };
    order.iter().copied().find(|at| is_allowed(at)).or_else(|| order.first().copied())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_any_characters() {
        for (pattern, text, is) in [
            ("manylinux*x86_64", "manylinux_2_17_x86_64", true),
            ("manylinux*x86_64", "manylinux2014_aarch64", false),
            ("*", "", true),
            ("win32", "win32", true),
            ("win", "win32", false),
            ("win*", "win32", true),
            ("a*b*c", "a-b-c", true),
            ("a*b*c", "a-c-b", false),
            ("aa*a", "aa", false),
        ] {
            assert_eq!(is_like(pattern, text), is, "{pattern} {text}");
        }
    }
}
