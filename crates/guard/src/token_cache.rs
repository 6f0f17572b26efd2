//! The verified-token cache: a caller sends the same token for a quarter of an hour, and its signature does not change.
//!
//! Everything that can change is checked for each request: the time, the keys, the revocations, and the route's requirements.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use arc_swap::ArcSwapOption;
use tollgate_core::{
    Accepted, Claims, Generation, SecretId, Timestamp, TokenId, VerifyingRing, constant_time,
};
use zeroize::Zeroizing;

use crate::principal::Principal;

/// The most tokens that are cached, each in about a kilobyte. It is a power of two.
const SLOTS: usize = 4096;

/// The cached tokens. Each token has one slot, which depends on its signature. Reading takes no lock.
pub(crate) struct TokenCache {
    slots: Box<[Slot]>,
}

#[derive(Default)]
struct Slot {
    entry: ArcSwapOption<Entry>,
    /// A part of the signature of the last token that was not cached. A token is cached when it comes twice in a row: a
    /// copy is useless if every token is used once, or if there are far more tokens than slots.
    last_seen: AtomicU64,
}

/// A token that was verified, with the result.
pub(crate) struct Entry {
    token: Zeroizing<Box<[u8]>>,
    /// The ring that has verified the token. Another ring might decide otherwise.
    keyring: Arc<VerifyingRing>,
    valid: Range<Timestamp>,
    /// The token's issuer and audience, if they differ from the policy's.
    accepted: Option<Box<Accepted>>,
    issued_at: Timestamp,
    generation: Generation,
    merchant_generation: Generation,
    made_with: Option<TokenId>,
    secret_id: SecretId,
    addresses: Option<Box<str>>,
    /// The client that sends the token.
    pub(crate) principal: Principal,
}

impl TokenCache {
    pub(crate) fn new() -> Self {
        Self { slots: std::iter::repeat_with(Slot::default).take(SLOTS).collect() }
    }

    /// Calls `decide` with the entry of `token`, if there is one and `keyring` would verify the token at `now` again.
    pub(crate) fn find<T>(
        &self,
        token: &[u8],
        keyring: &Arc<VerifyingRing>,
        now: Timestamp,
        decide: impl FnOnce(&Entry) -> T,
    ) -> Option<T> {
        let (slot, _) = self.slot(token)?;
        let entry = slot.entry.load();
        entry.as_deref().filter(|entry| entry.holds(token, keyring, now)).map(decide)
    }

    /// Caches a `token` that `keyring` has verified, if it was also the last token to come to its slot.
    pub(crate) fn note(
        &self,
        token: &[u8],
        keyring: &Arc<VerifyingRing>,
        valid: Range<Timestamp>,
        claims: &Claims<'_>,
        principal: &Principal,
    ) {
        let Some((slot, part)) = self.slot(token) else { return };
        if slot.last_seen.swap(part, Relaxed) == part {
            slot.entry.store(Some(Arc::new(Entry {
                token: Zeroizing::new(token.into()),
                keyring: keyring.clone(),
                valid,
                accepted: other_than_the_policy(keyring, claims),
                issued_at: claims.issued_at,
                generation: claims.generation,
                merchant_generation: claims.merchant_generation,
                made_with: claims.made_with,
                secret_id: claims.secret_id,
                addresses: claims.addresses.map(Into::into),
                principal: principal.clone(),
            })));
        }
    }

    /// Empties the cache, and releases the rings that verified its tokens.
    pub(crate) fn clear(&self) {
        for slot in &self.slots {
            slot.entry.store(None);
        }
    }

    /// Returns the slot of a token, and the part of its signature that tells it from others there.
    fn slot(&self, token: &[u8]) -> Option<(&Slot, u64)> {
        let (part, _) = token.last_chunk::<16>()?.split_first_chunk()?;
        let part = u64::from_le_bytes(*part);
        // A character has six bits in eight. Multiplying by the golden ratio makes the highest bits depend on all of them.
        let at = part.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (u64::BITS - SLOTS.ilog2());
        Some((&self.slots[usize::try_from(at).expect("it is less than the number of slots")], part))
    }
}

fn other_than_the_policy(keyring: &VerifyingRing, claims: &Claims<'_>) -> Option<Box<Accepted>> {
    let policy = keyring.policy();
    let is_the_same = claims.issuer == policy.issuer && claims.audience == policy.audience;
    let accepted = (!is_the_same).then(|| keyring.accepted_as(claims));
    accepted.flatten().cloned().map(Box::new)
}

impl Entry {
    /// Says whether this is the entry of `token`, and `keyring` would verify it at `now`.
    fn holds(&self, token: &[u8], keyring: &Arc<VerifyingRing>, now: Timestamp) -> bool {
        constant_time::equal(&self.token, token)
            && Arc::ptr_eq(&self.keyring, keyring)
            && self.valid.contains(&now)
    }

    /// Returns the claims of the token.
    pub(crate) fn claims(&self) -> Claims<'_> {
        let policy = self.keyring.policy();
        let (issuer, audience) = match &self.accepted {
            None => (&policy.issuer, &policy.audience),
            Some(accepted) => (&accepted.issuer, &accepted.audience),
        };
        Claims {
            issuer,
            subject: self.principal.client_id(),
            audience,
            issued_at: self.issued_at,
            expires_at: self.principal.expires_at(),
            id: self.principal.token_id(),
            scope: self.principal.scope().as_str(),
            merchant_id: self.principal.merchant_id(),
            environment: self.principal.environment(),
            secret_id: self.secret_id,
            generation: self.generation,
            merchant_generation: self.merchant_generation,
            made_with: self.made_with,
            addresses: self.addresses.as_deref(),
        }
    }
}

#[cfg(test)]
mod tests;
