//! ID tokens: whose count, and for what.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{EncodingKey, Header};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tollgate_core::Algorithm;

use super::Scene;
use super::scripted::{ACCESS_TOKEN, CLIENT, ISSUER, Key, SECRET, Sign, assembled};

const MALFORMED: &str = "the ID token is no signed token";
const ALGORITHM: &str = "the ID token is signed by an algorithm that is not allowed";
const KEY: &str = "the ID token is signed by a key that is not in the provider's key set";
const SIGNATURE: &str = "the ID token has a wrong signature";

/// Has the provider change what its ID tokens say.
fn alter(scene: &Scene, key: &Arc<Key>, change: impl Fn(&mut Value) + Send + 'static) {
    let key = key.clone();
    scene.provider.script().sign = Box::new(move |mut claims| {
        change(&mut claims);
        key.sign(&claims)
    });
}

#[tokio::test]
async fn an_id_token_is_for_this_client_this_sign_in_and_now() {
    let key = Key::new("first", Algorithm::Es256);
    let scene = Scene::with_key(&key).await;
    let now = scene.provider.script().now;
    let (issuer, audience, party) = (
        "the ID token has another issuer (iss)",
        "the ID token is not for this client (aud)",
        "the ID token was issued to another client (azp)",
    );
    let expired = "the ID token has expired, or does not say when it will (exp)";
    let issued = "the ID token was not issued during this sign-in (iat): is a clock wrong?";
    let nonce = "the ID token belongs to another sign-in (nonce)";
    for (claim, value, why) in [
        ("iss", json!("https://login.example.com/"), issuer),
        ("iss", json!([ISSUER]), issuer),
        ("iss", json!(null), issuer),
        ("aud", json!("another"), audience),
        ("aud", json!(["another", "third"]), audience),
        ("aud", json!([]), audience),
        ("aud", json!(null), audience),
        ("aud", json!([CLIENT, "another"]), party),
        ("azp", json!("another"), party),
        ("exp", json!(now - 61), expired),
        ("exp", json!("tomorrow"), expired),
        ("exp", json!(null), expired),
        ("iat", json!(now + 300), issued),
        ("iat", json!(now - 300), issued),
        ("iat", json!(null), issued),
        ("nbf", json!(now + 300), issued),
        ("nbf", json!("soon"), issued),
        ("nonce", json!("another"), nonce),
        ("nonce", json!(""), nonce),
        ("nonce", json!(null), nonce),
        ("at_hash", json!(hash("another")), "the ID token belongs to another access token (at_hash)"),
        ("at_hash", json!(null), "the ID token belongs to another access token (at_hash)"),
        ("sub", json!(null), "the ID token has no subject (sub), or one that is longer than 255 characters"),
    ] {
        alter(&scene, &key, move |claims| claims[claim] = value.clone());
        scene.refused(403, why).await;
    }
    for (claim, value) in [
        ("aud", json!([CLIENT])),
        ("exp", json!(now - 50)),
        ("iat", json!(now + 50)),
        ("iat", serde_json::from_str(&format!("{now}.5")).unwrap()),
        ("at_hash", json!(hash(ACCESS_TOKEN))),
    ] {
        alter(&scene, &key, move |claims| claims[claim] = value.clone());
        assert_eq!(scene.sign_in().await.status(), 200, "{claim}");
    }
    alter(&scene, &key, |claims| {
        claims["aud"] = json!([CLIENT, "another"]);
        claims["azp"] = json!(CLIENT);
    });
    assert_eq!(scene.sign_in().await.status(), 200);
}

/// The left half of a hash, as `at_hash` has it.
fn hash(token: &str) -> String {
    URL_SAFE_NO_PAD.encode(&Sha256::digest(token)[..16])
}

#[tokio::test]
async fn each_public_algorithm_signs_somebody_in() {
    for algorithm in [Algorithm::Es256, Algorithm::EdDsa, Algorithm::Rs256, Algorithm::Ps256] {
        let scene = Scene::with_key(&Key::new("first", algorithm)).await;
        let reply = scene.sign_in().await;
        assert_eq!(reply.status(), 200, "{algorithm}: {}", reply.text());
    }
}

