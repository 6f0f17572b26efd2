//! The headers of answers.

use serde_json::Value;

use super::json::{object, resolved};

/// A header, with its value if it is always the same.
pub(super) struct Header<'a> {
    pub(super) name: &'a str,
    pub(super) value: Option<&'a str>,
}

/// Returns the headers that are specific to an answer: not those that every answer has.
pub(super) fn headers<'a>(document: &'a Value, response: &'a Value) -> Vec<Header<'a>> {
    let own = object(&response["headers"]).filter(|(_, header)| header.get("$ref").is_none());
    let said = own.map(|(name, header)| {
        let schema = &resolved(document, header)["schema"];
        Header { name, value: schema["const"].as_str() }
    });
    said.filter(|header| !matches!(header.name, "Cache-Control" | "Pragma")).collect()
}
