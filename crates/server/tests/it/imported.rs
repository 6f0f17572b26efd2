//! Clients that bring their secrets along from another authority.

use std::time::Duration;

use serde_json::json;
use tokio::task::JoinSet;
use tollgate_admin::clients::{self, NewClient};
use tollgate_admin::imported::ImportedSecret;
use tollgate_core::ClientId;
use tollgate_store::{Record, RecordFilter, RecordOrder, Secret, Status, Terms};

use crate::call::{Call, TOKEN, assert_refused};
use crate::clock::ManualClock;
use crate::faults::{Fault, Faults};
use crate::stage::{ACT, Credentials, NOW, PEER, SYSTEM, Stage, answer};

/// A secret and its hashes, as other programs have made them.
const SECRET: &str = "a-client-secret-of-hydra";
const BCRYPT: &str = "$2b$04$Sh2MGIWw806iKiJ.2K5YaejQXiY8f9apN0hH8hMb0MoF66V1fRv8y";
const PBKDF2: &str =
    "$pbkdf2-sha256$i=1000,l=32$BwgJCgsMDQ4PEBESExQVFg$bCxdM2kVIrRgS/PK/3SDV0VnBNPfrXWlbpdzCfvlS6I";
const PBKDF2_512: &str = "$pbkdf2-sha512$i=1000,l=64$BwgJCgsMDQ4PEBESExQVFg$n1Vkvf7mEuvhQyd9tJSpQk6pKQz3DZlB0vEFgPps1kbkbmKsLeKG9LLcOLyHlmdvJ15jOt5KPeUA4NLvIj+xdA";

/// A client of the shop with secrets from elsewhere, which the server has not asked for yet.
async fn imported(stage: &Stage, secrets: &[&str]) -> Credentials {
    let secret = |text: &&str| match text.parse() {
        Ok(hash) => ImportedSecret::Hashed(hash),
        Err(_) => ImportedSecret::Known(text.parse().unwrap()),
    };
    let new = NewClient {
        id: None,
        merchant_id: Some(stage.merchant),
        name: "moved".parse().unwrap(),
        environment: None,
        scope: "payments:read".parse().unwrap(),
        addresses: Vec::new(),
        audiences: Vec::new(),
        terms: Terms::default(),
        secrets: secrets.iter().map(secret).collect(),
    };
    let admin = stage.installation.administration();
    let created = clients::create(&admin, new, &SYSTEM).await.unwrap();
    assert!(created.secret.is_none());
    stage.follow().await;
    let secret_id = created.client.secrets[0].id;
    Credentials { id: created.client.id, secret: SECRET.to_owned(), secret_id }
}

async fn kept(stage: &Stage, client: ClientId) -> Vec<Secret> {
    stage.elsewhere.client(client).await.unwrap().unwrap().secrets
}

/// The records of secrets that were hashed anew.
async fn rehashed(stage: &Stage) -> Vec<Record> {
    let wanted = RecordFilter { act: Some("secret.rehash".to_owned()), ..RecordFilter::default() };
    stage.elsewhere.records(&wanted, RecordOrder::OldestFirst, None, 100).await.unwrap()
}

fn grant(of: &Credentials) -> Call {
    Call::post(TOKEN).json(&of.body())
}

fn with_secret(of: &Credentials, secret: &str) -> Credentials {
    Credentials { secret: secret.to_owned(), ..of.clone() }
}

#[tokio::test]
async fn an_imported_secret_is_hashed_anew_when_it_is_first_used() {
    let stage = Stage::open().await;
    for (hash, name) in [(BCRYPT, "bcrypt"), (PBKDF2, "pbkdf2-sha256"), (PBKDF2_512, "pbkdf2-sha512")] {
        let client = imported(&stage, &[hash]).await;
        assert_eq!(kept(&stage, client.id).await[0].slow_hash.as_ref().unwrap().name(), name);
        let wrong = with_secret(&client, "a-client-secret-of-hydrb");
        assert_refused(&stage.answer(grant(&wrong)).await, 401, "INVALID_CLIENT");
        assert!(kept(&stage, client.id).await[0].slow_hash.is_some());
        let tokens = stage.tokens(&client).await;
        let secret = kept(&stage, client.id).await.remove(0);
        assert_eq!((secret.id, &secret.slow_hash), (client.secret_id, &None));
        let hasher = stage.installation.administration().unlocked.hasher();
        assert!(secret.hash.matches(&hasher.hash(client.id, SECRET.as_bytes())));
        let record = rehashed(&stage).await.pop().unwrap();
        assert_eq!((record.actor.as_str(), record.outcome.as_str()), ("system", "done"));
        assert_eq!((record.client_id, record.merchant_id), (Some(client.id), Some(stage.merchant)));
        assert_eq!(record.before, Some(format!("{{\"hashed_by\":\"{name}\"}}")));
        assert_eq!(record.after.as_deref(), Some("{\"hashed_by\":\"hmac-sha256\"}"));
        // The token names the secret, which is the same one still.
        stage.follow().await;
        assert_eq!(stage.refresh(&tokens.refresh).await.status(), 200);
        stage.tokens(&client).await;
        assert_refused(&stage.answer(grant(&wrong)).await, 401, "INVALID_CLIENT");
    }
    assert_eq!(rehashed(&stage).await.len(), 3);
}

