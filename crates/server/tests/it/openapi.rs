//! The server's description of itself, held to what it answers.

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::Frame;
use serde_json::{Value, json};
use tollgate_server::openapi::{Surface, document};
use tollgate_store::Store;

use crate::call::{
    CREATE, Call, INTROSPECT, KEYS, LIST, METADATA, OAUTH_TOKEN, REFRESH, REVOKE, Reply, TOKEN,
};
use crate::faults::{Fault, Faults};
use crate::stage::{Credentials, Kind, Stage, create, payment, payment_id};

const SHOW: &str = "/api/v1/payment-requests/{id}";
const PAGE: &str = "/pay/{id}";
const HTML: (&str, &str) = ("accept", "text/html");

/// What the edge refuses before any operation, as every operation says.
const AT_THE_EDGE: [(u16, &str); 4] =
    [(400, "VALIDATION_ERROR"), (408, "REQUEST_TIMEOUT"), (431, "HEADERS_TOO_LARGE"), (503, "UNAVAILABLE")];

/// A panic can come from anywhere, and can't be provoked everywhere.
const DEFECTS: [(u16, &str); 2] = [(500, "INTERNAL_ERROR"), (500, "server_error")];

/// What operations were seen to answer, each answer held to the document.
struct Seen {
    document: Value,
    answers: BTreeMap<String, BTreeSet<(u16, String)>>,
}

impl Seen {
    fn new() -> Self {
        Self { document: document(&Surface::default()), answers: BTreeMap::new() }
    }

    /// Takes an answer down, and holds it to what its operation says.
    #[track_caller]
    fn add(&mut self, method: &str, path: &str, reply: &Reply) {
        let operation = format!("{method} {path}");
        let status = reply.status().as_u16();
        let responses = &self.document["paths"][path][method.to_lowercase()]["responses"];
        let described = resolved(&self.document, &responses[status.to_string()]);
        assert!(described.is_object(), "{operation} has no {status}: {}", reply.text());
        self.check_headers(&operation, described, reply);
        let media = reply.header("content-type").split(';').next().unwrap_or_default();
        let name = if media == "application/json" { name(reply) } else { None };
        if let Some(name) = &name {
            let schema = &described["content"][media]["schema"];
            assert!(names(schema).contains(name), "{operation} {status} has no {name}: {schema}");
        } else if !media.is_empty() {
            assert!(described["content"][media].is_object(), "{operation} {status} is no {media}");
        }
        let name = name.unwrap_or_else(|| media.to_owned());
        self.answers.entry(operation).or_default().insert((status, name));
    }

    fn check_headers(&self, operation: &str, described: &Value, reply: &Reply) {
        for (name, header) in described["headers"].as_object().unwrap() {
            let header = resolved(&self.document, header);
            let value = reply.header(name);
            assert!(!value.is_empty() || header["required"] == false, "{operation}: {name} is missing");
            let schema = &header["schema"];
            let values =
                schema["enum"].as_array().cloned().or_else(|| Some(vec![schema.get("const")?.clone()]));
            assert!(
                value.is_empty() || values.is_none_or(|values| values.contains(&json!(value))),
                "{name}: {value}"
            );
        }
    }

    /// Everything that the document says an operation answers, but pages and answers that are no refusals.
    fn described(&self) -> BTreeMap<String, BTreeSet<(u16, String)>> {
        let mut described = BTreeMap::<String, BTreeSet<(u16, String)>>::new();
        for (path, operations) in self.document["paths"].as_object().unwrap() {
            for (method, operation) in operations.as_object().unwrap() {
                let entry = described.entry(format!("{} {path}", method.to_uppercase())).or_default();
                for (status, response) in operation["responses"].as_object().unwrap() {
                    let schema = &resolved(&self.document, response)["content"]["application/json"]["schema"];
                    entry.extend(names(schema).into_iter().map(|name| (status.parse().unwrap(), name)));
                }
            }
        }
        described
    }
}

/// What stands in the document, or what it refers to.
fn resolved<'a>(document: &'a Value, value: &'a Value) -> &'a Value {
    let pointer = value["$ref"].as_str().map(|reference| reference.strip_prefix('#').unwrap());
    pointer.map_or(value, |pointer| document.pointer(pointer).unwrap())
}

/// The code of a refusal, or its `error`.
fn name(reply: &Reply) -> Option<String> {
    let json = reply.json();
    json["error"]["code"].as_str().or(json["error"].as_str()).map(str::to_owned)
}

