//! Libraries of others in Rust: `jsonwebtoken` verifies our tokens by the published keys, and `oauth2` obtains, renews,
//! introspects and revokes them.

use std::cell::RefCell;

use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use oauth2::basic::{BasicClient, BasicErrorResponseType};
use oauth2::{
    AccessToken, AuthType, ClientId, ClientSecret, HttpRequest, HttpResponse, IntrospectionUrl,
    RequestTokenError, RevocationUrl, Scope, StandardRevocableToken, TokenIntrospectionResponse,
    TokenResponse, TokenUrl,
};
use serde_json::Value;

use crate::harness::{Dev, PATIENCE, eventually, finish, tollgate};

const AUDIENCE: &str = "payment-api";
/// Tokens that a test can see expire.
const LIFETIME: (&str, &str) = ("TOLLGATE_TOKENS__ACCESS_TTL", "4s");

/// A resource server by `jsonwebtoken`, which keeps the published keys and reads them again for an unknown one.
struct ResourceServer<'a> {
    dev: &'a Dev,
    algorithm: Algorithm,
    audience: &'a str,
    keys: RefCell<JwkSet>,
}

impl<'a> ResourceServer<'a> {
    fn new(dev: &'a Dev, algorithm: Algorithm, audience: &'a str) -> Self {
        Self { dev, algorithm, audience, keys: RefCell::new(published(dev)) }
    }

    /// Admits a token or says why not.
    fn admit(&self, token: &str) -> Result<Value, String> {
        let text = |error: jsonwebtoken::errors::Error| error.to_string();
        let header = decode_header(token).map_err(text)?;
        if header.typ.as_deref() != Some("at+jwt") {
            return Err("no access token of RFC 9068".to_owned());
        }
        let id = header.kid.ok_or("no key is named")?;
        if self.keys.borrow().find(&id).is_none() {
            *self.keys.borrow_mut() = published(self.dev);
        }
        let keys = self.keys.borrow();
        let key = DecodingKey::from_jwk(keys.find(&id).ok_or("unknown key")?).map_err(text)?;
        let mut validation = Validation::new(self.algorithm);
        validation.leeway = 0;
        validation.set_audience(&[self.audience]);
        validation.set_issuer(&[&self.dev.base_url]);
        validation.set_required_spec_claims(&["exp", "aud", "iss", "sub"]);
        decode::<Value>(token, &key, &validation).map(|token| token.claims).map_err(text)
    }
}

fn published(dev: &Dev) -> JwkSet {
    serde_json::from_value(dev.api.get("/oauth2/jwks").json()).unwrap()
}

#[test]
fn jsonwebtoken_takes_a_good_token_of_every_algorithm_and_no_other() {
    for algorithm in [Algorithm::ES256, Algorithm::EdDSA, Algorithm::PS256, Algorithm::RS256] {
        let folder = tempfile::tempdir().unwrap();
        let name = format!("{algorithm:?}");
        let settings = [("TOLLGATE_TOKENS__ALGORITHM", name.as_str()), LIFETIME];
        let dev = Dev::start_with(&folder.path().join("data"), &settings);
        let server = ResourceServer::new(&dev, algorithm, AUDIENCE);
        let (access, refresh) = dev.tokens();
        let claims = server.admit(&access).unwrap();
        assert_eq!(
            (claims["client_id"].as_str(), claims["env"].as_str()),
            (Some(dev.client_id()), Some("test"))
        );

        let (signed, signature) = access.rsplit_once('.').unwrap();
        let first = if signature.starts_with('A') { "B" } else { "A" };
        for bad in [&refresh, &format!("{signed}.{first}{}", &signature[1..]), &format!("{signed}.")] {
            assert!(server.admit(bad).is_err(), "{name}: {bad}");
        }
        let elsewhere = ResourceServer::new(&dev, algorithm, "https://other.example.com");
        assert_eq!(elsewhere.admit(&access).unwrap_err(), "InvalidAudience", "{name}");
        let refused = eventually("it has expired", PATIENCE, || server.admit(&access).err());
        assert_eq!(refused, "ExpiredSignature", "{name}");
    }
}

