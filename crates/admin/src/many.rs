//! Creating many clients at once, in one transaction, each with its record.

use std::collections::{BTreeSet, HashSet};

use tollgate_core::{ClientId, Timestamp};
use tollgate_store::{Actor, Client, Draft as Record, Object, Secret};

use super::acting::{Attempt, Order};
use super::clients::{CreatedClient, NewClient, check, drawn, is_reserved};
use super::{AdminError, Administration, Deleted};

/// Draws the ids and the secrets of clients, which are not created yet: the caller can save the secrets first, so that
/// no client exists whose secret nobody has.
pub fn draw(admin: &Administration<'_>, new: &[NewClient]) -> Vec<CreatedClient> {
    let drawn = new.iter().map(|new| {
        let id = new.id.unwrap_or_else(|| ClientId::random(&mut rand::rng()));
        drawn(admin, id, new, Timestamp::from_millis(0))
    });
    drawn.collect()
}

/// Creates clients that were drawn: all of them, or none. Returns them as they are created.
pub async fn create(
    admin: &Administration<'_>,
    drawn: &[CreatedClient],
    actor: &Actor,
) -> Result<Vec<Client>, AdminError> {
    let Some(first) = drawn.first() else { return Ok(Vec::new()) };
    let order =
        Order::new("client.create", Object::Client(first.client.id)).merchant(first.client.merchant_id);
    let attempt = |attempt: Attempt| async move {
        let clients: Vec<Client> = drawn.iter().map(|one| created_at(&one.client, attempt.now)).collect();
        check_all(admin, &clients, attempt.now).await?;
        let more = drawn.iter().skip(1).map(|one| Record {
            merchant: one.client.merchant_id,
            after: Some(one.recorded().to_string()),
            ..attempt.also("client.create", Object::Client(one.client.id))
        });
        let act = attempt.makes(&first.recorded()).with(more);
        if admin.store.create_clients(&clients, &act).await? {
            Ok(clients)
        } else {
            Err(without_merchant(admin, &clients).await?)
        }
    };
    admin.act(actor, order, attempt).await
}

fn created_at(client: &Client, now: Timestamp) -> Client {
    let secrets = client.secrets.iter().map(|secret| Secret { created_at: now, ..secret.clone() });
    Client { created_at: now, secrets: secrets.collect(), ..client.clone() }
}

/// Refuses clients that would be refused if they were created one by one.
async fn check_all(admin: &Administration<'_>, clients: &[Client], now: Timestamp) -> Result<(), AdminError> {
    for Client { scope, audiences, terms, .. } in clients {
        check(admin, scope, audiences, terms)?;
    }
    let ids: Vec<ClientId> = clients.iter().map(|client| client.id).collect();
    let mut seen = HashSet::new();
    if let Some(twice) = ids.iter().find(|id| !seen.insert(**id)) {
        return Err(AdminError::ClientExists(*twice));
    }
    if let Some(reserved) = ids.iter().find(|id| is_reserved(**id)) {
        return Err(AdminError::ReservedId(*reserved));
    }
    if let Some(existing) = admin.store.existing_clients(&ids).await?.first() {
        return Err(AdminError::ClientExists(*existing));
    }
    let deleted = Deleted::at(admin, now).await?;
    ids.iter().try_for_each(|id| deleted.check_client(*id))
}

/// Finds the missing merchant because of which no client was created.
async fn without_merchant(admin: &Administration<'_>, clients: &[Client]) -> Result<AdminError, AdminError> {
    let merchants: BTreeSet<_> = clients.iter().filter_map(|client| client.merchant_id).collect();
    for id in merchants {
        if admin.store.merchant(id).await?.is_none() {
            return Ok(AdminError::UnknownMerchant(id));
        }
    }
    // The merchant was created meanwhile: asking again succeeds.
    Ok(AdminError::Changed)
}
