//! The administration over HTTP.

mod bodies;
mod creation;
mod imports;
mod lists;
mod records;
mod roles;
mod stats;
mod terms;
mod two_people;
mod versions;

use std::net::{IpAddr, Ipv4Addr};

use serde_json::{Value, json};

use crate::call::{Call, Reply};
use crate::stage::{Credentials, Kind, Stage};

/// Where operators call from: this machine.
pub(crate) const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
pub(crate) const EVERY_ROLE: &str = "admin:read admin:support admin:write admin:keys admin:audit";
/// What no merchant, client or secret has.
const NOBODY: &str = "3fa85f64-5717-4562-b3fc-2c963f66afa6";

const MERCHANTS: &str = "/admin/v1/merchants";
const CLIENTS: &str = "/admin/v1/clients";

/// A stage with an operator who may do everything.
struct Desk {
    stage: Stage,
    /// The operator's client.
    operator: Credentials,
    /// A token of it.
    token: String,
}

impl Desk {
    async fn open() -> Self {
        Self::at(
            Stage::with(&[("TOLLGATE_ADMIN__REQUESTS", "off")], |store| std::sync::Arc::new(store)).await,
        )
        .await
    }

    async fn at(mut stage: Stage) -> Self {
        let (operator, token) = operator(&mut stage, EVERY_ROLE).await;
        Self { stage, operator, token }
    }

    /// A token of another operator.
    async fn another(&mut self, scope: &'static str) -> String {
        operator(&mut self.stage, scope).await.1
    }

    fn call(&self, method: &str, path: &str) -> Call {
        Call::new(method, path).bearer(&self.token)
    }

    async fn send(&self, call: Call) -> Reply {
        self.stage.answer_from(HERE, call).await
    }

    async fn get(&self, path: &str) -> Reply {
        self.send(self.call("GET", path)).await
    }

    async fn post(&self, path: &str, body: &Value) -> Reply {
        self.send(self.call("POST", path).json(body)).await
    }

    async fn patch(&self, path: &str, body: &Value) -> Reply {
        self.send(self.call("PATCH", path).json(body)).await
    }

    async fn delete(&self, path: &str) -> Reply {
        self.send(self.call("DELETE", path)).await
    }

    /// Creates a merchant, and returns its id.
    async fn merchant(&self, name: &str) -> String {
        text(&self.post(MERCHANTS, &json!({"name": name})).await.data()["merchant_id"])
    }

    /// Creates a client, and returns what is shown of it.
    async fn client(&self, merchant: Option<&str>, more: Value) -> Value {
        let mut body = json!({"merchant_id": merchant, "name": "till", "scope": "payments:read"});
        for (name, value) in more.as_object().unwrap() {
            body[name] = value.clone();
        }
        self.post(CLIENTS, &body).await.data()
    }
}

async fn operator(stage: &mut Stage, scope: &'static str) -> (Credentials, String) {
    let credentials = stage.client(Kind { merchant: None, scope, ..stage.kind() }).await;
    let token = stage.tokens(&credentials).await.access;
    (credentials, token)
}

#[track_caller]
fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text")).to_owned()
}

#[track_caller]
fn client_path(client: &Value) -> String {
    format!("{CLIENTS}/{}", text(&client["client_id"]))
}

#[tokio::test]
async fn over_plain_http_only_this_machine_and_trusted_proxies_administer() {
    let settings = [("TOLLGATE_TRUSTED_PROXIES", "198.51.100.0/24")];
    let stage = Stage::with(&settings, |store| std::sync::Arc::new(store)).await;
    let desk = Desk::at(stage).await;
    for (peer, status) in [("192.0.2.1", 403), ("127.0.0.2", 200), ("::1", 200), ("198.51.100.9", 200)] {
        let reply = desk.stage.answer_from(peer.parse().unwrap(), desk.call("GET", MERCHANTS)).await;
        assert_eq!(reply.status(), status, "{peer}");
    }
}

#[tokio::test]
async fn one_operator_who_asks_too_often_does_not_keep_another_out() {
    let settings = [("TOLLGATE_ADMIN__REQUESTS", "3/d")];
    let mut desk = Desk::at(Stage::with(&settings, |store| std::sync::Arc::new(store)).await).await;
    let another = desk.another("admin:read").await;
    for status in [200, 200, 200, 429] {
        assert_eq!(desk.get(MERCHANTS).await.status(), status);
    }
    assert_eq!(desk.send(Call::get(MERCHANTS).bearer(&another)).await.status(), 200);
}
