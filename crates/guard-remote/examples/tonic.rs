//! A ledger on tonic that admits callers by the authority's public keys. Whoever is refused gets HTTP's 401, 403 or 503, which
//! clients of gRPC take for `UNAUTHENTICATED`, `PERMISSION_DENIED` and `UNAVAILABLE`.
//!
//! The method `ledger.Ledger/Balance` takes an empty message and answers one with a text, written here without a compiler for
//! protocol buffers. The environment is that of the example `guarded-axum`.
//! `cargo run -p tollgate-auth-guard-remote --example guarded-tonic`

use std::convert::Infallible;
use std::error::Error;
use std::future::{Ready, ready};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::{Buf, BufMut, Bytes};
use tokio::net::TcpListener;
use tollgate_client::{Caller, Environment as Variables};
use tollgate_core::Environment;
use tollgate_guard::{GuardLayer, Principal, Requirement};
use tollgate_guard_remote::RemoteVerifier;
use tonic::Status;
use tonic::body::Body;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::server::{Grpc, NamedService, UnaryService};
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tower::Service;
use tower::util::MapResponseLayer;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let variables = Variables::process();
    let client = Caller::from_environment(&variables).await?;
    let audience = variables.variable("LEDGER_AUDIENCE").ok_or("LEDGER_AUDIENCE is not set")?;
    // Test and live never mix: it is one of them.
    let environment = variables.variable("LEDGER_ENV").map_or(Ok(Environment::Live), |text| text.parse())?;
    let verifier = RemoteVerifier::builder(client.base_url(), audience)
        .environment(environment)
        .client(client.id(), client.secret())
        .start()?;

    let reading = Requirement::new().scope("payments:read".parse()?);
    let guard = GuardLayer::new(Arc::new(verifier)).require(reading);

    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("listening on {}", listener.local_addr()?);
    Server::builder()
        .layer(guard)
        // The guard answers with a body that can be made of bytes.
        .layer(MapResponseLayer::new(|response: http::Response<Body>| response.map(axum::body::Body::new)))
        .add_service(Ledger)
        .serve_with_incoming(TcpIncoming::from(listener))
        .await?;
    Ok(())
}

/// The service, as a compiler for protocol buffers would write it.
#[derive(Clone)]
struct Ledger;

impl NamedService for Ledger {
    const NAME: &'static str = "ledger.Ledger";
}

impl Service<http::Request<Body>> for Ledger {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<http::Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        Box::pin(async move {
            Ok(match request.uri().path() {
                "/ledger.Ledger/Balance" => Grpc::new(Raw).unary(Balance, request).await,
                _ => Status::unimplemented("there is no such method").into_http(),
            })
        })
    }
}

struct Balance;

impl UnaryService<Bytes> for Balance {
    type Response = Bytes;
    type Future = Ready<Result<tonic::Response<Bytes>, Status>>;

    fn call(&mut self, request: tonic::Request<Bytes>) -> Self::Future {
        let caller = request.extensions().get::<Principal>().expect("the guard admits nobody else");
        let text = format!("the balance of {}", caller.client_id());
        let mut message = vec![0x0a, u8::try_from(text.len()).expect("it is short")];
        message.extend_from_slice(text.as_bytes());
        ready(Ok(tonic::Response::new(message.into())))
    }
}

/// Takes messages as they are.
struct Raw;

impl Codec for Raw {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, message: Bytes, to: &mut EncodeBuf<'_>) -> Result<(), Status> {
        to.put(message);
        Ok(())
    }
}

impl Decoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, from: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(from.copy_to_bytes(from.remaining())))
    }
}
