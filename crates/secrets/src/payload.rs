//! Finds the secret in the content of a file or a store.

use std::collections::HashMap;

use serde::{Deserialize as _, Deserializer};
use serde_json::value::RawValue;
use zeroize::Zeroize as _;

use crate::{Reason, Secret};

/// The longest content, in bytes. No store takes longer secrets.
pub(crate) const LIMIT: usize = 64 * 1024;

pub(crate) const TOO_LONG: Reason = Reason::Content("is longer than 64 KiB: check what is kept there");

/// The members of a JSON object, without copies of those that are not needed.
pub(crate) type Fields<'a> = HashMap<String, &'a RawValue>;

/// Returns the secret: the whole content, or one field of it if it is a JSON object.
pub(crate) fn pick(payload: &[u8], field: Option<&str>) -> Result<Secret, Reason> {
    if let Some(field) = field {
        let fields: Fields<'_> = serde_json::from_slice(payload).map_err(|_| {
            Reason::Content("is not a JSON object: leave #FIELD away, or keep an object there")
        })?;
        return member(&fields, field);
    }
    let payload = std::str::from_utf8(payload);
    text(payload.map_err(|_| Reason::Content("is not UTF-8: keep text there"))?.to_owned())
}

pub(crate) fn member(fields: &Fields<'_>, field: &str) -> Result<Secret, Reason> {
    let value =
        fields.get(field).ok_or(Reason::Content("has no such field: check #FIELD in the reference"))?;
    let value = serde_json::from_str(value.get());
    text(value.map_err(|_| Reason::Content("has that field, but not as a string: keep a string there"))?)
}

/// Makes a secret from a text, without the newline that an editor or a shell has added.
pub(crate) fn text(mut text: String) -> Result<Secret, Reason> {
    let length = text.trim_end_matches(['\r', '\n']).len();
    if length == 0 {
        return Err(Reason::Content("is empty: check what is kept there"));
    }
    // Some editors write a byte order mark, which isn't part of the text that they show.
    if text.starts_with('\u{feff}') {
        text.zeroize();
        return Err(Reason::Content("starts with a byte order mark: save it as UTF-8 without one"));
    }
    if length > LIMIT {
        text.zeroize();
        return Err(TOO_LONG);
    }
    text.truncate(length);
    Ok(Secret::from(text))
}

/// Deserializes a member of an answer as a secret.
pub(crate) fn secret<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Secret, D::Error> {
    String::deserialize(deserializer).map(Secret::from)
}
