//! Creating something, once however often it is asked for: what is created, the answer to it and its record are one
//! transaction.

use rand::Rng;
use serde_json::Value;
use tollgate_core::{ClientId, MerchantId, Timestamp};
use tollgate_store::{Actor, Answer, Begun, Completed, Creation, IdempotencyScope, Lease, StoreError};

use super::acting::{Attempt, Order};
use super::{AdminError, Administration};

/// Something that can be created.
pub trait New: Sync {
    /// What whoever creates it is shown.
    type Created: Send + Sync;

    /// What is asked for.
    fn order(&self) -> Order;

    /// Draws it at `now`, or says why it can't be created.
    fn draft(
        &self,
        admin: &Administration<'_>,
        now: Timestamp,
    ) -> impl Future<Output = Result<Draft<Self::Created>, AdminError>> + Send;
}

/// Something that is not created yet.
pub struct Draft<T> {
    /// What is to be created.
    pub creation: Creation,
    /// The merchant that it is of.
    pub merchant: Option<MerchantId>,
    /// What the audit trail says of it.
    pub recorded: Value,
    /// What whoever creates it is shown.
    pub created: T,
}

/// A request that may come again.
pub struct Request {
    /// Its idempotency key, and where it counts.
    pub scope: IdempotencyScope,
    /// What tells it from another request: all of its content.
    pub content: Vec<u8>,
    /// Its idempotency key counts for that long from when it was taken.
    pub clock: RequestClock,
}

/// The time of a server that takes idempotency keys.
#[derive(Debug, Clone, Copy)]
pub struct RequestClock {
    /// How far time has come, whatever the clock is set to.
    pub steady_now: Timestamp,
    /// The time that has passed for certain.
    pub passed: Timestamp,
}

/// The answer to a request. It may show a secret.
pub struct Given {
    /// Its status.
    pub status: u16,
    /// Its body.
    pub body: Vec<u8>,
    /// Whether it was given before.
    pub replayed: bool,
}

/// Creates something.
pub async fn create<N: New>(
    admin: &Administration<'_>,
    new: &N,
    actor: &Actor,
) -> Result<N::Created, AdminError> {
    let attempt = |attempt: Attempt| async move {
        let now = attempt.now;
        let Draft { creation, merchant, recorded, created } = new.draft(admin, now).await?;
        let act = attempt.of(merchant).makes(&recorded);
        let is_created = match &creation {
            Creation::Merchant(merchant) => {
                admin.store.create_merchant(merchant, &act).await.map(|()| true)?
            }
            Creation::Client(client) => admin.store.create_client(client, &act).await?,
            Creation::Secret { client, secret, others_expire_at } => {
                admin.store.add_secret(*client, secret, *others_expire_at, now, &act).await?
            }
        };
        if is_created { Ok(created) } else { Err(refused(&creation)) }
    };
    admin.act(actor, new.order(), attempt).await
}

/// Creates something, or returns the answer that was given when it was asked for with the same key before. The answer is
/// sealed while it is kept: it may show a secret.
pub async fn create_once<N: New>(
    admin: &Administration<'_>,
    new: &N,
    request: Request,
    answer: impl Fn(&N::Created) -> (u16, Vec<u8>) + Sync,
    actor: &Actor,
) -> Result<Given, AdminError> {
    let Request { scope, content, clock } = request;
    let mut owner = [0; 16];
    rand::rng().fill_bytes(&mut owner);
    let until = clock.steady_now.after(admin.config.idempotency.lease);
    // Keyed, because it stays in the store, and the content may have a secret that somebody could guess.
    let hash = admin.unlocked.hasher().hash(OF_REQUESTS, &content);
    let lease = Lease { scope, fingerprint: *hash.as_bytes(), owner, until };
    match admin.store.begin(&lease, clock.passed).await.map_err(AdminError::KeyNotKept)? {
        Begun::Fresh => {
            let outcome = first(admin, new, &lease, clock, answer, actor).await;
            free_if_failed(admin, &lease, &outcome).await;
            outcome
        }
        Begun::Answered(answer) => {
            let opened = admin.unlocked.master_keys().unseal_answer(&identity(&lease.scope), &answer.body);
            let body = opened.map_err(|_| AdminError::SealedAnswer)?.to_vec();
            Ok(Given { status: answer.status, body, replayed: true })
        }
        Begun::InProgress { .. } => Err(AdminError::InProgress),
        Begun::Mismatch => Err(AdminError::KeyReused),
    }
}

