//! Pages of a whole catalogue: made once, kept on disk as they are sent, and made anew when anything that they were made
//! from has changed.

use std::collections::{HashMap, HashSet};
use std::io::{self, Read as _, Write as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use futures_util::{StreamExt as _, TryStreamExt as _};
use http::{HeaderValue, StatusCode, header};
use tokio::sync::OnceCell;
use tokio_util::io::ReaderStream;
use weir_blob::Spool;
use weir_core::catalogue::{Catalogue, Instead, LeftOut, Packing};
use weir_core::registry::{Form, Reply};
use weir_core::time::Day;
use weir_core::{Digest, Ecosystem, PackageName, Timestamp};
use weir_store::IndexState;

use super::added::Beside;
use super::{Call, Failure, Gateway};
use crate::catalogues::Catalogued;
use crate::catalogues::page::{self, Judging, Told};
use crate::catalogues::writing::{self, Written};
use crate::documents::DocumentError;
use crate::judged::Stages;
use crate::members::Member;
use crate::phases::Phase;
use crate::respond;
use crate::view::{Coding, View};

/// Bytes of disk for pages of catalogues.
pub const PAGES_BYTES: usize = 2 * 1024 * 1024 * 1024;
/// How long a page of a catalogue stands after the moment at which time alone changes something on it, counted from when it
/// was made, in milliseconds. Of hundreds of thousands of files one grows old enough every minute; the file itself is
/// decided by the moment.
pub const PAGE_RESTS: i64 = 60_000;
/// Packages of which the store knows more that are judged one by one for a page.
const MAX_APART: usize = 100_000;
/// Packages that are judged by themselves at a time.
const APART_AT_ONCE: usize = 16;
/// Names that are read from the store at once.
const NAMES_AT_ONCE: u32 = 1_000;

/// Which page: of which stages, ecosystem and part.
pub(super) type Key = (Stages, &'static str, String);

/// A page of a catalogue.
#[derive(Debug)]
pub(super) struct Whole {
    made: Made,
    /// What was learnt about packages when it was made, or when it was last found to be the same with it.
    learnt: AtomicU64,
    changes_at: Option<Timestamp>,
    made_at: Timestamp,
    written: Written,
    gzip: OnceCell<Spool>,
    pub(super) touched: HashMap<Box<str>, Digest>,
    /// Parallel to the catalogue's entries: true where it is left out.
    pub(super) hidden: Vec<bool>,
    /// Keys of packages that are from elsewhere than the catalogue.
    added: HashSet<String>,
    instead: Vec<Instead>,
    told: Told,
    pub(super) state: Digest,
}

/// Whom a page is for.
pub(super) struct Wanting<'a> {
    pub(super) ecosystem: &'static Ecosystem,
    pub(super) stages: &'a Stages,
    pub(super) base: &'a str,
}

/// What a page was made from.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) struct Made {
    catalogue: Digest,
    policy: Digest,
    advisories: Digest,
    names: Option<Digest>,
    /// What was published last, where packages can be.
    hosted: i64,
    /// The catalogues of other upstreams that have a part in it.
    others: Vec<Digest>,
}

impl Whole {
    fn holds(&self, made: &Made, now: Timestamp) -> bool {
        self.made == *made
            && self.made_at <= now.plus_millis(PAGE_RESTS)
            && self.changes_at.is_none_or(|at| now < at || now < self.made_at.plus_millis(PAGE_RESTS))
    }

    /// Bytes on disk.
    fn weight(&self) -> usize {
        let length = self.written.spool.length() + self.gzip.get().map_or(0, Spool::length);
        usize::try_from(length).unwrap_or(usize::MAX / 4) + 4096
    }
}

impl Gateway {
    /// The catalogue of a part as it is now, and how its registry reads it.
    pub(super) async fn catalogued(
        &self,
        ecosystem: &'static Ecosystem,
        part: &str,
    ) -> Result<(&'static dyn Catalogue, Arc<Catalogued>), DocumentError> {
        let (catalogue, member) = self.member_of(ecosystem, part)?;
        Ok((catalogue, self.catalogues.current(&member, part, self.settings.online).await?))
    }

