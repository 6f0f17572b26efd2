//! The exchanges in docs/http-api.md: each is made with the production server, and what the page shows is what came out.
//!
//! A block of the page that follows `<!-- exchange: NAME -->` is one or several of them. `INSTA_UPDATE=always` renews them,
//! as it does the snapshots. What differs by its nature each time is replaced: tokens are shortened, ids that were drawn
//! are those of the page.

use std::fmt::Write;
use std::path::Path;
use std::time::Duration;

use http::HeaderMap;
use serde_json::{Value, json};

use crate::call::{
    CREATE, Call, INTROSPECT, KEYS, LIST, METADATA, OAUTH_TOKEN, REFRESH, REVOKE, Reply, TOKEN, claims,
};
use crate::faults::{Fault, Faults};
use crate::openapi::Stuck;
use crate::stage::{Kind, Stage, Tokens, create, payment, payment_id};

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/http-api.md");
const MARK: &str = "<!-- exchange: ";

/// What the page shows of headers; the others are the same everywhere, and said once.
const SHOWN: [&str; 11] = [
    "accept",
    "accept-encoding",
    "allow",
    "connection",
    "content-encoding",
    "idempotency-key",
    "idempotent-replayed",
    "location",
    "origin",
    "retry-after",
    "www-authenticate",
];

/// How wide a line of the page is.
const WIDTH: usize = 104;

/// What the page names a token by.
const JTI: &str = "Vb3L9RACLcjNhEcGzdRnXg";
/// How much of a header is the same for all keys of ES256, in characters.
const HEADER_WITHOUT_KEY: usize = 48;

#[tokio::test(start_paused = true)]
async fn the_exchanges_of_the_page_are_real() {
    let page = std::fs::read_to_string(PAGE).unwrap();
    let made = Exchanges::make().await.blocks;
    let renewed = renewed(&page, &made);
    if is_to_be_renewed() {
        std::fs::write(Path::new(PAGE), &renewed).unwrap();
    }
    assert!(
        is_to_be_renewed() || page == renewed,
        "renew docs/http-api.md: INSTA_UPDATE=always cargo test exchanges"
    );
    for (name, _) in made {
        assert!(page.contains(&format!("{MARK}{name} -->")), "{name} is not on the page");
    }
}

/// The page with the blocks as they were made.
fn renewed(page: &str, made: &[(&str, String)]) -> String {
    let mut parts = page.split(MARK);
    let mut renewed = parts.next().unwrap().to_owned();
    for part in parts {
        let (name, rest) = part.split_once(" -->\n```http\n").unwrap();
        let rest = rest.strip_prefix("```\n").unwrap_or_else(|| rest.split_once("\n```\n").unwrap().1);
        let (_, text) =
            made.iter().find(|(made, _)| *made == name).unwrap_or_else(|| panic!("{name} is not made"));
        write!(renewed, "{MARK}{name} -->\n```http\n{text}```\n{rest}").unwrap();
    }
    renewed
}

#[expect(clippy::disallowed_methods, reason = "it is how insta is told, too")]
fn is_to_be_renewed() -> bool {
    std::env::var("INSTA_UPDATE").is_ok_and(|update| update == "always")
}

