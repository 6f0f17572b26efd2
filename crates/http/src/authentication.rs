//! HTTP authentication (RFC 9110 §11): the challenges of an answer.

use http::HeaderValue;

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

    /// The challenge to a request without a token, which names no error (RFC 6750 §3.1).
    pub fn no_token(&self) -> HeaderValue {
        self.no_token.clone()
    }

    /// The challenge to a token that is not accepted.
    pub fn invalid_token(&self) -> HeaderValue {
        self.invalid_token.clone()
    }

    /// The challenge to a token that lacks a scope.
    pub fn insufficient_scope(&self, scope: &str) -> HeaderValue {
        let error = format!(", error=\"insufficient_scope\", scope=\"{}\"", quotable(scope));
        let challenge = [self.no_token.as_bytes(), error.as_bytes()].concat();
        HeaderValue::from_bytes(&challenge).expect("both parts are printable ASCII")
    }
}

fn value(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).expect("what is quotable is printable ASCII")
}

/// Replaces what needs an escape between quotes by question marks.
fn quotable(text: &str) -> String {
    text.chars().map(|c| if matches!(c, ' '..='~') && c != '"' && c != '\\' { c } else { '?' }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

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