    pub(super) fn member_of(
        &self,
        ecosystem: &'static Ecosystem,
        part: &str,
    ) -> Result<(&'static dyn Catalogue, Arc<Member>), DocumentError> {
        let absent = || DocumentError::Absent { upstream: ecosystem.title.to_owned(), path: part.to_owned() };
        let catalogue = ecosystem.registry.catalogue().ok_or_else(absent)?;
        let member = self.homes.members().named(ecosystem, catalogue.member(part), part)?;
        Ok((catalogue, Arc::clone(member)))
    }

    pub(super) async fn catalogue(
        self: &Arc<Self>,
        call: &mut Call<'_>,
        part: &str,
        packing: Packing,
    ) -> Result<Response, Failure> {
        if let Some(hosting) = call.ecosystem.registry.hosting().filter(|it| it.catalogue(part, &[]).is_some()) {
            return self.own_catalogue(call, hosting, part, packing).await;
        }
        call.record.package = part.to_owned();
        let found = async {
            match call.day {
                Some(day) => self.catalogued_on(call.ecosystem, part, day).await,
                None => self.catalogued(call.ecosystem, part).await,
            }
        };
        let (catalogue, current) = call.phases.time(Phase::Upstream, found).await?;
        call.stale = current.stale.clone();
        let wanting = Wanting { ecosystem: call.ecosystem, stages: &call.stages, base: &call.base };
        let whole = call.phases.time(Phase::Render, self.whole_of(&wanting, catalogue, &current)).await?;
        call.record.package = current.name();
        call.record.index_state = Some(whole.state);
        let tag = whole.written.identity.short();
        if respond::has_tag(call.headers, &tag) {
            return Ok(respond::whole(StatusCode::NOT_MODIFIED, &format!("\"{tag}\""), Body::empty()));
        }
        let coding = match packing {
            Packing::Plain if respond::coding(call.headers) == Coding::Zstd => Coding::Zstd,
            _ => Coding::Identity,
        };
        let (length, content_type) = match packing {
            Packing::Plain if coding == Coding::Identity => (whole.written.plain, catalogue.content_type()),
            Packing::Plain => (whole.written.spool.length(), catalogue.content_type()),
            Packing::Zstd => (whole.written.spool.length(), "application/zstd"),
            Packing::Gzip => (self.gzip(call, &whole).await?.length(), "application/gzip"),
        };
        let body = if call.head { Body::empty() } else { body(&whole, packing, coding).await? };
        let etag = if coding == Coding::Zstd { format!("\"{tag}-zst\"") } else { format!("\"{tag}\"") };
        let mut response = respond::whole(StatusCode::OK, &etag, body);
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
        if let Some(name) = coding.name() {
            headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(name));
        }
        Ok(response)
    }

    /// The page as a gzip file, made when it is first asked for.
    async fn gzip<'w>(self: &Arc<Self>, call: &Call<'_>, whole: &'w Arc<Whole>) -> Result<&'w Spool, Failure> {
        let make = || async {
            let spool = self.blobs.spool().map_err(Failure::internal)?;
            let packed = Arc::clone(whole);
            let gzip = move || gzip(&packed.written.spool, spool).map_err(Failure::internal);
            tokio::task::spawn_blocking(gzip).await.map_err(Failure::internal)?
        };
        let spool = whole.gzip.get_or_try_init(make).await?;
        let key = (call.stages.clone(), call.ecosystem.id, call.record.package.clone());
        self.wholes.reweigh(&key, whole.weight());
        Ok(spool)
    }

    /// The page of a part for these stages, made now if what is kept does not hold.
    pub(super) async fn whole_of(
        self: &Arc<Self>,
        call: &Wanting<'_>,
        catalogue: &'static dyn Catalogue,
        current: &Arc<Catalogued>,
    ) -> Result<Arc<Whole>, Failure> {
        let key: Key = (call.stages.clone(), call.ecosystem.id, current.name());
        let judging = self.judging(call, current);
        let beside = self.beside_of(call.ecosystem, catalogue, current).await?;
        let made = Made {
            hosted: beside.hosted,
            others: beside.others.iter().map(|other| other.digest).collect(),
            catalogue: current.digest,
            policy: judging.policy.digest(),
            advisories: judging.advisories.digest(),
            names: judging.names.digest(),
        };
        if let Some(whole) = self.wholes.get(&key)
            && whole.holds(&made, judging.now)
            && self.is_same(call, catalogue, current, &whole).await?
        {
            return Ok(whole);
        }
        let this = Arc::clone(self);
        let flight = (key.clone(), made.clone());
        let make = || async move { this.make_whole(key, made, judging, catalogue, &beside).await.map_err(Arc::new) };
        let whole = self.making.run(flight, make).await.map_err(Failure::internal)?;
        whole.map_err(|failure| Failure::internal(&*failure))
    }

    fn judging(&self, call: &Wanting<'_>, current: &Arc<Catalogued>) -> Judging {
        Judging {
            ecosystems: self.ecosystems,
            ecosystem: call.ecosystem,
            catalogued: Arc::clone(current),
            policy: self.policy.load_full(),
            stages: call.stages.clone(),
            advisories: self.advisories.load_full(),
            names: self.well_known.load_full(),
            public_url: self.settings.public_url.clone(),
            base: call.base.to_owned(),
            now: self.clock.now(),
            apart: HashMap::new(),
            added: Vec::new(),
            homes: Arc::clone(&self.homes),
        }
    }

    /// True if what was learnt about single packages since a page was made changes nothing on it.
    async fn is_same(
        self: &Arc<Self>,
        call: &Wanting<'_>,
        catalogue: &'static dyn Catalogue,
        current: &Arc<Catalogued>,
        whole: &Whole,
    ) -> Result<bool, Failure> {
        let (last, packages) = self.learnt.since(call.ecosystem.id, whole.learnt.load(Ordering::Relaxed));
        let Some(packages) = packages else { return Ok(false) };
        for package in packages {
            let Some(place) = catalogue.place(&package).filter(|place| place.part == current.part) else { continue };
            if whole.added.contains(&place.key) {
                return Ok(false);
            }
            let mut judging = self.judging(call, current);
            judging.apart.insert(place.key.clone(), self.apart(call, current, &place.key, &package).await?);
            let file = self.catalogues.file(current).await?;
            let one = move || judging.one(catalogue, &file, &place.key).map(|digest| (place.key, digest));
            let one = tokio::task::spawn_blocking(one).await.map_err(Failure::internal)?;
            let (key, digest) = one.map_err(Failure::internal)?;
            if whole.touched.get(key.as_str()).copied() != digest {
                return Ok(false);
            }
        }
        whole.learnt.store(last, Ordering::Relaxed);
        Ok(true)
    }

    /// A package by itself; `None` if it cannot be read, and then none of it is shown.
    pub(super) async fn apart(
        self: &Arc<Self>,
        call: &Wanting<'_>,
        of: &Catalogued,
        key: &str,
        package: &PackageName,
    ) -> Result<Option<Arc<View>>, Failure> {
        if of.day.is_some() {
            return self.view_in(call, of, key, package).await;
        }
        match self.view(call.stages, call.ecosystem, package).await {
            Ok(view) => Ok(Some(view)),
            Err(Failure::Refused(_) | Failure::Document(_)) => Ok(None),
            Err(failure) => Err(failure),
        }
    }

    async fn make_whole(
        self: Arc<Self>,
        key: Key,
        made: Made,
        mut judging: Judging,
        catalogue: &'static dyn Catalogue,
        beside: &Beside,
    ) -> Result<Arc<Whole>, Failure> {
        // What was learnt is counted before it is read, so that nothing is taken for known that came later.
        let (learnt, _) = self.learnt.since(key.1, u64::MAX);
        let ecosystem = judging.ecosystem;
        let of = Wanting { ecosystem, stages: &judging.stages, base: &judging.base };
        judging.added = self.added(&of, catalogue, &judging.catalogued, beside).await?;
        let known = self.known_apart(ecosystem, catalogue, &judging.catalogued.part).await?;
        self.judge_apart(&mut judging, catalogue, known).await?;
        let judging = Arc::new(judging);
        let file = Arc::new(self.catalogues.file(&judging.catalogued).await?);
        let (mut judging, mut verdicts) = judged(judging, catalogue, &file).await?;
        if !verdicts.wanting.is_empty() {
            let part = judging.catalogued.part.clone();
            let named = |key| catalogue.package(&weir_core::catalogue::Place { part: part.clone(), key });
            let wanting = std::mem::take(&mut verdicts.wanting).into_iter().filter_map(named).collect();
            self.judge_apart(&mut judging, catalogue, wanting).await?;
            (judging, verdicts) = judged(Arc::new(judging), catalogue, &file).await?;
        }
        if verdicts.unreadable > 0 {
            tracing::warn!(
                ecosystem = ecosystem.id,
                part = key.2,
                packages = verdicts.unreadable,
                "packages of a catalogue cannot be read and are left out"
            );
        }
        if let Some(joining) = verdicts.joining.take() {
            let (settled, is_troubled) = self.settle(&judging, catalogue, joining).await?;
            verdicts.settle(&judging.catalogued.table, &judging.added, settled);
            if is_troubled {
                let again = judging.now.plus_millis(self.documents.lifetimes().package);
                verdicts.changes_at = Some(verdicts.changes_at.map_or(again, |at| at.min(again)));
            }
        }
        let spool = self.blobs.spool().map_err(Failure::internal)?;
        let catalogued = Arc::clone(&judging.catalogued);
        let write =
            move || writing::write(catalogue, &catalogued.table, &verdicts, &file, spool).map(|it| (it, verdicts));
        let written = tokio::task::spawn_blocking(write).await.map_err(Failure::internal)?;
        let (written, verdicts) = written.map_err(Failure::internal)?;
        let state = state(&key, &judging, &verdicts);
        if let Err(error) = self.store.record_index_state(&state).await {
            tracing::error!(error = %error, "an index state could not be recorded");
        }
        let whole = Arc::new(Whole {
            made,
            learnt: AtomicU64::new(learnt),
            changes_at: verdicts.changes_at,
            made_at: judging.now,
            written,
            gzip: OnceCell::new(),
            touched: verdicts.touched,
            hidden: verdicts.hidden,
            added: judging.added.iter().map(|added| added.key.clone()).collect(),
            instead: verdicts.instead,
            told: verdicts.told,
            state: state.digest,
        });
        self.wholes.insert(key, Arc::clone(&whole), whole.weight());
        Ok(whole)
    }

    /// What a page shows in the place of a package's newest version at upstream, where its packages are settled together.
    pub(crate) async fn instead(
        self: &Arc<Self>,
        stages: &Stages,
        ecosystem: &'static Ecosystem,
        package: &PackageName,
        day: Option<Day>,
    ) -> Result<Option<Instead>, Failure> {
        let place = match ecosystem.registry.catalogue() {
            Some(catalogue) if catalogue.joining().is_some() => catalogue.place(package),
            _ => None,
        };
        let Some(place) = place else { return Ok(None) };
        let (catalogue, current) = match day {
            Some(day) => self.catalogued_on(ecosystem, &place.part, day).await?,
            None => self.catalogued(ecosystem, &place.part).await?,
        };
        let base = format!("{}/{}/{}", self.settings.public_url, stages.address(), ecosystem.id);
        let whole = self.whole_of(&Wanting { ecosystem, stages, base: &base }, catalogue, &current).await?;
        Ok(whole.instead.iter().find(|instead| instead.key == place.key).cloned())
    }

    /// The packages of a part of which the store knows more than its catalogue tells.
    async fn known_apart(
        &self,
        ecosystem: &'static Ecosystem,
        catalogue: &dyn Catalogue,
        part: &str,
    ) -> Result<Vec<PackageName>, Failure> {
        let mut apart = Vec::new();
        let mut after = String::new();
        while apart.len() < MAX_APART {
            let names =
                self.store.package_names(ecosystem.id, &after, NAMES_AT_ONCE).await.map_err(Failure::internal)?;
            let Some(last) = names.last() else { break };
            after.clone_from(last);
            let names = names.iter().map(|name| PackageName::from_normalized(name));
            apart.extend(names.filter(|name| catalogue.place(name).is_some_and(|place| place.part == part)));
        }
        Ok(apart)
    }

    /// Judges packages by themselves, some at a time: the store answers many readers at once.
    async fn judge_apart(
        self: &Arc<Self>,
        judging: &mut Judging,
        catalogue: &dyn Catalogue,
        packages: Vec<PackageName>,
    ) -> Result<(), Failure> {
        let of = Wanting { ecosystem: judging.ecosystem, stages: &judging.stages, base: &judging.base };
        let current = &judging.catalogued;
        let placed = packages.into_iter().filter_map(|package| Some((catalogue.place(&package)?.key, package)));
        // `None`: it has left the catalogue, its name is private, or its pieces cannot be read.
        let views = placed.map(|(key, package)| {
            let of = &of;
            async move {
                let view = self.apart(of, current, &key, &package).await?;
                Ok::<_, Failure>((key, view))
            }
        });
        let views: Vec<_> = futures_util::stream::iter(views).buffer_unordered(APART_AT_ONCE).try_collect().await?;
        judging.apart.extend(views);
        Ok(())
    }

    /// What the pages of these parts leave out, as far as they have been made.
    pub(super) async fn left_out(
        self: &Arc<Self>,
        call: &mut Call<'_>,
        parts: &[String],
        form: &Form,
    ) -> Result<Response, Failure> {
        let absent = || Failure::NotFound(format!("there is no `{}` here", form.kind));
        let catalogue = call.ecosystem.registry.catalogue().ok_or_else(absent)?;
        let mut rules: HashMap<String, u64> = HashMap::new();
        let mut examples = Vec::new();
        let mut seen = Vec::new();
        let mut at = None;
        for part in parts {
            let name = call.day.map_or_else(|| part.clone(), |day| format!("{part}@{day}"));
            let key = (call.stages.clone(), call.ecosystem.id, name);
            let Some(whole) = self.wholes.get(&key) else { continue };
            seen.push(part.as_str());
            at = at.max(Some(whole.made_at));
            examples.extend(whole.told.examples.iter().cloned());
            for (rule, count) in &whole.told.rules {
                *rules.entry(rule.clone()).or_default() += count;
            }
        }
        let mut rules: Vec<_> = rules.into_iter().collect();
        rules.sort_by(|(a, m), (b, n)| n.cmp(m).then_with(|| a.cmp(b)));
        let at = at.unwrap_or_else(|| self.clock.now()).to_string();
        let told = LeftOut { parts: &seen, rules: &rules, examples: &examples, at: &at };
        let body = catalogue.told(form.kind, &told).ok_or_else(absent)?;
        let content_type = String::from("application/json");
        Ok(respond::reply(Reply { status: 200, content_type, headers: Vec::new(), body }))
    }
}

