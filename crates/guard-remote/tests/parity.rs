//! A guard that knows the authority's URL alone answers as the table of all mounts says.

#[allow(dead_code, reason = "a mount in process has more tables")]
#[path = "../../guard/tests/parity/table/mod.rs"]
mod table;

use std::convert::Infallible;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{AUTHORIZATION, CACHE_CONTROL, DATE};
use http::{HeaderValue, Request, Response};
use serde_json::{Value, json};
use table::{AUDIENCE, Authority, Case, ENVIRONMENT, SCOPE, TIMES, cases, revocations};
use tollgate_client::{Secret, SecretError, SecretSource, Sending, Transport};
use tollgate_core::{Algorithm, Clock, Jwk, KeyId, Policy, Revoked, Timestamp, Uptime};
use tollgate_guard::{ClientAddress, GuardLayer, Requirement};
use tollgate_guard_remote::RemoteVerifier;
use tollgate_keys::{PrivateKey, RsaBits, SigningKey, SigningRing};
use tower::{Layer, ServiceExt, service_fn};

const NOW: Timestamp = Timestamp::from_seconds(1_764_000_000);

fn policy() -> Policy {
    Policy {
        issuer: "https://core.example.com".to_owned(),
        audience: AUDIENCE.to_owned(),
        exp_leeway: Duration::ZERO,
        iat_leeway: Duration::from_secs(5),
    }
}

/// An authority that publishes one key and the revocations of the table.
struct Published {
    keys: Value,
}

impl Published {
    fn answer(&self, path: &str) -> Value {
        let issuer = policy().issuer;
        match path {
            "/.well-known/oauth-authorization-server" => {
                json!({ "issuer": issuer, "jwks_uri": format!("{issuer}/oauth2/jwks") })
            }
            "/oauth2/jwks" => self.keys.clone(),
            "/oauth2/token" => json!({ "access_token": "guard", "token_type": "Bearer", "expires_in": 900 }),
            _ => {
                let list: Vec<_> =
                    revocations(NOW).iter().map(|revocation| entry(&revocation.subject)).collect();
                json!({ "position": "1", "complete": true, "revocations": list })
            }
        }
    }
}

fn entry(subject: &Revoked) -> Value {
    match subject {
        Revoked::Token(id) => json!({ "kind": "token", "id": id.to_string() }),
        Revoked::Secret(id) => json!({ "kind": "secret", "id": id.to_string() }),
        Revoked::Client(id, before) => {
            json!({ "kind": "client", "id": id.to_string(), "before_generation": before.number() })
        }
        Revoked::Merchant(id, before) => {
            json!({ "kind": "merchant", "id": id.to_string(), "before_generation": before.number() })
        }
    }
}

impl Transport for Published {
    fn send(&self, request: Request<Bytes>) -> Sending<'_> {
        let asks_for_news = request.uri().query().is_some();
        let body = self.answer(request.uri().path()).to_string();
        Box::pin(async move {
            if asks_for_news {
                // There is none.
                std::future::pending::<()>().await;
            }
            let mut response = Response::new(Bytes::from(body));
            let date = httpdate::fmt_http_date(NOW.into()).parse().expect("a date is a value");
            response.headers_mut().insert(DATE, date);
            response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("max-age=300"));
            Ok(response)
        })
    }
}

struct Given(&'static str);

impl SecretSource for Given {
    fn read(&self) -> Pin<Box<dyn Future<Output = Result<Secret, SecretError>> + Send + '_>> {
        Box::pin(async { Ok(Secret::from(self.0.to_owned())) })
    }
}

struct Fixed;

impl Clock for Fixed {
    fn now(&self) -> Timestamp {
        NOW
    }

    fn uptime(&self) -> Uptime {
        Uptime { boot: [0; 16], elapsed: Duration::ZERO }
    }
}

fn public_key(id: u8) -> SigningKey {
    let private = PrivateKey::generate(Algorithm::Es256, RsaBits::Bits2048).expect("the system draws a key");
    SigningKey::asymmetric(KeyId::from_bytes([id; 16]), private, Timestamp::from_seconds(0), None)
}

async fn answer(guard: &GuardLayer<RemoteVerifier>, case: &Case) -> Response<Bytes> {
    let inner = service_fn(|_: Request<()>| async { Ok::<_, Infallible>(Response::new(Bytes::new())) });
    let mut request = Request::new(());
    request.extensions_mut().insert(ClientAddress::Known(IpAddr::from([203, 0, 113, 7])));
    for line in &case.authorization {
        request.headers_mut().append(AUTHORIZATION, line.clone());
    }
    guard.layer(inner).oneshot(request).await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_guard_in_another_process_answers_as_the_table_says() {
    let (signs, foreign) = (public_key(2), public_key(9));
    let known = signs.verifying_key();
    let jwk = Jwk::of(known.public_key().unwrap(), known.id().to_string());
    let published = Published { keys: json!({ "keys": [jwk] }) };
    let verifier = RemoteVerifier::builder(&policy().issuer, AUDIENCE)
        .client(Given("guard"), Given("s3cret"))
        .environment(ENVIRONMENT)
        .exp_leeway(Duration::ZERO)
        .transport(published)
        .clock(Arc::new(Fixed))
        .start()
        .unwrap();
    verifier.ready().await;
    let requirement =
        Requirement::new().scope(SCOPE.parse().expect("it is a scope")).environment(ENVIRONMENT);
    let guard = GuardLayer::new(Arc::new(verifier)).require(requirement);
    let symmetric =
        SigningKey::derive(KeyId::from_bytes([1; 16]), &[1; 32], Timestamp::from_seconds(0), None);
    let keys = SigningRing::new(&policy().issuer, vec![symmetric, signs]);
    let authority = Authority { policy: policy(), algorithm: Algorithm::Es256, keys, foreign };
    let cases = cases(&authority, NOW);
    let mut differences = Vec::new();
    for case in cases.iter().flat_map(|case| [case; TIMES]) {
        differences.extend(case.check(&answer(&guard, case).await).err());
    }
    assert!(differences.is_empty(), "{differences:#?}");
    assert!(cases.len() > 3_000, "{} cases", cases.len());
}
