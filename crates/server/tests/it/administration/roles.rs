//! Who may do what.

use serde_json::{Value, json};
use tollgate_admin::{Operation as O, Operation};
use tollgate_config::{Role as R, Role};
use tollgate_store::{Record, RecordFilter, RecordOrder};

use super::{CLIENTS, Desk, EVERY_ROLE, HERE, MERCHANTS, NOBODY};
use crate::call::{Call, Reply, assert_refused};
use crate::stage::Kind;

/// What is asked for: the method, the path, and a body.
type Asked = (&'static str, &'static str, Option<Value>);

/// Every operation, the one role that may do it, and how it is asked for.
fn table() -> Vec<(Operation, Role, Vec<Asked>)> {
    let merchant = || Some(json!({"name": "Shop"}));
    let client = || Some(json!({"merchant_id": null, "name": "till", "scope": "payments:read"}));
    let algorithm = || Some(json!({"algorithm": "ES256"}));
    let revoked = |which: &str| {
        let id = if which == "token_id" { "Vb3L9RACLcjNhEcGzdRnXg" } else { NOBODY };
        ("POST", "/admin/v1/revocations", Some(json!({ which: id })))
    };
    let path = |path: &'static str| move |method: &'static str, body| vec![(method, path, body)];
    let (merchants, clients) = (path(MERCHANTS), path(CLIENTS));
    let (the_merchant, the_client) = (path("/admin/v1/merchants/{id}"), path("/admin/v1/clients/{id}"));
    let (secrets, keys) = (path("/admin/v1/clients/{id}/secrets"), path("/admin/v1/keys"));
    let post = |at: &'static str, body| path(at)("POST", body);
    vec![
        (O::ListMerchants, R::Read, merchants("GET", None)),
        (O::ShowMerchant, R::Read, the_merchant("GET", None)),
        (O::CreateMerchant, R::Write, merchants("POST", merchant())),
        (O::RenameMerchant, R::Write, the_merchant("PATCH", merchant())),
        (O::DisableMerchant, R::Support, post("/admin/v1/merchants/{id}/disable", None)),
        (O::EnableMerchant, R::Support, post("/admin/v1/merchants/{id}/enable", None)),
        (O::DeleteMerchant, R::Write, the_merchant("DELETE", None)),
        (O::ListClients, R::Read, clients("GET", None)),
        (O::ShowClient, R::Read, the_client("GET", None)),
        (O::CreateClient, R::Write, clients("POST", client())),
        (O::UpdateClient, R::Write, the_client("PATCH", Some(json!({"quota": "9/h"})))),
        (O::DisableClient, R::Support, post("/admin/v1/clients/{id}/disable", None)),
        (O::EnableClient, R::Support, post("/admin/v1/clients/{id}/enable", None)),
        (O::DeleteClient, R::Write, the_client("DELETE", None)),
        (O::ListSecrets, R::Read, secrets("GET", None)),
        (O::CreateSecret, R::Write, secrets("POST", Some(json!({})))),
        (O::RevokeSecret, R::Support, post("/admin/v1/clients/{id}/secrets/{secret_id}/revoke", None)),
        (O::ListKeys, R::Read, keys("GET", None)),
        (O::CreateKey, R::Keys, keys("POST", algorithm())),
        (O::RotateKeys, R::Keys, post("/admin/v1/keys/rotate", Some(json!({"algorithm": "HS256"})))),
        (O::ReplaceCompromisedKeys, R::Keys, post("/admin/v1/keys/compromised", algorithm())),
        (O::ListRevocations, R::Read, path("/admin/v1/revocations")("GET", None)),
        (O::RevokeTokens, R::Support, ["token_id", "client_id", "merchant_id"].map(revoked).to_vec()),
        (O::ShowStats, R::Read, path("/admin/v1/stats")("GET", None)),
        (O::ListRecords, R::Audit, path("/admin/v1/audit")("GET", None)),
    ]
}

fn call((method, path, body): &Asked, token: &str) -> Call {
    let target = path.replace("{id}", NOBODY).replace("{secret_id}", NOBODY);
    let call = Call::new(method, &target).bearer(token);
    body.as_ref().map_or(call.clone(), |body| call.json(body))
}

async fn last_record(desk: &Desk) -> Record {
    let all = RecordFilter::default();
    desk.stage.elsewhere.records(&all, RecordOrder::NewestFirst, None, 1).await.unwrap().remove(0)
}

/// Asserts that a refusal stands in the audit trail.
async fn assert_recorded(desk: &Desk, operation: Operation, actor: &str, reply: &Reply) {
    let record = last_record(desk).await;
    assert_eq!((record.act.as_str(), record.outcome.as_str()), (operation.name(), "refused"));
    assert_eq!((record.actor.as_str(), record.source.as_deref()), (actor, Some("127.0.0.1")));
    assert!(record.object.starts_with("route:/admin/v1/"), "{}", record.object);
    assert_eq!(record.request_id.as_deref(), Some(reply.header("x-request-id")));
}

