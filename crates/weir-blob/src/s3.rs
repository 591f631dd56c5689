//! Blobs as objects of an S3 bucket.

use std::fmt;
use std::fs::File;
use std::io::{self, Read as _};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::BoxStream;
use futures_util::{StreamExt as _, TryStreamExt as _};
use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::path::Path as Key;
use object_store::{
    BackoffConfig, ClientOptions, Error, GetOptions, GetRange, MultipartUpload, ObjectStore, ObjectStoreExt as _,
    PutPayload, RetryConfig,
};
use weir_core::Digest;

use crate::blobs::{CHUNK_BYTES, MAX_GET_BYTES};
use crate::error::BlobError;
use crate::spool::{Spool, blocking};

/// Larger blobs are sent in parts of this size: what is held in memory, and what one retry repeats. S3 takes 10,000
/// parts of at least 5 MiB.
const PART_BYTES: u64 = 8 * 1024 * 1024;

/// Longest time to connect.
const CONNECT: Duration = Duration::from_secs(5);

/// Longest time without an answer, which includes sending a part.
const STALL: Duration = Duration::from_secs(60);

/// Most tries after the first, and for how long.
const RETRIES: (usize, Duration) = (3, Duration::from_secs(30));

/// Where blobs are in S3.
#[derive(Clone, Default)]
pub struct S3Config {
    /// Address of the server, for servers other than Amazon's: `https://s3.example`.
    pub endpoint: Option<String>,
    /// The bucket. It must exist.
    pub bucket: String,
    /// What all keys begin with, such as `weir/`; may be empty.
    pub prefix: String,
    /// The region; `us-east-1` if there is none to speak of.
    pub region: Option<String>,
    /// The access key's id. Without it the `AWS_…` variables and the machine's own role are used.
    pub key: Option<String>,
    /// The secret access key.
    pub secret: Option<String>,
    /// The server may be spoken to without encryption.
    pub allow_http: bool,
}

impl fmt::Debug for S3Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("S3Config")
            .field("endpoint", &self.endpoint)
            .field("bucket", &self.bucket)
            .field("prefix", &self.prefix)
            .field("region", &self.region)
            .field("key", &self.key)
            .field("secret", &self.secret.as_ref().map(|_| "****"))
            .field("allow_http", &self.allow_http)
            .finish()
    }
}

/// A bucket of blobs and a local directory for what is on its way.
pub(crate) struct S3 {
    store: AmazonS3,
    endpoint: Option<String>,
    bucket: String,
    prefix: Key,
    tmp: PathBuf,
}

impl S3 {
    pub(crate) fn open(config: &S3Config, spool_directory: &Path) -> Result<Self, BlobError> {
        let invalid = |problem: String| BlobError::Config { problem };
        if config.bucket.is_empty() {
            return Err(invalid(String::from("`bucket` is empty")));
        }
        if config.key.is_some() != config.secret.is_some() {
            return Err(invalid(String::from("of `key` and `secret` one is missing")));
        }
        let mut builder = match config.key {
            Some(_) => AmazonS3Builder::new(),
            None => AmazonS3Builder::from_env(),
        };
        if let (Some(key), Some(secret)) = (&config.key, &config.secret) {
            builder = builder.with_access_key_id(key).with_secret_access_key(secret);
        }
        if let Some(endpoint) = &config.endpoint {
            if endpoint.starts_with("http://") && !config.allow_http {
                return Err(invalid(format!(
                    "`endpoint = \"{endpoint}\"` is not https; set `allow-http` to permit that"
                )));
            }
            builder = builder.with_endpoint(endpoint.trim_end_matches('/'));
        }
        if let Some(region) = &config.region {
            builder = builder.with_region(region);
        }
        let client = ClientOptions::new()
            .with_allow_http(config.allow_http)
            .with_connect_timeout(CONNECT)
            .with_read_timeout(STALL)
            // A large blob takes as long as it takes, as long as bytes keep coming.
            .with_timeout_disabled();
        let retry = RetryConfig { backoff: BackoffConfig::default(), max_retries: RETRIES.0, retry_timeout: RETRIES.1 };
        let store = builder
            .with_bucket_name(&config.bucket)
            .with_allow_http(config.allow_http)
            .with_client_options(client)
            .with_retry(retry)
            .build()
            .map_err(|error| invalid(error.to_string()))?;
        let prefix = Key::parse(config.prefix.trim_matches('/'))
            .map_err(|error| invalid(format!("`prefix = \"{}\"`: {error}", config.prefix)))?;
        let tmp = spool_directory.join("tmp");
        std::fs::create_dir_all(&tmp).map_err(|error| BlobError::io(&tmp, "made", &error))?;
        Ok(Self { store, endpoint: config.endpoint.clone(), bucket: config.bucket.clone(), prefix, tmp })
    }

