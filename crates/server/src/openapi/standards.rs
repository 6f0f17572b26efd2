//! The endpoints that every OAuth client knows.

use std::time::Duration;

use serde_json::{Value, json};
use tollgate_core::TokenError;
use tollgate_http::Problem;

use super::authority::{ACCESS_TOKEN, CLIENT_ID, REFRESH_TOKEN, both_tokens, once};
use super::operation::{Access, Answer, Operation, always, content, schema};
use super::refusals::{Refusal, of_a_body, of_the_store};
use super::{OAUTH, Surface};
use crate::error::Error;
use crate::oauth::{FORM_ONLY, metadata};
use crate::payments::schema::uuid;
use crate::route::Route;

const FORM: &str = "application/x-www-form-urlencoded";

pub(super) fn operations(surface: &Surface<'_>) -> Vec<Operation> {
    vec![token(), introspect(surface), revoke(), server_metadata(surface), key_set()]
}

fn token() -> Operation {
    let grant_type = json!({"type": "string", "enum": ["client_credentials", "refresh_token"]});
    let scope = json!({
        "$ref": "#/components/schemas/Scope",
        "description": "A subset of the client's or, when refreshing, of the refresh token's; absent means all of it.",
    });
    let refresh_token = json!({
        "type": "string",
        "description": "For `refresh_token`: one that was issued to this client.",
    });
    let own = json!({"grant_type": grant_type, "scope": scope, "refresh_token": refresh_token});
    let more = [
        Error::GrantType(Problem::new("grant_type", "must be client_credentials or refresh_token").into()),
        Error::Scope(Problem::new("scope", "goes beyond what this client may ask for").into()),
        Error::InvalidToken(TokenError::Expired),
        Error::NoSigningKey,
    ];
    Operation {
        route: Route::StandardToken,
        method: "post",
        id: "oauthToken",
        tag: OAUTH,
        summary: "Obtain tokens (RFC 6749)",
        description: "The grants `client_credentials` and `refresh_token`. The refresh token in the answer to a refresh is \
                      the one that was sent. The tokens are those of `/api/v1`: either face takes the other's."
            .to_owned(),
        access: Access::Client,
        parameters: vec![],
        body: Some(request(own, "grant_type", &json!({"grant_type": "client_credentials"}))),
        answers: vec![said("Tokens.", issued())],
        refusals: refusals("grant_type", more),
    }
}

fn introspect(surface: &Surface<'_>) -> Operation {
    Operation {
        route: Route::Introspect,
        method: "post",
        id: "introspectToken",
        tag: OAUTH,
        summary: "Introspect a token (RFC 7662)",
        description: "A client sees the access tokens of its own merchant and environment, for its audience. Of any other \
                      token it is told `{\"active\": false}`, as of one that has expired. A refresh token is active for its \
                      own client only, and only with `token_type_hint=refresh_token`. Keep the answer for seconds."
            .to_owned(),
        access: Access::Client,
        parameters: vec![],
        body: Some(request(presented("`refresh_token`, or a refresh token is inactive. Any other value is ignored."), "token", &json!({"token": ACCESS_TOKEN}))),
        answers: vec![said("What the token is.", introspection(surface))],
        refusals: refusals("token", []),
    }
}

fn revoke() -> Operation {
    Operation {
        route: Route::Revoke,
        method: "post",
        id: "revokeToken",
        tag: OAUTH,
        summary: "Revoke a token (RFC 7009)",
        description: "From then on this server refuses it, and every other within a second. A token that is unknown, has \
                      expired or is another client's is 200 as well, and stays as it is. A refresh token and the access tokens made from it are not linked: revoke \
                      both."
            .to_owned(),
        access: Access::Client,
        parameters: vec![],
        body: Some(request(presented("Ignored: the signature tells what a token is."), "token", &json!({"token": ACCESS_TOKEN}))),
        answers: vec![said(
            "The token is good no more.",
            json!({"type": "object", "additionalProperties": false, "examples": [{}]}),
        )],
        refusals: refusals("token", []),
    }
}

fn server_metadata(surface: &Surface<'_>) -> Operation {
    Operation {
        route: Route::ServerMetadata,
        method: "get",
        id: "serverMetadata",
        tag: OAUTH,
        summary: "Read what the authority can do (RFC 8414)",
        description:
            "If the issuer has a path, the description is also at this path and the issuer's behind it."
                .to_owned(),
        access: Access::Open,
        parameters: vec![],
        body: None,
        answers: vec![kept("The description.", metadata::KEPT, described(surface))],
        refusals: vec![Refusal::oauth(Error::Internal(String::new()))],
    }
}

fn key_set() -> Operation {
    let keys = json!({
        "type": "object",
        "properties": {"keys": {"type": "array", "items": {"type": "object"}}},
        "required": ["keys"],
        "examples": [{"keys": []}],
    });
    Operation {
        route: Route::KeySet,
        method: "get",
        id: "keySet",
        tag: OAUTH,
        summary: "Read the public keys (RFC 7517)",
        description: "There are none: tokens are signed with HS256, whose keys never leave the authority."
            .to_owned(),
        access: Access::Open,
        parameters: vec![],
        body: None,
        answers: vec![kept("The key set.", metadata::KEYS_KEPT, keys)],
        refusals: vec![Refusal::oauth(Error::Internal(String::new()))],
    }
}

