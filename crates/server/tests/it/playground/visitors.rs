//! Who is kept out, and what a visit is bound to.

use std::time::Duration;

use super::{HOST, PATH, Visitor, with_playground};
use crate::call::{Call, assert_refused};
use crate::stage::{PEER, Stage, answer};

#[tokio::test]
async fn another_site_can_not_send_a_form() {
    let stage = Stage::open().await;
    let mut visitor = Visitor::of_the_demo(&stage).await;
    for (name, value) in [
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
        ("sec-fetch-site", "none"),
        ("origin", "https://evil.example"),
        ("origin", "http://127.0.0.1:8081"),
        ("origin", "null"),
    ] {
        let call = visitor.form("issue", "").await.header(name, value);
        let refused = visitor.send(call).await;
        assert_eq!(refused.status(), 403, "{name}: {value}");
        assert!(refused.text().contains("Sent by another site"), "{}", refused.text());
    }
    assert!(!visitor.look().await.text().contains("id=\"life\""), "nothing was done");
    let call = visitor.form("issue", "").await.header("origin", format!("http://{HOST}"));
    assert_eq!(visitor.send(call).await.status(), 303);
}

#[tokio::test]
async fn a_form_is_taken_with_the_token_and_the_cookie_of_one_session_only() {
    let stage = Stage::open().await;
    let mut visitor = Visitor::of_the_demo(&stage).await;
    let own = visitor.cookie.clone();
    let form =
        |token: &str| Call::post(PATH).header("host", HOST).form(&format!("form_token={token}&act=issue"));
    let token = visitor.form_token().await;
    visitor.cookie = String::new();
    let anothers = visitor.form_token().await;
    let mut refused = vec![visitor.send(form(&token)).await];
    visitor.cookie.clone_from(&own);
    for token in ["", "x", &anothers, &format!("{token}x")] {
        refused.push(visitor.send(form(token)).await);
    }
    visitor.cookie = own.replace("tollgate-playground=", "tollgate-playground=x");
    refused.push(visitor.send(form(&token)).await);
    for refused in refused {
        assert_eq!(refused.status(), 403);
        assert!(refused.text().contains("Your visit has ended"), "{}", refused.text());
    }
    visitor.cookie = own;
    assert_eq!(visitor.send(form(&token)).await.status(), 303);
}

