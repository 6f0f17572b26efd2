//! The cases of a mount that has not heard of keys and revocations for some time.

use std::time::Duration;

use tollgate_core::{Algorithm, Claims, KeyId, TokenKind};
use tollgate_keys::{SigningKey, SigningRing};

use super::cases::{Table, bearer, minted};
use super::{Case, INSUFFICIENT_SCOPE, INVALID_TOKEN, REVOKED_TOKEN, Refusal, STALE};

impl Table<'_> {
    /// What the header says is wrong as ever. Of a token nothing is said, neither good nor bad.
    pub(super) fn stale(&self) -> Vec<Case> {
        let mut cases = self.without_a_token();
        cases.extend(self.spellings_of_the_header().into_iter().filter(has_several_lines));
        cases.push(bearer("a word", "x", Err(STALE)));
        cases.extend(self.tokens(STALE, STALE).into_iter().map(|case| Case { expected: Err(STALE), ..case }));
        cases
    }

    /// What known keys have signed for a known issuer and audience is as good or as bad as ever. The rest may be of a key, or
    /// of an issuer, that is news.
    pub(super) fn doubtful(&self) -> Vec<Case> {
        let mut cases = self.without_a_token();
        cases.extend(
            self.spellings_of_the_header()
                .into_iter()
                .filter(|case| case.expected.is_ok() || has_several_lines(case)),
        );
        cases.extend(self.tokens(INVALID_TOKEN, STALE));
        cases
    }

    /// Tokens of each kind, with what is answered to those that are bad in themselves, and to those that another key
    /// than the known ones has signed, or another issuer than the known ones.
    fn tokens(&self, bad: Refusal, unknown: Refusal) -> Vec<Case> {
        let claims = self.claims();
        let token = self.token();
        vec![
            self.says("a good token", &claims, Ok(())),
            self.says("a token that has expired", &Claims { expires_at: self.now, ..claims }, Err(bad)),
            self.says(
                "a token of another issuer",
                &Claims { issuer: "https://x.example", ..claims },
                Err(unknown),
            ),
            self.says("a token of another audience", &Claims { audience: "other", ..claims }, Err(unknown)),
            self.says("a revoked token", &Claims { id: REVOKED_TOKEN, ..claims }, Err(bad)),
            self.says("a token without the scope", &Claims { scope: "", ..claims }, Err(INSUFFICIENT_SCOPE)),
            bearer("a foreign header", "eyJhbGciOiJub25lIn0.e30.x", Err(bad)),
            bearer("a token that was cut", &token[..token.len() - 1], Err(bad)),
            bearer("a token of the next key", &self.of_the_next_key(&claims), Err(unknown)),
            bearer("a refresh token", &self.minted(TokenKind::Refresh, &claims), Err(unknown)),
        ]
    }

    /// A token as another node issues it that knows a key more.
    fn of_the_next_key(&self, claims: &Claims<'_>) -> String {
        let activates_at = self.now.before(Duration::from_secs(1));
        let next = SigningKey::derive(KeyId::from_bytes([7; 16]), &[7; 32], activates_at, None);
        let keys = SigningRing::new(&self.authority.policy.issuer, vec![next]);
        minted(&keys, TokenKind::Access, Algorithm::Hs256, claims, self.now)
    }
}

/// Which of them is the token is not asked.
fn has_several_lines(case: &Case) -> bool {
    case.authorization.len() > 1
}
