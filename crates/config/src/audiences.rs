//! `[[audiences]]`: further APIs that tokens may be for.

use std::time::Duration;

use serde::{Serialize, Serializer};
use tollgate_core::{Algorithm, Audience};
use toml::{Table, Value};

use super::redaction::Redacted;
use super::texts::whole_seconds;
use super::values::duration_text;

/// An API that tokens may be for, besides the one of `tokens.audience`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AudienceSettings {
    /// Its name, which its tokens have as `aud`.
    pub name: Audience,
    /// The algorithm that signs its access tokens.
    pub algorithm: Algorithm,
    /// The lifetime of its access tokens; `None` for that of `tokens.access_ttl`.
    pub access_ttl: Option<Duration>,
}

const EXPECTED: &str = "tables with `name`, `algorithm` and, if it differs, `access_ttl` (in the environment: NAME=ALGORITHM, …)";
const KEYS: [&str; 3] = ["name", "algorithm", "access_ttl"];

impl AudienceSettings {
    /// Reads an element of the array; the error says what is wrong with it.
    pub(super) fn read(value: &Value) -> Result<Self, String> {
        match value {
            Value::Table(table) => Self::read_table(table),
            // A text comes from an environment variable.
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
