//! What the HTTP library costs by itself: bare hyper on one thread, which reads the body of a request and answers with a
//! recorded answer of the real server, headers and all.
//!
//! `--crypto` adds the cryptography that the real answer takes and nothing else; `--guard` puts the guard in front of an
//! empty handler, and `--edge` the real server's edge in hyper's place, each to see what that part costs.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::{Arc, LazyLock};

use base64::Engine;
use base64::engine::Simd;
use base64::engine::general_purpose::NO_PAD;
use bytes::Bytes;
use clap::{Parser, ValueEnum};
use hmac::{Hmac, KeyInit, Mac};
use http::header::{CONTENT_LENGTH, DATE};
use http::{HeaderName, HeaderValue, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Incoming};
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use sha2::Sha256;
use tokio::net::TcpListener;
use tollgate_bench::message;
use tollgate_clock::SystemClock;
use tollgate_core::{Policy, VerifyingRing};
use tollgate_edge::{Edge, Inbound, Limits};
use tollgate_guard::{GuardLayer, Requirement, Verifier};
use tollgate_keys::{MasterKey, SigningKey};
use tollgate_store::Keys as _;
use tollgate_store_sqlite::Sqlite;
use tower::{Layer, Service, service_fn};

#[derive(Debug, Parser)]
#[command(about = "Answers every request with a recorded answer, on bare hyper")]
struct Args {
    /// Where to listen.
    #[arg(long)]
    listen: SocketAddr,
    /// The recorded answer, as it stood on the wire.
    #[arg(long, value_name = "FILE")]
    answer: PathBuf,
    /// Does the cryptography of this endpoint for each request.
    #[arg(long, value_enum)]
    crypto: Option<Endpoint>,
    /// Admits only requests with an access token of the store in this folder.
    #[arg(long, value_name = "DIR", requires = "issuer")]
    guard: Option<PathBuf>,
    /// Who issued those tokens.
    #[arg(long, value_name = "URL")]
    issuer: Option<String>,
    /// Serves connections by Tollgate's edge instead of bare hyper.
    #[arg(long)]
    edge: bool,
}

/// An endpoint, by its cryptography.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Endpoint {
    /// Hashes a secret, and signs two tokens.
    Token,
    /// Verifies a token, and signs another.
    Refresh,
}

fn main() -> io::Result<()> {
    let args = Args::parse();
    let answer = Answer::read(&args.answer)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async move {
        let crypto = args.crypto.map(|endpoint| Crypto::new(endpoint, &answer)).transpose()?;
        let listener = TcpListener::bind(args.listen).await?;
        let guard = match (&args.guard, args.issuer) {
            (Some(data), Some(issuer)) => {
                let reading = Requirement::new().scope("payments:read".parse().expect("it is a scope"));
                Some(GuardLayer::new(verifier(data, issuer).await?).require(reading))
            }
            _ => None,
        };
        match (guard, args.edge) {
            (Some(guard), true) => by_edge(listener, guard.layer(handler(answer, crypto))).await,
            (Some(guard), false) => by_hyper(listener, guard.layer(handler(answer, crypto))).await,
            (None, true) => by_edge(listener, handler(answer, crypto)).await,
            (None, false) => by_hyper(listener, handler(answer, crypto)).await,
        }
    })
}

/// Reads the body of a request, and answers as it was told.
fn handler<B>(
    answer: Answer,
    crypto: Option<Crypto>,
) -> impl Service<Request<B>, Response = Response<Full<Bytes>>, Error = Infallible, Future: Send>
+ Clone
+ Send
+ 'static
where
    B: Body<Data: Send, Error: Send> + Send + 'static,
{
    service_fn(move |request: Request<B>| {
        let (answer, crypto) = (answer.clone(), crypto.clone());
        async move {
            let mut body = pin!(request.into_body());
            while let Some(Ok(frame)) = body.as_mut().frame().await {
                std::hint::black_box(&frame);
            }
            if let Some(crypto) = crypto {
                crypto.work();
            }
            Ok(answer.response())
        }
    })
}

async fn by_edge<S>(listener: TcpListener, service: S) -> io::Result<()>
where
    S: Service<Request<Inbound>, Response = Response<Full<Bytes>>, Error = Infallible>,
    S: Clone + Send + 'static,
    S::Future: Send + 'static,
{
    let make = |_: SocketAddr| service.clone();
    Edge::new(Limits::default()).serve(listener, make, std::future::pending()).await;
    Ok(())
}

