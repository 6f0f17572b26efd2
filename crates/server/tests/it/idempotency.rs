//! Idempotency keys.

mod failing_store;

use std::time::Duration;

use serde_json::{Value, json};
use tollgate_core::Environment;
use tollgate_store::{Begun, IdempotencyScope, Lease};

use crate::call::{CREATE, Call, Reply, assert_refused};
use crate::stage::{Kind, PEER, Stage, answer, create, payment, payment_id};

const ROUTE: &str = "POST /api/v1/payment-requests:redirect";

fn with(token: &str, body: &Value) -> Call {
    Call::post(CREATE).bearer(token).json(body)
}

/// Asserts that a reply repeats another one.
#[track_caller]
fn assert_replayed(reply: &Reply, first: &Reply) {
    assert_eq!(reply.header("idempotent-replayed"), "true", "{}", reply.text());
    let (status, mut headers, body) = reply.without_request_id();
    headers.remove("idempotent-replayed");
    assert_eq!((status, headers, body), first.without_request_id());
}

async fn open() -> (Stage, String) {
    let stage = Stage::open().await;
    let token = stage.tokens(&stage.shop).await.access;
    (stage, token)
}

#[tokio::test]
async fn a_repeat_gets_the_same_bytes_and_has_no_effect() {
    let (stage, token) = open().await;
    let first = stage.answer(create(&token).key("k-1")).await;
    assert_eq!(first.status(), 201);
    assert_eq!(first.header("idempotent-replayed"), "");
    for _ in 0..3 {
        stage.advance(Duration::from_secs(60)).await;
        assert_replayed(&stage.answer(create(&token).key("k-1")).await, &first);
    }
    assert_eq!(stage.count().await, 1);
}

#[tokio::test]
async fn without_a_key_every_request_counts() {
    let (stage, token) = open().await;
    let first = payment_id(&stage.answer(create(&token)).await);
    assert_ne!(payment_id(&stage.answer(create(&token)).await), first);
    assert_eq!(stage.count().await, 2);
}

#[tokio::test]
async fn the_quoted_form_is_the_same_key_and_keys_are_case_sensitive() {
    let (stage, token) = open().await;
    let first = stage.answer(create(&token).key("k-1")).await;
    assert_replayed(&stage.answer(create(&token).key("\"k-1\"")).await, &first);
    assert_eq!(stage.answer(create(&token).key("K-1")).await.header("idempotent-replayed"), "");
    assert_eq!(stage.count().await, 2);
}

#[tokio::test]
async fn a_repeat_may_be_written_differently() {
    let (stage, token) = open().await;
    let first = stage.answer(create(&token).key("k")).await;
    let compact = payment().to_string();
    let pretty = serde_json::to_string_pretty(&payment()).unwrap();
    let members = payment();
    let reversed: Vec<String> = members
        .as_object()
        .unwrap()
        .iter()
        .rev()
        .map(|(name, value)| format!("\"{name}\":{value}"))
        .collect();
    let mut with_null = payment();
    with_null["selected_bank_id"] = json!(null);
    for body in [
        compact.clone(),
        pretty,
        format!("{{{}}}", reversed.join(" , ")),
        compact.replace("en-GB", "en_GB"),
        compact.replace("\"Jo\"", "\"\\u004ao\""),
        with_null.to_string(),
    ] {
        let call = Call::post(CREATE).bearer(&token).body("application/json", body.clone()).key("k");
        let reply = stage.answer(call).await;
        assert_eq!(reply.status(), 201, "{body}");
        assert_replayed(&reply, &first);
    }
}

#[tokio::test]
async fn another_request_with_the_key_is_refused() {
    let (stage, token) = open().await;
    let first = stage.answer(create(&token).key("k")).await;
    for (pointer, value) in [
        ("/amount", json!(2000)),
        ("/currency", json!("EUR")),
        ("/order_id", json!("order 8")),
        ("/customer/name", json!("Joe")),
        ("/success_url_redirect", json!("https://evil.example/")),
    ] {
        let mut other = payment();
        *other.pointer_mut(pointer).unwrap() = value;
        let reply = stage.answer(with(&token, &other).key("k")).await;
        assert_refused(&reply, 422, "IDEMPOTENCY_KEY_REUSED");
    }
    assert_replayed(&stage.answer(create(&token).key("k")).await, &first);
    assert_eq!(stage.count().await, 1);
}

