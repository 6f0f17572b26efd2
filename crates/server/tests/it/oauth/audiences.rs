//! Audiences, each with its own algorithm: what their tokens are like, who gets them, and where they are good.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tollgate_admin::keys;
use tollgate_core::{
    Algorithm, Jwk, KeyId, PayloadBuffer, Policy, Timestamp, TokenError, TokenKind, VerifyingKey,
    VerifyingRing,
};

use super::{grant, post_as, said, tokens};
use crate::call::{Call, KEYS, OAUTH_TOKEN, TOKEN, assert_oauth_refused, assert_refused, claims};
use crate::stage::{Credentials, Kind, SYSTEM, Stage};

const LEDGER: &str = "https://ledger.example.com";
const REPORTS: &str = "https://reports.example.com";
const AUDIENCES: (&str, &str) =
    ("TOLLGATE_AUDIENCES", "https://ledger.example.com=ES256, https://reports.example.com=EdDSA");

async fn open(settings: &[(&str, &str)]) -> Stage {
    Stage::with(settings, |store| Arc::new(store)).await
}

/// A stage with both audiences, and a client that may have tokens for them and for the default one.
async fn stage() -> (Stage, Credentials) {
    let mut stage = open(&[AUDIENCES]).await;
    let client = stage.client(Kind { audiences: &["payment-api", LEDGER, REPORTS], ..stage.kind() }).await;
    (stage, client)
}

async fn key_set(stage: &Stage) -> Vec<VerifyingKey> {
    let json = stage.answer(Call::get(KEYS)).await.json();
    let keys = json["keys"].as_array().unwrap().iter();
    keys.map(|key| {
        let jwk: Jwk<'_> = serde_json::from_value(key.clone()).unwrap();
        VerifyingKey::public(jwk.kid.as_ref().unwrap().parse().unwrap(), jwk.public_key().unwrap())
    })
    .collect()
}

/// What a resource server says that has read nothing but the published keys.
async fn elsewhere(stage: &Stage, audience: &str, token: &str, now: Timestamp) -> Result<(), TokenError> {
    let policy = Policy { audience: audience.to_owned(), ..stage.config.token_policy() };
    let keyring = VerifyingRing::new(policy, key_set(stage).await);
    keyring.verify(TokenKind::Access, token.as_bytes(), now, &mut PayloadBuffer::new()).map(drop)
}

async fn token_for(stage: &Stage, client: &Credentials, target: &str) -> Value {
    let form = format!("grant_type=client_credentials&{target}");
    said(&stage.answer(post_as(client, OAUTH_TOKEN, &form)).await)
}

async fn introspect(stage: &Stage, of: &Credentials, token: &str) -> Value {
    said(&super::introspect(stage, of, token).await)
}

fn header(token: &str) -> Value {
    use base64::Engine;
    let (header, _) = token.split_once('.').unwrap();
    let decoded = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(header).unwrap();
    serde_json::from_slice(&decoded).unwrap()
}

#[tokio::test]
async fn a_client_gets_a_token_for_the_api_that_it_names() {
    let (stage, client) = stage().await;
    for (target, audience, algorithm) in [
        (String::new(), "payment-api", "HS256"),
        ("resource=payment-api".to_owned(), "payment-api", "HS256"),
        (format!("resource={LEDGER}"), LEDGER, "ES256"),
        (format!("audience={LEDGER}"), LEDGER, "ES256"),
        (format!("resource={LEDGER}&audience={LEDGER}&resource={LEDGER}"), LEDGER, "ES256"),
        (format!("resource={REPORTS}"), REPORTS, "EdDSA"),
    ] {
        let answer = token_for(&stage, &client, &target).await;
        let token = answer["access_token"].as_str().unwrap();
        assert_eq!((&claims(token)["aud"], &header(token)["alg"]), (&json!(audience), &json!(algorithm)));
    }
    for target in [
        "resource=https://other.example.com".to_owned(),
        "resource=".to_owned(),
        format!("resource={LEDGER}&resource={REPORTS}"),
        format!("resource={LEDGER}&audience={REPORTS}"),
    ] {
        let form = format!("grant_type=client_credentials&{target}");
        let reply = stage.answer(post_as(&client, OAUTH_TOKEN, &form)).await;
        assert_oauth_refused(&reply, 400, "invalid_target");
    }
}

