//! Lists payments by hyper, with the token added by a layer of tower.
//!
//! `TOLLGATE_BASE_URL`, `TOLLGATE_CLIENT_ID` and `TOLLGATE_CLIENT_SECRET` say who calls:
//! `cargo run -p tollgate-auth-client --example tower`

use std::error::Error;

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Empty};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tollgate_client::{Caller, Environment, Replay, Settings};
use tower::{Layer, Service, ServiceExt};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let caller = Caller::from_environment(&Environment::process()).await?;
    // It speaks plain HTTP, as `tollgate dev` does; for https give it the connector of hyper-rustls.
    let client: Client<HttpConnector, Replay<Empty<Bytes>>> =
        Client::builder(TokioExecutor::new()).build_http();
    let mut service = caller.authorizer(Settings::default())?.layer(client);

    let url = format!("{}/api/v1/payment-requests?limit=5", caller.base_url());
    let answer = service.ready().await?.call(Request::get(url).body(Empty::new())?).await?;
    let status = answer.status();
    println!("{status} {}", String::from_utf8_lossy(&answer.into_body().collect().await?.to_bytes()));
    Ok(())
}
