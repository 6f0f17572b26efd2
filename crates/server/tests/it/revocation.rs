//! Revocation: what another process wrote counts on the very next request after the change log was read.

use std::sync::Arc;
use std::time::Duration;

use tollgate_core::{Revocation, Revoked, TokenId};
use tollgate_store::Status;

use crate::call::{Call, TOKEN, assert_refused, claims};
use crate::clock::ManualClock;
use crate::stage::{ACT, NOW, Stage, Tokens, master_key};

async fn assert_good(stage: &Stage, tokens: &Tokens) {
    assert_eq!(stage.list(&tokens.access).await.status(), 200);
    assert_eq!(stage.refresh(&tokens.refresh).await.status(), 200);
}

async fn assert_ended(stage: &Stage, tokens: &Tokens) {
    assert_refused(&stage.list(&tokens.access).await, 401, "INVALID_TOKEN");
    assert_refused(&stage.refresh(&tokens.refresh).await, 401, "INVALID_TOKEN");
}

#[tokio::test]
async fn a_disabled_clients_tokens_end_and_no_other_clients() {
    let mut stage = Stage::open().await;
    let colleague = stage.client(stage.kind()).await;
    let (shop, colleagues) = (stage.tokens(&stage.shop).await, stage.tokens(&colleague).await);
    let now = stage.now();
    stage.elsewhere.set_client_status(stage.shop.id, Status::Disabled, now, &ACT).await.unwrap();
    stage.follow().await;
    assert_ended(&stage, &shop).await;
    assert_good(&stage, &colleagues).await;
    let reply = stage.answer(Call::post(TOKEN).json(&stage.shop.body())).await;
    assert_refused(&reply, 401, "INVALID_CLIENT");
}

#[tokio::test]
async fn disabled_and_enabled_within_a_second_the_client_gets_tokens_that_work() {
    let stage = Stage::open().await;
    let old = stage.tokens(&stage.shop).await;
    stage.advance(Duration::from_millis(100)).await;
    let now = stage.now();
    let store = stage.elsewhere.clone();
    store.set_client_status(stage.shop.id, Status::Disabled, now, &ACT).await.unwrap();
    store.set_client_status(stage.shop.id, Status::Enabled, now, &ACT).await.unwrap();
    stage.follow().await;
    let new = stage.tokens(&stage.shop).await;
    assert_good(&stage, &new).await;
    assert_ended(&stage, &old).await;
    let exp = claims(&new.access)["exp"].as_u64().unwrap();
    assert_eq!(exp - claims(&new.access)["iat"].as_u64().unwrap(), 900);

    let access = stage.refresh(&new.refresh).await.data();
    assert_eq!(stage.list(access["access_token"].as_str().unwrap()).await.status(), 200);
    for _ in 0..3 {
        stage.advance(Duration::from_secs(1)).await;
        assert_good(&stage, &new).await;
        assert_ended(&stage, &old).await;
        let newer = stage.tokens(&stage.shop).await;
        assert_good(&stage, &newer).await;
    }
}

#[tokio::test]
async fn a_deleted_clients_tokens_end_for_good() {
    let stage = Stage::open().await;
    let tokens = stage.tokens(&stage.shop).await;
    let now = stage.now();
    assert!(stage.elsewhere.delete_client(stage.shop.id, None, now, &ACT).await.unwrap());
    // Not having heard of it, the server still issues; what it issues ends as well.
    stage.clock.advance(Duration::from_secs(1));
    let late = stage.tokens(&stage.shop).await;
    stage.follow().await;
    assert_ended(&stage, &tokens).await;
    assert_ended(&stage, &late).await;
    let reply = stage.answer(Call::post(TOKEN).json(&stage.shop.body())).await;
    assert_refused(&reply, 401, "INVALID_CLIENT");
}

