//! `POST /oauth2/introspect`.

use std::time::Duration;

use serde_json::{Value, json};
use tollgate_admin::open_signing_keys;
use tollgate_core::{Algorithm, Claims, Environment, PayloadBuffer, Policy, Revocation, Revoked, TokenKind};
use tollgate_keys::SigningRing;
use tollgate_store::Status;

use super::{introspect, post_as, refresh, said, tokens};
use crate::call::{Call, INTROSPECT, Reply, assert_oauth_refused, claims};
use crate::faults::{Fault, Faults};
use crate::stage::{ACT, Credentials, Kind, NOW, Stage, master_key};

#[track_caller]
fn assert_inactive(answer: &Value) {
    assert_eq!(*answer, json!({"active": false}));
}

#[tokio::test]
async fn a_good_token_says_what_it_is() {
    let stage = Stage::open().await;
    let issued = stage.tokens(&stage.shop).await;
    let answer = said(&introspect(&stage, &stage.shop, &issued.access).await);
    let mut expected = json!({
        "active": true,
        "scope": "payments:read payments:write",
        "client_id": stage.shop.id,
        "token_type": "Bearer",
        "exp": NOW.seconds() + 900,
        "iat": NOW.seconds(),
        "sub": stage.shop.id,
        "aud": "payment-api",
        "iss": "http://127.0.0.1:8080",
        "jti": claims(&issued.access)["jti"],
        "merchant_id": stage.merchant,
        "env": "test",
    });
    assert_eq!(answer, expected);
    // A refresh token has no token type.
    let answer = said(&introspect_refresh(&stage, &stage.shop, &issued.refresh).await);
    expected.as_object_mut().unwrap().remove("token_type");
    expected["exp"] = json!(NOW.seconds() + 86_400);
    expected["jti"] = claims(&issued.refresh)["jti"].clone();
    assert_eq!(answer, expected);
}

#[tokio::test]
async fn a_token_bound_to_networks_says_so() {
    let mut stage = Stage::open().await;
    let bound = stage.client(Kind { addresses: &["198.51.100.0/24"], ..stage.kind() }).await;
    let issued = stage.tokens(&bound).await;
    assert_eq!(said(&introspect(&stage, &stage.shop, &issued.access).await)["net"], "198.51.100.0/24");
}

/// Introspects a token as the refresh token that it is said to be.
async fn introspect_refresh(stage: &Stage, of: &Credentials, token: &str) -> Reply {
    stage.answer(post_as(of, INTROSPECT, &format!("token={token}&token_type_hint=refresh_token"))).await
}

#[tokio::test]
async fn a_hint_hides_no_access_token() {
    let stage = Stage::open().await;
    let issued = stage.tokens(&stage.shop).await;
    for hint in ["access_token", "refresh_token", "saml2", "", "%22"] {
        let form = format!("token={}&token_type_hint={hint}", issued.access);
        let answer = said(&stage.answer(post_as(&stage.shop, INTROSPECT, &form)).await);
        assert_eq!(
            (&answer["active"], &answer["jti"]),
            (&json!(true), &claims(&issued.access)["jti"]),
            "{hint}"
        );
    }
}

/// A resource server that was sent a refresh token asks without a hint, or for an access token, and as another client.
#[tokio::test]
async fn a_refresh_token_is_active_only_by_its_name_and_for_its_own_client() {
    let mut stage = Stage::open().await;
    let colleague = stage.client(stage.kind()).await;
    let operator = stage.client(Kind { merchant: None, ..stage.kind() }).await;
    let issued = stage.tokens(&stage.shop).await;
    let by_hint = |hint: &str| format!("token={}{hint}", issued.refresh);
    for hint in ["", "&token_type_hint=", "&token_type_hint=access_token", "&token_type_hint=Refresh_Token"] {
        let reply = stage.answer(post_as(&stage.shop, INTROSPECT, &by_hint(hint))).await;
        assert_inactive(&said(&reply));
    }
    for other in [&colleague, &operator, &stage.rival] {
        assert_inactive(&said(&introspect_refresh(&stage, other, &issued.refresh).await));
        assert_inactive(&said(&introspect(&stage, other, &issued.refresh).await));
    }
    assert_eq!(said(&introspect_refresh(&stage, &stage.shop, &issued.refresh).await)["active"], true);
}

