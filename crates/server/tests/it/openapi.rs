//! The description of the API, held to what the server answers.

mod administration;
mod seen;
mod served;

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::Frame;
use serde_json::json;

use crate::call::{
    CREATE, Call, INTROSPECT, KEYS, LIST, METADATA, OAUTH_TOKEN, OPENID, REFRESH, REVOKE, Reply, TOKEN,
};
use crate::faults::{Fault, Faults};
use crate::openapi::seen::Seen;
use crate::stage::{ACT, Credentials, Kind, Stage, create, payment, payment_id};

const SHOW: &str = "/api/v1/payment-requests/{id}";
const PAGE: &str = "/pay/{id}";
const HTML: (&str, &str) = ("accept", "text/html");

/// A body that never comes.
pub(crate) struct Stuck;

impl http_body::Body for Stuck {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Pending
    }
}

/// A body that breaks off.
struct Broken;

impl http_body::Body for Broken {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        Poll::Ready(Some(Err(std::io::ErrorKind::ConnectionReset.into())))
    }
}

/// A stage whose store can fail, and what was seen on it.
struct Watched {
    stage: Stage,
    faults: Faults,
    seen: Seen,
    /// Known to the store only: the server must ask for it.
    stranger: Credentials,
    /// May call from elsewhere only.
    bound: Credentials,
}

impl Watched {
    async fn open() -> Self {
        let faults = Faults::default();
        let settings = [
            ("TOLLGATE_LIMITS__MERCHANT_CREATES", "50/d"),
            ("TOLLGATE_AUTHZ__ENABLED", "true"),
            ("TOLLGATE_ADMIN__REQUESTS", "500/d"),
        ];
        let mut stage = Stage::with(&settings, |store| faults.in_front_of(store)).await;
        let stranger = stage.client(stage.kind()).await;
        let bound = stage.client(Kind { addresses: &["192.0.2.0/24"], ..stage.kind() }).await;
        Self { stage, faults, seen: Seen::new(), stranger, bound }
    }

    async fn call(&mut self, method: &'static str, path: &'static str, call: Call) -> Reply {
        let reply = self.stage.answer(call).await;
        self.seen.add(method, path, &reply);
        reply
    }

    /// What every body can meet: too slow, broken off, too long, and of another type.
    async fn bodies(&mut self, path: &'static str, call: Call, media: &str) {
        let typed = call.clone().body(media, "");
        let reply = self.stage.answer_to(typed.clone().with(Stuck)).await;
        self.seen.add("POST", path, &reply);
        let reply = self.stage.answer_to(typed.with(Broken)).await;
        self.seen.add("POST", path, &reply);
        self.call("POST", path, call.clone().body(media, " ".repeat(65_537))).await;
        self.call("POST", path, call.clone().body("text/plain", "x")).await;
        let compressed = call.body(media, "x").header("content-encoding", "gzip");
        self.call("POST", path, compressed).await;
    }

    /// Lets the store fail in one way, then in the other, while `call` is made.
    async fn failing(&mut self, store: &'static str, method: &'static str, path: &'static str, call: Call) {
        for fault in [Fault::Refuses, Fault::Panics] {
            self.faults.set(store, fault);
            self.call(method, path, call.clone()).await;
            self.faults.clear();
        }
    }

    /// Has the answer of a method of the store get lost on its way.
    async fn losing(&mut self, store: &'static str, method: &'static str, path: &'static str, call: Call) {
        self.faults.set(store, Fault::AnswerLost);
        self.call(method, path, call).await;
        self.faults.clear();
    }

