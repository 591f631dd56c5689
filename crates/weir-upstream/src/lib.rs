//! Outbound HTTP: limits, retry, conditional requests, redirect rules.
