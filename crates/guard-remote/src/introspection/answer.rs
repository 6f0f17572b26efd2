//! The authority's answer about a token (RFC 7662 §2.2).

use std::borrow::Cow;

use serde::Deserialize;
use tollgate_core::{Environment, Timestamp, TokenError};
use tollgate_guard::Introspected;

use crate::problem::Problem;

pub(super) const INTROSPECTION: &str = "the introspection of a token";

/// The authority's verdict on a token.
pub(super) enum Verdict {
    /// The token is not active. The authority doesn't say why.
    Inactive,
    /// The token is active, but is not admitted here.
    Refused(TokenError),
    /// The token is an access token with these claims.
    Good(Introspected),
}

#[derive(Deserialize)]
struct Answer<'a> {
    active: bool,
    #[serde(borrow, default)]
    token_type: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    iss: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    aud: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    client_id: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    scope: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    jti: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    merchant_id: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    net: Option<Cow<'a, str>>,
    env: Option<Environment>,
    exp: Option<u64>,
}

impl Verdict {
    /// Reads an answer of the authority `issuer`. An active token's answer must have all of its members.
    pub(super) fn read(body: &[u8], issuer: &str) -> Result<Self, Problem> {
        let malformed = || Problem::Malformed(INTROSPECTION);
        let answer: Answer<'_> = serde_json::from_slice(body).map_err(|_| malformed())?;
        if !answer.active {
            return Ok(Self::Inactive);
        }
        if answer.iss.as_deref().ok_or_else(malformed)? != issuer {
            return Ok(Self::Refused(TokenError::Issuer));
        }
        // A refresh token has no type.
        if answer.token_type.as_deref() != Some("Bearer") {
            return Ok(Self::Refused(TokenError::Claims));
        }
        answer.good().map(Self::Good).ok_or_else(malformed)
    }
}

impl Answer<'_> {
    fn good(self) -> Option<Introspected> {
        let merchant_id = match self.merchant_id.as_deref() {
            Some(id) => Some(id.parse().ok()?),
            None => None,
        };
        Some(Introspected {
            client_id: self.client_id?.parse().ok()?,
            merchant_id,
            environment: self.env?,
            scope: self.scope?.parse().ok()?,
            token_id: self.jti?.parse().ok()?,
            expires_at: Timestamp::from_seconds(self.exp?),
            audience: self.aud?.into(),
            addresses: self.net.map(Into::into),
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn active() -> Value {
        json!({
            "active": true, "token_type": "Bearer", "iss": "https://core.example.com", "aud": "payment-api",
            "client_id": "0191e0a1-5c3b-7def-8123-456789abcdef", "sub": "0191e0a1-5c3b-7def-8123-456789abcdef",
            "scope": "payments:read", "jti": "AgICAgICAgICAgICAgICAg", "env": "test", "exp": 1_764_000_900, "iat": 1,
            "merchant_id": "0191e0a1-5c3b-7def-8123-456789abcdef", "net": "10.0.0.0/8",
        })
    }

    fn read(answer: &Value) -> Result<Verdict, Problem> {
        Verdict::read(answer.to_string().as_bytes(), "https://core.example.com")
    }

    #[test]
    fn what_a_good_token_says_is_read() {
        let Ok(Verdict::Good(good)) = read(&active()) else { panic!("it is good") };
        assert_eq!((&*good.audience, good.addresses.as_deref()), ("payment-api", Some("10.0.0.0/8")));
        assert_eq!(good.scope.as_str(), "payments:read");
        assert_eq!(good.environment, Environment::Test);
        assert_eq!(good.merchant_id.unwrap().to_string(), active()["merchant_id"]);
        let mut of_an_operator = active();
        of_an_operator.as_object_mut().unwrap().remove("merchant_id");
        assert!(matches!(read(&of_an_operator), Ok(Verdict::Good(good)) if good.merchant_id.is_none()));
    }

    #[test]
    fn an_active_answer_without_what_counts_is_of_no_use() {
        for member in ["iss", "aud", "client_id", "scope", "jti", "env", "exp"] {
            let mut answer = active();
            answer.as_object_mut().unwrap().remove(member);
            assert!(matches!(read(&answer), Err(Problem::Malformed(_))), "without {member}");
        }
        for (member, value) in [
            ("aud", json!(["a", "payment-api"])),
            ("env", json!("both")),
            ("exp", json!(-1)),
            ("client_id", json!("x")),
        ] {
            let mut answer = active();
            answer[member] = value;
            assert!(matches!(read(&answer), Err(Problem::Malformed(_))), "{answer}");
        }
        for body in ["", "<html>", "{}", r#"{"active":"true"}"#, r#"{"active":false,"active":true}"#] {
            assert!(matches!(Verdict::read(body.as_bytes(), ""), Err(Problem::Malformed(_))), "{body}");
        }
    }

    #[test]
    fn a_refresh_token_and_a_token_of_another_issuer_are_refused() {
        let mut refresh = active();
        refresh.as_object_mut().unwrap().remove("token_type");
        assert!(matches!(read(&refresh), Ok(Verdict::Refused(TokenError::Claims))));
        let mut foreign = active();
        foreign["iss"] = json!("https://core.example.com/");
        assert!(matches!(read(&foreign), Ok(Verdict::Refused(TokenError::Issuer))));
        assert!(matches!(read(&json!({ "active": false })), Ok(Verdict::Inactive)));
    }
}
