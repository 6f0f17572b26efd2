//! What acts are asked for with, and what they return.

use serde_json::{Map, Value};
use tollgate_core::{ClientId, MerchantId, TokenId};

use crate::error::OperatorError;

/// Which tokens are revoked.
#[derive(Debug, Clone, Copy)]
pub enum Tokens {
    /// This one.
    One(TokenId),
    /// Every one of a client.
    OfClient(ClientId),
    /// Every one of a merchant's clients.
    OfMerchant(MerchantId),
}

/// What a merchant or client is called that is shown. Nobody is asked about a thing whose name can't be read.
pub fn name_of(shown: &Value) -> Result<&str, OperatorError> {
    text_of(shown, "name")
}

/// A member that must be a text.
pub(crate) fn text_of<'a>(shown: &'a Value, member: &str) -> Result<&'a str, OperatorError> {
    shown[member].as_str().ok_or(OperatorError::Unreadable)
}

/// Takes members of an object, in this order. One that is not there is `null`.
pub(super) fn pick(from: &mut Value, members: &[&str]) -> Value {
    let picked = members.iter().map(|name| ((*name).to_owned(), from[*name].take()));
    Value::Object(picked.collect::<Map<_, _>>())
}

/// Takes the members that are `null` out of an object: the server is not asked for what is not given.
pub(super) fn given(mut object: Value) -> Value {
    if let Value::Object(members) = &mut object {
        members.retain(|_, value| !value.is_null());
    }
    object
}
