//! The gate: fetch → verify → inspect → decide → serve, the same for every ecosystem.
//!
//! | Module | Answers |
//! |---|---|
//! | [`gateway`] | what does the gate hold, and how does a request pass through it? |
//! | [`members`] | which upstreams does an ecosystem have? |
//! | [`homes`] | which of them does a package come from? |
//! | [`documents`] | what does upstream say now, and what if it does not answer? |
//! | [`catalogues`] | what if one document of upstream lists many packages? |
//! | [`hosted`] | which packages are hosted here? |
//! | [`known`] | what is known about a package, whatever the stage? |
//! | [`departed`] | what does upstream no longer list, and why would it be refused? |
//! | [`judged`] | what does a stage make of it, and what if a token is bound to another? |
//! | [`view`] | what do its pages look like then? |
//! | `served` | which releases has each stage served? |
//! | [`looked`] | what has looking into artifacts told of their release? |
//! | [`learnt`] | what has Weir itself found out about artifacts since it started? |
//! | [`transfer`] | how do an artifact's bytes come in, are they the right ones, and what is inside? |
//! | [`trouble`] | what of upstream does not do its work at the moment? |
//! | [`stock`] | how many bytes of artifacts are kept, and which go when there are too many? |
//! | [`hot`] | which small artifacts are kept in memory? |
//! | [`admission`] | may these bytes leave? |
//! | [`rights`] | which packages may be published? |
//! | [`respond`] | how do pages and bytes go out: codings, ranges, conditions? |
//! | [`refusal`] | what does a person read when something is refused? |
//! | [`explain`] | why? |
//! | [`account`] | what is told of one request: its log line, its record, the metrics? |
//! | `pace` | how fast may a file come that nobody waits for? |
//! | [`phases`] | what does a request spend its time on? |
//! | [`mod@line`] | what does the log say of a request? |
//! | [`lines`] | how do these lines get to standard error? |
//! | [`requests`] | how do records of requests get into the store? |
//! | [`metrics`] | how is it doing? |
//! | [`cache`] | what is kept in memory, and how much of it? |

pub mod account;
pub mod admission;
pub mod cache;
pub mod catalogues;
pub mod departed;
pub mod documents;
pub mod explain;
pub mod gateway;
pub mod homes;
pub mod hosted;
pub mod hot;
pub mod judged;
pub mod known;
pub mod learnt;
pub mod line;
pub mod lines;
pub mod looked;
pub mod members;
pub mod metrics;
mod pace;
pub mod phases;
pub mod refusal;
pub mod requests;
pub mod respond;
pub mod rights;
mod served;
pub mod stock;
mod sums;
pub mod transfer;
pub mod trouble;
pub mod view;

pub use gateway::{Gateway, HostedSettings, MAX_ASKED, MAX_UNLISTED, Parts, Principal, Settings};
pub use judged::Stages;
pub use members::{Member, MemberId, Members};
