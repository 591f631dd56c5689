//! What Weir answers beside the package routes: who may ask, how it is, and why something was decided.
//!
//! | Module | Answers |
//! |---|---|
//! | [`app`] | which address leads where? |
//! | [`access`] | who is asking, and may they? |
//! | [`proxy`] | who is it from, when a proxy is in between? |
//! | [`token`] | what is a token, and how is it kept? |
//! | [`decision`] | `/d/ID`: why was this refused, and what now? |
//! | `hosted` | what can be done with packages of one's own, in every ecosystem? |
//! | [`conditions`] | `/readyz`: what is wrong at the moment? |
//! | [`welcome`] | `/`: how are clients pointed here? |
//! | [`page`] | how does a page look? |

pub mod access;
pub mod app;
pub mod conditions;
pub mod decision;
mod hosted;
pub mod mirror;
pub mod page;
pub mod proxy;
pub mod token;
pub mod welcome;

pub use access::Access;
pub use app::App;
pub use conditions::Conditions;
pub use proxy::{Network, Proxies};
