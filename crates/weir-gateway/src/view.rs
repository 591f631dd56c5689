//! What one stage makes of a package, and what its pages look like.

use std::collections::HashMap;
use std::io::Write;
use std::sync::{Arc, Mutex, OnceLock};

use bytes::Bytes;
use weir_core::registry::{Document, Form, InvalidDocument, Page, ServedArtifact, ServedRelease, Shown};
use weir_core::{Digest, Timestamp};
use weir_policy::{Decision, Judgement, Outcome, Policy, Stage};
use weir_store::IndexState;

use crate::known::{Known, documents, told_date};
use crate::refusal;

/// A package as one stage sees it.
#[derive(Debug)]
pub struct View {
    /// What is known.
    pub known: Arc<Known>,
    /// The policy it was judged by.
    pub policy: Arc<Policy>,
    /// The stage's name in that policy.
    pub stage: String,
    /// Digest of the index state: of everything that the pages are made from.
    pub state: Digest,
    /// The judgement, releases parallel to the index.
    pub judgement: Judgement,
    public_url: String,
    served: OnceLock<Vec<ServedRelease>>,
    pages: Mutex<HashMap<Form, Arc<PageBytes>>>,
}

impl View {
    /// Judges `known` by `stage` as of `at`. `None` if the policy has no such stage.
    pub fn judge(known: Arc<Known>, policy: Arc<Policy>, stage: &str, public_url: &str, at: Timestamp) -> Option<Self> {
        let judgement = weir_policy::judge(&policy, policy.stage(stage)?, &known.facts, at);
        let mut view = Self {
            known,
            policy,
            stage: stage.to_owned(),
            state: Digest::from_bytes([0; 32]),
            judgement,
            public_url: public_url.to_owned(),
            served: OnceLock::new(),
            pages: Mutex::default(),
        };
        view.state = view.state(at).digest;
        Some(view)
    }

    /// What the pages are made from, to be recorded.
    pub fn state(&self, at: Timestamp) -> IndexState {
        let facts = &self.known.facts;
        let stamp = &self.known.stamp;
        let documents: Vec<_> = stamp.documents.iter().map(ToString::to_string).collect();
        let hidden = self.hidden();
        let parts = [
            self.stage.clone(),
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
            stage: self.stage.clone(),
            ecosystem: facts.ecosystem.id.to_owned(),
            package: facts.package.as_str().to_owned(),
            document: stamp.documents[0],
            policy: self.policy.digest(),
            advisories: stamp.advisories,
            waivers: self.policy.waivers_digest(),
            hidden,
            at,
        }
    }

    /// True while nothing that the view was made from has changed.
    pub fn holds(&self, known: &Arc<Known>, policy: &Arc<Policy>, at: Timestamp) -> bool {
        Arc::ptr_eq(&self.known, known)
            && Arc::ptr_eq(&self.policy, policy)
            && self.judgement.changes_at.is_none_or(|changes_at| at < changes_at)
    }

    fn stage(&self) -> Option<&Stage> {
        self.policy.stage(&self.stage)
    }

    /// The decision on a release, or on one artifact of it.
    pub fn decision(&self, release: usize, artifact: Option<usize>) -> Option<Decision> {
        Some(self.judgement.decision(&self.policy, self.stage()?, &self.known.facts, release, artifact))
    }

    /// How each release is served.
    pub fn served(&self) -> &[ServedRelease] {
        self.served.get_or_init(|| (0..self.known.index.releases.len()).map(|release| self.serve(release)).collect())
    }

