//! Reads the values of `[telemetry]`.

use std::str::FromStr;

use super::Reader;
use crate::telemetry::{HeaderSource, ResourceAttribute, Sample};
use crate::texts::Parsed;

impl Reader {
    pub(crate) fn sample(&mut self, key: &'static str) -> Sample {
        self.text(key, Sample::from_str)
    }

    /// Reads headers, each with the source of its value.
    pub(crate) fn header_sources(&mut self, key: &'static str) -> Vec<HeaderSource> {
        self.texts(key, "an array of NAME=file:PATH or NAME=env:NAME")
    }

    pub(crate) fn resource_attributes(&mut self, key: &'static str) -> Vec<ResourceAttribute> {
        self.texts(key, "an array of NAME=VALUE")
    }

    pub(crate) fn service_name(&mut self, key: &'static str) -> String {
        self.text(key, |text| {
            let is_name = (1..=255).contains(&text.len()) && !text.contains(char::is_control);
            if is_name { Ok(text.to_owned()) } else { Err("1 to 255 characters without control characters") }
        })
    }

    /// Reads an array of texts, each of which is parsed.
    fn texts<T: FromStr<Err = &'static str>>(&mut self, key: &'static str, expected: &'static str) -> Vec<T> {
        self.parse(key, |value| {
            let items = value.as_array().ok_or(expected)?;
            items.iter().map(|item| item.as_str().ok_or(expected).and_then(str::parse)).collect::<Parsed<_>>()
        })
    }
}
