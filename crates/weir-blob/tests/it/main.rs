//! One suite for files and for S3, and what only files can show.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod files;

use std::ops::Range;
use std::path::PathBuf;

use bytes::Bytes;
use futures_util::StreamExt as _;
use tempfile::TempDir;
use weir_blob::blobs::CHUNK_BYTES;
use weir_blob::{BlobError, Blobs, MAX_GET_BYTES, S3Config};
use weir_core::Digest;
use weir_testing::artifact::noise;
use weir_testing::s3::S3Server;

macro_rules! suite {
    ($($test:ident)*) => {
        mod local {
            $(#[tokio::test]
            async fn $test() {
                let home = tempfile::tempdir().unwrap();
                super::$test(&super::Blobs::local(home.path()).unwrap()).await;
            })*
        }

        mod s3 {
            $(#[tokio::test]
            async fn $test() {
                let (server, home) = (super::S3Server::start().await, tempfile::tempdir().unwrap());
                super::$test(&super::s3_blobs(&server, &home, server.secret())).await;
            })*
        }
    };
}

suite! {
    what_is_put_is_there
    putting_twice_is_putting_once
    what_is_absent_is_none
    a_range_is_exactly_the_bytes_asked_for
    a_range_outside_the_blob_is_an_error
    a_large_blob_comes_in_bounded_chunks
    a_spool_becomes_a_blob
    a_spool_of_several_parts_becomes_a_blob
    a_spool_that_is_not_as_long_as_was_said_is_refused
    a_dropped_spool_leaves_nothing
    many_puts_of_the_same_bytes_at_once_are_one_blob
    deleting_can_be_repeated
    several_are_deleted_at_once
    a_blob_that_is_deleted_while_it_is_read_is_read_to_its_end
    every_blob_is_listed
    a_store_that_works_says_so
}

fn s3_blobs(server: &S3Server, home: &TempDir, secret: &str) -> Blobs {
    let config = S3Config {
        endpoint: Some(server.url()),
        bucket: server.bucket().to_owned(),
        prefix: String::from("some/prefix/"),
        region: Some(String::from("us-east-1")),
        key: Some(server.key().to_owned()),
        secret: Some(secret.to_owned()),
        allow_http: true,
    };
    Blobs::s3(&config, home.path()).unwrap()
}

/// Where an in-process server has an object.
fn object(server: &S3Server, digest: &Digest) -> PathBuf {
    let hex = digest.to_string();
    server.directory().join(format!("some/prefix/blob/sha256/{}/{}/{hex}", &hex[..2], &hex[2..4]))
}

async fn read(blobs: &Blobs, digest: &Digest, range: Range<u64>) -> Vec<u8> {
    let mut stream = blobs.stream(digest, range).await.unwrap().unwrap();
    let mut bytes = Vec::new();
    while let Some(chunk) = stream.next().await {
        let chunk = chunk.unwrap();
        assert!(!chunk.is_empty() && chunk.len() <= CHUNK_BYTES, "a chunk of {} bytes", chunk.len());
        bytes.extend_from_slice(&chunk);
    }
    bytes
}

async fn spooled(blobs: &Blobs, bytes: &[u8]) -> Digest {
    let mut spool = blobs.spool().unwrap();
    for (index, part) in bytes.chunks(100_000).enumerate() {
        match index % 2 {
            0 => spool.write(part).unwrap(),
            _ => spool.append(Bytes::copy_from_slice(part)).await.unwrap(),
        }
    }
    let digest = Digest::of(bytes);
    blobs.adopt(spool, &digest, bytes.len() as u64).await.unwrap();
    digest
}

async fn what_is_put_is_there(blobs: &Blobs) {
    for bytes in [&b"weir"[..], b"", &noise(300_000)] {
        let digest = blobs.put(Bytes::copy_from_slice(bytes)).await.unwrap();
        assert_eq!(digest, Digest::of(bytes));
        assert_eq!(blobs.get(&digest).await.unwrap().unwrap(), bytes);
        assert_eq!(blobs.size(&digest).await.unwrap(), Some(bytes.len() as u64));
        assert_eq!(read(blobs, &digest, 0..bytes.len() as u64).await, bytes);
    }
}

async fn putting_twice_is_putting_once(blobs: &Blobs) {
    let first = blobs.put(Bytes::from_static(b"weir")).await.unwrap();
    let second = blobs.put(Bytes::from_static(b"weir")).await.unwrap();
    assert_eq!(first, second);
    assert_eq!(spooled(blobs, b"weir").await, first);
    assert_eq!(blobs.list().collect::<Vec<_>>().await, [Ok((first, 4))]);
}

async fn what_is_absent_is_none(blobs: &Blobs) {
    let absent = Digest::of(b"absent");
    assert_eq!(blobs.get(&absent).await, Ok(None));
    assert_eq!(blobs.size(&absent).await, Ok(None));
    assert!(blobs.stream(&absent, 0..1).await.unwrap().is_none());
    assert!(blobs.list().collect::<Vec<_>>().await.is_empty());
}

