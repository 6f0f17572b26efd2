//! The playground: what a visitor can do, what reaches the browser, and who is kept out.

mod canary;
mod visitors;

use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::Request;
use serde_json::{Value, json};
use tollgate_installation::Installation;
use tollgate_server::Server;
use tower::util::BoxCloneSyncService;

use crate::sandbox::mounted;
use tollgate_portal::{Answering, Credentials, Kit, KitClient, Playground, Wire};

use crate::call::{Call, REFRESH, Reply, TOKEN};
use crate::stage::{Stage, answer};

const PATH: &str = "/playground";
const HOST: &str = "127.0.0.1:8080";

/// A kit in place of the real one, which another crate has: it obtains a token for each call, and notes what it got.
#[derive(Clone, Default)]
struct PlainKit {
    /// Every token that was issued to it.
    tokens: Arc<Mutex<Vec<String>>>,
}

struct PlainClient {
    kit: PlainKit,
    credentials: Credentials,
    wire: Arc<dyn Wire>,
}

impl Kit for PlainKit {
    fn client(&self, credentials: &Credentials, wire: Arc<dyn Wire>) -> Result<Box<dyn KitClient>, String> {
        Ok(Box::new(PlainClient { kit: self.clone(), credentials: credentials.clone(), wire }))
    }
}

impl KitClient for PlainClient {
    fn call(&self, mut request: Request<Bytes>) -> Answering<'_, String> {
        Box::pin(async move {
            let body = json!({"client_id": self.credentials.client_id, "client_secret": *self.credentials.client_secret});
            let granted = self.sent(Call::post(TOKEN).json(&body)).await?;
            let again = self
                .sent(Call::post(REFRESH).json(&json!({"refresh_token": granted["refresh_token"]})))
                .await?;
            let token = again["access_token"].as_str().ok_or("no token")?;
            request.headers_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
            self.wire.send(request).await.map_err(str::to_owned)
        })
    }
}

impl PlainClient {
    /// The `data` of an answer, whose tokens are noted.
    async fn sent(&self, call: Call) -> Result<Value, String> {
        let (head, body) = call.whole().into_parts();
        let body = http_body_util::BodyExt::collect(body).await.unwrap().to_bytes();
        let answer = self.wire.send(Request::from_parts(head, body)).await?;
        let data = serde_json::from_slice::<Value>(answer.body()).unwrap()["data"].take();
        for name in ["access_token", "refresh_token"] {
            self.kit.tokens.lock().unwrap().extend(data[name].as_str().map(str::to_owned));
        }
        Ok(data)
    }
}

/// A server with a playground.
fn with_playground(
    installation: &Arc<Installation>,
    kit: Arc<dyn Kit>,
    demo: Option<Credentials>,
) -> Arc<Server> {
    Server::new(installation.clone(), true, |loopback| {
        let calls = BoxCloneSyncService::new(loopback.clone());
        mounted(installation, loopback, true, |inspect| Some(Playground { kit, demo, inspect, calls }))
    })
}

/// A browser that visits the playground of a stage.
struct Visitor {
    server: Arc<Server>,
    kit: PlainKit,
    host: &'static str,
    from: IpAddr,
    cookie: String,
    /// Everything that reached the browser.
    seen: Vec<String>,
}

impl Visitor {
    /// Comes to a server where visitors act as the shop's client.
    async fn of_the_demo(stage: &Stage) -> Self {
        let demo = Credentials { client_id: stage.shop.id, client_secret: stage.shop.secret.clone().into() };
        Self::of(stage, Some(demo)).await
    }

    /// Comes to a server where visitors bring credentials.
    async fn of_production(stage: &Stage) -> Self {
        Self::of(stage, None).await
    }

    async fn of(stage: &Stage, demo: Option<Credentials>) -> Self {
        let kit = PlainKit::default();
        let server = with_playground(&stage.installation, Arc::new(kit.clone()), demo);
        let from = Ipv4Addr::LOCALHOST.into();
        let mut visitor = Self { server, kit, host: HOST, from, cookie: String::new(), seen: Vec::new() };
        let first = visitor.look().await;
        let cookie = first.header("set-cookie").split(';').next().unwrap().to_owned();
        visitor.cookie = cookie;
        visitor
    }

