//! What was made a moment ago is good in the very next request, on every server, whether it has read of it or not; and
//! guessing costs the store next to nothing.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr};
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use rand::SeedableRng;
use rand::rngs::StdRng;
use serde_json::json;
use tollgate_core::{ClientId, MerchantId};
use tollgate_store::{Merchant, Status, Version};

use crate::call::{Call, INTROSPECT, TOKEN, assert_refused};
use crate::clock::ManualClock;
use crate::faults::{Fault, Faults};
use crate::oauth::{post_as, said};
use crate::stage::{ACT, Credentials, Node, Stage};

/// Two servers on the stage's store that know every client's id, and never follow the log by themselves.
async fn nodes(stage: &Stage) -> [Node; 2] {
    let clock = ManualClock::at(stage.now());
    let nodes = [stage.node(clock.clone()).await, stage.node(clock).await];
    for node in &nodes {
        node.installation.registry().learn_ids().await.unwrap();
        // What is known of it is kept from now on.
        node.tokens(&stage.shop).await;
    }
    nodes
}

/// Adds a secret of the shop's elsewhere.
async fn add_secret(stage: &mut Stage) -> Credentials {
    let of = stage.shop.clone();
    let (secret, value) = stage.secret(of.id, None);
    assert!(stage.elsewhere.add_secret(of.id, &secret, None, stage.now(), &ACT).await.unwrap());
    Credentials { id: of.id, secret: value, secret_id: secret.id }
}

#[tokio::test]
async fn a_client_that_was_just_created_gets_tokens_from_every_server() {
    let mut stage = Stage::open().await;
    let nodes = nodes(&stage).await;
    for _ in 0..3 {
        let client = stage.unseen_client(stage.kind()).await;
        for node in &nodes {
            node.tokens(&client).await;
        }
    }
}

#[tokio::test]
async fn a_secret_that_was_just_created_works_on_every_server_and_is_no_failed_attempt() {
    let mut stage = Stage::open().await;
    let nodes = nodes(&stage).await;
    // More than may fail in a minute.
    for _ in 0..40 {
        let renewed = add_secret(&mut stage).await;
        for node in &nodes {
            assert_eq!(node.grant(&renewed).await.status(), 200);
        }
    }
}

#[tokio::test]
async fn a_refresh_token_is_taken_by_a_server_that_has_not_read_of_its_secret() {
    let mut stage = Stage::open().await;
    let [one, other] = nodes(&stage).await;
    let renewed = add_secret(&mut stage).await;
    let tokens = one.tokens(&renewed).await;
    assert_eq!(other.refresh(&tokens.refresh).await.status(), 200);

    let [_, other] = self::nodes(&stage).await;
    let renewed = add_secret(&mut stage).await;
    let tokens = one.tokens(&renewed).await;
    let form = format!("token={}&token_type_hint=refresh_token", tokens.refresh);
    assert_eq!(said(&other.answer(post_as(&stage.shop, INTROSPECT, &form)).await)["active"], true);
}

#[tokio::test]
async fn who_was_just_enabled_gets_tokens_from_every_server() {
    let mut stage = Stage::open().await;
    let client = stage.client(stage.kind()).await;
    let mut nodes = nodes(&stage).await;
    let now = stage.now();
    let store = stage.elsewhere.clone();
    store.set_client_status(client.id, Status::Disabled, now, &ACT).await.unwrap();
    for node in &mut nodes {
        node.follow().await;
        assert_refused(&node.grant(&client).await, 401, "INVALID_CLIENT");
    }
    store.set_client_status(client.id, Status::Enabled, now, &ACT).await.unwrap();
    for node in &nodes {
        let tokens = node.tokens(&client).await;
        assert_eq!(node.refresh(&tokens.refresh).await.status(), 200);
    }

    store.set_merchant_status(stage.merchant, Status::Disabled, now, &ACT).await.unwrap();
    for node in &mut nodes {
        node.follow().await;
        assert_refused(&node.grant(&stage.shop).await, 401, "INVALID_CLIENT");
    }
    store.set_merchant_status(stage.merchant, Status::Enabled, now, &ACT).await.unwrap();
    for node in &nodes {
        node.tokens(&stage.shop).await;
    }
}

