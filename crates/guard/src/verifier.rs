//! Verification as a whole: keys, claims, time, revocations.

use std::sync::Arc;

use arc_swap::{ArcSwap, Guard};
use tollgate_core::{Claims, Clock, Keyring, PayloadBuffer, Timestamp, TokenError, TokenKind};

use crate::Revocations;

/// What tokens are verified with. Shared by everything that verifies; its parts are replaced while requests run, and
/// reading them takes no lock.
pub struct Verifier {
    keyring: ArcSwap<Keyring>,
    revocations: ArcSwap<Revocations>,
    clock: Arc<dyn Clock>,
}

impl Verifier {
    /// Starts with `keyring` and no revocations.
    pub fn new(keyring: Keyring, clock: Arc<dyn Clock>) -> Self {
        Self { keyring: ArcSwap::from_pointee(keyring), revocations: ArcSwap::default(), clock }
    }

    /// The current time, to be read once a request.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The keys in use.
    pub fn keyring(&self) -> Guard<Arc<Keyring>> {
        self.keyring.load()
    }

    /// Uses other keys from the next request on.
    pub fn set_keyring(&self, keyring: Keyring) {
        self.keyring.store(Arc::new(keyring));
    }

    /// The revocations in force.
    pub fn revocations(&self) -> Guard<Arc<Revocations>> {
        self.revocations.load()
    }

    /// Uses other revocations from the next request on.
    pub fn set_revocations(&self, revocations: Revocations) {
        self.revocations.store(Arc::new(revocations));
    }

    /// The same keys and revocations as now, on a clock that stands at `moment`: tells what would be decided then.
    #[must_use]
    pub fn standing_at(&self, moment: Timestamp) -> Self {
        Self {
            keyring: ArcSwap::new(self.keyring.load_full()),
            revocations: ArcSwap::new(self.revocations.load_full()),
            clock: Arc::new(Standing(moment)),
        }
    }

    /// Verifies a token as one of `kind`: signature first, then claims, time, and whether it was revoked.
    pub fn verify<'b>(
        &self,
        kind: TokenKind,
        token: &[u8],
        now: Timestamp,
        buffer: &'b mut PayloadBuffer,
    ) -> Result<Claims<'b>, TokenError> {
        let claims = self.keyring.load().verify(kind, token, now, buffer)?;
        if self.revocations.load().revoked(&claims) {
            return Err(TokenError::Revoked);
        }
        Ok(claims)
    }
}

/// A clock that stands.
struct Standing(Timestamp);

impl Clock for Standing {
    fn now(&self) -> Timestamp {
        self.0
    }
}
