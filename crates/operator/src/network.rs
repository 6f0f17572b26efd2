//! Networks that clients may call from.

use std::net::IpAddr;

use ipnet::IpNet;

/// Parses a CIDR block, or a single address.
pub fn network(text: &str) -> Result<IpNet, &'static str> {
    let network = text.parse().ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from));
    network.ok_or("expected a CIDR block such as 10.0.0.0/8, or an address")
}