#[tokio::test]
async fn an_invalid_request_with_a_taken_key_is_another_request() {
    let (stage, token) = open().await;
    stage.answer(create(&token).key("k")).await.data();
    for body in ["{}", "{", "", "[]", r#"{"amount":1,"amount":1}"#] {
        let call = Call::post(CREATE).bearer(&token).body("application/json", body).key("k");
        assert_refused(&stage.answer(call).await, 422, "IDEMPOTENCY_KEY_REUSED");
    }
}

#[tokio::test]
async fn what_is_no_key_is_a_problem_of_the_header() {
    let (stage, token) = open().await;
    for key in ["", "\"\"", &"k".repeat(256), "a\tb", "é", "\u{80}"] {
        let reply = stage.answer(create(&token).key(key)).await;
        assert_eq!(reply.fields(), ["Idempotency-Key"], "{key:?}");
    }
    let twice = create(&token).key("a").key("a");
    assert_eq!(stage.answer(twice).await.fields(), ["Idempotency-Key"]);
    assert_eq!(stage.count().await, 0);
    for key in ["k".repeat(255), format!("\"{}\"", "k".repeat(255)), "~!{}'".to_owned(), "a b".to_owned()] {
        assert_eq!(stage.answer(create(&token).key(&key)).await.status(), 201, "{key}");
    }
}

#[tokio::test]
async fn the_problems_of_the_key_and_of_the_body_are_named_together() {
    let (stage, token) = open().await;
    let mut body = payment();
    body["amount"] = json!(0);
    let fields = stage.answer(with(&token, &body).key("")).await.fields();
    assert_eq!(fields, ["Idempotency-Key", "amount"]);
}

#[tokio::test]
async fn refused_requests_leave_the_key_free() {
    let (mut stage, token) = open().await;
    let reader = stage.client(Kind { scope: "payments:read", ..stage.kind() }).await;
    let reader = stage.tokens(&reader).await.access;
    let mut invalid = payment();
    invalid["amount"] = json!(0);
    let mut elsewhere = payment();
    elsewhere["merchant_id"] = json!(stage.rival_merchant);
    for (status, call) in [
        (400, with(&token, &invalid)),
        (400, Call::post(CREATE).bearer(&token).body("application/json", "{")),
        (401, Call::post(CREATE).json(&payment())),
        (401, create("x")),
        (403, create(&reader)),
        (404, with(&token, &elsewhere)),
        (405, Call::new("PUT", CREATE).bearer(&token).json(&payment())),
        (413, Call::post(CREATE).bearer(&token).body("application/json", " ".repeat(64 * 1024 + 1))),
        (415, Call::post(CREATE).bearer(&token).body("text/plain", payment().to_string())),
    ] {
        assert_eq!(stage.answer(call.key("k")).await.status(), status);
    }
    let first = stage.answer(create(&token).key("k")).await;
    assert_eq!((first.status().as_u16(), first.header("idempotent-replayed")), (201, ""));
}

#[tokio::test]
async fn authentication_comes_before_the_replay() {
    let (stage, token) = open().await;
    stage.answer(create(&token).key("k")).await.data();
    stage.advance(Duration::from_secs(900)).await;
    assert_refused(&stage.answer(create(&token).key("k")).await, 401, "INVALID_TOKEN");
    assert_refused(&stage.answer(Call::post(CREATE).json(&payment()).key("k")).await, 401, "NO_TOKEN");
}

