//! Creating something, once for each idempotency key.

use serde_json::json;
use tollgate_store::{RecordFilter, RecordOrder};

use super::{CLIENTS, Desk, HERE, MERCHANTS, NOBODY, client_path, text};
use crate::call::{Call, TOKEN, assert_refused};

#[tokio::test]
async fn a_repeat_has_the_same_answer_and_creates_nothing() {
    let desk = Desk::open().await;
    let shop = desk.merchant("Shop").await;
    let body = json!({"merchant_id": shop, "name": "till", "scope": "payments:read"});
    let create = |body| desk.call("POST", CLIENTS).key("k-1").json(body);
    let first = desk.send(create(&body)).await;
    assert_eq!((first.status().as_u16(), first.header("idempotent-replayed")), (201, ""));
    for quoted in [create(&body), desk.call("POST", CLIENTS).key("\"k-1\"").json(&body)] {
        let again = desk.send(quoted).await;
        assert_eq!((again.status().as_u16(), again.header("idempotent-replayed")), (201, "true"));
        assert_eq!(again.text(), first.text());
    }
    let listed = desk.get(&format!("{CLIENTS}?merchant_id={shop}")).await.data();
    assert_eq!(listed["items"].as_array().unwrap().len(), 1);
    let other = json!({"merchant_id": shop, "name": "another", "scope": "payments:read"});
    assert_refused(&desk.send(create(&other)).await, 422, "IDEMPOTENCY_KEY_REUSED");
    let wanted = RecordFilter { act: Some("client.create".to_owned()), ..RecordFilter::default() };
    let records = desk.stage.elsewhere.records(&wanted, RecordOrder::OldestFirst, None, 10).await.unwrap();
    assert_eq!(records.len(), 1);
}

#[tokio::test]
async fn a_key_is_its_operators_own_and_shows_no_other_one_a_secret() {
    let mut desk = Desk::open().await;
    let another = desk.another("admin:write").await;
    let body = json!({"merchant_id": null, "name": "till", "scope": "payments:read"});
    let create = |token: &str| Call::post(CLIENTS).bearer(token).key("k-1").json(&body);
    let (first, second) =
        (desk.send(create(&desk.token)).await.data(), desk.send(create(&another)).await.data());
    assert_ne!(first["client_id"], second["client_id"]);
    let database = std::fs::read(desk.stage.path()).unwrap();
    let log = std::fs::read(desk.stage.path().with_extension("db-wal")).unwrap_or_default();
    for secret in [text(&first["client_secret"]), text(&second["client_secret"])] {
        let is_there = |bytes: &[u8]| bytes.windows(secret.len()).any(|part| part == secret.as_bytes());
        assert!(!is_there(&database) && !is_there(&log), "the answer is sealed while it is kept");
    }
}

#[tokio::test]
async fn what_was_refused_takes_no_key() {
    let desk = Desk::open().await;
    let body = |merchant: &str| json!({"merchant_id": merchant, "name": "till", "scope": "payments:read"});
    let create = |merchant: &str| desk.call("POST", CLIENTS).key("k-1").json(&body(merchant));
    assert_refused(&desk.send(create(NOBODY)).await, 404, "MERCHANT_NOT_FOUND");
    let shop = desk.merchant("Shop").await;
    assert_eq!(desk.send(create(&shop)).await.status(), 201);
}

#[tokio::test]
async fn a_given_id_is_taken_once() {
    let desk = Desk::open().await;
    let merchant = json!({"merchant_id": NOBODY, "name": "Moved"});
    assert_eq!(desk.post(MERCHANTS, &merchant).await.data()["merchant_id"], NOBODY);
    assert_refused(&desk.post(MERCHANTS, &merchant).await, 409, "CONFLICT");
    let client =
        json!({"client_id": NOBODY, "merchant_id": NOBODY, "name": "till", "scope": "payments:read"});
    let created = desk.post(CLIENTS, &client).await.data();
    assert_eq!(created["client_id"], NOBODY);
    assert_refused(&desk.post(CLIENTS, &client).await, 409, "CONFLICT");
    desk.delete(&client_path(&created)).await.data();
    // Tokens of the one before are refused by its id, so another one can't have it.
    assert_refused(&desk.post(CLIENTS, &client).await, 409, "CONFLICT");
    // Whatever is no id at all is looked for under that of zeros.
    let nil = json!({"client_id": "00000000-0000-0000-0000-000000000000", "merchant_id": NOBODY, "name": "till", "scope": ""});
    assert_refused(&desk.post(CLIENTS, &nil).await, 409, "CONFLICT");
}

#[tokio::test]
async fn what_was_created_logs_in_and_what_was_ended_does_not() {
    let desk = Desk::open().await;
    let shop = desk.merchant("Shop").await;
    let created = desk.client(Some(&shop), json!({})).await;
    let login = |secret: &serde_json::Value| {
        let body = json!({"grant_type": "client_credentials", "client_id": created["client_id"],
            "client_secret": secret});
        desk.stage.answer_from(HERE, Call::post(TOKEN).json(&body))
    };
    assert_eq!(login(&created["client_secret"]).await.status(), 200);
    let path = client_path(&created);
    let second = desk.post(&format!("{path}/secrets"), &json!({"others_expire_in": "1h"})).await.data();
    assert_eq!(login(&second["client_secret"]).await.status(), 200);
    let revoke = format!("{path}/secrets/{}/revoke", text(&created["secret_id"]));
    desk.send(desk.call("POST", &revoke)).await.data();
    assert_refused(&login(&created["client_secret"]).await, 401, "INVALID_CLIENT");
    assert_eq!(login(&second["client_secret"]).await.status(), 200);
    let secrets = desk.get(&format!("{path}/secrets")).await.data();
    let statuses: Vec<_> = secrets["items"].as_array().unwrap().iter().map(|one| &one["status"]).collect();
    assert_eq!(statuses, ["revoked", "active"]);
    desk.delete(&format!("{MERCHANTS}/{shop}")).await.data();
    assert_refused(&login(&second["client_secret"]).await, 401, "INVALID_CLIENT");
}
