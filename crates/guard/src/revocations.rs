//! The revocations in force, whole and in memory.

use std::collections::HashMap;
use std::hash::Hash;

use tollgate_core::{Claims, ClientId, MerchantId, Revocation, Revoked, SecretId, Timestamp, TokenId};

/// The revocations in force. An immutable snapshot on the path of requests; whoever follows the change log makes the
/// next one.
#[derive(Debug, Clone, Default)]
pub struct Revocations {
    tokens: HashMap<TokenId, Term>,
    secrets: HashMap<SecretId, Term>,
    clients: HashMap<ClientId, Term>,
    merchants: HashMap<MerchantId, Term>,
}

/// Which tokens a revocation ends, and until when it matters.
#[derive(Debug, Clone, Copy)]
struct Term {
    issued_until: Timestamp,
    expires_at: Timestamp,
}

impl Revocations {
    /// Adds a revocation. Of two of the same subject the wider one holds.
    pub fn apply(&mut self, revocation: &Revocation) {
        let term = Term { issued_until: revocation.issued_until, expires_at: revocation.expires_at };
        match revocation.subject {
            Revoked::Token(id) => widen(&mut self.tokens, id, term),
            Revoked::Secret(id) => widen(&mut self.secrets, id, term),
            Revoked::Client(id) => widen(&mut self.clients, id, term),
            Revoked::Merchant(id) => widen(&mut self.merchants, id, term),
        }
    }

    /// Drops the revocations whose tokens have all expired by themselves.
    pub fn forget_expired(&mut self, now: Timestamp) {
        self.tokens.retain(|_, term| term.expires_at > now);
        self.secrets.retain(|_, term| term.expires_at > now);
        self.clients.retain(|_, term| term.expires_at > now);
        self.merchants.retain(|_, term| term.expires_at > now);
    }

    /// Says whether a token was revoked.
    pub fn revoked(&self, claims: &Claims<'_>) -> bool {
        ends(&self.tokens, &claims.id, claims)
            || ends(&self.secrets, &claims.secret_id, claims)
            || ends(&self.clients, &claims.subject, claims)
            || claims.merchant_id.is_some_and(|merchant| ends(&self.merchants, &merchant, claims))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.tokens.len() + self.secrets.len() + self.clients.len() + self.merchants.len()
    }

    /// Says whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl FromIterator<Revocation> for Revocations {
    fn from_iter<I: IntoIterator<Item = Revocation>>(revocations: I) -> Self {
        let mut all = Self::default();
        for revocation in revocations {
            all.apply(&revocation);
        }
        all
    }
}

fn widen<K: Eq + Hash>(terms: &mut HashMap<K, Term>, subject: K, new: Term) {
    let term = terms.entry(subject).or_insert(new);
    term.issued_until = term.issued_until.max(new.issued_until);
    term.expires_at = term.expires_at.max(new.expires_at);
}

fn ends<K: Eq + Hash>(terms: &HashMap<K, Term>, subject: &K, claims: &Claims<'_>) -> bool {
    !terms.is_empty() && terms.get(subject).is_some_and(|term| claims.issued_at <= term.issued_until)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tollgate_core::{Environment, Scope};

    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_764_000_000);

    fn claims(scope: &Scope, issued_at: Timestamp) -> Claims<'_> {
        Claims {
            issuer: "https://core.example.com",
            subject: ClientId::from_bytes([1; 16]),
            audience: "payment-api",
            issued_at,
            expires_at: issued_at.after(Duration::from_secs(900)),
            id: TokenId::from_bytes([2; 16]),
            scope: scope.as_str(),
            merchant_id: Some(MerchantId::from_bytes([3; 16])),
            environment: Environment::Test,
            secret_id: SecretId::from_bytes([4; 16]),
            addresses: None,
        }
    }

    fn until(subject: Revoked, issued_until: Timestamp) -> Revocation {
        Revocation { subject, issued_until, expires_at: NOW.after(Duration::from_secs(900)) }
    }

    fn applied(revocations: &[Revocation]) -> Revocations {
        let mut applied = Revocations::default();
        for revocation in revocations {
            applied.apply(revocation);
        }
        applied
    }

    #[test]
    fn a_revocation_ends_what_was_issued_in_its_second_or_before() {
        let scope = Scope::empty();
        let second = Duration::from_secs(1);
        for subject in [
            Revoked::Token(TokenId::from_bytes([2; 16])),
            Revoked::Secret(SecretId::from_bytes([4; 16])),
            Revoked::Client(ClientId::from_bytes([1; 16])),
            Revoked::Merchant(MerchantId::from_bytes([3; 16])),
        ] {
            let revocations = applied(&[until(subject, NOW)]);
            assert!(revocations.revoked(&claims(&scope, NOW.before(second))), "{subject:?}");
            assert!(revocations.revoked(&claims(&scope, NOW)), "{subject:?}");
            assert!(!revocations.revoked(&claims(&scope, NOW.after(second))), "{subject:?}");
        }
    }

    #[test]
    fn what_concerns_another_ends_nothing() {
        let scope = Scope::empty();
        let revocations = applied(&[
            until(Revoked::Token(TokenId::from_bytes([9; 16])), Timestamp::MAX),
            until(Revoked::Secret(SecretId::from_bytes([9; 16])), Timestamp::MAX),
            until(Revoked::Client(ClientId::from_bytes([9; 16])), Timestamp::MAX),
            until(Revoked::Merchant(MerchantId::from_bytes([9; 16])), Timestamp::MAX),
        ]);
        assert_eq!(revocations.len(), 4);
        assert!(!revocations.revoked(&claims(&scope, NOW)));
        assert!(!revocations.revoked(&Claims { merchant_id: None, ..claims(&scope, NOW) }));
    }

    #[test]
    fn of_two_of_one_subject_the_wider_holds_whichever_came_first() {
        let scope = Scope::empty();
        let subject = Revoked::Client(ClientId::from_bytes([1; 16]));
        let (narrow, wide) = (until(subject, NOW.before(Duration::from_secs(60))), until(subject, NOW));
        for order in [[narrow, wide], [wide, narrow]] {
            let revocations = applied(&order);
            assert_eq!(revocations.len(), 1);
            assert!(revocations.revoked(&claims(&scope, NOW)));
        }
    }

    #[test]
    fn a_revocation_is_forgotten_once_its_tokens_have_expired() {
        let mut revocations = applied(&[until(Revoked::Client(ClientId::from_bytes([1; 16])), NOW)]);
        revocations.forget_expired(NOW.after(Duration::from_millis(899_999)));
        assert_eq!(revocations.len(), 1);
        revocations.forget_expired(NOW.after(Duration::from_secs(900)));
        assert!(revocations.is_empty());
    }
}
