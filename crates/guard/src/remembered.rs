//! Tokens that were verified a moment ago: a caller sends the same one for a quarter of an hour, and its signature does
//! not change.
//!
//! What can change is asked anew each time: the time, the keys, the revocations, and what a route requires.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use arc_swap::ArcSwapOption;
use tollgate_core::{Claims, Generation, Timestamp, TokenId, VerifyingRing, constant_time};
use zeroize::Zeroizing;

use crate::Principal;

/// How many tokens are remembered at most, each in about a kilobyte. A power of two.
const PLACES: usize = 4096;

/// The tokens that are remembered. Each can be in one place only, which its signature says; reading takes no lock.
pub(crate) struct Remembered {
    places: Box<[Place]>,
}

#[derive(Default)]
struct Place {
    known: ArcSwapOption<Known>,
    /// A part of the signature of who came by last and was not known. Whoever comes by twice in a row is remembered: a
    /// copy is for nothing where every token is used once, or where there are far more tokens than places.
    passed_by: AtomicU64,
}

/// A token that was verified.
pub(crate) struct Known {
    token: Zeroizing<Box<[u8]>>,
    /// Who verified it. Of what another keyring would say nothing is known.
    keyring: Arc<VerifyingRing>,
    valid: Range<Timestamp>,
    issued_at: Timestamp,
    generation: Generation,
    merchant_generation: Generation,
    made_with: Option<TokenId>,
    addresses: Option<Box<str>>,
    /// Who sends it.
    pub(crate) principal: Principal,
}

impl Remembered {
    pub(crate) fn new() -> Self {
        Self { places: std::iter::repeat_with(Place::default).take(PLACES).collect() }
    }

    /// Calls `decide` with what is known of `token`, if `keyring` would verify it at `now` once more.
    pub(crate) fn recall<T>(
        &self,
        token: &[u8],
        keyring: &Arc<VerifyingRing>,
        now: Timestamp,
        decide: impl FnOnce(&Known) -> T,
    ) -> Option<T> {
        let (place, _) = self.place(token)?;
        let known = place.known.load();
        known.as_deref().filter(|known| known.holds(token, keyring, now)).map(decide)
    }

    /// Remembers that `keyring` has verified `token`, if it was the last one to come by here.
    pub(crate) fn remember(
        &self,
        token: &[u8],
        keyring: &Arc<VerifyingRing>,
        valid: Range<Timestamp>,
        claims: &Claims<'_>,
        principal: &Principal,
    ) {
        let Some((place, part)) = self.place(token) else { return };
        if place.passed_by.swap(part, Relaxed) == part {
            place.known.store(Some(Arc::new(Known {
                token: Zeroizing::new(token.into()),
                keyring: keyring.clone(),
                valid,
                issued_at: claims.issued_at,
                generation: claims.generation,
                merchant_generation: claims.merchant_generation,
                made_with: claims.made_with,
                addresses: claims.addresses.map(Into::into),
                principal: principal.clone(),
            })));
        }
    }

    /// Forgets all of them, and lets go of the keyrings that verified them.
    pub(crate) fn clear(&self) {
        for place in &self.places {
            place.known.store(None);
        }
    }

    /// The place of a token, and the part of its signature that tells it from others there.
    fn place(&self, token: &[u8]) -> Option<(&Place, u64)> {
        let (part, _) = token.last_chunk::<16>()?.split_first_chunk()?;
        let part = u64::from_le_bytes(*part);
        // A character has six bits in eight. Multiplied by the golden ratio, all of them have a say in the highest ones.
        let at = part.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (u64::BITS - PLACES.ilog2());
        Some((&self.places[usize::try_from(at).expect("it is less than the number of places")], part))
    }
}

impl Known {
    /// Says whether this is `token`, and `keyring` would verify it at `now`.
    fn holds(&self, token: &[u8], keyring: &Arc<VerifyingRing>, now: Timestamp) -> bool {
        constant_time::equal(&self.token, token)
            && Arc::ptr_eq(&self.keyring, keyring)
            && self.valid.contains(&now)
    }

    /// What it says.
    pub(crate) fn claims(&self) -> Claims<'_> {
        let policy = self.keyring.policy();
        Claims {
            issuer: &policy.issuer,
            subject: self.principal.client_id,
            audience: &policy.audience,
            issued_at: self.issued_at,
            expires_at: self.principal.expires_at,
            id: self.principal.token_id,
            scope: self.principal.scope.as_str(),
            merchant_id: self.principal.merchant_id,
            environment: self.principal.environment,
            secret_id: self.principal.secret_id,
            generation: self.generation,
            merchant_generation: self.merchant_generation,
            made_with: self.made_with,
            addresses: self.addresses.as_deref(),
        }
    }
}

#[cfg(test)]
mod tests;
