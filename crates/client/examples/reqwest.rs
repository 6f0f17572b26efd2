//! Creates a payment by reqwest. Put your calls where this makes one.
//!
//! `TOLLGATE_BASE_URL`, `TOLLGATE_CLIENT_ID` and `TOLLGATE_CLIENT_SECRET` say who calls:
//! `cargo run -p tollgate-auth-client --features reqwest-middleware --example reqwest`

use std::error::Error;

use serde_json::{Value, json};
use tollgate_client::{Caller, Environment, Settings, http_client_builder};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let caller = Caller::from_environment(&Environment::process()).await?;
    let client = reqwest_middleware::ClientBuilder::new(http_client_builder(caller.base_url())?.build()?)
        .with(caller.authorizer(Settings::default())?)
        .build();

    let payment = json!({
        "amount": 1250, "currency": "EUR", "locale": "en-GB",
        "customer": { "name": "Ada Lovelace", "email": "ada@example.com" },
        "billing_address": {
            "address_line1": "12 St James Square", "city": "London", "postal_code": "SW1Y 4JH", "country": "GB",
        },
    });
    // The token and an Idempotency-Key are added on the way.
    let request = client
        .post(format!("{}/api/v1/payment-requests:redirect", caller.base_url()))
        .header("content-type", "application/json")
        .body(payment.to_string());
    let created: Value = request.send().await?.error_for_status()?.json().await?;
    println!("{}", created["data"]["redirect_url"]);
    Ok(())
}
