//! Signing in by an OpenID provider: the authorization code flow with PKCE (OpenID Connect Core 1.0 §3.1, RFC 7636, RFC 9700).
//!
//! Nothing of the provider is kept between two sign-ins: each asks for its discovery document and its keys, so that what changes
//! there counts at once, and every server can finish what another one began. What must come back is kept by the browser, sealed.

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

/// Where people who sign in are sent back to, on the server that they began at.
pub(crate) const CALLBACK: &str = "/console/sign-in/oidc/callback";

/// A provider, and how it is asked.
pub(crate) struct Provider {
    settings: Oidc,
    redirect_uri: String,
    access: Access,
}

/// What is drawn for one sign-in, and must come back with it.
pub(crate) struct Drawn<'a> {
    /// Ties the browser that comes back to the one that was sent (RFC 6749 §10.12).
    pub(crate) state: &'a str,
    /// Ties the ID token to this sign-in.
    pub(crate) nonce: &'a str,
    /// Ties the code to whoever began this sign-in (RFC 7636).
    pub(crate) verifier: &'a str,
    /// When it was begun.
    pub(crate) begun_at: Timestamp,
}

/// What a browser brings back from the provider.
pub(crate) struct Callback<'a> {
    pub(crate) state: &'a str,
    pub(crate) code: Option<&'a str>,
    pub(crate) error: Option<&'a str>,
    /// Who sends the browser back (RFC 9207).
    pub(crate) issuer: Option<&'a str>,
}

impl Provider {
    /// Takes the settings of a provider that sends people back to `redirect_uri`.
    pub(crate) fn new(settings: Oidc, redirect_uri: String, access: Access) -> Self {
        // Said once, so that it does not hang on the features that others in a program ask for; it was said before, if it fails.
        let _ = jsonwebtoken::crypto::aws_lc::DEFAULT_PROVIDER.install_default();
        Self { settings, redirect_uri, access }
    }

    /// Its issuer.
    pub(crate) fn issuer(&self) -> &str {
        &self.settings.issuer
    }

    /// What people call it.
    pub(crate) fn name(&self) -> &str {
        self.settings.display_name()
    }

    /// Returns the URL at which the provider asks who somebody is.
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

    /// Finds out who has come back from the provider.
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
