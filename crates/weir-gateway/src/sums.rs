//! Are these the bytes that the ecosystem's checksum database has on record for everyone?
//!
//! See [`weir_core::registry::Sums`]. The newest state of the log that was proven is kept, and every later one must grow out
//! of it. A log with two histories, or bytes that are not those on record, are a security event: nothing is stored.

use std::sync::Arc;

use bytes::Bytes;
use weir_core::registry::{Document, Expected, Proof, Sum, Sums};
use weir_store::Store;

use crate::documents::{DocumentError, Documents};
use crate::members::Member;
use crate::transfer::{Order, TransferError};

/// Times that a proof may ask for more documents.
pub const MAX_STEPS: usize = 16;
/// Documents that one step of a proof may ask for.
pub const MAX_WANTED: usize = 128;

/// Why bytes were not admitted.
#[derive(Debug)]
pub enum Unproven {
    /// They, or the log, are not what they should be.
    Contradiction(String),
    /// The log could not be read, or the memory of it.
    Trouble(TransferError),
}

/// Checks what arrived, where the upstream that it is from has a checksum database.
pub async fn check(
    documents: &Arc<Documents>,
    store: &Store,
    order: &Order,
    entries: &[(String, weir_core::Digest)],
) -> Result<(), Unproven> {
    let member = &order.member;
    let (Some(sums), Some(key)) = (member.ecosystem.registry.sums(), &member.checksum_key) else { return Ok(()) };
    let expected = Expected { package: &order.package, version: &order.version };
    let recorded = proven(documents, store, member, sums, key, &expected).await?;
    let own: Vec<Document<'_>> =
        order.documents.iter().map(|body| Document { url: "", content_type: "", body }).collect();
    for Sum { of, sum } in sums.sums(&expected, entries, &own) {
        match recorded.iter().find(|recorded| recorded.of == of) {
            Some(recorded) if recorded.sum == sum => {}
            Some(recorded) => {
                return Err(Unproven::Contradiction(format!(
                    "the checksum database has {} for `{of}`, and what came has {sum}",
                    recorded.sum
                )));
            }
            None => return Err(Unproven::Contradiction(format!("the checksum database has no sum for `{of}`"))),
        }
    }
    Ok(())
}

/// What the log has on record of a release, proven.
async fn proven(
    documents: &Arc<Documents>,
    store: &Store,
    member: &Arc<Member>,
    sums: &'static dyn Sums,
    key: &str,
    expected: &Expected<'_>,
) -> Result<Vec<Sum>, Unproven> {
    let storage = |error: weir_store::StoreError| Unproven::Trouble(TransferError::Storage(error.to_string()));
    let setting = format!("checksum-log {}", weir_core::Digest::of(key.as_bytes()).short());
    let mut kept: Vec<(String, Bytes)> = Vec::new();
    for _ in 0..MAX_STEPS {
        let head = store.setting(&setting).await.map_err(storage)?;
        let held: Vec<(&str, &[u8])> = kept.iter().map(|(path, bytes)| (path.as_str(), bytes.as_ref())).collect();
        let proof = sums.prove(key, expected, head.as_deref(), &held);
        let wanted = match proof.map_err(|contradiction| Unproven::Contradiction(contradiction.0))? {
            Proof::Given { sums, head: newest } => {
                // Who was ahead with another state has proven it as well; the next proof starts from that one.
                if head.as_deref() != Some(newest.as_str()) {
                    store.set_setting_if(&setting, head.as_deref(), &newest).await.map_err(storage)?;
                }
                return Ok(sums);
            }
            Proof::Wants(wanted) => wanted,
        };
        if wanted.len() > MAX_WANTED || wanted.iter().any(|wanted| kept.iter().any(|(path, _)| *path == wanted.path)) {
            break;
        }
        let mut asking = Vec::with_capacity(wanted.len());
        for wanted in &wanted {
            asking.push(documents.lasting(member, wanted));
        }
        let held = futures_util::future::try_join_all(asking).await.map_err(trouble)?;
        for (wanted, held) in wanted.iter().zip(held) {
            let body = documents.body(&held).await.map_err(trouble)?;
            kept.push((wanted.path.clone(), body));
        }
    }
    Err(Unproven::Contradiction(String::from("the checksum database gives no proof that comes to an end")))
}

fn trouble(error: DocumentError) -> Unproven {
    match error {
        DocumentError::Absent { path, .. } => {
            Unproven::Contradiction(format!("the checksum database has no {path}, so nobody can vouch for these bytes"))
        }
        DocumentError::Storage(problem) => Unproven::Trouble(TransferError::Storage(problem)),
        other => Unproven::Trouble(TransferError::Unverified(other.to_string())),
    }
}