#[tokio::test]
async fn a_key_counts_for_its_merchant_whichever_token_sends_it() {
    let (mut stage, token) = open().await;
    let first = stage.answer(create(&token).key("k")).await;

    let newer = stage.tokens(&stage.shop).await.access;
    assert_replayed(&stage.answer(create(&newer).key("k")).await, &first);
    let colleague = stage.client(stage.kind()).await;
    let colleague = stage.tokens(&colleague).await.access;
    assert_replayed(&stage.answer(create(&colleague).key("k")).await, &first);

    let rival = stage.tokens(&stage.rival).await.access;
    let rivals = stage.answer(create(&rival).key("k")).await;
    assert_eq!((rivals.status().as_u16(), rivals.header("idempotent-replayed")), (201, ""));
    assert_ne!(payment_id(&rivals), payment_id(&first));
}

#[tokio::test]
async fn an_operators_key_is_the_key_of_the_merchant_it_names() {
    let mut stage = Stage::open().await;
    let operator = stage.client(Kind { merchant: None, ..stage.kind() }).await;
    let operator = stage.tokens(&operator).await.access;
    let named = |merchant| {
        let mut body = payment();
        body["merchant_id"] = json!(merchant);
        body
    };
    let first = stage.answer(with(&operator, &named(stage.merchant)).key("k")).await;
    assert_eq!(first.status(), 201);
    let rivals = stage.answer(with(&operator, &named(stage.rival_merchant)).key("k")).await;
    assert_eq!((rivals.status().as_u16(), rivals.header("idempotent-replayed")), (201, ""));
    let own = stage.tokens(&stage.shop).await.access;
    assert_replayed(&stage.answer(with(&own, &named(stage.merchant)).key("k")).await, &first);
}

/// Holds a key of the shop from another process.
async fn hold(stage: &Stage, fingerprint: [u8; 32]) -> Lease {
    let scope = IdempotencyScope {
        merchant_id: stage.merchant,
        environment: Environment::Test,
        route: ROUTE,
        key: "k".to_owned(),
    };
    let lease =
        Lease { scope, fingerprint, owner: [9; 16], until: stage.now().after(Duration::from_secs(30)) };
    assert_eq!(stage.elsewhere.begin(&lease, stage.now()).await.unwrap(), Begun::Fresh);
    lease
}

/// The fingerprint of `payment()`, as the server takes it: read from the store after a request.
fn fingerprint(stage: &Stage) -> [u8; 32] {
    let path = stage.path();
    let connection = rusqlite::Connection::open(path).unwrap();
    connection.query_row("SELECT fingerprint FROM idempotency_keys LIMIT 1", [], |row| row.get(0)).unwrap()
}

#[tokio::test]
async fn while_the_first_request_runs_a_repeat_is_told_to_wait_until_the_lease_ends() {
    let (stage, token) = open().await;
    stage.answer(create(&token).key("another")).await.data();
    let lease = hold(&stage, fingerprint(&stage)).await;

    let waiting = stage.answer(create(&token).key("k")).await;
    assert_refused(&waiting, 409, "IDEMPOTENT_REQUEST_IN_PROGRESS");
    assert!(waiting.header("retry-after").parse::<u64>().unwrap() >= 1);
    let mut other = payment();
    other["amount"] = json!(1);
    assert_refused(&stage.answer(with(&token, &other).key("k")).await, 422, "IDEMPOTENCY_KEY_REUSED");

    stage.advance(Duration::from_millis(29_999)).await;
    assert_eq!(stage.answer(create(&token).key("k")).await.status(), 409);
    stage.advance(Duration::from_millis(1)).await;
    let first = stage.answer(create(&token).key("k")).await;
    assert_eq!((first.status().as_u16(), first.header("idempotent-replayed")), (201, ""));
    assert_replayed(&stage.answer(create(&token).key("k")).await, &first);

    // The dead holder, should it wake up, can't complete what was taken over.
    stage.elsewhere.abandon(&lease).await.unwrap();
    assert_replayed(&stage.answer(create(&token).key("k")).await, &first);
    assert_eq!(stage.count().await, 2);
}

