//! The sandbox Payment API.

use std::time::Duration;

use serde_json::{Value, json};
use tollgate_core::Environment;
use tollgate_store::Status;

use crate::call::{CREATE, Call, LIST, Reply, assert_refused};
use crate::stage::{ACT, Kind, Stage, create, payment, payment_id};

async fn show(stage: &Stage, token: &str, id: &str) -> Reply {
    stage.answer(Call::get(&format!("{LIST}/{id}")).bearer(token)).await
}

#[tokio::test]
async fn what_is_created_can_be_read_by_its_merchant() {
    let stage = Stage::open().await;
    let token = stage.tokens(&stage.shop).await.access;
    let created = stage.answer(create(&token)).await;
    assert_eq!(created.status(), 201);
    assert_eq!(created.header("content-type"), "application/json");
    let id = payment_id(&created);
    assert_eq!(
        created.data(),
        json!({"payment_request_id": id, "redirect_url": format!("http://127.0.0.1:8080/pay/{id}")})
    );

    let shown = show(&stage, &token, &id).await.data();
    let mut expected = payment();
    for (name, value) in [
        ("id", json!(id)),
        ("merchant_id", json!(stage.merchant)),
        ("status", json!("pending")),
        ("created_at", json!("2025-11-24T16:00:00.000Z")),
        ("expires_at", json!("2025-11-24T16:15:00.000Z")),
        ("redirect_url", created.data()["redirect_url"].clone()),
    ] {
        expected[name] = value;
    }
    for (name, value) in expected.as_object().unwrap() {
        assert_eq!(&shown[name], value, "{name}");
    }
    let listed = stage.list(&token).await.data();
    assert_eq!(listed["items"], json!([shown]));
    assert_eq!(listed["next_cursor"], json!(null));
}

#[tokio::test]
async fn another_merchants_payment_request_is_like_none() {
    let stage = Stage::open().await;
    let (shop, rival) = (stage.tokens(&stage.shop).await.access, stage.tokens(&stage.rival).await.access);
    let id = payment_id(&stage.answer(create(&shop)).await);
    let none = show(&stage, &rival, "0191e0a1-5c3b-7def-8123-456789abcdef").await;
    assert_refused(&none, 404, "PAYMENT_REQUEST_NOT_FOUND");
    for path in [id.as_str(), "x", "%ff", "%00", "..", "0191e0a1-5c3b-7def-8123-456789abcdef%20"] {
        let reply = show(&stage, &rival, path).await;
        assert_eq!(reply.without_request_id(), none.without_request_id(), "{path}");
    }
    assert_eq!(stage.list(&rival).await.data()["items"], json!([]));
    let query = format!("{LIST}?merchant_id={}", stage.merchant);
    let listed = stage.answer(Call::get(&query).bearer(&rival)).await;
    assert_refused(&listed, 404, "MERCHANT_NOT_FOUND");
}

#[tokio::test]
async fn a_merchants_token_creates_for_that_merchant_alone() {
    let stage = Stage::open().await;
    let token = stage.tokens(&stage.shop).await.access;
    let named = |merchant: serde_json::Value| {
        let mut body = payment();
        body["merchant_id"] = merchant;
        Call::post(CREATE).bearer(&token).json(&body)
    };
    assert_eq!(stage.answer(named(json!(stage.merchant))).await.status(), 201);
    let others = stage.answer(named(json!(stage.rival_merchant))).await;
    let unknown = stage.answer(named(json!("0191e0a1-5c3b-7def-8123-456789abcdef"))).await;
    assert_refused(&others, 404, "MERCHANT_NOT_FOUND");
    assert_eq!(others.without_request_id(), unknown.without_request_id());
    assert_eq!(stage.answer(named(json!("x"))).await.fields(), ["merchant_id"]);
    assert_eq!(stage.count().await, 1);
}

