//! `one-upstream`: a package comes from one upstream, and stays there.

use std::sync::Arc;

use serde_json::json;
use weir_core::{Ecosystem, PackageName, Timestamp};

use crate::outcome::Outcome;
use crate::raw::Raw;
use crate::reader::Reader;
use crate::reason::Reason;
use crate::rules::{Check, Key, Rule};

const CODE: &str = "one-upstream";

/// The rule.
pub struct OneUpstream;

impl Rule for OneUpstream {
    fn code(&self) -> &'static str {
        CODE
    }
    fn title(&self) -> &'static str {
        "A package comes from one upstream"
    }
    fn explanation(&self) -> &'static str {
        "Always on, in every stage and mode, where an ecosystem has several upstreams. A package that came from one of them is \
         not taken from another by itself: not if the first does not have it any more (`lost`), is not asked for it any more \
         (`removed`), or if one that is asked before it has the package, too (`rival`). The name may be a stranger's by then \
         (dependency confusion). To settle where it comes from, bind its name in `weir.toml`: `packages` of that upstream."
    }
    fn example(&self) -> &'static str {
        ""
    }
    fn keys(&self) -> &'static [Key] {
        &[]
    }
    fn read(&self, _raw: &Raw, _reader: &mut Reader<'_>) -> Option<Arc<dyn Check>> {
        None
    }
    fn never_waived(&self) -> Option<&'static str> {
        Some("where a package comes from is settled where upstreams are configured; bind its name there")
    }
}

/// What stands against taking a package from an upstream.
#[derive(Clone, Copy, Debug)]
pub struct Contest<'a> {
    /// The name of the upstream that it came from.
    pub home: &'a str,
    /// Since when.
    pub since: Timestamp,
    /// What happened.
    pub change: Change<'a>,
}

/// What happened to the upstream that a package came from.
#[derive(Clone, Copy, Debug)]
pub enum Change<'a> {
    /// It is not configured any more, or not asked for such names.
    Removed,
    /// It does not have the package any more.
    Lost,
    /// Another one that is asked before it has the package, too.
    Rival(&'a str),
}

/// The reason for which such a package is refused.
pub(crate) fn reason(ecosystem: &Ecosystem, name: &PackageName, contest: Contest<'_>) -> Reason {
    let Contest { home, since, change } = contest;
    let (detail, now, line) = match change {
        Change::Removed => ("removed", String::from("which is not asked for it any more"), format!("{home} is gone")),
        Change::Lost => ("lost", String::from("which does not have it any more"), format!("{home} has it no more")),
        Change::Rival(rival) => {
            ("rival", format!("and `{rival}`, which is asked first, has it now, too"), format!("{home} or {rival}"))
        }
    };
    let id = ecosystem.id;
    let message = format!(
        "`{name}` has come from the upstream `{home}` since {}, {now}. It is taken from no other by itself: the name may be a \
         stranger's there. To settle it, bind the name: packages = [\"{name}\"] in the [[upstream.{id}.group]] that it is to \
         come from, or in [upstream.{id}].",
        since.date()
    );
    let rival = if let Change::Rival(rival) = change { Some(rival) } else { None };
    let facts = json!({ "name": name, "upstream": home, "since": since, "rival": rival });
    let line = format!("{CODE} {detail} ({line}; bind its name in weir.toml)");
    Reason::new(CODE, Outcome::Block, message, &line, facts).detail(detail).always()
}
