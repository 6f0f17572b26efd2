//! The wanted merchants and clients, and the existing ones.

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
    /// Its id; without one it is found by its name.
    pub id: Option<MerchantId>,
    /// Its name, for people.
    pub name: Name,
    /// Whether it is accepted; `None` leaves that as it is.
    pub status: Option<Status>,
    /// The clients that it should have.
    pub clients: Vec<WantedClient>,
}

/// A client that somebody wants.
#[derive(Debug, Clone)]
pub struct WantedClient {
    /// Its id; without one it is found by its merchant and its name.
    pub id: Option<ClientId>,
    /// Its name, for people.
    pub name: Name,
    /// Its environment; `None` for the default environment of a new client, and for any environment of an existing one.
    pub environment: Option<Environment>,
    /// The widest scope that its tokens may have.
    pub scope: Scope,
    /// The networks that it may call from; empty means any network.
    pub addresses: Vec<IpNet>,
    /// The APIs that its tokens may be for; empty means only the default one.
    pub audiences: Vec<Audience>,
    /// Its own token lifetimes, its quota and its labels.
    pub terms: Terms,
    /// Whether it is accepted; `None` leaves that as it is.
    pub status: Option<Status>,
}

/// The merchants and clients that exist.
#[derive(Debug, Clone, Default)]
pub struct Found {
    /// All merchants of the store.
    pub merchants: Vec<Merchant>,
    /// All clients of the store. Their secrets don't matter.
    pub clients: Vec<Client>,
    /// The ids of merchants and clients that were deleted recently.
    pub deleted: Deleted,
}

/// Where a wanted object stands, by its indexes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// A merchant, by its index.
    Merchant(usize),
    /// A client, by its merchant's index and its own.
    Client(usize, usize),
    /// An operator's client, by its index.
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