#[tokio::test]
async fn an_operator_acts_for_every_merchant_and_must_say_for_which() {
    let mut stage = Stage::open().await;
    let operator = stage.client(Kind { merchant: None, ..stage.kind() }).await;
    let token = stage.tokens(&operator).await.access;
    assert!(crate::call::claims(&token).get("merchant_id").is_none());
    assert_eq!(stage.answer(create(&token)).await.fields(), ["merchant_id"]);
    assert_eq!(stage.list(&token).await.fields(), ["merchant_id"]);
    for merchant in [stage.merchant, stage.rival_merchant] {
        let mut body = payment();
        body["merchant_id"] = json!(merchant);
        let created = stage.answer(Call::post(CREATE).bearer(&token).json(&body)).await;
        let id = payment_id(&created);
        assert_eq!(show(&stage, &token, &id).await.data()["merchant_id"], json!(merchant));
        let query = format!("{LIST}?merchant_id={merchant}");
        let listed = stage.answer(Call::get(&query).bearer(&token)).await.data();
        assert_eq!(listed["items"][0]["id"], json!(id));
        assert_eq!(listed["items"].as_array().unwrap().len(), 1);
    }
    let mut body = payment();
    body["merchant_id"] = json!("0191e0a1-5c3b-7def-8123-456789abcdef");
    let unknown = stage.answer(Call::post(CREATE).bearer(&token).json(&body)).await;
    assert_refused(&unknown, 404, "MERCHANT_NOT_FOUND");
}

#[tokio::test]
async fn an_operator_creates_nothing_for_a_disabled_merchant_and_still_sees_what_there_is() {
    let mut stage = Stage::open().await;
    let operator = stage.client(Kind { merchant: None, ..stage.kind() }).await;
    let token = stage.tokens(&operator).await.access;
    let mut body = payment();
    body["merchant_id"] = json!(stage.merchant);
    let call = |body: &Value| Call::post(CREATE).bearer(&token).json(body).key("k");
    let id = payment_id(&stage.answer(call(&body)).await);
    let now = stage.now();
    stage.elsewhere.set_merchant_status(stage.merchant, Status::Disabled, now, &ACT).await.unwrap();
    let disabled = stage.answer(call(&body)).await;
    let mut unknown = body.clone();
    unknown["merchant_id"] = json!("0191e0a1-5c3b-7def-8123-456789abcdef");
    let unknown = stage.answer(call(&unknown)).await;
    assert_refused(&disabled, 404, "MERCHANT_NOT_FOUND");
    assert_eq!(disabled.without_request_id(), unknown.without_request_id());
    assert_eq!(stage.count().await, 1);
    assert_eq!(show(&stage, &token, &id).await.status(), 200);
    let listed =
        stage.answer(Call::get(&format!("{LIST}?merchant_id={}", stage.merchant)).bearer(&token)).await;
    assert_eq!(listed.data()["items"].as_array().unwrap().len(), 1);
}

/// A rule that is tightened must not damage what was stored under the old one.
#[tokio::test]
async fn what_was_accepted_once_is_shown_as_it_was() {
    let stage = Stage::open().await;
    let token = stage.tokens(&stage.shop).await.access;
    let id = payment_id(&stage.answer(create(&token)).await);
    let mut old = payment();
    old["billing_address"]["country"] = json!("XX");
    old["customer"]["email"] = json!("at home");
    old["success_url_redirect"] = json!("ftp://shop.example/\u{e9}");
    old["of_another_version"] = json!([1]);
    let database = rusqlite::Connection::open(stage.path()).unwrap();
    assert_eq!(database.execute("UPDATE documents SET body = ?1", [old.to_string()]).unwrap(), 1);
    for shown in [show(&stage, &token, &id).await.data(), stage.list(&token).await.data()["items"][0].clone()]
    {
        for member in ["customer", "billing_address", "success_url_redirect", "amount", "locale"] {
            assert_eq!(shown[member], old[member]);
        }
    }
    let page = format!("/pay/{id}");
    let approved = Call::post(&page).header("accept", "text/html").form("decision=approve");
    let reply = stage.answer(approved).await;
    // Nobody is sent to an address that would not be taken today.
    assert_eq!((reply.status().as_u16(), reply.header("location")), (303, &*page));
}

