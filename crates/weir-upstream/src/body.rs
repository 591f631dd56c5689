//! How bytes are received within limits.

use std::fmt;
use std::io::Write as _;
use std::time::Duration;

use bytes::Bytes;
use flate2::write::MultiGzDecoder;
use futures_util::Stream;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Instant;

use crate::error::{Phase, UpstreamError};

/// Capacity that is set aside for a body before its bytes come, whatever its `Content-Length` claims.
const MAX_TRUSTED_CAPACITY: u64 = 1024 * 1024;

/// The body of an answer as it comes: counted, timed, and checked against `Content-Length`.
pub(crate) struct Body {
    pub(crate) response: reqwest::Response,
    pub(crate) url: String,
    pub(crate) limit: u64,
    pub(crate) stall: Duration,
    pub(crate) total: Duration,
    pub(crate) deadline: Instant,
    pub(crate) expected: Option<u64>,
    pub(crate) got: u64,
    pub(crate) ended: bool,
    /// The place among the requests at once, given back when the body is done with.
    pub(crate) _permit: OwnedSemaphorePermit,
}

impl Body {
    pub(crate) async fn chunk(&mut self) -> Result<Option<Bytes>, UpstreamError> {
        if self.ended {
            return Ok(None);
        }
        let outcome = self.next().await;
        // After an error or the end there is nothing more: a caller that asks again gets no second error.
        self.ended = !matches!(outcome, Ok(Some(_)));
        outcome
    }

    async fn next(&mut self) -> Result<Option<Bytes>, UpstreamError> {
        if self.expected.is_some_and(|expected| expected > self.limit) {
            return Err(self.too_large());
        }
        let stalled = Instant::now() + self.stall;
        let (until, phase, after) = if stalled < self.deadline {
            (stalled, Phase::Stall, self.stall)
        } else {
            (self.deadline, Phase::Total, self.total)
        };
        let received = tokio::time::timeout_at(until, self.response.chunk())
            .await
            .map_err(|_| UpstreamError::Timeout { url: self.url.clone(), phase, after })?;
        match received {
            Ok(Some(chunk)) => {
                self.got += chunk.len() as u64;
                if self.got > self.limit {
                    return Err(self.too_large());
                }
                Ok(Some(chunk))
            }
            Ok(None) if self.expected.is_some_and(|expected| expected != self.got) => Err(self.truncated()),
            Ok(None) => Ok(None),
            Err(error) => {
                tracing::debug!(url = self.url, error = %crate::connection::cause(&error), "the answer broke off");
                Err(self.truncated())
            }
        }
    }

    /// All of the body, decoded if it is gzip. What a small body unpacks to is bounded while it is unpacked.
    pub(crate) async fn read(mut self, gzip: bool) -> Result<Bytes, UpstreamError> {
        let capacity = self.expected.unwrap_or(0).min(MAX_TRUSTED_CAPACITY) as usize;
        let plain = Bounded { bytes: Vec::with_capacity(capacity), limit: self.limit, exceeded: false };
        if !gzip {
            let mut plain = plain;
            while let Some(chunk) = self.chunk().await? {
                plain.bytes.extend_from_slice(&chunk);
            }
            return Ok(Bytes::from(plain.bytes));
        }
        let mut decoder = MultiGzDecoder::new(plain);
        while let Some(chunk) = self.chunk().await? {
            if let Err(error) = decoder.write_all(&chunk) {
                return Err(self.undecodable(decoder.get_ref().exceeded, &error));
            }
        }
        if let Err(error) = decoder.try_finish() {
            return Err(self.undecodable(decoder.get_ref().exceeded, &error));
        }
        Ok(Bytes::from(std::mem::take(&mut decoder.get_mut().bytes)))
    }

    fn undecodable(&self, exceeded: bool, error: &std::io::Error) -> UpstreamError {
        if exceeded {
            return self.too_large();
        }
        UpstreamError::InvalidAnswer { url: self.url.clone(), problem: format!("its gzip coding is broken: {error}") }
    }

    fn too_large(&self) -> UpstreamError {
        UpstreamError::TooLarge { url: self.url.clone(), limit: self.limit }
    }

    fn truncated(&self) -> UpstreamError {
        UpstreamError::Truncated { url: self.url.clone(), expected: self.expected, got: self.got }
    }
}

/// A buffer that refuses to grow past its limit.
struct Bounded {
    bytes: Vec<u8>,
    limit: u64,
    exceeded: bool,
}

impl std::io::Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        if (self.bytes.len() + bytes.len()) as u64 > self.limit {
            self.exceeded = true;
            return Err(std::io::Error::other("past the limit"));
        }
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// An artifact on its way: the bytes as upstream stores them, without any coding. Read it with [`Download::chunk`] or
/// as a stream; an error ends it. Dropping it ends the request.
pub struct Download {
    /// The address it comes from, after redirects; redacted.
    pub url: String,
    /// Number of bytes, where upstream says it.
    pub length: Option<u64>,
    /// Its media type with parameters, as sent; empty if none was.
    pub content_type: String,
    /// `ETag`, as sent.
    pub etag: Option<String>,
    /// `Last-Modified`, as sent.
    pub last_modified: Option<String>,
    pub(crate) body: Body,
}

impl Download {
    /// The next bytes; `None` at the end, once all that were announced have come.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, UpstreamError> {
        self.body.chunk().await
    }

    /// The bytes as a stream.
    pub fn into_stream(self) -> impl Stream<Item = Result<Bytes, UpstreamError>> + Send {
        futures_util::stream::try_unfold(self, |mut download| async move {
            Ok(download.chunk().await?.map(|chunk| (chunk, download)))
        })
    }

    /// All of the bytes, if they are at most `limit`: for metadata and attestations, which are small.
    pub async fn bytes(mut self, limit: u64) -> Result<Bytes, UpstreamError> {
        self.body.limit = self.body.limit.min(limit);
        self.body.read(false).await
    }
}

impl fmt::Debug for Download {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Download").field("url", &self.url).field("length", &self.length).finish_non_exhaustive()
    }
}
