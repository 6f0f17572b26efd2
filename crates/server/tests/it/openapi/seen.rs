//! What operations were seen to answer.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use tollgate_server::openapi::{Surface, document};

use crate::call::Reply;

/// What the edge answers before any operation is reached, and every operation describes.
const AT_THE_EDGE: [(u16, &str); 4] =
    [(400, "VALIDATION_ERROR"), (408, "REQUEST_TIMEOUT"), (431, "HEADERS_TOO_LARGE"), (503, "UNAVAILABLE")];

/// Answers of the edge, which is not in front of the server here: a test of the program makes them.
const EXAMPLES_OF_THE_EDGE: [&str; 4] = [
    "The request is not valid HTTP/1.1.",
    "The headers of the request did not arrive in time.",
    "The request line and the headers are too large, or too many.",
    "There are too many connections. Try again shortly.",
];

/// A panic can come from anywhere, and can't be provoked everywhere.
const DEFECTS: [(u16, &str); 2] = [(500, "INTERNAL_ERROR"), (500, "server_error")];

/// The answers of each operation, each held to its description.
pub(super) struct Seen {
    document: Value,
    answers: BTreeMap<String, BTreeSet<(u16, String)>>,
    /// The bodies of errors, by their statuses.
    errors: BTreeSet<(u16, String)>,
}

impl Seen {
    pub(super) fn new() -> Self {
        Self {
            document: document(&Surface { authz: true, ..Surface::default() }),
            answers: BTreeMap::new(),
            errors: BTreeSet::new(),
        }
    }

    /// Takes an answer down, and holds it to what its operation says.
    #[track_caller]
    pub(super) fn add(&mut self, method: &str, path: &str, reply: &Reply) {
        let operation = format!("{method} {path}");
        let status = reply.status().as_u16();
        let responses = &self.document["paths"][path][method.to_lowercase()]["responses"];
        let described = resolved(&self.document, &responses[status.to_string()]);
        assert!(described.is_object(), "{operation} has no {status}: {}", reply.text());
        self.check_headers(&operation, described, reply);
        let media = reply.header("content-type").split(';').next().unwrap_or_default();
        let code = if media == "application/json" { code(&reply.json()) } else { None };
        if let Some(code) = &code {
            assert!(self.codes(described).contains(code), "{operation} {status} has no example of {code}");
            self.errors.insert((status, reply.json().to_string()));
        } else if !media.is_empty() {
            assert!(described["content"][media].is_object(), "{operation} {status} is no {media}");
        }
        let name = code.unwrap_or_else(|| media.to_owned());
        self.answers.entry(operation).or_default().insert((status, name));
    }

    fn check_headers(&self, operation: &str, described: &Value, reply: &Reply) {
        for (name, header) in described["headers"].as_object().unwrap() {
            let header = resolved(&self.document, header);
            let value = reply.header(name);
            assert!(!value.is_empty() || header["required"] == false, "{operation}: {name} is missing");
            let schema = &header["schema"];
            let values =
                schema["enum"].as_array().cloned().or_else(|| Some(vec![schema.get("const")?.clone()]));
            assert!(
                value.is_empty() || values.is_none_or(|values| values.contains(&json!(value))),
                "{name}: {value}"
            );
        }
    }

    /// Fails if an operation describes a code that it never answered.
    pub(super) fn assert_every_described_code_was_answered(&self) {
        let excused = AT_THE_EDGE.into_iter().chain(DEFECTS).map(|(status, code)| (status, code.to_owned()));
        let excused: BTreeSet<_> = excused.collect();
        let nothing = BTreeSet::new();
        for (operation, responses) in self.operations() {
            let seen = self.answers.get(&operation).unwrap_or(&nothing);
            assert!(!seen.is_empty(), "{operation} was not called");
            for (status, response) in responses {
                for code in self.codes(response) {
                    let answer = (status, code);
                    assert!(
                        seen.contains(&answer) || excused.contains(&answer),
                        "{operation} never answered {answer:?}"
                    );
                }
            }
        }
    }

    /// Fails if an example of an error is not an answer that was given, word for word.
    pub(super) fn assert_every_example_of_an_error_was_answered(&self) {
        for (operation, responses) in self.operations() {
            for (status, response) in responses {
                for example in self.examples(response) {
                    let message = example["error"]["message"].as_str().unwrap_or_default();
                    let was_answered = self.errors.contains(&(status, example.to_string()));
                    assert!(
                        was_answered || EXAMPLES_OF_THE_EDGE.contains(&message),
                        "{operation} has an example that is no answer: {status} {example}"
                    );
                }
            }
        }
    }

    /// Every operation with its answers, by their statuses.
    fn operations(&self) -> impl Iterator<Item = (String, Vec<(u16, &Value)>)> {
        let paths = self.document["paths"].as_object().unwrap().iter();
        paths.flat_map(move |(path, operations)| {
            operations.as_object().unwrap().iter().map(move |(method, operation)| {
                let responses = operation["responses"].as_object().unwrap().iter();
                let responses = responses
                    .map(|(status, response)| (status.parse().unwrap(), resolved(&self.document, response)));
                (format!("{} {path}", method.to_uppercase()), responses.collect())
            })
        })
    }

    /// The codes that an answer can have: those of its examples.
    fn codes(&self, response: &Value) -> BTreeSet<String> {
        self.examples(response).filter_map(code).collect()
    }

    /// The examples of errors in a description of an answer.
    fn examples<'a>(&'a self, response: &'a Value) -> impl Iterator<Item = &'a Value> {
        let examples = response["content"]["application/json"]["examples"].as_object();
        let examples = examples.into_iter().flat_map(|examples| examples.values());
        examples.map(|example| &resolved(&self.document, example)["value"])
    }
}

/// What stands in the document, or what it refers to.
fn resolved<'a>(document: &'a Value, value: &'a Value) -> &'a Value {
    let pointer = value["$ref"].as_str().map(|reference| reference.strip_prefix('#').unwrap());
    pointer.map_or(value, |pointer| document.pointer(pointer).unwrap())
}

/// The code of an error, in either form.
fn code(body: &Value) -> Option<String> {
    body["error"]["code"].as_str().or(body["error"].as_str()).map(str::to_owned)
}