    pub(crate) fn tmp(&self) -> &Path {
        &self.tmp
    }

    fn root(&self) -> Key {
        self.prefix.clone().join("blob").join("sha256")
    }

    pub(crate) fn key(&self, digest: &Digest) -> Key {
        let hex = digest.to_string();
        self.root().join(&hex[..2]).join(&hex[2..4]).join(hex.as_str())
    }

    pub(crate) fn place(&self, key: &Key) -> String {
        match &self.endpoint {
            Some(endpoint) => format!("s3://{}/{key} at {endpoint}", self.bucket),
            None => format!("s3://{}/{key}", self.bucket),
        }
    }

    pub(crate) async fn put(&self, bytes: Bytes) -> Result<Digest, BlobError> {
        let (bytes, digest) = blocking(&self.tmp, move |_| {
            let digest = Digest::of(&bytes);
            Ok((bytes, digest))
        })
        .await?;
        if !self.is_there(&digest, bytes.len() as u64).await? {
            self.write(&self.key(&digest), bytes).await?;
        }
        Ok(digest)
    }

    pub(crate) async fn adopt(&self, spool: Spool, digest: &Digest) -> Result<(), BlobError> {
        if self.is_there(digest, spool.length()).await? {
            return Ok(());
        }
        let key = self.key(digest);
        let file = Arc::new(spool.reader()?);
        if spool.length() <= PART_BYTES {
            let bytes = part(&file, spool.path()).await?;
            return self.write(&key, bytes).await;
        }
        let failed = |error: Error| BlobError::remote(self.place(&key), "written", &error);
        let mut upload = self.store.put_multipart(&key).await.map_err(failed)?;
        let sent = send(&mut *upload, &file, &spool, failed).await;
        if sent.is_err() {
            // Parts that are not aborted are kept, and paid for.
            if let Err(error) = upload.abort().await {
                tracing::warn!(key = %key, error = %error, "an upload in parts could not be aborted");
            }
        }
        sent
    }

    async fn write(&self, key: &Key, bytes: Bytes) -> Result<(), BlobError> {
        match self.store.put(key, PutPayload::from_bytes(bytes)).await {
            Ok(_) => Ok(()),
            Err(error) => Err(BlobError::remote(self.place(key), "written", &error)),
        }
    }

    async fn is_there(&self, digest: &Digest, length: u64) -> Result<bool, BlobError> {
        match self.size(digest).await? {
            None => Ok(false),
            Some(found) if found != length => Err(BlobError::Damaged {
                digest: *digest,
                place: self.place(&self.key(digest)),
                problem: format!("it has {found} bytes instead of {length}"),
            }),
            Some(_) => Ok(true),
        }
    }

    pub(crate) async fn get(&self, digest: &Digest) -> Result<Option<Bytes>, BlobError> {
        let key = self.key(digest);
        let found = match self.store.get(&key).await {
            Err(Error::NotFound { .. }) => return Ok(None),
            found => found.map_err(|error| BlobError::remote(self.place(&key), "read", &error))?,
        };
        let size = found.meta.size;
        if size > MAX_GET_BYTES {
            return Err(BlobError::TooLarge { digest: *digest, size, limit: MAX_GET_BYTES });
        }
        let bytes = found.bytes().await.map_err(|error| BlobError::remote(self.place(&key), "read", &error))?;
        Ok(Some(bytes))
    }

    pub(crate) async fn size(&self, digest: &Digest) -> Result<Option<u64>, BlobError> {
        let key = self.key(digest);
        match self.store.head(&key).await {
            Ok(meta) => Ok(Some(meta.size)),
            Err(Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(BlobError::remote(self.place(&key), "read", &error)),
        }
    }

    pub(crate) async fn stream(
        &self,
        digest: &Digest,
        range: Range<u64>,
    ) -> Result<Option<BoxStream<'static, io::Result<Bytes>>>, BlobError> {
        // S3 has no empty ranges, and answers one that ends too late with what there is.
        let Some(size) = self.size(digest).await? else { return Ok(None) };
        if range.start == range.end && range.end <= size {
            return Ok(Some(futures_util::stream::empty().boxed()));
        }
        self.stream_of(digest, size, range).await
    }

