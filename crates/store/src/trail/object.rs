//! What a record of the audit trail is about.

use std::fmt;

use tollgate_core::{Algorithm, ClientId, KeyId, MerchantId, SecretId, SessionId, TokenId};

/// The object of a record. The text form is what a store keeps, such as `client:0191e0a1-5c3b-7def-8123-456789abcdef`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Object {
    /// A merchant, by its id.
    Merchant(MerchantId),
    /// A client, by its id.
    Client(ClientId),
    /// A secret, by its client's id and its own.
    Secret(ClientId, SecretId),
    /// A token, by its id.
    Token(TokenId),
    /// A signing key, by its id.
    SigningKey(KeyId),
    /// The signing keys of an algorithm.
    Algorithm(Algorithm),
    /// The settings that the servers of a store agree on.
    Configuration,
    /// The store as a whole.
    Store,
    /// The audit trail itself.
    Trail,
    /// A server, by the name of its machine.
    Server(String),
    /// The console as a whole, with all of its sessions.
    Console,
    /// A session of the console, which begins with the link that opens it.
    ConsoleSession(SessionId),
    /// A route of the HTTP API, for a request that was refused before its object was known.
    Route(String),
}

impl Object {
    /// Returns the client that it concerns.
    pub const fn client_id(&self) -> Option<ClientId> {
        match self {
            Self::Client(id) | Self::Secret(id, _) => Some(*id),
            _ => None,
        }
    }

    /// Returns the merchant's id, if it is a merchant.
    pub const fn merchant_id(&self) -> Option<MerchantId> {
        match self {
            Self::Merchant(id) => Some(*id),
            _ => None,
        }
    }
}

impl fmt::Display for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Merchant(id) => write!(f, "merchant:{id}"),
            Self::Client(id) => write!(f, "client:{id}"),
            Self::Secret(_, id) => write!(f, "secret:{id}"),
            Self::Token(id) => write!(f, "token:{id}"),
            Self::SigningKey(id) => write!(f, "key:{id}"),
            Self::Algorithm(algorithm) => write!(f, "algorithm:{algorithm}"),
            Self::Configuration => f.write_str("configuration"),
            Self::Store => f.write_str("store"),
            Self::Trail => f.write_str("trail"),
            Self::Server(name) => write!(f, "server:{name}"),
            Self::Console => f.write_str("console"),
            Self::ConsoleSession(id) => write!(f, "console-session:{id}"),
            Self::Route(route) => write!(f, "route:{route}"),
        }
    }
}
