//! The revocations in force, in memory.

use std::collections::HashMap;
use std::hash::Hash;

use tollgate_core::{
    Claims, ClientId, Generation, MerchantId, Revocation, Revoked, SecretId, Timestamp, TokenId,
};

/// The revocations in force: a snapshot that requests read. The task that follows the change log replaces it by the next one.
///
/// It only becomes stricter: of two revocations of the same client the later generation counts, in whatever order
/// they are applied, and until the later of both has expired.
#[derive(Debug, Clone, Default)]
pub struct Revocations {
    tokens: HashMap<TokenId, Timestamp>,
    secrets: HashMap<SecretId, Timestamp>,
    clients: HashMap<ClientId, Term>,
    merchants: HashMap<MerchantId, Term>,
}

/// The first generation of a client's or merchant's tokens that is still accepted, and until when the revocation counts.
#[derive(Debug, Clone, Copy)]
struct Term {
    from: Generation,
    expires_at: Timestamp,
}

impl Revocations {
    /// Adds a revocation.
    pub fn apply(&mut self, revocation: &Revocation) {
        let expires_at = revocation.expires_at;
        match revocation.subject {
            Revoked::Token(id) => prolong(self.tokens.entry(id).or_insert(expires_at), expires_at),
            Revoked::Secret(id) => prolong(self.secrets.entry(id).or_insert(expires_at), expires_at),
            Revoked::Client(id, from) => raise(&mut self.clients, id, Term { from, expires_at }),
            Revoked::Merchant(id, from) => raise(&mut self.merchants, id, Term { from, expires_at }),
        }
    }

    /// Drops the revocations whose tokens have all expired by themselves.
    pub fn forget_expired(&mut self, now: Timestamp) {
        self.tokens.retain(|_, expires_at| *expires_at > now);
        self.secrets.retain(|_, expires_at| *expires_at > now);
        self.clients.retain(|_, term| term.expires_at > now);
        self.merchants.retain(|_, term| term.expires_at > now);
    }

    /// Says whether a token was revoked.
    pub fn revoked(&self, claims: &Claims<'_>) -> bool {
        self.ended_by(claims).is_some()
    }

    /// Returns what was revoked so that the token ended; `None` if the token was not revoked.
    pub fn ended_by(&self, claims: &Claims<'_>) -> Option<Ended> {
        if contains(&self.tokens, &claims.id) {
            return Some(Ended::Token);
        }
        if contains(&self.tokens, &claims.refresh_id()) {
            return Some(Ended::RefreshToken);
        }
        if contains(&self.secrets, &claims.secret_id) {
            return Some(Ended::Secret);
        }
        if ends(&self.clients, &claims.subject, claims.generation) {
            return Some(Ended::Client);
        }
        let merchant = claims.merchant_id?;
        ends(&self.merchants, &merchant, claims.merchant_generation).then_some(Ended::Merchant)
    }

    /// Returns the number of revocations.
    pub fn len(&self) -> usize {
        self.tokens.len() + self.secrets.len() + self.clients.len() + self.merchants.len()
    }

    /// Says whether there is no revocation.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// The cause that has ended a token, for operators. A caller learns only that its token is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Ended {
    /// The token itself was revoked.
    #[error("it was revoked")]
    Token,
    /// The refresh token that it was issued with or obtained with was revoked.
    #[error("the refresh token that it was made with was revoked")]
    RefreshToken,
    /// The secret that it was obtained with was revoked.
    #[error("the secret that it was obtained with was revoked")]
    Secret,
    /// All tokens of its client were ended: the client was disabled or deleted, its networks were changed, or its tokens were revoked.
    #[error("all tokens of its client were ended after it was issued")]
    Client,
    /// All tokens of its merchant's clients were ended: the merchant was disabled or deleted, or the tokens were revoked.
    #[error("all tokens of its merchant's clients were ended after it was issued")]
    Merchant,
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

fn prolong(expires_at: &mut Timestamp, to: Timestamp) {
    *expires_at = to.max(*expires_at);
}

fn raise<K: Eq + Hash>(terms: &mut HashMap<K, Term>, subject: K, new: Term) {
    let term = terms.entry(subject).or_insert(new);
    term.from = term.from.max(new.from);
    prolong(&mut term.expires_at, new.expires_at);
}

fn contains<K: Eq + Hash>(ended: &HashMap<K, Timestamp>, id: &K) -> bool {
    !ended.is_empty() && ended.contains_key(id)
}

fn ends<K: Eq + Hash>(terms: &HashMap<K, Term>, subject: &K, generation: Generation) -> bool {
    !terms.is_empty() && terms.get(subject).is_some_and(|term| generation < term.from)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tollgate_core::{Environment, Scope};

    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_764_000_000);
    const SECOND: Generation = Generation::FIRST.next();