#[tokio::test]
async fn a_client_without_audiences_gets_tokens_for_the_default_one_alone() {
    let (mut stage, _) = stage().await;
    let shop = stage.shop.clone();
    let answer = token_for(&stage, &shop, "resource=payment-api").await;
    assert_eq!(claims(answer["access_token"].as_str().unwrap())["aud"], "payment-api");
    let form = format!("grant_type=client_credentials&resource={LEDGER}");
    assert_oauth_refused(&stage.answer(post_as(&shop, OAUTH_TOKEN, &form)).await, 400, "invalid_target");

    // One that has others gets the first of them where it names none, and none for the default one.
    let of_the_ledger = stage.client(Kind { audiences: &[LEDGER, REPORTS], ..stage.kind() }).await;
    let answer = token_for(&stage, &of_the_ledger, "").await;
    assert_eq!(claims(answer["access_token"].as_str().unwrap())["aud"], LEDGER);
    let data = stage.answer(Call::post(TOKEN).json(&of_the_ledger.body())).await.data();
    assert_eq!(claims(data["access_token"].as_str().unwrap())["aud"], LEDGER);
    let form = "grant_type=client_credentials&resource=payment-api";
    assert_oauth_refused(
        &stage.answer(post_as(&of_the_ledger, OAUTH_TOKEN, form)).await,
        400,
        "invalid_target",
    );
}

#[tokio::test]
async fn a_client_whose_audience_is_configured_no_more_is_told_so() {
    let mut stage = Stage::open().await;
    let of_the_ledger = stage.client(Kind { audiences: &[LEDGER], ..stage.kind() }).await;
    let reply = stage.answer(Call::post(TOKEN).json(&of_the_ledger.body())).await;
    assert_eq!(reply.fields(), ["client_id"]);
    assert!(reply.text().contains(LEDGER), "{}", reply.text());
    let form = "grant_type=client_credentials";
    let reply = stage.answer(post_as(&of_the_ledger, OAUTH_TOKEN, form)).await;
    assert_oauth_refused(&reply, 400, "invalid_target");
}

#[tokio::test]
async fn a_token_of_each_algorithm_is_verified_with_the_published_keys_and_says_what_rfc_9068_asks() {
    for algorithm in ["ES256", "EdDSA", "PS256", "RS256"] {
        let stage = open(&[("TOLLGATE_TOKENS__ALGORITHM", algorithm)]).await;
        let issued = tokens(&said(&grant(&stage, &stage.shop, "").await));
        let head = header(&issued.access);
        assert_eq!((&head["alg"], &head["typ"]), (&json!(algorithm), &json!("at+jwt")));
        let claims = claims(&issued.access);
        for name in ["iss", "exp", "aud", "sub", "client_id", "iat", "jti", "scope", "merchant_id", "env"] {
            assert!(!claims[name].is_null(), "{algorithm} {name}");
        }
        assert_eq!(claims["client_id"], claims["sub"]);
        assert_eq!(header(&issued.refresh), json!({"alg": "HS256", "typ": "JWT"}));

        let now = stage.now();
        assert_eq!(elsewhere(&stage, "payment-api", &issued.access, now).await, Ok(()));
        assert_eq!(elsewhere(&stage, LEDGER, &issued.access, now).await, Err(TokenError::Audience));
        let expired = now.after(Duration::from_secs(900));
        assert_eq!(elsewhere(&stage, "payment-api", &issued.access, expired).await, Err(TokenError::Expired));
        let refresh = elsewhere(&stage, "payment-api", &issued.refresh, now).await;
        assert_eq!(refresh, Err(TokenError::Signature), "nobody elsewhere can verify it");

        // It is as good here as one of HS256.
        assert_eq!(stage.list(&issued.access).await.status(), 200);
        let refreshed = stage.refresh(&issued.refresh).await.data();
        let refreshed = refreshed["access_token"].as_str().unwrap();
        assert_eq!(header(refreshed)["alg"], algorithm);
        assert_eq!(stage.list(refreshed).await.status(), 200);
        assert_refused(&stage.list(&issued.refresh).await, 401, "INVALID_TOKEN");
        assert_refused(&stage.refresh(&issued.access).await, 401, "INVALID_TOKEN");
    }
}

