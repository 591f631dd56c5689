//! What only files can show.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use bytes::Bytes;
use futures_util::StreamExt as _;
use weir_blob::{BlobError, Blobs, MAX_GET_BYTES};
use weir_core::Digest;
use weir_testing::artifact::noise;

#[tokio::test]
async fn a_blob_is_a_file_named_by_its_digest() {
    let home = tempfile::tempdir().unwrap();
    let blobs = Blobs::local(home.path()).unwrap();
    let digest = blobs.put(Bytes::from_static(b"weir")).await.unwrap();
    let hex = digest.to_string();
    let path = home.path().join("blob/sha256").join(&hex[..2]).join(&hex[2..4]).join(&hex);
    assert_eq!(fs::read(&path).unwrap(), b"weir");
    assert_eq!(blobs.local_file(&digest), Some(path));
    assert_eq!(fs::read_dir(home.path().join("tmp")).unwrap().count(), 0);
}

#[tokio::test]
async fn what_is_stored_is_there_for_the_next_process() {
    let home = tempfile::tempdir().unwrap();
    let digest = Blobs::local(home.path()).unwrap().put(Bytes::from_static(b"weir")).await.unwrap();
    let next = Blobs::local(home.path()).unwrap();
    assert_eq!(next.get(&digest).await.unwrap().unwrap(), "weir");
    assert_eq!(next.put(Bytes::from_static(b"weir")).await, Ok(digest));
}

#[tokio::test]
async fn a_damaged_file_is_told_and_heals_when_it_is_moved_away() {
    let home = tempfile::tempdir().unwrap();
    let blobs = Blobs::local(home.path()).unwrap();
    let digest = blobs.put(Bytes::from_static(b"weir")).await.unwrap();
    let path = blobs.local_file(&digest).unwrap();

    fs::write(&path, b"wei").unwrap();
    let error = blobs.put(Bytes::from_static(b"weir")).await.unwrap_err();
    assert!(error.to_string().contains("it has 3 bytes instead of 4; move it away"), "{error}");
    fs::write(&path, b"wier").unwrap();
    let error = blobs.get(&digest).await.unwrap_err();
    assert!(error.to_string().contains("its bytes have the digest"), "{error}");

    fs::remove_file(&path).unwrap();
    assert_eq!(blobs.get(&digest).await, Ok(None));
    assert_eq!(blobs.put(Bytes::from_static(b"weir")).await, Ok(digest));
}

#[tokio::test]
async fn a_file_at_the_limit_is_read_and_one_past_it_is_not() {
    let home = tempfile::tempdir().unwrap();
    let blobs = Blobs::local(home.path()).unwrap();
    let digest = blobs.put(Bytes::from_static(b"weir")).await.unwrap();
    let file = fs::OpenOptions::new().write(true).open(blobs.local_file(&digest).unwrap()).unwrap();
    file.set_len(MAX_GET_BYTES).unwrap();
    let error = blobs.get(&digest).await.unwrap_err();
    assert!(matches!(error, BlobError::Damaged { .. }), "read, and found to be another: {error:?}");
    file.set_len(MAX_GET_BYTES + 1).unwrap();
    let error = blobs.get(&digest).await.unwrap_err();
    assert_eq!(error, BlobError::TooLarge { digest, size: MAX_GET_BYTES + 1, limit: MAX_GET_BYTES });
}

#[tokio::test]
async fn a_file_that_shrinks_while_it_is_read_ends_in_an_error() {
    let home = tempfile::tempdir().unwrap();
    let blobs = Blobs::local(home.path()).unwrap();
    let digest = blobs.put(Bytes::from(noise(500_000))).await.unwrap();
    let mut stream = blobs.stream(&digest, 0..500_000).await.unwrap().unwrap();
    assert!(stream.next().await.unwrap().is_ok());
    fs::OpenOptions::new().write(true).open(blobs.local_file(&digest).unwrap()).unwrap().set_len(200_000).unwrap();
    let mut failed = false;
    while let Some(chunk) = stream.next().await {
        failed |= chunk.is_err();
        if failed {
            break;
        }
    }
    assert!(failed);
}

#[tokio::test]
async fn a_blob_that_is_deleted_while_it_is_read_is_read_to_its_end() {
    let home = tempfile::tempdir().unwrap();
    let blobs = Blobs::local(home.path()).unwrap();
    let bytes = noise(500_000);
    let digest = blobs.put(Bytes::from(bytes.clone())).await.unwrap();
    let stream = blobs.stream(&digest, 0..500_000).await.unwrap().unwrap();
    blobs.delete(&digest).await.unwrap();
    let read: Vec<Bytes> = stream.map(Result::unwrap).collect().await;
    assert_eq!(read.concat(), bytes);
}

#[tokio::test]
async fn files_that_are_not_blobs_are_left_alone() {
    let home = tempfile::tempdir().unwrap();
    let blobs = Blobs::local(home.path()).unwrap();
    let digest = blobs.put(Bytes::from_static(b"weir")).await.unwrap();
    let foreign = blobs.local_file(&digest).unwrap().with_file_name("README");
    fs::write(&foreign, b"hello").unwrap();
    fs::write(home.path().join("tmp/notes"), b"hello").unwrap();
    assert_eq!(blobs.list().collect::<Vec<_>>().await, [Ok((digest, 4))]);
    assert_eq!(blobs.clear_spool(), Ok(0));
    assert!(foreign.exists());
}

#[tokio::test]
async fn a_place_that_cannot_be_written_is_named() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("file");
    fs::write(&file, b"").unwrap();
    let error = Blobs::local(&file).unwrap_err();
    assert!(error.to_string().contains(&file.display().to_string()), "{error}");

    let blobs = Blobs::local(home.path()).unwrap();
    fs::remove_dir(home.path().join("tmp")).unwrap();
    let error = blobs.put(Bytes::from_static(b"weir")).await.unwrap_err();
    assert!(error.to_string().contains("tmp` cannot be written to"), "{error}");
    assert!(blobs.check().await.is_err());
}

#[tokio::test]
async fn a_missing_permission_is_told() {
    let home = tempfile::tempdir().unwrap();
    let blobs = Blobs::local(home.path()).unwrap();
    let tmp = home.path().join("tmp");
    fs::set_permissions(&tmp, fs::Permissions::from_mode(0o555)).unwrap();
    if fs::write(tmp.join("probe"), b"").is_ok() {
        println!("skipped: this account may write where it has no permission");
        return;
    }
    let error = blobs.put(Bytes::from_static(b"weir")).await.unwrap_err();
    assert!(matches!(error, BlobError::Permission { .. }), "{error:?}");
    fs::set_permissions(&tmp, fs::Permissions::from_mode(0o755)).unwrap();
    assert_eq!(blobs.put(Bytes::from_static(b"weir")).await, Ok(Digest::of(b"weir")));
}