#[tokio::test]
async fn a_disabled_merchants_clients_all_end_until_it_is_enabled() {
    let mut stage = Stage::open().await;
    let colleague = stage.client(stage.kind()).await;
    let mut ended = Vec::new();
    for client in [&stage.shop, &colleague] {
        ended.push(stage.tokens(client).await);
    }
    let rivals = stage.tokens(&stage.rival).await;
    let now = stage.now();
    let store = stage.elsewhere.clone();
    store.set_merchant_status(stage.merchant, Status::Disabled, now, &ACT).await.unwrap();
    stage.follow().await;
    for tokens in &ended {
        assert_ended(&stage, tokens).await;
    }
    assert_good(&stage, &rivals).await;
    let reply = stage.answer(Call::post(TOKEN).json(&stage.shop.body())).await;
    assert_refused(&reply, 401, "INVALID_CLIENT");

    store.set_merchant_status(stage.merchant, Status::Enabled, now, &ACT).await.unwrap();
    stage.follow().await;
    let new = stage.tokens(&stage.shop).await;
    assert_good(&stage, &new).await;
    for tokens in &ended {
        assert_ended(&stage, tokens).await;
    }
}

#[tokio::test]
async fn a_rotated_secret_works_until_it_expires_and_the_new_one_at_once() {
    let mut stage = Stage::open().await;
    let old = stage.shop.clone();
    let (secret, value) = stage.secret(old.id, None);
    let mut new = old.clone();
    (new.secret, new.secret_id) = (value, secret.id);
    let expiry = stage.now().after(Duration::from_secs(60));
    let now = stage.now();
    assert!(stage.elsewhere.add_secret(old.id, &secret, Some(expiry), now, &ACT).await.unwrap());
    stage.follow().await;

    let of_old = stage.tokens(&old).await;
    let of_new = stage.tokens(&new).await;
    stage.advance(Duration::from_millis(59_999)).await;
    stage.tokens(&old).await;
    assert_good(&stage, &of_old).await;
    stage.advance(Duration::from_millis(1)).await;
    let reply = stage.answer(Call::post(TOKEN).json(&old.body())).await;
    assert_refused(&reply, 401, "INVALID_CLIENT");
    assert_refused(&stage.refresh(&of_old.refresh).await, 401, "INVALID_TOKEN");
    // What was issued while the secret was good lives out its 15 minutes.
    assert_eq!(stage.list(&of_old.access).await.status(), 200);
    assert_good(&stage, &of_new).await;
    stage.tokens(&new).await;
}

#[tokio::test]
async fn a_revoked_secret_takes_its_tokens_along_and_no_others() {
    let mut stage = Stage::open().await;
    let old = stage.shop.clone();
    let (secret, value) = stage.secret(old.id, None);
    let mut new = old.clone();
    (new.secret, new.secret_id) = (value, secret.id);
    let now = stage.now();
    stage.elsewhere.add_secret(old.id, &secret, None, now, &ACT).await.unwrap();
    stage.follow().await;
    let (of_old, of_new) = (stage.tokens(&old).await, stage.tokens(&new).await);
    let refreshed = stage.refresh(&of_old.refresh).await.data();

    assert!(stage.elsewhere.revoke_secret(old.id, old.secret_id, now, &ACT).await.unwrap());
    stage.follow().await;
    assert_ended(&stage, &of_old).await;
    assert_refused(&stage.list(refreshed["access_token"].as_str().unwrap()).await, 401, "INVALID_TOKEN");
    assert_good(&stage, &of_new).await;
    let reply = stage.answer(Call::post(TOKEN).json(&old.body())).await;
    assert_refused(&reply, 401, "INVALID_CLIENT");
    stage.tokens(&new).await;
}

#[tokio::test]
async fn a_single_token_can_be_ended() {
    let stage = Stage::open().await;
    let (one, other) = (stage.tokens(&stage.shop).await, stage.tokens(&stage.shop).await);
    for token in [&one.access, &one.refresh] {
        let jti = claims(token)["jti"].as_str().unwrap().to_owned();
        let id = {
            use base64::Engine;
            let bytes = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(jti).unwrap();
            TokenId::from_bytes(bytes.try_into().unwrap())
        };
        let revocation = Revocation {
            subject: Revoked::Token(id),
            expires_at: stage.now().after(Duration::from_secs(86_400)),
        };
        stage.elsewhere.revoke(&revocation, stage.now(), &ACT).await.unwrap();
    }
    stage.follow().await;
    assert_ended(&stage, &one).await;
    assert_good(&stage, &other).await;
}

