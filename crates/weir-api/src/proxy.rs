//! Who a request is really from, when a proxy is in between.
//!
//! A proxy tells in `X-Forwarded-For` (or `Forwarded`, RFC 7239) whom it speaks for. Anybody can send these headers, so they
//! are believed from listed proxies alone, and of what they say only the part that such a proxy has added itself.

use std::net::{IpAddr, SocketAddr};

use http::{HeaderMap, header};

/// Most hops that are looked at, from the nearest.
const MAX_HOPS: usize = 32;

/// Headers that tell of a proxy, whoever sends them.
const SIGNS: [&str; 8] = [
    "x-forwarded-for",
    "forwarded",
    "via",
    "x-forwarded-host",
    "x-forwarded-proto",
    "x-forwarded-prefix",
    "x-forwarded-server",
    "x-real-ip",
];

/// A range of addresses: `10.0.0.0/8`, `::1/128`, or one address.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Network {
    address: IpAddr,
    bits: u32,
}

impl Network {
    /// Reads a range; `Err` says what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        const FORM: &str = "expected an address or a range, such as `10.0.0.0/8` or `::1/128`";
        let (address, bits) =
            text.trim().split_once('/').map_or((text.trim(), None), |(address, bits)| (address, Some(bits)));
        let address: IpAddr = address.parse().map_err(|_| String::from(FORM))?;
        let width = if address.is_ipv4() { 32 } else { 128 };
        let bits = match bits {
            None => width,
            Some(bits) => bits.parse::<u32>().ok().filter(|bits| *bits <= width).ok_or(FORM)?,
        };
        let network = Self { address, bits };
        if network.first() != address {
            return Err(format!("it has bits beyond its prefix; did you mean `{}/{bits}`?", network.first()));
        }
        Ok(network)
    }

    /// True if an address lies in it. IPv4 in IPv6 is IPv4.
    pub fn contains(&self, address: IpAddr) -> bool {
        let own = Self { address: address.to_canonical(), bits: self.bits };
        own.address.is_ipv4() == self.address.is_ipv4() && own.first() == self.address
    }

    /// The first address of the range.
    fn first(&self) -> IpAddr {
        match self.address {
            IpAddr::V4(address) => {
                let mask = u32::MAX.checked_shl(32 - self.bits).unwrap_or(0);
                IpAddr::from((u32::from(address) & mask).to_be_bytes())
            }
            IpAddr::V6(address) => {
                let mask = u128::MAX.checked_shl(128 - self.bits).unwrap_or(0);
                IpAddr::from((u128::from(address) & mask).to_be_bytes())
            }
        }
    }
}

/// The proxies that are believed.
#[derive(Clone, Default, Debug)]
pub struct Proxies(Vec<Network>);

impl FromIterator<Network> for Proxies {
    fn from_iter<I: IntoIterator<Item = Network>>(networks: I) -> Self {
        Self(networks.into_iter().collect())
    }
}

/// Where a request comes from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Origin {
    /// The client as far as it can be told: the peer, or whom a believed proxy names. `None` if such a proxy names nobody.
    pub client: Option<IpAddr>,
    /// It came through a proxy, believed or not.
    pub forwarded: bool,
}

impl Proxies {
    /// Where the request with `headers` from `peer` comes from.
    pub fn origin(&self, headers: &HeaderMap, peer: IpAddr) -> Origin {
        // A request has few headers, and looking eight names up in a map costs more than comparing them.
        let forwarded = headers.keys().any(|name| SIGNS.contains(&name.as_str()));
        let direct = Origin { client: Some(peer.to_canonical()), forwarded };
        if !forwarded || !self.believe(peer) {
            return direct;
        }
        // Of the two headers the older one counts if it is there. A proxy that sets one must not hand on the other.
        if headers.contains_key("x-forwarded-for") {
            let hops = headers.get_all("x-forwarded-for").iter().rev();
            let hops = hops.flat_map(|value| value.to_str().unwrap_or("?").rsplit(',').map(address));
            Origin { client: self.nearest(hops), forwarded }
        } else if headers.contains_key(header::FORWARDED) {
            let hops = headers.get_all(header::FORWARDED).iter().rev();
            let hops = hops.flat_map(|value| value.to_str().unwrap_or("?").rsplit(',').map(element));
            Origin { client: self.nearest(hops), forwarded }
        } else {
            Origin { client: None, forwarded }
        }
    }

    fn believe(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(address))
    }

    /// The nearest hop that is no believed proxy; the farthest one where all are. What stands behind it could be anybody's
    /// invention. A hop that is no address is nobody.
    fn nearest(&self, hops: impl Iterator<Item = Option<IpAddr>>) -> Option<IpAddr> {
        let mut last = None;
        for hop in hops.take(MAX_HOPS) {
            last = hop;
            if hop.is_none_or(|hop| !self.believe(hop)) {
                break;
            }
        }
        last
    }
}

/// An address as proxies write it: bare, in brackets, with a port.
fn address(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    let address = bare.parse::<IpAddr>().ok().or_else(|| Some(text.parse::<SocketAddr>().ok()?.ip()))?;
    Some(address.to_canonical())
}