    async fn the_authority(&mut self) {
        let shop = self.stage.shop.clone();
        self.call("POST", TOKEN, Call::post(TOKEN).json(&shop.body())).await;
        self.call("POST", TOKEN, Call::post(TOKEN).json(&json!({}))).await;
        let mut beyond = shop.body();
        beyond["scope"] = json!("payments:refund");
        self.call("POST", TOKEN, Call::post(TOKEN).json(&beyond)).await;
        self.call("POST", TOKEN, Call::post(TOKEN).header("origin", "https://shop.example")).await;
        self.call("POST", TOKEN, Call::post(TOKEN).json(&self.bound.body())).await;
        self.bodies(TOKEN, Call::post(TOKEN), "application/json").await;
        let mut wrong = shop.body();
        wrong["client_secret"] = json!("wrong");
        for _ in 0..31 {
            self.call("POST", TOKEN, Call::post(TOKEN).json(&wrong)).await;
        }
        self.failing("client", "POST", TOKEN, Call::post(TOKEN).json(&self.stranger.body())).await;

        let with = |token: &str| Call::post(REFRESH).json(&json!({"refresh_token": token}));
        let other = self.stage.client(self.stage.kind()).await;
        let tokens = self.stage.tokens(&other).await;
        self.call("POST", REFRESH, with(&tokens.refresh)).await;
        self.call("POST", REFRESH, with("x")).await;
        self.call("POST", REFRESH, Call::post(REFRESH).json(&json!({}))).await;
        self.call("POST", REFRESH, with("x").header("sec-fetch-site", "cross-site")).await;
        let elsewhere = "192.0.2.7".parse().unwrap();
        let issued = Call::post(TOKEN).json(&self.bound.body());
        let issued = self.stage.answer_from(elsewhere, issued).await.data();
        self.call("POST", REFRESH, with(issued["refresh_token"].as_str().unwrap())).await;
        self.bodies(REFRESH, Call::post(REFRESH), "application/json").await;
        self.forget(&other).await;
        self.failing("client", "POST", REFRESH, with(&tokens.refresh)).await;
    }

    /// Makes the server ask the store for a client again.
    async fn forget(&mut self, client: &Credentials) {
        let (secret, _) = self.stage.secret(client.id, None);
        let now = self.stage.now();
        assert!(self.stage.elsewhere.add_secret(client.id, &secret, None, now, &ACT).await.unwrap());
        self.stage.follow().await;
    }

    async fn the_standards(&mut self) {
        let shop = self.stage.client(self.stage.kind()).await;
        let tokens = self.stage.tokens(&shop).await;
        let rivals = self.stage.tokens(&self.stage.rival).await;
        let grant = "grant_type=client_credentials".to_owned();
        for (path, form) in [
            (OAUTH_TOKEN, grant),
            (INTROSPECT, format!("token={}", tokens.access)),
            (REVOKE, format!("token={}", tokens.access)),
        ] {
            let of = |client: &Credentials| Call::post(path).basic(&client.id.to_string(), &client.secret);
            self.call("POST", path, of(&shop).form(&form)).await;
            self.call("POST", path, of(&shop).form("x=y")).await;
            self.call("POST", path, Call::post(path).form(&form)).await;
            self.call("POST", path, of(&shop).form(&form).header("origin", "null")).await;
            self.call("POST", path, of(&self.bound).form(&form)).await;
            self.bodies(path, of(&shop), "application/x-www-form-urlencoded").await;
            let nobody = self.stage.client(self.stage.kind()).await;
            for _ in 0..31 {
                let wrong = Call::post(path).basic(&nobody.id.to_string(), "wrong");
                self.call("POST", path, wrong.form(&form)).await;
            }
            let stranger = self.stage.client(self.stage.kind()).await;
            self.failing("client", "POST", path, of(&stranger).form(&form)).await;
        }
        let of = |path| Call::post(path).basic(&shop.id.to_string(), &shop.secret);
        for form in [
            "grant_type=password",
            "grant_type=client_credentials&scope=x",
            "grant_type=client_credentials&resource=x",
            "grant_type=refresh_token&refresh_token=x",
        ] {
            self.call("POST", OAUTH_TOKEN, of(OAUTH_TOKEN).form(form)).await;
        }
        self.call("POST", REVOKE, of(REVOKE).form(&format!("token={}", rivals.access))).await;
        for path in [METADATA, OPENID, KEYS] {
            let tag = self.call("GET", path, Call::get(path)).await.header("etag").to_owned();
            self.call("GET", path, Call::get(path).header("if-none-match", tag)).await;
        }
    }

