//! A ledger on hyper alone that admits callers by asking the authority about each token.
//!
//! `TOLLGATE_BASE_URL`, `TOLLGATE_CLIENT_ID` and `TOLLGATE_CLIENT_SECRET` describe the guard's own client, to which the authority
//! tells of tokens of its audiences; `LEDGER_AUDIENCE` is what tokens for the ledger are for, `LEDGER_ENV` is `test` or `live`.
//! `cargo run -p tollgate-auth-guard-remote --example guarded-hyper`

use std::convert::Infallible;
use std::error::Error;
use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tollgate_client::{Caller, Environment as Variables};
use tollgate_core::Environment;
use tollgate_guard::{GuardLayer, Principal, Requirement};
use tollgate_guard_remote::IntrospectingVerifier;
use tower::{Layer, service_fn};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let variables = Variables::process();
    let client = Caller::from_environment(&variables).await?;
    let audience = variables.variable("LEDGER_AUDIENCE").ok_or("LEDGER_AUDIENCE is not set")?;
    // Test and live never mix: it is one of them.
    let environment = variables.variable("LEDGER_ENV").map_or(Ok(Environment::Live), |text| text.parse())?;
    let verifier = IntrospectingVerifier::builder(client.base_url(), audience, client.id(), client.secret())
        .environment(environment)
        .build()?;

    let reading = Requirement::new().scope("payments:read".parse()?);
    let ledger = GuardLayer::new(Arc::new(verifier)).require(reading).layer(service_fn(balance));

    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("listening on {}", listener.local_addr()?);
    loop {
        let (connection, _) = listener.accept().await?;
        let service = TowerToHyperService::new(ledger.clone());
        tokio::spawn(async move {
            let mut http = http1::Builder::new();
            // A connection that breaks is the caller's affair.
            let _ = http.timer(TokioTimer::new()).serve_connection(TokioIo::new(connection), service).await;
        });
    }
}

async fn balance(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let caller = request.extensions().get::<Principal>().expect("the guard admits nobody else");
    Ok(Response::new(Full::from(format!("the balance of {}", caller.client_id()))))
}
