//! Bodies of acts that take none.

use serde_json::json;

use super::{CLIENTS, Desk, MERCHANTS, text};
use crate::call::assert_refused;

#[tokio::test]
async fn an_act_that_takes_no_body_refuses_one_with_anything_in_it_and_does_nothing() {
    let desk = Desk::open().await;
    let merchant = format!("{MERCHANTS}/{}", desk.merchant("Shop").await);
    let created = desk.client(None, json!({})).await;
    let client = format!("{CLIENTS}/{}", text(&created["client_id"]));
    let revoke = format!("secrets/{}/revoke", text(&created["secret_id"]));
    for (thing, method, act) in [
        (&merchant, "POST", "disable"),
        (&merchant, "POST", "enable"),
        (&merchant, "DELETE", ""),
        (&client, "POST", "disable"),
        (&client, "POST", "enable"),
        (&client, "POST", &revoke),
        (&client, "DELETE", ""),
    ] {
        let path = format!("{thing}/{act}");
        let call = || desk.call(method, path.trim_end_matches('/'));
        let before = desk.get(thing).await;
        let refused = desk.send(call().json(&json!({"reason": "ticket 7"}))).await;
        assert_refused(&refused, 400, "VALIDATION_ERROR");
        let errors = &refused.json()["error"]["metadata"]["errors"];
        assert_eq!(*errors, json!([{"field": "reason", "message": "unknown field"}]), "{method} {path}");
        for nonsense in ["{", "[]", "7"] {
            let refused = desk.send(call().body("application/json", nonsense)).await;
            assert_refused(&refused, 400, "VALIDATION_ERROR");
        }
        assert_refused(&desk.send(call().body("text/plain", "x")).await, 415, "UNSUPPORTED_MEDIA_TYPE");
        let after = desk.get(thing).await;
        assert_eq!((after.text(), after.header("etag")), (before.text(), before.header("etag")), "{path}");
        // A client of HTTP may send nothing in its own way.
        let empty = desk.send(call().body("application/json", "{}")).await;
        assert_eq!(empty.status(), 200, "{method} {path}: {}", empty.text());
    }
    let another = desk.merchant("Another").await;
    let sent = desk.call("POST", &format!("{MERCHANTS}/{another}/disable"));
    assert_eq!(desk.send(sent.body("application/json", "")).await.status(), 200);
}
