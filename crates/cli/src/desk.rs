//! Where the acts of administration go: to a store, with its master key, or to a server, as an operator's client.
//!
//! Each act is a method that returns what a command prints, so that a command is written once and says the same of both.

mod api;
mod audit;
mod clients;
mod found;
mod keys;
mod merchants;
mod secrets;
mod tokens;
mod values;

use tollgate_core::Actor;
use tollgate_store::Access;

use self::api::AdminApi;
pub(crate) use self::values::{Tokens, name_of, text_of};
use crate::actor::{actor, actor_because};
use crate::args::{WhereArgs, Why};
use crate::failure::Failure;
use crate::open::{self, Opened};

/// How many things are read at once.
const PAGE: u32 = 1_000;

/// Where acts go.
pub(crate) enum Desk {
    /// To a store.
    Store(Box<Opened>, Actor),
    /// To a server.
    Server(Box<AdminApi>),
}

impl Desk {
    /// Opens what the arguments name, and says on standard error what that is.
    pub(crate) async fn open(on: &WhereArgs, access: Access) -> Result<Self, Failure> {
        match &on.server {
            Some(url) => Ok(Self::Server(Box::new(AdminApi::open(url).await?))),
            None => Ok(Self::Store(Box::new(open::installation(&on.store, access).await?), actor())),
        }
    }

    /// Opens it for an act that is done for a reason.
    pub(crate) async fn open_because(on: &WhereArgs, access: Access, why: Why) -> Result<Self, Failure> {
        Ok(match Self::open(on, access).await? {
            Self::Store(opened, _) => Self::Store(opened, actor_because(why)),
            Self::Server(api) => Self::Server(Box::new(api.because(why.reason.map(String::from)))),
        })
    }
}
