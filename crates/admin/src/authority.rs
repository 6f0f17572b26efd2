//! By what right somebody administers, and what they can't do by it: to give rights that they don't have, and to lock
//! themselves out.

use tollgate_config::Role;
use tollgate_core::{ClientId, Scope, SecretId};
use tollgate_store::Client;

use super::AdminError;

/// By what right somebody administers.
#[derive(Debug, Clone, Copy)]
pub enum Authority<'a> {
    /// They have the master key and the store, which is everything.
    MasterKey,
    /// They are an operator with the roles of a scope.
    Operator {
        /// The scope.
        scope: &'a Scope,
        /// The client that they are, and the secret that it has authenticated with if it was with one.
        by: Option<(ClientId, Option<SecretId>)>,
    },
}

impl Authority<'_> {
    /// Refuses to give a role to somebody if they don't have it themselves.
    pub(super) fn check_gives(self, scope: &Scope) -> Result<(), AdminError> {
        let Self::Operator { scope: own, .. } = self else { return Ok(()) };
        match scope.words().find(|word| Role::is_given_by(word) && !own.contains(word)) {
            Some(word) => Err(AdminError::BeyondAuthority(word.to_owned())),
            None => Ok(()),
        }
    }

    /// Refuses to make an operator, or to be one under another name, to whoever is only one: who could would be two people.
    pub(super) fn check_makes_operators(self, scope: &Scope) -> Result<(), AdminError> {
        match self {
            Self::Operator { .. } if scope.words().any(Role::is_given_by) => Err(AdminError::MakesOperators),
            Self::Operator { .. } | Self::MasterKey => Ok(()),
        }
    }

    /// Refuses to change a client that has a role which they don't have: who could add a secret to it could take its place.
    pub(super) fn check_changes(self, client: &Client) -> Result<(), AdminError> {
        if client.merchant_id.is_some() { Ok(()) } else { self.check_gives(&client.scope) }
    }

    /// Refuses to do something to the client that they have authenticated with.
    pub(super) fn check_is_another(self, client: ClientId) -> Result<(), AdminError> {
        match self {
            Self::Operator { by: Some((own, _)), .. } if own == client => Err(AdminError::Oneself),
            Self::Operator { .. } | Self::MasterKey => Ok(()),
        }
    }

    /// Refuses to do something to the secret that they have authenticated with.
    pub(super) fn check_is_another_secret(self, secret: SecretId) -> Result<(), AdminError> {
        match self {
            Self::Operator { by: Some((_, Some(own))), .. } if own == secret => Err(AdminError::Oneself),
            Self::Operator { .. } | Self::MasterKey => Ok(()),
        }
    }
}
