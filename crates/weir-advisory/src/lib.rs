//! OSV, CVE, KEV and EPSS into one memory-mapped index, and matches from it.
//!
//! Records are read leniently and bounded ([`read`]), gathered by a [`Builder`] and written as one flat file, which an
//! [`Index`] opens without parsing. A package's advisories are decoded when they are asked for, and every version of it is
//! then judged by comparing numbers.
//!
//! | Module | Answers |
//! |---|---|
//! | [`osv`], [`cve`], [`kev`], [`epss`] | what does one source document say? |
//! | [`read`] | what does a file, an archive or a directory hold? |
//! | [`cvss`] | what score does a vector have? |
//! | [`range`] | which versions does a list of events mean? |
//! | [`clusters`] | which advisories are one vulnerability, and what is it called? |
//! | [`builder`], [`index`] | how are they kept, and found? |
//! | [`package`] | which vulnerabilities does a version have? |

pub mod builder;
pub mod clusters;
pub mod cve;
pub mod cvss;
pub mod epss;
mod file;
pub mod index;
mod json;
pub mod kev;
pub mod osv;
pub mod package;
pub mod range;
pub mod read;
mod rows;

pub use builder::Builder;
pub use index::{Index, OpenError};
pub use package::PackageAdvisories;
pub use rows::Stats;