#[tokio::test]
async fn what_was_revoked_stays_so_when_the_server_starts_again() {
    let stage = Stage::open().await;
    let (tokens, rivals) = (stage.tokens(&stage.shop).await, stage.tokens(&stage.rival).await);
    let now = stage.now();
    let (id, secret) = (stage.shop.id, stage.shop.secret_id);
    stage.elsewhere.revoke_secret(id, secret, now, &ACT).await.unwrap();
    stage.follow().await;
    let stage = stage.restarted().await;
    assert_ended(&stage, &tokens).await;
    assert_good(&stage, &rivals).await;
}

#[tokio::test]
async fn a_client_that_was_unknown_is_found_once_it_is_created() {
    let mut stage = Stage::open().await;
    // The server has looked for it before.
    let mut later = stage.shop.clone();
    later.id = "0191e0a1-5c3b-4def-8123-456789abcdef".parse().unwrap();
    let reply = stage.answer(Call::post(TOKEN).json(&later.body())).await;
    assert_refused(&reply, 401, "INVALID_CLIENT");
    let created = stage.client(stage.kind()).await;
    stage.tokens(&created).await;
}

/// A server that is cut off from the store goes on for a while: by what it issues then nobody gains more than that.
#[tokio::test]
async fn what_a_cut_off_server_issues_to_a_disabled_client_is_refused_by_all_others() {
    let stage = Stage::open().await;
    let mut cut_off = stage.node(ManualClock::at(stage.now())).await;
    for merchant in [false, true] {
        let store = stage.elsewhere.clone();
        let (now, id) = (stage.now(), stage.shop.id);
        let set = async |status| {
            if merchant {
                store.set_merchant_status(stage.merchant, status, now, &ACT).await.unwrap();
            } else {
                store.set_client_status(id, status, now, &ACT).await.unwrap();
            }
        };
        cut_off.tokens(&stage.shop).await;
        set(Status::Disabled).await;
        stage.follow().await;
        for _ in 0..30 {
            stage.clock.advance(Duration::from_secs(1));
            cut_off.clock.advance(Duration::from_secs(1));
            stage.follow().await;
            let late = cut_off.tokens(&stage.shop).await;
            assert_ended(&stage, &late).await;
        }
        let late = cut_off.tokens(&stage.shop).await;
        set(Status::Enabled).await;
        stage.follow().await;
        assert_ended(&stage, &late).await;
        cut_off.follow().await;
        assert_refused(&cut_off.list(&late.access).await, 401, "INVALID_TOKEN");
        assert_refused(&cut_off.refresh(&late.refresh).await, 401, "INVALID_TOKEN");
        let new = stage.tokens(&stage.shop).await;
        assert_good(&stage, &new).await;
        assert_eq!(cut_off.list(&new.access).await.status(), 200);
        assert_eq!(cut_off.refresh(&new.refresh).await.status(), 200);
    }
}

#[tokio::test]
async fn a_client_that_was_enabled_gets_tokens_that_are_good_on_servers_that_have_not_heard_of_it() {
    let stage = Stage::open().await;
    let mut other = stage.node(ManualClock::at(stage.now())).await;
    let store = stage.elsewhere.clone();
    store.set_client_status(stage.shop.id, Status::Disabled, stage.now(), &ACT).await.unwrap();
    stage.follow().await;
    other.follow().await;
    store.set_client_status(stage.shop.id, Status::Enabled, stage.now(), &ACT).await.unwrap();
    stage.follow().await;
    let new = stage.tokens(&stage.shop).await;
    assert_eq!(other.list(&new.access).await.status(), 200);
}

/// Whoever gives an order has a clock of its own, and none of it counts.
#[tokio::test]
async fn an_order_is_obeyed_whatever_clock_it_was_given_by() {
    let day = Duration::from_secs(24 * 60 * 60);
    for orders_at in [
        NOW.before(day),
        NOW.before(Duration::from_secs(2)),
        NOW.after(Duration::from_secs(40)),
        NOW.after(day),
    ] {
        let mut stage = Stage::open().await;
        let store = stage.elsewhere.clone();
        let deleted = stage.client(stage.kind()).await;
        let (shop, rival, gone) =
            (stage.tokens(&stage.shop).await, stage.tokens(&stage.rival).await, stage.tokens(&deleted).await);
        store.set_client_status(stage.shop.id, Status::Disabled, orders_at, &ACT).await.unwrap();
        store.set_merchant_status(stage.rival_merchant, Status::Disabled, orders_at, &ACT).await.unwrap();
        store.delete_client(deleted.id, None, orders_at, &ACT).await.unwrap();
        for _ in 0..15 {
            for tokens in [&shop, &rival, &gone] {
                stage.follow().await;
                assert_ended(&stage, tokens).await;
            }
            stage.advance(Duration::from_secs(59)).await;
            stage.purge().await;
        }
        store.set_client_status(stage.shop.id, Status::Enabled, orders_at, &ACT).await.unwrap();
        stage.follow().await;
        let new = stage.tokens(&stage.shop).await;
        assert_good(&stage, &new).await;
    }
}

