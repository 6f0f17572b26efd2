//! What takes two people.

use serde_json::{Value, json};
use tollgate_core::Clock as _;
use tollgate_store::{Record, RecordFilter, RecordOrder, TimePassed};

use super::{CLIENTS, Desk, EVERY_ROLE, MERCHANTS, client_path, operator};
use crate::call::{Call, Reply, assert_refused};
use crate::stage::{Kind, SYSTEM, Stage};

const SETTINGS: [(&str, &str); 2] =
    [("TOLLGATE_ADMIN__REQUESTS", "off"), ("TOLLGATE_ADMIN__SECOND_PERSON_WITHIN", "1h")];

async fn desk() -> Desk {
    Desk::at(Stage::with(&SETTINGS, |store| std::sync::Arc::new(store)).await).await
}

/// The records of an act, the oldest first, each with its outcome and its object.
async fn records(desk: &Desk, act: &str) -> Vec<Record> {
    let wanted = RecordFilter { act: Some(act.to_owned()), ..RecordFilter::default() };
    desk.stage.elsewhere.records(&wanted, RecordOrder::OldestFirst, None, 100).await.unwrap()
}

fn outcomes(records: &[Record]) -> Vec<&str> {
    records.iter().map(|record| record.outcome.as_str()).collect()
}

#[track_caller]
fn assert_waits(reply: &Reply) {
    assert_refused(reply, 409, "CONFLICT");
    assert!(reply.text().contains("It takes two people"), "{}", reply.text());
}

#[tokio::test]
async fn nothing_is_deleted_before_another_operator_asks_for_the_same() {
    let mut desk = desk().await;
    let shop = desk.merchant("Shop").await;
    let client = desk.client(Some(&shop), json!({})).await;
    let second = desk.another(EVERY_ROLE).await;
    for (path, act) in
        [(client_path(&client), "client.delete"), (format!("{MERCHANTS}/{shop}"), "merchant.delete")]
    {
        assert_waits(&desk.delete(&format!("{path}?reason=T-1")).await);
        assert_eq!(desk.get(&path).await.status(), 200, "{path} is still there");
        assert_waits(&desk.delete(&path).await);
        let asked = records(&desk, act).await;
        assert_eq!(outcomes(&asked), ["asked"], "asking again adds nothing");
        assert_eq!(asked[0].merchant_id.unwrap().to_string(), shop);

        let reply = desk.send(Call::new("DELETE", &format!("{path}?reason=T-2")).bearer(&second)).await;
        assert_eq!(reply.status(), 200, "{}", reply.text());
        assert_eq!(desk.get(&path).await.status(), 404);
        let [asked, done] = records(&desk, act).await.try_into().unwrap();
        assert_eq!((done.outcome.as_str(), done.reason.as_deref()), ("done", Some("T-2")));
        let after: Value = serde_json::from_str(&done.after.unwrap()).unwrap();
        assert_eq!(after, json!({ "asked_by": asked.actor, "asked_in": asked.link.seq }));
    }
}

#[tokio::test]
async fn what_was_asked_for_too_long_ago_is_asked_for_anew() {
    let mut desk = desk().await;
    let shop = desk.merchant("Shop").await;
    let path = format!("{MERCHANTS}/{shop}");
    let second = desk.another(EVERY_ROLE).await;
    assert_waits(&desk.delete(&path).await);
    let passed = desk.stage.installation.administration().now().await.unwrap();
    let an_hour_later = passed.after(std::time::Duration::from_secs(3600));
    let passed = TimePassed { until: an_hour_later, uptime: desk.stage.clock.uptime() };
    desk.stage.elsewhere.note_time_passed(&passed).await.unwrap();
    assert_waits(&desk.send(Call::new("DELETE", &path).bearer(&second)).await);
    assert_eq!(outcomes(&records(&desk, "merchant.delete").await), ["asked", "asked"]);
    assert_eq!(desk.delete(&path).await.status(), 200, "the first is the second of these two");
}

#[tokio::test]
async fn signing_keys_are_replaced_once_two_operators_have_asked_for_it() {
    let mut desk = desk().await;
    let second = desk.another(EVERY_ROLE).await;
    desk.post("/admin/v1/keys", &json!({"algorithm": "ES256"})).await.data();
    let (path, all) = ("/admin/v1/keys/compromised", json!({}));
    let by_second = |body: &Value| Call::post(path).json(body).bearer(&second);
    let act = "key.replace-compromised";
    assert_waits(&desk.post(path, &all).await);
    let asked = records(&desk, act).await;
    let objects: Vec<_> = asked.iter().map(|record| record.object.as_str()).collect();
    assert_eq!((outcomes(&asked), objects), (vec!["asked"; 2], vec!["algorithm:HS256", "algorithm:ES256"]));
    let replaced = desk.send(by_second(&json!({"algorithm": "ES256"}))).await.data();
    assert_eq!(replaced["items"].as_array().unwrap().len(), 1);
    // What was asked for once is done once: only the other algorithm still waits.
    assert_waits(&desk.send(by_second(&json!({"algorithm": "ES256"}))).await);
    assert_eq!(desk.send(by_second(&json!({"algorithm": "HS256"}))).await.status(), 200);
    // The token of an operator was signed by what is replaced now: nobody but who obtains another one goes on.
    assert_eq!(desk.post(path, &all).await.status(), 401);
    assert_eq!(
        outcomes(&records(&desk, act).await),
        ["asked", "asked", "done", "done", "asked", "done", "done"],
        "each that was done has a record of the key and one of the algorithm"
    );
}

#[tokio::test]
async fn an_operator_can_t_be_two_people() {
    let mut desk = desk().await;
    let (another, _) = operator(&mut desk.stage, EVERY_ROLE).await;
    let merchant = desk.merchant("Shop").await;
    let (of_merchant, operators) = (
        desk.client(Some(&merchant), json!({})).await,
        json!({"merchant_id": null, "name": "second", "scope": "admin:write"}),
    );
    assert_refused(&desk.post(CLIENTS, &operators).await, 403, "FORBIDDEN");
    let secrets = format!("{CLIENTS}/{}/secrets", another.id);
    assert_refused(&desk.post(&secrets, &json!({})).await, 403, "FORBIDDEN");
    let more = json!({"scope": "payments:read admin:read"});
    assert_refused(&desk.patch(&client_path(&of_merchant), &more).await, 403, "FORBIDDEN");
    for (path, body) in [
        (format!("{}/secrets", client_path(&of_merchant)), json!({})),
        (CLIENTS.to_owned(), json!({"merchant_id": merchant, "name": "till", "scope": "payments:read"})),
    ] {
        assert_eq!(desk.post(&path, &body).await.status(), 201, "{path}: what is a merchant's is as it was");
    }
    // Whoever has the master key makes operators.
    let admin = desk.stage.installation.administration();
    let id = tollgate_admin::secrets::create(&admin, another.id, None, &SYSTEM).await;
    assert!(id.is_ok());
    let made = desk.stage.client(Kind { merchant: None, scope: EVERY_ROLE, ..desk.stage.kind() }).await;
    assert!(!made.secret.is_empty());
}

#[tokio::test]
async fn without_the_setting_one_person_is_enough() {
    let desk = Desk::open().await;
    let shop = desk.merchant("Shop").await;
    assert_eq!(desk.delete(&format!("{MERCHANTS}/{shop}")).await.status(), 200);
    assert_eq!(outcomes(&records(&desk, "merchant.delete").await), ["done"]);
}
