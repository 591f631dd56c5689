//! Version orders of the ecosystems that have advisories and no registry here: distributions, RubyGems, NuGet, Packagist,
//! Hex and so on. The seven with a registry have theirs in their own folders.
//!
//! An order turns a version into bytes whose order it is ([`Order::sort_key`]), so that an index and memory compare bytes.
//! What cannot be read has no key: such a component is *not assessed*, never *not affected*. No I/O.

use std::cmp::Ordering;

use weir_core::ecosystem::{InvalidVersion, SortKey};

mod alpine;
mod conan;
mod debian;
mod gentoo;
mod key;
mod numbers;
mod openssl;
mod packagist;
mod rpm;
mod rubygems;
mod semver;

/// Longest version that is read, in bytes.
pub const MAX_VERSION: usize = 255;

/// An order and the ecosystems that follow it.
pub struct Order {
    /// The word for it: `debian`. Lower case, `[a-z]+`.
    pub id: &'static str,
    /// Its name as people write it: `Debian`.
    pub title: &'static str,
    /// The ecosystems of OSV whose versions have this order, without a suffix: `Debian`, `Ubuntu`.
    pub osv: &'static [&'static str],
    /// The types of package URLs whose versions have this order.
    pub purl_types: &'static [&'static str],
    key: fn(&str) -> Result<SortKey, &'static str>,
    compare: Option<fn(&str, &str) -> Option<Ordering>>,
}

impl std::fmt::Debug for Order {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Order").field(&self.id).finish()
    }
}

impl Order {
    /// The key of `version`. `Err` if it cannot be read, or if the ecosystem compares such versions without an order.
    pub fn sort_key(&self, version: &str) -> Result<SortKey, InvalidVersion> {
        readable(version).and_then(|()| (self.key)(version)).map_err(|problem| InvalidVersion {
            ecosystem: self.title,
            version: version.chars().take(200).collect(),
            problem: problem.to_owned(),
        })
    }

    /// The order of two versions; `None` if either cannot be read.
    pub fn compare(&self, a: &str, b: &str) -> Option<Ordering> {
        if let Some(compare) = self.compare {
            readable(a).and(readable(b)).ok()?;
            return compare(a, b);
        }
        Some(self.sort_key(a).ok()?.cmp(&self.sort_key(b).ok()?))
    }
}

fn readable(version: &str) -> Result<(), &'static str> {
    if version.is_empty() {
        return Err("it is empty");
    }
    if version.len() > MAX_VERSION {
        return Err("it is longer than 255 bytes");
    }
    if version.contains(|c: char| c.is_whitespace() || c.is_control()) {
        return Err("it has blanks or control characters");
    }
    Ok(())
}

const fn order(
    id: &'static str,
    title: &'static str,
    osv: &'static [&'static str],
    purl_types: &'static [&'static str],
    key: fn(&str) -> Result<SortKey, &'static str>,
) -> Order {
    Order { id, title, osv, purl_types, key, compare: None }
}

/// All orders.
pub static ORDERS: [Order; 17] = [
    order("debian", "Debian", &["Debian", "Ubuntu", "Echo"], &["deb"], debian::key),
    order(
        "rpm",
        "RPM",
        &["Red Hat", "AlmaLinux", "Rocky Linux", "SUSE", "openSUSE", "Mageia", "openEuler", "Photon OS", "Azure Linux"],
        &["rpm"],
        rpm::key,
    ),
    order(
        "alpine",
        "Alpine",
        &["Alpine", "Wolfi", "Chainguard", "MinimOS", "Alpaquita", "BellSoft Hardened Containers", "CleanStart"],
        &["apk"],
        alpine::key,
    ),
    order("rubygems", "RubyGems", &["RubyGems"], &["gem"], rubygems::key),
    order("nuget", "NuGet", &["NuGet"], &["nuget"], semver::nuget),
    Order {
        compare: Some(packagist::compare),
        ..order("packagist", "Packagist", &["Packagist"], &["composer"], packagist::key)
    },
    order("hex", "Hex", &["Hex"], &["hex", "otp"], semver::key),
    order("pub", "Pub", &["Pub"], &["pub"], semver::with_build),
    order("julia", "Julia", &["Julia"], &["julia"], semver::with_build),
    order("hackage", "Hackage", &["Hackage", "GHC"], &["hackage"], numbers::dotted),
    order("opam", "opam", &["opam"], &["opam"], debian::opam),
    order("bioconductor", "Bioconductor", &["Bioconductor"], &[], numbers::r),
    order(
        "semver",
        "SemVer",
        &["Bitnami", "SwiftURL", "GitHub Actions", "Kubernetes", "Linux", "VSCode"],
        &["bitnami", "swift", "vscode-extension"],
        semver::key,
    ),
    Order { compare: Some(conan::compare), ..order("conan", "Conan", &["ConanCenter"], &["conan"], conan::key) },
    order("gentoo", "Gentoo", &[], &["ebuild"], gentoo::key),
    order("openssl", "OpenSSL", &[], &[], openssl::key),
    order("nginx", "nginx", &[], &[], semver::key),
];

/// Ecosystems of OSV whose versions have no order that is written down, or one for which there is no reference to check it
/// with: advisories for them count by the versions they list, and by nothing else.
pub const UNORDERED: [&str; 3] = ["Android", "FreeBSD", "OSS-Fuzz"];

/// Ecosystems of OSV that stand for another one, which is named after the first colon: `Root:Debian:12`.
const WRAPPERS: [&str; 3] = ["Root", "TuxCare", "Docker Hardened Images"];

/// What an ecosystem of OSV is called without the suffix for a release (`Debian:12`), and without a wrapper
/// (`Root:Debian:12`): `Debian`.
pub fn base(osv: &str) -> &str {
    match osv.split_once(':') {
        Some((wrapper, rest)) if WRAPPERS.contains(&wrapper) => base(rest),
        Some((base, _)) => base,
        None => osv,
    }
}

/// The order that an ecosystem of OSV follows.
pub fn by_osv(osv: &str) -> Option<&'static Order> {
    let base = base(osv);
    ORDERS.iter().find(|order| order.osv.contains(&base))
}

/// The order that a type of package URLs follows.
pub fn by_purl_type(purl_type: &str) -> Option<&'static Order> {
    ORDERS.iter().find(|order| order.purl_types.contains(&purl_type))
}

/// The order that a person means: its word, its name, an ecosystem of OSV or a type of package URLs, in any case.
pub fn by_name(name: &str) -> Option<&'static Order> {
    let is = |known: &&str| known.eq_ignore_ascii_case(name);
    let said = ORDERS.iter().find(|order| is(&order.id) || is(&order.title));
    let osv = || ORDERS.iter().find(|order| order.osv.iter().any(|known| known.eq_ignore_ascii_case(base(name))));
    said.or_else(osv).or_else(|| ORDERS.iter().find(|order| order.purl_types.iter().any(is)))
}
