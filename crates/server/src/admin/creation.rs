//! Creating something once, however often it is asked for: what is created and the answer to it are one transaction.

use rand::Rng;
use sha2::{Digest, Sha256};
use tollgate_core::{Actor, Timestamp};
use tollgate_store::{Answer, Begun, Completed, Creation, IdempotencyScope, Lease, StoreError};

use super::{AdminError, Administration};

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

/// What is to be created, and the answer to whoever asked for it.
pub struct Draft {
    /// What is to be created.
    pub creation: Creation,
    /// The status of the answer.
    pub status: u16,
    /// The body of the answer, which may show a secret.
    pub body: Vec<u8>,
}

/// An answer that was given.
pub struct Given {
    /// Its status.
    pub status: u16,
    /// Its body.
    pub body: Vec<u8>,
    /// Whether it was given before.
    pub replayed: bool,
}

/// Creates something.
pub async fn create(
    admin: &Administration<'_>,
    creation: &Creation,
    actor: &Actor,
) -> Result<(), AdminError> {
    let created = match creation {
        Creation::Merchant(merchant) => admin.store.create_merchant(merchant, actor).await.map(|()| true)?,
        Creation::Client(client) => admin.store.create_client(client, actor).await?,
        Creation::Secret { client, secret, others_expire_at } => {
            let now = admin.now().await?;
            admin.store.add_secret(*client, secret, *others_expire_at, now, actor).await?
        }
    };
    if created { Ok(()) } else { Err(refused(creation)) }
}

/// Creates something, or returns the answer that was given when it was asked for with the same key before. The answer is
/// sealed while it is kept: it may show a secret.
pub async fn create_once(
    admin: &Administration<'_>,
    request: Request,
    draft: Draft,
    actor: &Actor,
) -> Result<Given, AdminError> {
    let Request { scope, content, clock } = request;
    let mut owner = [0; 16];
    rand::rng().fill_bytes(&mut owner);
    let until = clock.steady_now.after(admin.config.idempotency.lease);
    let lease = Lease { scope, fingerprint: Sha256::digest(&content).into(), owner, until };
    match admin.store.begin(&lease, clock.passed).await.map_err(AdminError::KeyNotKept)? {
        Begun::Fresh => first(admin, &lease, draft, clock, actor).await,
        Begun::Answered(answer) => {
            let opened = admin.unlocked.master_keys().unseal_answer(&identity(&lease.scope), &answer.body);
            let body = opened.map_err(|_| AdminError::SealedAnswer)?.to_vec();
            Ok(Given { status: answer.status, body, replayed: true })
        }
        Begun::InProgress { .. } => Err(AdminError::InProgress),
        Begun::Mismatch => Err(AdminError::KeyReused),
    }
}

/// Says whether a key is taken, so that a request that can't be read was not the one that took it.
pub async fn is_taken(
    admin: &Administration<'_>,
    scope: &IdempotencyScope,
    clock: RequestClock,
) -> Result<bool, AdminError> {
    admin.store.is_taken(scope, clock.passed).await.map_err(AdminError::KeyNotKept)
}

async fn first(
    admin: &Administration<'_>,
    lease: &Lease,
    draft: Draft,
    clock: RequestClock,
    actor: &Actor,
) -> Result<Given, AdminError> {
    let Draft { creation, status, body } = draft;
    let sealed =
        admin.unlocked.master_keys().first().seal_answer(&identity(&lease.scope), &body, &mut rand::rng());
    let expires_at = clock.steady_now.after(admin.config.idempotency.ttl);
    let kept = Answer { status, body: sealed, expires_at };
    let now = admin.now().await?;
    match admin.store.complete_creation(lease, &kept, &creation, now, actor).await {
        Ok(Completed::Created) => Ok(Given { status, body, replayed: false }),
        Ok(Completed::Refused) => Err(refused(&creation)),
        // This took longer than the lease, and a repeat has taken the key over.
        Ok(Completed::LeaseLost) => Err(AdminError::InProgress),
        // It may have been created, and the key is answered then.
        Err(error @ StoreError::OutcomeUnknown(_)) => Err(error.into()),
        Err(error) => {
            // Best effort: if the key can't be given back either, its lease ends by itself.
            if let Err(error) = admin.store.abandon(lease).await {
                tracing::warn!(%error, "an idempotency key stays taken until its lease ends");
            }
            Err(AdminError::KeyNotKept(error))
        }
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
