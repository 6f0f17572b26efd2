//! The answers of the administration.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{Broken, Stuck, Watched};
use crate::administration::{EVERY_ROLE, HERE};
use crate::call::{Call, Reply};
use crate::faults::Fault;
use crate::stage::{Kind, Stage, create};

/// What no merchant, client or secret has.
const NOBODY: &str = "3fa85f64-5717-4562-b3fc-2c963f66afa6";

/// An operation: its method, its path, a body that it takes, and the methods of the store that it depends on.
type Operation = (&'static str, &'static str, Option<Value>, &'static [&'static str]);

fn operations() -> Vec<Operation> {
    let merchant = json!({"name": "Shop"});
    let client = json!({"merchant_id": null, "name": "till", "scope": "payments:read"});
    vec![
        ("GET", "/admin/v1/merchants", None, &["merchants"]),
        (
            "POST",
            "/admin/v1/merchants",
            Some(merchant.clone()),
            &["create_merchant", "begin", "complete_creation"],
        ),
        ("GET", "/admin/v1/merchants/{id}", None, &["merchant"]),
        ("PATCH", "/admin/v1/merchants/{id}", Some(merchant), &["rename_merchant"]),
        ("DELETE", "/admin/v1/merchants/{id}", None, &["delete_merchant"]),
        ("POST", "/admin/v1/merchants/{id}/disable", None, &["set_merchant_status"]),
        ("POST", "/admin/v1/merchants/{id}/enable", None, &["set_merchant_status"]),
        ("GET", "/admin/v1/clients", None, &["clients"]),
        ("POST", "/admin/v1/clients", Some(client), &["create_client", "begin", "complete_creation"]),
        ("GET", "/admin/v1/clients/{id}", None, &["client"]),
        ("PATCH", "/admin/v1/clients/{id}", Some(json!({"quota": "9/h"})), &["update_client"]),
        ("DELETE", "/admin/v1/clients/{id}", None, &["delete_client"]),
        ("POST", "/admin/v1/clients/{id}/disable", None, &["set_client_status"]),
        ("POST", "/admin/v1/clients/{id}/enable", None, &["set_client_status"]),
        ("GET", "/admin/v1/clients/{id}/secrets", None, &["client"]),
        (
            "POST",
            "/admin/v1/clients/{id}/secrets",
            Some(json!({})),
            &["add_secret", "begin", "complete_creation"],
        ),
        ("POST", "/admin/v1/clients/{id}/secrets/{secret_id}/revoke", None, &["revoke_secret"]),
        ("GET", "/admin/v1/keys", None, &["signing_keys"]),
        ("POST", "/admin/v1/keys", Some(json!({"algorithm": "ES256"})), &["add_signing_key"]),
        ("POST", "/admin/v1/keys/rotate", Some(json!({})), &["add_signing_key"]),
        (
            "POST",
            "/admin/v1/keys/compromised",
            Some(json!({"algorithm": "ES256"})),
            &["replace_signing_keys"],
        ),
        ("GET", "/admin/v1/revocations", None, &["revocations_after"]),
        ("GET", "/admin/v1/stats", None, &[]),
        ("GET", "/admin/v1/audit", None, &["records", "record"]),
        ("POST", "/admin/v1/revocations", Some(json!({"token_id": "Vb3L9RACLcjNhEcGzdRnXg"})), &["revoke"]),
    ]
}

/// Who and what there is to be administered.
struct Scene {
    token: String,
    operator: String,
    operators_secret: String,
}

impl Watched {
    async fn administer(&mut self, method: &'static str, path: &'static str, call: Call) -> Reply {
        let reply = self.stage.answer_from(HERE, call).await;
        self.seen.add(method, path, &reply);
        reply
    }

    /// Creates something that may be changed or deleted, and returns the target of an operation on it.
    async fn target(&mut self, path: &str, scene: &Scene) -> String {
        let create = |path: &str, body: Value| Call::post(path).bearer(&scene.token).json(&body);
        if path.starts_with("/admin/v1/merchants/{id}") {
            let created = create("/admin/v1/merchants", json!({"name": "Shop"}));
            let id = self.stage.answer_from(HERE, created).await.data()["merchant_id"]
                .as_str()
                .unwrap()
                .to_owned();
            return path.replace("{id}", &id);
        }
        let body = json!({"merchant_id": null, "name": "till", "scope": "payments:read"});
        let created = self.stage.answer_from(HERE, create("/admin/v1/clients", body)).await.data();
        let text = |name: &str| created[name].as_str().unwrap().to_owned();
        path.replace("{id}", &text("client_id")).replace("{secret_id}", &text("secret_id"))
    }

