//! What counts as one network.

use std::net::IpAddr;

/// The first address of the network that counts as one: an IPv4 address, or the half of an IPv6 address that a site
/// gets (RFC 6177).
pub(crate) fn network_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6((u128::from(address) >> 64 << 64).into()),
        address @ IpAddr::V4(_) => address,
    }
}
