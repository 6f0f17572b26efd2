//! The merchants and clients that there are, for a plan.

use std::str::FromStr;

use serde_json::Value;
use tollgate_admin::apply::{self, Found};
use tollgate_admin::clients;
use tollgate_config::parse_duration;
use tollgate_core::{Audience, Generation, Revoked, Scope, Timestamp};
use tollgate_store::{Client, Labels, Merchant, Status, Terms, Version};

use super::{Desk, PAGE, tokens};
use crate::error::OperatorError;
use crate::page::all;

impl Desk {
    /// Reads all merchants and clients.
    pub async fn found(&self) -> Result<Found, OperatorError> {
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
            deleted: revoked.iter().filter_map(revoked_subject).collect(),
        })
    }

    /// Says why a client like this could not be created, as far as that is known before the server says it.
    pub fn check_client(&self, scope: &Scope, audiences: &[Audience], terms: &Terms) -> Result<(), String> {
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

/// Reads which client's or merchant's tokens a revocation ends. Of others no plan needs to know.
fn revoked_subject(shown: &Value) -> Option<Revoked> {
    match shown["kind"].as_str()? {
        "client" => Some(Revoked::Client(parsed(&shown["id"])?, Generation::END)),
        "merchant" => Some(Revoked::Merchant(parsed(&shown["id"])?, Generation::END)),
        _ => None,
    }
}

/// Reads a merchant as it is printed.
fn merchant(shown: &Value) -> Option<Merchant> {
    Some(Merchant {
        id: parsed(&shown["merchant_id"])?,
        name: shown["name"].as_str()?.to_owned(),
        status: status(&shown["status"])?,
        created_at: Timestamp::from_millis(0),
        version: Version::default(),
    })
}

/// Reads a client as it is printed. Its secrets, generations and times are not shown, and no plan needs them.
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

/// Reads what may be `null`.
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
