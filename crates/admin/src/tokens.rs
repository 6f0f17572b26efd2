//! Revoking tokens before they expire.

use std::time::Duration;

use serde_json::{Value, json};
use tollgate_core::{ClientId, MerchantId, Revocation, Revoked, TokenId};
use tollgate_store::{Actor, CLOCKS_DIFFER, Object};

use super::acting::{Attempt, Order};
use super::{AdminError, Administration, clients, merchants, recorded};

/// Revokes a token and, if it is a refresh token, every access token that was obtained with it. There is no list of
/// tokens, so any id can be revoked.
pub async fn revoke(
    admin: &Administration<'_>,
    id: TokenId,
    actor: &Actor,
) -> Result<Revocation, AdminError> {
    let attempt = |attempt: Attempt| async move {
        let longest = admin.store.longest_lifetime(Duration::ZERO).await?;
        // An access token that is obtained with it just before it expires lives for as long again.
        let expires_at = attempt.now.after(longest).after(longest).after(CLOCKS_DIFFER);
        let revocation = Revocation { subject: Revoked::Token(id), expires_at };
        let act = attempt.makes(&json!({ "kept_until": expires_at.rfc3339_millis() }));
        admin.store.revoke(&revocation, attempt.now, &act).await?;
        Ok(revocation)
    };
    admin.act(actor, Order::new("token.revoke", Object::Token(id)), attempt).await
}

/// Revokes every token that a client has. Tokens that it obtains within the next second may be refused as well.
pub async fn revoke_all_of_client(
    admin: &Administration<'_>,
    id: ClientId,
    actor: &Actor,
) -> Result<(), AdminError> {
    let attempt = |attempt: Attempt| async move {
        let (of, now) = (clients::find(admin, id).await?, attempt.now);
        let act = attempt.of(of.merchant_id).makes(&all_revoked());
        let found = admin.store.end_client_tokens(id, now, &act).await?;
        found.then_some(()).ok_or(AdminError::UnknownClient(id))
    };
    admin.act(actor, Order::new("client.revoke-tokens", Object::Client(id)), attempt).await
}

/// Revokes every token that the clients of a merchant have, as [`revoke_all_of_client`] does.
pub async fn revoke_all_of_merchant(
    admin: &Administration<'_>,
    id: MerchantId,
    actor: &Actor,
) -> Result<(), AdminError> {
    let attempt = |attempt: Attempt| async move {
        merchants::find(admin, id).await?;
        let act = attempt.makes(&all_revoked());
        let found = admin.store.end_merchant_tokens(id, attempt.now, &act).await?;
        found.then_some(()).ok_or(AdminError::UnknownMerchant(id))
    };
    admin.act(actor, Order::new("merchant.revoke-tokens", Object::Merchant(id)), attempt).await
}

/// Returns the record's text when all existing tokens end.
fn all_revoked() -> Value {
    json!({ "revoked": recorded::EVERY_TOKEN })
}

/// A revocation in force, with its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Listed {
    /// Its number in the change log: later ones have greater numbers.
    pub seq: u64,
    /// The revocation itself.
    pub revocation: Revocation,
}

/// Returns up to `limit` revocations in force after the number `after`, in their order.
pub async fn list(admin: &Administration<'_>, after: u64, limit: u32) -> Result<Vec<Listed>, AdminError> {
    let found = admin.store.revocations_after(after, admin.now().await?, limit).await?;
    Ok(found.into_iter().map(|(seq, revocation)| Listed { seq, revocation }).collect())
}
