//! What access tokens are like, by their audience.

use std::time::Duration;

use tollgate_core::Algorithm;

use super::settings::Config;

/// What the access tokens for an API are like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AccessTokens<'a> {
    /// The name of the API.
    pub audience: &'a str,
    /// What they are signed with.
    pub algorithm: Algorithm,
    /// How long they last.
    pub lifetime: Duration,
}

impl Config {
    /// What the access tokens for the default audience are like.
    pub fn default_access_tokens(&self) -> AccessTokens<'_> {
        AccessTokens {
            audience: &self.tokens.audience,
            algorithm: self.tokens.algorithm,
            lifetime: self.tokens.access_ttl,
        }
    }

    /// What the access tokens for an audience are like; `None` if it is not configured.
    pub fn access_tokens(&self, audience: &str) -> Option<AccessTokens<'_>> {
        if audience == self.tokens.audience {
            return Some(self.default_access_tokens());
        }
        let found = self.audiences.iter().find(|further| further.name.as_str() == audience)?;
        Some(AccessTokens {
            audience: found.name.as_str(),
            algorithm: found.algorithm,
            lifetime: found.access_ttl.unwrap_or(self.tokens.access_ttl),
        })
    }

    /// The names of the algorithms of access tokens.
    pub fn access_token_algorithms(&self) -> Vec<&'static str> {
        let is_used = |one: &Algorithm| {
            *one == self.tokens.algorithm || self.audiences.iter().any(|further| further.algorithm == *one)
        };
        Algorithm::ALL.into_iter().filter(is_used).map(Algorithm::as_str).collect()
    }

    /// The algorithms that tokens are signed with: HS256, of which refresh tokens are, and those of access tokens.
    pub fn algorithms(&self) -> Vec<Algorithm> {
        let of_access_tokens = self.access_token_algorithms();
        let is_used = |one: &Algorithm| *one == Algorithm::Hs256 || of_access_tokens.contains(&one.as_str());
        Algorithm::ALL.into_iter().filter(is_used).collect()
    }
}