/// The address in the `for` of one element of `Forwarded`.
fn element(text: &str) -> Option<IpAddr> {
    let named = text.split(';').find_map(|pair| {
        let (name, value) = pair.split_once('=')?;
        name.trim().eq_ignore_ascii_case("for").then_some(value.trim())
    })?;
    address(named.trim_matches('"'))
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue};

    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn proxies() -> Proxies {
        ["10.0.0.0/8", "::1/128", "192.0.2.7"].iter().map(|text| Network::parse(text).unwrap()).collect()
    }

    fn client(peer: &str, headers: &[(&str, &str)]) -> Option<IpAddr> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(HeaderName::try_from(*name).unwrap(), HeaderValue::try_from(*value).unwrap());
        }
        proxies().origin(&map, ip(peer)).client
    }

    #[test]
    fn a_range_has_what_is_in_it() {
        for (network, inside, outside) in [
            (
                "10.0.0.0/8",
                vec!["10.0.0.0", "10.255.255.255", "::ffff:10.1.2.3"],
                vec!["11.0.0.0", "9.255.255.255", "::a00:1"],
            ),
            ("192.0.2.7", vec!["192.0.2.7"], vec!["192.0.2.6", "192.0.2.8"]),
            ("192.0.2.0/31", vec!["192.0.2.0", "192.0.2.1"], vec!["192.0.2.2"]),
            ("0.0.0.0/0", vec!["1.2.3.4", "255.255.255.255"], vec!["::1"]),
            ("::1/128", vec!["::1"], vec!["::2", "127.0.0.1"]),
            ("2001:db8::/32", vec!["2001:db8::1", "2001:db8:ffff::"], vec!["2001:db9::"]),
            ("::/0", vec!["::1", "2001:db8::1"], vec!["1.2.3.4"]),
        ] {
            let range = Network::parse(network).unwrap();
            assert!(inside.iter().all(|address| range.contains(ip(address))), "{network}");
            assert!(!outside.iter().any(|address| range.contains(ip(address))), "{network}");
        }
    }

    #[test]
    fn what_is_no_range_is_told() {
        for (bad, told) in [
            ("", "expected an address"),
            ("10.0.0.0/33", "expected an address"),
            ("10.0.0.0/-1", "expected an address"),
            ("10.0.0.0/8/8", "expected an address"),
            ("proxy.example", "expected an address"),
            ("10.1.2.3/8", "did you mean `10.0.0.0/8`?"),
            ("2001:db8::1/32", "did you mean `2001:db8::/32`?"),
        ] {
            let problem = Network::parse(bad).unwrap_err();
            assert!(problem.contains(told), "{bad}: {problem}");
        }
    }

    #[test]
    fn a_stranger_is_not_believed() {
        let spoofed = [("x-forwarded-for", "127.0.0.1"), ("forwarded", "for=127.0.0.1")];
        assert_eq!(client("203.0.113.9", &spoofed), Some(ip("203.0.113.9")));
        assert_eq!(client("::ffff:203.0.113.9", &spoofed), Some(ip("203.0.113.9")));
        assert_eq!(client("127.0.0.1", &spoofed), Some(ip("127.0.0.1")), "loopback is not listed here");
    }

    #[test]
    fn of_a_believed_proxy_the_nearest_hop_counts_that_is_no_proxy() {
        for (value, expected) in [
            ("203.0.113.9", Some("203.0.113.9")),
            ("203.0.113.9, 10.0.0.2", Some("203.0.113.9")),
            // What stands left of the client is what the client sent.
            ("127.0.0.1, 203.0.113.9, 10.0.0.2, 192.0.2.7", Some("203.0.113.9")),
            ("10.0.0.3, 10.0.0.2", Some("10.0.0.3")),
            ("203.0.113.9:4711", Some("203.0.113.9")),
            ("[2001:db8::9]:4711", Some("2001:db8::9")),
            ("[2001:db8::9]", Some("2001:db8::9")),
            ("2001:db8::9", Some("2001:db8::9")),
            ("203.0.113.9, unknown", None),
            ("203.0.113.9,", None),
            ("\u{fc}", None),
        ] {
            assert_eq!(client("10.0.0.1", &[("x-forwarded-for", value)]), expected.map(ip), "{value}");
        }
        let twice = [("x-forwarded-for", "127.0.0.1"), ("x-forwarded-for", "203.0.113.9")];
        assert_eq!(client("10.0.0.1", &twice), Some(ip("203.0.113.9")));
        let endless = vec!["10.0.0.1"; 5_000].join(",");
        assert_eq!(client("10.0.0.1", &[("x-forwarded-for", &endless)]), Some(ip("10.0.0.1")));
        assert_eq!(client("10.0.0.1", &[]), Some(ip("10.0.0.1")));
        assert_eq!(client("10.0.0.1", &[("via", "1.1 proxy")]), None);
    }

    #[test]
    fn the_newer_header_is_read_where_the_older_one_is_absent() {
        for (value, expected) in [
            ("for=203.0.113.9", Some("203.0.113.9")),
            ("For=\"[2001:db8::9]:4711\";proto=https, by=x;for=10.0.0.2", Some("2001:db8::9")),
            ("for=127.0.0.1, for=203.0.113.9;host=a.example", Some("203.0.113.9")),
            ("for=_hidden", None),
            ("proto=https", None),
        ] {
            assert_eq!(client("::1", &[("forwarded", value)]), expected.map(ip), "{value}");
        }
        let both = [("x-forwarded-for", "203.0.113.9"), ("forwarded", "for=127.0.0.1")];
        assert_eq!(client("::1", &both), Some(ip("203.0.113.9")));
    }
}
