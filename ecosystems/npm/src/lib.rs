//! The npm ecosystem: names, versions, index, protocol, artifacts.
