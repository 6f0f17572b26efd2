//! Sign-ins: who is let in as whom, how often, and from which browser.

use std::panic::Location;
use std::time::Duration;

use serde_json::{Value, json};
use tollgate_admin::console;
use tollgate_store::{Actor, ActorKind};

use super::scripted::ISSUER;
use super::{BEGIN, BEGUN, Browser, CALLBACK, Scene, assert_refused, pass, session_of, set_cookies};
use crate::call::Call;
use crate::console::{HERE, last_record, stage};
use crate::stage::{PEER, answer};

const BEGUN_ELSEWHERE: &str = "the sign-in was not begun in this browser, or under another master key";

#[tokio::test]
async fn somebody_signs_in_by_the_provider_and_the_trail_says_who_says_so() {
    let scene = Scene::open().await;
    let mut browser = Browser::at(&scene.stage);
    let page = browser.get("/console/sign-in").await;
    assert!(page.text().contains("href=\"http://127.0.0.1:8080/console/sign-in/oidc\""), "{}", page.text());
    assert!(
        page.text().contains("Sign in by Example Login") && page.text().contains("tollgate console link")
    );

    let sent = browser.get(BEGIN).await;
    let [(name, value, rest)] = &set_cookies(&sent)[..] else { panic!("one cookie is set") };
    assert_eq!(name, BEGUN);
    assert_eq!(rest, " Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=600");
    let query = scene.provider.authorize(sent.header("location"));
    let drawn: Vec<String> = form_urlencoded::parse(sent.header("location").as_bytes())
        .filter(|(name, _)| ["state", "nonce"].contains(&&**name))
        .map(|(_, value)| value.into_owned())
        .collect();
    assert!(
        drawn.len() == 2 && drawn[0] != drawn[1] && drawn.iter().all(|text| text.len() == 43),
        "{drawn:?}"
    );
    assert!(!drawn.iter().any(|drawn| value.contains(drawn.as_str())), "the cookie is sealed");

    let back = browser.come_back(&query).await;
    assert_eq!(back.status(), 200, "{}", back.text());
    assert!(back.text().contains("http-equiv=\"refresh\" content=\"0; url=/console\""), "{}", back.text());
    assert_eq!((back.header("referrer-policy"), back.header("cache-control")), ("no-referrer", "no-store"));
    assert!(!browser.cookies.contains_key(BEGUN), "it is taken from the browser");
    let overview = browser.get("/console").await;
    assert!(overview.status() == 200 && overview.text().contains("ada@example.com"), "{}", overview.text());
    assert_eq!(
        browser.led("/console", "cross-site").await.status(),
        303,
        "not where another site leads there"
    );

    let record = last_record(&scene.stage).await;
    assert_eq!((record.act.as_str(), record.actor.as_str()), ("console.sign-in", "console:ada@example.com"));
    assert!(record.object.starts_with("console-session:"), "{}", record.object);
    assert_eq!(record.request_id.as_deref(), Some(back.header("x-request-id")));
    let after: Value = serde_json::from_str(record.after.as_deref().unwrap()).unwrap();
    assert_eq!(after, json!({"scope": "admin:read admin:support", "issuer": ISSUER, "subject": "1234"}));
}

#[tokio::test]
async fn who_is_in_no_group_with_a_role_is_refused_and_recorded() {
    let scene = Scene::open().await;
    for groups in [json!(["staff"]), json!([]), json!(null), json!("staff ops"), json!(["OPS"])] {
        scene.provider.script().user["groups"] = groups.clone();
        let reply = scene.sign_in().await;
        assert_refused(&reply, 403, "no group of the user has a role", Location::caller());
        assert!(reply.text().contains("none of your groups has a role"), "{}", reply.text());
        let record = last_record(&scene.stage).await;
        assert_eq!(
            (record.act.as_str(), record.outcome.as_str()),
            ("console.sign-in", "refused"),
            "{groups}"
        );
        assert_eq!(record.actor, "console:ada@example.com");
        assert!(record.after.unwrap().contains("\"subject\":\"1234\""));
    }
    scene.provider.script().user.as_object_mut().unwrap().remove("groups");
    scene.refused(403, "no group of the user has a role").await;
    scene.provider.script().user["groups"] = json!("ops");
    assert_eq!(scene.sign_in().await.status(), 200, "a single text is a single group");
    for malformed in [json!([7]), json!({"ops": true}), json!(7)] {
        scene.provider.script().user["groups"] = malformed;
        let why = "the ID token has a claim \"groups\" that is neither a text nor an array of texts: see console.oidc.groups";
        scene.refused(403, why).await;
    }
}

#[tokio::test]
async fn another_browser_can_not_end_what_this_one_has_begun() {
    let scene = Scene::open().await;
    let (mut ours, mut other) = (Browser::at(&scene.stage), Browser::at(&scene.stage));
    let query = ours.go_to(&scene.provider).await;
    assert_refused(&other.come_back(&query).await, 403, BEGUN_ELSEWHERE, Location::caller());
    // One that has begun a sign-in of its own: to be signed in as somebody else is refused, too.
    other.go_to(&scene.provider).await;
    let why = "the answer has another state than this browser was given";
    assert_refused(&other.come_back(&query).await, 403, why, Location::caller());
    let tokens =
        |scene: &Scene| scene.provider.script().asked.iter().filter(|asked| asked.path == "/token").count();
    assert_eq!(tokens(&scene), 0, "the code was not used up");
    assert_eq!(ours.come_back(&query).await.status(), 200);
}

