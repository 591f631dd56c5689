//! How do records get into the store?

use std::path::Path;

use weir_advisory::read::ReadError;
use weir_store::FeedRow as Row;

use crate::rebuild::never;
use crate::report::Read;
use crate::store_batches::{Source, Taken};
use crate::{CVE, EPSS, Feeds, FeedsError, ImportReport, KEV};

/// Longest name of a feed, in bytes.
const MAX_NAME: usize = 64;

impl Feeds {
    /// Reads a file or directory ([`weir_advisory::read`] tells what it may be), stores every record that differs from
    /// what is here, and makes the index anew. What cannot be read is in the report; the rest is in. The same import again
    /// changes nothing.
    pub async fn import(&self, path: &Path) -> Result<ImportReport, FeedsError> {
        let _writing = self.writing.lock().await;
        let (names, problems) = self.import_names(path).await?;
        let has_names = !(names.is_empty() && problems.is_empty());
        if has_names && path.is_file() {
            return Ok(ImportReport::of_names(names, problems));
        }
        let Taken { read, stored, older } = match self.take_in(path, Source::Files).await {
            // A directory of nothing but lists of names.
            Err(FeedsError::Read(ReadError::NotRecognised { .. })) if has_names => Taken::default(),
            taken => taken?,
        };
        let mut report =
            ImportReport { read: Read::from(&read), stored, older, ..ImportReport::of_names(names, problems) };
        let mut confirmed: Vec<&str> = read.ecosystems.keys().map(String::as_str).collect();
        confirmed.retain(|name| is_feed_name(name));
        confirmed.extend(
            [(read.cve, CVE), (read.kev, KEV), (read.epss, EPSS)]
                .iter()
                .filter(|(count, _)| *count > 0)
                .map(|(_, name)| name),
        );
        if confirmed.is_empty() {
            return Ok(report);
        }
        for name in confirmed {
            self.confirm(name).await?;
        }
        report.index = Some(self.rebuild(&mut []).await?);
        Ok(report)
    }

    /// Notes that a feed's data is of now. Where a sync goes on stays as it was.
    pub(crate) async fn confirm(&self, name: &str) -> Result<(), FeedsError> {
        let row = self.store.feed(name).await?.unwrap_or_else(|| never(name));
        let row = Row { as_of: Some(self.clock.now()), error: None, ..row };
        Ok(self.store.set_feed(&row).await?)
    }
}

/// True if an ecosystem's name, which may be anything that stands in a record, can be the name of a feed.
fn is_feed_name(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= MAX_NAME
        && !name.chars().any(char::is_control)
        && ![CVE, KEV, EPSS].contains(&name)
}