#[tokio::test]
async fn what_the_provider_did_not_sign_lets_nobody_in() {
    let key = Key::new("first", Algorithm::Rs256);
    let scene = Scene::with_key(&key).await;
    let modulus = key.public()["n"].as_str().unwrap().to_owned();
    let by_hmac = |secret: Vec<u8>| {
        move |claims: Value| {
            let header =
                Header { kid: Some("first".to_owned()), ..Header::new(jsonwebtoken::Algorithm::HS256) };
            jsonwebtoken::encode(&header, &claims, &EncodingKey::from_secret(&secret).unwrap()).unwrap()
        }
    };
    let stranger = Key::new("first", Algorithm::Rs256);
    let unknown = Key::new("second", Algorithm::Rs256);
    let own = key.clone();
    let (none, embedded) = (json!({"alg": "none"}), json!({"alg": "RS256", "jwk": stranger.public()}));
    let cut = key.clone();
    let forged: [(Sign, &str); 9] = [
        (Box::new(move |claims| assembled(&none, &claims, b"")), MALFORMED),
        (Box::new(by_hmac(modulus.clone().into_bytes())), ALGORITHM),
        (Box::new(by_hmac(URL_SAFE_NO_PAD.decode(&modulus).unwrap())), ALGORITHM),
        (Box::new(by_hmac(SECRET.as_bytes().to_vec())), ALGORITHM),
        (Box::new(move |claims| stranger.sign(&claims)), SIGNATURE),
        (Box::new(move |claims| unknown.sign(&claims)), KEY),
        (Box::new(move |claims| assembled(&embedded, &claims, &[0; 256])), SIGNATURE),
        (
            Box::new(move |claims| {
                // The signature of one that says something else.
                let signed = own.sign(&json!({}));
                let mut signed = signed.split('.').map(str::to_owned).collect::<Vec<_>>();
                signed[1] = URL_SAFE_NO_PAD.encode(claims.to_string());
                signed.join(".")
            }),
            SIGNATURE,
        ),
        (Box::new(move |claims| cut.sign(&claims).rsplit_once('.').unwrap().0.to_owned()), MALFORMED),
    ];
    for (sign, why) in forged {
        scene.provider.script().sign = sign;
        scene.refused(403, why).await;
    }
    // A key is not taken from anywhere but the provider's set, nor for what it is not for.
    for (name, value) in [("use", json!("enc")), ("alg", json!("RS512")), ("key_ops", json!(["sign"]))] {
        let own = key.clone();
        let mut public = key.public();
        public[name] = value;
        scene.provider.script().keys = json!({ "keys": [public, "no key"] });
        scene.provider.script().sign = Box::new(move |claims| own.sign(&claims));
        scene.refused(403, KEY).await;
    }
}

#[tokio::test]
async fn an_algorithm_that_the_provider_does_not_announce_is_refused() {
    let scene = Scene::open().await;
    scene.provider.script().discovery["id_token_signing_alg_values_supported"] = json!(["RS256"]);
    scene.refused(403, ALGORITHM).await;
    scene.provider.script().discovery["id_token_signing_alg_values_supported"] = json!(["RS256", "ES256"]);
    assert_eq!(scene.sign_in().await.status(), 200);
}

#[tokio::test]
async fn keys_of_the_provider_count_from_when_they_are_published_until_they_are_not() {
    let (first, second) = (Key::new("first", Algorithm::Es256), Key::new("second", Algorithm::Es256));
    let scene = Scene::with_key(&first).await;
    assert_eq!(scene.sign_in().await.status(), 200);
    let next = second.clone();
    scene.provider.script().sign = Box::new(move |claims| next.sign(&claims));
    scene.refused(403, KEY).await;
    scene.provider.script().keys = json!({ "keys": [first.public(), second.public()] });
    assert_eq!(scene.sign_in().await.status(), 200);
    let (former, unnamed) = (first.clone(), second.clone());
    scene.provider.script().keys = json!({ "keys": [second.public()] });
    scene.provider.script().sign = Box::new(move |claims| former.sign(&claims));
    scene.refused(403, KEY).await;
    scene.provider.script().sign = Box::new(move |claims| unnamed.sign_as(None, &claims));
    assert_eq!(scene.sign_in().await.status(), 200, "it names no key, and one of the set has signed it");
}
