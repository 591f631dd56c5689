//! What a request's stages make of a package, and what its pages look like.

use std::collections::HashMap;
use std::io::Write;
use std::sync::{Arc, Mutex, OnceLock};

use bytes::Bytes;
use http::HeaderValue;
use tokio::sync::OnceCell;
use weir_core::registry::{Document, Form, InvalidDocument, Page, ServedArtifact, ServedRelease, Shown};
use weir_core::{Digest, Timestamp};
use weir_policy::{Decision, Outcome, Policy};
use weir_store::IndexState;

use crate::documents::Held;
use crate::judged::{Judged, Stages};
use crate::known::{Known, Stamp, documents, told_date};
use crate::refusal;

/// Forms of a single release whose pages are kept. What they are of comes from the client: a bound keeps one package's
/// forms from filling memory.
const MAX_DETAILS: usize = 16;
/// Detail of a reason: nobody tells the date.
const DATE_UNKNOWN: &str = "date-unknown";
/// Detail of a reason: nobody has looked into the artifact.
pub(crate) const NOT_LOOKED: &str = "not-looked";
/// Decisions on artifacts that are kept, at most.
const MAX_DECIDED: usize = 32;
/// What one of them weighs, in bytes, roughly.
const DECIDED_WEIGHT: usize = 2_000;
/// How far a clock may have gone back before a view that was judged later no longer counts, in milliseconds.
const CLOCK_SLACK: i64 = 60_000;

/// A package as a request's stages see it.
#[derive(Debug)]
pub struct View {
    /// What is known.
    pub known: Arc<Known>,
    /// The policy it was judged by.
    pub policy: Arc<Policy>,
    /// Digest of the index state: of everything that the pages are made from.
    pub state: Digest,
    /// The judgement, releases parallel to the index.
    pub judged: Judged,
    /// Set once the index state is on record, or could not be recorded.
    pub(crate) on_record: OnceCell<()>,
    judged_at: Timestamp,
    public_url: String,
    served: OnceLock<Served>,
    pages: Mutex<HashMap<Form, Arc<Slot>>>,
    decided: Mutex<HashMap<(usize, usize), Arc<Decision>>>,
}

/// How each release is served, and the decisions that its notes name.
#[derive(Debug)]
struct Served {
    releases: Vec<ServedRelease>,
    named: Vec<Named>,
}

/// A decision that a page names.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Named {
    /// Its id.
    pub id: String,
    /// The release that it is about, by its place in the index.
    pub release: usize,
    /// The artifact that it is about, if it is about one.
    pub artifact: Option<usize>,
}

/// The place of one form's page, made once, whoever asks for it and however many at a time.
pub type Slot = OnceCell<Arc<Made>>;

/// What became of a form.
#[derive(Debug)]
pub struct Made {
    /// What it shows.
    pub shown: Shown,
    /// The page; `None` if there is nothing to show, or what it would show is refused.
    pub page: Option<Arc<PageBytes>>,
}

impl View {
    /// Judges `known` by `stages` as of `at`. `None` if the policy does not have them.
    pub fn judge(
        known: Arc<Known>,
        policy: Arc<Policy>,
        stages: &Stages,
        public_url: &str,
        at: Timestamp,
    ) -> Option<Self> {
        let judged = Judged::new(&policy, stages, &known.facts, at)?;
        let mut view = Self {
            known,
            policy,
            state: Digest::from_bytes([0; 32]),
            judged,
            on_record: OnceCell::new(),
            judged_at: at,
            public_url: public_url.to_owned(),
            served: OnceLock::new(),
            pages: Mutex::default(),
            decided: Mutex::default(),
        };
        view.state = view.state(at).digest;
        Some(view)
    }

