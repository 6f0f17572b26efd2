//! The two dialects of an authority: its endpoints, and the form of requests and answers.

use std::borrow::Cow;

use reqwest::Url;
use serde::Deserialize;

use crate::origin::secure;
use crate::source::known_code;
use crate::{ConfigurationError, HttpHosts};

/// The dialect of an authority: that of the Payment API, or the standard one.
#[derive(Debug, Clone)]
pub struct Dialect(pub(super) Kind);

#[derive(Debug, Clone)]
pub(super) enum Kind {
    PaymentApi { token: Url, refresh: Url },
    Standard { token: Url, authentication: ClientAuthentication },
}

/// How a client authenticates at an endpoint of RFC 6749 (§2.3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientAuthentication {
    /// HTTP Basic, which every authority must support.
    Basic,
    /// The client's id and secret in the body of the request.
    Post,
}

impl Dialect {
    /// Returns the dialect of the Payment API: JSON, at `/api/v1/oauth2/token` and `…/refresh` below this URL.
    pub fn payment_api(base_url: &str) -> Result<Self, ConfigurationError> {
        Self::payment_api_allowing(base_url, &HttpHosts::default())
    }

    /// Returns the dialect of the Payment API, which may use http to these hosts, too.
    pub fn payment_api_allowing(base_url: &str, hosts: &HttpHosts) -> Result<Self, ConfigurationError> {
        let base = base_url.trim_end_matches('/');
        if base.contains('?') {
            return Err(ConfigurationError::Url);
        }
        Ok(Self(Kind::PaymentApi {
            token: secure(&format!("{base}/api/v1/oauth2/token"), hosts)?,
            refresh: secure(&format!("{base}/api/v1/oauth2/refresh"), hosts)?,
        }))
    }

    /// Returns the dialect of a token endpoint as RFC 6749 defines it. Its URL may have a query (§3.2).
    pub fn standard(
        token_url: &str,
        authentication: ClientAuthentication,
    ) -> Result<Self, ConfigurationError> {
        Self::standard_allowing(token_url, authentication, &HttpHosts::default())
    }

    /// Returns the dialect of a token endpoint, which may use http to these hosts, too.
    pub fn standard_allowing(
        token_url: &str,
        authentication: ClientAuthentication,
        hosts: &HttpHosts,
    ) -> Result<Self, ConfigurationError> {
        Ok(Self(Kind::Standard { token: secure(token_url, hosts)?, authentication }))
    }
}

/// A token response, or the part of an error response that is read.
#[derive(Deserialize)]
pub(super) struct Answer<'a> {
    #[serde(borrow)]
    pub(super) access_token: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(super) refresh_token: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(super) token_type: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(super) expires_in: Option<Seconds<'a>>,
}

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    data: Answer<'a>,
}

#[derive(Deserialize)]
struct EnvelopeOfError<'a> {
    #[serde(borrow)]
    error: CodeOfError<'a>,
}

#[derive(Deserialize)]
struct CodeOfError<'a> {
    #[serde(borrow)]
    code: Cow<'a, str>,
}

#[derive(Deserialize)]
struct StandardError<'a> {
    #[serde(borrow)]
    error: Cow<'a, str>,
}

/// A number of seconds. Some authorities write it as text, some with a fraction.
#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum Seconds<'a> {
    Number(f64),
    #[serde(borrow)]
    Text(Cow<'a, str>),
}

impl Seconds<'_> {
    pub(super) fn duration(&self) -> Option<std::time::Duration> {
        let seconds = match self {
            Self::Number(seconds) => *seconds,
            Self::Text(text) => text.parse().ok()?,
        };
        std::time::Duration::try_from_secs_f64(seconds).ok()
    }
}

impl Kind {
    /// Returns the URL of the token endpoint.
    pub(super) fn token_url(&self) -> &Url {
        match self {
            Self::PaymentApi { token, .. } | Self::Standard { token, .. } => token,
        }
    }

    pub(super) fn answer<'a>(&self, body: &'a [u8]) -> Option<Answer<'a>> {
        match self {
            Self::PaymentApi { .. } => {
                serde_json::from_slice::<Envelope<'_>>(body).ok().map(|envelope| envelope.data)
            }
            Self::Standard { .. } => serde_json::from_slice(body).ok(),
        }
    }

    pub(super) fn code(&self, body: &[u8]) -> Option<&'static str> {
        match self {
            Self::PaymentApi { .. } => {
                let envelope = serde_json::from_slice::<EnvelopeOfError<'_>>(body).ok()?;
                known_code(&envelope.error.code)
            }
            Self::Standard { .. } => {
                let answer = serde_json::from_slice::<StandardError<'_>>(body).ok()?;
                known_code(&answer.error)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_endpoints_are_below_the_base_url() {
        for base in ["https://a.example/base", "https://a.example/base/"] {
            let Kind::PaymentApi { token, refresh } = Dialect::payment_api(base).unwrap().0 else { panic!() };
            assert_eq!(token.as_str(), "https://a.example/base/api/v1/oauth2/token");
            assert_eq!(refresh.as_str(), "https://a.example/base/api/v1/oauth2/refresh");
        }
        assert!(Dialect::payment_api("https://a.example/?b").is_err());
        assert!(Dialect::standard("https://a.example/token?tenant=b", ClientAuthentication::Basic).is_ok());
    }
}
