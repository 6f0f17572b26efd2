//! The properties of access tokens, by their audience.

use std::time::Duration;

use tollgate_core::Algorithm;

use super::settings::Config;

/// The properties of the access tokens for an API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AccessTokens<'a> {
    /// The name of the API.
    pub audience: &'a str,
    /// The algorithm that signs them.
    pub algorithm: Algorithm,
    /// How long they are valid.
    pub lifetime: Duration,
}

impl Config {
    /// Returns the properties of the access tokens for the default audience.
    pub fn default_access_tokens(&self) -> AccessTokens<'_> {
        AccessTokens {
            audience: &self.tokens.audience,
            algorithm: self.tokens.algorithm,
            lifetime: self.tokens.access_ttl,
        }
    }

    /// Returns the properties of the access tokens for an audience; `None` if it is not configured.
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

    /// Returns the names of the algorithms that sign access tokens.
    pub fn access_token_algorithms(&self) -> Vec<&'static str> {
        let is_used = |one: &Algorithm| {
            *one == self.tokens.algorithm || self.audiences.iter().any(|further| further.algorithm == *one)
        };
        Algorithm::ALL.into_iter().filter(is_used).map(Algorithm::as_str).collect()
    }

    /// Returns the algorithms that sign tokens: HS256 for refresh tokens, and those of access tokens.
    pub fn algorithms(&self) -> Vec<Algorithm> {
        let of_access_tokens = self.access_token_algorithms();
        let is_used = |one: &Algorithm| *one == Algorithm::Hs256 || of_access_tokens.contains(&one.as_str());
        Algorithm::ALL.into_iter().filter(is_used).collect()
    }
}
