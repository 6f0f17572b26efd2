//! The source by which limits group callers.

use std::net::IpAddr;

use crate::ClientAddress;

/// A group of callers whose events are counted together: an IPv4 address, or the /64 of an IPv6 address, which is one subscriber's.
///
/// All callers whose address is not known are one source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Source {
    /// An IPv4 address.
    V4(u32),
    /// The first half of an IPv6 address.
    V6(u64),
    /// All callers whose address a trusted proxy doesn't state.
    Unknown,
}

impl Source {
    /// Returns the source that a caller belongs to.
    pub fn of(address: ClientAddress) -> Self {
        match address.known().map(|address| address.to_canonical()) {
            Some(IpAddr::V4(address)) => Self::V4(address.into()),
            Some(IpAddr::V6(address)) => Self::V6((u128::from(address) >> 64) as u64),
            None => Self::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(address: &str) -> Source {
        Source::of(ClientAddress::Known(address.parse().unwrap()))
    }

    #[test]
    fn addresses_of_one_subscriber_are_one_source() {
        assert_eq!(source("2001:db8::1"), source("2001:db8::ffff:0:1"));
        assert_ne!(source("2001:db8::1"), source("2001:db8:0:1::1"));
        assert_eq!(source("10.0.0.1"), source("::ffff:10.0.0.1"));
        assert_ne!(source("10.0.0.1"), source("10.0.0.2"));
        assert_ne!(Source::of(ClientAddress::Unknown), source("0.0.0.0"));
        assert_ne!(Source::of(ClientAddress::Unknown), source("::"));
    }
}