    fn claims(scope: &Scope) -> Claims<'_> {
        Claims {
            issuer: "https://core.example.com",
            subject: ClientId::from_bytes([1; 16]),
            audience: "payment-api",
            issued_at: NOW,
            expires_at: NOW.after(Duration::from_secs(900)),
            id: TokenId::from_bytes([2; 16]),
            scope: scope.as_str(),
            merchant_id: Some(MerchantId::from_bytes([3; 16])),
            environment: Environment::Test,
            secret_id: SecretId::from_bytes([4; 16]),
            generation: Generation::FIRST,
            merchant_generation: Generation::FIRST,
            made_with: Some(TokenId::from_bytes([5; 16])),
            addresses: None,
        }
    }

    fn revocation(subject: Revoked) -> Revocation {
        Revocation { subject, expires_at: NOW.after(Duration::from_secs(900)) }
    }

    fn applied(subjects: &[Revoked]) -> Revocations {
        subjects.iter().copied().map(revocation).collect()
    }

    #[test]
    fn a_token_ends_by_itself_by_its_refresh_token_and_by_its_secret() {
        let scope = Scope::empty();
        for (subject, ended) in [
            (Revoked::Token(TokenId::from_bytes([2; 16])), Ended::Token),
            (Revoked::Token(TokenId::from_bytes([5; 16])), Ended::RefreshToken),
            (Revoked::Secret(SecretId::from_bytes([4; 16])), Ended::Secret),
        ] {
            assert_eq!(applied(&[subject]).ended_by(&claims(&scope)), Some(ended), "{subject:?}");
            assert!(applied(&[subject]).revoked(&claims(&scope)), "{subject:?}");
        }
    }

    #[test]
    fn a_refresh_token_ends_the_access_token_that_was_issued_with_it_and_not_the_other_way_round() {
        let scope = Scope::empty();
        let id = TokenId::from_bytes([2; 16]);
        let refresh_id = id.of_its_refresh_token();
        let access = Claims { id, made_with: None, ..claims(&scope) };
        let refresh = Claims { id: refresh_id, ..access };
        let made_later =
            Claims { id: TokenId::from_bytes([7; 16]), made_with: Some(refresh_id), ..claims(&scope) };
        let revoked = applied(&[Revoked::Token(refresh_id)]);
        assert_eq!(revoked.ended_by(&refresh), Some(Ended::Token));
        for access in [access, made_later] {
            assert_eq!(revoked.ended_by(&access), Some(Ended::RefreshToken));
        }
        let revoked = applied(&[Revoked::Token(id)]);
        assert_eq!(revoked.ended_by(&access), Some(Ended::Token));
        assert!(!revoked.revoked(&refresh) && !revoked.revoked(&made_later));
    }

    #[test]
    fn tokens_of_earlier_generations_end_whenever_they_were_issued() {
        let scope = Scope::empty();
        for (subject, ended) in [
            (Revoked::Client(ClientId::from_bytes([1; 16]), SECOND), Ended::Client),
            (Revoked::Merchant(MerchantId::from_bytes([3; 16]), SECOND), Ended::Merchant),
        ] {
            let revocations = applied(&[subject]);
            assert_eq!(revocations.ended_by(&claims(&scope)), Some(ended));
            for issued_at in [Timestamp::from_seconds(0), NOW, Timestamp::MAX] {
                assert!(revocations.revoked(&Claims { issued_at, ..claims(&scope) }), "{subject:?}");
            }
            let new = Claims { generation: SECOND, merchant_generation: SECOND, ..claims(&scope) };
            assert!(!revocations.revoked(&new), "{subject:?}");
        }
        let deleted = applied(&[Revoked::Client(ClientId::from_bytes([1; 16]), Generation::END)]);
        let latest = Generation::from_number(999_999_999_999);
        assert!(deleted.revoked(&Claims { generation: latest, ..claims(&scope) }));
    }

    #[test]
    fn what_concerns_another_ends_nothing() {
        let scope = Scope::empty();
        let revocations = applied(&[
            Revoked::Token(TokenId::from_bytes([9; 16])),
            Revoked::Secret(SecretId::from_bytes([9; 16])),
            Revoked::Client(ClientId::from_bytes([9; 16]), Generation::END),
            Revoked::Merchant(MerchantId::from_bytes([9; 16]), Generation::END),
        ]);
        assert_eq!(revocations.len(), 4);
        assert!(!revocations.revoked(&claims(&scope)));
        assert!(!revocations.revoked(&Claims { merchant_id: None, ..claims(&scope) }));
    }

    #[test]
    fn of_two_of_one_subject_the_stricter_holds_whichever_came_first() {
        let scope = Scope::empty();
        let ends_before = |generation| Revoked::Client(ClientId::from_bytes([1; 16]), generation);
        let (earlier, later) = (ends_before(SECOND), ends_before(SECOND.next()));
        for order in [[earlier, later], [later, earlier]] {
            let revocations = applied(&order);
            assert_eq!(revocations.len(), 1);
            assert!(revocations.revoked(&Claims { generation: SECOND, ..claims(&scope) }));
        }
    }

    #[test]
    fn a_revocation_is_forgotten_once_its_tokens_have_expired() {
        for subject in [
            Revoked::Token(TokenId::from_bytes([2; 16])),
            Revoked::Secret(SecretId::from_bytes([4; 16])),
            Revoked::Client(ClientId::from_bytes([1; 16]), SECOND),
            Revoked::Merchant(MerchantId::from_bytes([3; 16]), SECOND),
        ] {
            let sooner = Revocation { expires_at: NOW, ..revocation(subject) };
            let mut revocations: Revocations = [sooner, revocation(subject), sooner].into_iter().collect();
            revocations.forget_expired(NOW.after(Duration::from_millis(899_999)));
            assert_eq!(revocations.len(), 1, "{subject:?}");
            revocations.forget_expired(NOW.after(Duration::from_secs(900)));
            assert!(revocations.is_empty(), "{subject:?}");
        }
    }
}
