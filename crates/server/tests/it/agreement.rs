//! Servers on one store that are configured otherwise than the others: they neither issue nor refuse, until all agree.

use std::time::Duration;

use tollgate_core::Timestamp;
use tollgate_server::admin::{Administration, configuration};
use tollgate_server::config::Config;
use tollgate_server::{ROLLOUT, Unlocked, Watcher};
use tollgate_store::{RunningServer, Sqlite};

use crate::call::{Call, INTROSPECT, TOKEN, assert_refused};
use crate::faults::Faults;
use crate::oauth::{post_as, said};
use crate::stage::{ManualClock, Node, SYSTEM, Stage, Tokens, create, master_key};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(60 * 60);

/// Each thing that servers must agree on, with another value than the default.
type Settings = &'static [(&'static str, &'static str)];
const OTHERS: [(Settings, &str); 4] = [
    (&[("TOLLGATE_TOKENS__AUDIENCE", "other-api")], "tokens.audience is other-api here and payment-api"),
    (
        &[("TOLLGATE_PUBLIC_URL", "http://127.0.0.1:9999")],
        "public_url is http://127.0.0.1:9999 here and http",
    ),
    (&[("TOLLGATE_TOKENS__ACCESS_TTL", "5m")], "tokens.access_ttl is 5m here and 15m"),
    (&[("TOLLGATE_TOKENS__REFRESH_TTL", "1h")], "tokens.refresh_ttl is 1h here and 1day"),
];

/// What changes what tokens say, and how long they last.
const NEW: Settings = &[
    ("TOLLGATE_TOKENS__AUDIENCE", "other-api"),
    ("TOLLGATE_PUBLIC_URL", "https://core.example.com"),
    ("TOLLGATE_TOKENS__ACCESS_TTL", "5m"),
];

fn config(stage: &Stage, settings: Settings) -> Config {
    let folder = stage.path();
    let listen = "127.0.0.1:8080".parse().unwrap();
    Config::dev(listen, folder.parent().unwrap(), settings.iter().copied()).unwrap()
}

async fn node(stage: &Stage, settings: Settings) -> Node {
    stage.node_with(&config(stage, settings), stage.clock.clone()).await
}

/// Lets the operator have a configuration adopted.
async fn adopt_by_hand(stage: &Stage, settings: Settings) {
    let (config, clock) = (config(stage, settings), Faults::default());
    clock.set_clock(stage.now());
    let store = clock.in_front_of(Sqlite::open_existing(&stage.path()).unwrap());
    let unlocked = Unlocked::new(store.as_ref(), master_key().into()).await.unwrap();
    let admin = Administration { store: store.as_ref(), unlocked: &unlocked, config: &config };
    assert!(configuration::adopt(&admin, "the operator", &SYSTEM).await.unwrap().is_some());
}

async fn agree(node: &Node) {
    Watcher::new(node.installation.clone()).agree().await;
}

async fn ready(node: &Node) -> (u16, String) {
    let reply = node.answer(Call::get("/readyz")).await;
    (reply.status().as_u16(), reply.text().to_owned())
}

async fn assert_good(node: &Node, tokens: &Tokens) {
    for reply in [node.list(&tokens.access).await, node.refresh(&tokens.refresh).await] {
        assert_eq!(reply.status(), 200, "{}", reply.text());
    }
}

/// It says nothing of any client or token, and in `/readyz` why.
async fn assert_suspended(node: &Node, stage: &Stage, tokens: &Tokens, why: &str) {
    let mut wrong = stage.shop.body();
    wrong["client_secret"] = "wrong".into();
    for reply in [
        node.grant(&stage.shop).await,
        node.answer(Call::post(TOKEN).json(&wrong)).await,
        node.list(&tokens.access).await,
        node.refresh(&tokens.refresh).await,
        node.answer(create(&tokens.access)).await,
    ] {
        assert_refused(&reply, 503, "UNAVAILABLE");
        assert_eq!(reply.header("retry-after"), "1");
    }
    let (status, text) = ready(node).await;
    assert!(status == 503 && text.contains(why), "{status} {text}");
}

#[tokio::test]
async fn a_server_that_is_configured_otherwise_than_those_that_run_never_serves_and_says_how() {
    for (settings, difference) in OTHERS {
        let stage = Stage::open().await;
        let one = node(&stage, &[]).await;
        let tokens = one.tokens(&stage.shop).await;
        let mut other = node(&stage, settings).await;
        for _ in 0..3 {
            assert_suspended(&other, &stage, &tokens, difference).await;
            assert!(ready(&other).await.1.contains("tollgate config adopt"));
            // What it reads of the log, and that time passes, changes nothing.
            stage.advance(SECOND).await;
            other.follow().await;
            agree(&other).await;
        }
        assert_good(&one, &tokens).await;
        assert_eq!(ready(&one).await.0, 200);
    }
}

