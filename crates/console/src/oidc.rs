//! Signing in by an OpenID provider: the authorization code flow with PKCE (OpenID Connect Core 1.0 §3.1, RFC 7636, RFC 9700).
//!
//! Nothing about the provider is cached between two sign-ins: each one reads its discovery document and its keys, so that changes
//! there count at once, and every server can finish a sign-in that another one began. The state of a sign-in is kept by the browser,
//! sealed.

mod calls;
mod discovery;
mod document;
mod exchange;
mod id_token;
mod identity;
mod keys;
mod problem;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use form_urlencoded::Serializer;
use sha2::{Digest as _, Sha256};
use tollgate_config::Oidc;
use tollgate_core::{Timestamp, constant_time};

pub use self::calls::{Access, Calls, ReadSecret};
pub use self::document::{LONGEST_ANSWER, PATIENCE};
pub(crate) use self::identity::Identity;
pub(crate) use self::problem::{Fault, Problem};

use self::discovery::Metadata;
use self::document::Document;
use self::exchange::{Grant, exchange};
use self::id_token::Expected;
use self::keys::KeySet;
use self::problem::ErrorCode;

/// The path to which people are sent back, on the server where they began to sign in.
pub(crate) const CALLBACK: &str = "/console/sign-in/oidc/callback";

/// An OpenID provider, with access to it.
pub(crate) struct Provider {
    settings: Oidc,
    redirect_uri: String,
    access: Access,
}

/// The random values of one sign-in, which must come back with it.
pub(crate) struct Drawn<'a> {
    /// Shows that the browser that comes back is the one that was sent (RFC 6749 §10.12).
    pub(crate) state: &'a str,
    /// Shows that the ID token belongs to this sign-in.
    pub(crate) nonce: &'a str,
    /// Shows that the code is used by the one who began this sign-in (RFC 7636).
    pub(crate) verifier: &'a str,
    /// When the sign-in began.
    pub(crate) begun_at: Timestamp,
}

/// The parameters with which a browser comes back from the provider.
pub(crate) struct Callback<'a> {
    pub(crate) state: &'a str,
    pub(crate) code: Option<&'a str>,
    pub(crate) error: Option<&'a str>,
    /// The issuer of the provider that sends the browser back (RFC 9207).
    pub(crate) issuer: Option<&'a str>,
}

impl Provider {
    /// Makes a provider from its settings. It sends people back to `redirect_uri`.
    pub(crate) fn new(settings: Oidc, redirect_uri: String, access: Access) -> Self {
        // Chosen explicitly, so that it does not depend on the features that other crates in a program enable. An error means that it was
        // chosen before.
        let _ = jsonwebtoken::crypto::aws_lc::DEFAULT_PROVIDER.install_default();
        Self { settings, redirect_uri, access }
    }

    /// Returns the provider's issuer.
    pub(crate) fn issuer(&self) -> &str {
        &self.settings.issuer
    }

    /// Returns the provider's name for people.
    pub(crate) fn name(&self) -> &str {
        self.settings.display_name()
    }

    /// Returns the URL at which the provider asks people to sign in.
    pub(crate) async fn authorization_url(&self, drawn: &Drawn<'_>) -> Result<String, Problem> {
        let metadata = self.metadata().await?;
        let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(drawn.verifier));
        let query = Serializer::new(String::new())
            .append_pair("response_type", "code")
            .append_pair("client_id", &self.settings.client_id)
            .append_pair("redirect_uri", &self.redirect_uri)
            .append_pair("scope", &self.settings.scopes.join(" "))
            .append_pair("state", drawn.state)
            .append_pair("nonce", drawn.nonce)
            .append_pair("code_challenge", &challenge)
            .append_pair("code_challenge_method", "S256")
            .finish();
        let endpoint = metadata.authorization_endpoint;
        let separator = if endpoint.contains('?') { '&' } else { '?' };
        Ok(format!("{endpoint}{separator}{query}"))
    }

    /// Returns the identity of somebody who has come back from the provider.
    pub(crate) async fn identify(
        &self,
        drawn: &Drawn<'_>,
        callback: &Callback<'_>,
        now: Timestamp,
    ) -> Result<Identity, Problem> {
        check_state(drawn, callback)?;
        let metadata = self.metadata().await?;
        self.check_sender(&metadata, callback)?;
        let code = code_of(callback)?;
        let grant = Grant {
            code,
            verifier: drawn.verifier,
            redirect_uri: &self.redirect_uri,
            client_id: &self.settings.client_id,
        };
        let tokens = exchange(&self.access, &metadata, &grant).await?;
        let keys: KeySet = self.access.json(Document::Keys, &metadata.jwks_uri).await?;
        let expected = Expected {
            issuer: &self.settings.issuer,
            client_id: &self.settings.client_id,
            algorithms: metadata.id_token_signing_alg_values_supported.as_deref(),
            nonce: drawn.nonce,
            access_token: tokens.access_token.as_ref().map(|token| token.as_str()),
            begun_at: drawn.begun_at,
            now,
        };
        let claims = id_token::verify(&tokens.id_token, &keys, &expected)?;
        Ok(Identity::of(&claims, &self.settings)?)
    }

    async fn metadata(&self) -> Result<Metadata, Problem> {
        discovery::of(&self.access, &self.settings.issuer).await
    }

    /// Refuses an answer of another provider, which may have sent the browser here to have its code used up elsewhere (RFC 9207
    /// §2.4).
    fn check_sender(&self, metadata: &Metadata, callback: &Callback<'_>) -> Result<(), Problem> {
        match callback.issuer {
            Some(issuer) if issuer == self.settings.issuer => Ok(()),
            None if !metadata.authorization_response_iss_parameter_supported => Ok(()),
            _ => Err(Problem::OtherSender),
        }
    }
}

fn check_state(drawn: &Drawn<'_>, callback: &Callback<'_>) -> Result<(), Problem> {
    if constant_time::equal(drawn.state.as_bytes(), callback.state.as_bytes()) {
        Ok(())
    } else {
        Err(Problem::State)
    }
}

fn code_of<'a>(callback: &Callback<'a>) -> Result<&'a str, Problem> {
    match (callback.error, callback.code) {
        (Some(error), _) => Err(Problem::Refused(ErrorCode::of(error))),
        (None, Some(code)) => Ok(code),
        (None, None) => Err(Problem::NoCode),
    }
}