    /// One request where the size is known before; `None` if it is another.
    pub(crate) async fn stream_of(
        &self,
        digest: &Digest,
        size: u64,
        range: Range<u64>,
    ) -> Result<Option<BoxStream<'static, io::Result<Bytes>>>, BlobError> {
        let outside = |size| BlobError::Range { digest: *digest, start: range.start, end: range.end, size };
        let key = self.key(digest);
        if range.start > range.end || range.end > size {
            return Err(outside(size));
        }
        if range.is_empty() {
            return Ok((self.size(digest).await? == Some(size)).then(|| futures_util::stream::empty().boxed()));
        }
        let options = GetOptions { range: Some(GetRange::Bounded(range.clone())), ..GetOptions::default() };
        let found = match self.store.get_opts(&key, options).await {
            Err(Error::NotFound { .. }) => return Ok(None),
            // One that is shorter than expected may have none of the range.
            Err(_) if self.size(digest).await.is_ok_and(|found| found != Some(size)) => return Ok(None),
            found => found.map_err(|error| BlobError::remote(self.place(&key), "read", &error))?,
        };
        if found.meta.size != size {
            return Ok(None);
        }
        if found.range != range {
            return Err(outside(found.meta.size));
        }
        let chunks = found.into_stream().map_err(io::Error::from);
        Ok(Some(chunks.map_ok(|chunk| futures_util::stream::iter(pieces(chunk).map(Ok))).try_flatten().boxed()))
    }

    pub(crate) async fn delete(&self, digest: &Digest) -> Result<(), BlobError> {
        let key = self.key(digest);
        match self.store.delete(&key).await {
            Ok(()) | Err(Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(BlobError::remote(self.place(&key), "removed", &error)),
        }
    }

    pub(crate) fn list(&self) -> BoxStream<'static, Result<(Digest, u64), BlobError>> {
        let root = self.root();
        let place = self.place(&root);
        self.store
            .list(Some(&root))
            .filter_map(move |entry| {
                let outcome = match entry {
                    Ok(meta) => match meta.location.filename().unwrap_or_default().parse::<Digest>() {
                        Ok(digest) => Some(Ok((digest, meta.size))),
                        Err(_) => {
                            tracing::warn!(key = %meta.location, "an object that is not a blob is among the blobs");
                            None
                        }
                    },
                    Err(error) => Some(Err(BlobError::remote(place.clone(), "listed", &error))),
                };
                async move { outcome }
            })
            .boxed()
    }

    pub(crate) async fn check(&self) -> Result<(), BlobError> {
        self.size(&Digest::of(b"")).await.map(drop)
    }
}

async fn send(
    upload: &mut dyn MultipartUpload,
    file: &Arc<File>,
    spool: &Spool,
    failed: impl Fn(Error) -> BlobError,
) -> Result<(), BlobError> {
    let mut left = spool.length();
    while left > 0 {
        let bytes = part(file, spool.path()).await?;
        left = left.saturating_sub(bytes.len() as u64);
        if bytes.is_empty() {
            break;
        }
        upload.put_part(PutPayload::from_bytes(bytes)).await.map_err(&failed)?;
    }
    upload.complete().await.map(drop).map_err(&failed)
}

/// The next part of a file.
async fn part(file: &Arc<File>, path: &Path) -> Result<Bytes, BlobError> {
    let file = Arc::clone(file);
    blocking(path, move |path| {
        let mut bytes = Vec::new();
        let read = (&*file).take(PART_BYTES).read_to_end(&mut bytes);
        read.map_err(|error| BlobError::io(path, "read", &error))?;
        Ok(Bytes::from(bytes))
    })
    .await
}

fn pieces(chunk: Bytes) -> impl Iterator<Item = Bytes> {
    let length = chunk.len();
    (0..length).step_by(CHUNK_BYTES).map(move |at| chunk.slice(at..(at + CHUNK_BYTES).min(length)))
}