#[tokio::test]
async fn pages_follow_each_other_newest_first_without_gap_or_repeat() {
    let stage = Stage::open().await;
    let token = stage.tokens(&stage.shop).await.access;
    let mut ids = Vec::new();
    for n in 0..25 {
        // Some are of the same millisecond.
        stage.advance(Duration::from_millis(n % 3)).await;
        ids.push(payment_id(&stage.answer(create(&token)).await));
    }
    let mut seen = Vec::new();
    let mut times = Vec::new();
    let mut target = format!("{LIST}?limit=7");
    let mut sizes = Vec::new();
    loop {
        let page = stage.answer(Call::get(&target).bearer(&token)).await.data();
        let items = page["items"].as_array().unwrap();
        sizes.push(items.len());
        for item in items {
            seen.push(item["id"].as_str().unwrap().to_owned());
            times.push(item["created_at"].as_str().unwrap().to_owned());
        }
        // What is created meanwhile is newer than every page that follows.
        stage.answer(create(&token)).await.data();
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        target = format!("{LIST}?limit=7&cursor={cursor}");
    }
    assert_eq!(sizes, [7, 7, 7, 4]);
    assert!(times.is_sorted_by(|a, b| a >= b), "{times:?}");
    seen.sort();
    ids.sort();
    assert_eq!(seen, ids);
}

/// How the outcome of an order is found, by what its merchant knows of it.
#[tokio::test]
async fn a_list_is_of_those_that_the_query_names() {
    let stage = Stage::open().await;
    let token = stage.tokens(&stage.shop).await.access;
    let mut ids = Vec::new();
    for (order, reference) in [("order 1", "A"), ("order 2", "A"), ("order 1", "B"), ("order+3", "A")] {
        let mut body = payment();
        body["order_id"] = json!(order);
        body["payment_reference"] = json!(reference);
        ids.push(payment_id(&stage.answer(Call::post(CREATE).bearer(&token).json(&body)).await));
        stage.advance(Duration::from_secs(1)).await;
    }
    stage.answer(Call::post(&format!("/pay/{}", ids[1])).form("decision=approve")).await;
    for (query, places) in [
        ("order_id=order+1", &[2, 0][..]),
        ("order_id=order%2B3", &[3]),
        ("order_id=order", &[]),
        ("payment_reference=A&order_id=order%201", &[0]),
        ("status=approved", &[1]),
        ("status=pending", &[3, 2, 0]),
        ("status=expired", &[]),
    ] {
        let page = stage.answer(Call::get(&format!("{LIST}?{query}")).bearer(&token)).await.data();
        let wanted: Vec<&str> = places.iter().map(|place: &usize| ids[*place].as_str()).collect();
        let listed: Vec<&str> =
            page["items"].as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap()).collect();
        assert_eq!((listed, &page["next_cursor"]), (wanted, &json!(null)), "{query}");
    }
    let first = stage.answer(Call::get(&format!("{LIST}?payment_reference=A&limit=2")).bearer(&token)).await;
    let cursor = first.data()["next_cursor"].as_str().unwrap().to_owned();
    let target = format!("{LIST}?payment_reference=A&limit=2&cursor={cursor}");
    let second = stage.answer(Call::get(&target).bearer(&token)).await.data();
    assert_eq!((&second["items"][0]["id"], &second["next_cursor"]), (&json!(ids[0]), &json!(null)));
}

#[tokio::test]
async fn a_cursor_shows_nothing_of_another_merchant() {
    let stage = Stage::open().await;
    let (shop, rival) = (stage.tokens(&stage.shop).await.access, stage.tokens(&stage.rival).await.access);
    for _ in 0..3 {
        stage.answer(create(&shop)).await.data();
        stage.advance(Duration::from_secs(1)).await;
    }
    let page = stage.answer(Call::get(&format!("{LIST}?limit=1")).bearer(&shop)).await.data();
    let cursor = page["next_cursor"].as_str().unwrap();
    let target = format!("{LIST}?cursor={cursor}");
    let listed = stage.answer(Call::get(&target).bearer(&rival)).await.data();
    assert_eq!(listed, json!({"items": [], "next_cursor": null}));
}

#[tokio::test]
async fn every_problem_of_a_query_is_named() {
    let stage = Stage::open().await;
    let token = stage.tokens(&stage.shop).await.access;
    let target = format!("{LIST}?limit=0&cursor=x&merchant_id=y&page=2");
    let fields = stage.answer(Call::get(&target).bearer(&token)).await.fields();
    assert_eq!(fields, ["limit", "cursor", "merchant_id", "page"]);
}