/// Ids that were missed because the log was trimmed meanwhile are no unknown ids.
#[tokio::test]
async fn a_client_whose_creation_is_no_longer_in_the_log_gets_tokens() {
    let mut stage = Stage::open().await;
    let nodes = nodes(&stage).await;
    let client = stage.unseen_client(stage.kind()).await;
    let database = rusqlite::Connection::open(stage.path()).unwrap();
    database.execute("UPDATE installation SET purged_change = (SELECT max(seq) FROM changes)", ()).unwrap();
    for node in &nodes {
        node.tokens(&client).await;
    }
}

/// A store whose log never goes on, however often everything is loaded.
#[tokio::test]
async fn a_log_that_never_goes_on_is_not_loaded_again_and_again() {
    let faults = Faults::default();
    let stage = Stage::with(&[], |store| faults.in_front_of(store)).await;
    let database = rusqlite::Connection::open(stage.path()).unwrap();
    database.execute("UPDATE installation SET purged_change = 1000000", ()).unwrap();
    tokio::time::pause();
    faults.take_calls();
    for _ in 0..100 {
        stage.try_to_follow().await;
    }
    assert!(faults.take_calls()["last_change"] <= 2);
    assert_refused(&stage.answer(wrong(&stage.shop)).await, 503, "UNAVAILABLE");
    database.execute("UPDATE installation SET purged_change = 0", ()).unwrap();
    stage.follow().await;
    tokio::time::advance(Duration::from_secs(1)).await;
    assert_refused(&stage.answer(wrong(&stage.shop)).await, 401, "INVALID_CLIENT");
}

