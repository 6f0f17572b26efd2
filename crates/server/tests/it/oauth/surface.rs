//! Every refusal in the form of RFC 6749 §5.2: status, headers and body of each, in one snapshot.

use bytes::Bytes;
use http::Response;

use super::post_as;
use crate::call::{Call, INTROSPECT, KEYS, METADATA, OAUTH_TOKEN, REVOKE, Reply};
use crate::faults::{Fault, Faults};
use crate::stage::Stage;
use crate::surface::{add, errors};

#[tokio::test]
async fn every_refusal_to_an_oauth_client_has_this_status_these_headers_and_this_body() {
    let mut surface = String::new();
    for error in errors() {
        let name = format!("{error:?}");
        let answer: Response<Bytes> = error.oauth_response();
        // What a caller relies on, whatever the error.
        Reply(answer.clone()).oauth_refusal();
        add(&mut surface, &name, &answer);
    }
    let faults = Faults::default();
    let stage = Stage::with(&[], |store| faults.in_front_of(store)).await;
    let shop = |form| post_as(&stage.shop, OAUTH_TOKEN, form);
    let token = stage.tokens(&stage.shop).await.access;
    let grant = "grant_type=client_credentials";
    for (name, call) in [
        ("no client", Call::post(OAUTH_TOKEN).form(grant)),
        ("a wrong secret", Call::post(OAUTH_TOKEN).basic("x", "y").form(grant)),
        ("two ways of authenticating", shop("grant_type=client_credentials&client_secret=x&client_id=y")),
        ("no grant type", shop("scope=x")),
        ("another grant type", shop("grant_type=password")),
        ("a scope beyond the client's", shop("grant_type=client_credentials&scope=x")),
        ("a malformed scope", shop("grant_type=client_credentials&scope=a++b")),
        ("two parameters twice", shop("grant_type=client_credentials&scope=a&scope=b&token=a&token=b")),
        ("no refresh token", shop("grant_type=refresh_token")),
        ("a wrong refresh token", shop("grant_type=refresh_token&refresh_token=x")),
        ("a browser page", shop(grant).header("origin", "https://shop.example")),
        ("introspection without a client", Call::post(INTROSPECT).form("token=x")),
        ("introspection of nothing", post_as(&stage.shop, INTROSPECT, "token=")),
        ("introspection by a page", Call::post(INTROSPECT).header("origin", "null").form("token=x")),
        ("revocation without a client", Call::post(REVOKE).form("token=x")),
        ("revocation of nothing", post_as(&stage.shop, REVOKE, "")),
        ("revocation of another client's token", post_as(&stage.rival, REVOKE, &format!("token={token}"))),
        ("GET of the token endpoint", Call::get(OAUTH_TOKEN)),
        ("GET of introspection", Call::get(INTROSPECT)),
        ("GET of revocation", Call::get(REVOKE)),
        ("POST to the metadata", Call::post(METADATA)),
        ("POST to the keys", Call::post(KEYS)),
        ("the metadata of another issuer", Call::get(&format!("{METADATA}/other"))),
        ("too long a body", shop(&"x".repeat(65_537))),
        ("another type", Call::post(OAUTH_TOKEN).body("application/json", "{}")),
    ] {
        add(&mut surface, name, &stage.answer(call).await.0);
    }
    faults.set("revoke", Fault::Refuses);
    let call = post_as(&stage.shop, REVOKE, &format!("token={token}"));
    add(&mut surface, "a revocation that can't be kept", &stage.answer(call).await.0);
    faults.set("client", Fault::Panics);
    let mut stranger = stage.shop.clone();
    stranger.id = "0191e0a1-5c3b-4def-8123-456789abcdef".parse().unwrap();
    add(&mut surface, "a panic", &stage.answer(post_as(&stranger, OAUTH_TOKEN, grant)).await.0);
    insta::with_settings!({snapshot_path => "../snapshots"}, {
        insta::assert_snapshot!(surface);
    });
}