#[test]
fn every_operation_is_in_the_table_once() {
    let listed: Vec<_> = table().into_iter().map(|(operation, _, _)| operation).collect();
    assert_eq!(listed, Operation::ALL);
}

#[tokio::test]
async fn a_role_does_what_the_table_says_and_nothing_else() {
    let mut desk = Desk::open().await;
    for role in Role::ALL {
        let scope = role.scope();
        let kind = Kind { merchant: None, scope, ..desk.stage.kind() };
        let credentials = desk.stage.client(kind).await;
        let token = desk.stage.tokens(&credentials).await.access;
        for (operation, needed, asked) in table() {
            for asked in asked {
                let reply = desk.send(call(&asked, &token)).await;
                if role == needed {
                    assert!(![401, 403].contains(&reply.status().as_u16()), "{operation:?} by {scope}");
                } else {
                    assert_refused(&reply, 403, "FORBIDDEN");
                    let challenge = reply.header("www-authenticate");
                    assert!(challenge.contains(&format!("scope=\"{}\"", needed.scope())), "{challenge}");
                    let actor = format!("operator-client:{}", credentials.id);
                    assert_recorded(&desk, operation, &actor, &reply).await;
                }
            }
        }
    }
}

#[tokio::test]
async fn a_merchants_client_does_nothing_whatever_its_scope_says() {
    let mut desk = Desk::open().await;
    let kind = Kind { scope: EVERY_ROLE, ..desk.stage.kind() };
    let credentials = desk.stage.client(kind).await;
    let token = desk.stage.tokens(&credentials).await.access;
    for (operation, _, asked) in table() {
        for asked in asked {
            let reply = desk.send(call(&asked, &token)).await;
            assert_refused(&reply, 403, "FORBIDDEN");
            assert_recorded(&desk, operation, &format!("client:{}", credentials.id), &reply).await;
        }
    }
}

#[tokio::test]
async fn nobody_gives_a_role_that_they_do_not_have_or_takes_the_place_of_who_has() {
    let mut desk = Desk::open().await;
    let writer = desk.another("admin:write admin:support").await;
    let writes = |method: &str, path: &str| Call::new(method, path).bearer(&writer);
    let new = json!({"merchant_id": null, "name": "x", "scope": "payments:read admin:keys"});
    assert_refused(&desk.send(writes("POST", CLIENTS).json(&new)).await, 403, "FORBIDDEN");
    let keeper = format!("{CLIENTS}/{}", desk.operator.id);
    for (method, path, body) in [
        ("PATCH", keeper.clone(), Some(json!({"allow_from": ["192.0.2.0/24"]}))),
        ("POST", format!("{keeper}/secrets"), Some(json!({}))),
        ("DELETE", keeper.clone(), None),
    ] {
        let call = writes(method, &path);
        let call = body.map_or(call.clone(), |body| call.json(&body));
        assert_refused(&desk.send(call).await, 403, "FORBIDDEN");
        assert_eq!(last_record(&desk).await.outcome, "refused");
    }
    let harmless = desk.client(None, json!({})).await;
    let path = super::client_path(&harmless);
    let raised = writes("PATCH", &path).json(&json!({"scope": "admin:read"}));
    assert_refused(&desk.send(raised).await, 403, "FORBIDDEN");
    let lowered = writes("PATCH", &path).json(&json!({"scope": "admin:support payments:read"}));
    assert_eq!(desk.send(lowered).await.status(), 200, "what they have themselves");
}

#[tokio::test]
async fn nobody_locks_themselves_out() {
    let desk = Desk::open().await;
    let own = format!("{CLIENTS}/{}", desk.operator.id);
    let secret = format!("{own}/secrets/{}/revoke", desk.operator.secret_id);
    for call in [
        desk.call("DELETE", &own),
        desk.call("POST", &format!("{own}/disable")),
        desk.call("POST", &secret),
        desk.call("PATCH", &own).json(&json!({"scope": "admin:read"})),
    ] {
        assert_refused(&desk.send(call).await, 409, "CONFLICT");
    }
    assert_eq!(desk.patch(&own, &json!({"name": "renamed"})).await.status(), 200);
}

#[tokio::test]
async fn without_a_token_nothing_is_done() {
    let desk = Desk::open().await;
    for (_, _, asked) in table() {
        for asked in asked {
            let (method, path, _) = &asked;
            let target = path.replace("{id}", NOBODY).replace("{secret_id}", NOBODY);
            let reply = desk.stage.answer_from(HERE, Call::new(method, &target)).await;
            assert_refused(&reply, 401, "NO_TOKEN");
            assert_refused(&desk.send(call(&asked, "x")).await, 401, "INVALID_TOKEN");
        }
    }
}
