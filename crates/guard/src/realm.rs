//! The challenges of RFC 6750 §3: what a refusal says in `WWW-Authenticate`.

use http::HeaderValue;

/// The protection space that an audience is (RFC 9110 §11.5), as challenges name it. Made once: a refusal copies what is
/// written here.
#[derive(Debug, Clone)]
pub struct Realm {
    no_token: HeaderValue,
    invalid_token: HeaderValue,
}

impl Realm {
    /// The realm of the tokens for `audience`.
    pub fn of(audience: &str) -> Self {
        let no_token = format!("Bearer realm=\"{}\"", quotable(audience));
        let invalid_token = format!("{no_token}, error=\"invalid_token\"");
        Self { no_token: value(&no_token), invalid_token: value(&invalid_token) }
    }

    /// Asks for a token where there was none: without an error, as RFC 6750 §3.1 has it.
    pub fn no_token(&self) -> HeaderValue {
        self.no_token.clone()
    }

    /// Says that a token was not accepted.
    pub fn invalid_token(&self) -> HeaderValue {
        self.invalid_token.clone()
    }

    /// Says which scope a token lacks.
    pub fn insufficient_scope(&self, scope: &str) -> HeaderValue {
        let error = format!(", error=\"insufficient_scope\", scope=\"{}\"", quotable(scope));
        let challenge = [self.no_token.as_bytes(), error.as_bytes()].concat();
        HeaderValue::from_bytes(&challenge).expect("both parts are printable ASCII")
    }
}

fn value(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).expect("what is quotable is printable ASCII")
}

/// Text as it may stand between quotes without an escape; what may not becomes a question mark.
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
