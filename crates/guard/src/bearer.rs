//! The token in a request's headers (RFC 6750 §2.1).

use http::HeaderMap;
use tollgate_core::TokenError;
use tollgate_http::{Ambiguous, credentials};

use crate::denial::Denial;

/// Finds the token in the only `Authorization` header. A token in the query, the body or a cookie does not count.
#[inline]
pub fn bearer_token(headers: &HeaderMap) -> Result<&[u8], Denial> {
    match credentials(headers, "Bearer") {
        Ok(Some([]) | None) => Err(Denial::NoToken),
        Ok(Some(token)) => Ok(token),
        Err(Ambiguous) => Err(Denial::InvalidToken(TokenError::Malformed)),
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use http::header::AUTHORIZATION;

    use super::*;

    fn found(lines: &[&[u8]]) -> Result<Vec<u8>, Denial> {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(AUTHORIZATION, HeaderValue::from_bytes(line).unwrap());
        }
        bearer_token(&headers).map(<[u8]>::to_vec)
    }

    #[test]
    fn the_scheme_is_case_insensitive_and_spaces_may_repeat() {
        for line in ["Bearer a.b.c", "bearer a.b.c", "BEARER   a.b.c", "BeArEr a.b.c"] {
            assert_eq!(found(&[line.as_bytes()]), Ok(b"a.b.c".to_vec()), "{line:?}");
        }
    }

    #[test]
    fn no_bearer_scheme_or_nothing_after_it_is_no_token() {
        for line in [
            "",
            "Bearer",
            "Bearer ",
            "Bearer    ",
            "Bearer\ta",
            "Basic YTpi",
            "Bear a",
            "Bearera.b.c",
            "a.b.c",
        ] {
            assert_eq!(found(&[line.as_bytes()]), Err(Denial::NoToken), "{line:?}");
        }
        assert_eq!(found(&[]), Err(Denial::NoToken));
    }

    #[test]
    fn two_authorization_lines_are_ambiguous() {
        for lines in [[&b"Bearer a"[..], b"Bearer a"], [b"Bearer a", b"Basic b"], [b"Basic b", b"Bearer a"]] {
            assert_eq!(found(&lines), Err(Denial::InvalidToken(TokenError::Malformed)));
        }
    }
}
