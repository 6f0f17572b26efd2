//! No secret and no whole token is in any byte that reaches the browser.

use tollgate_core::Environment;

use super::Visitor;
use crate::stage::{Kind, Stage};

/// Every act, each at least once with a token and once without.
const ACTS: [&str; 14] = [
    "call",
    "issue",
    "call",
    "call-without",
    "call-changed",
    "call-expired",
    "call-refresh",
    "pay",
    "replay",
    "reuse",
    "race",
    "kit",
    "call-revoked",
    "refresh",
];

#[tokio::test]
async fn neither_secrets_nor_whole_tokens_reach_the_browser() {
    let mut stage = Stage::open().await;
    // A secret that was imported has no prefix by which it would be known.
    let imported = "imported-secret-that-nobody-knows";
    let imported_client = stage.client(Kind { secret: Some(imported), ..stage.kind() }).await;
    let mut demo = Visitor::of_the_demo(&stage).await;
    press_all(&mut demo, &stage.shop.secret).await;
    for (id, secret) in
        [(stage.shop.id, stage.shop.secret.clone()), (imported_client.id, imported.to_owned())]
    {
        let mut visitor = Visitor::of_production(&stage).await;
        visitor.sign_in(&id.to_string(), "wrong-secret-0123456789").await;
        assert!(visitor.sign_in(&id.to_string(), &secret).await.contains("Forget this client"));
        visitor.seen.retain(|seen| !seen.is_empty());
        press_all(&mut visitor, &secret).await;
        assert_not_in(&visitor, "wrong-secret-0123456789");
    }
}

async fn press_all(visitor: &mut Visitor, secret: &str) {
    for act in ACTS {
        visitor.press(act).await;
    }
    assert_not_in(visitor, secret);
    assert_not_in(visitor, &form_urlencoded(secret));
    let tokens = visitor.kit.tokens.lock().unwrap().clone();
    assert!(tokens.len() >= 3, "the kit has got tokens");
    for token in tokens {
        assert_not_in(visitor, token.rsplit('.').next().unwrap());
    }
    // What every token begins with: {"alg":"HS256","typ":"JWT"}.
    let header = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.";
    let cut = visitor.seen.iter().map(|seen| seen.matches(header).count()).sum::<usize>();
    assert!(cut > 20, "tokens were shown");
    for seen in &visitor.seen {
        for word in seen.split(|letter: char| !letter.is_ascii_alphanumeric() && !"-_.".contains(letter)) {
            assert!(!is_whole_token(word), "{word}");
        }
    }
}

/// Basic credentials would show a secret in base64.
fn form_urlencoded(secret: &str) -> String {
    use base64::Engine as _;
    let encoded = base64::engine::general_purpose::STANDARD.encode(format!("{}:{secret}", "x".repeat(36)));
    encoded[49..encoded.len() - 4].to_owned()
}

fn is_whole_token(word: &str) -> bool {
    let segments: Vec<_> = word.split('.').collect();
    segments.len() == 3 && segments[0].starts_with("eyJ") && segments.iter().all(|segment| segment.len() > 8)
}

#[track_caller]
fn assert_not_in(visitor: &Visitor, canary: &str) {
    for seen in &visitor.seen {
        assert!(!seen.contains(canary), "{canary} reached the browser: {seen}");
    }
}

#[test]
fn a_whole_token_would_have_been_found() {
    assert!(is_whole_token("eyJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJ4In0.c2lnbmF0dXJl"));
    assert!(!is_whole_token("eyJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJ4In0."));
}

#[tokio::test]
async fn live_credentials_are_refused_and_not_kept() {
    let mut stage = Stage::open().await;
    let kind = Kind { environment: Environment::Live, ..stage.kind() };
    let live = stage.client(kind).await;
    let mut visitor = Visitor::of_production(&stage).await;
    // The stage's secrets have the prefix of the test environment, so that this one is found out by its client.
    for secret in [live.secret.as_str(), "tg_live_0123456789"] {
        let page = visitor.sign_in(&live.id.to_string(), secret).await;
        assert!(
            page.contains("These are live credentials") && page.contains("Which client are you?"),
            "{page}"
        );
        assert!(visitor.press("issue").await.contains("First say which client you are."));
        assert_not_in(&visitor, secret);
    }
}