#[test]
fn jsonwebtoken_follows_a_rotation_without_a_false_refusal() {
    let folder = tempfile::tempdir().unwrap();
    let algorithm = ("TOLLGATE_TOKENS__ALGORITHM", "ES256");
    let dev = Dev::start_with(&folder.path().join("data"), &[algorithm]);
    let server = ResourceServer::new(&dev, Algorithm::ES256, AUDIENCE);
    let (old, _) = dev.tokens();
    server.admit(&old).unwrap();
    // The new key signs at once, so that nobody can have kept it.
    let rotate = ["key", "rotate", "--compromised", "--algorithm", "ES256", "--data", "data"];
    finish(tollgate(folder.path(), &rotate).envs([algorithm])).succeeded();
    eventually("the new key signs", PATIENCE, || {
        let (token, _) = dev.tokens();
        server.admit(&token).unwrap();
        (token.split('.').next() != old.split('.').next()).then_some(())
    });
    assert_eq!(server.admit(&old).unwrap_err(), "unknown key");
}

#[test]
fn oauth2_obtains_renews_introspects_and_revokes_tokens() {
    let folder = tempfile::tempdir().unwrap();
    let dev = Dev::start(&folder.path().join("data"));
    for authentication in [AuthType::BasicAuth, AuthType::RequestBody] {
        let client = |secret: &str| {
            BasicClient::new(ClientId::new(dev.client_id().to_owned()))
                .set_client_secret(ClientSecret::new(secret.to_owned()))
                .set_auth_type(authentication.clone())
                .set_token_uri(TokenUrl::new(format!("{}/oauth2/token", dev.base_url)).unwrap())
                .set_introspection_url(
                    IntrospectionUrl::new(format!("{}/oauth2/introspect", dev.base_url)).unwrap(),
                )
                // The library revokes over https alone; whatever carries its requests knows where they go.
                .set_revocation_url(RevocationUrl::new("https://localhost/oauth2/revoke".to_owned()).unwrap())
        };
        let good = client(dev.client_secret());
        let http = |request| exchange(&dev, &request);
        let granted = good
            .exchange_client_credentials()
            .add_scope(Scope::new("payments:read".to_owned()))
            .request(&http)
            .unwrap();
        let scopes: Vec<_> = granted.scopes().unwrap().iter().map(|scope| scope.as_str()).collect();
        assert_eq!((scopes, granted.expires_in().unwrap().as_secs()), (vec!["payments:read"], 900));
        let renewed = good.exchange_refresh_token(granted.refresh_token().unwrap()).request(&http).unwrap();
        for token in [granted.access_token(), renewed.access_token()] {
            assert_eq!(dev.api.list(token.secret(), "").status, 200);
            let said = good.introspect(token).request(&http).unwrap();
            assert!(said.active());
            assert_eq!(said.client_id().unwrap().as_str(), dev.client_id());
            assert_eq!(said.scopes().unwrap()[0].as_str(), "payments:read");
        }
        let is_active = |token: &str| {
            good.introspect(&AccessToken::new(token.to_owned())).request(&http).unwrap().active()
        };
        // A refresh token is none that a resource server may take.
        assert!(!is_active(granted.refresh_token().unwrap().secret()));
        let access = granted.access_token().secret();
        assert!(!is_active(&access[..access.len() - 1]) && !is_active(&access.replace('.', "")));
        good.revoke_token(StandardRevocableToken::from(granted.access_token()))
            .unwrap()
            .request(&http)
            .unwrap();
        assert!(!is_active(access) && is_active(renewed.access_token().secret()));

        let refused = client("wrong").exchange_client_credentials().request(&http).unwrap_err();
        let RequestTokenError::ServerResponse(refused) = refused else { panic!("{refused}") };
        assert_eq!(*refused.error(), BasicErrorResponseType::InvalidClient);
    }
}

/// Carries a request of the library, which brings no HTTP of its own here.
fn exchange(dev: &Dev, request: &HttpRequest) -> Result<HttpResponse, std::io::Error> {
    let headers: Vec<_> =
        request.headers().iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap())).collect();
    let body = std::str::from_utf8(request.body()).unwrap();
    let answer = dev.api.request(request.method().as_str(), request.uri().path(), &headers, body)?;
    let mut response = HttpResponse::new(answer.body.clone().into_bytes());
    *response.status_mut() = answer.status.try_into().unwrap();
    let media = answer.header("content-type").unwrap();
    response.headers_mut().insert("content-type", media.parse().unwrap());
    Ok(response)
}
