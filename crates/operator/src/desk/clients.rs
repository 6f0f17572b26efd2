//! The acts on clients.

use ipnet::IpNet;
use serde_json::{Map, Value, json};
use tollgate_admin::clients::{self, CreatedClient, NewClient};
use tollgate_admin::imported::{ImportedSecret, ImportedSecrets};
use tollgate_admin::many;
use tollgate_config::duration_text;
use tollgate_core::{Audience, ClientId, MerchantId};
use tollgate_store::{ClientUpdate, Labels, Status};

use super::values::{given, pick, text_of};
use super::{Desk, PAGE};
use crate::error::OperatorError;
use crate::page::{Page, all};
use crate::view;

const PATH: &str = "/admin/v1/clients";

/// The members of a client that are shown.
const SHOWN: &[&str] = &[
    "client_id",
    "merchant_id",
    "name",
    "environment",
    "scope",
    "allow_from",
    "audiences",
    "access_ttl",
    "refresh_ttl",
    "quota",
    "labels",
    "status",
    "active_secrets",
    "created_at",
];

/// Returns the members of a new client that are shown: its secret follows its id.
fn shown_once() -> Vec<&'static str> {
    let (id, others) = SHOWN.split_at(1);
    [id, &["client_secret", "secret_id"], others].concat()
}

impl Desk {
    /// Creates a client, and returns it with its secret.
    pub async fn create_client(&self, new: NewClient) -> Result<Value, OperatorError> {
        match self {
            Self::Store(opened, actor) => {
                Ok(created(&clients::create(&opened.administration(), new, actor).await?))
            }
            Self::Server(api) => Ok(shown(api.post(PATH, &body(&new)).await?, &shown_once())),
        }
    }

    /// Creates clients: on a store all of them or none, by a server one by one. `keep` is called with each and its secret: by a
    /// store before the client is created. Returns the clients with their secrets.
    pub(crate) async fn create_clients(
        &self,
        new: &[NewClient],
        mut keep: impl AsyncFnMut(&[Value]) -> Result<(), OperatorError>,
    ) -> Result<Vec<Value>, OperatorError> {
        match self {
            Self::Store(opened, actor) => {
                let admin = opened.administration();
                let drawn = many::draw(&admin, new);
                let shown: Vec<Value> = drawn.iter().map(created).collect();
                keep(&shown).await?;
                many::create(&admin, &drawn, actor).await?;
                Ok(shown)
            }
            Self::Server(api) => {
                let mut all = Vec::new();
                for new in new {
                    let created = shown(api.post(PATH, &body(new)).await?, &shown_once());
                    let kept = keep(std::slice::from_ref(&created)).await;
                    kept.map_err(|cause| lost(new, &created, cause))?;
                    all.push(created);
                }
                Ok(all)
            }
        }
    }

    /// Returns how many clients are created at a time: by a store in one transaction.
    pub fn at_once(&self) -> usize {
        const BY_A_STORE: usize = 1_000;
        match self {
            Self::Store(..) => BY_A_STORE,
            Self::Server(_) => 1,
        }
    }

    /// Returns a page of all clients, or of a merchant's.
    pub async fn clients(
        &self,
        merchant: Option<MerchantId>,
        after: Option<&str>,
    ) -> Result<Page, OperatorError> {
        match self {
            Self::Store(opened, _) => {
                let (admin, after) = (opened.administration(), after.and_then(|id| id.parse().ok()));
                let now = admin.now().await?;
                let page = clients::list(&admin, merchant, after, PAGE).await?;
                let next = page.last().map(|last| last.id.to_string());
                Ok(Page { items: page.iter().map(|client| view::client(client, now)).collect(), next })
            }
            Self::Server(api) => {
                let of: Vec<_> = merchant.iter().map(|id| ("merchant_id", id.to_string())).collect();
                let Page { items, next } = api.page(PATH, &of, after, PAGE).await?;
                Ok(Page { items: items.into_iter().map(|client| shown(client, SHOWN)).collect(), next })
            }
        }
    }

    /// Returns all clients, or a merchant's.
    pub async fn clients_of(&self, merchant: Option<MerchantId>) -> Result<Vec<Value>, OperatorError> {
        all(async |after| self.clients(merchant, after).await).await
    }

    /// Returns a client as it is shown.
    pub async fn client(&self, id: ClientId) -> Result<Value, OperatorError> {
        match self {
            Self::Store(opened, _) => {
                let admin = opened.administration();
                Ok(view::client(&clients::find(&admin, id).await?, admin.now().await?))
            }
            Self::Server(api) => Ok(shown(api.get(&format!("{PATH}/{id}")).await?, SHOWN)),
        }
    }

