//! Real package managers through a real `weir serve`, against the real registries.
//!
//! What each client shows is written to `docs/reference/clients.md`; see there how. The clients come from `.ci/run tools`,
//! the advisories from the data beside the project. Nothing here is run unless WEIR_REQUIRE names `clients`.
//!
//! | Module | Answers |
//! |---|---|
//! | [`clients`] | how does each client install, and what can it show? |
//! | [`cells`] | does it show that? |
//! | [`harder`] | and when the day is harder: cut, blocked since, behind https and nginx? |
//! | [`groups`] | do they install from several upstreams as from one? |
//! | [`facts`] | are the promises about particular packages kept? |
//! | [`fidelity`] | is what is installed through Weir the same as without it? |
//! | [`calibration`] | what does the default policy make of what real projects bring? |
//! | [`page`] | what is written of it? |
//! | [`gate`], [`proxy`], [`sandbox`], [`setting`], [`seen`] | how is one run, and what is seen of it? |
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a helper of tests fails by panicking")]

mod calibration;
mod cells;
mod clients;
mod facts;
mod fidelity;
mod gate;
mod groups;
mod harder;
mod page;
mod proxy;
mod sandbox;
mod seen;
mod setting;
