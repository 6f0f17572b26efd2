//! The acts on signing keys.

use serde_json::{Value, json};
use tollgate_admin::keys::{self, AddedKey, ListedKey};
use tollgate_core::{Algorithm, Jwk, Timestamp};
use tollgate_keys::Phase;

use super::Desk;
use super::values::{given, pick};
use crate::error::OperatorError;

const PATH: &str = "/admin/v1/keys";

/// The members of a key that are printed.
const SHOWN: &[&str] =
    &["key_id", "phase", "algorithm", "created_at", "activates_at", "retires_at", "advances_at"];

impl Desk {
    /// Returns the signing keys.
    pub async fn keys(&self) -> Result<Vec<Value>, OperatorError> {
        match self {
            Self::Store(opened, _) => {
                Ok(keys::list(&opened.administration()).await?.iter().map(listed).collect())
            }
            Self::Server(api) => {
                let keys = api.list(PATH).await?;
                Ok(keys.into_iter().map(|mut key| pick(&mut key, SHOWN)).collect())
            }
        }
    }

    /// Returns the public keys as JSON Web Keys.
    pub async fn public_keys(&self) -> Result<Vec<Value>, OperatorError> {
        match self {
            Self::Store(opened, _) => {
                let keys = keys::public_keys(&opened.administration()).await?;
                Ok(keys.iter().map(|(id, key)| json!(Jwk::of(key, id.to_string()))).collect())
            }
            Self::Server(api) => {
                let keys = api.list(PATH).await?.into_iter().map(|mut key| key["jwk"].take());
                Ok(keys.filter(|key| !key.is_null()).collect())
            }
        }
    }

    /// Adds the first signing key of an algorithm.
    pub async fn create_key(&self, algorithm: Algorithm) -> Result<Value, OperatorError> {
        match self {
            Self::Store(opened, actor) => {
                Ok(added(&keys::create(&opened.administration(), algorithm, actor).await?))
            }
            Self::Server(api) => Ok(api.post(PATH, &json!({ "algorithm": algorithm.as_str() })).await?),
        }
    }

    /// Adds the next signing key of one algorithm, or of each; the older keys stay valid, unless they are compromised.
    pub async fn rotate_keys(
        &self,
        algorithm: Option<Algorithm>,
        compromised: bool,
    ) -> Result<Vec<Value>, OperatorError> {
        match self {
            Self::Store(opened, actor) => {
                let admin = opened.administration();
                let keys = if compromised {
                    keys::replace_all_compromised(&admin, algorithm, actor).await?
                } else {
                    keys::rotate_all(&admin, algorithm, actor).await?
                };
                Ok(keys.iter().map(added).collect())
            }
            Self::Server(api) => {
                let act = if compromised { "compromised" } else { "rotate" };
                let body = json!({ "algorithm": algorithm.map(Algorithm::as_str) });
                match api.post(&format!("{PATH}/{act}"), &given(body)).await?["items"].take() {
                    Value::Array(keys) => Ok(keys),
                    _ => Ok(Vec::new()),
                }
            }
        }
    }
}

fn listed(ListedKey { key, phase, advances_at }: &ListedKey) -> Value {
    json!({
        "key_id": key.id,
        "phase": phase.map(Phase::as_str),
        "algorithm": key.algorithm.as_str(),
        "created_at": key.created_at.rfc3339(),
        "activates_at": key.activates_at.rfc3339(),
        "retires_at": key.retires_at.map(Timestamp::rfc3339),
        "advances_at": advances_at.map(Timestamp::rfc3339),
    })
}

fn added(added: &AddedKey) -> Value {
    json!({
        "key_id": added.id,
        "algorithm": added.algorithm.as_str(),
        "activates_at": added.activates_at.rfc3339(),
        "others_retire_at": added.others_retire_at.map(Timestamp::rfc3339),
    })
}
