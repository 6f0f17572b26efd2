//! The media type of a body.

use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue};

/// A type of body that is understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Media {
    /// `application/json`
    Json,
    /// `application/x-www-form-urlencoded`
    Form,
}

/// Why a body is not understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotUnderstood {
    /// It has another type, two, or none.
    #[error("unsupported media type")]
    Type,
    /// Its type is right, but it is compressed.
    #[error("the body is compressed")]
    Compressed,
}

impl NotUnderstood {
    /// Returns a message that says what to send; `expected` names the types that are understood.
    pub const fn message(self, expected: &'static str) -> &'static str {
        match self {
            Self::Type => expected,
            Self::Compressed => "Send the body uncompressed: without Content-Encoding.",
        }
    }
}

impl Media {
    /// Reads `Content-Type`, without its parameters: whether a body is in UTF-8 is decided by its bytes, not by
    /// `charset`.
    pub fn of(headers: &HeaderMap) -> Result<Self, NotUnderstood> {
        let mut lines = headers.get_all(CONTENT_TYPE).iter();
        let media = lines.next().and_then(|line| Self::named(line.as_bytes()));
        let media = media.filter(|_| lines.next().is_none()).ok_or(NotUnderstood::Type)?;
        if headers.get_all(CONTENT_ENCODING).iter().any(is_compressed) {
            return Err(NotUnderstood::Compressed);
        }
        Ok(media)
    }

    /// Returns the message to a caller who has sent another type.
    pub const fn asked_for(self) -> &'static str {
        match self {
            Self::Json => "Send the body as Content-Type: application/json, in UTF-8.",
            Self::Form => "Send the body as Content-Type: application/x-www-form-urlencoded, in UTF-8.",
        }
    }

    /// Requires a body of this type.
    pub fn require(self, headers: &HeaderMap) -> Result<(), NotUnderstood> {
        if Self::of(headers)? == self { Ok(()) } else { Err(NotUnderstood::Type) }
    }

    fn named(line: &[u8]) -> Option<Self> {
        if line == b"application/json" {
            return Some(Self::Json);
        }
        match line.split(|byte| *byte == b';').next()?.trim_ascii() {
            essence if essence.eq_ignore_ascii_case(b"application/json") => Some(Self::Json),
            essence if essence.eq_ignore_ascii_case(b"application/x-www-form-urlencoded") => Some(Self::Form),
            _ => None,
        }
    }
}

/// Says whether a line of `Content-Encoding` names a coding that has to be undone.
fn is_compressed(line: &HeaderValue) -> bool {
    let codings = line.as_bytes().split(|byte| *byte == b',').map(<[u8]>::trim_ascii);
    codings.into_iter().any(|coding| !coding.is_empty() && !coding.eq_ignore_ascii_case(b"identity"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn media(line: &str) -> Result<Media, NotUnderstood> {
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
            "application/json ; charset=utf-16",
            "application/json; charset=\"iso-8859-1\"; x",
        ] {
            assert_eq!(media(line), Ok(Media::Json), "{line}");
        }
        assert_eq!(media("application/x-www-form-urlencoded"), Ok(Media::Form));
        assert_eq!(media("application/x-www-form-urlencoded; charset=ISO-8859-1"), Ok(Media::Form));
        for line in
            ["text/plain", "text/plain; application/json", "application/jsonp", "multipart/form-data", ""]
        {
            assert_eq!(media(line), Err(NotUnderstood::Type), "{line}");
        }
    }

    #[test]
    fn a_compressed_body_is_not_understood_and_what_is_called_identity_is_not_compressed() {
        for (lines, understood) in [
            (&["identity"][..], true),
            (&["Identity"], true),
            (&["IDENTITY", "identity"], true),
            (&["identity, Identity"], true),
            (&[""], true),
            (&[" "], true),
            (&["gzip"], false),
            (&["identity, br"], false),
            (&["identity", "deflate"], false),
            (&["identityx"], false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            for line in lines {
                headers.append(CONTENT_ENCODING, HeaderValue::from_static(line));
            }
            let expected = if understood { Ok(Media::Json) } else { Err(NotUnderstood::Compressed) };
            assert_eq!(Media::of(&headers), expected, "{lines:?}");
        }
    }

    #[test]
    fn two_types_are_not_understood() {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.append(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        assert_eq!(Media::of(&headers), Err(NotUnderstood::Type));
    }
}