#[tokio::test]
async fn a_token_for_another_api_opens_nothing_here_and_is_introspected_by_those_that_have_it() {
    let (mut stage, client) = stage().await;
    let ledger = token_for(&stage, &client, &format!("resource={LEDGER}")).await;
    let ledger = tokens(&ledger);
    assert_refused(&stage.list(&ledger.access).await, 401, "INVALID_TOKEN");
    let of_the_ledger = stage.client(Kind { audiences: &[LEDGER], ..stage.kind() }).await;
    assert_eq!(introspect(&stage, &of_the_ledger, &ledger.access).await["active"], true);
    assert_eq!(introspect(&stage, &of_the_ledger, &ledger.access).await["aud"], LEDGER);
    assert_eq!(introspect(&stage, &stage.shop, &ledger.access).await, json!({"active": false}));
    let default = stage.tokens(&stage.shop).await.access;
    assert_eq!(introspect(&stage, &of_the_ledger, &default).await, json!({"active": false}));
    assert_eq!(introspect(&stage, &client, &default).await["active"], true);
}

#[tokio::test]
async fn the_next_token_is_for_the_api_of_the_refresh_token() {
    let (stage, client) = stage().await;
    let ledger = tokens(&token_for(&stage, &client, &format!("resource={LEDGER}")).await);
    let refresh = async |target: &str| {
        let form = format!("grant_type=refresh_token&refresh_token={}{target}", ledger.refresh);
        stage.answer(post_as(&client, OAUTH_TOKEN, &form)).await
    };
    for target in [String::new(), format!("&resource={LEDGER}")] {
        let answer = said(&refresh(&target).await);
        let token = answer["access_token"].as_str().unwrap();
        assert_eq!((&claims(token)["aud"], &header(token)["alg"]), (&json!(LEDGER), &json!("ES256")));
    }
    assert_oauth_refused(&refresh(&format!("&resource={REPORTS}")).await, 400, "invalid_target");
    let data = stage.refresh(&ledger.refresh).await.data();
    assert_eq!(claims(data["access_token"].as_str().unwrap())["aud"], LEDGER);
}

#[tokio::test]
async fn an_audience_has_a_lifetime_of_its_own_if_it_likes() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("tollgate.toml");
    std::fs::write(
        &file,
        format!("[[audiences]]\nname = \"{LEDGER}\"\nalgorithm = \"ES256\"\naccess_ttl = \"5m\"\n"),
    )
    .unwrap();
    let none: [(&str, &str); 0] = [];
    let config = tollgate_config::Config::load(Some(&file), none).unwrap();
    assert_eq!(config.access_tokens(LEDGER).unwrap().lifetime, Duration::from_secs(300));
    assert_eq!(config.default_access_tokens().lifetime, Duration::from_secs(900));
    let shown = config.to_redacted_toml();
    std::fs::write(&file, &shown).unwrap();
    assert_eq!(tollgate_config::Config::load(Some(&file), none).unwrap(), config, "{shown}");
}

#[tokio::test]
async fn the_key_set_has_an_entity_tag_and_is_not_sent_again() {
    let stage = open(&[("TOLLGATE_TOKENS__ALGORITHM", "ES256")]).await;
    let reply = stage.answer(Call::get(KEYS)).await;
    let tag = reply.header("etag").to_owned();
    assert_eq!(reply.header("cache-control"), "public, max-age=300");
    for known in [tag.clone(), format!("W/{tag}"), format!("\"x\", {tag}"), "*".to_owned()] {
        let again = stage.answer(Call::get(KEYS).header("if-none-match", &known)).await;
        assert_eq!(
            (again.status().as_u16(), again.text(), again.header("etag")),
            (304, "", &*tag),
            "{known}"
        );
    }
    let other = stage.answer(Call::get(KEYS).header("if-none-match", "\"x\"")).await;
    assert_eq!((other.status().as_u16(), other.text()), (200, reply.text()));
}

