//! `POST /oauth2/revoke`.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tollgate_core::Revoked;
use tollgate_installation::{Follower, Installation};
use tollgate_server::Server;
use tollgate_store::{CLOCKS_DIFFER, Status};
use tollgate_store_sqlite::Sqlite;

use super::{grant, introspect, post_as, refresh, revoke, said, tokens};
use crate::call::{Call, REVOKE, Reply, assert_oauth_refused, assert_refused};
use crate::clock::ManualClock;
use crate::faults::{Fault, Faults};
use crate::sandbox::mounted;
use crate::stage::{ACT, Kind, PEER, Stage, answer, create, master_key};

#[track_caller]
fn assert_done(reply: &Reply) {
    assert_eq!(said(reply), json!({}));
}

#[tokio::test]
async fn a_revoked_token_is_refused_on_the_very_next_request() {
    let stage = Stage::open().await;
    let (ended, other) = (stage.tokens(&stage.shop).await, stage.tokens(&stage.shop).await);
    assert_eq!(stage.list(&ended.access).await.status(), 200);
    assert_done(&revoke(&stage, &stage.shop, &ended.access).await);
    assert_refused(&stage.list(&ended.access).await, 401, "INVALID_TOKEN");
    assert_refused(&stage.answer(create(&ended.access)).await, 401, "INVALID_TOKEN");
    assert_eq!(said(&introspect(&stage, &stage.shop, &ended.access).await), json!({"active": false}));

    // Each by itself: the refresh token goes on until it is revoked as well.
    said(&refresh(&stage, &stage.shop, &ended.refresh, "").await);
    assert_done(&revoke(&stage, &stage.shop, &ended.refresh).await);
    assert_oauth_refused(&refresh(&stage, &stage.shop, &ended.refresh, "").await, 400, "invalid_grant");
    assert_refused(&stage.refresh(&ended.refresh).await, 401, "INVALID_TOKEN");
    assert_eq!(said(&introspect(&stage, &stage.shop, &ended.refresh).await), json!({"active": false}));

    assert_eq!(stage.list(&other.access).await.status(), 200);
    assert_eq!(stage.refresh(&other.refresh).await.status(), 200);
}

#[tokio::test]
async fn revoking_a_refresh_token_ends_the_access_tokens_that_were_made_with_it() {
    let stage = Stage::open().await;
    let (issued, other) = (stage.tokens(&stage.shop).await, stage.tokens(&stage.shop).await);
    let by_the_standard = tokens(&said(&refresh(&stage, &stage.shop, &issued.refresh, "").await)).access;
    let data = stage.refresh(&issued.refresh).await.data();
    let by_the_envelope = data["access_token"].as_str().unwrap();
    let mut elsewhere = stage.node(ManualClock::at(stage.now())).await;
    assert_done(&revoke(&stage, &stage.shop, &issued.refresh).await);
    elsewhere.follow().await;
    for access in [&issued.access, &by_the_standard, by_the_envelope] {
        assert_refused(&stage.list(access).await, 401, "INVALID_TOKEN");
        assert_refused(&elsewhere.list(access).await, 401, "INVALID_TOKEN");
    }
    assert_eq!(stage.list(&other.access).await.status(), 200);
    assert_eq!(stage.refresh(&other.refresh).await.status(), 200);
}

/// The last access token that is made with a refresh token outlives it.
#[tokio::test]
async fn the_revocation_of_a_refresh_token_is_kept_until_all_that_was_made_with_it_has_expired() {
    let stage = Stage::open().await;
    let issued = stage.tokens(&stage.shop).await;
    stage.advance(Duration::from_secs(86_400 - 1)).await;
    let data = stage.refresh(&issued.refresh).await.data();
    assert_done(&revoke(&stage, &stage.shop, &issued.refresh).await);
    for _ in 0..899 {
        stage.advance(Duration::from_secs(1)).await;
        assert_refused(&stage.list(data["access_token"].as_str().unwrap()).await, 401, "INVALID_TOKEN");
    }
    let kept = stage.elsewhere.revocations(stage.now()).await.unwrap();
    assert!(kept.iter().all(|kept| kept.expires_at > stage.now().after(CLOCKS_DIFFER)), "{kept:?}");
}

