//! A ledger on axum that admits callers by the authority's public keys.
//!
//! `TOLLGATE_BASE_URL`, `TOLLGATE_CLIENT_ID` and `TOLLGATE_CLIENT_SECRET` describe the guard's own client, which has the scope
//! `tollgate:verify`; `LEDGER_AUDIENCE` is what tokens for the ledger are for, `LEDGER_ENV` is `test` or `live`.
//! `cargo run -p tollgate-auth-guard-remote --example guarded-axum`

use std::error::Error;
use std::sync::Arc;

use axum::routing::get;
use axum::{Extension, Router};
use tokio::net::TcpListener;
use tollgate_client::{Caller, Environment as Variables};
use tollgate_core::Environment;
use tollgate_guard::{GuardLayer, Principal, Requirement};
use tollgate_guard_remote::RemoteVerifier;

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
    let ledger = Router::new().route("/balance", get(balance)).layer(guard);

    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("listening on {}", listener.local_addr()?);
    Ok(axum::serve(listener, ledger).await?)
}

async fn balance(Extension(caller): Extension<Principal>) -> String {
    format!("the balance of {}", caller.client_id())
}