#[tokio::test]
async fn keys_of_every_algorithm_rotate_without_one_false_refusal_of_whoever_keeps_the_key_set() {
    for algorithm in [Algorithm::Es256, Algorithm::EdDsa, Algorithm::Ps256, Algorithm::Rs256] {
        let stage = open(&[("TOLLGATE_TOKENS__ALGORITHM", algorithm.as_str())]).await;
        // One that reads the key set as seldom as it may.
        let mut kept = key_set(&stage).await;
        let mut read_at = stage.now();
        let mut issued: Vec<(Timestamp, String)> = Vec::new();
        for minute in 0..40 {
            if minute == 10 {
                keys::rotate(&stage.installation.administration(), algorithm, &SYSTEM).await.unwrap();
                stage.follow().await;
            }
            if stage.now().since(read_at) >= Duration::from_secs(300) {
                (kept, read_at) = (key_set(&stage).await, stage.now());
            }
            let token = stage.tokens(&stage.shop).await.access;
            issued.push((stage.now(), token));
            issued.retain(|(at, _)| stage.now().since(*at) < Duration::from_secs(900));
            let keyring = VerifyingRing::new(stage.config.token_policy(), kept.clone());
            for (_, token) in &issued {
                let mut buffer = PayloadBuffer::new();
                let verdict = keyring.verify(TokenKind::Access, token.as_bytes(), stage.now(), &mut buffer);
                assert!(verdict.is_ok(), "{algorithm} in minute {minute}: {verdict:?}");
                assert_eq!(stage.list(token).await.status(), 200, "{algorithm} in minute {minute}");
            }
            stage.advance(Duration::from_secs(60)).await;
        }
        let signers: std::collections::HashSet<_> =
            issued.iter().map(|(_, token)| header(token)["kid"].to_string()).collect();
        assert_eq!(key_set(&stage).await.len(), 2, "the former key still verifies");
        assert_eq!(signers.len(), 1, "only the new key signs");
    }
}

#[tokio::test]
async fn a_compromised_key_is_published_no_more_and_the_other_algorithms_go_on() {
    let stage = open(&[("TOLLGATE_TOKENS__ALGORITHM", "ES256")]).await;
    let old = stage.tokens(&stage.shop).await;
    let admin = stage.installation.administration();
    let added = keys::replace_compromised(&admin, Algorithm::Es256, &SYSTEM).await.unwrap();
    stage.follow().await;
    assert_refused(&stage.list(&old.access).await, 401, "INVALID_TOKEN");
    let ids: Vec<KeyId> = key_set(&stage).await.iter().map(VerifyingKey::id).collect();
    assert_eq!(ids, [added.id]);
    let refreshed = stage.refresh(&old.refresh).await;
    assert_eq!(refreshed.status(), 200, "its key, of HS256, is in nobody's hands");
    assert_eq!(stage.list(refreshed.data()["access_token"].as_str().unwrap()).await.status(), 200);
}

#[tokio::test]
async fn an_audience_changes_its_algorithm_without_one_false_refusal() {
    let stage = open(&[]).await;
    let before = stage.tokens(&stage.shop).await;
    let added = keys::create(&stage.installation.administration(), Algorithm::Es256, &SYSTEM).await.unwrap();
    stage.follow().await;
    // Whoever verifies elsewhere can read the key before anything is signed with it.
    assert_eq!(key_set(&stage).await.iter().map(VerifyingKey::id).collect::<Vec<_>>(), [added.id]);
    let again = keys::create(&stage.installation.administration(), Algorithm::Es256, &SYSTEM).await;
    assert!(again.unwrap_err().to_string().contains("key rotate --algorithm ES256"));
    let stage = stage.restarted_with(&[("TOLLGATE_TOKENS__ALGORITHM", "ES256")]).await;
    let after = stage.tokens(&stage.shop).await;
    assert_eq!(header(&after.access)["kid"], added.id.to_string());
    for access in [&before.access, &after.access] {
        assert_eq!(stage.list(access).await.status(), 200);
    }
    for refresh in [&before.refresh, &after.refresh] {
        assert_eq!(stage.refresh(refresh).await.status(), 200);
    }
}

#[test]
fn what_is_wrong_with_an_audience_is_named_with_its_place() {
    let listen = "127.0.0.1:8080".parse().unwrap();
    for (audiences, expected) in [
        ("https://ledger.example.com", "number 1: tables with"),
        ("a=ES256, b=HS512", "number 2: an algorithm is one of"),
        ("a b=ES256", "number 1: an audience is"),
        ("a=ES256, a=RS256", "a is there twice"),
        ("payment-api=ES256", "is the default audience already"),
    ] {
        let refused = tollgate_config::Config::dev(
            listen,
            std::path::Path::new("data"),
            [("TOLLGATE_AUDIENCES", audiences)],
        );
        let refused = refused.unwrap_err().to_string();
        assert!(refused.contains(expected), "{audiences}: {refused}");
    }
}
