//! What can be different about a client.

use serde_json::{Value, json};

use super::{Desk, client_path};
use crate::call::{Call, TOKEN, assert_refused, claims};

impl Desk {
    async fn login(&self, client: &Value) -> crate::call::Reply {
        let body = json!({"grant_type": "client_credentials", "client_id": client["client_id"],
            "client_secret": client["client_secret"]});
        self.stage.answer(Call::post(TOKEN).json(&body)).await
    }
}

#[tokio::test]
async fn everything_that_can_be_different_is_changed_by_itself_and_cleared_by_null() {
    let desk = Desk::open().await;
    let client = desk.client(None, json!({})).await;
    let path = client_path(&client);
    let mut expected = desk.get(&path).await.data();
    for (change, set) in [
        (json!({"name": "renamed"}), None),
        (json!({"scope": "payments:read refunds:write"}), None),
        (json!({"allow_from": ["192.0.2.0/24", "2001:db8::/32"]}), None),
        (json!({"audiences": ["payment-api"]}), None),
        (json!({"access_ttl": "5m"}), None),
        (json!({"refresh_ttl": "1h"}), None),
        (json!({"quota": "30/min"}), None),
        (json!({"labels": {"team": "north", "tier": "1"}}), None),
        (json!({"access_ttl": null, "refresh_ttl": null, "quota": null}), None),
        (json!({"labels": {}, "allow_from": ["192.0.2.7"]}), Some(json!(["192.0.2.7/32"]))),
    ] {
        for (name, value) in change.as_object().unwrap() {
            expected[name] = value.clone();
        }
        if let Some(networks) = set {
            expected["allow_from"] = networks;
        }
        assert_eq!(desk.patch(&path, &change).await.data(), expected, "{change}");
        assert_eq!(desk.get(&path).await.data(), expected, "{change}");
    }
}

#[tokio::test]
async fn a_clients_tokens_live_for_no_longer_than_it_may_have_them() {
    let desk = Desk::open().await;
    let client = desk.client(None, json!({"access_ttl": "2m", "refresh_ttl": "30m"})).await;
    let data = desk.login(&client).await.data();
    assert_eq!(data["expires_in"], 120);
    for (token, seconds) in [("access_token", 120), ("refresh_token", 1800)] {
        let claims = claims(data[token].as_str().unwrap());
        assert_eq!(claims["exp"].as_u64().unwrap() - claims["iat"].as_u64().unwrap(), seconds, "{token}");
    }
    let path = client_path(&client);
    for (field, value) in
        [("access_ttl", "16m"), ("refresh_ttl", "25h"), ("access_ttl", "0s"), ("refresh_ttl", "1500ms")]
    {
        assert_eq!(desk.patch(&path, &json!({ field: value })).await.fields(), [field], "{value}");
    }
}

#[tokio::test]
async fn a_quota_bounds_the_tokens_of_its_client_alone_and_counts_at_once() {
    let desk = Desk::open().await;
    let (bound, free) =
        (desk.client(None, json!({"quota": "2/d"})).await, desk.client(None, json!({})).await);
    for status in [200, 200, 429] {
        assert_eq!(desk.login(&bound).await.status(), status);
    }
    let refused = desk.login(&bound).await;
    assert_refused(&refused, 429, "TOO_MANY_REQUESTS");
    assert!(refused.header("retry-after").parse::<u32>().unwrap() > 0);
    assert_eq!(desk.login(&free).await.status(), 200);
    desk.patch(&client_path(&bound), &json!({"quota": null})).await.data();
    assert_eq!(desk.login(&bound).await.status(), 200);
}

#[tokio::test]
async fn every_wrong_member_of_a_body_is_named() {
    let desk = Desk::open().await;
    let wrong = json!({
        "client_id": "7", "name": "\u{202e}", "environment": "prod", "scope": 7, "allow_from": ["x"],
        "audiences": ["payment-api", "payment-api"], "access_ttl": "5 minutes", "quota": "0/s", "labels": {"a b": "c"},
        "extra": true,
    });
    let fields = desk.post(super::CLIENTS, &wrong).await.fields();
    let expected = [
        "client_id",
        "merchant_id",
        "name",
        "environment",
        "scope",
        "allow_from",
        "audiences",
        "access_ttl",
        "quota",
        "labels",
        "extra",
    ];
    assert_eq!(fields, expected);
    // What the configuration decides is named with the rest.
    let wrong = json!({"name": 7, "audiences": ["nope", "payment-api", "neither"], "access_ttl": "9h", "refresh_ttl": "25h"});
    let beyond = ["audiences", "audiences", "access_ttl", "refresh_ttl"];
    let fields = desk.post(super::CLIENTS, &wrong).await.fields();
    assert_eq!(fields, [&["merchant_id", "name", "scope"][..], &beyond].concat());
    let client = desk.client(None, json!({})).await;
    assert_eq!(desk.patch(&client_path(&client), &wrong).await.fields(), [&["name"][..], &beyond].concat());
}
