//! Who is failing, since when, and why: what operators see, and callers don't.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use tollgate_config::{LogFormat, LogLevel};
use tollgate_core::{ClientId, Environment};
use tollgate_server::{Refusal, Why};
use tollgate_store::Status;

use crate::call::{Call, LIST, TOKEN};
use crate::stage::{ACT, Credentials, Kind, NOW, PEER, Stage};

/// What is logged of requests, line by line.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<Value>>>);

impl Lines {
    fn of(stage: &Stage) -> Self {
        let lines = Self::default();
        let sink = lines.clone();
        let write = move |line: &[u8], _| sink.0.lock().unwrap().push(serde_json::from_slice(line).unwrap());
        stage.server.log_requests(tollgate_log::Requests::new(LogFormat::Json, LogLevel::Info, write));
        lines
    }

    fn last(&self) -> Value {
        self.0.lock().unwrap().last().unwrap().clone()
    }
}

async fn failures(stage: &Stage) -> BTreeMap<String, u64> {
    let metrics = stage.answer(Call::get("/metrics")).await;
    let counted = metrics.text().lines().filter_map(|line| {
        let (reason, count) =
            line.strip_prefix("tollgate_client_refusals_total{reason=\"")?.split_once("\"} ")?;
        Some((reason.to_owned(), count.parse().unwrap()))
    });
    counted.filter(|(_, count)| *count > 0).collect()
}

fn grant(id: &str, secret: &str) -> Call {
    Call::post(TOKEN).json(&json!({"client_id": id, "client_secret": secret}))
}

fn grant_of(of: &Credentials) -> Call {
    grant(&of.id.to_string(), &of.secret)
}

#[tokio::test]
async fn each_way_of_failing_has_a_reason_of_its_own_and_names_who_it_is() {
    let mut stage = Stage::open().await;
    let (now, store) = (stage.now(), stage.elsewhere.clone());
    let disabled = stage.client(stage.kind()).await;
    let revoked = stage.client(stage.kind()).await;
    let expired = stage.client(stage.kind()).await;
    let elsewhere = stage.client(Kind { addresses: &["192.0.2.0/24"], ..stage.kind() }).await;
    store.set_client_status(disabled.id, Status::Disabled, now, &ACT).await.unwrap();
    store.revoke_secret(revoked.id, revoked.secret_id, now, &ACT).await.unwrap();
    let (next, _) = stage.secret(expired.id, None);
    store.add_secret(expired.id, &next, Some(now), now, &ACT).await.unwrap();
    store.set_merchant_status(stage.rival_merchant, Status::Disabled, now, &ACT).await.unwrap();
    stage.follow().await;
    let lines = Lines::of(&stage);
    let nobody = "0191e0a1-5c3b-7def-8123-456789abcdef";
    let wrong = Credentials { secret: "tg_test_wrong".to_owned(), ..stage.shop.clone() };
    let secret = |of: &Credentials| Some(of.secret_id.to_string());
    for (call, reason, client, secret) in [
        (grant(nobody, "x"), "unknown client", Some(nobody.to_owned()), None),
        (grant("shop", "x"), "unknown client", None, None),
        (grant_of(&wrong), "wrong secret", Some(wrong.id.to_string()), None),
        (grant_of(&expired), "expired secret", Some(expired.id.to_string()), secret(&expired)),
        (grant_of(&revoked), "revoked secret", Some(revoked.id.to_string()), secret(&revoked)),
        (grant_of(&disabled), "disabled client", Some(disabled.id.to_string()), secret(&disabled)),
        (grant_of(&stage.rival), "disabled merchant", Some(stage.rival.id.to_string()), secret(&stage.rival)),
    ] {
        let answered = stage.answer(call).await;
        assert_eq!(answered.status(), 401);
        assert!(answered.text().contains("\"INVALID_CLIENT\""), "callers are told no more");
        let line = lines.last();
        assert_eq!(line["reason"], reason);
        assert_eq!(line.get("claimed_client_id").and_then(Value::as_str), client.as_deref(), "{line}");
        assert_eq!(line.get("secret_id").and_then(Value::as_str), secret.as_deref(), "{line}");
        assert_eq!((line.get("client_id"), &line["source"]), (None, &json!(PEER)), "{line}");
    }
    // Whoever has proved itself is no mere claim.
    assert_eq!(stage.answer(grant_of(&elsewhere)).await.status(), 403);
    let line = lines.last();
    assert_eq!((&line["client_id"], &line["merchant_id"]), (&json!(elsewhere.id), &json!(stage.merchant)));
    let expected = [
        ("address", 1),
        ("disabled_client", 1),
        ("disabled_merchant", 1),
        ("expired_secret", 1),
        ("revoked_secret", 1),
        ("unknown_client", 2),
        ("wrong_secret", 1),
    ];
    assert_eq!(failures(&stage).await, expected.map(|(reason, count)| (reason.to_owned(), count)).into());
}

#[tokio::test]
async fn the_line_of_a_success_names_the_client_its_secret_and_the_token_and_no_source() {
    let stage = Stage::open().await;
    let lines = Lines::of(&stage);
    stage.tokens(&stage.shop).await;
    let line = lines.last();
    assert_eq!(
        (&line["client_id"], &line["secret_id"]),
        (&json!(stage.shop.id), &json!(stage.shop.secret_id))
    );
    assert!(line["token_id"].is_string() && line.get("source").is_none(), "{line}");
}

