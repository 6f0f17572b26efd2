//! What is wanted, and what there is.

use std::fmt;

use ipnet::IpNet;
use tollgate_core::{Audience, ClientId, Environment, MerchantId, Scope};
use tollgate_store::{Client, Merchant, Status, Terms};

use crate::{Deleted, Name};

/// The merchants and clients that somebody wants.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// The merchants, with their clients.
    pub merchants: Vec<WantedMerchant>,
    /// The operators' clients, which act for no merchant.
    pub operators: Vec<WantedClient>,
}

/// A merchant that somebody wants.
#[derive(Debug, Clone)]
pub struct WantedMerchant {
    /// Its id; without one it is known by its name.
    pub id: Option<MerchantId>,
    /// Its name.
    pub name: Name,
    /// Whether it is accepted; `None` leaves that as it is.
    pub status: Option<Status>,
    /// Its clients.
    pub clients: Vec<WantedClient>,
}

/// A client that somebody wants.
#[derive(Debug, Clone)]
pub struct WantedClient {
    /// Its id; without one it is known by its merchant and its name.
    pub id: Option<ClientId>,
    /// Its name.
    pub name: Name,
    /// Its environment; `None` is the default one of a new client, and any of one that there is.
    pub environment: Option<Environment>,
    /// The most its tokens may allow.
    pub scope: Scope,
    /// The networks that it may call from; empty means any.
    pub addresses: Vec<IpNet>,
    /// The APIs that its tokens may be for; empty means the default one alone.
    pub audiences: Vec<Audience>,
    /// What is different about its tokens, and what else is known of it.
    pub terms: Terms,
    /// Whether it is accepted; `None` leaves that as it is.
    pub status: Option<Status>,
}

/// The merchants and clients that there are.
#[derive(Debug, Clone, Default)]
pub struct Found {
    /// The merchants.
    pub merchants: Vec<Merchant>,
    /// All clients. Their secrets don't matter.
    pub clients: Vec<Client>,
    /// The ids of those that there were not long ago.
    pub deleted: Deleted,
}

/// Something that is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// A merchant.
    Merchant(usize),
    /// A client of a merchant.
    Client(usize, usize),
    /// An operator's client.
    Operator(usize),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Merchant(merchant) => write!(f, "merchants[{merchant}]"),
            Self::Client(merchant, client) => write!(f, "merchants[{merchant}].clients[{client}]"),
            Self::Operator(client) => write!(f, "operators[{client}]"),
        }
    }
}
