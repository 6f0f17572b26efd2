//! The page behind a `redirect_url`.

use std::time::Duration;

use serde_json::{Value, json};

use crate::call::{CREATE, Call, LIST, Reply, assert_refused};
use crate::faults::{Fault, Faults};
use crate::stage::{Stage, create, payment, payment_id};

const HTML: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";

async fn page(stage: &Stage, id: &str, accept: &str) -> Reply {
    stage.answer(Call::get(&format!("/pay/{id}")).header("accept", accept)).await
}

async fn decide(stage: &Stage, id: &str, form: &str, accept: &str) -> Reply {
    stage.answer(Call::post(&format!("/pay/{id}")).header("accept", accept).form(form)).await
}

async fn created(stage: &Stage) -> (String, String) {
    let token = stage.tokens(&stage.shop).await.access;
    let id = payment_id(&stage.answer(create(&token)).await);
    (token, id)
}

async fn shown(stage: &Stage, token: &str, id: &str) -> Value {
    stage.answer(Call::get(&format!("{LIST}/{id}")).bearer(token)).await.data()
}

fn assert_html(reply: &Reply, status: u16) {
    assert_eq!(reply.status(), status, "{}", reply.text());
    assert_eq!(reply.header("content-type"), "text/html; charset=utf-8");
    assert_eq!(reply.header("cache-control"), "no-store");
    assert_eq!(reply.header("referrer-policy"), "no-referrer");
    assert_eq!(reply.header("x-content-type-options"), "nosniff");
    assert!(reply.header("content-security-policy").starts_with("default-src 'none'"));
    assert!(!reply.text().contains("<script"));
}

#[tokio::test]
async fn a_person_approves_and_is_sent_on() {
    let stage = Stage::open().await;
    let (token, id) = created(&stage).await;
    let pending = page(&stage, &id, HTML).await;
    assert_html(&pending, 200);
    assert!(pending.text().contains("Shop") && pending.text().contains("19.99"));
    stage.advance(Duration::from_millis(61_500)).await;
    let sent = decide(&stage, &id, "decision=approve", HTML).await;
    assert_eq!((sent.status().as_u16(), sent.header("location")), (303, "https://shop.example/ok"));
    let shown = shown(&stage, &token, &id).await;
    assert_eq!(shown["status"], "approved");
    assert_eq!(shown["decided_at"], "2025-11-24T16:01:01.500Z");
    assert_html(&page(&stage, &id, HTML).await, 200);
}

#[tokio::test]
async fn a_person_declines_and_is_sent_elsewhere() {
    let stage = Stage::open().await;
    let (token, id) = created(&stage).await;
    let sent = decide(&stage, &id, "decision=decline", HTML).await;
    assert_eq!((sent.status().as_u16(), sent.header("location")), (303, "https://shop.example/failed"));
    assert_eq!(shown(&stage, &token, &id).await["status"], "declined");
}

#[tokio::test]
async fn without_a_url_to_go_to_the_page_itself_says_what_was_decided() {
    let stage = Stage::open().await;
    let token = stage.tokens(&stage.shop).await.access;
    let mut body = payment();
    body["success_url_redirect"] = json!(null);
    let id = payment_id(&stage.answer(Call::post(CREATE).bearer(&token).json(&body)).await);
    let sent = decide(&stage, &id, "decision=approve", HTML).await;
    assert_eq!(sent.header("location"), format!("/pay/{id}"));
    assert!(page(&stage, &id, HTML).await.text().contains("Payment approved"));
}