    /// Changes a client, and returns it as it is then.
    pub async fn update_client(&self, id: ClientId, update: &ClientUpdate) -> Result<Value, OperatorError> {
        match self {
            Self::Store(opened, actor) => {
                let admin = opened.administration();
                let client = clients::update(&admin, id, update, None, actor).await?;
                Ok(view::client(&client, admin.now().await?))
            }
            Self::Server(api) => {
                Ok(shown(api.patch(&format!("{PATH}/{id}"), &changes(update)).await?, SHOWN))
            }
        }
    }

    /// Enables or disables a client, and returns it. No token of a disabled client is accepted.
    pub async fn set_client_status(&self, id: ClientId, status: Status) -> Result<Value, OperatorError> {
        match self {
            Self::Store(opened, actor) => {
                let admin = opened.administration();
                let client = match status {
                    Status::Enabled => clients::enable(&admin, id, actor).await?,
                    Status::Disabled => clients::disable(&admin, id, actor).await?,
                };
                Ok(view::client(&client, admin.now().await?))
            }
            Self::Server(api) => {
                let act = if status == Status::Enabled { "enable" } else { "disable" };
                Ok(shown(api.order(&format!("{PATH}/{id}/{act}")).await?, SHOWN))
            }
        }
    }

    /// Deletes a client with its secrets. All of its tokens are refused.
    pub async fn delete_client(&self, id: ClientId) -> Result<Value, OperatorError> {
        match self {
            Self::Store(opened, actor) => {
                clients::delete(&opened.administration(), id, None, actor).await?;
                Ok(json!({ "client_id": id, "status": "deleted" }))
            }
            Self::Server(api) => Ok(api.delete(&format!("{PATH}/{id}")).await?),
        }
    }

    /// Returns what a change has taken from a client, but tokens that were issued before keep until they expire: `scope`,
    /// `audience`. Both arguments are the client as it is shown. If they can't be read, it counts as taken.
    pub fn kept_by_tokens(&self, before: &Value, after: &Value) -> Vec<&'static str> {
        let lost = [
            ("scope", has_lost(words(before), words(after))),
            ("audience", has_lost(self.audiences(before), self.audiences(after))),
        ];
        lost.into_iter().filter_map(|(kept, is_lost)| is_lost.then_some(kept)).collect()
    }

    /// Returns the audiences that a client's tokens may be for. An empty text stands for a server's default audience, whose name is not
    /// known here.
    fn audiences<'a>(&'a self, client: &'a Value) -> Option<Vec<&'a str>> {
        let own: Vec<&str> = all_texts(client["audiences"].as_array()?)?;
        Some(match self {
            _ if !own.is_empty() => own,
            Self::Store(opened, _) => vec![opened.config.default_access_tokens().audience],
            Self::Server(_) => vec![""],
        })
    }
}

/// Returns the words of a client's scope.
fn words(client: &Value) -> Option<Vec<&str>> {
    Some(client["scope"].as_str()?.split(' ').collect())
}

fn has_lost(before: Option<Vec<&str>>, after: Option<Vec<&str>>) -> bool {
    before.zip(after).is_none_or(|(before, after)| before.iter().any(|word| !after.contains(word)))
}

/// Returns the error that a client was created and that nobody has its secret. If its id can't be read, the error names the id that was
/// asked for.
fn lost(new: &NewClient, created: &Value, cause: OperatorError) -> OperatorError {
    let shown = text_of(created, "client_id").ok().map(str::to_owned);
    match shown.or_else(|| Some(new.id?.to_string())) {
        Some(client) => OperatorError::SecretLost { client, cause: Box::new(cause) },
        None => cause,
    }
}

/// Returns a client as it is shown, from the server's JSON. If one of its networks can't be read, they stay as they are: without that
/// network the client would seem to be restricted to the others.
fn shown(mut client: Value, members: &[&str]) -> Value {
    let mut shown = pick(&mut client, members);
    if let Some(texts) = shown["allow_from"].as_array().and_then(|networks| all_texts(networks)) {
        shown["allow_from"] = texts.join(" ").into();
    }
    shown
}

/// Returns the texts, if all values are texts.
fn all_texts(values: &[Value]) -> Option<Vec<&str>> {
    values.iter().map(Value::as_str).collect()
}

/// Returns a new client as it is printed, with its secret.
fn created(created: &CreatedClient) -> Value {
    let client = &created.client;
    let mut shown = view::client(client, client.created_at);
    shown["client_secret"] = created.expose_secret().into();
    shown["secret_id"] = json!(client.secrets.first().map(|secret| secret.id));
    pick(&mut shown, &shown_once())
}

