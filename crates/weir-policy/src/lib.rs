//! Rules and waivers: facts and policy to decisions. No I/O.
//!
//! ```text
//! facts(release, as of t)  +  policy(stage)  +  waivers  +  t   →   decision + reasons
//! ```
//!
//! [`Policy::parse`] reads a policy text, or says everything that is wrong with it; [`judge()`] judges all releases of a
//! package at once; [`Judgement::decision`] makes one decision out of that, with its id and inputs; [`Decision::permit`] is
//! the only source of the leave without which no bytes go out.
//!
//! | Module | Answers |
//! |---|---|
//! | `policy`, `stage`, `waiver` | what is a valid policy? |
//! | `raw`, `reader`, `mistake` | what was written, and what is wrong with it, where? |
//! | `pattern` | which packages and versions are meant? |
//! | [`rules`] | what does each rule say? One file a rule |
//! | `born` | from when is an age counted, and on whose word? |
//! | `judge`, `nearest` | what does it come to, and what may be taken instead? |
//! | `together` | what do two stages come to, where both hold? |
//! | `decision`, `inputs` | how is it told, recorded and enforced? |
//! | [`survey`] | what does a policy make of many packages? |
//! | `reference` | the reference page of rules |

mod born;
mod decision;
mod history;
mod inputs;
mod judge;
mod mistake;
mod naming;
mod nearest;
mod outcome;
mod pattern;
mod policy;
mod raw;
mod reader;
mod reason;
mod reference;
pub mod rules;
mod stage;
pub mod survey;
mod together;
mod waiver;

pub use born::{MAX_AHEAD_DAYS, REPLICATION_SLACK};
pub use decision::{Decision, Permit, contested, private_name};
pub use inputs::Inputs;
pub use judge::{ArtifactJudgement, Judgement, MAX_REASONS, ReleaseJudgement, judge};
pub use mistake::{PolicyError, PolicyErrors};
pub use outcome::{Mode, Outcome};
pub use pattern::{Glob, InvalidPattern, Pattern};
pub use policy::{MAX_STAGES, MAX_TEXT, MAX_WAIVERS, Policy};
pub use reason::{MAX_LINE, Reason, Reasons, WaiverRef};
pub use reference::rules_reference;
pub use rules::one_upstream::{Change, Contest};
pub use rules::{Key, RULES, Rule};
pub use stage::{RESERVED, Stage};
pub use survey::Survey;
pub use waiver::{JUSTIFICATIONS, Waiver, unused_waivers};
