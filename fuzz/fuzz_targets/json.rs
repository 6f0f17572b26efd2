//! What the strict reader accepts a common one reads to the same, and what only the strict one refuses has two readings.
#![no_main]

use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use tollgate_http::json::{self, Json};

fuzz_target!(|body: &[u8]| {
    let common: Option<Value> = serde_json::from_slice(body).ok();
    if let Ok(strict) = json::read(body) {
        let strict = plain(&strict);
        assert_eq!(common.as_ref(), Some(&strict));
        let written = serde_json::to_vec(&strict).expect("a value is JSON");
        assert_eq!(plain(&json::read(&written).expect("what was read can be read again")), strict);
    }
});

fn plain(json: &Json) -> Value {
    match json {
        Json::Null => Value::Null,
        Json::Bool(value) => Value::Bool(*value),
        Json::Number(number) => Value::Number(number.clone()),
        Json::String(text) => Value::String(text.clone()),
        Json::Array(items) => Value::Array(items.iter().map(plain).collect()),
        Json::Object(members) => {
            let object: serde_json::Map<_, _> =
                members.iter().map(|(name, value)| (name.clone(), plain(value))).collect();
            assert_eq!(object.len(), members.len(), "a name is there twice");
            Value::Object(object)
        }
    }
}
