//! The document's own operation.

use serde_json::{Value, json};

use super::DESCRIPTION;
use super::operation::{Access, Answer, Operation, always, content};
use super::published::KEPT;

pub(super) fn operations() -> Vec<Operation> {
    let document = json!({
        "type": "object",
        "properties": {"openapi": {"type": "string", "pattern": r"^3\.1\."}},
        "required": ["openapi", "info", "paths"],
    });
    let condition = json!({
        "name": "If-None-Match",
        "in": "header",
        "description": "The `ETag` of an earlier answer: if it is the same still, the answer is 304 without a body.",
        "schema": {"type": "string"},
    });
    let content = content("application/json", document, None);
    vec![Operation {
        path: "/openapi.json",
        method: "get",
        id: "openApi",
        tag: DESCRIPTION,
        summary: "Read this document",
        description: "`tollgate openapi` prints the same.".to_owned(),
        access: Access::Open,
        parameters: vec![condition],
        body: None,
        answers: vec![
            Answer { status: 200, description: "OpenAPI 3.1.", headers: headers(), content: Some(content) },
            Answer { status: 304, description: "It has not changed.", headers: headers(), content: None },
        ],
        refusals: vec![],
    }]
}

fn headers() -> Vec<(&'static str, Value)> {
    let etag = json!({"required": true, "schema": {"type": "string"}});
    vec![("Cache-Control", always(KEPT)), ("ETag", etag)]
}
