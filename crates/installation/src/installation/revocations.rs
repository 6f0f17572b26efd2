//! The revocations that this server knows.

use std::time::Duration;

use tollgate_admin::OpenError;
use tollgate_core::{Claims, Revocation, Revoked, Timestamp, TokenKind};
use tollgate_guard::Revocations;
use tollgate_store::{Actor, CLOCKS_DIFFER, Draft, Object, StoreError};

use super::Installation;

impl Installation {
    /// Adds the store's revocations to the known ones. A known revocation stays, even if the store that answers
    /// lacks it: it may be a former primary that does not know it yet.
    pub(super) async fn reload_revocations(&self) -> Result<(), OpenError> {
        let revocations = self.store.revocations(self.passed()).await?;
        self.apply_revocations(&revocations).await;
        Ok(())
    }

    /// Revokes a token and, if it is a refresh token, every access token that was obtained with it. Once this has returned, the token is
    /// refused here, and will be by every other server, whatever happens.
    pub async fn revoke_token(
        &self,
        kind: TokenKind,
        token: &Claims<'_>,
        now: Timestamp,
        actor: &Actor,
    ) -> Result<(), StoreError> {
        let outlived_by = match kind {
            TokenKind::Access => self.config.tokens.exp_leeway,
            // An access token can be obtained with it just before it expires.
            TokenKind::Refresh => self.store.longest_lifetime(Duration::ZERO).await?,
        };
        let expires_at = token.expires_at.after(outlived_by).after(CLOCKS_DIFFER);
        let revocation = Revocation { subject: Revoked::Token(token.id), expires_at };
        let record = Draft {
            client: Some(token.subject),
            merchant: token.merchant_id,
            ..Draft::new(self.store_clock.at(now), actor.clone(), "token.revoke", Object::Token(token.id))
        };
        let revoked = self.store.revoke(&revocation, now, &self.act(record)).await;
        // If it may have been revoked, it is refused here, too.
        if matches!(revoked, Ok(()) | Err(StoreError::OutcomeUnknown(_))) {
            self.apply_revocations(&[revocation]).await;
        }
        revoked
    }

    /// Applies revocations from the next request on.
    pub(crate) async fn apply_revocations(&self, new: &[Revocation]) {
        if new.is_empty() {
            return;
        }
        let _revising = self.revising.lock().await;
        let mut revocations = Revocations::clone(&self.verifier.revocations());
        for revocation in new {
            revocations.apply(revocation);
        }
        self.verifier.set_revocations(revocations);
    }

    /// Deletes expired data, in memory and in the store, by the time that has certainly passed.
    pub async fn purge(&self) {
        self.note_time_passed().await;
        let passed = self.passed();
        self.forget_expired_revocations(passed).await;
        match self.store.purge(passed).await {
            Ok(0) => {}
            Ok(rows) => tracing::debug!(rows, "expired rows were deleted"),
            Err(error) => tracing::warn!(%error, "expired rows could not be deleted"),
        }
        self.purge_trail(passed).await;
    }

    async fn forget_expired_revocations(&self, now: Timestamp) {
        let _revising = self.revising.lock().await;
        if !self.verifier.revocations().is_empty() {
            let mut revocations = Revocations::clone(&self.verifier.revocations());
            revocations.forget_expired(now);
            self.verifier.set_revocations(revocations);
        }
    }
}
