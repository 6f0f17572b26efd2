//! Admission by what the authority says of a token when it is asked (RFC 7662 §2.2).

use serde::Deserialize;
use tollgate_core::{Environment, Timestamp, TokenError};
use tollgate_http::ClientAddress;

use crate::denial::Denial;
use crate::principal::Principal;
use crate::requirement::Requirement;

/// What the authority has answered about a token. Whoever asks it hands the answer to the guard, which reads it, decides and
/// makes the principal. Nobody else fills one in:
///
/// ```compile_fail
/// fn forge(principal: tollgate_guard::Principal) -> tollgate_guard::Introspected {
///     tollgate_guard::Introspected(Ok((principal, "payment-api".into(), None)))
/// }
/// ```
pub struct Introspected(Result<Active, Denial>);

/// An active access token.
struct Active {
    principal: Principal,
    audience: Box<str>,
    /// The networks that the token may be used from, as its claim `net` lists them; `None` for all.
    addresses: Option<Box<str>>,
}

#[derive(Deserialize)]
struct Answer {
    active: bool,
    token_type: Option<String>,
    iss: Option<String>,
    aud: Option<Box<str>>,
    client_id: Option<String>,
    scope: Option<String>,
    jti: Option<String>,
    merchant_id: Option<String>,
    net: Option<Box<str>>,
    env: Option<Environment>,
    exp: Option<u64>,
}

impl Introspected {
    /// Reads the body of an answer of the authority `issuer`. `None` for a body that is no such answer, or says that a token is
    /// active and lacks anything that counts.
    pub fn read(body: &[u8], issuer: &str) -> Option<Self> {
        let answer: Answer = serde_json::from_slice(body).ok()?;
        if !answer.active {
            return Some(Self(Err(Denial::Inactive)));
        }
        if answer.iss.as_deref()? != issuer {
            return Some(Self(Err(TokenError::Issuer.into())));
        }
        // A refresh token has no type.
        if answer.token_type.as_deref() != Some("Bearer") {
            return Some(Self(Err(TokenError::Claims.into())));
        }
        let principal = Principal {
            client_id: answer.client_id?.parse().ok()?,
            merchant_id: answer.merchant_id.map(|id| id.parse()).transpose().ok()?,
            environment: answer.env?,
            scope: answer.scope?.parse().ok()?,
            token_id: answer.jti?.parse().ok()?,
            secret_id: None,
            expires_at: Timestamp::from_seconds(answer.exp?),
        };
        Some(Self(Ok(Active { principal, audience: answer.aud?, addresses: answer.net })))
    }

    /// Decides about a request with this token, as [`Verifier::decide`](crate::Verifier::decide) would, for a guard of
    /// `audience` that only admits tokens of `environment`, if one is given.
    pub fn admit(
        &self,
        requirement: &Requirement,
        audience: &str,
        environment: Option<Environment>,
        address: Option<ClientAddress>,
        now: Timestamp,
    ) -> Result<Principal, Denial> {
        let Active { principal, audience: its_own, addresses } = self.0.as_ref().map_err(Denial::clone)?;
        if now >= principal.expires_at {
            return Err(TokenError::Expired.into());
        }
        if environment.is_some_and(|admitted| admitted != principal.environment) {
            return Err(Denial::Environment);
        }
        let is_for_another = **its_own != *audience
            || requirement.required_audience().is_some_and(|required| *required != **its_own);
        let allows = |word: &str| principal.scope.contains(word);
        requirement.check_said(
            principal.environment,
            is_for_another,
            addresses.as_deref(),
            address,
            allows,
        )?;
        Ok(principal.clone())
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

    fn read(answer: &Value) -> Option<Result<Active, Denial>> {
        Introspected::read(answer.to_string().as_bytes(), "https://core.example.com").map(|read| read.0)
    }

    #[test]
    fn what_a_good_token_says_is_read() {
        let Some(Ok(good)) = read(&active()) else { panic!("it is good") };
        assert_eq!((&*good.audience, good.addresses.as_deref()), ("payment-api", Some("10.0.0.0/8")));
        assert_eq!(good.principal.scope.as_str(), "payments:read");
        assert_eq!(good.principal.environment, Environment::Test);
        assert_eq!(good.principal.merchant_id.unwrap().to_string(), active()["merchant_id"]);
        let mut of_an_operator = active();
        of_an_operator.as_object_mut().unwrap().remove("merchant_id");
        assert!(matches!(read(&of_an_operator), Some(Ok(good)) if good.principal.merchant_id.is_none()));
    }

    #[test]
    fn an_active_answer_without_what_counts_is_of_no_use() {
        for member in ["iss", "aud", "client_id", "scope", "jti", "env", "exp"] {
            let mut answer = active();
            answer.as_object_mut().unwrap().remove(member);
            assert!(read(&answer).is_none(), "without {member}");
        }
        for (member, value) in [
            ("aud", json!(["a", "payment-api"])),
            ("env", json!("both")),
            ("exp", json!(-1)),
            ("client_id", json!("x")),
            ("merchant_id", json!("x")),
        ] {
            let mut answer = active();
            answer[member] = value;
            assert!(read(&answer).is_none(), "{answer}");
        }
        for body in ["", "<html>", "{}", r#"{"active":"true"}"#, r#"{"active":false,"active":true}"#] {
            assert!(Introspected::read(body.as_bytes(), "").is_none(), "{body}");
        }
    }

    #[test]
    fn a_refresh_token_and_a_token_of_another_issuer_are_refused() {
        let refused = |answer: &Value| read(answer).and_then(Result::err);
        let mut refresh = active();
        refresh.as_object_mut().unwrap().remove("token_type");
        assert_eq!(refused(&refresh), Some(TokenError::Claims.into()));
        let mut foreign = active();
        foreign["iss"] = json!("https://core.example.com/");
        assert_eq!(refused(&foreign), Some(TokenError::Issuer.into()));
        assert_eq!(refused(&json!({ "active": false })), Some(Denial::Inactive));
    }
}
