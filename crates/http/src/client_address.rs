//! Where a request comes from, when proxies stand in between.

use std::net::IpAddr;

use http::HeaderMap;
use ipnet::IpNet;

/// The address of the caller: the peer, or, where the peer is a trusted proxy, the nearest address in
/// `X-Forwarded-For` that is not one. What stands further left is the caller's own claim and is not believed.
pub fn client_address(peer: IpAddr, headers: &HeaderMap, trusted: &[IpNet]) -> IpAddr {
    let mut address = peer.to_canonical();
    if trusted.is_empty() {
        return address;
    }
    let is_trusted = |address: IpAddr| trusted.iter().any(|block| block.contains(&address));
    let lines: Vec<&str> =
        headers.get_all("x-forwarded-for").iter().filter_map(|line| line.to_str().ok()).collect();
    for hop in lines.iter().rev().flat_map(|line| line.rsplit(',')) {
        let Ok(hop) = hop.trim().parse::<IpAddr>() else { return address };
        if !is_trusted(address) {
            return address;
        }
        address = hop.to_canonical();
    }
    address
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn address(peer: &str, forwarded: &[&str], trusted: &[&str]) -> String {
        let mut headers = HeaderMap::new();
        for line in forwarded {
            headers.append("x-forwarded-for", HeaderValue::from_str(line).unwrap());
        }
        let trusted: Vec<IpNet> = trusted.iter().map(|block| block.parse().unwrap()).collect();
        client_address(peer.parse().unwrap(), &headers, &trusted).to_string()
    }

    #[test]
    fn nobody_is_believed_unless_trusted() {
        assert_eq!(address("10.0.0.1", &["192.0.2.1"], &[]), "10.0.0.1");
        assert_eq!(address("192.0.2.9", &["192.0.2.1"], &["10.0.0.0/8"]), "192.0.2.9");
    }

    #[test]
    fn the_nearest_untrusted_hop_is_the_caller() {
        let trusted = &["10.0.0.0/8"];
        assert_eq!(address("10.0.0.1", &["192.0.2.1"], trusted), "192.0.2.1");
        assert_eq!(address("10.0.0.1", &["203.0.113.7, 192.0.2.1, 10.0.0.2"], trusted), "192.0.2.1");
        assert_eq!(address("10.0.0.1", &["203.0.113.7", "192.0.2.1"], trusted), "192.0.2.1");
        assert_eq!(address("::ffff:10.0.0.1", &["192.0.2.1"], trusted), "192.0.2.1");
        assert_eq!(address("10.0.0.1", &["nonsense"], trusted), "10.0.0.1");
        assert_eq!(address("10.0.0.1", &[], trusted), "10.0.0.1");
    }
}