/// The blocks of the page, as they are made.
struct Exchanges {
    stage: Stage,
    faults: Faults,
    tokens: Tokens,
    /// Ids that were drawn, each with the one that the page has for it.
    drawn: Vec<(String, &'static str)>,
    blocks: Vec<(&'static str, String)>,
}

impl Exchanges {
    async fn make() -> Self {
        let faults = Faults::default();
        let audiences = ("TOLLGATE_AUDIENCES", "https://ledger.example.com=ES256");
        let stage = Stage::with(&[audiences], |store| faults.in_front_of(store)).await;
        let tokens = stage.tokens(&stage.shop).await;
        let mut exchanges = Self { stage, faults, tokens, drawn: Vec::new(), blocks: Vec::new() };
        exchanges.tokens().await;
        exchanges.for_oauth_clients().await;
        exchanges.for_verifiers().await;
        exchanges.payments().await;
        exchanges.errors().await;
        exchanges
    }

    async fn tokens(&mut self) {
        let shop = self.stage.shop.clone();
        let token = Call::post(TOKEN).json(&shop.body());
        self.block("token", token, true).await;
        let mut wrong = shop.body();
        wrong["client_secret"] = json!("wrong");
        self.block("token refused", Call::post(TOKEN).json(&wrong), false).await;
        let refresh = Call::post(REFRESH).json(&json!({"refresh_token": self.tokens.refresh}));
        self.block("refresh", refresh, false).await;
    }

    async fn for_oauth_clients(&mut self) {
        let (id, secret) = (self.stage.shop.id.to_string(), self.stage.shop.secret.clone());
        let of = |path| Call::post(path).basic(&id, &secret);
        self.block("oauth token", of(OAUTH_TOKEN).form("grant_type=client_credentials"), false).await;
        let introspect = of(INTROSPECT).form(&format!("token={}", self.tokens.access));
        self.block("introspection", introspect, false).await;
        self.block("metadata", Call::get(METADATA), false).await;
        let nobody = Call::post(OAUTH_TOKEN).form("grant_type=client_credentials");
        self.block("oauth refused", nobody, false).await;
    }

    /// Another audience, whose tokens others verify by the published keys, and what they are told of revocations.
    async fn for_verifiers(&mut self) {
        let two = &["payment-api", "https://ledger.example.com"];
        let client = self.stage.client(Kind { audiences: two, ..self.stage.kind() }).await;
        let of = |path| Call::post(path).basic(&client.id.to_string(), &client.secret);
        let target = |named: &str| of(OAUTH_TOKEN).form(&format!("grant_type=client_credentials&{named}"));
        self.block("oauth target", target("resource=https://ledger.example.com"), false).await;
        self.block("oauth target refused", target("audience=https://unknown.example.com"), false).await;
        let keys = self.stage.answer(Call::get(KEYS)).await;
        let kid = keys.json()["keys"][0]["kid"].as_str().unwrap().to_owned();
        self.drawn.push((kid, "77d8486d-c567-4fdc-808c-26a30cc43bc8"));
        let tag = keys.header("etag").trim_matches('"').to_owned();
        self.drawn.push((tag, "0bea1ad1722054f1bc5fae27255bfa25"));
        self.block("key set", Call::get(KEYS), true).await;
        self.revocations().await;
    }

    /// What a guard elsewhere is told before and after a client revokes a token.
    async fn revocations(&mut self) {
        let path = "/oauth2/revocations";
        let shop = self.stage.shop.clone();
        let ended = self.stage.tokens(&shop).await.access;
        self.drawn.push((claims(&ended)["jti"].as_str().unwrap().to_owned(), JTI));
        let guard = self.stage.client(Kind { scope: "tollgate:verify", ..self.stage.kind() }).await;
        let guard = self.stage.tokens(&guard).await.access;
        let position = |reply: &Reply| reply.json()["position"].as_str().unwrap().to_owned();
        let whole = Call::get(path).bearer(&guard);
        let first = position(&self.stage.answer(whole.clone()).await);
        self.drawn.push((first.clone(), "41-9f2c4b7e0d3a4c5f8b1e6a7d2c3f4e50"));
        self.block("revocations", whole, false).await;
        let revoke = Call::post(REVOKE).basic(&shop.id.to_string(), &shop.secret);
        self.block("revocation", revoke.form(&format!("token={ended}")), false).await;
        let since = Call::get(&format!("{path}?after={first}")).bearer(&guard);
        let second = position(&self.stage.answer(since.clone()).await);
        self.drawn.push((second, "42-d07a1e5b3c964f28a1b0c9d8e7f65432"));
        self.block("revocations since", since, false).await;
    }

    async fn payments(&mut self) {
        let token = self.tokens.access.clone();
        let create = create(&token).key("order-1042");
        let created = self.stage.answer(create.clone()).await;
        let id = payment_id(&created);
        self.drawn.push((id.clone(), "6310e9ff-964c-4cb7-bbaf-18dadcb53313"));
        let text = self.shown(&create, &created, true);
        self.blocks.push(("creation", text.trim_start().to_owned()));
        self.block("payment request", Call::get(&format!("{LIST}/{id}")).bearer(&token), false).await;
        self.block("replay", create, false).await;
        self.block("readiness", Call::get("/readyz"), false).await;
    }

    /// One of each code, in the order of the table.
    async fn errors(&mut self) {
        let token = self.tokens.access.clone();
        let mut text = String::new();
        let reader = self.stage.client(Kind { scope: "payments:read", ..self.stage.kind() }).await;
        let reader = self.stage.tokens(&reader).await.access;
        let bound = self.stage.client(Kind { addresses: &["192.0.2.0/24"], ..self.stage.kind() }).await;
        let mut anothers = payment();
        anothers["merchant_id"] = json!("00000000-0000-4000-8000-000000000000");
        for (note, call) in [
            (
                "several problems at once",
                Call::post(TOKEN).json(&json!({"grant_type": "password", "scope": "a  b"})),
            ),
            ("an unknown client", Call::post(TOKEN).basic("unknown", "wrong").json(&json!({}))),
            ("no token", Call::get(LIST)),
            ("a token that is none", Call::get(LIST).bearer("x")),
            ("an access token in its place", Call::post(REFRESH).json(&json!({"refresh_token": token}))),
            (
                "a page in a browser",
                Call::post(TOKEN).header("origin", "https://shop.example").json(&json!({})),
            ),
            ("a token of the scope payments:read", create(&reader)),
            ("a client created with --allow-from 192.0.2.0/24", Call::post(TOKEN).json(&bound.body())),
            ("no such path", Call::get("/api/v1/nothing")),
            (
                "no such payment request, or another merchant's",
                Call::get(&format!("{LIST}/00000000-0000-4000-8000-000000000000")).bearer(&token),
            ),
            ("another merchant", Call::post(CREATE).bearer(&token).json(&anothers)),
            ("another method", Call::new("DELETE", LIST).bearer(&token)),
        ] {
            self.add(&mut text, note, &call).await;
        }
        let slow = Call::post(TOKEN).body("application/json", "");
        let timed_out = self.stage.answer_to(slow.clone().with(Stuck)).await;
        write!(text, "\n# a body that stops in the middle{}", self.shown(&slow, &timed_out, false)).unwrap();
        self.faults.set("complete", Fault::Panics);
        self.add(
            &mut text,
            "a defect of ours, which leaves the key in flight",
            &create(&token).key("order-1"),
        )
        .await;
        self.faults.clear();
        self.add(&mut text, "the same key at once", &create(&token).key("order-1")).await;
        self.the_page(&mut text).await;
        self.bodies_and_faults(&mut text).await;
        self.blocks.push(("errors", text.trim_start().to_owned()));
    }

    /// What is wrong with a body, a key or a secret, and what the store can't do.
    async fn bodies_and_faults(&mut self, text: &mut String) {
        let token = self.stage.tokens(&self.stage.shop).await.access;
        let mut other = payment();
        other["amount"] = json!(1);
        let long = Call::post(TOKEN).body("application/json", " ".repeat(70_000));
        self.add(text, "70 000 bytes", &long).await;
        self.add(text, "a form where JSON is wanted", &Call::post(REFRESH).form("refresh_token=x")).await;
        let compressed = Call::post(TOKEN).body("application/json", "…").header("content-encoding", "gzip");
        self.add(text, "a compressed body", &compressed).await;
        let reused = Call::post(CREATE).bearer(&token).key("order-1042").json(&other);
        self.add(text, "the key of another payment", &reused).await;
        let mut wrong = self.stage.client(self.stage.kind()).await;
        "wrong".clone_into(&mut wrong.secret);
        let guess = Call::post(TOKEN).json(&wrong.body());
        while self.stage.answer(guess.clone()).await.status() == 401 {}
        self.add(text, "the 31st wrong secret in a minute", &guess).await;
        self.faults.set("complete", Fault::Refuses);
        self.faults.set("add_document", Fault::Refuses);
        self.add(text, "a full disk", &create(&token).key("order-2")).await;
        self.add(text, "a full disk, without a key", &create(&token)).await;
        self.faults.set("complete", Fault::AnswerLost);
        self.add(text, "a store that was cut off before it could answer", &create(&token).key("order-3"))
            .await;
        self.faults.clear();
    }

    /// A decision against another, and one that comes too late.
    async fn the_page(&mut self, text: &mut String) {
        let of = |id: &str, decision| {
            let page = Call::post(&format!("/pay/{id}")).header("accept", "application/json");
            page.form(&format!("decision={decision}"))
        };
        for id in ["f670b91d-ac2a-4f3d-968a-738e0dd78372", "6a1b0351-8031-4a48-a5af-aeed3da06e63"] {
            let created = payment_id(&self.stage.answer(create(&self.tokens.access)).await);
            self.drawn.push((created, id));
        }
        let [.., (decided, _), (late, _)] = &self.drawn[..] else { unreachable!("two were drawn") };
        let (decided, late) = (decided.clone(), late.clone());
        self.stage.answer(of(&decided, "approve")).await;
        self.add(text, "after it was approved", &of(&decided, "decline")).await;
        self.stage.advance(Duration::from_secs(15 * 60)).await;
        self.add(text, "after 15 minutes", &of(&late, "approve")).await;
    }

    async fn block(&mut self, name: &'static str, call: Call, full: bool) {
        let reply = self.stage.answer(call.clone()).await;
        let text = self.shown(&call, &reply, full);
        self.blocks.push((name, text.trim_start().to_owned()));
    }

    async fn add(&self, text: &mut String, note: &str, call: &Call) {
        let reply = self.stage.answer(call.clone()).await;
        write!(text, "\n# {note}{}", self.shown(call, &reply, false)).unwrap();
    }

    /// An exchange as the page shows it; `full` with everything that was sent, and all headers of the answer.
    fn shown(&self, call: &Call, reply: &Reply, full: bool) -> String {
        let (target, sent, body) = call.parts();
        let mut text = format!("\n{target}\n");
        if let Some(line) = sent.get("authorization") {
            let scheme = line.to_str().unwrap().split(' ').next().unwrap();
            writeln!(text, "authorization: {scheme} …").unwrap();
        }
        headers(&mut text, sent, false);
        if sent.get("content-type").is_some_and(|media| media != "application/json") {
            writeln!(text, "content-type: {}", sent["content-type"].to_str().unwrap()).unwrap();
        }
        if !body.trim().is_empty() {
            writeln!(text, "\n{}", if full { wrapped(body) } else { brief(body) }).unwrap();
        }
        let status = reply.status();
        writeln!(text, "\nHTTP/1.1 {} {}", status.as_u16(), status.canonical_reason().unwrap()).unwrap();
        headers(&mut text, reply.0.headers(), full);
        writeln!(text, "\n{}", wrapped(reply.text())).unwrap();
        self.without_what_was_drawn(text)
    }

    fn without_what_was_drawn(&self, mut text: String) -> String {
        for (drawn, shown) in &self.drawn {
            text = text.replace(drawn, shown);
        }
        text
    }
}

fn headers(text: &mut String, headers: &HeaderMap, full: bool) {
    for (name, value) in headers {
        let value = if name == "x-request-id" {
            "01a20dd9-80ea-7a9e-a8cf-9389aa6056db"
        } else {
            value.to_str().unwrap()
        };
        if full || SHOWN.contains(&name.as_str()) {
            writeln!(text, "{name}: {value}").unwrap();
        }
    }
}

/// A body of a request; of a payment, what it is about.
fn brief(body: &str) -> String {
    let payment: Value = serde_json::from_str(body).unwrap_or_default();
    if payment["billing_address"].is_null() {
        return wrapped(body);
    }
    let merchant = payment["merchant_id"].as_str().map(|id| format!(r#""merchant_id":"{id}","#));
    format!(r#"{{{}"amount":{},…}}"#, merchant.unwrap_or_default(), payment["amount"])
}

/// A body in lines of the page's width, broken behind commas; tokens are shortened, and what a token is named by is
/// replaced.
fn wrapped(body: &str) -> String {
    let body = shortened(body);
    let mut text = String::new();
    let mut width = 0;
    for part in body.split_inclusive(',') {
        let long = part.chars().count();
        if width > 0 && width + long > WIDTH {
            text.push('\n');
            width = 0;
        }
        text += part;
        width += long;
    }
    text
}

fn shortened(body: &str) -> String {
    if let Ok(mut json) = serde_json::from_str::<Value>(body) {
        shorten(&mut json);
        return json.to_string();
    }
    match body.split_once("token=eyJ") {
        Some((before, _)) => format!("{before}token=eyJ…"),
        None => body.to_owned(),
    }
}

fn shorten(json: &mut Value) {
    match json {
        Value::String(text) if text.starts_with("eyJ") => {
            let at = text.find('.').unwrap();
            let names_a_key = at > HEADER_WITHOUT_KEY;
            *text = format!("{}…", &text[..if names_a_key { HEADER_WITHOUT_KEY } else { at + 9 }]);
        }
        Value::String(text) if text.starts_with("tg_test_") => "tg_test_…".clone_into(text),
        Value::Object(members) => members.iter_mut().for_each(|(name, value)| {
            match name.as_str() {
                "jti" => *value = json!(JTI),
                "x" => *value = json!("ZmGefpSHCdezd2cwN3fTANhHlmxCa1gPsyPwm5rtTkk"),
                "y" => *value = json!("3vSxQAmrr4TPASJGOYaYC3B6sMaEPcqHE1FtedQktI4"),
                _ => {}
            }
            shorten(value);
        }),
        Value::Array(items) => items.iter_mut().for_each(shorten),
        _ => {}
    }
}