#[tokio::test]
async fn a_hint_may_be_wrong_and_the_client_may_come_by_post() {
    let stage = Stage::open().await;
    for hint in ["access_token", "refresh_token", "x"] {
        let issued = stage.tokens(&stage.shop).await;
        let form = format!("token={}&token_type_hint={hint}", issued.access);
        assert_done(&stage.answer(post_as(&stage.shop, REVOKE, &form)).await);
        assert_refused(&stage.list(&issued.access).await, 401, "INVALID_TOKEN");
        let (id, secret) = (stage.shop.id, &stage.shop.secret);
        let form =
            format!("token={}&token_type_hint={hint}&client_id={id}&client_secret={secret}", issued.refresh);
        assert_done(&stage.answer(Call::post(REVOKE).form(&form)).await);
        assert_refused(&stage.refresh(&issued.refresh).await, 401, "INVALID_TOKEN");
    }
}

#[tokio::test]
async fn what_is_no_good_token_is_done_already_and_nothing_is_written() {
    let mut stage = Stage::open().await;
    let (expired, revoked) = (stage.tokens(&stage.shop).await, stage.tokens(&stage.shop).await);
    let disabled = stage.client(stage.kind()).await;
    let of_disabled = stage.tokens(&disabled).await;
    let now = stage.now();
    stage.elsewhere.set_client_status(disabled.id, Status::Disabled, now, &ACT).await.unwrap();
    stage.follow().await;
    assert_done(&revoke(&stage, &stage.shop, &revoked.refresh).await);
    stage.advance(Duration::from_secs(900)).await;
    let before = stage.elsewhere.last_change().await.unwrap();
    for token in
        ["x", "%00", &"e".repeat(60_000), &expired.access, &revoked.refresh, &of_disabled.refresh, "a.b.c"]
    {
        assert_done(&revoke(&stage, &stage.shop, token).await);
    }
    assert_eq!(stage.elsewhere.last_change().await.unwrap(), before);
}

#[tokio::test]
async fn another_clients_token_is_answered_like_garbage_and_stays_good() {
    let mut stage = Stage::open().await;
    let colleague = stage.client(stage.kind()).await;
    let operator = stage.client(Kind { merchant: None, ..stage.kind() }).await;
    let issued = stage.tokens(&stage.shop).await;
    let before = stage.elsewhere.last_change().await.unwrap();
    for of in [&colleague, &operator, &stage.rival] {
        let garbage = revoke(&stage, of, "garbage").await;
        for token in [&issued.access, &issued.refresh] {
            let reply = revoke(&stage, of, token).await;
            assert_done(&reply);
            assert_eq!(reply.without_request_id(), garbage.without_request_id());
        }
    }
    assert_eq!(stage.elsewhere.last_change().await.unwrap(), before);
    assert_eq!(stage.list(&issued.access).await.status(), 200);
    assert_eq!(stage.refresh(&issued.refresh).await.status(), 200);
}

#[tokio::test]
async fn revocation_takes_a_client_and_one_token() {
    let stage = Stage::open().await;
    let token = stage.tokens(&stage.shop).await.access;
    for call in [
        Call::post(REVOKE).form(&format!("token={token}")),
        Call::post(REVOKE).bearer(&token).form(&format!("token={token}")),
        Call::post(REVOKE).basic(&stage.shop.id.to_string(), "wrong").form(&format!("token={token}")),
    ] {
        assert_oauth_refused(&stage.answer(call).await, 401, "invalid_client");
    }
    for form in ["", "token=", &format!("token={token}&token={token}")] {
        assert_oauth_refused(&stage.answer(post_as(&stage.shop, REVOKE, form)).await, 400, "invalid_request");
    }
    assert_eq!(stage.list(&token).await.status(), 200);
}