#[tokio::test]
async fn deciding_again_leads_to_the_same_place_and_deciding_otherwise_changes_nothing() {
    let stage = Stage::open().await;
    let (token, id) = created(&stage).await;
    decide(&stage, &id, "decision=approve", HTML).await;
    let decided = shown(&stage, &token, &id).await;
    stage.advance(Duration::from_secs(60)).await;
    let again = decide(&stage, &id, "decision=approve", HTML).await;
    assert_eq!((again.status().as_u16(), again.header("location")), (303, "https://shop.example/ok"));
    assert_html(&decide(&stage, &id, "decision=decline", HTML).await, 409);
    let otherwise = decide(&stage, &id, "decision=decline", "*/*").await;
    assert_refused(&otherwise, 409, "PAYMENT_REQUEST_DECIDED");
    assert_eq!(shown(&stage, &token, &id).await, decided);
}

#[tokio::test]
async fn a_page_expires_in_the_millisecond_that_was_told() {
    let stage = Stage::open().await;
    let (_, id) = created(&stage).await;
    stage.advance(Duration::from_millis(15 * 60 * 1000 - 1)).await;
    assert_html(&page(&stage, &id, HTML).await, 200);
    stage.advance(Duration::from_millis(1)).await;
    let token = stage.tokens(&stage.shop).await.access;
    assert_eq!(shown(&stage, &token, &id).await["status"], "expired");
    assert_html(&page(&stage, &id, HTML).await, 410);
    assert_html(&decide(&stage, &id, "decision=approve", HTML).await, 410);
    for accept in ["*/*", "application/json", ""] {
        assert_refused(&page(&stage, &id, accept).await, 410, "PAYMENT_REQUEST_EXPIRED");
        let decided = decide(&stage, &id, "decision=approve", accept).await;
        assert_refused(&decided, 410, "PAYMENT_REQUEST_EXPIRED");
    }
    assert_eq!(shown(&stage, &token, &id).await["status"], "expired");
}

#[tokio::test]
async fn a_decided_page_does_not_expire() {
    let stage = Stage::open().await;
    let (_, id) = created(&stage).await;
    decide(&stage, &id, "decision=approve", HTML).await;
    stage.advance(Duration::from_secs(24 * 60 * 60)).await;
    assert_html(&page(&stage, &id, HTML).await, 200);
    assert_eq!(page(&stage, &id, "*/*").await.status(), 200);
}

#[tokio::test]
async fn a_page_that_is_not_there_is_html_for_a_browser_and_the_envelope_for_others() {
    let stage = Stage::open().await;
    for id in ["0191e0a1-5c3b-7def-8123-456789abcdef", "x", "%ff", "%00"] {
        assert_html(&page(&stage, id, HTML).await, 404);
        assert_refused(&page(&stage, id, "*/*").await, 404, "PAYMENT_REQUEST_NOT_FOUND");
        assert_html(&decide(&stage, id, "decision=approve", HTML).await, 404);
        let decided = decide(&stage, id, "decision=approve", "*/*").await;
        assert_refused(&decided, 404, "PAYMENT_REQUEST_NOT_FOUND");
    }
}

#[tokio::test]
async fn an_unclear_decision_is_asked_for_again() {
    let stage = Stage::open().await;
    let (token, id) = created(&stage).await;
    for form in ["", "decision=", "decision=maybe", "decision=approve&decision=decline"] {
        assert_html(&decide(&stage, &id, form, HTML).await, 400);
        assert_eq!(decide(&stage, &id, form, "*/*").await.fields(), ["decision"]);
    }
    assert_eq!(shown(&stage, &token, &id).await["status"], "pending");
}