    /// What the pages are made from, to be recorded.
    pub fn state(&self, at: Timestamp) -> IndexState {
        let facts = &self.known.facts;
        let stamp = &self.known.stamp;
        // Those that were read: not always the current ones, if a current one cannot be read.
        let told = self.known.told.values().flatten();
        let documents: Vec<_> = self.known.held.iter().chain(told).map(|held| held.digest.to_string()).collect();
        let hidden = self.hidden();
        let stage = self.judged.stages().to_string();
        let parts = [
            stage.clone(),
            facts.ecosystem.id.to_owned(),
            facts.package.as_str().to_owned(),
            documents.join(","),
            self.policy.digest().to_string(),
            stamp.advisories.to_string(),
            self.policy.waivers_digest().to_string(),
            hidden.to_string(),
        ];
        IndexState {
            digest: Digest::of(parts.join("\n").as_bytes()),
            stage,
            ecosystem: facts.ecosystem.id.to_owned(),
            package: facts.package.as_str().to_owned(),
            document: self.known.held.first().map_or(Digest::from_bytes([0; 32]), |held| held.digest),
            policy: self.policy.digest(),
            advisories: stamp.advisories,
            waivers: self.policy.waivers_digest(),
            hidden,
            at,
        }
    }

    /// The moment that it was judged as of.
    pub fn judged_at(&self) -> Timestamp {
        self.judged_at
    }

    /// True while nothing that the view was made from has changed.
    pub fn holds(&self, stamp: &Stamp, policy: &Policy, at: Timestamp) -> bool {
        self.known.stamp == *stamp
            && self.policy.digest() == policy.digest()
            && self.judged_at <= at.plus_millis(CLOCK_SLACK)
            && self.judged.together().changes_at.is_none_or(|changes_at| at < changes_at)
    }

    /// The decision on a release, or on one artifact of it.
    pub fn decision(&self, release: usize, artifact: Option<usize>) -> Option<Decision> {
        self.judged.decision(&self.policy, &self.known.facts, release, artifact)
    }

    /// The decision on one artifact, made once while it is asked for again and again.
    pub fn decided(&self, release: usize, artifact: usize) -> Option<Arc<Decision>> {
        let key = (release, artifact);
        let lock = || self.decided.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        if let Some(decision) = lock().get(&key) {
            return Some(Arc::clone(decision));
        }
        let decision = Arc::new(self.decision(release, Some(artifact))?);
        let mut decided = lock();
        if decided.len() >= MAX_DECIDED {
            decided.clear();
        }
        decided.insert(key, Arc::clone(&decision));
        Some(decision)
    }

    /// A decision as the asker is told of it: see [`Judged::told`].
    pub fn told(&self, decision: Decision, release: usize) -> Decision {
        self.judged.told(decision, &self.known.facts, release)
    }

    /// The decision on a release as a page names it: where a release is one file, that file's, so that page, file and
    /// explanation have one decision.
    pub fn release_decision(&self, release: usize) -> Option<Decision> {
        self.decision(release, self.only_artifact(release))
    }

    fn only_artifact(&self, release: usize) -> Option<usize> {
        self.known.index.releases.get(release).filter(|release| release.artifacts.len() == 1).map(|_| 0)
    }

    /// How each release is served.
    pub fn served(&self) -> &[ServedRelease] {
        &self.serving().releases
    }

    /// The decisions that the pages name. Empty until a page was made.
    pub fn named(&self) -> &[Named] {
        self.served.get().map_or(&[], |served| &served.named)
    }

    fn serving(&self) -> &Served {
        self.served.get_or_init(|| {
            let mut named = Vec::new();
            let releases = (0..self.known.index.releases.len()).map(|at| self.serve(at, &mut named)).collect();
            Served { releases, named }
        })
    }