/// Returns a new client as JSON for the server's API.
fn body(new: &NewClient) -> Value {
    let mut body = given(json!({
        "client_id": new.id,
        "name": new.name.as_str(),
        "environment": new.environment,
        "scope": new.scope.as_str(),
        "allow_from": networks(&new.addresses),
        "audiences": texts(&new.audiences),
        "access_ttl": new.terms.access_ttl.map(duration_text),
        "refresh_ttl": new.terms.refresh_ttl.map(duration_text),
        "quota": new.terms.quota.map(|quota| quota.to_string()),
        "labels": labels(&new.terms.labels),
        "secrets": secrets(&new.secrets),
    }));
    // `null` says that it is an operator's client.
    body["merchant_id"] = json!(new.merchant_id);
    body
}

/// Returns the secrets that a client brings along as JSON, without any `null`.
fn secrets(secrets: &ImportedSecrets) -> Value {
    let one = |secret: &ImportedSecret| match secret {
        ImportedSecret::Known(secret) => json!({ "value": secret.expose_secret() }),
        ImportedSecret::Hashed(hash) => json!({ "hash": hash.expose_text() }),
    };
    if secrets.is_empty() { Value::Null } else { secrets.iter().map(one).collect() }
}

/// Returns changes as JSON for the server's API: `null` restores the default.
fn changes(update: &ClientUpdate) -> Value {
    let ClientUpdate { name, scope, addresses, audiences, access_ttl, refresh_ttl, quota, labels: of } =
        update;
    let members = [
        ("name", name.as_ref().map(|name| json!(name))),
        ("scope", scope.as_ref().map(|scope| json!(scope.as_str()))),
        ("allow_from", addresses.as_deref().map(networks)),
        ("audiences", audiences.as_deref().map(texts)),
        ("access_ttl", access_ttl.map(|ttl| json!(ttl.map(duration_text)))),
        ("refresh_ttl", refresh_ttl.map(|ttl| json!(ttl.map(duration_text)))),
        ("quota", quota.map(|quota| json!(quota.map(|quota| quota.to_string())))),
        ("labels", of.as_ref().map(labels)),
    ];
    let given = members.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
    Value::Object(given.collect::<Map<_, _>>())
}

fn networks(networks: &[IpNet]) -> Value {
    networks.iter().map(ToString::to_string).collect()
}

fn texts(audiences: &[Audience]) -> Value {
    audiences.iter().map(Audience::as_str).collect()
}

fn labels(labels: &Labels) -> Value {
    Value::Object(labels.iter().map(|(name, value)| (name.to_owned(), value.into())).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_that_cant_be_read_is_not_left_out() {
        let of = |networks: Value| shown(json!({ "allow_from": networks }), &["allow_from"]);
        assert_eq!(of(json!(["10.0.0.0/8", "::1/128"])), json!({ "allow_from": "10.0.0.0/8 ::1/128" }));
        assert_eq!(of(json!([])), json!({ "allow_from": "" }));
        assert_eq!(of(json!([7])), json!({ "allow_from": [7] }));
    }

    #[test]
    fn what_cant_be_read_counts_as_lost() {
        let scope = |scope: Value| json!({ "scope": scope });
        let (one, both) = (scope(json!("a")), scope(json!("a b")));
        assert!(has_lost(words(&both), words(&one)) && !has_lost(words(&one), words(&both)));
        let unreadable = scope(Value::Null);
        for (before, after) in [(&one, &unreadable), (&unreadable, &one), (&unreadable, &unreadable)] {
            assert!(has_lost(words(before), words(after)));
        }
    }

    #[test]
    fn of_a_client_whose_secret_is_lost_the_id_is_told_that_was_asked_for() {
        let id: ClientId = "0191e0a1-5c3b-7def-8123-456789abcdef".parse().unwrap();
        let new = NewClient {
            id: Some(id),
            merchant_id: None,
            name: "till".parse().unwrap(),
            environment: None,
            scope: "payments:read".parse().unwrap(),
            addresses: Vec::new(),
            audiences: Vec::new(),
            terms: tollgate_store::Terms::default(),
            secrets: ImportedSecrets::default(),
        };
        let told = |shown: Value| lost(&new, &shown, OperatorError::Unreadable).to_string();
        assert!(told(json!({ "client_id": "c-1" })).contains("`tollgate secret create c-1`"));
        assert!(told(json!({})).contains(&format!("`tollgate secret create {id}`")));
    }
}
