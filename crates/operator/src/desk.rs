//! Where the acts of administration go: to a store, with its master key, or to a server, as an operator's client.
//!
//! Each act is a method that returns what is shown of it, the same of both, so that whoever calls it need not know which it is.

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

/// How many things are read at once.
const PAGE: u32 = 1_000;

/// Where acts go.
pub enum Desk {
    /// To a store, and who does them.
    Store(Box<Opened>, Actor),
    /// To a server.
    Server(Box<AdminApi>),
}

impl Desk {
    /// Acts on a store, as `actor`.
    pub fn on_store(opened: Opened, actor: Actor) -> Self {
        Self::Store(Box::new(opened), actor)
    }

    /// Acts by the server that is administered at `url`, as the client that the environment describes. `reason` stands in the audit
    /// trail with whatever is changed.
    pub async fn by_server(
        url: &str,
        environment: &Environment,
        reason: Option<String>,
    ) -> Result<Self, ApiError> {
        Ok(Self::Server(Box::new(AdminApi::open(url, environment, reason).await?)))
    }
}
