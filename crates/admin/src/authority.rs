//! The right by which somebody administers, and its limits: nobody may give rights that they don't have, or lock
//! themselves out.

use tollgate_config::Role;
use tollgate_core::{ClientId, Scope, SecretId};
use tollgate_store::Client;

use super::AdminError;

/// The right by which somebody administers.
#[derive(Debug, Clone, Copy)]
pub enum Authority<'a> {
    /// Somebody has the master key and the store, which allows everything.
    MasterKey,
    /// An operator with the roles of a scope.
    Operator {
        /// The scope that gives the roles.
        scope: &'a Scope,
        /// The operator's client, and the secret that it has authenticated with, if it used one.
        by: Option<(ClientId, Option<SecretId>)>,
    },
}

impl Authority<'_> {
    /// Refuses to give somebody a role that the operator doesn't have.
    pub(super) fn check_gives(self, scope: &Scope) -> Result<(), AdminError> {
        let Self::Operator { scope: own, .. } = self else { return Ok(()) };
        match scope.words().find(|word| Role::is_given_by(word) && !own.contains(word)) {
            Some(word) => Err(AdminError::BeyondAuthority(word.to_owned())),
            None => Ok(()),
        }
    }

    /// Refuses to let an operator give a role to a new client: one operator could then act as two people.
    pub(super) fn check_makes_operators(self, scope: &Scope) -> Result<(), AdminError> {
        match self {
            Self::Operator { .. } if scope.words().any(Role::is_given_by) => Err(AdminError::MakesOperators),
            Self::Operator { .. } | Self::MasterKey => Ok(()),
        }
    }

    /// Refuses to change a client that has a role which the operator doesn't have: adding a secret to it would give the operator its
    /// role.
    pub(super) fn check_changes(self, client: &Client) -> Result<(), AdminError> {
        if client.merchant_id.is_some() { Ok(()) } else { self.check_gives(&client.scope) }
    }

    /// Refuses to do something to the client that the operator has authenticated with.
    pub(super) fn check_is_another(self, client: ClientId) -> Result<(), AdminError> {
        match self {
            Self::Operator { by: Some((own, _)), .. } if own == client => Err(AdminError::Oneself),
            Self::Operator { .. } | Self::MasterKey => Ok(()),
        }
    }

    /// Refuses to do something to the secret that the operator has authenticated with.
    pub(super) fn check_is_another_secret(self, secret: SecretId) -> Result<(), AdminError> {
        match self {
            Self::Operator { by: Some((_, Some(own))), .. } if own == secret => Err(AdminError::Oneself),
            Self::Operator { .. } | Self::MasterKey => Ok(()),
        }
    }
}