#[tokio::test]
async fn what_is_no_form_of_the_page_is_refused() {
    let stage = Stage::open().await;
    let mut visitor = Visitor::of_the_demo(&stage).await;
    let token = visitor.form_token().await;
    let post = || Call::post(PATH).header("host", HOST);
    for call in [
        post().form(&format!("form_token={token}&act=")),
        post().form(&format!("form_token={token}&act=explode")),
        post().form(&format!("form_token={token}&act=issue&act=call")),
        post().body("application/json", format!(r#"{{"form_token":"{token}","act":"issue"}}"#)),
        post().raw(format!("form_token={token}&act=issue")),
    ] {
        let refused = visitor.send(call).await;
        assert_eq!(refused.status(), 400, "{}", refused.text());
    }
    let long = post().form(&format!("form_token={token}&act=issue&x={}", "x".repeat(8 * 1024)));
    assert_eq!(visitor.send(long).await.status(), 413);
}

#[tokio::test]
async fn a_name_that_is_not_the_servers_leads_nowhere() {
    let stage = Stage::open().await;
    let mut visitor = Visitor::of_the_demo(&stage).await;
    for host in
        ["evil.example:8080", "127.0.0.1.evil.example", "localhost.evil.example:8080", "evil", "a b", ""]
    {
        let refused = visitor.send(Call::get(PATH).header("host", host)).await;
        assert_eq!(refused.status(), 403, "{host}");
        assert!(refused.header("set-cookie").is_empty(), "{host}");
        let call = Call::post(PATH).header("host", host).form("act=issue");
        assert_eq!(visitor.send(call).await.status(), 403, "{host}");
    }
    for host in [HOST, "localhost:8080", "192.168.1.7:8080", "[::1]:8080", "LOCALHOST"] {
        assert_eq!(visitor.send(Call::get(PATH).header("host", host)).await.status(), 200, "{host}");
    }
}

#[tokio::test]
async fn a_page_has_these_headers_and_a_cookie_that_scripts_can_not_read() {
    let stage = Stage::open().await;
    let mut visitor = Visitor::of_the_demo(&stage).await;
    visitor.cookie = String::new();
    let page = visitor.look().await;
    assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
    assert_eq!(page.header("cache-control"), "no-store");
    assert_eq!(page.header("referrer-policy"), "same-origin");
    assert_eq!(page.header("x-content-type-options"), "nosniff");
    assert_eq!(
        page.header("content-security-policy"),
        "default-src 'none'; style-src 'self'; img-src 'self'; script-src 'self'; connect-src 'self'; \
         form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    );
    let (_, attributes) = page.header("set-cookie").split_once("; ").unwrap();
    assert_eq!(attributes, "Path=/playground; HttpOnly; SameSite=Strict");
    let again = Visitor::of_the_demo(&stage).await.look().await;
    assert!(again.header("set-cookie").is_empty(), "the session is there");
}

#[tokio::test]
async fn over_https_the_cookie_is_bound_to_the_host() {
    let settings = [("TOLLGATE_PUBLIC_URL", "https://pay.example.com")];
    let stage = Stage::with(&settings, |store| std::sync::Arc::new(store)).await;
    let mut visitor = Visitor::of_the_demo(&stage).await;
    visitor.cookie = String::new();
    visitor.host = "pay.example.com";
    let page = visitor.look().await;
    let (name, attributes) = page.header("set-cookie").split_once('=').unwrap();
    assert_eq!(name, "__Host-tollgate-playground");
    assert!(attributes.ends_with("; Path=/; Secure; HttpOnly; SameSite=Strict"), "{attributes}");
}

#[tokio::test]
async fn the_demo_client_is_lent_to_this_machine_only() {
    let stage = Stage::open().await;
    let mut visitor = Visitor::of_the_demo(&stage).await;
    assert!(visitor.look().await.text().contains("demo client"));
    visitor.cookie = String::new();
    visitor.from = PEER;
    let page = visitor.look().await;
    assert!(page.text().contains("Which client are you?"), "{}", page.text());
}

#[tokio::test]
async fn a_visit_ends_after_half_an_hour_of_nothing() {
    let stage = Stage::open().await;
    let mut visitor = Visitor::of_the_demo(&stage).await;
    visitor.press("issue").await;
    let call = visitor.form("call", "").await;
    stage.clock.advance(Duration::from_secs(30 * 60));
    let refused = visitor.send(call).await;
    assert_eq!(refused.status(), 403);
    assert!(refused.text().contains("Your visit has ended"), "{}", refused.text());
    let page = visitor.look().await;
    assert!(!page.header("set-cookie").is_empty() && !page.text().contains("id=\"life\""));
}

#[tokio::test]
async fn who_guesses_credentials_is_held_off_as_at_the_token_endpoint() {
    let stage = Stage::open().await;
    let mut visitor = Visitor::of_production(&stage).await;
    let id = stage.shop.id.to_string();
    let unknown = "00000000-0000-4000-8000-000000000000";
    for (id, secret, problem) in [
        (id.as_str(), "wrong", "its secret is wrong or no longer valid"),
        (unknown, "wrong", "its secret is wrong or no longer valid"),
        (unknown, "", "The secret is missing."),
        ("no-id", "wrong", "A client id is a UUID"),
        ("", "", "The client id is missing."),
    ] {
        let page = visitor.sign_in(id, secret).await;
        assert!(page.contains(problem), "{id}: {page}");
    }
    for _ in 0..30 {
        visitor.sign_in(&id, "wrong").await;
    }
    assert!(visitor.sign_in(&id, &stage.shop.secret).await.contains("Too many failed attempts"));
}

#[tokio::test]
async fn there_is_no_playground_without_the_sandbox_or_without_being_wired() {
    let settings = [("TOLLGATE_SANDBOX", "false")];
    let stage = Stage::with(&settings, |store| std::sync::Arc::new(store)).await;
    let server = with_playground(&stage.installation, std::sync::Arc::new(super::PlainKit::default()), None);
    for call in [Call::get(PATH), Call::post(PATH).form("act=issue")] {
        let call = call.header("host", HOST);
        assert_refused(&answer(&server, PEER, call.clone().whole()).await, 404, "NOT_FOUND");
        assert_refused(&Stage::open().await.answer(call).await, 404, "NOT_FOUND");
    }
}

#[tokio::test]
async fn other_methods_and_paths_are_answered_as_elsewhere() {
    let stage = Stage::open().await;
    let mut visitor = Visitor::of_the_demo(&stage).await;
    assert_refused(&visitor.send(Call::new("DELETE", PATH)).await, 405, "METHOD_NOT_ALLOWED");
    assert_refused(&visitor.send(Call::get("/playground/")).await, 404, "NOT_FOUND");
    let head = visitor.send(Call::new("HEAD", PATH).header("host", HOST)).await;
    assert_eq!((head.status().as_u16(), head.text()), (200, ""));
}
