//! Carries out acts of administration: on a store, with its master key, or by a server, as an operator's client.
//!
//! Each act is a method that returns what people are shown, the same in both cases, so that the caller need not know which it is.

mod audit;
mod clients;
mod found;
mod keys;
mod merchants;
mod secrets;
mod tokens;
mod values;

use tollgate_client::Environment;
use tollgate_store::Actor;

pub(crate) use self::values::text_of;
pub use self::values::{Tokens, name_of};
use crate::api::{AdminApi, ApiError};
use crate::opened::Opened;

/// How many items are read at a time.
const PAGE: u32 = 1_000;

/// The store or server on which acts are carried out.
pub enum Desk {
    /// A store, and the actor who works on it.
    Store(Box<Opened>, Actor),
    /// A server, by its API.
    Server(Box<AdminApi>),
}

impl Desk {
    /// Acts on a store, as `actor`.
    pub fn on_store(opened: Opened, actor: Actor) -> Self {
        Self::Store(Box::new(opened), actor)
    }

    /// Acts by the server that is administered at `url`, as the client that the environment describes. `reason` is written to the audit
    /// trail with every change.
    pub async fn by_server(
        url: &str,
        environment: &Environment,
        reason: Option<String>,
    ) -> Result<Self, ApiError> {
        Ok(Self::Server(Box::new(AdminApi::open(url, environment, reason).await?)))
    }
}
