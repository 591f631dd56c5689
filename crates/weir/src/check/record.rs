//! Is what was decided and served on record, and does the record hold together?

use std::collections::{BTreeSet, HashMap};

use serde::Deserialize;
use serde_json::value::RawValue;
use weir_core::Digest;
use weir_store::{DecisionRow, RequestRow, Store, Verdict};

use super::{PAGE, Report};

/// What of a decision's body is compared with its row.
#[derive(Deserialize)]
struct Body<'b> {
    id: String,
    stage: String,
    file: Option<String>,
    decision: String,
    effective: String,
    #[serde(borrow)]
    inputs: &'b RawValue,
}

/// Every request that met a decision names one on record, and what was served of an artifact was let through by one that
/// is about it.
pub(super) async fn requests(store: &Store, report: &mut Report) -> anyhow::Result<()> {
    let last = store.last_id("request").await?.unwrap_or_default();
    let mut after = 0;
    loop {
        let page = store.requests(after, PAGE).await?;
        let Some(end) = page.last() else { break };
        let ids: BTreeSet<&str> = page.iter().filter_map(|row| row.request.decision.as_deref()).collect();
        let verdicts = store.verdicts(&ids.into_iter().collect::<Vec<_>>()).await?;
        let verdicts: HashMap<&str, &Verdict> = verdicts.iter().map(|verdict| (verdict.id.as_str(), verdict)).collect();
        for row in &page {
            report.checked.requests += 1;
            if row.id != after + 1 && after != 0 {
                report.problem("request-gap", format!("request {}", row.id), format!("the one before it is {after}"));
            }
            after = row.id;
            if let Some(problem) = wrong(&row.request, &verdicts) {
                report.problem("undecided", format!("request {} for {}", row.id, about(&row.request)), problem);
            }
        }
        after = end.id;
    }
    if after < last {
        report.problem("request-gap", "requests", format!("the last is {after}, but {last} were taken"));
    }
    Ok(())
}

fn about(request: &RequestRow) -> String {
    let file = request.file.as_deref().unwrap_or("its index");
    format!("{} {} {file} in {}", request.ecosystem, request.package, request.stage)
}

fn wrong(request: &RequestRow, verdicts: &HashMap<&str, &Verdict>) -> Option<String> {
    // The bytes that were sent of an artifact: `refused` and `error` are those whose tail was held back.
    let let_through = request.artifact.is_some()
        && matches!(request.outcome.as_str(), "served" | "not-modified" | "aborted")
        && request.file.is_some();
    let Some(id) = request.decision.as_deref() else {
        return let_through.then(|| String::from("its bytes were served without a decision"));
    };
    let Some(verdict) = verdicts.get(id) else {
        return Some(format!("the decision {id} that it met is not on record"));
    };
    if !let_through {
        return None;
    }
    if !matches!(verdict.effective.as_str(), "allow" | "warn") {
        return Some(format!("its bytes were served by the decision {id}, which is to {}", verdict.effective));
    }
    let same = verdict.ecosystem == request.ecosystem
        && verdict.package == request.package
        && (verdict.file.is_none() || verdict.file == request.file);
    (!same).then(|| format!("its bytes were served by the decision {id}, which is about something else"))
}

/// Every decision's id is that of its inputs, and its row says what its body says.
pub(super) async fn decisions(store: &Store, report: &mut Report) -> anyhow::Result<()> {
    let mut after = String::new();
    loop {
        let page = store.decisions(&after, PAGE).await?;
        let Some(last) = page.last() else { return Ok(()) };
        after.clone_from(&last.id);
        for row in &page {
            report.checked.decisions += 1;
            if let Some(problem) = contradiction(row) {
                report.problem("decision", format!("decision {}", row.id), problem);
            }
        }
    }
}

fn contradiction(row: &DecisionRow) -> Option<String> {
    let body: Body<'_> = match serde_json::from_str(&row.body) {
        Ok(body) => body,
        Err(error) => return Some(format!("its body cannot be read: {error}")),
    };
    let id = Digest::of(body.inputs.get().as_bytes()).short();
    if id != row.id || body.id != row.id {
        return Some(format!("its inputs are those of the decision {id}"));
    }
    let same = body.stage == row.stage
        && body.file == row.file
        && body.decision == row.outcome
        && body.effective == row.effective;
    (!same).then(|| String::from("its row says something else than its body"))
}

/// Every event follows the one before it, and every decision is told by one.
pub(super) async fn events(store: &Store, report: &mut Report) -> anyhow::Result<()> {
    let decided = store.count_decisions().await?;
    let last = store.last_id("event").await?.unwrap_or_default();
    let (mut after, mut told) = (0, 0);
    loop {
        let page = store.events(after, PAGE).await?;
        if page.is_empty() {
            break;
        }
        for event in page {
            report.checked.events += 1;
            told += u64::from(event.kind == "decision");
            if event.id != after + 1 {
                report.problem("event-gap", format!("event {}", event.id), format!("the one before it is {after}"));
            }
            after = event.id;
        }
    }
    if after < last {
        report.problem("event-gap", "events", format!("the last is {after}, but {last} were taken"));
    }
    if told < decided {
        report.problem("event-gap", "events", format!("{told} tell of decisions, of which there are {decided}"));
    }
    Ok(())
}
