//! Reads the existing merchants and clients, for a plan.

use std::str::FromStr;

use serde_json::Value;
use tollgate_admin::apply::{self, Found};
use tollgate_admin::clients;
use tollgate_config::parse_duration;
use tollgate_core::{Audience, Generation, Revoked, Scope, Timestamp};
use tollgate_store::{Client, Labels, Merchant, Status, Terms, Version};

use super::values::text_of;
use super::{Desk, PAGE, tokens};
use crate::error::OperatorError;
use crate::page::all;

impl Desk {
    /// Reads all merchants and clients.
    pub(crate) async fn found(&self) -> Result<Found, OperatorError> {
        let api = match self {
            Self::Store(opened, _) => return Ok(apply::find(&opened.administration()).await?),
            Self::Server(api) => api,
        };
        let merchants = all(async |after| self.merchants(after).await).await?;
        let clients = self.clients_of(None).await?;
        let revoked = all(async |after| Ok(api.page(tokens::PATH, &[], after, PAGE).await?)).await?;
        let (merchants, clients) = (merchants.iter().map(merchant), clients.iter().map(client));
        Ok(Found {
            merchants: merchants.collect::<Option<_>>().ok_or(OperatorError::Unreadable)?,
            clients: clients.collect::<Option<_>>().ok_or(OperatorError::Unreadable)?,
            deleted: revoked.iter().filter_map(|shown| ended(shown).transpose()).collect::<Result<_, _>>()?,
        })
    }

    /// Says why a client like this could not be created, as far as that can be told without the server.
    pub(crate) fn check_client(
        &self,
        scope: &Scope,
        audiences: &[Audience],
        terms: &Terms,
    ) -> Result<(), String> {
        match self {
            Self::Store(opened, _) => {
                let admin = opened.administration();
                let wrong = clients::misfits(&admin, audiences, terms.access_ttl, terms.refresh_ttl);
                let wrong: Vec<String> = wrong.iter().map(ToString::to_string).collect();
                if wrong.is_empty() {
                    let checked = clients::check(&admin, scope, audiences, terms);
                    return checked.map_err(|error| error.to_string());
                }
                Err(wrong.join("; "))
            }
            Self::Server(_) => Ok(()),
        }
    }
}

/// Reads whose tokens a revocation ends, a client's or a merchant's. Revocations of single tokens and secrets don't matter for a plan.
fn ended(shown: &Value) -> Result<Option<Revoked>, OperatorError> {
    let subject = match text_of(shown, "kind")? {
        "client" => parsed(&shown["id"]).map(|id| Revoked::Client(id, Generation::END)),
        "merchant" => parsed(&shown["id"]).map(|id| Revoked::Merchant(id, Generation::END)),
        "token" | "secret" => return Ok(None),
        _ => None,
    };
    subject.map(Some).ok_or(OperatorError::Unreadable)
}

/// Reads a merchant from its printed form.
fn merchant(shown: &Value) -> Option<Merchant> {
    Some(Merchant {
        id: parsed(&shown["merchant_id"])?,
        name: shown["name"].as_str()?.to_owned(),
        status: status(&shown["status"])?,
        created_at: Timestamp::from_millis(0),
        version: Version::default(),
    })
}

/// Reads a client from its printed form. Its secrets, generations and times are not shown, and no plan needs them.
fn client(shown: &Value) -> Option<Client> {
    let merchant_id = optional(&shown["merchant_id"], |text| text.parse().ok())?;
    let networks = shown["allow_from"].as_str()?.split_ascii_whitespace().map(|text| text.parse().ok());
    let audiences = shown["audiences"].as_array()?.iter().map(parsed::<Audience>);
    let labels = shown["labels"].as_object()?.iter();
    let labels = labels.map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())));
    let length = |value: &Value| optional(value, |text| parse_duration(text).ok());
    Some(Client {
        id: parsed(&shown["client_id"])?,
        merchant_id,
        name: shown["name"].as_str()?.to_owned(),
        environment: parsed(&shown["environment"])?,
        scope: parsed(&shown["scope"])?,
        addresses: networks.collect::<Option<_>>()?,
        audiences: audiences.collect::<Option<_>>()?,
        status: status(&shown["status"])?,
        merchant_status: Status::Enabled,
        generation: Generation::FIRST,
        merchant_generation: Generation::FIRST,
        created_at: Timestamp::from_millis(0),
        version: Version::default(),
        terms: Terms {
            access_ttl: length(&shown["access_ttl"])?,
            refresh_ttl: length(&shown["refresh_ttl"])?,
            quota: optional(&shown["quota"], |text| text.parse().ok())?,
            labels: Labels::new(labels.collect::<Option<Vec<_>>>()?).ok()?,
        },
        secrets: Vec::new(),
    })
}

fn parsed<T: FromStr>(value: &Value) -> Option<T> {
    value.as_str()?.parse().ok()
}

/// Reads a value that may be `null`.
#[expect(clippy::option_option, reason = "what is null is told from what can't be read")]
fn optional<T>(value: &Value, read: impl Fn(&str) -> Option<T>) -> Option<Option<T>> {
    if value.is_null() { Some(None) } else { read(value.as_str()?).map(Some) }
}

fn status(value: &Value) -> Option<Status> {
    match value.as_str()? {
        "enabled" => Some(Status::Enabled),
        "disabled" => Some(Status::Disabled),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_revocation_that_cant_be_read_is_not_taken_for_one_that_ends_nobody() {
        let id = "0191e0a1-5c3b-7def-8123-456789abcdef";
        let read = |kind: Value, id: Value| ended(&json!({ "kind": kind, "id": id }));
        let client = Revoked::Client(id.parse().unwrap(), Generation::END);
        assert_eq!(read(json!("client"), json!(id)).unwrap(), Some(client));
        let merchant = Revoked::Merchant(id.parse().unwrap(), Generation::END);
        assert_eq!(read(json!("merchant"), json!(id)).unwrap(), Some(merchant));
        assert_eq!(read(json!("token"), json!("t")).unwrap(), None);
        assert_eq!(read(json!("secret"), json!(id)).unwrap(), None);
        for (kind, id) in [("client", "c-1"), ("merchant", ""), ("tenant", id)] {
            assert!(read(json!(kind), json!(id)).is_err(), "{kind} {id}");
        }
        assert!(read(Value::Null, json!(id)).is_err());
    }
}