/// Judges on threads that may block. Gives back what it was judged by.
async fn judged(
    judging: Arc<Judging>,
    catalogue: &'static dyn Catalogue,
    file: &Arc<std::fs::File>,
) -> Result<(Judging, page::Verdicts), Failure> {
    let file = Arc::clone(file);
    let judge = move || {
        let verdicts = judging.judge(catalogue, &file)?;
        let judging = Arc::into_inner(judging).ok_or_else(|| io::Error::other("judging goes on elsewhere"))?;
        Ok::<_, io::Error>((judging, verdicts))
    };
    tokio::task::spawn_blocking(judge).await.map_err(Failure::internal)?.map_err(Failure::internal)
}

/// What a page was made from, to be recorded.
fn state((stages, ecosystem, part): &Key, judging: &Judging, verdicts: &page::Verdicts) -> IndexState {
    let mut hidden: Vec<String> = verdicts.touched.iter().map(|(key, digest)| format!("{key} {digest}")).collect();
    let instead = |it: &Instead| format!("{} {} {}", it.key, it.version, it.shown.as_deref().unwrap_or("-"));
    hidden.extend(verdicts.instead.iter().map(instead));
    // What is on the page from elsewhere changes it, too.
    let shown = |(key, pieces): &(String, Vec<Vec<u8>>)| format!("{key} + {}", Digest::of(&pieces.concat()));
    hidden.extend(verdicts.added.iter().map(shown));
    hidden.sort_unstable();
    let hidden = Digest::of(hidden.join("\n").as_bytes());
    let (document, policy, advisories) =
        (judging.catalogued.digest, judging.policy.digest(), judging.advisories.digest());
    let waivers = judging.policy.waivers_digest();
    let parts = [document, policy, advisories, waivers, hidden].map(|digest| digest.to_string()).join("\n");
    IndexState {
        digest: Digest::of(format!("{stages}\n{ecosystem}\n{part}\n{parts}").as_bytes()),
        stage: stages.to_string(),
        ecosystem: (*ecosystem).to_owned(),
        package: part.clone(),
        document,
        policy,
        advisories,
        waivers,
        hidden,
        at: judging.now,
    }
}