    /// Sends a request as the browser does, with its cookie.
    async fn send(&mut self, call: Call) -> Reply {
        let call = if self.cookie.is_empty() { call } else { call.header("cookie", &self.cookie) };
        let reply = answer(&self.server, self.from, call.whole()).await;
        let headers = reply.0.headers().iter();
        let headers = headers.map(|(name, value)| format!("{name}: {}\n", value.to_str().unwrap()));
        self.seen.push(headers.collect::<String>() + reply.text());
        reply
    }

    async fn look(&mut self) -> Reply {
        self.send(Call::get(PATH).header("host", self.host)).await
    }

    /// The token that the page's forms have.
    async fn form_token(&mut self) -> String {
        let page = self.look().await;
        let after = page.text().split("name=\"form_token\" value=\"").nth(1).unwrap();
        after.split('"').next().unwrap().to_owned()
    }

    /// A form of the page, as it would be sent.
    async fn form(&mut self, act: &str, more: &str) -> Call {
        let token = self.form_token().await;
        Call::post(PATH).header("host", self.host).form(&format!("form_token={token}&act={act}{more}"))
    }

    /// Presses a button, and returns the page that comes of it.
    async fn press(&mut self, act: &str) -> String {
        self.press_with(act, "").await
    }

    async fn press_with(&mut self, act: &str, more: &str) -> String {
        let call = self.form(act, more).await.header("sec-fetch-site", "same-origin");
        let sent = self.send(call).await;
        // Credentials that are refused lead back to their fields.
        let leads_to = |place: &str| sent.header("location") == format!("/playground#{place}");
        let is_led = ["result", "client_id", "client_secret"].into_iter().any(leads_to);
        assert!(sent.status() == 303 && is_led, "{act}: {sent:?}");
        self.look().await.text().to_owned()
    }

    async fn sign_in(&mut self, id: &str, secret: &str) -> String {
        self.press_with("sign-in", &format!("&client_id={id}&client_secret={secret}")).await
    }
}

/// What the page says is the result.
fn result(page: &str) -> &str {
    let from = page.find("id=\"result\"").unwrap();
    &page[from..from + page[from..].find("</section>").unwrap()]
}

/// Asserts that the result of an act says all of this.
#[track_caller]
fn assert_says(page: &str, expected: &[&str]) {
    for text in expected {
        assert!(result(page).contains(text), "{text:?} is not in {}", result(page));
    }
}

#[tokio::test]
async fn a_token_is_issued_and_shown_with_its_claims_and_its_life() {
    let stage = Stage::open().await;
    let mut visitor = Visitor::of_the_demo(&stage).await;
    assert!(!visitor.look().await.text().contains("id=\"life\""));
    let page = visitor.press("issue").await;
    assert_says(&page, &["POST /api/v1/oauth2/token", "200 OK", "&#34;expires_in&#34;:900", "printf"]);
    let id = stage.shop.id.to_string();
    for text in ["the secret that it was obtained with", "60 s mark", "2025-11-24 16:15:00 UTC", &id] {
        assert!(page.to_lowercase().contains(&text.to_lowercase()), "{text}");
    }
    assert!(page.contains("accepted: a valid access token"), "{page}");
    assert!(page.contains("accepted: a valid refresh token"), "{page}");
}

