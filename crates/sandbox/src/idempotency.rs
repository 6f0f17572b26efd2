//! Idempotency keys: a request that is repeated with the same key takes effect once
//! (draft-ietf-httpapi-idempotency-key-header).
//!
//! The key's row is the lock. It is taken by a lease, and completed in the transaction that has the effect, together
//! with the answer; so a process that dies leaves either only a lease, which ends by itself, or the complete result.

use rand::Rng;
use tollgate_core::{Environment, MerchantId};
use tollgate_http::{IdempotencyKey, Problems};
use tollgate_store::{Answer, Begun, IdempotencyScope, Lease};

use crate::error::Error;
use crate::host::Host;

/// Returns a key with the scope in which it is unique.
pub(crate) fn scoped(
    key: IdempotencyKey,
    merchant_id: MerchantId,
    environment: Environment,
    route: &'static str,
) -> IdempotencyScope {
    IdempotencyScope { merchant_id, environment, route, key: key.into() }
}

/// What to do with a request that has a key.
pub(crate) enum Turn {
    /// It is the first one: do what it asks for, and complete the lease.
    First(Lease),
    /// It is a repeat: send this answer.
    Repeat(Answer),
}

/// Takes the key, or finds the answer that it already has. A key is free again when its time has certainly passed, not
/// just because a clock was set forward.
pub(crate) async fn begin(
    host: &Host,
    scope: IdempotencyScope,
    fingerprint: [u8; 32],
) -> Result<Turn, Error> {
    let mut owner = [0; 16];
    rand::rng().fill_bytes(&mut owner);
    let until = host.steady_now().after(host.settings().idempotency_lease);
    let lease = Lease { scope, fingerprint, owner, until };
    match host.store().begin(&lease, host.passed()).await.map_err(Error::IdempotencyStore)? {
        Begun::Fresh => Ok(Turn::First(lease)),
        Begun::Answered(answer) => Ok(Turn::Repeat(answer)),
        Begun::InProgress { .. } => Err(Error::InProgress),
        Begun::Mismatch => Err(Error::KeyReused),
    }
}

/// Returns the error for an invalid request: a key that is taken belongs to a valid request, so to another one.
pub(crate) async fn refuse(host: &Host, scope: Option<IdempotencyScope>, problems: Problems) -> Error {
    let Some(scope) = scope else { return problems.into() };
    match host.store().is_taken(&scope, host.passed()).await {
        Ok(true) => Error::KeyReused,
        Ok(false) => problems.into(),
        Err(error) => Error::IdempotencyStore(error),
    }
}
