//! The arguments of acts, and reading their results.

use serde_json::{Map, Value};
use tollgate_core::{ClientId, MerchantId, TokenId};

use crate::error::OperatorError;

/// The tokens to revoke.
#[derive(Debug, Clone, Copy)]
pub enum Tokens {
    /// The token with this id.
    One(TokenId),
    /// Every token of this client.
    OfClient(ClientId),
    /// Every token of this merchant's clients.
    OfMerchant(MerchantId),
}

/// Returns the name of a shown merchant or client. Nobody is asked to confirm something whose name can't be read.
pub fn name_of(shown: &Value) -> Result<&str, OperatorError> {
    text_of(shown, "name")
}

/// Returns a member that must be a text.
pub(crate) fn text_of<'a>(shown: &'a Value, member: &str) -> Result<&'a str, OperatorError> {
    shown[member].as_str().ok_or(OperatorError::Unreadable)
}

/// Takes members out of an object, in this order. A missing member is `null`.
pub(super) fn pick(from: &mut Value, members: &[&str]) -> Value {
    let picked = members.iter().map(|name| ((*name).to_owned(), from[*name].take()));
    Value::Object(picked.collect::<Map<_, _>>())
}

/// Removes the members that are `null` from an object: the server is sent only what was given.
pub(super) fn given(mut object: Value) -> Value {
    if let Value::Object(members) = &mut object {
        members.retain(|_, value| !value.is_null());
    }
    object
}
