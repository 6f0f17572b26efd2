//! `GET /docs`: the reference for people, made from the OpenAPI document for tools.
//!
//! All of its content comes from the document: the page shows its operations, fields, answers and refusals in an
//! order for people.

mod audience;
mod curl;
mod examples;
mod fields;
mod headers;
mod json;
mod prose;
mod refusals;

use std::sync::{Arc, OnceLock};

use askama::Template;
use axum::routing::{MethodRouter, get};
use bytes::Bytes;
use http::header::CACHE_CONTROL;
use http::{HeaderMap, HeaderValue, Response, StatusCode};
use http_body_util::Full;
use serde_json::Value;
use tollgate_http::{Coding, SharedText, pages};
use tollgate_sandbox::Error;

use crate::reference::audience::is_for_operators;
use crate::reference::examples::Example;
use crate::reference::fields::{Field, Fields};
use crate::reference::headers::{Header, headers};
use crate::reference::json::{members, object, resolved, text};
use crate::reference::prose::{Piece, block, paragraphs, pieces};
use crate::reference::refusals::{Common, Refusal};

/// The page as it is served, which is made when it is first requested.
struct Reference {
    /// Whether the page links to the playground.
    has_playground: bool,
    document: Document,
    page: OnceLock<SharedText>,
}

/// A function that makes the description of the HTTP API.
pub type Document = Box<dyn Fn() -> Value + Send + Sync>;

/// Returns the only route of the reference.
pub(crate) fn routes(has_playground: bool, document: Document) -> Vec<(&'static str, MethodRouter)> {
    let reference = Arc::new(Reference { has_playground, document, page: OnceLock::new() });
    let only = async || Error::MethodNotAllowed { allow: "GET, HEAD" };
    let show = async move |headers: HeaderMap| reference.answer(&headers);
    vec![("/docs", get(show).fallback(only))]
}

impl Reference {
    /// Answers a request for the page.
    fn answer(&self, asked: &HeaderMap) -> Response<Full<Bytes>> {
        let render = || SharedText::new(render(&(self.document)(), self.has_playground).into());
        let page = self.page.get_or_init(render);
        let mut headers = pages::headers(pages::Policy { scripts: true, ..Default::default() });
        let body = page.body(Coding::taken(asked), &mut headers);
        let mut response = Response::new(Full::new(body));
        *response.headers_mut() = headers;
        // The page is the same for everybody.
        response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("public, max-age=3600"));
        response
    }
}

fn render(document: &Value, has_playground: bool) -> String {
    Page::of(document, has_playground).render().expect("a template writes into a string, which never fails")
}

#[derive(Template)]
#[template(path = "reference.html")]
struct Page<'a> {
    has_playground: bool,
    base_url: &'a str,
    version: &'a str,
    introduction: Vec<Vec<Piece<'a>>>,
    examples: [Example; 6],
    groups: Vec<Group<'a>>,
    common: Vec<Refusal<'a>>,
    codes: Vec<Code<'a>>,
    oauth_errors: Vec<Code<'a>>,
}

/// A group of related operations.
struct Group<'a> {
    name: &'a str,
    anchor: String,
    description: Vec<Piece<'a>>,
    operations: Vec<Operation<'a>>,
}

struct Operation<'a> {
    anchor: &'a str,
    method: String,
    path: &'a str,
    summary: &'a str,
    description: Vec<Vec<Piece<'a>>>,
    access: &'static str,
    scope: Option<&'a str>,
    parameters: Vec<Field<'a>>,
    bodies: Vec<Fields<'a>>,
    media: Vec<&'a str>,
    curl: Option<String>,
    answers: Vec<Answer<'a>>,
    refusals: Vec<Refusal<'a>>,
    /// The statuses of the refusals that are described once for all operations.
    common: Vec<StatusCode>,
}

/// An answer that is not a refusal.
struct Answer<'a> {
    status: StatusCode,
    description: Vec<Piece<'a>>,
    headers: Vec<Header<'a>>,
    fields: Vec<Fields<'a>>,
    example: Option<String>,
}

/// An error code, and when it is answered.
struct Code<'a> {
    name: &'a str,
    status: &'a str,
    when: Vec<Piece<'a>>,
}

