//! The cargo ecosystem: names, versions, index, protocol, artifacts.
