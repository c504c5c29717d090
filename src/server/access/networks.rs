//! Where a request comes from.

use std::net::IpAddr;

use http::HeaderMap;
use ipnet::IpNet;

/// Each proxy appends the address that it was contacted from.
const FORWARDED_FOR: &str = "x-forwarded-for";

/// A list of networks.
#[derive(Debug, Clone, Default)]
pub(super) struct Networks(Vec<IpNet>);

impl Networks {
    pub(super) fn new(networks: Vec<IpNet>) -> Self {
        Networks(networks)
    }

    /// Whether an address is in one of them. One that a socket for both protocols shows as
    /// `::ffff:a.b.c.d` is the IPv4 address that it is.
    pub(super) fn contain(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|network| network.contains(&address))
    }

    /// The client's address, with these networks those of trusted proxies: the peer's, or if that is
    /// a proxy, the last address in `X-Forwarded-For` that is none. What is left of that the client
    /// may have written itself. `None` if a proxy says something that is no address.
    pub(super) fn client(&self, peer: IpAddr, headers: &HeaderMap) -> Option<IpAddr> {
        let mut client = peer.to_canonical();
        let values: Vec<_> = headers.get_all(FORWARDED_FOR).iter().collect();
        for value in values.into_iter().rev() {
            for hop in value.as_bytes().rsplit(|byte| *byte == b',') {
                if !self.contain(client) {
                    return Some(client);
                }
                client = address(hop)?;
            }
        }
        Some(client)
    }
}

/// One entry: an address, some proxies add the port.
fn address(hop: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(hop).ok()?.trim();
    let socket = || text.parse::<std::net::SocketAddr>().map(|socket| socket.ip());
    text.parse().or_else(|_| socket()).ok().map(|address: IpAddr| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn networks(list: &[&str]) -> Networks {
        Networks::new(list.iter().map(|text| text.parse().expect(text)).collect())
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().expect(text)
    }

    #[test]
    fn no_network_holds_nobody() {
        assert!(!Networks::default().contain(ip("127.0.0.1")));
    }

    #[test]
    fn addresses_are_compared_as_what_they_are() {
        let networks = networks(&["10.0.0.0/8", "2001:db8::/32", "192.0.2.1/32"]);
        for inside in ["10.1.2.3", "::ffff:10.1.2.3", "2001:db8::1", "192.0.2.1"] {
            assert!(networks.contain(ip(inside)), "{inside}");
        }
        for outside in ["11.0.0.1", "::10.1.2.3", "2001:db9::1", "192.0.2.2", "::"] {
            assert!(!networks.contain(ip(outside)), "{outside}");
        }
    }

    #[test]
    fn only_what_trusted_proxies_say_is_believed() {
        let proxies = networks(&["10.0.0.0/8", "fd00::/8"]);
        let client = Some(ip("192.0.2.1"));
        for (peer, forwarded, expected) in [
            ("192.0.2.1", vec![], client),
            ("192.0.2.1", vec!["10.0.0.1"], client),
            ("192.0.2.1", vec!["198.51.100.7, 10.0.0.1"], client),
            ("10.0.0.1", vec![], Some(ip("10.0.0.1"))),
            ("10.0.0.1", vec!["192.0.2.1"], client),
            ("::ffff:10.0.0.1", vec!["192.0.2.1"], client),
            ("fd00::1", vec!["192.0.2.1"], client),
            ("10.0.0.1", vec!["::ffff:192.0.2.1"], client),
            ("10.0.0.1", vec!["192.0.2.1:4711"], client),
            ("10.0.0.1", vec!["[2001:db8::1]:4711"], Some(ip("2001:db8::1"))),
            ("10.0.0.1", vec!["198.51.100.7, 192.0.2.1"], client),
            ("10.0.0.1", vec!["10.9.9.9, 192.0.2.1"], client),
            ("10.0.0.1", vec!["198.51.100.7,192.0.2.1 ,\t10.0.0.2,10.0.0.3"], client),
            ("10.0.0.1", vec!["198.51.100.7", "192.0.2.1", "10.0.0.2"], client),
            ("10.0.0.1", vec!["10.0.0.3, 10.0.0.2"], Some(ip("10.0.0.3"))),
            ("10.0.0.1", vec!["nonsense, 192.0.2.1"], client),
            ("10.0.0.1", vec!["192.0.2.1, nonsense"], None),
            ("10.0.0.1", vec!["192.0.2.1, unknown, 10.0.0.2"], None),
            ("10.0.0.1", vec![""], None),
            ("10.0.0.1", vec!["192.0.2.1,"], None),
            ("10.0.0.1", vec!["010.0.0.1"], None),
            ("10.0.0.1", vec!["2130706433"], None),
        ] {
            let mut headers = HeaderMap::new();
            for value in &forwarded {
                headers.append(FORWARDED_FOR, HeaderValue::from_str(value).expect("a header"));
            }
            assert_eq!(proxies.client(ip(peer), &headers), expected, "{peer} {forwarded:?}");
        }
    }

    #[test]
    fn without_trusted_proxies_the_header_does_not_matter() {
        let mut headers = HeaderMap::new();
        headers.append(FORWARDED_FOR, HeaderValue::from_static("10.0.0.1"));
        let client = Networks::default().client(ip("192.0.2.1"), &headers);
        assert_eq!(client, Some(ip("192.0.2.1")));
    }
}
