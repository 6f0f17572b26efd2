//! Durations as they were written, so that they are shown that way.

use std::collections::BTreeMap;

use serde_json::Value;

use super::values::parse_duration;

/// The texts of the durations, by key.
#[derive(Debug, Clone, Default)]
pub(super) struct Written(BTreeMap<&'static str, String>);

/// Compares nothing: two ways of writing the same duration configure the same.
impl PartialEq for Written {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Written {}

impl Written {
    pub(super) fn note(&mut self, key: &'static str, text: &str) {
        self.0.insert(key, text.trim().to_owned());
    }

    /// Replaces durations by the original texts that mean the same.
    pub(super) fn restore(&self, shown: &mut Value) {
        for (key, text) in &self.0 {
            let Some(value) = shown.pointer_mut(&format!("/{}", key.replace('.', "/"))) else { continue };
            let same = value.as_str().map(parse_duration) == Some(parse_duration(text));
            if same {
                *value = text.clone().into();
            }
        }
    }
}
