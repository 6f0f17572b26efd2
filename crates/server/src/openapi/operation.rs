//! One operation: a route and a method, what it takes, and everything that it answers.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::refusals::{self, Refusal};
use super::shared::Shared;

/// An operation.
pub(super) struct Operation {
    pub(super) path: &'static str,
    /// In lower case, as the document has it.
    pub(super) method: &'static str,
    pub(super) id: &'static str,
    pub(super) tag: &'static str,
    pub(super) summary: &'static str,
    pub(super) description: String,
    pub(super) access: Access,
    pub(super) parameters: Vec<Value>,
    /// What it takes, by media type.
    pub(super) body: Option<Value>,
    /// What it answers where it refuses nothing, and the pages that it shows where it does.
    pub(super) answers: Vec<Answer>,
    pub(super) refusals: Vec<Refusal>,
}

/// Who may call.
#[derive(Debug, Clone, Copy)]
pub(super) enum Access {
    /// Anybody.
    Open,
    /// A client that proves itself, by HTTP Basic or in the body.
    Client,
    /// Whoever has an access token with this scope.
    Bearer(&'static str),
}

/// An answer that is described by hand.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) description: &'static str,
    /// By their names: references to components, or headers written out.
    pub(super) headers: Vec<(&'static str, Value)>,
    /// By media type.
    pub(super) content: Option<Value>,
}

impl Operation {
    pub(super) fn render(self, shared: &mut Shared) -> Value {
        let mut responses = BTreeMap::new();
        for answer in self.answers {
            responses.insert(answer.status.to_string(), answer.render());
        }
        for (status, name, refused) in refusals::render(self.refusals) {
            match responses.get_mut(&status) {
                // The payment page has pages for people and the envelope for programs under one status.
                Some(page) => merge(page, &refused),
                None => {
                    responses.insert(status, shared.refer(&name, refused));
                }
            }
        }
        let mut operation = Map::new();
        operation.insert("tags".into(), json!([self.tag]));
        operation.insert("summary".into(), self.summary.into());
        operation.insert("description".into(), self.description.into());
        operation.insert("operationId".into(), self.id.into());
        let mut parameters = self.parameters;
        parameters.push(json!({"$ref": "#/components/parameters/X-Request-Id"}));
        operation.insert("parameters".into(), parameters.into());
        if let Some(content) = self.body {
            operation.insert("requestBody".into(), json!({"required": true, "content": content}));
        }
        operation.insert("responses".into(), json!(responses));
        operation.insert("security".into(), self.access.render());
        operation.into()
    }
}

impl Access {
    fn render(self) -> Value {
        match self {
            Self::Open => json!([]),
            // By the body is no scheme that OpenAPI has a word for, so it is the other way than Basic.
            Self::Client => json!([{"basic": []}, {}]),
            Self::Bearer(scope) => json!([{"bearer": []}, {"oauth2": [scope]}]),
        }
    }
}

impl Answer {
    fn render(self) -> Value {
        let mut headers = refusals::common_headers();
        for (name, header) in self.headers {
            headers.insert(name.to_owned(), header);
        }
        let mut response = json!({"description": self.description, "headers": headers});
        if let Some(content) = self.content {
            response["content"] = content;
        }
        response
    }
}

/// Adds what a refusal says to what the page of the same status says.
fn merge(page: &mut Value, refused: &Value) {
    let texts = [&page["description"], &refused["description"]].map(|text| text.as_str().unwrap_or_default());
    page["description"] = texts.join("\n\n").into();
    let Value::Object(content) = &refused["content"] else { return };
    for (media, body) in content {
        page["content"][media] = body.clone();
    }
}

/// A body in one media type.
pub(super) fn content(media: &str, schema: Value, example: Option<Value>) -> Value {
    let mut body = Map::from_iter([("schema".to_owned(), schema)]);
    if let Some(example) = example {
        body.insert("example".to_owned(), example);
    }
    json!({media: body})
}

/// A reference to a component.
pub(super) fn schema(name: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{name}")})
}

/// A header that an answer always has, with this value.
pub(super) fn always(value: &str) -> Value {
    json!({"required": true, "schema": {"type": "string", "const": value}})
}