#[tokio::test]
async fn a_secret_that_is_known_is_kept_by_its_keyed_hash_whatever_it_looks_like() {
    let stage = Stage::open().await;
    for secret in
        ["0123456789abcdef", "IEOHp0cJ7Xw4jv2kO9mA3zLq8RrTtYyU", "tg_live_mistyped", "with spaces & +%~!"]
    {
        let client = imported(&stage, &[secret]).await;
        assert_eq!(kept(&stage, client.id).await[0].slow_hash, None);
        stage.tokens(&with_secret(&client, secret)).await;
    }
    assert_eq!(rehashed(&stage).await, []);
}

#[tokio::test]
async fn a_client_can_bring_the_secret_that_follows_the_one_it_has() {
    let stage = Stage::open().await;
    let client = imported(&stage, &[BCRYPT, PBKDF2_512]).await;
    let next = "the-secret-that-is-to-follow";
    let another = imported(&stage, &[next, PBKDF2]).await;
    stage.tokens(&client).await;
    stage.tokens(&with_secret(&another, next)).await;
    stage.tokens(&another).await;
    let [first, second] = &*kept(&stage, another.id).await else { panic!("there are two") };
    assert!(first.slow_hash.is_none() && second.slow_hash.is_none());
    // Both are of the same secret: one has proved it, and the other is not asked.
    let slow = kept(&stage, client.id).await.iter().filter(|secret| secret.slow_hash.is_some()).count();
    assert_eq!(slow, 1);
}

#[tokio::test]
async fn what_is_known_of_the_old_authority_is_no_secret() {
    let stage = Stage::open().await;
    let client = imported(&stage, &[BCRYPT]).await;
    let (_, digest) = BCRYPT.split_at(29);
    for guess in [BCRYPT, digest, "", "a-client-secret-of-hydra\0", "a-client-secret-of-hydra "] {
        let status = stage.answer(grant(&with_secret(&client, guess))).await.status().as_u16();
        assert!([400, 401].contains(&status), "{guess:?} {status}");
    }
    assert_eq!(rehashed(&stage).await, []);
}

#[tokio::test]
async fn of_servers_that_see_the_first_use_at_once_one_hashes_the_secret_anew() {
    let stage = Stage::open().await;
    let client = imported(&stage, &[BCRYPT]).await;
    let mut nodes = [stage.node(ManualClock::at(NOW)).await, stage.node(ManualClock::at(NOW)).await];
    let [one, another] = &nodes;
    let (first, second, third) =
        tokio::join!(stage.answer(grant(&client)), one.grant(&client), another.grant(&client));
    assert_eq!([first.status(), second.status(), third.status()], [200; 3]);
    for node in &mut nodes {
        node.follow().await;
        node.tokens(&client).await;
    }
    stage.follow().await;
    stage.tokens(&client).await;
    assert_eq!(rehashed(&stage).await.len(), 1);
    assert_eq!(kept(&stage, client.id).await[0].slow_hash, None);
}

#[tokio::test(start_paused = true)]
async fn guesses_at_an_imported_secret_are_throttled_as_others_are() {
    let stage = Stage::open().await;
    let client = imported(&stage, &[BCRYPT]).await;
    let wrong = with_secret(&client, "wrong");
    for _ in 0..30 {
        assert_refused(&stage.answer(grant(&wrong)).await, 401, "INVALID_CLIENT");
    }
    for guess in [&wrong, &client] {
        assert_refused(&stage.answer(grant(guess)).await, 429, "TOO_MANY_REQUESTS");
    }
    assert_eq!(rehashed(&stage).await, []);
    let elsewhere = "203.0.113.9".parse().unwrap();
    assert_eq!(stage.answer_from(elsewhere, grant(&client)).await.status(), 200);
}

