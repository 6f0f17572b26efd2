//! What operations have in common: schemas of answers, headers, ways of authenticating.

use serde_json::{Map, Value, json};
use tollgate_core::wire::Code;
use tollgate_core::{MAX_TOKEN, Scope};

use super::Surface;
use super::pattern::ascii;
use super::refusals::{OAUTH_ERRORS, when};
use super::shared::Shared;
use crate::payments::schema::{new_payment, payment_request};

pub(super) fn components(surface: &Surface<'_>, shared: Shared) -> Value {
    let mut schemas = schemas();
    if surface.sandbox {
        schemas.extend([
            ("NewPaymentRequest".to_owned(), new_payment()),
            ("PaymentRequest".to_owned(), payment_request()),
        ]);
    }
    json!({
        "schemas": schemas,
        "parameters": {
            "X-Request-Id": {
                "name": "X-Request-Id",
                "in": "header",
                "description": "Names the request in the log and in the answer, if it has 1 to 128 of `[A-Za-z0-9._-]`. \
                                Any other is replaced.",
                "schema": {"type": "string"},
            },
        },
        "headers": headers(),
        "responses": shared.into_responses(),
        "securitySchemes": security_schemes(surface),
    })
}

fn schemas() -> Map<String, Value> {
    let schemas = [
        ("Error", error()),
        ("ErrorCode", error_code()),
        ("OAuthError", oauth_error()),
        ("AccessToken", token("Sent as `Authorization: Bearer`. Treat it as opaque.")),
        ("RefreshToken", token("Exchanged for the next access token until it expires; it is never rotated.")),
        ("Scope", scope()),
    ];
    schemas.into_iter().map(|(name, schema)| (name.to_owned(), schema)).collect()
}

/// The envelope of an error.
fn error() -> Value {
    let problem = json!({
        "type": "object",
        "properties": {
            "field": {"type": "string", "description": "Dotted where it is nested: `customer.email`. `body` for the whole."},
            "message": {"type": "string", "description": "Why it is refused, in words that follow the field's name."},
        },
        "required": ["field", "message"],
        "additionalProperties": false,
    });
    let metadata = json!({
        "type": "object",
        "description": "Everything that is wrong with the request; with `VALIDATION_ERROR` only.",
        "properties": {"errors": {"type": "array", "minItems": 1, "items": problem}},
        "required": ["errors"],
        "additionalProperties": false,
    });
    let error = json!({
        "type": "object",
        "properties": {
            "code": {"$ref": "#/components/schemas/ErrorCode"},
            "message": {"type": "string", "minLength": 1, "description": "For people; it may be reworded."},
            "metadata": metadata,
        },
        "required": ["code", "message"],
        "additionalProperties": false,
    });
    json!({
        "type": "object",
        "properties": {"success": {"type": "boolean", "const": false}, "error": error},
        "required": ["success", "error"],
        "additionalProperties": false,
    })
}

fn error_code() -> Value {
    let described =
        Code::ALL.map(|code| format!("- `{}` ({}): {}", code.as_str(), code.status(), when(code)));
    json!({
        "type": "string",
        "description": format!("What to decide by. It is stable.\n\n{}", described.join("\n")),
        "enum": Code::ALL.map(Code::as_str),
    })
}

/// RFC 6749 §5.2.
fn oauth_error() -> Value {
    let described = OAUTH_ERRORS.map(|(name, when)| format!("- `{name}`: {when}"));
    let permitted = ascii(|byte| matches!(byte, b' '..=b'~') && byte != b'"' && byte != b'\\');
    json!({
        "type": "object",
        "properties": {
            "error": {
                "type": "string",
                "description": format!("Decide by this and the status.\n\n{}", described.join("\n")),
                "enum": OAUTH_ERRORS.map(|(name, _)| name),
            },
            "error_description": {"type": "string", "pattern": format!("^{permitted}+$"), "description": "For people."},
        },
        "required": ["error", "error_description"],
        "additionalProperties": false,
    })
}

/// A JWT, as it is issued.
fn token(description: &str) -> Value {
    let segment = "[A-Za-z0-9_-]+";
    json!({
        "type": "string",
        "description": description,
        "maxLength": MAX_TOKEN,
        "pattern": format!("^{segment}\\.{segment}\\.{segment}$"),
    })
}

fn scope() -> Value {
    let word = format!("{}+", ascii(Scope::is_of_a_word));
    json!({
        "type": "string",
        "description": "Words, separated by single spaces (RFC 6749 §3.3).",
        "maxLength": Scope::MAX_LEN,
        "pattern": format!("^(?:{word}(?: {word})*)?$"),
    })
}

fn headers() -> Value {
    json!({
        "X-Request-Id": {
            "required": true,
            "description": "The caller's own, or a UUIDv7. The log line of the request has the same.",
            "schema": {"type": "string", "pattern": "^[A-Za-z0-9._-]{1,128}$"},
        },
        "X-Content-Type-Options": {"required": true, "schema": {"type": "string", "const": "nosniff"}},
    })
}

fn security_schemes(surface: &Surface<'_>) -> Value {
    let token_url = format!("{}/oauth2/token", surface.public_url);
    json!({
        "bearer": {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "JWT",
            "description": "An access token of either token endpoint, as a header. Nothing else is looked at.",
        },
        "oauth2": {
            "type": "oauth2",
            "description": "The same, for tools that obtain the token themselves.",
            "flows": {"clientCredentials": {
                "tokenUrl": token_url,
                "refreshUrl": token_url,
                "scopes": {
                    "payments:read": "See the merchant's payment requests.",
                    "payments:write": "Create payment requests.",
                },
            }},
        },
        "basic": {
            "type": "http",
            "scheme": "basic",
            "description": "`client_id` and `client_secret`, each form-urlencoded (RFC 6749 §2.3.1). A client may send them \
                            in the body instead, and never in both.",
        },
    })
}
