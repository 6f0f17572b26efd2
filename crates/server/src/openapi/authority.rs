//! The two endpoints of the authority under `/api/v1`.

use serde_json::{Value, json};
use tollgate_core::TokenError;
use tollgate_guard::Realm;
use tollgate_http::{Problem, Problems};

use super::operation::{Access, Answer, Operation, always, content, schema};
use super::refusals::{Refusal, of_a_body, of_the_store};
use super::{Surface, TOKENS};
use crate::body::JSON_ONLY;
use crate::error::Error;
use crate::oauth::token::MEDIA;
use crate::route::Route;
use std::time::Duration;

/// What examples name, and no installation has.
pub(super) const CLIENT_ID: &str = "1dc48b66-9aa5-4a23-ae90-f3b935b42721";
pub(super) const CLIENT_SECRET: &str = "tg_test_the-secret-that-was-shown-once";
pub(super) const ACCESS_TOKEN: &str =
    "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJqdGkiOiJhY2Nlc3MifQ.c2lnbmF0dXJl";
pub(super) const REFRESH_TOKEN: &str =
    "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJqdGkiOiJyZWZyZXNoIn0.c2lnbmF0dXJl";

pub(super) fn operations(surface: &Surface<'_>) -> Vec<Operation> {
    vec![token(), refresh(surface)]
}

fn token() -> Operation {
    let body = json!({
        "application/json": {"schema": request(&json!(true)), "examples": {
            "body": {"summary": "With the client in the body", "value": {
                "grant_type": "client_credentials", "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET,
            }},
            "basic": {"summary": "With the client by HTTP Basic", "value": {"grant_type": "client_credentials"}},
        }},
        "application/x-www-form-urlencoded": {"schema": request(&once())},
    });
    let mut missing = Problems::from(Problem::new("client_id", "is required"));
    missing.push(Problem::new("client_secret", "is required"));
    let beyond = Problem::new("scope", "goes beyond what this client may ask for");
    let refusals = [
        Error::Invalid(missing),
        Error::Scope(beyond.into()),
        Error::InvalidClient,
        Error::Browser,
        Error::Address,
        Error::TooMany { retry_after: Duration::from_secs(2) },
        Error::NoSigningKey,
    ];
    Operation {
        route: Route::Token,
        method: "post",
        id: "obtainToken",
        tag: TOKENS,
        summary: "Obtain an access and a refresh token",
        description: "Exchanges a client's credentials (RFC 6749 §4.4). Nothing is stored, so it may be repeated. Obtain \
                      one token and use it for as long as it lives: not one for each call.\n\nFailures are counted per \
                      client and source; past 30 in a minute that pair is refused for a while, with `Retry-After`. A \
                      parameter that is not known is ignored."
            .to_owned(),
        access: Access::Client,
        parameters: vec![],
        body: Some(body),
        answers: vec![issued("Both tokens.", tokens())],
        refusals: refusals
            .into_iter()
            .chain(of_a_body(MEDIA))
            .chain(of_the_store())
            .map(Refusal::envelope)
            .collect(),
    }
}

fn refresh(surface: &Surface<'_>) -> Operation {
    let realm = Realm::of(surface.audience);
    let refresh_token = json!({"type": "string", "minLength": 1, "description": "The one that you keep."});
    let request = json!({"type": "object", "properties": {"refresh_token": refresh_token}, "required": ["refresh_token"]});
    let refusals = [
        Error::Invalid(Problem::new("refresh_token", "is required").into()),
        Error::InvalidToken(TokenError::Expired),
        Error::Browser,
        Error::Address,
        Error::NoSigningKey,
    ];
    Operation {
        route: Route::Refresh,
        method: "post",
        id: "refreshToken",
        tag: TOKENS,
        summary: "Obtain the next access token, without the secret",
        description: "Keep the refresh token that you have: it is reused until it expires (24 h), so several processes of \
                      one caller can share it. After 401 obtain new ones with the client's credentials."
            .to_owned(),
        access: Access::Open,
        parameters: vec![],
        body: Some(content("application/json", request, Some(json!({"refresh_token": REFRESH_TOKEN})))),
        answers: vec![issued("An access token of the same scope.", refreshed())],
        refusals: refusals
            .into_iter()
            .chain(of_a_body(JSON_ONLY))
            .chain(of_the_store())
            .map(|error| Refusal::envelope_in(&realm, error))
            .collect(),
    }
}

