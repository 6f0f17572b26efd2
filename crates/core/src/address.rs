//! The addresses that a token may be used from.

use std::net::IpAddr;

use ipnet::IpNet;

/// Says whether `address` is in one of the CIDR blocks of `list`, which are separated by spaces.
///
/// An IPv4 address counts the same when it is mapped into IPv6. A block that can't be read allows nothing.
pub fn is_allowed(list: &str, address: IpAddr) -> bool {
    let address = address.to_canonical();
    list.split(' ').filter_map(|block| block.parse::<IpNet>().ok()).any(|block| block.contains(&address))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_allowed_by_a_block_that_contains_it() {
        for (list, address, expected) in [
            ("10.0.0.0/8", "10.1.2.3", true),
            ("10.0.0.0/8", "::ffff:10.1.2.3", true),
            ("10.0.0.0/8 ::1/128", "::1", true),
            ("10.0.0.0/8", "11.1.2.3", false),
            ("", "10.1.2.3", false),
            ("everything", "10.1.2.3", false),
        ] {
            assert_eq!(is_allowed(list, address.parse().unwrap()), expected, "{list} {address}");
        }
    }
}
