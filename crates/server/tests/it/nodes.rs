//! Several servers on one store: what is changed on one counts on all, and one of them rotates the signing keys.

use std::time::Duration;

use tollgate_admin::key_times::others_retire_at;
use tollgate_admin::{NewKey, new_signing_key};
use tollgate_core::{Clock, KeyId, Timestamp};
use tollgate_installation::Rotation;
use tollgate_store::{CLOCKS_DIFFER, SigningKey, Status};

use crate::call::{Reply, assert_refused};
use crate::clock::ManualClock;
use crate::stage::{ACT, Credentials, NOW, Node, Stage, Tokens, master_key};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(60 * 60);

/// Keys that sign for an hour, and tokens that are short enough for several of them.
const HOURLY: &[(&str, &str)] = &[
    ("TOLLGATE_KEYS__ROTATION", "1h"),
    ("TOLLGATE_TOKENS__REFRESH_TTL", "30m"),
    ("TOLLGATE_TOKENS__ACCESS_TTL", "10m"),
];

async fn stage(settings: &[(&str, &str)]) -> Stage {
    Stage::with(settings, |store| std::sync::Arc::new(store)).await
}

/// A server whose clock shows the stage's time and `ahead`.
async fn node(stage: &Stage, ahead: Duration) -> Node {
    stage.node(ManualClock::at(stage.now().after(ahead))).await
}

/// Tokens with the time at which they were issued.
struct Issued {
    at: Timestamp,
    tokens: Tokens,
}

async fn assert_good_everywhere(nodes: [&Node; 2], issued: &[Issued], now: Timestamp) {
    for Issued { at, tokens } in issued {
        let age = now.since(*at);
        for node in nodes {
            assert_eq!(node.refresh(&tokens.refresh).await.status(), 200, "{age:?}");
            if age < Duration::from_secs(10 * 60 - 3) {
                assert_eq!(node.list(&tokens.access).await.status(), 200, "{age:?}");
            }
        }
    }
}

async fn keys(stage: &Stage) -> Vec<SigningKey> {
    stage.elsewhere.signing_keys().await.unwrap()
}

/// Two servers, one of which reads the store as seldom as it may and has a clock that is 3 s ahead, through four keys.
/// Every token of each is good on both until its end, and neither ever says that it can't tell.
#[tokio::test]
async fn keys_rotate_by_one_elected_server_without_one_false_refusal() {
    let stage = stage(HOURLY).await;
    let (mut prompt, mut lagging) = (node(&stage, Duration::ZERO).await, node(&stage, 3 * SECOND).await);
    let mut issued: Vec<Issued> = Vec::new();
    let mut elected = Vec::new();
    for minute in 0..200 {
        // The one that was elected first is gone from the middle on.
        if minute < 90 {
            prompt.rotation.step().await.unwrap();
        }
        lagging.rotation.step().await.unwrap();
        let rotating =
            [minute < 90 && prompt.installation.rotates_keys(), lagging.installation.rotates_keys()];
        elected.push(rotating);
        for (pause, lagging_follows) in [(59 * SECOND, false), (SECOND, true)] {
            for clock in [&stage.clock, &prompt.clock, &lagging.clock] {
                clock.advance(pause);
            }
            prompt.follow().await;
            if lagging_follows {
                lagging.follow().await;
            }
            let now = stage.now();
            issued.retain(|Issued { at, .. }| now.since(*at) < Duration::from_secs(30 * 60 - 3));
            for node in [&prompt, &lagging] {
                issued.push(Issued { at: now, tokens: node.tokens(&stage.shop).await });
            }
            // The newest on both at every step, all of them every few minutes.
            let from = if minute % 5 == 0 { 0 } else { issued.len() - 8.min(issued.len()) };
            assert_good_everywhere([&prompt, &lagging], &issued[from..], now).await;
        }
    }
    assert!(elected.iter().all(|[one, other]| !(one & other)), "{elected:?}");
    assert_eq!((elected[0], elected[80]), ([true, false], [true, false]));
    assert!(elected[92..].iter().all(|elected| *elected == [false, true]), "{elected:?}");

    let activations: Vec<_> = keys(&stage).await.iter().map(|key| key.activates_at).collect();
    let lives: Vec<_> = activations.windows(2).map(|pair| pair[1].since(pair[0])).collect();
    assert_eq!(lives.len(), 3);
    assert!(lives.iter().all(|life| (HOUR..HOUR + MINUTE).contains(life)), "{lives:?}");
}

