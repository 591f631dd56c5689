//! Shards of a catalogue, and the list that names them.

use std::sync::Arc;

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use http::{HeaderValue, StatusCode, header};
use weir_core::Digest;
use weir_core::catalogue::Catalogue;
use weir_core::registry::Document;

use super::catalogue::{Key, Wanting};
use super::{Call, Failure, Gateway};
use crate::catalogues::sharded::{self, Making, Sharded};
use crate::documents::DocumentError;
use crate::phases::Phase;
use crate::respond;

/// Largest list of shards after decompression, in bytes.
pub const MAX_LIST: usize = 64 * 1024 * 1024;
/// Largest shard as a file, in bytes.
pub const MAX_SHARD: u64 = 16 * 1024 * 1024;

/// The shards of a page, and what they were made from.
pub(super) struct Kept {
    state: Digest,
    list: Digest,
    sharded: Sharded,
}

/// For whom shards are made: they are told to nobody else.
fn scope((stages, ecosystem, part): &Key) -> String {
    format!("{stages}/{ecosystem}/{part}")
}

impl Gateway {
    /// The list of a part's shards.
    pub(super) async fn shards(self: &Arc<Self>, call: &mut Call<'_>, part: &str) -> Result<Response, Failure> {
        let kept = self.sharded(call, part).await?;
        let list = kept.sharded.list.clone();
        let tag = Digest::of(&list).short();
        if respond::has_tag(call.headers, &tag) {
            return Ok(respond::whole(StatusCode::NOT_MODIFIED, &format!("\"{tag}\""), Body::empty()));
        }
        Ok(file(call, &format!("\"{tag}\""), list))
    }

    /// One shard. Which files it lists decides nothing: each is decided when it is asked for.
    pub(super) async fn shard(
        self: &Arc<Self>,
        call: &mut Call<'_>,
        part: &str,
        digest: Digest,
    ) -> Result<Response, Failure> {
        part.clone_into(&mut call.record.package);
        let etag = format!("\"{digest}\"");
        let key = (call.stages.clone(), call.ecosystem.id, part.to_owned());
        if let Some(bytes) = self.made_shard(&key, digest).await? {
            return Ok(file(call, &etag, bytes));
        }
        let kept = self.sharded(call, part).await?;
        if let Some(bytes) = self.made_shard(&key, digest).await? {
            return Ok(file(call, &etag, bytes));
        }
        let absent = || Failure::NotFound(String::from("no list of shards names this one"));
        let url = kept.sharded.upstream.get(&digest).ok_or_else(absent)?;
        let (_, member) = self.member_of(call.ecosystem, part)?;
        let shard = self.documents.immutable(&member, url, Some(digest), MAX_SHARD, self.settings.online);
        let bytes = call.phases.time(Phase::Upstream, shard).await?;
        Ok(file(call, &etag, bytes))
    }

    async fn made_shard(&self, key: &Key, digest: Digest) -> Result<Option<Bytes>, Failure> {
        let (shards, scope) = (self.made_shards.clone(), scope(key));
        let get = tokio::task::spawn_blocking(move || shards.get(&scope, &digest)).await;
        get.map_err(Failure::internal)?.map_err(Failure::internal)
    }

    /// Removes shards that no list has named for long; says how many.
    pub(super) async fn tend_shards(&self) -> Result<usize, Failure> {
        let (shards, now) = (self.made_shards.clone(), self.clock.now());
        let tended = tokio::task::spawn_blocking(move || shards.tend(now)).await;
        tended.map_err(Failure::internal)?.map_err(Failure::internal)
    }

    /// The shards of a part as these stages see it, made now if what is kept does not hold.
    async fn sharded(self: &Arc<Self>, call: &mut Call<'_>, part: &str) -> Result<Arc<Kept>, Failure> {
        part.clone_into(&mut call.record.package);
        let absent = || Failure::NotFound(String::from("this catalogue is not offered in shards"));
        let (catalogue, member) = self.member_of(call.ecosystem, part)?;
        let shards = Catalogue::shards(catalogue).ok_or_else(absent)?;
        let wanted = shards.list(part).ok_or_else(absent)?;
        // Upstream first: where it has no shards, nothing is judged for them.
        let list = match self.settings.online {
            true => call.phases.time(Phase::Upstream, self.documents.current(&member, &wanted)).await?,
            false => self.documents.kept(&member, &wanted).await?,
        };
        let (_, current) = call.phases.time(Phase::Upstream, self.catalogued(call.ecosystem, part)).await?;
        call.stale = current.stale.clone().or_else(|| list.stale.clone());
        let wanting = Wanting { ecosystem: call.ecosystem, stages: &call.stages, base: &call.base };
        let whole = call.phases.time(Phase::Render, self.whole_of(&wanting, catalogue, &current)).await?;
        call.record.index_state = Some(whole.state);
        let key = (call.stages.clone(), call.ecosystem.id, part.to_owned());
        if let Some(kept) = self.sharded.get(&key)
            && kept.state == whole.state
            && kept.list == list.digest
        {
            return Ok(kept);
        }
        let body = self.documents.body(&list).await?;
        let file = self.catalogues.file(&current).await?;
        let (url, made_from) = (list.url.clone(), Arc::clone(&whole));
        let (made_shards, scope, now) = (self.made_shards.clone(), scope(&key), self.clock.now());
        let make = move || {
            let body = zstd::bulk::decompress(&body, MAX_LIST)
                .map_err(|error| DocumentError::Unreadable(format!("{url} is no zstd file: {error}")))?;
            let document = Document { url: &url, content_type: "", body: &body };
            let theirs = shards.read(&document)?;
            let making = Making { table: &current.table, hidden: &made_from.hidden, touched: &made_from.touched };
            let keep = |digest, bytes: &[u8]| made_shards.named(&scope, [(digest, bytes)], now);
            sharded::make(shards, &making, &document, theirs, &file, keep).map_err(DocumentError::storage)
        };
        let sharded = call.phases.time(Phase::Render, tokio::task::spawn_blocking(make)).await;
        let sharded = sharded.map_err(Failure::internal)??;
        let weight = sharded.list.len() + sharded.upstream.len() * 200;
        let kept = Arc::new(Kept { state: whole.state, list: list.digest, sharded });
        self.sharded.insert(key, Arc::clone(&kept), weight);
        Ok(kept)
    }
}

fn file(call: &Call<'_>, etag: &str, bytes: Bytes) -> Response {
    let length = bytes.len();
    let body = if call.head { Body::empty() } else { Body::from(bytes) };
    let mut response = respond::whole(StatusCode::OK, etag, body);
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    response.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    response
}
