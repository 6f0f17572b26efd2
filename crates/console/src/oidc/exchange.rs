//! Exchanging a code for tokens (RFC 6749 §4.1.3).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use form_urlencoded::{Serializer, byte_serialize};
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderValue, Request};
use serde::Deserialize;
use zeroize::Zeroizing;

use super::calls::Access;
use super::discovery::Metadata;
use super::document::Document;
use super::problem::Problem;

/// The grant that is sent to the provider: a code, and the values that must come with it.
pub(super) struct Grant<'a> {
    pub(super) code: &'a str,
    pub(super) verifier: &'a str,
    pub(super) redirect_uri: &'a str,
    pub(super) client_id: &'a str,
}

/// The tokens that a code is exchanged for.
pub(super) struct Tokens {
    pub(super) id_token: Zeroizing<String>,
    pub(super) access_token: Option<Zeroizing<String>>,
}

#[derive(Deserialize)]
struct Answer {
    id_token: Option<String>,
    access_token: Option<String>,
}

/// Exchanges a code for tokens.
pub(super) async fn exchange(
    access: &Access,
    metadata: &Metadata,
    grant: &Grant<'_>,
) -> Result<Tokens, Problem> {
    let request = request(access, metadata, grant)?;
    let answer = access.ask(Document::Tokens, request).await?;
    let answer: Answer = serde_json::from_slice(&answer).map_err(|_| Problem::Malformed(Document::Tokens))?;
    let access_token = answer.access_token.map(Zeroizing::new);
    let id_token = answer.id_token.map(Zeroizing::new).ok_or(Problem::NoIdToken)?;
    Ok(Tokens { id_token, access_token })
}

fn request(access: &Access, metadata: &Metadata, grant: &Grant<'_>) -> Result<Request<Bytes>, Problem> {
    let secret = (access.secret)().map_err(Problem::Secret)?;
    let secret = secret.trim_end_matches(['\r', '\n']);
    let mut form = Serializer::new(String::new());
    form.append_pair("grant_type", "authorization_code")
        .append_pair("code", grant.code)
        .append_pair("redirect_uri", grant.redirect_uri)
        .append_pair("code_verifier", grant.verifier);
    let request = Request::post(&metadata.token_endpoint)
        .header(ACCEPT, HeaderValue::from_static("application/json"))
        .header(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
    let request = match Authentication::of(metadata)? {
        Authentication::Basic => request.header(AUTHORIZATION, basic(grant.client_id, secret)),
        Authentication::Post => {
            form.append_pair("client_id", grant.client_id).append_pair("client_secret", secret);
            request
        }
    };
    let body = Bytes::from_owner(Zeroizing::new(form.finish().into_bytes()));
    request.body(body).map_err(|_| Problem::Endpoint("token_endpoint"))
}

/// How the console authenticates at the token endpoint.
enum Authentication {
    Basic,
    Post,
}

impl Authentication {
    /// Chooses a method that the provider supports; Basic if it does not say (OpenID Connect Discovery 1.0 §3).
    fn of(metadata: &Metadata) -> Result<Self, Problem> {
        let Some(methods) = &metadata.token_endpoint_auth_methods_supported else { return Ok(Self::Basic) };
        let takes = |method: &str| methods.iter().any(|known| known == method);
        if takes("client_secret_basic") {
            Ok(Self::Basic)
        } else if takes("client_secret_post") {
            Ok(Self::Post)
        } else {
            Err(Problem::NoClientAuthentication)
        }
    }
}

/// Returns the header of Basic authentication. Both parts are form-encoded before they are put together (RFC 6749 §2.3.1).
fn basic(id: &str, secret: &str) -> HeaderValue {
    let encoded = |text: &str| byte_serialize(text.as_bytes()).collect::<String>();
    let pair = Zeroizing::new(format!("{}:{}", encoded(id), encoded(secret)));
    let text = Zeroizing::new(format!("Basic {}", STANDARD.encode(pair.as_bytes())));
    let mut header = HeaderValue::try_from(text.as_str()).expect("base64 is visible ASCII");
    header.set_sensitive(true);
    header
}