#[tokio::test]
async fn whoever_opens_the_base_url_in_a_browser_is_led_on() {
    let stage = Stage::open().await;
    let start = stage.answer(Call::get("/").header("accept", HTML)).await;
    assert_html(&start, 200);
    assert!(start.text().contains("Base URL: <code>http://127.0.0.1:8080</code>"), "{}", start.text());
    let links: Vec<_> =
        start.text().split("<a href=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    assert_eq!(links, ["/docs", "/openapi.json", "/.well-known/oauth-authorization-server"]);
    for link in links {
        assert_eq!(stage.answer(Call::get(link)).await.status(), 200, "{link}");
    }
    assert_refused(&stage.answer(Call::get("/").header("accept", "*/*")).await, 404, "NOT_FOUND");
    let icon = stage.answer(Call::get("/favicon.ico")).await;
    assert_eq!((icon.status().as_u16(), icon.header("content-type")), (200, "image/svg+xml"));
    for path in ["/", "/favicon.ico"] {
        assert_refused(&stage.answer(Call::post(path)).await, 405, "METHOD_NOT_ALLOWED");
    }
}

#[tokio::test]
async fn a_mistyped_address_is_a_page_for_a_browser_and_the_envelope_for_others() {
    let stage = Stage::open().await;
    for path in ["/docs/", "/playground/", "/payments", "/api/v1", "/index.php", "/%ff"] {
        for call in [Call::get(path), Call::post(path), Call::new("DELETE", path)] {
            assert_html(&stage.answer(call.header("accept", HTML)).await, 404);
        }
        for accept in ["*/*", "application/json", ""] {
            let reply = stage.answer(Call::get(path).header("accept", accept)).await;
            assert_refused(&reply, 404, "NOT_FOUND");
        }
        assert_refused(&stage.answer(Call::get(path)).await, 404, "NOT_FOUND");
    }
    // What programs call stays as it is, whoever asks.
    let browser = stage.answer(Call::get(LIST).header("accept", HTML)).await;
    assert_refused(&browser, 401, "NO_TOKEN");
}

#[tokio::test]
async fn what_a_caller_wrote_is_text_on_the_page() {
    let stage = Stage::open().await;
    let token = stage.tokens(&stage.shop).await.access;
    let mut body = payment();
    body["customer"]["name"] = json!("<b onload=alert(1)>\"'&");
    body["order_id"] = json!("</title><img src=x>");
    let id = payment_id(&stage.answer(Call::post(CREATE).bearer(&token).json(&body)).await);
    let text = page(&stage, &id, HTML).await.text().to_owned();
    assert!(!text.contains("<b onload") && !text.contains("<img"), "{text}");
}

#[tokio::test]
async fn what_a_page_loads_is_named_by_its_content_and_kept_for_ever() {
    let stage = Stage::open().await;
    let (_, id) = created(&stage).await;
    let html = page(&stage, &id, HTML).await.text().to_owned();
    let assets: Vec<_> = html.split("href=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    assert_eq!(assets.len(), 2, "{html}");
    for (path, media) in assets.into_iter().zip(["image/svg+xml", "text/css; charset=utf-8"]) {
        let asset = stage.answer(Call::get(path)).await;
        assert_eq!((asset.status().as_u16(), asset.header("content-type")), (200, media), "{path}");
        assert_eq!(asset.header("cache-control"), "public, max-age=31536000, immutable");
        assert_refused(&stage.answer(Call::post(path)).await, 405, "METHOD_NOT_ALLOWED");
    }
    for path in ["/assets/tollgate.css", "/assets/tollgate.0000000000000000.css", "/assets/%ff", "/assets/"] {
        assert_refused(&stage.answer(Call::get(path)).await, 404, "NOT_FOUND");
    }
}

#[tokio::test]
async fn a_decision_whose_answer_was_lost_is_not_called_unsaved() {
    let faults = Faults::default();
    let stage = Stage::with(&[], |store| faults.in_front_of(store)).await;
    let (token, id) = created(&stage).await;
    faults.set("change_document", Fault::AnswerLost);
    let reply = decide(&stage, &id, "decision=approve", HTML).await;
    assert_html(&reply, 503);
    assert!(reply.text().contains("if your decision was saved, it is shown there"), "{}", reply.text());
    assert_refused(&decide(&stage, &id, "decision=approve", "*/*").await, 503, "OUTCOME_UNKNOWN");
    faults.clear();
    assert_eq!(shown(&stage, &token, &id).await["status"], "approved");
}
