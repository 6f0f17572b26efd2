//! Creating clients that bring their secrets along.

use serde_json::{Value, json};

use super::{CLIENTS, Desk, HERE, NOBODY, client_path};
use crate::call::{Call, TOKEN, assert_refused};

const SECRET: &str = "a-client-secret-of-hydra";
const BCRYPT: &str = "$2b$04$Sh2MGIWw806iKiJ.2K5YaejQXiY8f9apN0hH8hMb0MoF66V1fRv8y";

async fn hashed_by(desk: &Desk, client: &Value) -> Vec<Value> {
    let secrets = desk.get(&format!("{}/secrets", client_path(client))).await.data();
    secrets["items"].as_array().unwrap().iter().map(|secret| secret["hashed_by"].clone()).collect()
}

async fn login(desk: &Desk, client: &Value, secret: &str) -> u16 {
    let body = json!({"grant_type": "client_credentials", "client_id": client["client_id"], "client_secret": secret});
    desk.stage.answer_from(HERE, Call::post(TOKEN).json(&body)).await.status().as_u16()
}

#[tokio::test]
async fn a_client_moves_with_its_id_and_its_secrets() {
    let desk = Desk::open().await;
    let shop = desk.merchant("Shop").await;
    let next = "the-secret-that-is-to-follow";
    let secrets = json!([{"hash": BCRYPT}, {"value": next}]);
    let client = desk.client(Some(&shop), json!({"client_id": NOBODY, "secrets": secrets})).await;
    assert_eq!((&client["client_id"], &client["client_secret"]), (&json!(NOBODY), &Value::Null));
    assert_eq!(client["active_secrets"], 2);
    let mut found = hashed_by(&desk, &client).await;
    found.sort_by_key(ToString::to_string);
    assert_eq!(found, ["bcrypt", "hmac-sha256"]);
    for (secret, status) in [(SECRET, 200), (next, 200), ("wrong-secret-of-this-client", 401), (BCRYPT, 401)]
    {
        assert_eq!(login(&desk, &client, secret).await, status, "{secret}");
    }
    assert_eq!(hashed_by(&desk, &client).await, ["hmac-sha256", "hmac-sha256"]);
    let drawn = desk.client(Some(&shop), json!({})).await;
    assert_eq!(hashed_by(&desk, &drawn).await, ["hmac-sha256"]);
}

#[tokio::test]
async fn what_no_client_can_bring_is_refused_without_repeating_it() {
    let desk = Desk::open().await;
    let shop = desk.merchant("Shop").await;
    let two = "must be objects with one member, value or hash";
    for (secrets, said) in [
        (json!([]), "must have 1 to 2 elements"),
        (json!([{"hash": BCRYPT}, {"hash": BCRYPT}, {"hash": BCRYPT}]), "must have 1 to 2 elements"),
        (json!(SECRET), "must be an array, not a string"),
        (json!([SECRET]), two),
        (json!([{}]), two),
        (json!([{"value": SECRET, "hash": BCRYPT}]), two),
        (json!([{"secret": SECRET}]), two),
        (json!([{"value": SECRET}, {"value": 7}]), "must be a string, not a number (element 1)"),
        (json!([{"value": "too-short"}]), "must have 16 to 512 characters"),
        (json!([{"hash": "$argon2id$v=19$m=32,t=2,p=4$c2FsdA$aGFzaA"}]), "must be a hash by bcrypt"),
        (json!([{"hash": BCRYPT.replace("$04$", "$31$")}]), "must have a cost of 4 to 14, not 31"),
        (json!([{"hash": &BCRYPT[..59]}]), "must be a whole hash"),
    ] {
        let body = json!({"merchant_id": shop, "name": "moved", "scope": "a", "secrets": secrets});
        let reply = desk.post(CLIENTS, &body).await;
        assert_refused(&reply, 400, "VALIDATION_ERROR");
        assert!(reply.text().contains(said), "{}", reply.text());
        for secret in [SECRET, "too-short", &BCRYPT[7..]] {
            assert!(!reply.text().contains(secret), "{}", reply.text());
        }
    }
}

#[tokio::test]
async fn neither_a_secret_nor_its_slow_hash_is_kept_anywhere() {
    let desk = Desk::open().await;
    let shop = desk.merchant("Shop").await;
    let value = "the-secret-that-is-to-follow";
    let body = json!({"merchant_id": shop, "name": "moved", "scope": "a",
        "secrets": [{"hash": BCRYPT}, {"value": value}]});
    let create = || desk.call("POST", CLIENTS).key("k-1").json(&body);
    let first = desk.send(create()).await.data();
    assert_eq!(desk.send(create()).await.data(), first);
    let other = json!({"merchant_id": shop, "name": "moved", "scope": "a",
        "secrets": [{"hash": BCRYPT}, {"value": "another-secret-that-is-to-follow"}]});
    assert_refused(
        &desk.send(desk.call("POST", CLIENTS).key("k-1").json(&other)).await,
        422,
        "IDEMPOTENCY_KEY_REUSED",
    );
    let database = std::fs::read(desk.stage.path()).unwrap();
    let log = std::fs::read(desk.stage.path().with_extension("db-wal")).unwrap_or_default();
    let digest: tollgate_keys::ForeignHash = BCRYPT.parse().unwrap();
    for kept in [value.as_bytes(), &BCRYPT.as_bytes()[29..], digest.digest()] {
        let is_there = |bytes: &[u8]| bytes.windows(kept.len()).any(|part| part == kept);
        assert!(!is_there(&database) && !is_there(&log));
    }
    // How it is computed is kept, or else nobody could prove it.
    let salt = &BCRYPT.as_bytes()[..29];
    assert!(database.windows(29).chain(log.windows(29)).any(|part| part == salt));
}