/// Runs them so that all of them have begun before any goes on.
async fn all_at_once<F: Future>(futures: impl Iterator<Item = F>) -> Vec<F::Output> {
    let mut running: Vec<Pin<Box<F>>> = futures.map(Box::pin).collect();
    let mut done = Vec::new();
    std::future::poll_fn(|cx| {
        running.retain_mut(|future| match future.as_mut().poll(cx) {
            Poll::Ready(output) => {
                done.push(output);
                false
            }
            Poll::Pending => true,
        });
        if running.is_empty() { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    done
}

fn wrong(of: &Credentials) -> Call {
    Call::post(TOKEN).json(&json!({"client_id": of.id, "client_secret": "wrong"}))
}

/// What the store is asked tells nothing, and takes the same time, whatever was wrong.
#[tokio::test]
async fn whatever_is_wrong_the_store_is_asked_the_same() {
    let faults = Faults::default();
    let mut stage = Stage::with(&[], |store| faults.in_front_of(store)).await;
    let disabled = stage.client(stage.kind()).await;
    let now = stage.now();
    stage.elsewhere.set_client_status(disabled.id, Status::Disabled, now, &ACT).await.unwrap();
    stage.follow().await;
    stage.installation.registry().learn_ids().await.unwrap();
    let unknown = Credentials { id: ClientId::from_bytes([7; 16]), ..stage.shop.clone() };
    // Read once, as any client is that is used.
    stage.answer(wrong(&disabled)).await;
    stage.answer(wrong(&stage.shop)).await;
    faults.take_calls();
    for refused in [wrong(&stage.shop), wrong(&unknown), Call::post(TOKEN).json(&disabled.body())] {
        assert_refused(&stage.answer(refused).await, 401, "INVALID_CLIENT");
        assert_eq!(faults.take_calls(), HashMap::from([("changes_since", 1)]));
    }
}

/// Otherwise a server that is cut off from its store just after somebody created a merchant could issue to nobody.
#[tokio::test]
async fn what_is_done_to_one_merchant_has_no_client_of_another_read_again() {
    let faults = Faults::default();
    let stage = Stage::with(&[], |store| faults.in_front_of(store)).await;
    stage.tokens(&stage.shop).await;
    let (id, now) = (MerchantId::from_bytes([7; 16]), stage.now());
    let version = Version::default();
    let merchant =
        Merchant { id, name: "another".to_owned(), status: Status::Enabled, created_at: now, version };
    stage.elsewhere.create_merchant(&merchant, &ACT).await.unwrap();
    stage.elsewhere.rename_merchant(id, "renamed", None, now, &ACT).await.unwrap();
    stage.elsewhere.set_merchant_status(id, Status::Disabled, now, &ACT).await.unwrap();
    stage.follow().await;
    faults.take_calls();
    stage.tokens(&stage.shop).await;
    assert_eq!(faults.take_calls(), HashMap::new());
}

/// An outage must not become a flood of questions, nor a refusal that may be wrong.
#[tokio::test]
async fn what_the_store_can_not_say_is_not_called_wrong() {
    let faults = Faults::default();
    let stage = Stage::with(&[], |store| faults.in_front_of(store)).await;
    stage.tokens(&stage.shop).await;
    faults.set("changes_since", Fault::Refuses);
    faults.take_calls();
    let replies = all_at_once((0..250).map(|_| stage.answer(wrong(&stage.shop)))).await;
    for reply in &replies {
        assert_refused(reply, 503, "UNAVAILABLE");
        assert_eq!(reply.header("retry-after"), "1");
    }
    assert!(faults.take_calls()["changes_since"] <= 2);
    // What is known to be right goes on.
    stage.tokens(&stage.shop).await;
    faults.clear();
    // None of them was a failed attempt.
    assert_refused(&stage.answer(wrong(&stage.shop)).await, 401, "INVALID_CLIENT");
}

#[tokio::test]
async fn a_hundred_thousand_guesses_cost_the_store_next_to_nothing() {
    const AT_ONCE: usize = 250;
    const BATCHES: usize = 400;
    let faults = Faults::default();
    let stage = Stage::with(&[], |store| faults.in_front_of(store)).await;
    stage.installation.registry().learn_ids().await.unwrap();
    stage.tokens(&stage.shop).await;
    faults.take_calls();
    let mut rng = StdRng::seed_from_u64(7);
    for batch in 0..BATCHES {
        let guesses = (0..AT_ONCE).map(|n| {
            // Half of them guess ids, half the secret of a client, each from an address of its own.
            let id = if n % 2 == 0 { ClientId::random(&mut rng) } else { stage.shop.id };
            let body = json!({"client_id": id, "client_secret": "tg_test_guess"});
            let number = u32::try_from(batch * AT_ONCE + n).unwrap();
            let from = IpAddr::V4(Ipv4Addr::from_bits(0x0a00_0000 + number));
            stage.answer_from(from, Call::post(TOKEN).json(&body))
        });
        for reply in all_at_once(guesses).await {
            assert_refused(&reply, 401, "INVALID_CLIENT");
        }
    }
    let calls = faults.take_calls();
    // One reading for whoever is there when it begins, and one for whoever came while it ran.
    assert!(calls["changes_since"] <= 3 * BATCHES, "{calls:?}");
    // The filter lets through one unknown id in 800 or so.
    assert!(calls.get("client").copied().unwrap_or_default() < 200, "{calls:?}");
    assert!(calls.keys().all(|method| ["changes_since", "client"].contains(method)), "{calls:?}");
}

/// Whoever guesses while the store hangs must not hold ever more connections.
#[tokio::test(start_paused = true)]
async fn nobody_joins_those_who_have_waited_for_a_hanging_store_for_a_second() {
    let faults = Faults::default();
    let stage = Stage::with(&[], |store| faults.in_front_of(store)).await;
    stage.tokens(&stage.shop).await;
    faults.set("changes_since", Fault::Hangs);
    let first = tokio::time::timeout(Duration::from_secs(3), stage.answer(wrong(&stage.shop)));
    let others = async {
        tokio::time::sleep(Duration::from_secs(2)).await;
        let began = tokio::time::Instant::now();
        for reply in all_at_once((0..50).map(|_| stage.answer(wrong(&stage.shop)))).await {
            assert_refused(&reply, 503, "UNAVAILABLE");
        }
        assert_eq!(began.elapsed(), Duration::ZERO);
        // What is known to be right goes on.
        stage.tokens(&stage.shop).await;
    };
    let (first, ()) = tokio::join!(first, others);
    assert!(first.is_err(), "it still waits");
    faults.clear();
    assert_refused(&stage.answer(wrong(&stage.shop)).await, 401, "INVALID_CLIENT");
}

/// A caller that hangs up breaks off the reading that it waits for, and gains no other by it.
#[tokio::test(start_paused = true)]
async fn callers_who_hang_up_have_the_store_asked_no_more_often() {
    let faults = Faults::default();
    let stage = Stage::with(&[], |store| faults.in_front_of(store)).await;
    stage.tokens(&stage.shop).await;
    faults.set("changes_since", Fault::Hangs);
    faults.take_calls();
    for _ in 0..1_000 {
        // It has been sent, and whoever sent it has gone.
        let gone = tokio::time::timeout(Duration::from_micros(100), stage.answer(wrong(&stage.shop)));
        assert!(gone.await.is_err());
    }
    let asked = faults.take_calls()["changes_since"];
    // A timer counts in whole milliseconds, so these took a second or two.
    assert!((1..=500).contains(&asked), "{asked} readings for 1,000 callers");
}