    fn serve(&self, at: usize, named: &mut Vec<Named>) -> ServedRelease {
        let release = &self.known.index.releases[at];
        let facts = &self.known.facts.releases[at];
        let judged = &self.judged.together().releases[at];
        let mut note = |artifact| {
            let decision = self.decision(at, artifact)?;
            named.push(Named { id: decision.id.clone(), release: at, artifact });
            Some(refusal::note(&self.told(decision, at), self.judged.stages().address(), &self.public_url))
        };
        let artifacts: Vec<ServedArtifact> = release
            .artifacts
            .iter()
            .enumerate()
            .map(|(index, artifact)| {
                let refused = judged.artifacts.get(index).is_none_or(|judged| judged.effective > Outcome::Warn);
                let refused = refused && !self.is_pending(at, index);
                let row = self.known.artifacts.get(&artifact.file);
                ServedArtifact {
                    refused: if refused { note(Some(index)) } else { None },
                    published: facts
                        .artifacts
                        .get(index)
                        .map_or(facts.first_seen, |facts| told_date(facts.published, facts.first_seen)),
                    metadata: if artifact.metadata.is_none() { row.and_then(|row| row.metadata) } else { None },
                }
            })
            .collect();
        // A release of which one file still waits is served: without that file.
        let all_refused = if artifacts.is_empty() {
            judged.effective > Outcome::Warn
        } else {
            artifacts.iter().all(|artifact| artifact.refused.is_some())
        };
        let refused = match artifacts.as_slice() {
            _ if !all_refused => None,
            [only] => only.refused.clone(),
            _ => note(None),
        };
        let warned = !all_refused && judged.effective == Outcome::Warn;
        ServedRelease {
            refused,
            warned: if warned { note(self.only_artifact(at)) } else { None },
            published: told_date(facts.published, facts.first_seen),
            artifacts,
        }
    }

    /// True if nothing speaks against an artifact but what is found out when somebody asks for it: the release's own
    /// documents tell its date, its bytes tell its licence. A page shows it, and the decision comes then.
    fn is_pending(&self, release: usize, artifact: usize) -> bool {
        let registry = self.known.facts.ecosystem.registry;
        if registry.releases().is_none() && !registry.is_named_inside() {
            return false;
        }
        let is_untold = self.known.is_untold(release);
        let judged = self.judged.together().releases.get(release).and_then(|release| release.artifacts.get(artifact));
        let Some(judged) = judged else { return false };
        let mut against = judged.reasons.iter().filter(|reason| reason.counted() > Outcome::Warn);
        against.all(|reason| match reason.detail.as_deref() {
            Some(DATE_UNKNOWN) => is_untold,
            Some(NOT_LOOKED) => true,
            _ => false,
        })
    }

    /// What a form shows as far as the index tells.
    pub fn shown(&self, form: &Form, base: &str) -> Shown {
        self.known.facts.ecosystem.registry.shown(&self.page(&[], base), form)
    }

    /// The place of a form's page.
    pub fn slot(&self, form: &Form) -> Arc<Slot> {
        let mut pages = self.pages();
        if let Some(slot) = pages.get(form) {
            return Arc::clone(slot);
        }
        if form.detail.is_some() && pages.keys().filter(|form| form.detail.is_some()).count() >= MAX_DETAILS {
            pages.retain(|form, _| form.detail.is_none());
        }
        let slot = Arc::new(Slot::new());
        pages.insert(form.clone(), Arc::clone(&slot));
        slot
    }

    /// Makes a form: the page, or what stands in its place. `held` are the documents that it is made from, with their bytes.
    pub fn make(&self, form: &Form, base: &str, held: &[Arc<Held>], bodies: &[Bytes]) -> Result<Made, InvalidDocument> {
        let documents = documents(held, bodies);
        let registry = self.known.facts.ecosystem.registry;
        let page = self.page(&documents, base);
        let shown = registry.shown(&page, form);
        let shows = match &shown {
            Shown::Package => true,
            Shown::Release(version) => {
                self.known.release(version).is_some_and(|release| self.served()[release].refused.is_none())
            }
            Shown::Nothing => false,
        };
        if !shows {
            return Ok(Made { shown, page: None });
        }
        let rendered = registry.render(&page, form)?;
        Ok(Made { shown, page: Some(Arc::new(PageBytes::new(rendered.content_type, rendered.body))) })
    }

