//! HTTP authentication (RFC 9110 §11): the credentials of a request and the challenges of an answer.

use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue};

/// Finds the credentials of `scheme` in the only `Authorization` header. `None` if there is no header, or it has another
/// scheme. They may be empty; no space is before them.
#[inline]
pub fn credentials<'h>(headers: &'h HeaderMap, scheme: &str) -> Result<Option<&'h [u8]>, Ambiguous> {
    let mut lines = headers.get_all(AUTHORIZATION).iter();
    let Some(line) = lines.next() else { return Ok(None) };
    if lines.next().is_some() {
        return Err(Ambiguous);
    }
    let of_the_scheme = line.as_bytes().split_at_checked(scheme.len());
    let credentials = of_the_scheme
        .filter(|(named, _)| named.eq_ignore_ascii_case(scheme.as_bytes()))
        .and_then(|(_, rest)| rest.strip_prefix(b" "));
    Ok(credentials.map(|rest| &rest[rest.iter().take_while(|byte| **byte == b' ').count()..]))
}

/// The error for a request with more than one `Authorization` header: a proxy in front may have read another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ambiguous;

/// The realm of an audience's tokens (RFC 9110 §11.5). Its challenges are written once, and refusals copy them.
#[derive(Debug, Clone)]
pub struct Realm {
    no_token: HeaderValue,
    invalid_token: HeaderValue,
}

impl Realm {
    /// Makes the realm of the tokens for `audience`.
    pub fn of(audience: &str) -> Self {
        let no_token = format!("Bearer realm=\"{}\"", quotable(audience));
        let invalid_token = format!("{no_token}, error=\"invalid_token\"");
        Self { no_token: value(&no_token), invalid_token: value(&invalid_token) }
    }

    /// Returns the challenge to a request without a token, which names no error (RFC 6750 §3.1).
    pub fn no_token(&self) -> HeaderValue {
        self.no_token.clone()
    }

    /// Returns the challenge to a token that is not accepted.
    pub fn invalid_token(&self) -> HeaderValue {
        self.invalid_token.clone()
    }

    /// Returns the challenge to a token that lacks a scope.
    pub fn insufficient_scope(&self, scope: &str) -> HeaderValue {
        let error = format!(", error=\"insufficient_scope\", scope=\"{}\"", quotable(scope));
        let challenge = [self.no_token.as_bytes(), error.as_bytes()].concat();
        HeaderValue::from_bytes(&challenge).expect("both parts are printable ASCII")
    }
}

fn value(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).expect("what is quotable is printable ASCII")
}

/// Replaces characters that need an escape between quotes by question marks.
fn quotable(text: &str) -> String {
    text.chars().map(|c| if matches!(c, ' '..='~') && c != '"' && c != '\\' { c } else { '?' }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(lines: &[&str], scheme: &str) -> Result<Option<String>, Ambiguous> {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(AUTHORIZATION, HeaderValue::from_str(line).unwrap());
        }
        let found = credentials(&headers, scheme)?;
        Ok(found.map(|found| String::from_utf8(found.to_vec()).unwrap()))
    }

    #[test]
    fn credentials_follow_their_scheme_in_any_case_and_at_least_one_space() {
        for line in ["Basic YTpi", "basic YTpi", "BASIC   YTpi"] {
            assert_eq!(found(&[line], "Basic"), Ok(Some("YTpi".to_owned())), "{line:?}");
        }
        assert_eq!(found(&["Basic  "], "Basic"), Ok(Some(String::new())));
        for line in ["", "Basic", "Basic\tYTpi", "BasicYTpi", "Basi c", "Bearer YTpi"] {
            assert_eq!(found(&[line], "Basic"), Ok(None), "{line:?}");
        }
        assert_eq!(found(&[], "Basic"), Ok(None));
    }

    #[test]
    fn of_two_headers_neither_counts() {
        for lines in [["Basic a", "Basic a"], ["Basic a", "Bearer b"], ["Bearer b", "Basic a"]] {
            assert_eq!(found(&lines, "Basic"), Err(Ambiguous));
        }
    }

    #[test]
    fn a_challenge_names_the_realm_then_the_error_then_the_scope() {
        let realm = Realm::of("https://ledger.example.com");
        assert_eq!(realm.no_token(), "Bearer realm=\"https://ledger.example.com\"");
        assert_eq!(
            realm.invalid_token(),
            "Bearer realm=\"https://ledger.example.com\", error=\"invalid_token\""
        );
        assert_eq!(
            realm.insufficient_scope("a b"),
            "Bearer realm=\"https://ledger.example.com\", error=\"insufficient_scope\", scope=\"a b\""
        );
    }

    #[test]
    fn nothing_breaks_out_of_the_quotes() {
        let realm = Realm::of("a\"b\\c\r\nd\u{e9}");
        assert_eq!(realm.no_token(), "Bearer realm=\"a?b?c??d?\"");
        assert_eq!(
            realm.insufficient_scope("\u{e9}\""),
            "Bearer realm=\"a?b?c??d?\", error=\"insufficient_scope\", scope=\"??\""
        );
    }
}