#[tokio::test]
async fn sources_are_logged_as_the_setting_says() {
    for (setting, of_success, of_refusal) in
        [("all", true, true), ("refused", false, true), ("off", false, false)]
    {
        let stage = Stage::with(&[("TOLLGATE_LOG__SOURCE", setting)], |store| Arc::new(store)).await;
        let lines = Lines::of(&stage);
        stage.tokens(&stage.shop).await;
        assert_eq!(lines.last().get("source").is_some(), of_success, "{setting}");
        stage.answer(grant("shop", "x")).await;
        assert_eq!(lines.last().get("source").is_some(), of_refusal, "{setting}");
    }
}

#[tokio::test]
async fn a_refused_token_is_named_and_what_it_says_counts_only_if_it_was_issued_here() {
    let stage = Stage::open().await;
    let access = stage.tokens(&stage.shop).await.access;
    let lines = Lines::of(&stage);
    assert_eq!(
        stage.answer(Call::get(LIST).bearer(&format!("{}x", &access[..access.len() - 1]))).await.status(),
        401
    );
    let forged = lines.last();
    assert_eq!(forged["claimed_client_id"], json!(stage.shop.id));
    assert!(forged.get("secret_id").is_none() && forged.get("merchant_id").is_none(), "{forged}");
    stage.clock.advance(Duration::from_secs(24 * 60 * 60));
    stage.follow().await;
    assert_eq!(stage.answer(Call::get(LIST).bearer(&access)).await.status(), 401);
    let expired = lines.last();
    assert_eq!(
        (&expired["claimed_client_id"], &expired["token_id"]),
        (&json!(stage.shop.id), &forged["token_id"])
    );
    assert_eq!(expired["secret_id"], json!(stage.shop.secret_id));
    let refusals: Vec<_> = stage.server.refusals(10).into_iter().map(|one| (one.client, one.why)).collect();
    let expected = [(None, Why::InvalidToken), (Some(stage.shop.id), Why::ExpiredToken)];
    assert_eq!(refusals, expected, "a forged token is nobody's failure");
}

#[tokio::test]
async fn the_clients_with_most_refusals_are_told_with_times_and_sources() {
    let stage = Stage::open().await;
    let shop = stage.shop.id;
    let wrong = || grant(&shop.to_string(), "tg_test_wrong");
    let other: IpAddr = "192.0.2.7".parse().unwrap();
    for peer in [PEER, other, PEER] {
        stage.clock.advance(Duration::from_secs(1));
        stage.answer_from(peer, wrong()).await;
    }
    stage.answer(grant("0191e0a1-5c3b-7def-8123-456789abcdef", "x")).await;
    let second = Duration::from_secs(1);
    let most = Refusal {
        client: Some(shop),
        why: Why::WrongSecret,
        count: 3,
        first_at: NOW.after(second),
        last_at: NOW.after(second * 3),
        sources: vec![PEER, other],
    };
    let refusals = stage.server.refusals(10);
    assert_eq!(refusals[0], most);
    assert_eq!((refusals[1].client, refusals[1].why), (None, Why::UnknownClient), "names can be made up");
    assert_eq!(refusals.len(), 2);
}

#[tokio::test]
async fn a_throttled_client_is_told_from_one_with_a_wrong_secret() {
    let stage = Stage::with(&[("TOLLGATE_LIMITS__AUTH_FAILURES", "2/min")], |store| Arc::new(store)).await;
    let lines = Lines::of(&stage);
    for expected in ["wrong secret", "wrong secret", "too many failed authentications"] {
        stage.answer(grant(&stage.shop.id.to_string(), "tg_test_wrong")).await;
        assert_eq!(lines.last()["reason"], expected);
        assert_eq!(lines.last()["claimed_client_id"], json!(stage.shop.id));
    }
    assert_eq!(failures(&stage).await["throttled"], 1);
}

#[tokio::test]
async fn when_a_secret_was_last_used_and_from_where_is_known_once_a_minute() {
    let mut stage = Stage::open().await;
    let live = stage.client(Kind { environment: Environment::Live, ..stage.kind() }).await;
    let (other, from_other): (IpAddr, _) = ("192.0.2.7".parse().unwrap(), grant_of(&stage.shop));
    let uses = |id: ClientId| {
        let store = stage.elsewhere.clone();
        async move { store.uses(id).await.unwrap() }
    };
    for peer in [PEER, PEER, other] {
        stage.advance(Duration::from_secs(60)).await;
        assert_eq!(stage.answer_from(peer, from_other.clone()).await.status(), 200);
    }
    stage.answer(grant(&live.id.to_string(), "tg_live_wrong")).await;
    assert_eq!(uses(stage.shop.id).await, [], "a token writes nothing");
    stage.server.flush_uses().await.unwrap();
    let [used] = uses(stage.shop.id).await.try_into().unwrap();
    let minutes = |count: u64| NOW.after(Duration::from_secs(60 * count));
    assert_eq!((used.secret, used.last_at), (stage.shop.secret_id, minutes(3)));
    let sources = [(other.to_string(), minutes(3)), (PEER.to_string(), minutes(1))];
    assert_eq!(used.sources, sources, "another use within an hour is no news");
    assert_eq!(uses(live.id).await, [], "a wrong secret is not used");
    stage.clock.advance(Duration::from_secs(60 * 60));
    stage.follow().await;
    stage.tokens(&stage.shop).await;
    stage.server.flush_uses().await.unwrap();
    assert_eq!(uses(stage.shop.id).await[0].last_at, minutes(63));
}