    async fn revocations(&mut self) {
        let path = "/oauth2/revocations";
        let guard = Kind { merchant: None, scope: "tollgate:verify", ..self.stage.kind() };
        let guard = self.stage.client(guard).await;
        let token = self.stage.tokens(&guard).await.access;
        let shop = self.stage.tokens(&self.stage.shop).await.access;
        self.call("GET", path, Call::get(path).bearer(&token)).await;
        self.call("GET", path, Call::get(&format!("{path}?after=x")).bearer(&token)).await;
        self.call("GET", path, Call::get(path)).await;
        self.call("GET", path, Call::get(path).bearer("x")).await;
        self.call("GET", path, Call::get(path).bearer(&shop)).await;
        self.failing("last_change", "GET", path, Call::get(path).bearer(&token)).await;
    }

    async fn forward_authorization(&mut self) {
        let token = self.stage.tokens(&self.stage.shop).await.access;
        let elsewhere = "192.0.2.7".parse().unwrap();
        let issued = Call::post(TOKEN).json(&self.bound.body());
        let bound = self.stage.answer_from(elsewhere, issued).await.data();
        let bound = bound["access_token"].as_str().unwrap().to_owned();
        for (path, target) in [
            ("/authz", "/authz"),
            ("/authz/nginx", "/authz/nginx"),
            ("/authz/envoy/{path}", "/authz/envoy/a/b"),
        ] {
            self.call("GET", path, Call::get(target).bearer(&token)).await;
            self.call("GET", path, Call::get(target)).await;
            self.call("GET", path, Call::get(target).bearer("x")).await;
            self.call("GET", path, Call::get(target).bearer(&bound)).await;
            self.call("GET", path, Call::get(&format!("{target}?scopes=x")).bearer(&token)).await;
        }
    }

    async fn the_sandbox(&mut self) {
        let shop = self.stage.client(self.stage.kind()).await;
        let token = self.stage.tokens(&shop).await.access;
        let reader = self.stage.client(Kind { scope: "other", ..self.stage.kind() }).await;
        let reader = self.stage.tokens(&reader).await.access;
        let id = payment_id(&self.call("POST", CREATE, create(&token)).await);
        let one = format!("{LIST}/{id}");
        for (method, path, target) in
            [("POST", CREATE, CREATE), ("GET", LIST, LIST), ("GET", SHOW, one.as_str())]
        {
            let call = || Call::new(method, target).body("application/json", "");
            self.call(method, path, call()).await;
            self.call(method, path, call().bearer("x")).await;
            self.call(method, path, call().bearer(&reader)).await;
        }
        let mut anothers = payment();
        anothers["merchant_id"] = json!(self.stage.rival_merchant);
        self.call("POST", CREATE, Call::post(CREATE).bearer(&token).json(&anothers)).await;
        self.call("POST", CREATE, Call::post(CREATE).bearer(&token).json(&json!({}))).await;
        self.bodies(CREATE, Call::post(CREATE).bearer(&token), "application/json").await;
        self.call("POST", CREATE, create(&token).key("k")).await;
        self.call("POST", CREATE, create(&token).key("k")).await;
        anothers["merchant_id"] = json!(null);
        anothers["amount"] = json!(1);
        self.call("POST", CREATE, Call::post(CREATE).bearer(&token).json(&anothers).key("k")).await;
        self.failing("add_document", "POST", CREATE, create(&token)).await;
        self.failing("complete", "POST", CREATE, create(&token).key("held")).await;
        self.losing("complete", "POST", CREATE, create(&token).key("lost")).await;
        // Whoever held it panicked.
        self.call("POST", CREATE, create(&token).key("held")).await;
        self.failing("begin", "POST", CREATE, create(&token).key("new")).await;
        let rivals = self.stage.tokens(&self.stage.rival).await.access;
        for _ in 0..51 {
            self.call("POST", CREATE, create(&rivals)).await;
        }

        self.call("GET", LIST, Call::get(LIST).bearer(&token)).await;
        self.call("GET", LIST, Call::get(&format!("{LIST}?limit=0")).bearer(&token)).await;
        let anothers = format!("{LIST}?merchant_id={}", self.stage.rival_merchant);
        self.call("GET", LIST, Call::get(&anothers).bearer(&token)).await;
        self.failing("documents", "GET", LIST, Call::get(LIST).bearer(&token)).await;

        self.call("GET", SHOW, Call::get(&one).bearer(&token)).await;
        self.call("GET", SHOW, Call::get(&format!("{LIST}/x")).bearer(&token)).await;
        self.failing("document", "GET", SHOW, Call::get(&one).bearer(&token)).await;
        self.the_page(&token, &id).await;
    }