/// The page's bytes on their way.
async fn body(whole: &Arc<Whole>, packing: Packing, coding: Coding) -> Result<Body, Failure> {
    let spool = match packing {
        Packing::Gzip => whole.gzip.get().ok_or_else(|| Failure::Internal(String::from("a page was not packed")))?,
        Packing::Plain | Packing::Zstd => &whole.written.spool,
    };
    let file = spool.reader().map_err(Failure::internal)?;
    if packing != Packing::Plain || coding == Coding::Zstd {
        return Ok(Body::from_stream(ReaderStream::with_capacity(tokio::fs::File::from_std(file), CHUNK)));
    }
    let (send, receive) = tokio::sync::mpsc::channel::<io::Result<Bytes>>(4);
    tokio::task::spawn_blocking(move || {
        let unpack = || -> io::Result<()> {
            let mut decoder = zstd::Decoder::new(file)?;
            loop {
                let mut chunk = Vec::with_capacity(CHUNK);
                if decoder.by_ref().take(CHUNK as u64).read_to_end(&mut chunk)? == 0 {
                    return Ok(());
                }
                if send.blocking_send(Ok(Bytes::from(chunk))).is_err() {
                    // Nobody reads any more.
                    return Ok(());
                }
            }
        };
        if let Err(error) = unpack() {
            // If nobody hears it, nobody reads any more.
            drop(send.blocking_send(Err(error)));
        }
    });
    let next = |mut receive: tokio::sync::mpsc::Receiver<io::Result<Bytes>>| async move {
        let chunk = receive.recv().await?;
        Some((chunk, receive))
    };
    Ok(Body::from_stream(futures_util::stream::unfold(receive, next)))
}

/// Bytes that are sent at a time.
const CHUNK: usize = 128 * 1024;

fn gzip(page: &Spool, mut spool: Spool) -> io::Result<Spool> {
    let mut decoder = zstd::Decoder::new(page.reader().map_err(io::Error::other)?)?;
    let mut encoder = flate2::write::GzEncoder::new(Vec::with_capacity(CHUNK), flate2::Compression::new(4));
    let mut chunk = vec![0; CHUNK];
    loop {
        let read = decoder.read(&mut chunk)?;
        if read == 0 {
            break;
        }
        encoder.write_all(chunk.get(..read).unwrap_or_default())?;
        spool.write(encoder.get_ref()).map_err(io::Error::other)?;
        encoder.get_mut().clear();
    }
    spool.write(&encoder.finish()?).map_err(io::Error::other)?;
    Ok(spool)
}
