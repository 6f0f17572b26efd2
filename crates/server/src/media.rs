//! Which type a body claims to be of, and how long it may be.

use http::HeaderMap;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};

use crate::error::Error;

/// The longest body that is read: 64 KiB.
pub(crate) const MAX_BODY: usize = 64 * 1024;

/// What is told to who sends other than JSON.
pub(crate) const JSON_ONLY: &str = "Send the body as Content-Type: application/json, in UTF-8.";

/// A type of body that is understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Media {
    /// `application/json`
    Json,
    /// `application/x-www-form-urlencoded`
    Form,
}

impl Media {
    /// Reads the one `Content-Type`. Only UTF-8 is understood, and nothing that is compressed.
    pub(crate) fn of(headers: &HeaderMap) -> Option<Self> {
        let mut lines = headers.get_all(CONTENT_TYPE).iter();
        let line = lines.next()?.to_str().ok()?;
        let compressed = headers.get_all(CONTENT_ENCODING).iter().any(|coding| coding != "identity");
        if lines.next().is_some() || compressed {
            return None;
        }
        if line == "application/json" {
            return Some(Self::Json);
        }
        let (essence, parameters) = line.split_once(';').unwrap_or((line, ""));
        if !parameters.split(';').all(is_harmless) {
            return None;
        }
        match essence.trim() {
            essence if essence.eq_ignore_ascii_case("application/json") => Some(Self::Json),
            essence if essence.eq_ignore_ascii_case("application/x-www-form-urlencoded") => Some(Self::Form),
            _ => None,
        }
    }

    /// Refuses every body that is not JSON.
    pub(crate) fn require_json(headers: &HeaderMap) -> Result<(), Error> {
        match Self::of(headers) {
            Some(Self::Json) => Ok(()),
            Some(Self::Form) | None => Err(Error::MediaType { expected: JSON_ONLY }),
        }
    }
}

/// Says whether a parameter of the content type leaves the body what it is: UTF-8.
fn is_harmless(parameter: &str) -> bool {
    let Some((name, value)) = parameter.split_once('=') else { return parameter.trim().is_empty() };
    !name.trim().eq_ignore_ascii_case("charset")
        || value.trim().trim_matches('"').eq_ignore_ascii_case("utf-8")
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn media(line: &str) -> Option<Media> {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_str(line).unwrap());
        Media::of(&headers)
    }

    #[test]
    fn the_type_is_read_without_its_parameters() {
        for line in [
            "application/json",
            "Application/JSON; charset=UTF-8",
            "application/json;charset=\"utf-8\"",
            "application/json;",
        ] {
            assert_eq!(media(line), Some(Media::Json), "{line}");
        }
        assert_eq!(media("application/x-www-form-urlencoded"), Some(Media::Form));
        for line in
            ["text/plain", "application/json; charset=utf-16", "application/jsonp", "multipart/form-data", ""]
        {
            assert_eq!(media(line), None, "{line}");
        }
    }

    #[test]
    fn a_compressed_body_or_two_types_are_not_understood() {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static("identity"));
        assert_eq!(Media::of(&headers), Some(Media::Json));
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        assert_eq!(Media::of(&headers), None);
        headers.remove(CONTENT_ENCODING);
        headers.append(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        assert_eq!(Media::of(&headers), None);
    }
}