/// Nor when the others pause: they would find its configuration in force when they are back.
#[tokio::test]
async fn a_server_that_came_to_others_does_not_have_its_configuration_adopted_when_they_end() {
    let stage = Stage::open().await;
    let tokens = stage.tokens(&stage.shop).await;
    let intruder = node(&stage, NEW).await;
    stage.installation.leave().await;
    for _ in 0..20 {
        stage.advance(10 * SECOND).await;
        agree(&intruder).await;
    }
    assert_suspended(&intruder, &stage, &tokens, "tokens.audience is other-api here").await;
    let back = node(&stage, &[]).await;
    assert_good(&back, &tokens).await;
}

/// An operator who edits the configuration of the only server and restarts it need know nothing of agreements.
#[tokio::test]
async fn a_lone_server_starts_with_whatever_it_is_configured_to_and_its_former_tokens_stay_good() {
    for settings in OTHERS.iter().map(|(settings, _)| *settings).chain([NEW]) {
        let stage = Stage::open().await;
        let former = stage.tokens(&stage.shop).await;
        stage.installation.leave().await;
        let changed = node(&stage, settings).await;
        assert_eq!(ready(&changed).await.0, 200);
        let latter = changed.tokens(&stage.shop).await;
        for tokens in [&former, &latter] {
            assert_good(&changed, tokens).await;
        }
        // And back.
        changed.installation.leave().await;
        let back = node(&stage, &[]).await;
        assert_eq!(ready(&back).await.0, 200);
        for tokens in [&former, &latter] {
            assert_good(&back, tokens).await;
        }
    }
}

/// Another row like that of the stage's server, of a process that is recorded so.
async fn silent(stage: &Stage, process: impl Fn(&str) -> String) -> RunningServer {
    let servers = stage.elsewhere.servers(Timestamp::from_millis(0)).await.unwrap();
    let process = process(&servers[0].process);
    let silent = RunningServer { id: [7; 16], process, ..servers[0].clone() };
    stage.installation.leave().await;
    stage.elsewhere.beat(&silent).await.unwrap();
    silent
}

#[tokio::test]
async fn a_server_whose_predecessor_was_killed_on_the_same_machine_waits_for_nothing() {
    let stage = Stage::open().await;
    silent(&stage, ended).await;
    assert_eq!(ready(&node(&stage, NEW).await).await.0, 200);
}

#[tokio::test]
async fn a_server_whose_predecessor_was_killed_elsewhere_waits_until_that_has_been_silent_for_half_a_minute()
{
    let stage = Stage::open().await;
    silent(&stage, |_| "another/pid:[1] 1 1".to_owned()).await;
    let changed = node(&stage, NEW).await;
    for _ in 0..30 {
        assert_eq!(ready(&changed).await.0, 503);
        stage.advance(SECOND).await;
        agree(&changed).await;
    }
    stage.advance(SECOND).await;
    agree(&changed).await;
    assert_eq!(ready(&changed).await.0, 200);
}

/// It is not killed, only slow to say so.
#[tokio::test]
async fn a_server_elsewhere_that_is_heard_of_once_more_was_there_first() {
    let stage = Stage::open().await;
    let other = silent(&stage, |_| "another/pid:[1] 1 1".to_owned()).await;
    let changed = node(&stage, NEW).await;
    stage.advance(29 * SECOND).await;
    stage.elsewhere.beat(&RunningServer { beat_at: stage.now(), ..other }).await.unwrap();
    for _ in 0..20 {
        stage.advance(10 * SECOND).await;
        agree(&changed).await;
        assert_eq!(ready(&changed).await.0, 503);
    }
}

