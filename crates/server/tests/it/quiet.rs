//! Issuing and verifying tokens writes nothing to the store.

use serde_json::json;

use crate::call::{Call, INTROSPECT, OAUTH_TOKEN, REFRESH, REVOKE, TOKEN};
use crate::oauth::post_as;
use crate::stage::{PEER, Stage};

const TOKENS: usize = 100_000;

/// Counts the commits of other connections, as SQLite tells one of its own.
struct Commits(rusqlite::Connection);

impl Commits {
    fn seen(&self) -> i64 {
        self.0.query_row("PRAGMA data_version", [], |row| row.get(0)).unwrap()
    }
}

#[tokio::test]
async fn a_hundred_thousand_tokens_are_issued_without_one_write_to_the_store() {
    let stage = Stage::open().await;
    let commits = Commits(rusqlite::Connection::open(stage.path()).unwrap());
    let refresh = json!({"refresh_token": stage.tokens(&stage.shop).await.refresh});
    let (token, refresh) = (Call::post(TOKEN).json(&stage.shop.body()), Call::post(REFRESH).json(&refresh));
    let (before, last_change) = (commits.seen(), stage.elsewhere.last_change().await.unwrap());
    for _ in 0..TOKENS / 3 {
        // One answer with two tokens, one with one.
        for call in [&token, &refresh] {
            let response = stage.server.handle(PEER, call.clone().whole()).await;
            assert_eq!(response.status(), 200);
        }
    }
    stage.list(&stage.tokens(&stage.shop).await.access).await.data();
    assert_eq!(commits.seen(), before);
    assert_eq!(stage.elsewhere.last_change().await.unwrap(), last_change);
}

/// What is counted above is counted.
#[tokio::test]
async fn a_single_write_would_have_been_noticed() {
    let mut stage = Stage::open().await;
    let commits = Commits(rusqlite::Connection::open(stage.path()).unwrap());
    let (before, last_change) = (commits.seen(), stage.elsewhere.last_change().await.unwrap());
    stage.client(stage.kind()).await;
    assert_ne!(commits.seen(), before);
    assert_ne!(stage.elsewhere.last_change().await.unwrap(), last_change);
}

#[tokio::test]
async fn refusals_write_nothing_either() {
    let stage = Stage::open().await;
    let commits = Commits(rusqlite::Connection::open(stage.path()).unwrap());
    let before = commits.seen();
    for _ in 0..100 {
        stage.answer(Call::post(TOKEN).json(&json!({"client_id": "x", "client_secret": "y"}))).await;
        stage.refresh("x").await;
        stage.list("x").await;
        stage.answer(post_as(&stage.shop, REVOKE, "token=x")).await;
    }
    assert_eq!(commits.seen(), before);
}

#[tokio::test]
async fn granting_to_oauth_clients_and_telling_what_a_token_is_write_nothing() {
    let stage = Stage::open().await;
    let tokens = stage.tokens(&stage.shop).await;
    let commits = Commits(rusqlite::Connection::open(stage.path()).unwrap());
    let before = commits.seen();
    for (path, form) in [
        (OAUTH_TOKEN, "grant_type=client_credentials".to_owned()),
        (OAUTH_TOKEN, format!("grant_type=refresh_token&refresh_token={}", tokens.refresh)),
        (INTROSPECT, format!("token={}", tokens.access)),
        (INTROSPECT, format!("token={}", tokens.refresh)),
    ] {
        assert_eq!(stage.answer(post_as(&stage.shop, path, &form)).await.status(), 200, "{form}");
    }
    assert_eq!(commits.seen(), before);
    // What is counted is counted.
    let form = format!("token={}", tokens.access);
    assert_eq!(stage.answer(post_as(&stage.shop, REVOKE, &form)).await.status(), 200);
    assert_ne!(commits.seen(), before);
}
