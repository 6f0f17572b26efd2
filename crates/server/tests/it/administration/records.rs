//! What is done over HTTP stands in the audit trail.

use serde_json::json;
use tollgate_store::{Record, RecordFilter, RecordOrder};

use super::{CLIENTS, Desk, MERCHANTS, NOBODY, client_path, text};
use crate::call::assert_refused;

async fn records(desk: &Desk) -> Vec<Record> {
    let actor = Some(format!("operator-client:{}", desk.operator.id));
    let wanted = RecordFilter { actor, ..RecordFilter::default() };
    desk.stage.elsewhere.records(&wanted, RecordOrder::OldestFirst, None, 100).await.unwrap()
}

#[tokio::test]
async fn every_change_has_a_record_that_says_who_from_where_why_and_by_which_request() {
    let desk = Desk::open().await;
    let shop = desk.merchant("Shop").await;
    let (merchant, client) = (format!("{MERCHANTS}/{shop}"), desk.client(Some(&shop), json!({})).await);
    let path = client_path(&client);
    let secret = desk.post(&format!("{path}/secrets"), &json!({})).await.data();
    let revoke = format!("{path}/secrets/{}/revoke", text(&secret["secret_id"]));
    let mut made = vec!["merchant.create", "client.create", "secret.create"];
    for (method, path, body, act) in [
        ("POST", revoke.as_str(), None, "secret.revoke"),
        ("PATCH", &merchant, Some(json!({"name": "Store"})), "merchant.rename"),
        ("PATCH", &path, Some(json!({"quota": "9/h"})), "client.update"),
        ("POST", &format!("{path}/disable"), None, "client.disable"),
        ("POST", &format!("{merchant}/disable"), None, "merchant.disable"),
        (
            "POST",
            "/admin/v1/revocations",
            Some(json!({"client_id": client["client_id"]})),
            "client.revoke-tokens",
        ),
        ("POST", "/admin/v1/revocations", Some(json!({"merchant_id": shop})), "merchant.revoke-tokens"),
        (
            "POST",
            "/admin/v1/revocations",
            Some(json!({"token_id": "Vb3L9RACLcjNhEcGzdRnXg"})),
            "token.revoke",
        ),
        ("POST", "/admin/v1/keys", Some(json!({"algorithm": "ES256"})), "key.create"),
        ("POST", "/admin/v1/keys/rotate", Some(json!({"algorithm": "ES256"})), "key.rotate"),
        (
            "POST",
            "/admin/v1/keys/compromised",
            Some(json!({"algorithm": "ES256"})),
            "key.replace-compromised",
        ),
        ("DELETE", &path, None, "client.delete"),
        ("DELETE", &merchant, None, "merchant.delete"),
    ] {
        let call = desk.call(method, &format!("{path}?reason=ticket+7")).header("x-request-id", act);
        let reply = desk.send(body.map_or(call.clone(), |body| call.json(&body))).await;
        assert!(reply.status().is_success(), "{act} {}", reply.text());
        let record = records(&desk).await.pop().unwrap();
        assert_eq!((record.act.as_str(), record.outcome.as_str()), (act, "done"));
        assert_eq!((record.reason.as_deref(), record.request_id.as_deref()), (Some("ticket 7"), Some(act)));
        assert_eq!(record.source.as_deref(), Some("127.0.0.1"));
        made.push(act);
    }
    let acts: Vec<_> = records(&desk).await.into_iter().map(|record| record.act).collect();
    assert_eq!(acts, made);
    let written = format!("{:?}", records(&desk).await);
    for secret in [&client["client_secret"], &secret["client_secret"]] {
        assert!(!written.contains(&text(secret)));
    }
}

#[tokio::test]
async fn an_order_that_is_refused_has_a_record_as_well() {
    let desk = Desk::open().await;
    let nobody = format!("{CLIENTS}/{NOBODY}");
    let refused = [
        (desk.call("PATCH", &nobody).json(&json!({"name": "x"})), "client.update"),
        (desk.call("DELETE", &nobody), "client.delete"),
        (desk.call("POST", &format!("{nobody}/disable")), "client.disable"),
        (desk.call("POST", &format!("{nobody}/secrets")).json(&json!({})), "secret.create"),
        (desk.call("POST", &format!("{nobody}/secrets/{NOBODY}/revoke")), "secret.revoke"),
        (
            desk.call("POST", "/admin/v1/revocations").json(&json!({"client_id": NOBODY})),
            "client.revoke-tokens",
        ),
    ];
    for (call, act) in refused {
        assert_refused(&desk.send(call).await, 404, "NOT_FOUND");
        let record = records(&desk).await.pop().unwrap();
        assert_eq!((record.act.as_str(), record.outcome.as_str()), (act, "refused"));
        assert!(record.after.is_some_and(|why| why.contains(NOBODY)));
    }
}

#[tokio::test]
async fn whoever_reads_the_trail_stands_in_it_and_sees_what_they_asked_for() {
    let desk = Desk::open().await;
    for name in ["One", "Two", "Three"] {
        desk.merchant(name).await;
    }
    let path = "/admin/v1/audit?act=merchant.&limit=2";
    let first = desk.get(path).await.data();
    let names = |page: &serde_json::Value| {
        let items = page["items"].as_array().unwrap();
        items.iter().map(|record| text(&record["after"]["name"])).collect::<Vec<_>>()
    };
    assert_eq!(names(&first), ["One", "Two"]);
    let rest = desk.get(&format!("{path}&cursor={}", text(&first["next_cursor"]))).await.data();
    assert_eq!((names(&rest), &rest["next_cursor"]), (vec!["Three".to_owned()], &json!(null)));
    let newest = desk.get("/admin/v1/audit?order=newest&limit=1&act=merchant.create").await.data();
    assert_eq!(names(&newest), ["Three"]);
    let read: Vec<_> = records(&desk).await.into_iter().skip(3).collect();
    assert_eq!(
        read.iter().map(|record| record.act.as_str()).collect::<Vec<_>>(),
        ["trail.list", "trail.list"]
    );
    assert!(read[0].after.as_deref().is_some_and(|asked| asked.contains("merchant.")));
    let none = "since=2026-11-24T00:00:00Z&until=2020-01-01T00:00:00Z";
    assert_eq!(desk.get(&format!("/admin/v1/audit?{none}")).await.data()["items"], json!([]));
    let wrong = desk.get("/admin/v1/audit?since=yesterday&order=up&client_id=7").await;
    assert_eq!(wrong.fields(), ["since", "client_id", "order"]);
}

#[tokio::test]
async fn reading_anything_else_needs_no_record_and_takes_no_reason() {
    let desk = Desk::open().await;
    for path in [MERCHANTS, CLIENTS, "/admin/v1/keys", "/admin/v1/revocations"] {
        assert_eq!(desk.get(path).await.status(), 200);
        assert_eq!(desk.get(&format!("{path}?reason=x")).await.fields(), ["reason"]);
    }
    assert!(records(&desk).await.is_empty());
    let create = desk.call("POST", &format!("{MERCHANTS}?reason=%0A")).json(&json!({"name": "Shop"}));
    assert_eq!(desk.send(create).await.fields(), ["reason"]);
}
