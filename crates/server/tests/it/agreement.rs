//! Servers on one store that are configured otherwise than the others: they neither issue nor refuse, until all agree.

use std::time::Duration;

use tollgate_admin::{Administration, Authority, Unlocked, configuration};
use tollgate_config::Config;
use tollgate_core::Timestamp;
use tollgate_installation::Watcher;
use tollgate_store::RunningServer;
use tollgate_store_sqlite::Sqlite;

use crate::call::{Call, TOKEN, assert_refused};
use crate::faults::Faults;
use crate::stage::{Node, SYSTEM, Stage, Tokens, create, master_key};

pub(crate) const SECOND: Duration = Duration::from_secs(1);

/// Each thing that servers must agree on, with another value than the default.
pub(crate) type Settings = &'static [(&'static str, &'static str)];
const OTHERS: [(Settings, &str); 4] = [
    (&[("TOLLGATE_TOKENS__AUDIENCE", "other-api")], "tokens.audience is other-api here and payment-api"),
    (
        &[("TOLLGATE_PUBLIC_URL", "http://127.0.0.1:9999")],
        "public_url is http://127.0.0.1:9999 here and http",
    ),
    (&[("TOLLGATE_TOKENS__ACCESS_TTL", "5m")], "tokens.access_ttl is 5m here and 15m"),
    (&[("TOLLGATE_TOKENS__REFRESH_TTL", "1h")], "tokens.refresh_ttl is 1h here and 24h"),
];

/// What changes what tokens say, and how long they last.
pub(crate) const NEW: Settings = &[
    ("TOLLGATE_TOKENS__AUDIENCE", "other-api"),
    ("TOLLGATE_PUBLIC_URL", "https://core.example.com"),
    ("TOLLGATE_TOKENS__ACCESS_TTL", "5m"),
];

fn config(stage: &Stage, settings: Settings) -> Config {
    let folder = stage.path();
    let listen = "127.0.0.1:8080".parse().unwrap();
    Config::dev(listen, folder.parent().unwrap(), settings.iter().copied()).unwrap()
}

pub(crate) async fn node(stage: &Stage, settings: Settings) -> Node {
    stage.node_with(&config(stage, settings), stage.clock.clone()).await
}

/// Lets the operator have a configuration adopted.
pub(crate) async fn adopt_by_hand(stage: &Stage, settings: Settings) {
    let (config, clock) = (config(stage, settings), Faults::default());
    clock.set_clock(stage.now());
    let store = clock.in_front_of(Sqlite::open_existing(&stage.path()).unwrap());
    let unlocked = Unlocked::new(store.as_ref(), master_key().into()).await.unwrap();
    let authority = Authority::MasterKey;
    let admin = Administration { store: store.as_ref(), unlocked: &unlocked, config: &config, authority };
    assert!(configuration::adopt(&admin, "the operator", &SYSTEM).await.unwrap().is_some());
}

pub(crate) async fn agree(node: &Node) {
    Watcher::new(node.installation.clone()).agree().await;
}

pub(crate) async fn ready(node: &Node) -> (u16, String) {
    let reply = node.answer(Call::get("/readyz")).await;
    (reply.status().as_u16(), reply.text().to_owned())
}

pub(crate) async fn assert_good(node: &Node, tokens: &Tokens) {
    for reply in [node.list(&tokens.access).await, node.refresh(&tokens.refresh).await] {
        assert_eq!(reply.status(), 200, "{}", reply.text());
    }
}

/// It says nothing of any client or token, and in `/readyz` why.
pub(crate) async fn assert_suspended(node: &Node, stage: &Stage, tokens: &Tokens, why: &str) {
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