/// Every token of each server is good on each that is ready, at every step; and one of the two always is.
#[tokio::test]
async fn a_configuration_that_is_adopted_first_is_rolled_out_without_one_false_refusal() {
    let stage = Stage::open().await;
    let mut one = node(&stage, &[]).await;
    let mut other = node(&stage, &[]).await;
    stage.installation.leave().await;
    let mut issued = Vec::new();
    let check = async |one: &Node, other: &Node, issued: &mut Vec<Tokens>, expected: [u16; 2]| {
        assert_eq!([ready(one).await.0, ready(other).await.0], expected);
        for (node, status) in [one, other].into_iter().zip(expected) {
            if status == 200 {
                issued.push(node.tokens(&stage.shop).await);
            }
        }
        for tokens in issued.iter() {
            for (node, status) in [one, other].into_iter().zip(expected) {
                let statuses = [node.list(&tokens.access).await, node.refresh(&tokens.refresh).await];
                assert_eq!(statuses.map(|reply| reply.status().as_u16()), [status; 2]);
            }
        }
    };
    check(&one, &other, &mut issued, [200, 200]).await;

    adopt_by_hand(&stage, NEW).await;
    // Neither has heard of it, then one, then both.
    check(&one, &other, &mut issued, [200, 200]).await;
    one.follow().await;
    check(&one, &other, &mut issued, [200, 200]).await;
    // The first is restarted, before the second has heard: it does not issue what the second would refuse.
    one.installation.leave().await;
    one = node(&stage, NEW).await;
    check(&one, &other, &mut issued, [503, 200]).await;
    stage.advance(4 * SECOND).await;
    other.follow().await;
    agree(&one).await;
    check(&one, &other, &mut issued, [503, 200]).await;
    stage.advance(SECOND).await;
    for node in [&mut one, &mut other] {
        node.follow().await;
        agree(node).await;
    }
    check(&one, &other, &mut issued, [200, 200]).await;
    let metric = other.answer(Call::get("/metrics")).await;
    assert!(metric.text().contains("\ntollgate_configuration_replaced 1\n"));

    // The operator changes their mind, and again: who served goes on.
    for settings in [&[] as Settings, NEW] {
        adopt_by_hand(&stage, settings).await;
        for node in [&mut one, &mut other] {
            node.follow().await;
            assert_eq!(ready(node).await.0, 200);
            agree(node).await;
        }
        check(&one, &other, &mut issued, [200, 200]).await;
        stage.advance(SECOND).await;
    }

    // One that is killed and comes back as it was goes on as well.
    other.installation.leave().await;
    other = node(&stage, &[]).await;
    check(&one, &other, &mut issued, [200, 200]).await;
    other.installation.leave().await;
    other = node(&stage, NEW).await;
    check(&one, &other, &mut issued, [200, 200]).await;
    let metric = other.answer(Call::get("/metrics")).await;
    assert!(metric.text().contains("\ntollgate_configuration_replaced 0\n"));
}

#[tokio::test]
async fn a_server_with_the_former_configuration_serves_for_a_day_and_its_tokens_are_good_to_their_end() {
    let stage = Stage::open().await;
    let mut former = node(&stage, &[]).await;
    adopt_by_hand(&stage, NEW).await;
    let mut latter = node(&stage, NEW).await;
    let mut last = former.tokens(&stage.shop).await;
    for hour in 0..24 {
        for node in [&mut former, &mut latter] {
            node.follow().await;
            agree(node).await;
        }
        assert_eq!(ready(&former).await.0, 200, "{hour}");
        last = former.tokens(&stage.shop).await;
        stage.clock.advance(HOUR);
    }
    former.follow().await;
    agree(&former).await;
    assert_suspended(&former, &stage, &last, "tokens.audience is payment-api here and other-api").await;
    assert_eq!(ROLLOUT, 24 * HOUR);
    stage.clock.advance(22 * HOUR + 59 * MINUTE + 59 * SECOND);
    latter.follow().await;
    agree(&latter).await;
    assert_eq!(latter.refresh(&last.refresh).await.status(), 200);
    stage.clock.advance(SECOND);
    latter.follow().await;
    assert_refused(&latter.refresh(&last.refresh).await, 401, "INVALID_TOKEN");
}

/// A server that is not in touch does not know of the other audience: it can't tell.
#[tokio::test]
async fn a_server_that_has_not_heard_of_an_adoption_for_five_seconds_calls_no_token_of_it_wrong() {
    let stage = Stage::open().await;
    let apart = stage.node(ManualClock::at(stage.now())).await;
    adopt_by_hand(&stage, NEW).await;
    let latter = node(&stage, NEW).await;
    stage.advance(5 * SECOND).await;
    agree(&latter).await;
    let tokens = latter.tokens(&stage.shop).await;
    apart.clock.advance(5 * SECOND);
    for reply in [apart.list(&tokens.access).await, apart.refresh(&tokens.refresh).await] {
        assert_refused(&reply, 503, "UNAVAILABLE");
    }
}

