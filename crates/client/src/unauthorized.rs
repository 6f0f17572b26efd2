//! Decides what a 401 of the API means (RFC 6750 §3), and whether the request is sent once more.

use http::header::WWW_AUTHENTICATE;
use http::{HeaderMap, HeaderName, Method, StatusCode};

/// The header that makes a request safe to repeat.
pub const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// What to do about an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reaction {
    /// The answer is passed on; it says nothing about the token.
    PassOn,
    /// The token is refused, and the answer is passed on because the request can't be sent again.
    Renew,
    /// The token is refused, and the request is sent again with a newer one.
    Resend,
}

/// Decides what to do about the answer to a request that was sent once. `replayable` is whether its body can be sent again.
pub(crate) fn react(status: StatusCode, headers: &HeaderMap, repeatable: bool, replayable: bool) -> Reaction {
    if status != StatusCode::UNAUTHORIZED {
        return Reaction::PassOn;
    }
    let before_the_handler = match challenge(headers) {
        Challenge::None | Challenge::Other => return Reaction::PassOn,
        Challenge::Bare => false,
        // The guard refused it, before the API processed it.
        Challenge::InvalidToken => true,
    };
    if replayable && (repeatable || before_the_handler) { Reaction::Resend } else { Reaction::Renew }
}

/// Says whether a request may arrive twice without harm: its method is idempotent (RFC 9110 §9.2.2), or it has a key.
pub(crate) fn is_repeatable(method: &Method, headers: &HeaderMap) -> bool {
    method.is_idempotent() || headers.contains_key(IDEMPOTENCY_KEY)
}

/// The meaning of an answer's challenges for the bearer token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Challenge {
    /// No challenge is for bearer tokens.
    None,
    /// A challenge asks for a bearer token without a reason.
    Bare,
    /// A challenge has `error="invalid_token"`.
    InvalidToken,
    /// Another error, which a newer token would not correct.
    Other,
}

fn challenge(headers: &HeaderMap) -> Challenge {
    let mut found = Challenge::None;
    let mut bearer = false;
    for line in headers.get_all(WWW_AUTHENTICATE) {
        let Ok(line) = line.to_str() else { continue };
        for item in items(line) {
            let parameter = match scheme(item) {
                Some((scheme, rest)) => {
                    bearer = scheme.eq_ignore_ascii_case("bearer");
                    if bearer && found == Challenge::None {
                        found = Challenge::Bare;
                    }
                    rest
                }
                None => item,
            };
            if bearer && let Some(error) = error(parameter) {
                match error {
                    "invalid_token" => return Challenge::InvalidToken,
                    _ => found = Challenge::Other,
                }
            }
        }
    }
    found
}

/// Splits at commas outside of quotes. An item is a scheme with its first parameter, or a further parameter (RFC 9110
/// §11.6.1).
fn items(line: &str) -> impl Iterator<Item = &str> {
    let mut quoted = false;
    let mut escaped = false;
    line.split(move |c| {
        if escaped {
            escaped = false;
            return false;
        }
        match c {
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            ',' => return !quoted,
            _ => {}
        }
        false
    })
    .map(str::trim)
}

/// Splits an item into the scheme that it begins with and the rest.
fn scheme(item: &str) -> Option<(&str, &str)> {
    let (first, rest) = item.split_once([' ', '\t']).unwrap_or((item, ""));
    let rest = rest.trim_start();
    (!first.is_empty() && !first.contains('=') && !rest.starts_with('=')).then_some((first, rest))
}

fn error(parameter: &str) -> Option<&str> {
    let (name, value) = parameter.split_once('=')?;
    name.trim().eq_ignore_ascii_case("error").then(|| value.trim().trim_matches('"'))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    fn answer(challenges: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for challenge in challenges {
            headers.append(WWW_AUTHENTICATE, HeaderValue::from_str(challenge).unwrap());
        }
        headers
    }

    fn reaction(challenges: &[&str], repeatable: bool, replayable: bool) -> Reaction {
        react(StatusCode::UNAUTHORIZED, &answer(challenges), repeatable, replayable)
    }

    #[test]
    fn the_refusal_of_the_guard_lets_anything_be_sent_again_whose_body_is_at_hand() {
        let guard = &["Bearer error=\"invalid_token\""];
        assert_eq!(reaction(guard, true, true), Reaction::Resend);
        assert_eq!(reaction(guard, false, true), Reaction::Resend);
        assert_eq!(reaction(guard, true, false), Reaction::Renew);
    }

    #[test]
    fn a_bare_challenge_may_come_from_behind_the_handler() {
        assert_eq!(reaction(&["Bearer"], true, true), Reaction::Resend);
        assert_eq!(reaction(&["Bearer"], false, true), Reaction::Renew);
        assert_eq!(reaction(&["Bearer realm=\"a, b=c\""], false, true), Reaction::Renew);
    }

    #[test]
    fn what_another_token_would_not_mend_is_passed_on() {
        for challenges in [
            &[][..],
            &["Basic realm=\"x\""],
            &["Basic error=\"invalid_token\""],
            &["Basic realm=\"Bearer error=\\\"invalid_token\\\"\""],
            &["Bearer error=\"insufficient_scope\", scope=\"payments:write\""],
            &["Bearer error=invalid_request"],
            &["DPoP error=\"invalid_token\""],
        ] {
            assert_eq!(reaction(challenges, true, true), Reaction::PassOn, "{challenges:?}");
        }
        for status in [StatusCode::OK, StatusCode::FORBIDDEN, StatusCode::PROXY_AUTHENTICATION_REQUIRED] {
            let headers = answer(&["Bearer error=\"invalid_token\""]);
            assert_eq!(react(status, &headers, true, true), Reaction::PassOn, "{status}");
        }
    }

    #[test]
    fn the_challenge_is_found_among_others() {
        for challenges in [
            &["bearer error=\"invalid_token\""][..],
            &["BEARER realm=\"r\" , error = \"invalid_token\""],
            &["Basic realm=\"x, y\", Bearer realm=\"z\", error=\"invalid_token\""],
            &["Bearer error=invalid_token, Basic realm=\"x\""],
            &["Negotiate", "Bearer error=\"invalid_token\", error_description=\"it \\\"expired\\\", sorry\""],
        ] {
            assert_eq!(reaction(challenges, false, true), Reaction::Resend, "{challenges:?}");
        }
    }

    #[test]
    fn a_key_or_an_idempotent_method_makes_a_request_repeatable() {
        let mut headers = HeaderMap::new();
        for method in [Method::GET, Method::HEAD, Method::OPTIONS, Method::PUT, Method::DELETE] {
            assert!(is_repeatable(&method, &headers), "{method}");
        }
        for method in [Method::POST, Method::PATCH, Method::CONNECT] {
            assert!(!is_repeatable(&method, &headers), "{method}");
        }
        headers.insert(IDEMPOTENCY_KEY, HeaderValue::from_static("k"));
        assert!(is_repeatable(&Method::POST, &headers));
    }

    proptest! {
        #[test]
        fn any_header_is_read_without_a_panic(line in "[ -~\t]{0,64}") {
            challenge(&answer(&[&line]));
        }
    }
}