async fn a_range_is_exactly_the_bytes_asked_for(blobs: &Blobs) {
    let bytes = noise(1000);
    let digest = blobs.put(Bytes::from(bytes.clone())).await.unwrap();
    for range in [0..1, 1..2, 0..1000, 999..1000, 500..700, 0..0, 1000..1000] {
        let expected = &bytes[range.start as usize..range.end as usize];
        assert_eq!(read(blobs, &digest, range).await, expected);
    }
}

async fn a_range_outside_the_blob_is_an_error(blobs: &Blobs) {
    let digest = blobs.put(Bytes::from_static(b"weir")).await.unwrap();
    #[expect(clippy::reversed_empty_ranges, reason = "that is the point")]
    for range in [0..5, 5..6, 4..5, 3..2] {
        let (start, end) = (range.start, range.end);
        let error = blobs.stream(&digest, range).await.unwrap_err();
        assert_eq!(error, BlobError::Range { digest, start, end, size: 4 });
    }
}

async fn a_large_blob_comes_in_bounded_chunks(blobs: &Blobs) {
    let bytes = noise(3 * CHUNK_BYTES + 1);
    let digest = blobs.put(Bytes::from(bytes.clone())).await.unwrap();
    assert_eq!(read(blobs, &digest, 0..bytes.len() as u64).await, bytes);
    assert_eq!(read(blobs, &digest, 1..bytes.len() as u64 - 1).await, bytes[1..bytes.len() - 1]);
}

async fn a_spool_becomes_a_blob(blobs: &Blobs) {
    let bytes = noise(250_000);
    let digest = spooled(blobs, &bytes).await;
    assert_eq!(blobs.get(&digest).await.unwrap().unwrap(), bytes);
}

async fn a_spool_of_several_parts_becomes_a_blob(blobs: &Blobs) {
    let bytes = noise(17 * 1024 * 1024 + 3);
    let digest = spooled(blobs, &bytes).await;
    assert_eq!(blobs.size(&digest).await.unwrap(), Some(bytes.len() as u64));
    let end = bytes.len() as u64;
    assert_eq!(read(blobs, &digest, end - 9_000_000..end).await, bytes[bytes.len() - 9_000_000..]);
}

async fn a_spool_that_is_not_as_long_as_was_said_is_refused(blobs: &Blobs) {
    let mut spool = blobs.spool().unwrap();
    spool.write(b"wei").unwrap();
    let digest = Digest::of(b"weir");
    let error = blobs.adopt(spool, &digest, 4).await.unwrap_err();
    assert_eq!(error, BlobError::Length { digest, expected: 4, found: 3 });
    assert_eq!(blobs.size(&digest).await, Ok(None));
}

async fn a_dropped_spool_leaves_nothing(blobs: &Blobs) {
    let mut spool = blobs.spool().unwrap();
    spool.write(b"weir").unwrap();
    let path = spool.path().to_owned();
    assert_eq!(std::fs::read(&path).unwrap(), b"weir");
    drop(spool);
    assert!(!path.exists());
    assert_eq!(blobs.clear_spool(), Ok(0));
    // What a stopped process leaves behind has nobody to drop it.
    let left = blobs.spool().unwrap();
    let path = left.path().to_owned();
    std::mem::forget(left);
    assert_eq!(blobs.clear_spool(), Ok(1));
    assert!(!path.exists());
}

async fn many_puts_of_the_same_bytes_at_once_are_one_blob(blobs: &Blobs) {
    let bytes = Bytes::from(noise(200_000));
    let puts = (0..16).map(|_| {
        let (blobs, bytes) = (blobs.clone(), bytes.clone());
        tokio::spawn(async move { blobs.put(bytes).await })
    });
    for put in puts.collect::<Vec<_>>() {
        assert_eq!(put.await.unwrap(), Ok(Digest::of(&bytes)));
    }
    assert_eq!(blobs.list().collect::<Vec<_>>().await, [Ok((Digest::of(&bytes), 200_000))]);
}

async fn deleting_can_be_repeated(blobs: &Blobs) {
    let digest = blobs.put(Bytes::from_static(b"weir")).await.unwrap();
    assert_eq!(blobs.delete(&digest).await, Ok(()));
    assert_eq!(blobs.delete(&digest).await, Ok(()));
    assert_eq!(blobs.get(&digest).await, Ok(None));
    assert_eq!(blobs.put(Bytes::from_static(b"weir")).await, Ok(digest), "it can be put again");
}

async fn several_are_deleted_at_once(blobs: &Blobs) {
    let mut digests = vec![Digest::of(b"absent")];
    for text in ["a", "b", "c"] {
        digests.push(blobs.put(Bytes::from_static(text.as_bytes())).await.unwrap());
    }
    let kept = blobs.put(Bytes::from_static(b"kept")).await.unwrap();
    assert_eq!(blobs.delete_all(&digests).await, Ok(()));
    assert_eq!(blobs.list().collect::<Vec<_>>().await, [Ok((kept, 4))]);
}