/// The codes that a schema of refusals has, in either form.
fn names(schema: &Value) -> Vec<String> {
    let forms = schema["anyOf"].as_array().cloned().unwrap_or_else(|| vec![schema.clone()]);
    let of = |form: &Value| {
        let error = &form["properties"]["error"];
        error["enum"]
            .as_array()
            .or(error["properties"]["code"]["enum"].as_array())
            .cloned()
            .unwrap_or_default()
    };
    forms.iter().flat_map(of).map(|name| name.as_str().unwrap().to_owned()).collect()
}

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
        let mut stage = Stage::with(&[], |store| faults.in_front_of(store)).await;
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
    async fn bodies(&mut self, path: &'static str, call: Call, media: &str, refuses_types: bool) {
        let typed = call.clone().body(media, "");
        let reply = self.stage.answer_to(typed.clone().with(Stuck)).await;
        self.seen.add("POST", path, &reply);
        let reply = self.stage.answer_to(typed.with(Broken)).await;
        self.seen.add("POST", path, &reply);
        self.call("POST", path, call.clone().body(media, " ".repeat(65_537))).await;
        if refuses_types {
            self.call("POST", path, call.body("text/plain", "x")).await;
        }
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
        self.bodies(TOKEN, Call::post(TOKEN), "application/json", true).await;
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
        self.bodies(REFRESH, Call::post(REFRESH), "application/json", true).await;
        self.forget(&other).await;
        self.failing("client", "POST", REFRESH, with(&tokens.refresh)).await;
    }

    /// Makes the server ask the store for a client again.
    async fn forget(&mut self, client: &Credentials) {
        let (secret, _) = self.stage.secret(client.id, None);
        let now = self.stage.now();
        assert!(self.stage.elsewhere.add_secret(client.id, &secret, None, now).await.unwrap());
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
            self.bodies(path, of(&shop), "application/x-www-form-urlencoded", true).await;
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
            "grant_type=refresh_token&refresh_token=x",
        ] {
            self.call("POST", OAUTH_TOKEN, of(OAUTH_TOKEN).form(form)).await;
        }
        self.call("POST", REVOKE, of(REVOKE).form(&format!("token={}", rivals.access))).await;
        self.call("GET", METADATA, Call::get(METADATA)).await;
        self.call("GET", KEYS, Call::get(KEYS)).await;
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
        self.bodies(CREATE, Call::post(CREATE).bearer(&token), "application/json", true).await;
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
            self.bodies(PAGE, post(&page), form, false).await;
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
    watched.the_sandbox().await;
    watched.the_rest().await;
    let seen = &watched.seen.answers;
    for (operation, described) in watched.seen.described() {
        let seen = seen.get(&operation).unwrap_or_else(|| panic!("{operation} was not called"));
        let excused = AT_THE_EDGE.into_iter().chain(DEFECTS).map(|(status, name)| (status, name.to_owned()));
        let excused: BTreeSet<_> = excused.collect();
        let unseen: Vec<_> = described.difference(seen).filter(|answer| !excused.contains(answer)).collect();
        assert!(unseen.is_empty(), "{operation} never answered {unseen:?}");
    }
}

#[tokio::test]
async fn a_path_takes_the_methods_that_are_described_and_names_them_to_who_uses_another() {
    let stage = Stage::open().await;
    let document = document(&Surface::default());
    for (path, operations) in document["paths"].as_object().unwrap() {
        let reply = stage.answer(Call::new("DELETE", &path.replace("{id}", "x"))).await;
        assert_eq!(reply.status().as_u16(), 405, "{path}");
        let mut methods: Vec<_> =
            operations.as_object().unwrap().keys().map(|name| name.to_uppercase()).collect();
        if methods[0] == "GET" {
            methods.insert(1, "HEAD".to_owned());
        }
        assert_eq!(reply.header("allow"), methods.join(", "), "{path}");
    }
}

#[tokio::test]
async fn the_document_is_served_with_the_address_of_the_installation() {
    let settings = [
        ("TOLLGATE_PUBLIC_URL", "https://pay.example.com/core"),
        ("TOLLGATE_SANDBOX", "false"),
        ("TOLLGATE_TOKENS__AUDIENCE", "ledger"),
    ];
    let stage = Stage::with(&settings, |store| std::sync::Arc::new(store)).await;
    let served = stage.answer(Call::get("/openapi.json")).await.json();
    let public_url = "https://pay.example.com/core";
    let surface = Surface { public_url, audience: "ledger", sandbox: false, health: true };
    assert_eq!(served, document(&surface));
    assert_eq!(served["servers"][0]["url"], "https://pay.example.com/core");
    assert!(
        served["paths"]
            .as_object()
            .unwrap()
            .keys()
            .all(|path| !path.contains("payment") && !path.contains("pay/"))
    );
    assert!(served["components"]["schemas"]["PaymentRequest"].is_null());
}

#[tokio::test]
async fn a_known_document_is_not_sent_again() {
    let stage = Stage::open().await;
    let first = stage.answer(Call::get("/openapi.json")).await;
    let tag = first.header("etag").to_owned();
    for known in [tag.clone(), format!("W/{tag}"), format!("\"x\", {tag}"), "*".to_owned()] {
        let reply = stage.answer(Call::get("/openapi.json").header("if-none-match", known)).await;
        assert_eq!((reply.status().as_u16(), reply.header("etag"), reply.text()), (304, tag.as_str(), ""));
    }
    let reply = stage.answer(Call::get("/openapi.json").header("if-none-match", "\"x\"")).await;
    assert_eq!((reply.status().as_u16(), reply.text()), (200, first.text()));
}
