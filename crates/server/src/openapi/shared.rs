//! Answers that several operations give alike are written down once.

use serde_json::{Map, Value, json};

/// The answers so far, by their names.
#[derive(Default)]
pub(super) struct Shared(Map<String, Value>);

impl Shared {
    /// Keeps an answer that goes by `name`, such as `429_TOO_MANY_REQUESTS`, and refers to it. Another answer by the same
    /// name gets a number.
    pub(super) fn refer(&mut self, name: &str, answer: Value) -> Value {
        let (mut free, mut number) = (name.to_owned(), 1);
        while self.0.get(&free).is_some_and(|known| *known != answer) {
            number += 1;
            free = format!("{name}_{number}");
        }
        let reference = json!({"$ref": format!("#/components/responses/{free}")});
        self.0.insert(free, answer);
        reference
    }

    pub(super) fn into_responses(self) -> Map<String, Value> {
        self.0
    }
}
