//! Creating something exactly once, however often it is asked for: the object, the answer and the record are written in one
//! transaction.

use rand::Rng;
use serde_json::Value;
use tollgate_core::{ClientId, MerchantId, Timestamp};
use tollgate_store::{Actor, Answer, Begun, Completed, Creation, IdempotencyScope, Lease, StoreError};

use super::acting::{Attempt, Order};
use super::{AdminError, Administration};

/// Something that can be created.
pub trait New: Sync {
    /// The result that the creator is shown.
    type Created: Send + Sync;

    /// Returns the order to create it.
    fn order(&self) -> Order;

    /// Draws the object at `now`, or says why it can't be created.
    fn draft(
        &self,
        admin: &Administration<'_>,
        now: Timestamp,
    ) -> impl Future<Output = Result<Draft<Self::Created>, AdminError>> + Send;
}

/// An object that is not created yet.
pub struct Draft<T> {
    /// The object to create.
    pub creation: Creation,
    /// The merchant that it belongs to.
    pub merchant: Option<MerchantId>,
    /// The description in the audit trail.
    pub recorded: Value,
    /// The result that the creator is shown.
    pub created: T,
}

/// A request that may be repeated.
pub struct Request {
    /// Its idempotency key, and where that is unique.
    pub scope: IdempotencyScope,
    /// All of its content, which tells it from another request.
    pub content: Vec<u8>,
    /// The time from which its idempotency key counts.
    pub clock: RequestClock,
}

/// The time of a server that takes idempotency keys.
#[derive(Debug, Clone, Copy)]
pub struct RequestClock {
    /// The present time, unaffected by changes of the clock.
    pub steady_now: Timestamp,
    /// A time that has certainly passed.
    pub passed: Timestamp,
}

/// The answer to a request. It may show a secret.
pub struct Given {
    /// The HTTP status.
    pub status: u16,
    /// The body, as JSON.
    pub body: Vec<u8>,
    /// Whether it is a repeat of an earlier answer.
    pub replayed: bool,
}

/// Creates something, and returns the result for its creator.
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

/// Creates something, or returns the answer to an earlier request with the same key. The answer is sealed while it is kept: it may
/// contain a secret.
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
    // The hash is keyed, because it stays in the store, and the content may have a secret that could be guessed.
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

/// The client id under which requests are hashed: no client has it, so no secret's hash equals a request's.
const OF_REQUESTS: ClientId = ClientId::from_bytes([0xff; 16]);

/// Says whether a key is taken: a request that can't be read is then not the one that took it.
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
            // This took longer than the lease, and a repeat has taken over the key.
            Completed::LeaseLost => Err(AdminError::InProgress),
        }
    };
    admin.act(actor, new.order(), attempt).await
}

/// Frees the key if nothing was created. If something may have been created, its answer may be kept.
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

/// Returns the error for an object that was not created.
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

/// Returns the bytes that bind a sealed answer to its key, so that rows can't be exchanged.
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