impl<'a> Page<'a> {
    fn of(document: &'a Value, has_playground: bool) -> Self {
        let schemas = &document["components"]["schemas"];
        let common = Common::of(document);
        let described = |schema: &'a Value| schema["description"].as_str().unwrap_or_default();
        Self {
            has_playground,
            base_url: text(&document["servers"][0]["url"]),
            version: text(&document["info"]["version"]),
            introduction: paragraphs(text(&document["info"]["description"])),
            examples: examples::ALL,
            groups: members(document, "tags")
                .map(|tag| Group::of(document, tag, &common))
                .filter(|group| !group.operations.is_empty())
                .collect(),
            common: common.refusals(document),
            codes: codes(described(&schemas["ErrorCode"])),
            oauth_errors: codes(described(&schemas["OAuthError"]["properties"]["error"])),
        }
    }
}

impl<'a> Group<'a> {
    fn of(document: &'a Value, tag: &'a Value, common: &Common<'_>) -> Self {
        let name = text(&tag["name"]);
        let mut operations = Vec::new();
        for (path, methods) in object(&document["paths"]).filter(|(path, _)| !is_for_operators(path)) {
            for (method, operation) in
                object(methods).filter(|(_, operation)| operation["tags"][0] == tag["name"])
            {
                operations.push(Operation::of(document, path, method, operation, common));
            }
        }
        let anchor = name.to_lowercase().replace(' ', "-");
        Self { name, anchor, description: pieces(text(&tag["description"])), operations }
    }
}

impl<'a> Operation<'a> {
    fn of(
        document: &'a Value,
        path: &'a str,
        method: &str,
        operation: &'a Value,
        common: &Common<'_>,
    ) -> Self {
        let responses = || {
            object(&operation["responses"]).map(|(status, response)| (status, resolved(document, response)))
        };
        let security = &operation["security"];
        let (access, scope) = match (&security[0], security[1]["oauth2"][0].as_str()) {
            (_, Some(scope)) => ("an access token with the scope", Some(scope)),
            (Value::Null, None) => ("none", None),
            _ => ("the client, by HTTP Basic or in the body", None),
        };
        let content = &operation["requestBody"]["content"];
        Self {
            anchor: text(&operation["operationId"]),
            method: method.to_uppercase(),
            path,
            summary: text(&operation["summary"]),
            description: paragraphs(text(&operation["description"])),
            access,
            scope,
            // Parameters that every operation has are described once, at the start.
            parameters: members(operation, "parameters")
                .filter(|parameter| parameter["$ref"].is_null())
                .map(Field::of_parameter)
                .collect(),
            bodies: object(content)
                .next()
                .map_or_else(Vec::new, |(_, body)| Fields::of(document, &body["schema"])),
            media: object(content).map(|(media, _)| media.as_str()).collect(),
            curl: curl::example(document, path, method, operation).map(|curl| block(&curl)),
            answers: responses().filter_map(|(status, it)| Answer::of(document, status, it)).collect(),
            refusals: responses()
                .filter(|(status, it)| !common.has(status, it))
                .filter_map(|(status, it)| Refusal::of(document, status, it))
                .collect(),
            common: responses()
                .filter(|(status, it)| common.has(status, it))
                .filter_map(|(status, _)| status.parse().ok())
                .collect(),
        }
    }
}

impl<'a> Answer<'a> {
    fn of(document: &'a Value, status: &str, response: &'a Value) -> Option<Self> {
        let status: StatusCode = status.parse().ok().filter(|status: &StatusCode| status.as_u16() < 400)?;
        let body = object(&response["content"]).next().map(|(_, body)| body);
        let example = body.and_then(|body| body.get("example"));
        Some(Self {
            status,
            description: pieces(text(&response["description"])),
            headers: headers(document, response),
            fields: body.map_or_else(Vec::new, |body| Fields::of(document, &body["schema"])),
            example: example.map(|example| block(&format!("{example:#}"))),
        })
    }
}

/// Returns the list in a description: "- `CODE` (status): when".
fn codes(description: &str) -> Vec<Code<'_>> {
    let lines = description.lines().filter_map(|line| line.strip_prefix("- `")?.split_once('`'));
    let read = lines.filter_map(|(name, rest)| {
        let (status, when) = rest.split_once(": ")?;
        Some(Code { name, status: status.trim().trim_matches(['(', ')']), when: pieces(when) })
    });
    read.collect()
}

#[cfg(test)]
mod tests;