    async fn the_page(&mut self, token: &str, id: &str) {
        let late = payment_id(&self.stage.answer(create(token)).await);
        let (page, late, none) = (format!("/pay/{id}"), format!("/pay/{late}"), "/pay/x".to_owned());
        let form = "application/x-www-form-urlencoded";
        for accept in [("accept", "application/json"), HTML] {
            let get = |page: &str| Call::get(page).header(accept.0, accept.1);
            let post = |page: &str| Call::post(page).header(accept.0, accept.1);
            self.call("GET", PAGE, get(&page)).await;
            self.call("GET", PAGE, get(&none)).await;
            self.failing("document", "GET", PAGE, get(&page)).await;
            self.call("POST", PAGE, post(&page).form("decision=perhaps")).await;
            self.call("POST", PAGE, post(&none).form("decision=approve")).await;
            self.bodies(PAGE, post(&page), form).await;
            self.failing("document", "POST", PAGE, post(&page).form("decision=approve")).await;
            self.losing("change_document", "POST", PAGE, post(&page).form("decision=approve")).await;
            self.call("POST", PAGE, post(&page).form("decision=approve")).await;
            self.call("POST", PAGE, post(&page).form("decision=decline")).await;
        }
        self.stage.clock.advance(Duration::from_secs(15 * 60));
        self.stage.follow().await;
        for accept in [("accept", "application/json"), HTML] {
            self.call("GET", PAGE, Call::get(&late).header(accept.0, accept.1)).await;
            let decided = Call::post(&late).header(accept.0, accept.1).form("decision=approve");
            self.call("POST", PAGE, decided).await;
        }
    }

    async fn the_rest(&mut self) {
        let tag =
            self.call("GET", "/openapi.json", Call::get("/openapi.json")).await.header("etag").to_owned();
        let reply =
            self.call("GET", "/openapi.json", Call::get("/openapi.json").header("if-none-match", tag)).await;
        assert_eq!((reply.status().as_u16(), reply.text()), (304, ""));
        self.stage.follow().await;
        for path in ["/healthz", "/readyz", "/metrics"] {
            self.call("GET", path, Call::get(path)).await;
        }
        self.stage.server.start_draining();
        self.call("GET", "/readyz", Call::get("/readyz")).await;
    }
}

#[tokio::test(start_paused = true)]
async fn every_operation_answers_what_its_description_says_and_nothing_else() {
    let mut watched = Watched::open().await;
    watched.the_authority().await;
    watched.the_standards().await;
    watched.revocations().await;
    watched.forward_authorization().await;
    watched.the_administration().await;
    watched.the_sandbox().await;
    watched.the_rest().await;
    watched.seen.assert_every_described_code_was_answered();
    watched.seen.assert_every_example_of_an_error_was_answered();
}