#[tokio::test]
async fn a_compromised_key_ends_at_once_whatever_clock_the_order_was_given_by() {
    let day = Duration::from_secs(24 * 60 * 60);
    for orders_at in [NOW.before(day), NOW, NOW.after(day)] {
        let stage = Stage::open().await;
        let old = stage.tokens(&stage.shop).await;
        let key = tollgate_admin::new_signing_key(
            &master_key(),
            tollgate_admin::NewKey::hs256(orders_at, orders_at),
        )
        .await
        .unwrap();
        stage.elsewhere.replace_signing_keys(&key, &ACT).await.unwrap();
        stage.follow().await;
        assert_ended(&stage, &old).await;
        let new = stage.tokens(&stage.shop).await;
        assert_good(&stage, &new).await;
        let stage = stage.restarted().await;
        assert_ended(&stage, &old).await;
        assert_good(&stage, &new).await;
    }
}

/// What ends a token is kept for as long as it may live, which the store knows: not for the lifetime that is configured
/// later.
#[tokio::test]
async fn a_shorter_lifetime_later_revives_no_token() {
    let mut stage = Stage::with(&[("TOLLGATE_TOKENS__ACCESS_TTL", "1h")], |store| Arc::new(store)).await;
    let deleted = stage.client(stage.kind()).await;
    let (shop, gone) = (stage.tokens(&stage.shop).await, stage.tokens(&deleted).await);
    stage.config.tokens.access_ttl = Duration::from_secs(60);
    stage.config.tokens.refresh_ttl = Duration::from_secs(120);
    stage.installation.leave().await;
    let stage = stage.restarted().await;
    assert_good(&stage, &shop).await;
    stage.elsewhere.set_client_status(stage.shop.id, Status::Disabled, stage.now(), &ACT).await.unwrap();
    stage.elsewhere.delete_client(deleted.id, None, stage.now(), &ACT).await.unwrap();
    for _ in 0..60 {
        stage.advance(Duration::from_secs(59)).await;
        stage.purge().await;
        assert_ended(&stage, &shop).await;
        assert_ended(&stage, &gone).await;
    }
}

/// A clock that runs two days ahead for a while must not delete what is still needed once it is right again.
#[tokio::test]
async fn a_clock_that_runs_ahead_deletes_no_revocation() {
    let mut stage = Stage::open().await;
    let deleted = stage.client(stage.kind()).await;
    let (shop, gone) = (stage.tokens(&stage.shop).await, stage.tokens(&deleted).await);
    stage.elsewhere.set_client_status(stage.shop.id, Status::Disabled, stage.now(), &ACT).await.unwrap();
    stage.elsewhere.delete_client(deleted.id, None, stage.now(), &ACT).await.unwrap();
    stage.follow().await;
    let right = stage.now();
    stage.clock.set(right.after(Duration::from_secs(2 * 24 * 60 * 60)));
    stage.purge().await;
    // Restarted with the wrong clock, too.
    let stage = stage.restarted().await;
    stage.purge().await;
    stage.clock.set(right);
    stage.follow().await;
    assert_ended(&stage, &shop).await;
    assert_ended(&stage, &gone).await;
    let stage = stage.restarted().await;
    assert_ended(&stage, &shop).await;
    assert_ended(&stage, &gone).await;
    assert_ne!(stage.elsewhere.revocations(right).await.unwrap(), []);
    // Once the time has passed for certain, it goes.
    stage.advance(Duration::from_secs(26 * 60 * 60)).await;
    stage.purge().await;
    assert_eq!(stage.elsewhere.revocations(right).await.unwrap(), []);
}