#[tokio::test]
async fn a_revocation_that_was_answered_outlives_the_server() {
    let stage = Stage::open().await;
    let issued = stage.tokens(&stage.shop).await;
    assert_done(&revoke(&stage, &stage.shop, &issued.access).await);
    assert_done(&revoke(&stage, &stage.shop, &issued.refresh).await);
    let stage = stage.restarted().await;
    assert_refused(&stage.list(&issued.access).await, 401, "INVALID_TOKEN");
    assert_refused(&stage.refresh(&issued.refresh).await, 401, "INVALID_TOKEN");
}

#[tokio::test]
async fn another_server_refuses_the_token_once_it_has_read_the_change() {
    let stage = Stage::open().await;
    let store = Arc::new(Sqlite::open_existing(&stage.path()).unwrap());
    let opened = Installation::open(stage.config.clone(), store, master_key(), stage.clock.clone()).await;
    let installation = opened.unwrap();
    let mut follower = Follower::new(installation.clone());
    let other =
        Server::new(installation.clone(), false, |loopback| mounted(&installation, loopback, true, |_| None));
    let token = stage.tokens(&stage.shop).await.access;
    let list = || Call::get(crate::call::LIST).bearer(&token).whole();
    assert_eq!(answer(&other, PEER, list()).await.status(), 200);
    assert_done(&revoke(&stage, &stage.shop, &token).await);
    follower.step().await.unwrap();
    assert_refused(&answer(&other, PEER, list()).await, 401, "INVALID_TOKEN");
}

#[tokio::test]
async fn what_the_store_can_not_keep_is_not_answered_as_done() {
    let faults = Faults::default();
    let stage = Stage::with(&[], |store| faults.in_front_of(store)).await;
    let issued = tokens(&said(&grant(&stage, &stage.shop, "").await));
    for fault in [Fault::Refuses, Fault::AnswerLost] {
        faults.set("revoke", fault);
        let reply = revoke(&stage, &stage.shop, &issued.access).await;
        assert_oauth_refused(&reply, 503, "temporarily_unavailable");
        assert_eq!(reply.header("retry-after"), "1");
        assert_eq!(reply.text().contains("not known"), fault == Fault::AnswerLost, "{}", reply.text());
        // What may have been revoked is refused.
        let good = fault == Fault::Refuses;
        assert_eq!(stage.list(&issued.access).await.status(), if good { 200 } else { 401 });
    }
    faults.clear();
    assert_done(&revoke(&stage, &stage.shop, &issued.access).await);
    assert_refused(&stage.list(&issued.access).await, 401, "INVALID_TOKEN");
}

/// Longer than the token, or it would be good again; not much longer, or they would pile up.
#[tokio::test]
async fn a_revocation_is_kept_a_little_longer_than_its_token_is_accepted() {
    let stage = Stage::with(&[("TOLLGATE_TOKENS__EXP_LEEWAY", "30s")], |store| Arc::new(store)).await;
    let issued = stage.tokens(&stage.shop).await;
    assert_done(&revoke(&stage, &stage.shop, &issued.access).await);
    let kept = stage.elsewhere.revocations(stage.now()).await.unwrap();
    assert_eq!(kept.len(), 1);
    assert!(matches!(kept[0].subject, Revoked::Token(_)));
    assert_eq!(
        kept[0].expires_at,
        stage.now().after(Duration::from_secs(900 + 30).saturating_add(CLOCKS_DIFFER))
    );
    stage.advance(Duration::from_millis(929_999)).await;
    assert_refused(&stage.list(&issued.access).await, 401, "INVALID_TOKEN");
}

/// Of two that copy the revocations, add one and put them back at once, one must not lose the other's.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_revocations_at_once_none_is_lost() {
    let stage = Arc::new(Stage::open().await);
    let mut running = tokio::task::JoinSet::new();
    for _ in 0..1_000 {
        let stage = stage.clone();
        running.spawn(async move {
            let token = stage.tokens(&stage.shop).await.access;
            assert_done(&revoke(&stage, &stage.shop, &token).await);
            token
        });
    }
    for token in running.join_all().await {
        assert_refused(&stage.list(&token).await, 401, "INVALID_TOKEN");
    }
}