#[tokio::test]
async fn a_token_for_another_audience_is_inactive() {
    let stage = Stage::open().await;
    let policy = Policy { audience: "https://ledger.example.com".into(), ..stage.config.token_policy() };
    let keys =
        open_signing_keys(&stage.elsewhere.signing_keys().await.unwrap(), &master_key().into()).unwrap();
    let issued = stage.tokens(&stage.shop).await;
    for (kind, token) in [(TokenKind::Access, &issued.access), (TokenKind::Refresh, &issued.refresh)] {
        let mut buffer = PayloadBuffer::new();
        let verifier = stage.installation.verifier();
        let claims = verifier.verify(kind, token.as_bytes(), NOW, &mut buffer).unwrap();
        let foreign = Claims { audience: &policy.audience, ..claims };
        let mut token = Vec::new();
        SigningRing::new(&policy.issuer, keys.clone())
            .mint(kind, Algorithm::Hs256, &foreign, NOW, &mut token)
            .unwrap();
        let token = String::from_utf8(token).unwrap();
        assert_inactive(&said(&introspect(&stage, &stage.shop, &token).await));
        assert_inactive(&said(&introspect_refresh(&stage, &stage.shop, &token).await));
    }
}

#[tokio::test]
async fn a_client_sees_the_tokens_of_its_merchant_and_environment() {
    let mut stage = Stage::open().await;
    let colleague = stage.client(stage.kind()).await;
    let live = stage.client(Kind { environment: Environment::Live, ..stage.kind() }).await;
    let operator = stage.client(Kind { merchant: None, ..stage.kind() }).await;
    let live_operator =
        stage.client(Kind { merchant: None, environment: Environment::Live, ..stage.kind() }).await;
    let clients = [&stage.shop, &colleague, &stage.rival, &live, &operator, &live_operator];
    // Who (a row) sees whose access tokens (a column), in that order.
    let sees = [
        [true, true, false, false, false, false],
        [true, true, false, false, false, false],
        [false, false, true, false, false, false],
        [false, false, false, true, false, false],
        [true, true, true, false, true, false],
        [false, false, false, true, false, true],
    ];
    for (whose, column) in clients.into_iter().zip(0..) {
        let issued = stage.tokens(whose).await;
        for (who, row) in clients.into_iter().zip(sees) {
            let answer = said(&introspect(&stage, who, &issued.access).await);
            if row[column] {
                assert_eq!((&answer["active"], &answer["sub"]), (&json!(true), &json!(whose.id)));
            } else {
                assert_inactive(&answer);
            }
            let answer = said(&introspect_refresh(&stage, who, &issued.refresh).await);
            assert_eq!(answer["active"], who.id == whose.id);
        }
    }
}

#[tokio::test]
async fn an_operators_token_acts_for_no_single_merchant() {
    let mut stage = Stage::open().await;
    let operator = stage.client(Kind { merchant: None, ..stage.kind() }).await;
    let issued = stage.tokens(&operator).await;
    let answer = said(&introspect(&stage, &operator, &issued.access).await);
    assert_eq!((&answer["active"], answer.get("merchant_id")), (&json!(true), None));
}

#[tokio::test]
async fn what_is_no_good_token_is_inactive_and_nothing_more() {
    let mut stage = Stage::open().await;
    let issued = stage.tokens(&stage.shop).await;
    let (signed, signature) = issued.access.rsplit_once('.').unwrap();
    let (other, _) = issued.refresh.rsplit_once('.').unwrap();
    for token in [
        "x",
        ".",
        "%00",
        "%C3%A9",
        &format!("{signed}."),
        &format!("{other}.{signature}"),
        &format!("{}%3D", issued.access),
        &format!("+{}", issued.access),
        &"e".repeat(60_000),
    ] {
        assert_inactive(&said(&introspect(&stage, &stage.shop, token).await));
    }

    let revoked = stage.tokens(&stage.shop).await;
    let revocation = Revocation {
        subject: Revoked::Secret(stage.shop.secret_id),
        expires_at: stage.now().after(Duration::from_secs(86_400)),
    };
    let colleague = stage.client(stage.kind()).await;
    stage.elsewhere.revoke(&revocation, stage.now(), &ACT).await.unwrap();
    stage.follow().await;
    assert_inactive(&said(&introspect(&stage, &colleague, &revoked.access).await));
    assert_inactive(&said(&introspect_refresh(&stage, &stage.shop, &revoked.refresh).await));
}

#[tokio::test]
async fn a_token_is_active_until_the_millisecond_of_its_end() {
    let stage = Stage::open().await;
    let issued = stage.tokens(&stage.shop).await;
    for (token, lifetime) in [(&issued.access, 900_000), (&issued.refresh, 85_500_000)] {
        stage.advance(Duration::from_millis(lifetime - 1)).await;
        assert_eq!(said(&introspect_refresh(&stage, &stage.shop, token).await)["active"], true);
        stage.advance(Duration::from_millis(1)).await;
        assert_inactive(&said(&introspect_refresh(&stage, &stage.shop, token).await));
    }
}

