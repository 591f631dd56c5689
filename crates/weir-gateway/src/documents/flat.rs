//! Documents of packages that are made of one page with files of many ([`weir_core::registry::Flat`]).
//!
//! The page is a document like any other. What it says of a package is kept as a document of that package, which changes only
//! if that does.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use weir_core::registry::{Document, InvalidDocument, OnePage, Wanted};
use weir_core::{PackageName, Timestamp};

use super::{Answer, Arrived, DocumentError, Documents, Held};
use crate::members::Member;

impl Documents {
    /// What an upstream that is one page says of a package now, and for how long that is good. Trouble with the page, or that
    /// there is none any more, is trouble: only a page that is there can say that it has nothing of a package.
    pub(super) async fn cut(
        self: &Arc<Self>,
        member: &Arc<Member>,
        (page, package): (Wanted, PackageName),
        wanted: &Wanted,
        kept: Option<Arc<Held>>,
        lifetime: i64,
    ) -> (Answer, i64) {
        let (now, negative) = (self.clock.now(), self.lifetimes.negative);
        let trouble = match self.page(member, page, now, lifetime).await {
            Ok(page) => match self.of_package(member, &page, &package).await {
                Ok(Some(part)) => {
                    let arrived = Arrived {
                        url: page.url.clone(),
                        content_type: part.content_type.to_owned(),
                        etag: None,
                        last_modified: None,
                        body: Bytes::from(part.body),
                    };
                    let stored = self.store_document(member, &wanted.path, arrived, now).await;
                    return match (stored, &page.stale) {
                        (Ok(held), None) => (Ok(held), lifetime),
                        (Ok(held), stale) => (Ok(Arc::new(Held { stale: stale.clone(), ..(*held).clone() })), negative),
                        (Err(error), _) => (kept_anyway(kept, error), negative),
                    };
                }
                Ok(None) => {
                    let base = member.upstream.base();
                    if kept.is_some()
                        && let Err(error) = self.store.close_document(base, &wanted.path, now).await
                    {
                        return (Err(DocumentError::storage(error)), negative);
                    }
                    let absent = DocumentError::Absent { upstream: base.to_owned(), path: wanted.path.clone() };
                    return (Err(absent), negative);
                }
                Err(error) => error,
            },
            Err(DocumentError::Absent { upstream, path }) => DocumentError::Unreadable(format!(
                "the page {upstream}{path} is not there, so nothing is known of what it had"
            )),
            Err(error) => error,
        };
        (kept_anyway(kept, trouble), negative)
    }

    /// The page itself. Boxed, because whoever asks for it is asked for in the same way.
    fn page<'a>(
        self: &'a Arc<Self>,
        member: &'a Arc<Member>,
        page: Wanted,
        now: Timestamp,
        lifetime: i64,
    ) -> BoxFuture<'a, Answer> {
        async move { self.patiently(member, &page, now, lifetime).await }.boxed()
    }

    async fn of_package(
        &self,
        member: &Arc<Member>,
        page: &Arc<Held>,
        package: &PackageName,
    ) -> Result<Option<OnePage>, DocumentError> {
        let body = self.body(page).await?;
        let (member, page, package) = (Arc::clone(member), Arc::clone(page), package.clone());
        // Tens of thousands of links are read for the few of one package.
        let read = move || {
            let document = Document { url: &page.url, content_type: &page.content_type, body: &body };
            match member.ecosystem.registry.flat() {
                Some(flat) => flat.page(&package, &document),
                None => Err(InvalidDocument {
                    url: page.url.clone(),
                    expected: "the page of one package",
                    problem: format!("{} has no pages of many", member.ecosystem.title),
                }),
            }
        };
        Ok(tokio::task::spawn_blocking(read).await.map_err(DocumentError::storage)??)
    }
}

/// What is kept, as stale as it is, else the trouble.
fn kept_anyway(kept: Option<Arc<Held>>, trouble: DocumentError) -> Answer {
    match kept {
        Some(held) => {
            tracing::warn!(document = held.path, error = %trouble, "a page of many packages is of no use; serving what is kept");
            Ok(Arc::new(Held { stale: Some(trouble.to_string()), ..(*held).clone() }))
        }
        None => Err(trouble),
    }
}