#[tokio::test]
async fn what_is_disabled_expired_or_revoked_is_refused_and_stays_as_it_is() {
    let mut stage = Stage::open().await;
    let [disabled, expired, revoked] = [
        imported(&stage, &[BCRYPT]).await,
        imported(&stage, &[BCRYPT]).await,
        imported(&stage, &[PBKDF2]).await,
    ];
    let (now, store) = (stage.now(), stage.elsewhere.clone());
    store.set_client_status(disabled.id, Status::Disabled, now, &ACT).await.unwrap();
    store.revoke_secret(revoked.id, revoked.secret_id, now, &ACT).await.unwrap();
    let (next, value) = stage.secret(expired.id, None);
    store.add_secret(expired.id, &next, Some(now), now, &ACT).await.unwrap();
    stage.follow().await;
    for client in [&disabled, &expired, &revoked] {
        assert_refused(&stage.answer(grant(client)).await, 401, "INVALID_CLIENT");
        assert!(kept(&stage, client.id).await.iter().any(|secret| secret.slow_hash.is_some()));
    }
    stage.tokens(&with_secret(&expired, &value)).await;
    store.set_client_status(disabled.id, Status::Enabled, now, &ACT).await.unwrap();
    stage.follow().await;
    stage.tokens(&disabled).await;
    assert_eq!(rehashed(&stage).await.len(), 1);
}

/// A slow hash that takes long enough for all of them to be there at once.
#[tokio::test]
async fn what_finds_no_room_for_its_slow_hash_comes_again_and_has_not_failed() {
    let stage = Stage::open().await;
    let client = imported(&stage, &["$2a$12$o6hx.Wog/wvFSkT/Bp/6DOxCtLRTDj7lm9on9suF/WaCGNVHbkfL6"]).await;
    let (client, wrong) = (with_secret(&client, "test"), with_secret(&client, "wrong"));
    assert_refused(&stage.answer(grant(&wrong)).await, 401, "INVALID_CLIENT");
    let computed = std::thread::available_parallelism().unwrap().get().div_ceil(2);
    let mut callers = JoinSet::new();
    for _ in 0..17 * computed + 40 {
        let (server, call) = (stage.server.clone(), grant(&client));
        callers.spawn(async move { answer(&server, PEER, call.whole()).await });
    }
    let answers = callers.join_all().await;
    let refused: Vec<_> = answers.iter().filter(|answer| answer.status() != 200).collect();
    assert!(refused.len() >= 40 && refused.len() < answers.len(), "{} of {}", refused.len(), answers.len());
    for answer in refused {
        assert_refused(answer, 503, "UNAVAILABLE");
        assert_eq!(answer.header("retry-after"), "1");
    }
    stage.tokens(&client).await;
    assert_eq!(rehashed(&stage).await.len(), 1);
}

/// A client has proved itself by what the server knows, and what it knows is fresh: it need not wait for a store that takes no writes.
#[tokio::test]
async fn a_client_authenticates_while_the_store_is_away_and_its_secret_is_hashed_anew_later() {
    for cut_off in [true, false] {
        let faults = Faults::default();
        let stage = Stage::with(&[], |store| faults.in_front_of(store)).await;
        let client = imported(&stage, &[BCRYPT]).await;
        let wrong = with_secret(&client, "wrong");
        assert_refused(&stage.answer(grant(&wrong)).await, 401, "INVALID_CLIENT");
        if cut_off {
            faults.cut_off(true);
        } else {
            faults.set("rehash_secret", Fault::Refuses);
        }
        stage.tokens(&client).await;
        stage.tokens(&client).await;
        let status = if cut_off { 503 } else { 401 };
        assert_eq!(
            stage.answer(grant(&wrong)).await.status(),
            status,
            "what may be news is not called wrong"
        );
        assert!(kept(&stage, client.id).await[0].slow_hash.is_some());
        faults.cut_off(false);
        faults.clear();
        stage.advance(Duration::from_secs(3_601)).await;
        stage.tokens(&client).await;
        assert_eq!(kept(&stage, client.id).await[0].slow_hash, None);
        assert_eq!(rehashed(&stage).await.len(), 1);
    }
}

/// An answer that is lost leaves the secret hashed anew, which the server learns from the change log.
#[tokio::test]
async fn a_lost_answer_of_the_store_costs_nobody_a_token() {
    let faults = Faults::default();
    let stage = Stage::with(&[], |store| faults.in_front_of(store)).await;
    let client = imported(&stage, &[BCRYPT]).await;
    faults.set("rehash_secret", Fault::AnswerLost);
    stage.tokens(&client).await;
    stage.follow().await;
    stage.tokens(&client).await;
    assert_eq!(rehashed(&stage).await.len(), 1);
    assert_refused(&stage.answer(grant(&with_secret(&client, "wrong"))).await, 401, "INVALID_CLIENT");
}

#[tokio::test]
async fn a_client_can_prove_itself_the_same_way_wherever_it_authenticates() {
    let stage = Stage::open().await;
    let client = imported(&stage, &[BCRYPT]).await;
    let introspect = Call::post("/oauth2/introspect").basic(&client.id.to_string(), SECRET).form("token=x");
    assert_eq!(stage.answer(introspect).await.json(), json!({"active": false}));
    assert_eq!(rehashed(&stage).await.len(), 1);
}
