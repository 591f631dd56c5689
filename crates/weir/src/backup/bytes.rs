//! Which blobs does the copy need, and how do they get there?

use std::sync::Arc;

use anyhow::{Context, bail};
use futures_util::StreamExt as _;
use weir_blob::Blobs;
use weir_core::Digest;
use weir_core::digest::{Hasher, StatedDigests};
use weir_store::Store;

use super::target::Target;
use super::{Counts, MAX_LISTED};
use crate::check::{Named, PAGE};
use crate::wiring::Opened;

/// Brings blobs from one place to another.
pub(super) struct Copier {
    from: Arc<Blobs>,
    /// `None` if blobs are not files, and are left to other tools.
    to: Option<Blobs>,
    link: bool,
    named: Named,
    counts: Counts,
    missing: Vec<Digest>,
}

impl Copier {
    pub(super) fn new(opened: &Opened, target: &Target, link: bool) -> anyhow::Result<Self> {
        let from = opened.blobs_to_read()?;
        let to = match &opened.config.blobs.s3 {
            Some(_) => None,
            None => {
                let to =
                    Blobs::local(&target.root().join("blobs")).context("the directory for blobs cannot be made")?;
                to.clear_spool()?;
                Some(to)
            }
        };
        Ok(Self { from, to, link, named: Named::default(), counts: Counts::default(), missing: Vec::new() })
    }

    /// True if the blobs are left to other tools.
    pub(super) fn is_elsewhere(&self) -> bool {
        self.to.is_none()
    }

    /// Forgets what rows have named: other rows are taken.
    pub(super) fn start_over(&mut self) {
        self.named = Named::default();
        self.missing.clear();
        self.counts.missing = 0;
    }

    pub(super) fn is_missing(&self) -> bool {
        self.counts.missing > 0
    }

    /// Brings every blob that these rows name.
    pub(super) async fn named(&mut self, rows: &Store) -> anyhow::Result<()> {
        let Some(to) = self.to.clone() else { return Ok(()) };
        let mut after = 0;
        loop {
            let page = rows.named_documents(after, PAGE).await?;
            let Some(last) = page.last() else { break };
            after = last.id;
            for document in page {
                self.bring(&to, &document.digest, true).await?;
            }
        }
        let mut after = (0, String::new());
        loop {
            let page = rows.named_artifacts((after.0, &after.1), PAGE).await?;
            let Some(last) = page.last() else { return Ok(()) };
            after = (last.package_id, last.file.clone());
            for artifact in page {
                // Evicted bytes are fetched again when they are asked for.
                let is_held = rows.is_held(&artifact.sha256).await?;
                self.bring(&to, &artifact.sha256, is_held).await?;
                if let Some(metadata) = &artifact.metadata {
                    self.bring(&to, metadata, true).await?;
                }
                if let Some(changed) = &artifact.changed {
                    // Bytes that upstream stated later: most often nobody has fetched them.
                    self.bring(&to, changed, false).await?;
                }
            }
        }
    }

    /// Brings every blob that is there, where nobody can tell which are named.
    pub(super) async fn all(&mut self) -> anyhow::Result<()> {
        let Some(to) = self.to.clone() else { return Ok(()) };
        let from = Arc::clone(&self.from);
        let mut all = from.list();
        while let Some(found) = all.next().await {
            self.bring(&to, &found?.0, false).await?;
        }
        Ok(())
    }

    async fn bring(&mut self, to: &Blobs, digest: &Digest, required: bool) -> anyhow::Result<()> {
        if !self.named.add(digest) {
            return Ok(());
        }
        if to.size(digest).await?.is_some() {
            self.counts.kept += 1;
            return Ok(());
        }
        let Some(size) = self.from.size(digest).await? else {
            self.is_gone(digest, required);
            return Ok(());
        };
        if self.link
            && let Some(file) = self.from.local_file(digest)
            && to.link(digest, &file).await?
        {
            self.counts.linked += 1;
            self.counts.bytes += size;
            return Ok(());
        }
        let Some(mut stream) = self.from.stream(digest, 0..size).await? else {
            self.is_gone(digest, required);
            return Ok(());
        };
        let (mut spool, mut hasher) = (to.spool()?, Hasher::new(&StatedDigests::default()));
        while let Some(chunk) = stream.next().await {
            let chunk = chunk.with_context(|| format!("the blob {digest} cannot be read"))?;
            hasher.update(&chunk);
            spool.write(&chunk)?;
        }
        let hashed = hasher.finish();
        if hashed.sha256 != *digest {
            bail!(
                "the blob {digest} is damaged: its bytes have the digest {}; `weir admin check --deep` tells what to do. \
                 The backup is not finished; the one before is as it was",
                hashed.sha256
            );
        }
        to.adopt(spool, digest, hashed.length).await?;
        self.counts.copied += 1;
        self.counts.bytes += hashed.length;
        Ok(())
    }

    fn is_gone(&mut self, digest: &Digest, required: bool) {
        if required {
            self.counts.missing += 1;
            if self.missing.len() < MAX_LISTED {
                self.missing.push(*digest);
            }
        }
    }

    /// Removes from an earlier backup what no row names any more. Only once the rows are in their place.
    pub(super) async fn prune(&mut self) -> anyhow::Result<()> {
        let Some(to) = &self.to else { return Ok(()) };
        let mut all = to.list();
        while let Some(found) = all.next().await {
            let (digest, _) = found?;
            if !self.named.has(&digest) {
                to.delete(&digest).await?;
                self.counts.removed += 1;
            }
        }
        Ok(())
    }

    /// What was done, and what was not there.
    pub(super) fn counts(self) -> (Counts, Vec<Digest>) {
        (self.counts, self.missing)
    }
}