#[tokio::test]
async fn a_refresh_token_is_active_as_long_as_it_would_be_exchanged() {
    let mut stage = Stage::open().await;
    let colleague = stage.client(stage.kind()).await;
    let expiring = stage.client(stage.kind()).await;
    let issued = stage.tokens(&expiring).await;
    let (next, value) = stage.secret(expiring.id, None);
    let renewed = Credentials { secret: value, secret_id: next.id, ..expiring.clone() };
    let (now, expiry) = (stage.now(), stage.now().after(Duration::from_secs(60)));
    stage.elsewhere.add_secret(expiring.id, &next, Some(expiry), now, &ACT).await.unwrap();
    stage.follow().await;
    stage.advance(Duration::from_millis(59_999)).await;
    said(&refresh(&stage, &expiring, &issued.refresh, "").await);
    assert_eq!(said(&introspect_refresh(&stage, &renewed, &issued.refresh).await)["active"], true);
    stage.advance(Duration::from_millis(1)).await;
    assert_inactive(&said(&introspect_refresh(&stage, &renewed, &issued.refresh).await));
    // The access token lives out its time.
    assert_eq!(said(&introspect(&stage, &colleague, &issued.access).await)["active"], true);

    let disabled = stage.client(stage.kind()).await;
    let issued = stage.tokens(&disabled).await;
    let now = stage.now();
    stage.elsewhere.set_client_status(disabled.id, Status::Disabled, now, &ACT).await.unwrap();
    stage.follow().await;
    assert_inactive(&said(&introspect(&stage, &colleague, &issued.access).await));
}

#[tokio::test]
async fn introspection_takes_a_client_and_one_token() {
    let stage = Stage::open().await;
    let token = stage.tokens(&stage.shop).await.access;
    for call in [
        Call::post(INTROSPECT).form(&format!("token={token}")),
        Call::post(INTROSPECT).bearer(&token).form(&format!("token={token}")),
        Call::post(INTROSPECT).basic(&stage.shop.id.to_string(), "wrong").form(&format!("token={token}")),
    ] {
        let reply = stage.answer(call).await;
        assert_oauth_refused(&reply, 401, "invalid_client");
        assert!(reply.header("www-authenticate").starts_with("Basic"));
    }
    for form in ["", "token=", &format!("token={token}&token={token}"), &format!("access_token={token}")] {
        let reply = stage.answer(post_as(&stage.shop, INTROSPECT, form)).await;
        assert_oauth_refused(&reply, 400, "invalid_request");
    }
    // Never from the query.
    let target = format!("{INTROSPECT}?token={token}");
    assert_oauth_refused(&stage.answer(post_as(&stage.shop, &target, "")).await, 400, "invalid_request");
    let (id, secret) = (stage.shop.id, &stage.shop.secret);
    let by_post = format!("token={token}&client_id={id}&client_secret={secret}");
    assert_eq!(said(&stage.answer(Call::post(INTROSPECT).form(&by_post)).await)["active"], true);
}

#[tokio::test]
async fn guesses_at_a_secret_are_counted_here_as_well() {
    let stage = Stage::open().await;
    let mut wrong = stage.shop.clone();
    wrong.secret = "wrong".to_owned();
    for _ in 0..30 {
        assert_oauth_refused(&introspect(&stage, &wrong, "x").await, 401, "invalid_client");
    }
    assert_oauth_refused(&introspect(&stage, &stage.shop, "x").await, 429, "temporarily_unavailable");
}

/// Saying "inactive" of a token that may be good would have it thrown away.
#[tokio::test]
async fn a_token_that_nobody_can_ask_about_is_not_called_inactive() {
    let faults = Faults::default();
    let stage = Stage::with(&[], |store| faults.in_front_of(store)).await;
    let issued = tokens(&said(&super::grant(&stage, &stage.shop, "").await));
    let (signed, _) = issued.access.rsplit_once('.').unwrap();
    let by_a_new_key = format!("{signed}.{}", "A".repeat(43));
    faults.set("changes_since", Fault::Refuses);
    assert_oauth_refused(
        &introspect(&stage, &stage.shop, &by_a_new_key).await,
        503,
        "temporarily_unavailable",
    );
    assert_eq!(said(&introspect(&stage, &stage.shop, &issued.access).await)["active"], true);
    assert_eq!(said(&introspect_refresh(&stage, &stage.shop, &issued.refresh).await)["active"], true);
}