    pub(super) async fn the_administration(&mut self) {
        let operator = Kind { merchant: None, scope: EVERY_ROLE, ..self.stage.kind() };
        let credentials = self.stage.client(operator).await;
        let scene = Scene {
            token: self.stage.tokens(&credentials).await.access,
            operator: credentials.id.to_string(),
            operators_secret: credentials.secret_id.to_string(),
        };
        for operation in operations() {
            self.operation(&operation, &scene).await;
        }
        self.strangers().await;
        self.conflicts(&scene).await;
        self.second_people().await;
        self.greed().await;
    }

    async fn operation(&mut self, (method, path, body, methods): &Operation, scene: &Scene) {
        let (method, path) = (*method, *path);
        let call = |target: &str| {
            let call = Call::new(method, target).bearer(&scene.token);
            body.as_ref().map_or(call.clone(), |body| call.json(body))
        };
        let target = self.target(path, scene).await;
        self.administer(method, path, call(&format!("{target}?x=y"))).await;
        if path.contains("{id}") {
            self.administer(method, path, call(&path.replace("{id}", "x"))).await;
            let unknown = path.replace("{id}", NOBODY).replace("{secret_id}", NOBODY);
            self.administer(method, path, call(&unknown)).await;
        }
        // A precondition that is not met, or where none is looked at.
        if method != "GET" {
            self.administer(method, path, call(&target).header("if-match", "\"v7\"")).await;
        }
        if method != "GET" {
            self.wrong_bodies(method, path, Call::new(method, &target).bearer(&scene.token)).await;
        }
        for (number, store) in methods.iter().enumerate() {
            let faults = if method == "GET" && *store != "record" {
                vec![Fault::Refuses]
            } else {
                vec![Fault::Refuses, Fault::AnswerLost]
            };
            for fault in faults {
                // Which of two things was done is not known, so each is done to another.
                let target = self.target(path, scene).await;
                let keyed = call(&target).key(&format!("{path} {number} {fault:?}"));
                self.faults.set(store, fault);
                let tried =
                    if ["begin", "complete_creation"].contains(store) { keyed } else { call(&target) };
                self.administer(method, path, tried).await;
                self.faults.clear();
            }
        }
        if methods.contains(&"begin") {
            self.keys_of_creation(method, path, &call(&target)).await;
        }
        self.administer(method, path, call(&target)).await;
    }

    /// Bodies that are none, or not what the operation takes.
    async fn wrong_bodies(&mut self, method: &'static str, path: &'static str, call: Call) {
        let typed = call.clone().body("application/json", "");
        for reply in [
            self.stage.answer_from_with(HERE, typed.clone().with(Stuck)).await,
            self.stage.answer_from_with(HERE, typed.clone().with(Broken)).await,
        ] {
            self.seen.add(method, path, &reply);
        }
        self.administer(method, path, typed.body("application/json", " ".repeat(65_537))).await;
        self.administer(method, path, call.clone().body("text/plain", "x")).await;
        self.administer(method, path, call.json(&json!({"x": 1}))).await;
    }

    async fn keys_of_creation(&mut self, method: &'static str, path: &'static str, call: &Call) {
        let keyed = call.clone().key(&format!("repeated {path}"));
        let first = self.administer(method, path, keyed.clone()).await;
        let again = self.administer(method, path, keyed.clone()).await;
        assert_eq!((first.text(), again.header("idempotent-replayed")), (again.text(), "true"), "{path}");
        self.administer(method, path, keyed.json(&json!({"others_expire_in": "1h", "x": 1}))).await;
        // Whoever held it panicked.
        let held = call.clone().key(&format!("held {path}"));
        self.faults.set("complete_creation", Fault::Panics);
        self.administer(method, path, held.clone()).await;
        self.faults.clear();
        self.administer(method, path, held).await;
    }

    /// Those who may not.
    async fn strangers(&mut self) {
        let merchants = self.stage.client(Kind { scope: EVERY_ROLE, ..self.stage.kind() }).await;
        let merchants = self.stage.tokens(&merchants).await.access;
        let nothing =
            self.stage.client(Kind { merchant: None, scope: "payments:read", ..self.stage.kind() }).await;
        let nothing = self.stage.tokens(&nothing).await.access;
        assert_eq!(self.stage.answer(create(&merchants)).await.status(), 403);
        for (method, path, _, _) in operations() {
            let target = path.replace("{id}", NOBODY).replace("{secret_id}", NOBODY);
            let call = Call::new(method, &target);
            self.administer(method, path, call.clone()).await;
            self.administer(method, path, call.clone().bearer("x")).await;
            self.administer(method, path, call.clone().bearer(&merchants)).await;
            self.administer(method, path, call.clone().bearer(&nothing)).await;
            self.administer(method, path, call.clone().header("origin", "https://shop.example")).await;
            self.call(method, path, call.bearer(&nothing)).await;
        }
    }