#[tokio::test]
async fn a_lease_that_is_given_back_frees_the_key_at_once() {
    let (stage, token) = open().await;
    let lease = hold(&stage, [7; 32]).await;
    assert_eq!(stage.answer(create(&token).key("k")).await.status(), 422);
    stage.elsewhere.abandon(&lease).await.unwrap();
    assert_eq!(stage.answer(create(&token).key("k")).await.status(), 201);
}

#[tokio::test]
async fn a_key_is_free_again_after_24_hours() {
    let (stage, token) = open().await;
    let first = stage.answer(create(&token).key("k")).await;
    stage.advance(Duration::from_millis(24 * 60 * 60 * 1000 - 1)).await;
    let token = stage.tokens(&stage.shop).await.access;
    assert_replayed(&stage.answer(create(&token).key("k")).await, &first);
    stage.advance(Duration::from_millis(1)).await;
    let next = stage.answer(create(&token).key("k")).await;
    assert_eq!((next.status().as_u16(), next.header("idempotent-replayed")), (201, ""));
    assert_eq!(stage.count().await, 2);
}

#[tokio::test]
async fn the_time_that_a_key_is_kept_is_a_setting() {
    let settings = [("TOLLGATE_IDEMPOTENCY__TTL", "60s"), ("TOLLGATE_IDEMPOTENCY__LEASE", "5s")];
    let stage = Stage::with(&settings, |store| std::sync::Arc::new(store)).await;
    let token = stage.tokens(&stage.shop).await.access;
    let first = stage.answer(create(&token).key("k")).await;
    stage.advance(Duration::from_millis(59_999)).await;
    assert_replayed(&stage.answer(create(&token).key("k")).await, &first);
    stage.advance(Duration::from_millis(1)).await;
    assert_eq!(stage.answer(create(&token).key("k")).await.header("idempotent-replayed"), "");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_fifty_requests_at_once_one_takes_effect() {
    let (stage, token) = open().await;
    let mut running = tokio::task::JoinSet::new();
    for _ in 0..50 {
        let (server, call) = (stage.server.clone(), create(&token).key("k"));
        running.spawn(async move { answer(&server, PEER, call.whole()).await });
    }
    let replies = running.join_all().await;
    let (done, waiting): (Vec<_>, Vec<_>) = replies.iter().partition(|reply| reply.status() == 201);
    let firsts: Vec<_> = done.iter().filter(|reply| reply.header("idempotent-replayed").is_empty()).collect();
    assert_eq!(firsts.len(), 1);
    for reply in &done {
        assert_eq!(reply.text(), firsts[0].text());
    }
    for reply in waiting {
        assert_refused(reply, 409, "IDEMPOTENT_REQUEST_IN_PROGRESS");
    }
    assert_eq!(stage.count().await, 1);
}

#[tokio::test]
async fn a_repeat_is_answered_by_a_server_that_started_after_the_first_request() {
    let (stage, token) = open().await;
    let first = stage.answer(create(&token).key("k")).await;
    let stage = stage.restarted().await;
    assert_replayed(&stage.answer(create(&token).key("k")).await, &first);
    assert_eq!(stage.count().await, 1);
}

/// A clock that runs two days ahead makes no second payment of a repeated request, neither then nor once it is right.
#[tokio::test]
async fn a_clock_that_runs_ahead_frees_no_key() {
    let stage = Stage::open().await;
    let token = stage.tokens(&stage.shop).await.access;
    let keyed = |token: &str| create(token).header("idempotency-key", "order-7");
    let first = stage.answer(keyed(&token)).await;
    assert_eq!(first.status(), 201);
    let right = stage.now();
    stage.clock.set(right.after(Duration::from_secs(2 * 24 * 60 * 60)));
    stage.follow().await;
    stage.purge().await;
    let ahead = stage.tokens(&stage.shop).await.access;
    for token in [&ahead, &token] {
        let repeat = stage.answer(keyed(token)).await;
        assert_eq!(repeat.status(), 201);
        assert_eq!(repeat.header("idempotent-replayed"), "true");
        assert_eq!(repeat.text(), first.text());
        stage.clock.set(right);
        stage.follow().await;
        stage.purge().await;
    }
    assert_eq!(stage.count().await, 1);
}