#[tokio::test]
async fn a_new_key_is_known_for_longer_than_a_server_answers_that_may_not_know_it() {
    let stage = stage(HOURLY).await;
    let node = node(&stage, Duration::from_secs(3600 - 120 - 21)).await;
    node.rotation.step().await.unwrap();
    assert_eq!(keys(&stage).await.len(), 1, "it is too early");
    node.clock.advance(SECOND);
    node.rotation.step().await.unwrap();
    let [old, new] = keys(&stage).await.try_into().unwrap();
    assert_eq!(new.created_at, node.clock.now());
    assert_eq!(new.activates_at, old.activates_at.after(HOUR));
    assert!(new.activates_at.since(new.created_at) >= 2 * MINUTE);
    // The last token that a server issues with the old key that has not heard of the new one, and clocks that differ.
    assert_eq!(old.retires_at, Some(new.activates_at.after(MINUTE + 30 * MINUTE + CLOCKS_DIFFER)));
}

/// A server that was off while the time came does not make others miss the new key.
#[tokio::test]
async fn a_key_that_is_overdue_is_followed_by_one_that_all_know_first() {
    let stage = stage(HOURLY).await;
    stage.advance(30 * HOUR).await;
    let node = node(&stage, Duration::ZERO).await;
    node.rotation.step().await.unwrap();
    let keys = keys(&stage).await;
    assert_eq!(keys[1].activates_at, stage.now().after(2 * MINUTE));
    node.rotation.step().await.unwrap();
    assert_eq!(self::keys(&stage).await.len(), 2);
}

/// Of two whose clocks differ by more than the term, each is elected by its own.
#[tokio::test]
async fn two_servers_that_both_believe_they_are_elected_add_one_key() {
    let stage = stage(HOURLY).await;
    let (one, ahead) = (node(&stage, Duration::ZERO).await, node(&stage, 5 * MINUTE).await);
    for _ in 0..70 {
        let (first, second) = tokio::join!(one.rotation.step(), ahead.rotation.step());
        first.and(second).unwrap();
        for clock in [&one.clock, &ahead.clock] {
            clock.advance(MINUTE);
        }
    }
    assert!(ahead.installation.rotates_keys());
    let activations: Vec<_> = keys(&stage).await.iter().map(|key| key.activates_at.since(NOW)).collect();
    assert_eq!(activations, [Duration::ZERO, HOUR]);
}

#[tokio::test]
async fn what_two_servers_add_at_once_is_one_key() {
    let stage = stage(HOURLY).await;
    stage.advance(2 * HOUR).await;
    let nodes = [node(&stage, Duration::ZERO).await, node(&stage, 5 * MINUTE).await];
    for _ in 0..10 {
        let (one, other) = tokio::join!(nodes[0].rotation.step(), nodes[1].rotation.step());
        one.and(other).unwrap();
    }
    assert_eq!(keys(&stage).await.len(), 2);
}

#[tokio::test]
async fn a_server_that_ends_lets_another_one_take_over_at_once() {
    let stage = stage(HOURLY).await;
    let (one, other) = (node(&stage, Duration::ZERO).await, node(&stage, Duration::ZERO).await);
    let elected = |node: &Node| node.installation.rotates_keys();
    one.rotation.step().await.unwrap();
    other.rotation.step().await.unwrap();
    assert!(elected(&one) && !elected(&other));
    one.rotation.stop_leading().await.unwrap();
    other.rotation.step().await.unwrap();
    assert!(!elected(&one) && elected(&other));
}

#[tokio::test]
async fn without_rotation_no_key_is_added() {
    let stage = stage(&[("TOLLGATE_KEYS__ROTATION", "0s")]).await;
    stage.advance(10_000 * HOUR).await;
    let rotation = Rotation::new(node(&stage, Duration::ZERO).await.installation);
    rotation.step().await.unwrap();
    assert_eq!(keys(&stage).await.len(), 1);
}

/// By hand, at the same time as a server does.
#[tokio::test]
async fn a_rotation_by_hand_counts_as_the_one_that_was_due() {
    let stage = stage(HOURLY).await;
    stage.advance(HOUR).await;
    let node = node(&stage, Duration::ZERO).await;
    let by_hand = rotate_by_hand(&stage, stage.now().after(5 * SECOND)).await;
    node.rotation.step().await.unwrap();
    let keys = keys(&stage).await;
    assert_eq!(keys.iter().map(|key| key.id).collect::<Vec<_>>()[1..], [by_hand]);
    for clock in [&stage.clock, &node.clock] {
        clock.advance(HOUR);
    }
    node.rotation.step().await.unwrap();
    let keys = self::keys(&stage).await;
    assert_eq!((keys.len(), keys[2].activates_at), (3, node.clock.now().after(2 * MINUTE)));
}