/// A form with the parameters of an endpoint, of which `required` must be there, and perhaps the client.
fn request(mut parameters: Value, required: &str, example: &Value) -> Value {
    parameters["client_id"] =
        json!({"type": "string", "description": "The client, unless it comes by HTTP Basic."});
    parameters["client_secret"] =
        json!({"type": "string", "description": "Its secret, unless it comes by HTTP Basic."});
    parameters[required]["minLength"] = 1.into();
    let schema = json!({
        "type": "object",
        "properties": parameters,
        "required": [required],
        "additionalProperties": once(),
    });
    content(FORM, schema, Some(example.clone()))
}

/// `hint` says what the hint is good for.
fn presented(hint: &str) -> Value {
    json!({
        "token": {"type": "string", "description": "An access or a refresh token."},
        "token_type_hint": {"type": "string", "description": hint},
    })
}

fn issued() -> Value {
    json!({
        "type": "object",
        "properties": both_tokens(&schema("Scope")),
        "required": ["access_token", "refresh_token", "token_type", "expires_in", "scope"],
        "additionalProperties": false,
        "examples": [{
            "access_token": ACCESS_TOKEN, "refresh_token": REFRESH_TOKEN, "token_type": "Bearer", "expires_in": 900,
            "scope": "payments:read payments:write",
        }],
    })
}

fn introspection(surface: &Surface<'_>) -> Value {
    let seconds = json!({"type": "integer", "minimum": 0, "description": "Seconds since 1970."});
    let active = json!({
        "title": "A token that is good",
        "type": "object",
        "properties": {
            "active": {"type": "boolean", "const": true},
            "scope": schema("Scope"),
            "client_id": uuid(),
            "token_type": {"type": "string", "const": "Bearer", "description": "Absent from a refresh token."},
            "exp": seconds,
            "iat": seconds,
            "sub": uuid(),
            "aud": {"type": "string"},
            "iss": {"type": "string"},
            "jti": {"type": "string", "description": "The token's own name."},
            "merchant_id": {"type": "string", "format": "uuid", "description": "Absent from an operator's token."},
            "env": {"type": "string", "enum": ["test", "live"]},
            "net": {"type": "string", "description": "CIDR blocks that it may be used from; absent means anywhere."},
        },
        "required": ["active", "scope", "client_id", "exp", "iat", "sub", "aud", "iss", "jti", "env"],
        "additionalProperties": false,
    });
    let inactive = json!({
        "title": "Any other",
        "type": "object",
        "properties": {"active": {"type": "boolean", "const": false}},
        "required": ["active"],
        "additionalProperties": false,
    });
    json!({
        "oneOf": [active, inactive],
        "examples": [{
            "active": true, "scope": "payments:read payments:write", "client_id": CLIENT_ID, "token_type": "Bearer",
            "exp": 1_764_000_900, "iat": 1_764_000_000, "sub": CLIENT_ID, "aud": "payment-api",
            "iss": surface.public_url, "jti": "Vb3L9RACLcjNhEcGzdRnXg",
            "merchant_id": "3b6b0635-dd00-45df-ae9b-57c58578f185", "env": "test",
        }],
    })
}

/// The description as it is served; its members are all there, and no others.
fn described(surface: &Surface<'_>) -> Value {
    let example = metadata::description(surface.public_url);
    let members = example.as_object().into_iter().flatten();
    let typed = members.clone().map(|(name, value)| {
        let schema = match value {
            Value::Array(_) => json!({"type": "array", "items": {"type": "string"}}),
            _ => json!({"type": "string", "format": "uri"}),
        };
        (name.clone(), schema)
    });
    json!({
        "type": "object",
        "properties": typed.collect::<serde_json::Map<_, _>>(),
        "required": members.map(|(name, _)| name).collect::<Vec<_>>(),
        "examples": [example],
    })
}

fn said(description: &'static str, schema: Value) -> Answer {
    answer(description, vec![("Cache-Control", always("no-store")), ("Pragma", always("no-cache"))], schema)
}

fn kept(description: &'static str, keep: &str, schema: Value) -> Answer {
    answer(description, vec![("Cache-Control", always(keep))], schema)
}

fn answer(description: &'static str, headers: Vec<(&'static str, Value)>, schema: Value) -> Answer {
    let example = schema["examples"].get(0).cloned();
    Answer { status: 200, description, headers, content: Some(content("application/json", schema, example)) }
}

/// What the three that are posted to refuse, and `more`.
fn refusals(required: &str, more: impl IntoIterator<Item = Error>) -> Vec<Refusal> {
    let common = [
        Error::Invalid(Problem::new(required, "is required").into()),
        Error::InvalidClient,
        Error::Browser,
        Error::Address,
        Error::TooMany { retry_after: Duration::from_secs(2) },
    ];
    let errors = common.into_iter().chain(more).chain(of_a_body(FORM_ONLY)).chain(of_the_store());
    errors.map(Refusal::oauth).collect()
}