/// What is not known is ignored, but nothing may be in a form twice (RFC 6749 §3.2).
pub(super) fn once() -> Value {
    json!({"type": "string"})
}

/// Exactly one way of authenticating; `others` are the members that are not known.
fn request(others: &Value) -> Value {
    let grant_type =
        json!({"type": "string", "const": "client_credentials", "description": "May be absent."});
    let text = |description: &str| json!({"type": "string", "minLength": 1, "description": description});
    let scope = json!({
        "$ref": "#/components/schemas/Scope",
        "description": "A subset of the client's; absent or empty means all of it.",
    });
    json!({
        "oneOf": [
            {
                "title": "With the client in the body",
                "type": "object",
                "properties": {
                    "grant_type": grant_type,
                    "client_id": text("The client."),
                    "client_secret": text("Its secret."),
                    "scope": scope,
                },
                "required": ["client_id", "client_secret"],
                "additionalProperties": others,
            },
            {
                "title": "With the client by HTTP Basic",
                "type": "object",
                "properties": {"grant_type": grant_type, "scope": scope, "client_id": false, "client_secret": false},
                "additionalProperties": others,
            },
        ],
    })
}

fn tokens() -> Value {
    json!({
        "type": "object",
        "properties": both_tokens(
            &json!({"$ref": "#/components/schemas/Scope", "description": "There if the request named one."}),
        ),
        "required": ["access_token", "refresh_token", "token_type", "expires_in"],
        "additionalProperties": false,
        "examples": [{
            "access_token": ACCESS_TOKEN, "refresh_token": REFRESH_TOKEN, "token_type": "Bearer", "expires_in": 900,
        }],
    })
}

/// The members of an answer with both tokens, in the envelope or without.
pub(super) fn both_tokens(scope: &Value) -> Value {
    json!({
        "access_token": schema("AccessToken"),
        "refresh_token": schema("RefreshToken"),
        "token_type": token_type(),
        "expires_in": expires_in(),
        "scope": scope,
    })
}

fn refreshed() -> Value {
    json!({
        "type": "object",
        "properties": {
            "access_token": schema("AccessToken"), "token_type": token_type(), "expires_in": expires_in(),
        },
        "required": ["access_token", "token_type", "expires_in"],
        "additionalProperties": false,
        "examples": [{"access_token": ACCESS_TOKEN, "token_type": "Bearer", "expires_in": 900}],
    })
}

fn token_type() -> Value {
    json!({"type": "string", "const": "Bearer"})
}

fn expires_in() -> Value {
    json!({"type": "integer", "minimum": 1, "description": "How many seconds the access token is good for: 900 by default."})
}

/// An answer with tokens in it, which nothing may keep.
fn issued(description: &'static str, data: Value) -> Answer {
    Answer {
        status: 200,
        description,
        headers: vec![("Cache-Control", always("no-store")), ("Pragma", always("no-cache"))],
        content: Some(success(data)),
    }
}

/// A success in the envelope; the example is the first of the data's.
pub(super) fn success(data: Value) -> Value {
    let example = data["examples"].get(0).map(|data| json!({"success": true, "data": data}));
    let mut schema = json!({
        "type": "object",
        "properties": {"success": {"type": "boolean", "const": true}},
        "required": ["success", "data"],
        "additionalProperties": false,
    });
    schema["properties"]["data"] = data;
    content("application/json", schema, example)
}