async fn a_blob_that_is_deleted_while_it_is_read_is_read_to_its_end(blobs: &Blobs) {
    let bytes = noise(20 * CHUNK_BYTES);
    let digest = blobs.put(Bytes::from(bytes.clone())).await.unwrap();
    let mut stream = blobs.stream(&digest, 0..bytes.len() as u64).await.unwrap().unwrap();
    let mut read = stream.next().await.unwrap().unwrap().to_vec();
    blobs.delete(&digest).await.unwrap();
    while let Some(chunk) = stream.next().await {
        read.extend_from_slice(&chunk.unwrap());
    }
    assert!(read == bytes);
    assert!(blobs.stream(&digest, 0..1).await.unwrap().is_none());
}

async fn every_blob_is_listed(blobs: &Blobs) {
    let mut expected = Vec::new();
    for index in 0..30u8 {
        let bytes = vec![index; usize::from(index)];
        expected.push((blobs.put(Bytes::from(bytes)).await.unwrap(), u64::from(index)));
    }
    let mut listed = blobs.list().map(Result::unwrap).collect::<Vec<_>>().await;
    listed.sort();
    expected.sort();
    assert_eq!(listed, expected);
}

async fn a_store_that_works_says_so(blobs: &Blobs) {
    assert_eq!(blobs.check().await, Ok(()));
}

#[tokio::test]
async fn keys_in_s3_begin_with_the_prefix_and_there_are_no_local_files() {
    let (server, home) = (S3Server::start().await, tempfile::tempdir().unwrap());
    let blobs = s3_blobs(&server, &home, server.secret());
    let digest = blobs.put(Bytes::from_static(b"weir")).await.unwrap();
    assert!(object(&server, &digest).is_file());
    assert_eq!(blobs.local_file(&digest), None);
}

#[tokio::test]
async fn a_damaged_object_is_told() {
    let (server, home) = (S3Server::start().await, tempfile::tempdir().unwrap());
    let blobs = s3_blobs(&server, &home, server.secret());
    let digest = blobs.put(Bytes::from_static(b"weir")).await.unwrap();
    let file = object(&server, &digest);
    std::fs::write(&file, b"wei").unwrap();
    let error = blobs.put(Bytes::from_static(b"weir")).await.unwrap_err();
    assert!(error.to_string().contains("s3://weir/some/prefix/blob/sha256/"), "{error}");
    assert!(matches!(error, BlobError::Damaged { .. }));
    std::fs::write(&file, b"wier").unwrap();
    assert!(matches!(blobs.get(&digest).await, Err(BlobError::Damaged { .. })));
}

#[tokio::test]
async fn a_wrong_secret_is_told() {
    let (server, home) = (S3Server::start().await, tempfile::tempdir().unwrap());
    let blobs = s3_blobs(&server, &home, "wrong");
    let error = blobs.put(Bytes::from_static(b"weir")).await.unwrap_err();
    assert!(matches!(error, BlobError::Denied { .. }), "{error:?}");
    assert!(blobs.check().await.is_err());
}

#[tokio::test]
async fn an_object_past_the_limit_is_streamed_but_not_read_at_once() {
    let (server, home) = (S3Server::start().await, tempfile::tempdir().unwrap());
    let blobs = s3_blobs(&server, &home, server.secret());
    let digest = blobs.put(Bytes::from_static(b"weir")).await.unwrap();
    let file = std::fs::OpenOptions::new().write(true).open(object(&server, &digest)).unwrap();
    file.set_len(MAX_GET_BYTES + 1).unwrap();
    let error = blobs.get(&digest).await.unwrap_err();
    assert_eq!(error, BlobError::TooLarge { digest, size: MAX_GET_BYTES + 1, limit: MAX_GET_BYTES });
    assert_eq!(read(&blobs, &digest, 0..4).await, b"weir");
}

#[tokio::test]
async fn a_server_that_is_away_is_told() {
    let (server, home) = (S3Server::start().await, tempfile::tempdir().unwrap());
    let config = S3Config {
        endpoint: Some(String::from("http://127.0.0.1:1")),
        bucket: String::from("weir"),
        key: Some(String::from("key")),
        secret: Some(server.secret().to_owned()),
        allow_http: true,
        ..S3Config::default()
    };
    let blobs = Blobs::s3(&config, home.path()).unwrap();
    let error = blobs.put(Bytes::from_static(b"weir")).await.unwrap_err();
    assert!(matches!(error, BlobError::Remote { .. }), "{error:?}");
    assert!(error.to_string().contains("check the endpoint, the bucket and the network"), "{error}");

    let unencrypted = S3Config { allow_http: false, ..config };
    let error = Blobs::s3(&unencrypted, home.path()).unwrap_err();
    assert!(error.to_string().contains("is not https"), "{error}");
    let shown = format!("{unencrypted:?}");
    assert!(!shown.contains(server.secret()), "{shown}");
}