    fn serve(&self, at: usize) -> ServedRelease {
        let release = &self.known.index.releases[at];
        let facts = &self.known.facts.releases[at];
        let judged = &self.judgement.releases[at];
        let note = |artifact| self.decision(at, artifact).map(|decision| refusal::note(&decision, &self.public_url));
        let artifacts: Vec<ServedArtifact> = release
            .artifacts
            .iter()
            .enumerate()
            .map(|(index, artifact)| {
                let refused = judged.artifacts.get(index).is_none_or(|judged| judged.effective > Outcome::Warn);
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
        ServedRelease {
            refused: if all_refused { note(None) } else { None },
            warned: if !all_refused && judged.effective == Outcome::Warn { note(None) } else { None },
            published: told_date(facts.published, facts.first_seen),
            artifacts,
        }
    }

    /// The page, rendered once per form. `bodies` are asked for only if it is not rendered yet.
    pub fn cached_page(&self, form: &Form) -> Option<Arc<PageBytes>> {
        self.pages().get(form).cloned()
    }

    /// Which release a form shows, if it is of one.
    pub fn shown(&self, form: &Form, base: &str, bodies: &[Bytes]) -> Shown {
        let documents = documents(&self.known.held, bodies);
        self.known.facts.ecosystem.registry.shown(&self.page(&documents, base), form)
    }

    fn page<'a>(&'a self, documents: &'a [Document<'a>], base: &'a str) -> Page<'a> {
        let (package, index) = (&self.known.facts.package, &*self.known.index);
        Page { package, documents, index, releases: self.served(), base }
    }

    /// Renders a page and keeps it.
    pub fn render(&self, form: &Form, base: &str, bodies: &[Bytes]) -> Result<Arc<PageBytes>, InvalidDocument> {
        let documents = documents(&self.known.held, bodies);
        let rendered = self.known.facts.ecosystem.registry.render(&self.page(&documents, base), form)?;
        let page = Arc::new(PageBytes::new(rendered.content_type, rendered.body));
        let mut pages = self.pages();
        // `detail` comes from the client: a bound keeps one package's forms from filling memory.
        if pages.len() >= 16 {
            pages.clear();
        }
        pages.insert(form.clone(), Arc::clone(&page));
        Ok(page)
    }

    /// Digest over which artifacts are hidden: what an index state row tells.
    pub fn hidden(&self) -> Digest {
        let mut hidden = String::new();
        for (release, judged) in self.known.index.releases.iter().zip(&self.judgement.releases) {
            for (artifact, judged) in release.artifacts.iter().zip(&judged.artifacts) {
                if judged.effective > Outcome::Warn {
                    hidden.push_str(&artifact.file);
                    hidden.push('\n');
                }
            }
        }
        Digest::of(hidden.as_bytes())
    }

    /// A rough weight in memory, in bytes.
    pub fn weight(&self) -> usize {
        let pages: usize = self.pages().values().map(|page| page.weight()).sum();
        2_000 + self.judgement.releases.len() * 400 + pages
    }

    fn pages(&self) -> std::sync::MutexGuard<'_, HashMap<Form, Arc<PageBytes>>> {
        self.pages.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

/// A rendered page and its compressed forms, made once each.
#[derive(Debug)]
pub struct PageBytes {
    /// Media type with parameters.
    pub content_type: String,
    /// Entity tag of the page without quotes; a coding adds its suffix.
    pub tag: String,
    identity: Bytes,
    gzip: OnceLock<Bytes>,
    zstd: OnceLock<Bytes>,
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
        Self {
            tag: Digest::of(&body).short(),
            content_type,
            identity: Bytes::from(body),
            gzip: OnceLock::new(),
            zstd: OnceLock::new(),
        }
    }

    /// The page in `coding`.
    pub fn coded(&self, coding: Coding) -> Bytes {
        match coding {
            Coding::Identity => self.identity.clone(),
            Coding::Gzip => self.gzip.get_or_init(|| gzip(&self.identity)).clone(),
            Coding::Zstd => self
                .zstd
                .get_or_init(|| zstd::bulk::compress(&self.identity, 3).map_or_else(|_| Bytes::new(), Bytes::from))
                .clone(),
        }
    }

    /// The strong entity tag of the page in `coding`, quoted.
    pub fn etag(&self, coding: Coding) -> String {
        match coding {
            Coding::Identity => format!("\"{}\"", self.tag),
            Coding::Gzip => format!("\"{}-gz\"", self.tag),
            Coding::Zstd => format!("\"{}-zst\"", self.tag),
        }
    }

    fn weight(&self) -> usize {
        self.identity.len() + self.gzip.get().map_or(0, Bytes::len) + self.zstd.get().map_or(0, Bytes::len) + 512
    }
}

fn gzip(bytes: &[u8]) -> Bytes {
    let mut encoder = flate2::write::GzEncoder::new(Vec::with_capacity(bytes.len() / 6), flate2::Compression::new(4));
    // Writing to memory cannot fail.
    let _ = encoder.write_all(bytes);
    encoder.finish().map_or_else(|_| Bytes::new(), Bytes::from)
}