    async fn conflicts(&mut self, scene: &Scene) {
        let Scene { token, operator, operators_secret } = scene;
        let call = |method: &str, target: &str| Call::new(method, target).bearer(token);
        let merchant = json!({"merchant_id": "6f9619ff-8b86-4d01-b42d-00cf4fc964ff", "name": "Shop"});
        for _ in 0..2 {
            self.administer(
                "POST",
                "/admin/v1/merchants",
                call("POST", "/admin/v1/merchants").json(&merchant),
            )
            .await;
        }
        let clients = || call("POST", "/admin/v1/clients");
        let client = |id: Value, merchant: Value| json!({"client_id": id, "merchant_id": merchant, "name": "x", "scope": "a"});
        self.administer("POST", "/admin/v1/clients", clients().json(&client(json!(operator), json!(null))))
            .await;
        self.administer("POST", "/admin/v1/clients", clients().json(&client(json!(null), json!(NOBODY))))
            .await;
        let mut long = client(json!(null), json!(null));
        long["access_ttl"] = json!("16m");
        self.administer("POST", "/admin/v1/clients", clients().json(&long)).await;
        let writer = Kind { merchant: None, scope: "admin:write", ..self.stage.kind() };
        let writer = self.stage.client(writer).await;
        let writer = self.stage.tokens(&writer).await.access;
        let mut keys = client(json!(null), json!(null));
        keys["scope"] = json!("admin:keys");
        self.administer(
            "POST",
            "/admin/v1/clients",
            Call::post("/admin/v1/clients").bearer(&writer).json(&keys),
        )
        .await;
        self.administer(
            "POST",
            "/admin/v1/keys",
            call("POST", "/admin/v1/keys").json(&json!({"algorithm": "HS256"})),
        )
        .await;
        for which in [json!({"client_id": NOBODY}), json!({"merchant_id": NOBODY})] {
            self.administer(
                "POST",
                "/admin/v1/revocations",
                call("POST", "/admin/v1/revocations").json(&which),
            )
            .await;
        }
        self.administer("GET", "/admin/v1/merchants", call("GET", "/admin/v1/merchants?limit=0")).await;
        let own = format!("/admin/v1/clients/{operator}");
        let scope = call("PATCH", &own).json(&json!({"scope": "admin:read"}));
        self.administer("PATCH", "/admin/v1/clients/{id}", scope).await;
        self.administer("DELETE", "/admin/v1/clients/{id}", call("DELETE", &own)).await;
        self.administer("POST", "/admin/v1/clients/{id}/disable", call("POST", &format!("{own}/disable")))
            .await;
        let revoke = "/admin/v1/clients/{id}/secrets/{secret_id}/revoke";
        self.administer("POST", revoke, call("POST", &format!("{own}/secrets/{operators_secret}/revoke")))
            .await;
    }

    /// What takes two people, where it does.
    async fn second_people(&mut self) {
        let settings = [("TOLLGATE_ADMIN__SECOND_PERSON_WITHIN", "1h")];
        let mut stage = Stage::with(&settings, |store| Arc::new(store)).await;
        let first = stage.client(Kind { merchant: None, scope: EVERY_ROLE, ..stage.kind() }).await;
        let token = stage.tokens(&first).await.access;
        let (client, merchant) = (stage.shop.id.to_string(), stage.merchant.to_string());
        for (method, path, id) in [
            ("DELETE", "/admin/v1/clients/{id}", client.as_str()),
            ("DELETE", "/admin/v1/merchants/{id}", &merchant),
            ("POST", "/admin/v1/keys/compromised", ""),
        ] {
            let call = Call::new(method, &path.replace("{id}", id)).bearer(&token);
            let call = if method == "POST" { call.json(&json!({})) } else { call };
            let reply = stage.answer_from(HERE, call).await;
            self.seen.add(method, path, &reply);
        }
    }

    /// Somebody who makes more requests than they may.
    async fn greed(&mut self) {
        let greedy = self.stage.client(Kind { merchant: None, scope: EVERY_ROLE, ..self.stage.kind() }).await;
        let token = self.stage.tokens(&greedy).await.access;
        let list = || Call::get("/admin/v1/keys").bearer(&token);
        while self.stage.answer_from(HERE, list()).await.status() == 200 {}
        for (method, path, _, _) in operations() {
            let target = path.replace("{id}", NOBODY).replace("{secret_id}", NOBODY);
            self.administer(method, path, Call::new(method, &target).bearer(&token)).await;
        }
    }
}