#[tokio::test]
async fn what_was_agreed_on_long_ago_counts_no_more() {
    let stage = Stage::open().await;
    stage.installation.leave().await;
    let former = node(&stage, NEW).await;
    let tokens = former.tokens(&stage.shop).await;
    former.installation.leave().await;
    let back = node(&stage, &[]).await;
    assert_good(&back, &tokens).await;
    // When it was agreed on is long ago, and so is its last token.
    stage.clock.advance(ROLLOUT + 24 * HOUR + 2 * MINUTE);
    agree(&back).await;
    assert!(back.installation.verifier().keyring().accepted().is_empty());
}

/// Each sees the other, or what the other has adopted.
#[tokio::test]
async fn of_two_servers_that_start_at_once_with_other_configurations_both_never_serve() {
    let stage = Stage::open().await;
    let tokens = stage.tokens(&stage.shop).await;
    stage.installation.leave().await;
    let (one, other) = tokio::join!(node(&stage, NEW), node(&stage, OTHERS[0].0));
    let statuses = [ready(&one).await.0, ready(&other).await.0];
    assert!(statuses.contains(&503), "{statuses:?}");
    for node in [&one, &other] {
        let answer = node.list(&tokens.access).await.status();
        assert_eq!(answer.as_u16(), ready(node).await.0);
    }
}

/// Of a backup that is older than what was agreed on last, or by a standby that lacked it.
#[tokio::test]
async fn servers_whose_store_forgot_what_they_agreed_on_record_it_again() {
    let stage = Stage::open().await;
    stage.installation.leave().await;
    let mut server = node(&stage, NEW).await;
    let mut peer = node(&stage, NEW).await;
    let tokens = server.tokens(&stage.shop).await;
    let restored = rusqlite::Connection::open(stage.path()).unwrap();
    restored
        .execute_batch(
            "DELETE FROM agreement WHERE seq = 2; UPDATE agreement SET superseded_at = NULL;
             INSERT INTO changes (kind, until) VALUES ('signing keys', 9000000000000)",
        )
        .unwrap();
    for node in [&mut server, &mut peer] {
        node.follow().await;
        agree(node).await;
    }
    stage.clock.advance(5 * SECOND);
    for node in [&mut server, &mut peer] {
        node.follow().await;
        agree(node).await;
        assert_eq!(ready(node).await.0, 200);
        assert_good(node, &tokens).await;
    }
    assert_eq!(stage.elsewhere.agreements().await.unwrap().len(), 2);
}

/// It ran when the other came, so it was not killed before: what is agreed on is not given up because it ended since.
#[tokio::test]
async fn a_server_that_is_killed_after_one_with_another_configuration_came_is_not_followed_by_that() {
    let stage = Stage::open().await;
    let tokens = stage.tokens(&stage.shop).await;
    // Its process runs, and is recorded as what it is: that of this test.
    let killed = silent(&stage, str::to_owned).await;
    let intruder = node(&stage, NEW).await;
    let gone = RunningServer { process: ended(&killed.process), ..killed };
    stage.elsewhere.leave(gone.id).await.unwrap();
    stage.elsewhere.beat(&gone).await.unwrap();
    for _ in 0..20 {
        stage.advance(5 * SECOND).await;
        agree(&intruder).await;
        assert_suspended(&intruder, &stage, &tokens, "tokens.audience is other-api here").await;
    }
}

/// The same process, recorded as one that has ended.
fn ended(process: &str) -> String {
    let [space, _, started] = process.split(' ').collect::<Vec<_>>().try_into().unwrap();
    format!("{space} 2147483646 {started}")
}

/// While an audience is replaced by another, introspection says the same of a token as the guard.
#[tokio::test]
async fn while_an_audience_is_replaced_tokens_of_both_are_active() {
    let stage = Stage::open().await;
    let mut former = node(&stage, &[]).await;
    stage.installation.leave().await;
    let of_former = former.tokens(&stage.shop).await.access;
    adopt_by_hand(&stage, NEW).await;
    former.follow().await;
    let mut latter = node(&stage, NEW).await;
    stage.advance(6 * SECOND).await;
    for node in [&mut former, &mut latter] {
        node.follow().await;
        agree(node).await;
    }
    let of_latter = latter.tokens(&stage.shop).await.access;
    for node in [&former, &latter] {
        for token in [&of_former, &of_latter] {
            assert_eq!(node.list(token).await.status(), 200);
            let reply = node.answer(post_as(&stage.shop, INTROSPECT, &format!("token={token}"))).await;
            assert_eq!(said(&reply)["active"], true, "{}", reply.text());
        }
    }
}
