//! The refusals of operations. Refusals that many operations have in common are described once.

use std::collections::BTreeMap;

use http::StatusCode;
use serde_json::Value;

use super::audience::is_for_operators;
use super::headers::{Header, headers};
use super::json::{object, resolved, text};
use super::prose::{Piece, paragraphs};

/// How many operations must share a refusal for it to be described once.
const MANY: usize = 6;

/// The refusals under one status.
pub(super) struct Refusal<'a> {
    pub(super) status: StatusCode,
    pub(super) lines: Vec<Vec<Piece<'a>>>,
    pub(super) headers: Vec<Header<'a>>,
}

impl<'a> Refusal<'a> {
    /// Returns the refusal of a response, unless it is not a refusal.
    pub(super) fn of(document: &'a Value, status: &str, response: &'a Value) -> Option<Self> {
        let status = refused(status)?;
        let lines = paragraphs(text(&response["description"]));
        Some(Self { status, lines, headers: headers(document, response) })
    }
}

/// The refusals that many operations have in common, by status and description.
pub(super) struct Common<'a>(BTreeMap<(&'a str, &'a str), &'a Value>);

impl<'a> Common<'a> {
    /// Finds the refusals that many operations have in common.
    pub(super) fn of(document: &'a Value) -> Self {
        let mut counted: BTreeMap<_, (usize, &Value)> = BTreeMap::new();
        let paths = object(&document["paths"]).filter(|(path, _)| !is_for_operators(path));
        let operations = paths.flat_map(|(_, methods)| object(methods));
        for (status, response) in operations.flat_map(|(_, operation)| object(&operation["responses"])) {
            let response = resolved(document, response);
            let key = (status.as_str(), text(&response["description"]));
            counted.entry(key).or_insert((0, response)).0 += 1;
        }
        let many = counted.into_iter().filter(|(key, (count, _))| *count >= MANY && refused(key.0).is_some());
        Self(many.map(|(key, (_, response))| (key, response)).collect())
    }

    /// Says whether a response is one of them.
    pub(super) fn has(&self, status: &str, response: &Value) -> bool {
        self.0.contains_key(&(status, text(&response["description"])))
    }

    /// Returns all of them, by status.
    pub(super) fn refusals(&self, document: &'a Value) -> Vec<Refusal<'a>> {
        let all = self.0.iter().filter_map(|((status, _), response)| Refusal::of(document, status, response));
        all.collect()
    }
}

fn refused(status: &str) -> Option<StatusCode> {
    status.parse().ok().filter(|status: &StatusCode| status.as_u16() >= 400)
}