async fn by_hyper<S>(listener: TcpListener, service: S) -> io::Result<()>
where
    S: Service<Request<Incoming>, Response = Response<Full<Bytes>>, Error = Infallible>,
    S: Clone + Send + 'static,
    S::Future: Send + 'static,
{
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let service = TowerToHyperService::new(service.clone());
        tokio::spawn(async move {
            let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

/// Reads the keys of a folder of `seed`.
async fn verifier(data: &Path, issuer: String) -> io::Result<Arc<Verifier>> {
    let master_key: MasterKey =
        std::fs::read_to_string(data.join("master.key"))?.parse().map_err(io::Error::other)?;
    let store = Sqlite::open_existing(&data.join("tollgate.db")).map_err(io::Error::other)?;
    let sealed = store.signing_keys().await.map_err(io::Error::other)?;
    let keys = tollgate_admin::open_signing_keys(&sealed, &master_key.into()).map_err(io::Error::other)?;
    let policy = Policy {
        issuer,
        audience: "payment-api".to_owned(),
        exp_leeway: std::time::Duration::ZERO,
        iat_leeway: std::time::Duration::from_secs(5),
    };
    let keyring = VerifyingRing::new(policy, keys.iter().map(SigningKey::verifying_key));
    Ok(Arc::new(Verifier::new(keyring, Arc::new(SystemClock))))
}

/// A recorded answer.
#[derive(Clone)]
struct Answer {
    headers: Arc<[(HeaderName, HeaderValue)]>,
    body: Bytes,
}

impl Answer {
    fn read(path: &Path) -> io::Result<Self> {
        let bytes = std::fs::read(path)?;
        let head = message::head(&bytes).ok_or(io::ErrorKind::InvalidData)?;
        let text = std::str::from_utf8(&bytes[..head.body_at]).map_err(io::Error::other)?;
        let headers = text
            .lines()
            .skip(1)
            .filter_map(|line| line.split_once(": "))
            .map(|(name, value)| Ok((name.parse()?, value.parse()?)))
            .collect::<Result<Vec<(HeaderName, HeaderValue)>, http::Error>>()
            .map_err(io::Error::other)?;
        // hyper writes these by itself.
        let headers =
            headers.into_iter().filter(|(name, _)| *name != DATE && *name != CONTENT_LENGTH).collect();
        Ok(Self { headers, body: Bytes::copy_from_slice(&bytes[head.body_at..]) })
    }

    fn response(&self) -> Response<Full<Bytes>> {
        let mut response = Response::new(Full::new(self.body.clone()));
        let headers = response.headers_mut();
        headers.reserve(self.headers.len());
        for (name, value) in self.headers.iter() {
            headers.insert(name.clone(), value.clone());
        }
        response
    }
}

/// The encoding that the real server has, so that it is no faster than its floor by a better one.
static BASE64: LazyLock<Simd> = LazyLock::new(|| Simd::url_safe(NO_PAD));

/// The cryptography of an answer, over claims of the real size.
#[derive(Clone)]
struct Crypto {
    endpoint: Endpoint,
    key: Hmac<Sha256>,
    /// A token of the answer.
    token: Arc<str>,
    /// Its claims.
    claims: Arc<[u8]>,
}

impl Crypto {
    fn new(endpoint: Endpoint, answer: &Answer) -> io::Result<Self> {
        let json: serde_json::Value = serde_json::from_slice(&answer.body)?;
        let token = json["data"]["access_token"].as_str().ok_or(io::ErrorKind::InvalidData)?;
        let payload = token.split('.').nth(1).ok_or(io::ErrorKind::InvalidData)?;
        let claims = BASE64.decode(payload).map_err(io::Error::other)?;
        let key = Hmac::new_from_slice(&[7; 32]).expect("HMAC takes keys of any length");
        Ok(Self { endpoint, key, token: token.into(), claims: claims.into() })
    }

    fn work(&self) {
        match self.endpoint {
            Endpoint::Token => {
                // A client's id and its secret.
                std::hint::black_box(self.key.clone().chain_update([1; 16]).chain_update([2; 57]).finalize());
                self.sign();
                self.sign();
            }
            Endpoint::Refresh => {
                self.verify();
                self.sign();
            }
        }
    }

    fn sign(&self) {
        const HEADER: usize = 37;
        let mut token = [0; 2048];
        token[..HEADER].copy_from_slice(&self.token.as_bytes()[..HEADER]);
        let end = HEADER + BASE64.encode_slice(&self.claims, &mut token[HEADER..]).expect("there is room");
        let tag = self.key.clone().chain_update(&token[..end]).finalize().into_bytes();
        token[end] = b'.';
        BASE64.encode_slice(tag, &mut token[end + 1..]).expect("there is room");
        std::hint::black_box(&token);
    }

    fn verify(&self) {
        let (signed, tag) = self.token.rsplit_once('.').expect("a token has three parts");
        let mut bytes = [0; 2048];
        BASE64.decode_slice(tag, &mut bytes).expect("it was encoded");
        let computed = self.key.clone().chain_update(signed).finalize();
        std::hint::black_box(computed.into_bytes()[..] == bytes[..32]);
        let payload = signed.split('.').nth(1).expect("a token has three parts");
        BASE64.decode_slice(payload, &mut bytes).expect("it was encoded");
        std::hint::black_box(&bytes);
    }
}
