//! The endpoints that every OAuth client knows.

mod audiences;
mod introspect;
mod metadata;
mod revocations;
mod revoke;
mod surface;
mod token;

use serde_json::Value;

use crate::call::{Call, INTROSPECT, OAUTH_TOKEN, REVOKE, Reply};
use crate::stage::{Credentials, Stage, Tokens};

/// A form to `path`, from a client that authenticates by Basic.
pub(crate) fn post_as(of: &Credentials, path: &str, form: &str) -> Call {
    Call::post(path).basic(&of.id.to_string(), &of.secret).form(form)
}

/// Grants by the client's credentials.
async fn grant(stage: &Stage, of: &Credentials, form: &str) -> Reply {
    let form = format!("grant_type=client_credentials&{form}");
    stage.answer(post_as(of, OAUTH_TOKEN, &form)).await
}

/// Grants by a refresh token.
async fn refresh(stage: &Stage, of: &Credentials, token: &str, form: &str) -> Reply {
    let form = format!("grant_type=refresh_token&refresh_token={token}&{form}");
    stage.answer(post_as(of, OAUTH_TOKEN, &form)).await
}

/// Asks what a token is.
async fn introspect(stage: &Stage, of: &Credentials, token: &str) -> Reply {
    stage.answer(post_as(of, INTROSPECT, &format!("token={token}"))).await
}

/// Ends a token.
async fn revoke(stage: &Stage, of: &Credentials, token: &str) -> Reply {
    stage.answer(post_as(of, REVOKE, &format!("token={token}"))).await
}

/// What a success says.
#[track_caller]
pub(crate) fn said(reply: &Reply) -> Value {
    assert_eq!(reply.status(), 200, "{}", reply.text());
    assert_eq!(reply.header("content-type"), "application/json");
    assert_eq!((reply.header("cache-control"), reply.header("pragma")), ("no-store", "no-cache"));
    assert_eq!(reply.header("x-content-type-options"), "nosniff");
    assert!(!reply.header("x-request-id").is_empty());
    reply.json()
}

/// The tokens of an answer.
fn tokens(answer: &Value) -> Tokens {
    let token = |name: &str| answer[name].as_str().unwrap().to_owned();
    Tokens { access: token("access_token"), refresh: token("refresh_token") }
}