/// A key that is added by hand signs after five seconds. A server that has not read of it by then doesn't call its
/// signatures wrong: it says that it can't tell.
#[tokio::test]
async fn a_server_that_lags_calls_no_signature_of_a_new_key_wrong() {
    let stage = stage(&[]).await;
    let (mut prompt, mut lagging) = (node(&stage, Duration::ZERO).await, node(&stage, Duration::ZERO).await);
    let old = lagging.tokens(&stage.shop).await;
    rotate_by_hand(&stage, stage.now().after(5 * SECOND)).await;
    for clock in [&stage.clock, &prompt.clock, &lagging.clock] {
        clock.advance(5 * SECOND);
    }
    prompt.follow().await;
    let new = prompt.tokens(&stage.shop).await;
    for reply in [lagging.list(&new.access).await, lagging.refresh(&new.refresh).await] {
        assert_refused(&reply, 503, "UNAVAILABLE");
        assert_eq!(reply.header("retry-after"), "1");
    }
    for tokens in [&old, &lagging.tokens(&stage.shop).await] {
        assert_good(&lagging, tokens).await;
        assert_good(&prompt, tokens).await;
    }
    lagging.follow().await;
    assert_good(&lagging, &new).await;
    assert_refused(&lagging.list(&format!("{}x", new.access)).await, 401, "INVALID_TOKEN");
}

/// Each kind of change, on a server that has read the log once since. A moment before it acts as before.
#[tokio::test]
async fn what_ends_tokens_counts_on_another_server_once_it_has_read_the_log() {
    let mut stage = stage(&[]).await;
    let mut other = node(&stage, Duration::ZERO).await;
    let now = stage.now();
    let store = stage.elsewhere.clone();
    let (shop, rival) = (stage.shop.clone(), stage.rival.clone());

    let (secret, value) = stage.secret(shop.id, None);
    let new = Credentials { id: shop.id, secret: value, secret_id: secret.id };
    other.tokens(&shop).await;
    store.add_secret(shop.id, &secret, None, now, &ACT).await.unwrap();
    let of_new = other.tokens(&new).await;

    let of_old = other.tokens(&shop).await;
    store.revoke_secret(shop.id, shop.secret_id, now, &ACT).await.unwrap();
    assert_good(&other, &of_old).await;
    other.follow().await;
    assert_ended(&other, &of_old).await;
    assert_refused(&other.grant(&shop).await, 401, "INVALID_CLIENT");
    assert_good(&other, &of_new).await;

    let of_rival = other.tokens(&rival).await;
    store.set_client_status(rival.id, Status::Disabled, now, &ACT).await.unwrap();
    assert_good(&other, &of_rival).await;
    other.follow().await;
    assert_ended(&other, &of_rival).await;
    assert_refused(&other.grant(&rival).await, 401, "INVALID_CLIENT");

    store.set_client_status(rival.id, Status::Enabled, now, &ACT).await.unwrap();
    other.tokens(&rival).await;

    // One that signs sooner than a server need have read of it, or there would be nothing to see.
    rotate_by_hand(&stage, now.after(SECOND)).await;
    stage.advance(SECOND).await;
    other.clock.advance(SECOND);
    let of_new_key = stage.tokens(&new).await;
    assert_refused(&other.list(&of_new_key.access).await, 401, "INVALID_TOKEN");
    other.follow().await;
    assert_good(&other, &of_new_key).await;
    assert_good(&other, &of_new).await;
}

async fn rotate_by_hand(stage: &Stage, activates_at: Timestamp) -> KeyId {
    let key = new_signing_key(&master_key(), NewKey::hs256(stage.now(), activates_at)).await.unwrap();
    let longest = stage.config.longest_lifetime();
    let retire_at = others_retire_at(&stage.config, activates_at, longest);
    stage.elsewhere.add_signing_key(&key, retire_at, &ACT).await.unwrap();
    key.id
}

async fn assert_good(node: &Node, tokens: &Tokens) {
    let replies: [Reply; 2] = [node.list(&tokens.access).await, node.refresh(&tokens.refresh).await];
    for reply in replies {
        assert_eq!(reply.status(), 200, "{}", reply.text());
    }
}

async fn assert_ended(node: &Node, tokens: &Tokens) {
    assert_refused(&node.list(&tokens.access).await, 401, "INVALID_TOKEN");
    assert_refused(&node.refresh(&tokens.refresh).await, 401, "INVALID_TOKEN");
}
