//! Does every row that names bytes have them, and is there anything else?

use std::collections::HashSet;

use futures_util::StreamExt as _;
use weir_blob::Blobs;
use weir_core::Digest;
use weir_core::digest::{Hasher, StatedDigests};
use weir_store::Store;

use super::{PAGE, Report};

/// The digests that rows name, by their first eight bytes: a hundred million of them fit into memory, and one in 2^64
/// that is taken for named is kept, which harms nobody.
#[derive(Default)]
pub struct Named(HashSet<u64>);

impl Named {
    /// Adds a digest; false if it was there.
    pub fn add(&mut self, digest: &Digest) -> bool {
        self.0.insert(key(digest))
    }

    /// True if it was added.
    pub fn has(&self, digest: &Digest) -> bool {
        self.0.contains(&key(digest))
    }
}

fn key(digest: &Digest) -> u64 {
    digest.as_bytes()[..8].iter().fold(0, |key, byte| (key << 8) | u64::from(*byte))
}

/// Every recorded document has its bytes.
pub(super) async fn documents(
    store: &Store,
    blobs: &Blobs,
    named: &mut Named,
    report: &mut Report,
) -> anyhow::Result<()> {
    let mut after = 0;
    loop {
        let page = store.named_documents(after, PAGE).await?;
        let Some(last) = page.last() else { return Ok(()) };
        after = last.id;
        for document in page {
            report.checked.documents += 1;
            named.add(&document.digest);
            // Given up by the server between two looks: then its row went first.
            if blobs.size(&document.digest).await?.is_none() && store.is_document(&document.digest).await? {
                let problem = format!("the bytes {} of this document are missing", document.digest);
                report.problem("document-missing", document.path, problem);
            }
        }
    }
}

/// Every artifact that was not evicted has its bytes, as many as its row says, and every one its metadata.
pub(super) async fn artifacts(
    store: &Store,
    blobs: &Blobs,
    named: &mut Named,
    report: &mut Report,
) -> anyhow::Result<()> {
    let mut after = (0, String::new());
    loop {
        let page = store.named_artifacts((after.0, &after.1), PAGE).await?;
        let Some(last) = page.last() else { return Ok(()) };
        after = (last.package_id, last.file.clone());
        for artifact in page {
            report.checked.artifacts += 1;
            let subject = format!("{} {} {}", artifact.ecosystem, artifact.package, artifact.file);
            named.add(&artifact.sha256);
            if let Some(changed) = &artifact.changed {
                named.add(changed);
            }
            match blobs.size(&artifact.sha256).await? {
                Some(size) if size == artifact.size => {}
                Some(size) => report.problem(
                    "artifact-size",
                    &subject,
                    format!("{} has {size} bytes instead of {}", artifact.sha256, artifact.size),
                ),
                // Evicted ones have none. One that is evicted right now was marked before its bytes went.
                None if store.is_held(&artifact.sha256).await? => {
                    report.problem("artifact-missing", &subject, format!("its bytes {} are missing", artifact.sha256));
                }
                None => {}
            }
            if let Some(metadata) = &artifact.metadata {
                named.add(metadata);
                if blobs.size(metadata).await?.is_none() {
                    report.problem("metadata-missing", &subject, format!("its metadata {metadata} are missing"));
                }
            }
        }
    }
}

/// What is there, what of it nothing names, and with `deep` whether it is what its name says.
pub(super) async fn blobs(
    store: &Store,
    blobs: &Blobs,
    named: &Named,
    delete_orphans: bool,
    report: &mut Report,
) -> anyhow::Result<()> {
    let mut all = blobs.list();
    while let Some(found) = all.next().await {
        let (digest, size) = found?;
        report.checked.blobs += 1;
        report.checked.blob_bytes += size;
        if report.deep
            && let Some(problem) = damage(blobs, &digest, size).await?
        {
            report.problem("blob-damaged", digest.to_string(), problem);
        }
        // One that came since the rows were read is named by now.
        if named.has(&digest) || store.is_document(&digest).await? || store.is_artifact(&digest).await? {
            continue;
        }
        report.orphans.blobs += 1;
        report.orphans.bytes += size;
        if delete_orphans {
            blobs.delete(&digest).await?;
            report.orphans.deleted += 1;
        }
    }
    Ok(())
}

/// What is wrong with the bytes of a blob.
async fn damage(blobs: &Blobs, digest: &Digest, size: u64) -> anyhow::Result<Option<String>> {
    let Some(mut stream) = blobs.stream(digest, 0..size).await? else { return Ok(None) };
    let mut hasher = Hasher::new(&StatedDigests::default());
    while let Some(chunk) = stream.next().await {
        match chunk {
            Ok(chunk) => hasher.update(&chunk),
            Err(error) => return Ok(Some(format!("its bytes cannot be read: {error}"))),
        }
    }
    let found = hasher.finish().sha256;
    Ok((found != *digest).then(|| {
        let place = blobs.local_file(digest).map_or_else(|| String::from("it"), |file| format!("`{}`", file.display()));
        format!("its bytes have the digest {found}; remove {place}, and Weir fetches it again when it is asked for")
    }))
}
