//! OSV, CVE, KEV and EPSS into one memory-mapped index, and matches from it.