#[tokio::test]
async fn every_problem_of_a_body_is_named_with_its_place() {
    let stage = Stage::open().await;
    let token = stage.tokens(&stage.shop).await.access;
    let body = json!({
        "customer": {"name": "Jo", "email": "jo", "age": 7},
        "billing_address": {"address_line1": "1 High Street", "city": "Bath", "country": "XX"},
        "amount": 19.99,
        "currency": "XYZ",
        "test_transaction": false,
        "extra": null
    });
    let mut fields = stage.answer(Call::post(CREATE).bearer(&token).json(&body)).await.fields();
    fields.sort();
    assert_eq!(
        fields,
        [
            "amount",
            "billing_address.country",
            "billing_address.postal_code",
            "currency",
            "customer.age",
            "customer.email",
            "extra",
            "locale",
            "test_transaction",
        ]
    );
    assert_eq!(stage.count().await, 0);
}

#[tokio::test]
async fn amounts_are_integers_from_1_to_9_999_999() {
    let stage = Stage::open().await;
    let token = stage.tokens(&stage.shop).await.access;
    let with = |amount: &str| {
        let body = payment().to_string().replace("\"amount\":1999", &format!("\"amount\":{amount}"));
        Call::post(CREATE).bearer(&token).body("application/json", body)
    };
    for amount in ["1", "9999999"] {
        assert_eq!(stage.answer(with(amount)).await.status(), 201, "{amount}");
    }
    for amount in
        ["0", "-1", "10000000", "1.0", "1e2", "\"1\"", "null", "true", "[]", "18446744073709551616", "-0"]
    {
        assert_eq!(stage.answer(with(amount)).await.fields(), ["amount"], "{amount}");
    }
}

#[tokio::test]
async fn both_spellings_of_a_locale_are_taken() {
    let stage = Stage::open().await;
    let token = stage.tokens(&stage.shop).await.access;
    for locale in ["en-GB", "en_GB", "de", "zh-Hant-TW"] {
        let mut body = payment();
        body["locale"] = json!(locale);
        let reply = stage.answer(Call::post(CREATE).bearer(&token).json(&body)).await;
        assert_eq!(reply.status(), 201, "{locale}");
    }
}

#[tokio::test]
async fn only_json_is_taken() {
    let stage = Stage::open().await;
    let token = stage.tokens(&stage.shop).await.access;
    for media in ["application/x-www-form-urlencoded", "text/plain", "text/json; charset=utf-8"] {
        let reply = stage.answer(Call::post(CREATE).bearer(&token).body(media, payment().to_string())).await;
        assert_refused(&reply, 415, "UNSUPPORTED_MEDIA_TYPE");
    }
    let large = format!("{}{}", payment(), " ".repeat(64 * 1024));
    let reply = stage.answer(Call::post(CREATE).bearer(&token).body("application/json", large)).await;
    assert_refused(&reply, 413, "PAYLOAD_TOO_LARGE");
}

#[tokio::test]
async fn the_sandbox_refuses_live_tokens() {
    let mut stage = Stage::open().await;
    let live = stage.client(Kind { environment: Environment::Live, ..stage.kind() }).await;
    let token = stage.tokens(&live).await.access;
    assert_eq!(crate::call::claims(&token)["env"], "live");
    let id = payment_id(&stage.answer(create(&stage.tokens(&stage.shop).await.access)).await);
    for call in
        [create(&token), Call::get(LIST).bearer(&token), Call::get(&format!("{LIST}/{id}")).bearer(&token)]
    {
        let reply = stage.answer(call).await;
        assert_refused(&reply, 401, "INVALID_TOKEN");
        assert_eq!(reply.header("www-authenticate"), "Bearer realm=\"payment-api\", error=\"invalid_token\"");
    }
}

#[tokio::test]
async fn without_the_sandbox_there_is_nothing_but_the_authority() {
    let stage = Stage::with(&[("TOLLGATE_SANDBOX", "false")], |store| std::sync::Arc::new(store)).await;
    let token = stage.tokens(&stage.shop).await.access;
    for call in [create(&token), Call::get(LIST).bearer(&token), Call::get("/pay/x"), Call::get("/")] {
        assert_refused(&stage.answer(call).await, 404, "NOT_FOUND");
    }
}
