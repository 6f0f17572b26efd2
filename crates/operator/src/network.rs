//! Networks that clients may call from.

use ipnet::IpNet;

/// Parses a CIDR block, or a single address.
pub fn network(text: &str) -> Result<IpNet, &'static str> {
    tollgate_config::network(text).ok_or("expected a CIDR block such as 10.0.0.0/8, or an address")
}