#[tokio::test]
async fn of_two_tabs_the_later_one_signs_in() {
    let scene = Scene::open().await;
    let mut browser = Browser::at(&scene.stage);
    let first = browser.go_to(&scene.provider).await;
    let second = browser.go_to(&scene.provider).await;
    let mut late = browser.clone();
    let why = "the answer has another state than this browser was given";
    assert_refused(&browser.come_back(&first).await, 403, why, Location::caller());
    assert_eq!(late.come_back(&second).await.status(), 200);
}

#[tokio::test]
async fn what_was_drawn_is_good_once_and_for_ten_minutes() {
    let scene = Scene::open().await;
    let mut browser = Browser::at(&scene.stage);
    let query = browser.go_to(&scene.provider).await;
    let mut copy = browser.clone();
    assert_eq!(browser.come_back(&query).await.status(), 200);
    assert_refused(&browser.come_back(&query).await, 403, BEGUN_ELSEWHERE, Location::caller());
    let why =
        "instead of the token response the provider answered with status 400 and the error invalid_grant";
    assert_refused(&copy.clone().come_back(&query).await, 403, why, Location::caller());
    // Even where the provider takes a code again, the trail knows of the session.
    scene.provider.script().forgets_codes = true;
    let query = copy.go_to(&scene.provider).await;
    let mut again = copy.clone();
    assert_eq!(copy.come_back(&query).await.status(), 200);
    let reply = again.come_back(&query).await;
    assert_refused(&reply, 403, "this sign-in was completed before", Location::caller());

    let mut slow = Browser::at(&scene.stage);
    let query = slow.go_to(&scene.provider).await;
    pass(&scene.stage, Duration::from_secs(10 * 60)).await;
    assert_refused(
        &slow.come_back(&query).await,
        403,
        "this sign-in took longer than ten minutes",
        Location::caller(),
    );
}

#[tokio::test]
async fn of_many_who_come_back_at_once_to_two_servers_one_is_let_in() {
    let scene = Scene::open().await;
    scene.provider.script().forgets_codes = true;
    let other = scene.stage.node(scene.stage.clock.clone()).await;
    other.operators.sign_in_by(&scene.stage.config, scene.provider.access());
    let mut browser = Browser::at(&scene.stage);
    let query = browser.go_to(&scene.provider).await;
    let cookie = format!("{BEGUN}={}", browser.cookies[BEGUN].0);
    let mut set = tokio::task::JoinSet::new();
    for place in 0..6 {
        let server = if place % 2 == 0 { scene.stage.server.clone() } else { other.server.clone() };
        let call = Call::get(&format!("{CALLBACK}?{query}")).header("cookie", &cookie);
        set.spawn(async move { session_of(&answer(&server, HERE, call.whole()).await).is_some() });
    }
    let let_in = set.join_all().await;
    assert_eq!(let_in.iter().filter(|is_in| **is_in).count(), 1);
}

#[tokio::test]
async fn signing_everybody_out_ends_sign_ins_that_were_begun() {
    let scene = Scene::open().await;
    let mut browser = Browser::at(&scene.stage);
    let query = browser.go_to(&scene.provider).await;
    let actor = Actor::new(ActorKind::CommandLine { user: "root".to_owned(), host: "gateway-1".to_owned() });
    console::sign_out_all(&scene.stage.installation.administration(), &actor).await.unwrap();
    let reply = browser.come_back(&query).await;
    assert_refused(&reply, 403, "the session has ended", Location::caller());
    assert_eq!(scene.sign_in().await.status(), 200);
}

#[tokio::test]
async fn over_plain_http_from_another_machine_nobody_is_sent_or_taken_back() {
    let scene = Scene::open().await;
    let mut browser = Browser::at(&scene.stage);
    let query = browser.go_to(&scene.provider).await;
    let cookie = format!("{BEGUN}={}", browser.cookies[BEGUN].0);
    for path in [BEGIN.to_owned(), format!("{CALLBACK}?{query}")] {
        let reply = scene.stage.answer_from(PEER, Call::get(&path).header("cookie", &cookie)).await;
        assert_eq!((reply.status().as_u16(), reply.header("set-cookie")), (403, ""));
    }
    assert_eq!(browser.come_back(&query).await.status(), 200, "it was not used up");
}

#[tokio::test]
async fn without_a_provider_there_are_links_alone() {
    let stage = stage().await;
    for path in [BEGIN, CALLBACK] {
        assert_eq!(stage.answer_from(HERE, Call::get(path)).await.status(), 404);
    }
    let page = stage.answer_from(HERE, Call::get("/console/sign-in")).await;
    assert!(
        !page.text().contains("oidc") && page.text().contains("tollgate console link"),
        "{}",
        page.text()
    );
}
