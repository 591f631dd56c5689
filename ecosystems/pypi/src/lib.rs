//! The pypi ecosystem: names, versions, index, protocol, artifacts.
