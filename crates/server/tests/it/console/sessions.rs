//! Signing in and out, and how long a session lasts.

use std::sync::Arc;
use std::time::Duration;

use tollgate_admin::console;
use tollgate_config::Role;
use tollgate_core::Clock as _;
use tollgate_store::{Actor, ActorKind, TimePassed};

use super::{Browser, COOKIE, HERE, encoded, last_record, link, stage};
use crate::call::Call;
use crate::stage::{PEER, Stage};

const OVERVIEW: &str = "/console";

#[tokio::test]
async fn a_link_signs_in_once_and_the_trail_says_who_made_it_and_who_used_it() {
    let stage = stage().await;
    let token = link(&stage, &[Role::Read, Role::Audit]).await;
    let made = last_record(&stage).await;
    assert_eq!((made.act.as_str(), made.actor.as_str()), ("console.link", "command-line:root@gateway-1"));
    assert!(made.after.as_deref().unwrap().contains(r#""user":"ada","scope":"admin:read admin:audit""#));
    assert!(!made.after.unwrap().contains(&token));

    let mut browser = Browser::at(&stage);
    assert_eq!(browser.get(OVERVIEW).await.header("location"), "/console/sign-in");
    let opened = browser.get(&format!("/console/sign-in?link={token}")).await;
    assert!(
        opened.text().contains(&format!("name=\"link\" value=\"{token}\"")),
        "to look at it uses nothing up"
    );
    let reply = browser.sign_in(&token).await;
    let cookie = reply.header("set-cookie");
    assert!(cookie.ends_with("; Path=/; Secure; HttpOnly; SameSite=Strict"), "{cookie}");
    let used = last_record(&stage).await;
    assert_eq!((used.act.as_str(), used.actor.as_str()), ("console.sign-in", "console:ada"));
    assert_eq!((used.object, used.source.as_deref()), (made.object, Some("127.0.0.1")));
    assert_eq!(used.request_id.as_deref(), Some(reply.header("x-request-id")));
    assert_eq!(browser.get(OVERVIEW).await.status(), 200);

    let again = Browser::at(&stage).sign_in(&token).await;
    assert_eq!((again.status().as_u16(), again.header("set-cookie")), (403, ""));
    assert!(again.text().contains("This link was used before"), "{}", again.text());
}

#[tokio::test]
async fn of_many_who_use_a_link_at_once_on_two_servers_one_is_let_in() {
    let stage = stage().await;
    let other = stage.node(stage.clock.clone()).await;
    let token = link(&stage, &Role::ALL).await;
    let call = || {
        let form = encoded(&[("link", &token)]);
        Call::post("/console/sign-in").form(&form).header("sec-fetch-site", "same-origin")
    };
    let mut let_in = 0;
    let mut set = tokio::task::JoinSet::new();
    for place in 0..6 {
        let (stage, other, call) = (stage.clone(), other.server.clone(), call());
        set.spawn(async move {
            let server = if place % 2 == 0 { stage.server.clone() } else { other };
            crate::stage::answer(&server, HERE, call.whole()).await.status()
        });
    }
    while let Some(status) = set.join_next().await {
        let_in += usize::from(status.unwrap() == 303);
    }
    assert_eq!(let_in, 1);
}

#[tokio::test]
async fn a_link_expires_and_one_that_was_made_elsewhere_is_none() {
    let stage = stage().await;
    let token = link(&stage, &Role::ALL).await;
    let mut altered = token.clone().into_bytes();
    let place = altered.len() / 2;
    altered[place] = if altered[place] == b'A' { b'B' } else { b'A' };
    let elsewhere = Arc::new(Stage::open().await);
    let foreign = link(&elsewhere, &Role::ALL).await;
    let mut browser = Browser::at(&stage);
    for wrong in ["", "x", &token[1..], std::str::from_utf8(&altered).unwrap()] {
        assert_eq!(browser.sign_in(wrong).await.status(), 403, "{wrong}");
    }
    // Both stages have one master key, as a copy of a store has: what counts is what this trail says.
    assert_eq!(browser.sign_in(&foreign).await.status(), 303);
}

#[tokio::test]
async fn a_link_expires_by_the_stores_clock() {
    let stage = stage().await;
    let token = link(&stage, &Role::ALL).await;
    let passed = stage.installation.administration().now().await.unwrap().after(console::LINK_TTL);
    let passed = TimePassed { until: passed, uptime: stage.clock.uptime() };
    stage.elsewhere.note_time_passed(&passed).await.unwrap();
    let reply = Browser::at(&stage).sign_in(&token).await;
    assert_eq!(reply.status(), 403);
    assert!(reply.text().contains("This link has expired"), "{}", reply.text());
}

#[tokio::test]
async fn a_session_ends_when_it_is_idle_and_at_its_end_whatever_is_done() {
    let stage = stage().await;
    let mut browser = Browser::signed_in(&stage, &Role::ALL).await;
    for _ in 0..15 {
        stage.clock.advance(Duration::from_secs(29 * 60));
        assert_eq!(browser.get(OVERVIEW).await.status(), 200);
    }
    stage.clock.advance(Duration::from_secs(29 * 60));
    assert_eq!(browser.get(OVERVIEW).await.status(), 200);
    stage.clock.advance(Duration::from_secs(16 * 60));
    assert_eq!(browser.get(OVERVIEW).await.status(), 303, "eight hours are over");
    let mut idle = Browser::signed_in(&stage, &Role::ALL).await;
    stage.clock.advance(Duration::from_secs(30 * 60));
    assert_eq!(idle.get(OVERVIEW).await.status(), 303);
}

#[tokio::test]
async fn signing_out_ends_the_session_at_once_on_every_server() {
    let stage = stage().await;
    let other = stage.node(stage.clock.clone()).await;
    let mut browser = Browser::signed_in(&stage, &Role::ALL).await;
    let cookie = browser.cookie.clone().unwrap();
    let with = |call: Call| call.header("cookie", format!("{COOKIE}={cookie}"));
    let shown = crate::stage::answer(&other.server, HERE, with(Call::get(OVERVIEW)).whole()).await;
    assert_eq!(shown.status(), 200, "a session is good on every server");
    let form = encoded(&[("form_token", browser.form_token().await)]);
    let reply = browser.send(Call::post("/console/sign-out").form(&form)).await;
    assert_eq!(reply.header("location"), "/console/sign-in?signed-out=yes");
    assert!(reply.header("set-cookie").contains("Max-Age=0"));
    let record = last_record(&stage).await;
    assert_eq!((record.act.as_str(), record.actor.as_str()), ("console.sign-out", "console:ada"));
    for server in [&stage.server, &other.server] {
        let reply = crate::stage::answer(server, HERE, with(Call::get(OVERVIEW)).whole()).await;
        assert_eq!((reply.status().as_u16(), reply.header("location")), (303, "/console/sign-in"));
        let post =
            with(Call::post("/console/merchants/new").form(&form)).header("sec-fetch-site", "same-origin");
        assert_eq!(crate::stage::answer(server, HERE, post.whole()).await.status(), 403);
    }
}

#[tokio::test]
async fn whoever_administers_signs_everybody_out_and_unused_links_with_them() {
    let stage = stage().await;
    let mut browser = Browser::signed_in(&stage, &Role::ALL).await;
    let unused = link(&stage, &Role::ALL).await;
    let actor = Actor::new(ActorKind::CommandLine { user: "root".to_owned(), host: "gateway-1".to_owned() });
    console::sign_out_all(&stage.installation.administration(), &actor).await.unwrap();
    assert_eq!(browser.get(OVERVIEW).await.status(), 303);
    assert_eq!(Browser::at(&stage).sign_in(&unused).await.status(), 403);
    let mut later = Browser::signed_in(&stage, &Role::ALL).await;
    assert_eq!(later.get(OVERVIEW).await.status(), 200);
}

#[tokio::test]
async fn each_sign_in_is_a_session_of_its_own() {
    let stage = stage().await;
    let (mut one, mut other) =
        (Browser::signed_in(&stage, &Role::ALL).await, Browser::signed_in(&stage, &Role::ALL).await);
    assert_ne!(one.cookie, other.cookie);
    let (token, others) = (one.form_token().await, other.form_token().await);
    assert_ne!(token, others);
    let form = encoded(&[("form_token", others.as_str()), ("name", "Shop")]);
    assert_eq!(one.send(Call::post("/console/merchants/new").form(&form)).await.status(), 403);
}

#[tokio::test]
async fn over_plain_http_from_another_machine_nobody_signs_in_or_is_let_in() {
    let stage = stage().await;
    let browser = Browser::signed_in(&stage, &Role::ALL).await;
    let token = link(&stage, &Role::ALL).await;
    let cookie = format!("{COOKIE}={}", browser.cookie.unwrap());
    let form = encoded(&[("link", &token)]);
    for call in [
        Call::get(OVERVIEW),
        Call::get("/console/sign-in"),
        Call::post("/console/sign-in").form(&form).header("sec-fetch-site", "same-origin"),
    ] {
        let reply = stage.answer_from(PEER, call.header("cookie", &cookie)).await;
        assert_eq!(reply.status(), 403);
    }
    assert_eq!(Browser::at(&stage).sign_in(&token).await.status(), 303, "it was not used up");
}

#[tokio::test]
async fn who_is_not_let_in_makes_the_trail_grow_by_no_more_than_its_bound() {
    let stage = stage().await;
    let before = last_record(&stage).await;
    for _ in 0..40 {
        assert_eq!(Browser::at(&stage).sign_in("x").await.status(), 403);
    }
    assert_eq!(
        last_record(&stage).await,
        before,
        "it is recorded as an event, of which there are 30 a minute at most"
    );
}

#[tokio::test]
async fn a_console_that_is_not_wanted_is_not_there() {
    let settings = [("TOLLGATE_CONSOLE__ENABLED", "false")];
    let stage = Stage::with(&settings, |store| Arc::new(store)).await;
    for path in ["/console", "/console/sign-in", "/console/clients"] {
        assert_eq!(stage.answer_from(HERE, Call::get(path)).await.status(), 404, "{path}");
    }
}
