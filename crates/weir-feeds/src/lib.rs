//! Where advisory data comes from: imports, syncs, and the index that is current.