/// Stands for the client where a request is hashed: no client has it, so no secret's hash is that of a request.
const OF_REQUESTS: ClientId = ClientId::from_bytes([0xff; 16]);

/// Says whether a key is taken, so that a request that can't be read was not the one that took it.
pub async fn is_taken(
    admin: &Administration<'_>,
    scope: &IdempotencyScope,
    clock: RequestClock,
) -> Result<bool, AdminError> {
    admin.store.is_taken(scope, clock.passed).await.map_err(AdminError::KeyNotKept)
}

async fn first<N: New>(
    admin: &Administration<'_>,
    new: &N,
    lease: &Lease,
    clock: RequestClock,
    answer: impl Fn(&N::Created) -> (u16, Vec<u8>) + Sync,
    actor: &Actor,
) -> Result<Given, AdminError> {
    let (answer, identity) = (&answer, &identity(&lease.scope));
    let attempt = |attempt: Attempt| async move {
        let now = attempt.now;
        let Draft { creation, merchant, recorded, created } = new.draft(admin, now).await?;
        let (status, body) = answer(&created);
        let master_key = admin.unlocked.master_keys().first();
        let sealed = master_key.seal_answer(identity, &body, &mut rand::rng());
        let expires_at = clock.steady_now.after(admin.config.idempotency.ttl);
        let kept = Answer { status, body: sealed, expires_at };
        let act = attempt.of(merchant).makes(&recorded);
        match admin.store.complete_creation(lease, &kept, &creation, now, &act).await? {
            Completed::Created => Ok(Given { status, body, replayed: false }),
            Completed::Refused => Err(refused(&creation)),
            // This took longer than the lease, and a repeat has taken the key over.
            Completed::LeaseLost => Err(AdminError::InProgress),
        }
    };
    admin.act(actor, new.order(), attempt).await
}

/// Gives the key back where nothing was created. What may have been created may have its answer.
async fn free_if_failed(admin: &Administration<'_>, lease: &Lease, outcome: &Result<Given, AdminError>) {
    let is_settled = matches!(
        outcome,
        Ok(_) | Err(AdminError::Store(StoreError::OutcomeUnknown(_)) | AdminError::InProgress)
    );
    if is_settled {
        return;
    }
    // Best effort: if the key can't be given back either, its lease ends by itself.
    if let Err(error) = admin.store.abandon(lease).await {
        tracing::warn!(%error, "an idempotency key stays taken until its lease ends");
    }
}

/// Why something was not created.
fn refused(creation: &Creation) -> AdminError {
    match creation {
        Creation::Merchant(merchant) => AdminError::UnknownMerchant(merchant.id),
        Creation::Client(client) => match client.merchant_id {
            Some(merchant) => AdminError::UnknownMerchant(merchant),
            None => AdminError::UnknownClient(client.id),
        },
        Creation::Secret { client, .. } => AdminError::UnknownClient(*client),
    }
}

/// What tells a sealed answer from others, so that rows can't be exchanged.
fn identity(scope: &IdempotencyScope) -> Vec<u8> {
    let IdempotencyScope { merchant_id, environment, route, key } = scope;
    [
        merchant_id.as_bytes().as_slice(),
        environment.as_str().as_bytes(),
        b" ",
        route.as_bytes(),
        b" ",
        key.as_bytes(),
    ]
    .concat()
}