    pub(crate) fn page<'a>(&'a self, documents: &'a [Document<'a>], base: &'a str) -> Page<'a> {
        let (package, index) = (&self.known.facts.package, &*self.known.index);
        Page { package, documents, index, releases: self.served(), base }
    }

    /// Digest over which artifacts are hidden: what an index state row tells.
    pub fn hidden(&self) -> Digest {
        let mut hidden = String::new();
        for (release, judged) in self.known.index.releases.iter().zip(&self.judged.together().releases) {
            for (artifact, judged) in release.artifacts.iter().zip(&judged.artifacts) {
                if judged.effective > Outcome::Warn {
                    hidden.push_str(&artifact.file);
                    hidden.push('\n');
                }
            }
        }
        Digest::of(hidden.as_bytes())
    }

    /// A rough weight in memory, in bytes: with what it was judged from, which it keeps alive.
    pub fn weight(&self) -> usize {
        let pages = self.pages();
        let made = pages.values().filter_map(|slot| slot.get()).filter_map(|made| made.page.as_ref());
        let pages: usize = pages.len() * 300 + made.map(|page| page.weight()).sum::<usize>();
        let served = self.served.get().map_or(0, |served| {
            let artifacts: usize = served.releases.iter().map(|release| release.artifacts.len()).sum();
            served.releases.len() * 150 + artifacts * 150 + served.named.len() * 300
        });
        2_000 + MAX_DECIDED * DECIDED_WEIGHT + self.judged.weight() + served + pages + self.known.weight()
    }

    fn pages(&self) -> std::sync::MutexGuard<'_, HashMap<Form, Arc<Slot>>> {
        self.pages.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

/// A rendered page and its compressed forms, made once each.
#[derive(Debug)]
pub struct PageBytes {
    /// Media type with parameters, as it is sent with every answer.
    pub content_type: Option<HeaderValue>,
    /// Entity tag of the page without quotes; a coding adds its suffix.
    pub tag: String,
    /// The strong entity tags, quoted, by coding.
    etags: [Option<HeaderValue>; 3],
    identity: Bytes,
    gzip: OnceLock<Option<Bytes>>,
    zstd: OnceLock<Option<Bytes>>,
}

/// A content coding of a page.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Coding {
    /// As it is.
    Identity,
    /// RFC 1952.
    Gzip,
    /// RFC 8878.
    Zstd,
}

impl Coding {
    /// The coding's name in `Content-Encoding`.
    pub const fn name(self) -> Option<&'static str> {
        match self {
            Self::Identity => None,
            Self::Gzip => Some("gzip"),
            Self::Zstd => Some("zstd"),
        }
    }
}

impl PageBytes {
    /// A page.
    pub fn new(content_type: String, body: Vec<u8>) -> Self {
        let tag = Digest::of(&body).short();
        let etag = |suffix| HeaderValue::try_from(format!("\"{tag}{suffix}\"")).ok();
        Self {
            // In the order of `Coding`.
            etags: [etag(""), etag("-gz"), etag("-zst")],
            tag,
            content_type: HeaderValue::try_from(content_type).ok(),
            identity: Bytes::from(body),
            gzip: OnceLock::new(),
            zstd: OnceLock::new(),
        }
    }

    /// The page in `coding`, or as it is if it cannot be coded.
    pub fn coded(&self, coding: Coding) -> (Coding, Bytes) {
        let coded = match coding {
            Coding::Identity => None,
            Coding::Gzip => self.gzip.get_or_init(|| gzip(&self.identity)).clone(),
            Coding::Zstd => {
                self.zstd.get_or_init(|| zstd::bulk::compress(&self.identity, 3).ok().map(Bytes::from)).clone()
            }
        };
        match coded {
            Some(bytes) => (coding, bytes),
            None => (Coding::Identity, self.identity.clone()),
        }
    }

    /// True if [`PageBytes::coded`] has nothing to do.
    pub fn is_coded(&self, coding: Coding) -> bool {
        match coding {
            Coding::Identity => true,
            Coding::Gzip => self.gzip.get().is_some(),
            Coding::Zstd => self.zstd.get().is_some(),
        }
    }

    /// The strong entity tag of the page in `coding`, quoted.
    pub fn etag(&self, coding: Coding) -> Option<&HeaderValue> {
        self.etags.get(coding as usize)?.as_ref()
    }

    fn weight(&self) -> usize {
        let coded = |coding: &OnceLock<Option<Bytes>>| coding.get().and_then(Option::as_ref).map_or(0, Bytes::len);
        self.identity.len() + coded(&self.gzip) + coded(&self.zstd) + 512
    }
}

fn gzip(bytes: &[u8]) -> Option<Bytes> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::with_capacity(bytes.len() / 6), flate2::Compression::new(4));
    encoder.write_all(bytes).ok()?;
    encoder.finish().ok().map(Bytes::from)
}
