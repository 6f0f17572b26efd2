//! The address of the caller.

use std::net::IpAddr;

/// The address that a request comes from, with proxies left out. A listener puts it into the extensions of a request; the guard refuses
/// a token that may be used only from some addresses if it is missing or unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ClientAddress {
    /// The address of the connection, or the one that a trusted proxy states.
    Known(IpAddr),
    /// A trusted proxy states something that is not an address. The caller is in no list of networks, and is throttled
    /// together with all other unknown addresses.
    Unknown,
}

impl ClientAddress {
    /// Returns the address, if it is known.
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
