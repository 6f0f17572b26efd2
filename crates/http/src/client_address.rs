//! The address of the caller.

use std::net::IpAddr;

/// Where a request comes from, proxies left out. A listener puts it into the extensions of a request; the guard refuses
/// a token that may be used from some addresses only where it is missing or unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ClientAddress {
    /// The address that the connection or a trusted proxy tells.
    Known(IpAddr),
    /// A trusted proxy tells something that is no address. The caller is in no list of addresses, and is throttled
    /// together with all others of whom that much is known.
    Unknown,
}

impl ClientAddress {
    /// The address, if it is known.
    pub const fn known(self) -> Option<IpAddr> {
        match self {
            Self::Known(address) => Some(address),
            Self::Unknown => None,
        }
    }
}

impl From<IpAddr> for ClientAddress {
    fn from(address: IpAddr) -> Self {
        Self::Known(address)
    }
}