#[tokio::test]
async fn each_way_to_break_a_call_says_status_code_challenge_and_reason() {
    let stage = Stage::open().await;
    let mut visitor = Visitor::of_the_demo(&stage).await;
    visitor.press("issue").await;
    assert_says(&visitor.press("call").await, &["200 OK", "accepted: a valid access token"]);
    let invalid = [
        "401 Unauthorized",
        "INVALID_TOKEN",
        "Bearer realm=&#34;payment-api&#34;, error=&#34;invalid_token&#34;",
    ];
    let signature = "its signature was made by no key in force for this kind of token";
    let page = visitor.press("call-without").await;
    assert_says(
        &page,
        &[
            "401 Unauthorized",
            "NO_TOKEN",
            "<code>Bearer realm=&#34;payment-api&#34;</code>",
            "<dd>no token</dd>",
        ],
    );
    let page = visitor.press("call-changed").await;
    assert_says(&page, &invalid);
    assert_says(&page, &[&format!("refused: {signature}"), &format!("invalid token: {signature}")]);
    let page = visitor.press("call-refresh").await;
    assert_says(&page, &invalid);
    assert_says(&page, &["accepted: a valid refresh token", &format!("invalid token: {signature}")]);
    let page = visitor.press("call-expired").await;
    assert_says(&page, &invalid);
    assert_says(&page, &["refused: as access token: it has expired", "2025-11-24 16:15:00 UTC"]);
    // That was another clock: the token is still good.
    assert_says(&visitor.press("call").await, &["200 OK"]);
    let page = visitor.press("call-revoked").await;
    assert_says(&page, &invalid);
    assert_says(&page, &["POST /oauth2/revoke", "refused: as access token: it was revoked"]);
    assert_says(&visitor.press("call").await, &["401 Unauthorized", "it was revoked"]);
    assert_says(&visitor.press("refresh").await, &["POST /api/v1/oauth2/refresh", "200 OK"]);
    assert_says(&visitor.press("call").await, &["200 OK"]);
}

#[tokio::test]
async fn a_token_that_has_expired_by_itself_is_refused_without_moving_the_clock() {
    let stage = Stage::with(&[("TOLLGATE_TOKENS__ACCESS_TTL", "4s")], |store| Arc::new(store)).await;
    let mut visitor = Visitor::of_the_demo(&stage).await;
    let page = visitor.press("issue").await;
    assert!(page.contains("Half of its life") && !page.contains("60 s mark</strong>"), "{page}");
    stage.clock.advance(std::time::Duration::from_secs(4));
    let page = visitor.press("call-expired").await;
    assert_says(&page, &["401 Unauthorized", "refused: as access token: it has expired", "x-request-id"]);
    assert!(!result(&page).contains("As it would be at"), "{page}");
    assert_says(&visitor.press("refresh").await, &["200 OK"]);
}

#[tokio::test]
async fn a_key_is_replayed_reused_and_raced() {
    let stage = Stage::open().await;
    let mut visitor = Visitor::of_the_demo(&stage).await;
    visitor.press("issue").await;
    let page = visitor.press("pay").await;
    assert_says(&page, &["201 Created", "idempotency-key: playground-"]);
    let (_, link) = page.split_once("href=\"/pay/").unwrap();
    let id = link.split('"').next().unwrap().to_owned();
    assert_says(&visitor.press("replay").await, &["201 Created", "idempotent-replayed: true", &id]);
    let page = visitor.press("reuse").await;
    assert_says(&page, &["422 Unprocessable Entity", "IDEMPOTENCY_KEY_REUSED"]);
    assert_eq!(stage.count().await, 1);
    let page = visitor.press("race").await;
    assert_says(&page, &["201 Created"]);
    let told = ["IDEMPOTENT_REQUEST_IN_PROGRESS", "idempotent-replayed: true"];
    assert!(told.iter().any(|told| result(&page).contains(told)), "{page}");
    assert_eq!(stage.count().await, 2);
    // The page of the payment leads back here.
    let decided = visitor.send(Call::post(&format!("/pay/{id}")).form("decision=approve")).await;
    assert_eq!(decided.header("location"), format!("http://{HOST}{PATH}"));
}

#[tokio::test]
async fn the_kit_is_watched_on_the_wire() {
    let stage = Stage::open().await;
    let mut visitor = Visitor::of_the_demo(&stage).await;
    let page = visitor.press("kit").await;
    assert_says(
        &page,
        &["1. It has no token yet", "2. It asks once", "3. It sends the request with the token."],
    );
    assert_says(&page, &["4. Behind its back, one of its tokens is revoked."]);
}

#[tokio::test]
async fn without_a_token_there_is_nothing_to_call_with_and_starting_over_forgets_it() {
    let stage = Stage::open().await;
    let mut visitor = Visitor::of_the_demo(&stage).await;
    assert_says(&visitor.press("call").await, &["First issue a token."]);
    visitor.press("issue").await;
    assert_says(&visitor.press("replay").await, &["First create a payment."]);
    let page = visitor.press("start-over").await;
    assert!(!page.contains("id=\"life\"") && page.contains("demo client"), "{page}");
    assert_says(&visitor.press("call").await, &["First issue a token."]);
}
