//! Reads members of JSON that other programs have written.

use serde_json::Value;

/// Reads a member that is a text.
pub(super) fn text<'a>(of: &'a Value, member: &str) -> Option<&'a str> {
    of[member].as_str().filter(|text| !text.is_empty())
}

/// Reads a member that is a text and decides something: a value that can't be read is an error, not absent.
pub(super) fn deciding_text<'a>(of: &'a Value, member: &str) -> Result<Option<&'a str>, String> {
    match &of[member] {
        Value::Null => Ok(None),
        Value::String(text) => Ok(Some(text.as_str()).filter(|text| !text.is_empty())),
        _ => Err(format!("its {member} is no text")),
    }
}

/// Reads a member that is true or false, and that decides something.
pub(super) fn flag(of: &Value, member: &str) -> Result<Option<bool>, String> {
    match &of[member] {
        Value::Null => Ok(None),
        Value::Bool(flag) => Ok(Some(*flag)),
        _ => Err(format!("its {member} is neither true nor false")),
    }
}

/// Finds a member by a path, such as `attributes.merchant`. A name may itself contain dots. A number counts as text, and a list of one
/// item as that item.
pub(super) fn find(of: &Value, path: &str) -> Option<String> {
    if let Some(found) = of.get(path) {
        return shown(found);
    }
    path.match_indices('.').find_map(|(dot, _)| {
        let (member, rest) = (&of[&path[..dot]], &path[dot + 1..]);
        // Some database columns hold JSON as text.
        let parsed: Option<Value> = member.as_str().and_then(|text| serde_json::from_str(text).ok());
        find(parsed.as_ref().unwrap_or(member), rest)
    })
}

fn shown(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if !text.trim().is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Array(items) => match items.as_slice() {
            [one] => shown(one),
            _ => None,
        },
        Value::String(_) | Value::Null | Value::Bool(_) | Value::Object(_) => None,
    }
}

/// Lists the texts in an array, or in a text that holds an array.
pub(super) fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::Array(items) => items.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        Value::String(text) => match serde_json::from_str(text) {
            Ok(array @ Value::Array(_)) => texts(&array),
            _ => text.split('|').filter(|text| !text.is_empty()).map(str::to_owned).collect(),
        },
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => Vec::new(),
    }
}
