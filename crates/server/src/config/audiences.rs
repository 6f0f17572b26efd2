//! `[[audiences]]`: further APIs that tokens can be for.

use std::time::Duration;

use serde::{Serialize, Serializer};
use tollgate_core::{Algorithm, Audience};
use toml::{Table, Value};

use super::redaction::Redacted;
use super::settings::Config;
use super::texts::whole_seconds;
use super::values::duration_text;

/// An API that tokens can be for, beside that of `tokens.audience`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AudienceSettings {
    /// Its name: what its tokens have as `aud`.
    pub name: Audience,
    /// What its access tokens are signed with.
    pub algorithm: Algorithm,
    /// The lifetime of its access tokens; `None` for that of `tokens.access_ttl`.
    pub access_ttl: Option<Duration>,
}

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

const EXPECTED: &str = "tables with `name`, `algorithm` and, if it differs, `access_ttl` (in the environment: NAME=ALGORITHM, …)";
const KEYS: [&str; 3] = ["name", "algorithm", "access_ttl"];

impl AudienceSettings {
    /// Reads an element of the array; says what is wrong with it.
    pub(super) fn read(value: &Value) -> Result<Self, String> {
        match value {
            Value::Table(table) => Self::read_table(table),
            // From the environment.
            Value::String(text) => {
                let (name, algorithm) = text.rsplit_once('=').ok_or(EXPECTED)?;
                Self::of(name, algorithm, None)
            }
            _ => Err(EXPECTED.to_owned()),
        }
    }

    fn read_table(table: &Table) -> Result<Self, String> {
        if let Some(unknown) = table.keys().find(|key| !KEYS.contains(&key.as_str())) {
            return Err(format!("unknown key {unknown:?}; expected {EXPECTED}"));
        }
        let text = |key: &str| match table.get(key) {
            Some(Value::String(text)) => Ok(Some(text.as_str())),
            Some(_) => Err(format!("expected a string as `{key}`")),
            None => Ok(None),
        };
        let required =
            |key: &str| text(key)?.ok_or_else(|| format!("`{key}` is missing; expected {EXPECTED}"));
        let lifetime = text("access_ttl")?.map(whole_seconds).transpose();
        let lifetime = lifetime.map_err(|expected| format!("expected {expected} as `access_ttl`"))?;
        Self::of(required("name")?, required("algorithm")?, lifetime)
    }

    fn of(name: &str, algorithm: &str, access_ttl: Option<Duration>) -> Result<Self, String> {
        Ok(Self {
            name: name.parse().map_err(|error| format!("{error}; found {name:?}"))?,
            algorithm: algorithm.parse().map_err(|error| format!("{error}; found {algorithm:?}"))?,
            access_ttl,
        })
    }
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

impl Redacted for Vec<AudienceSettings> {
    fn redacted<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Shown<'a> {
            name: &'a str,
            algorithm: &'a str,
            #[serde(skip_serializing_if = "Option::is_none")]
            access_ttl: Option<String>,
        }
        serializer.collect_seq(self.iter().map(|further| Shown {
            name: further.name.as_str(),
            algorithm: further.algorithm.as_str(),
            access_ttl: further.access_ttl.map(duration_text),
        }))
    }
}
