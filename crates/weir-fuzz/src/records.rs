//! Advisories, policies, names, paths.

use weir_core::Purl;
use weir_core::registry::{Method, Request};

use crate::{ALL, ECOSYSTEMS};

/// An advisory.
pub fn osv(bytes: &[u8]) {
    let _ = weir_advisory::osv::Record::parse(bytes);
}

/// A policy: what is wrong with it is told with its place.
pub fn policy(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Err(errors) = weir_policy::Policy::parse(text, ECOSYSTEMS) {
        assert!(!errors.to_string().is_empty());
    }
}

/// A package address: its written form is read as the same.
pub fn purl(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let Ok(purl) = Purl::parse(text) else { return };
    let written = purl.to_string();
    assert_eq!(Purl::parse(&written).as_ref(), Ok(&purl), "{written}");
}

/// Two versions, a line each, as each ecosystem orders them: their keys say the same as the comparison says of equal ones.
pub fn versions(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let (one, other) = text.split_once('\n').unwrap_or((text, text));
    for ecosystem in ALL {
        let keys = [one, other].map(|version| ecosystem.versions.sort_key(version));
        if let [Ok(one), Ok(other)] = keys {
            assert_eq!(one.cmp(&other), other.cmp(&one).reverse());
        }
    }
}

/// A path and a query, as each registry reads them: names that come out are names.
pub fn routes(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let (path, query) = text.split_once('?').map_or((text, None), |(path, query)| (path, Some(query)));
    for ecosystem in ALL {
        for method in [Method::Get, Method::Put, Method::Delete] {
            let base = "http://127.0.0.1:8484/dev/it";
            let request = Request { method, path, query, accept: None, base, token: false };
            if let Ok(weir_core::registry::Ask::Index { package, .. }) = ecosystem.registry.route(&request) {
                assert!(ecosystem.names.parse(package.as_str()).is_ok(), "{}: {package}", ecosystem.id);
            }
        }
    }
}
