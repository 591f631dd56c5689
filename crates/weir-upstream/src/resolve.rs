//! What a host's name may stand for: a name is somebody else's to define, and must not lead to where only this machine
//! can go.
//!
//! A host that an upstream may contact is listed, so whoever wrote the list has named it. What that name stands for is
//! said by DNS each time anew. An upstream in the own network is normal; link-local addresses, where clouds keep the
//! credentials of a machine, are never a registry. An address that is itself in the list is contacted as it is.

use std::error::Error as StdError;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

/// Addresses outside the link-local ranges at which clouds keep the credentials of a machine.
const METADATA: [IpAddr; 3] = [
    IpAddr::V4(Ipv4Addr::new(100, 100, 100, 200)),
    IpAddr::V4(Ipv4Addr::new(192, 0, 0, 192)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)),
];

/// Resolves the names of an upstream's hosts, and leaves out what they may not stand for.
#[derive(Debug)]
pub(crate) struct Resolver {
    /// The upstream's own hosts. Any other name that is asked for is that of a proxy.
    pub(crate) hosts: Vec<String>,
    /// They are those of a public registry: none of them is on this machine.
    pub(crate) public: bool,
}

/// A name that stands for nothing that may be contacted.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct NotAllowed {
    pub(crate) host: String,
    pub(crate) address: IpAddr,
    pub(crate) kind: &'static str,
}

impl fmt::Display for NotAllowed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` stands for {}, {}", self.host, self.address, self.kind)
    }
}

impl StdError for NotAllowed {}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let host = name.as_str().to_owned();
        let (listed, public) = (self.hosts.contains(&host), self.public);
        Box::pin(async move {
            let found: Vec<SocketAddr> = tokio::net::lookup_host((host.as_str(), 0)).await?.collect();
            let allowed = if listed { allowed(&host, found, public)? } else { found };
            Ok(Box::new(allowed.into_iter()) as Addrs)
        })
    }
}

/// Those of `found` that may be contacted; an error if there are some, but none of them may.
fn allowed(host: &str, found: Vec<SocketAddr>, public: bool) -> Result<Vec<SocketAddr>, NotAllowed> {
    let mut refused = None;
    let allowed: Vec<_> = found
        .into_iter()
        .filter(|address| match forbidden(address.ip(), public) {
            Some(kind) => {
                refused = Some(NotAllowed { host: host.to_owned(), address: address.ip(), kind });
                false
            }
            None => true,
        })
        .collect();
    match refused {
        Some(refused) if allowed.is_empty() => Err(refused),
        _ => Ok(allowed),
    }
}

/// What kind of address it is, if a name may not stand for it.
fn forbidden(address: IpAddr, public: bool) -> Option<&'static str> {
    let address = embedded(address);
    let (link_local, broadcast) = match address {
        IpAddr::V4(address) => (address.is_link_local(), address.is_broadcast() || address.octets()[0] == 0),
        IpAddr::V6(address) => (address.is_unicast_link_local(), false),
    };
    if link_local || METADATA.contains(&address) {
        Some("an address at which clouds keep the credentials of a machine")
    } else if broadcast || address.is_unspecified() || address.is_multicast() {
        Some("an address that is no single machine's")
    } else if public && address.is_loopback() {
        Some("an address of this machine")
    } else {
        None
    }
}

/// The IPv4 address that an IPv6 address stands for: mapped, or by NAT64 (RFC 6052).
fn embedded(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => match v6.segments() {
            [0x64, 0xff9b, 0, 0, 0, 0, high, low] => IpAddr::V4(Ipv4Addr::from(u32::from(high) << 16 | u32::from(low))),
            _ => IpAddr::V6(v6),
        },
        v4 => v4,
    }
}

/// The refusal of a name in the causes of a request's failure.
pub(crate) fn refusal<'e>(error: &'e (dyn StdError + 'static)) -> Option<&'e NotAllowed> {
    error.downcast_ref().or_else(|| error.source().and_then(refusal))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(address: &str) -> SocketAddr {
        SocketAddr::new(address.parse().unwrap(), 0)
    }

    #[test]
    fn a_name_stands_for_no_link_local_metadata_or_shared_address() {
        for address in [
            "169.254.169.254",
            "169.254.0.1",
            "fe80::1",
            "fd00:ec2::254",
            "100.100.100.200",
            "192.0.0.192",
            "::ffff:169.254.169.254",
            "64:ff9b::a9fe:a9fe",
            "0.0.0.0",
            "0.1.2.3",
            "::",
            "255.255.255.255",
            "224.0.0.1",
            "ff02::1",
        ] {
            for public in [false, true] {
                let error = allowed("index.example", vec![at(address)], public).unwrap_err();
                assert!(error.to_string().starts_with("`index.example` stands for "), "{error}");
            }
        }
    }

    #[test]
    fn the_own_network_and_this_machine_are_where_an_operator_says_so() {
        for address in ["10.1.2.3", "192.168.1.1", "fd12::1", "203.0.113.9", "2001:db8::1"] {
            assert!(allowed("mirror.example", vec![at(address)], false).is_ok(), "{address}");
            // Names of public registries are answered by a resolver of one's own in many networks.
            assert!(allowed("pypi.org", vec![at(address)], true).is_ok(), "{address}");
        }
        for address in ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1", "64:ff9b::7f00:1"] {
            assert!(allowed("localhost", vec![at(address)], false).is_ok(), "{address}");
            assert!(allowed("pypi.org", vec![at(address)], true).is_err(), "{address}");
        }
    }

    #[test]
    fn of_several_addresses_those_that_may_be_contacted_are_left() {
        let both = vec![at("169.254.169.254"), at("203.0.113.9")];
        assert_eq!(allowed("a.example", both, false).unwrap(), [at("203.0.113.9")]);
        assert_eq!(allowed("a.example", Vec::new(), false).unwrap(), []);
    }
}
