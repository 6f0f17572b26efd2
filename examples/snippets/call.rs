//! Calls the Payment API by the client kit, which obtains tokens, renews them in time, and knows what a 401 means. The
//! secret is in `TOLLGATE_CLIENT_SECRET`.

use std::error::Error;

use serde_json::{Value, json};
use tollgate_client::{Caller, Environment, Reference, Settings, http_client_builder};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let environment = Environment::process();
    let set_or = |name, default: &str| environment.variable(name).unwrap_or_else(|| default.to_owned());
    let base_url = set_or("TOLLGATE_BASE_URL", "http://127.0.0.1:8080");
    let id = set_or("TOLLGATE_CLIENT_ID", "00000000-0000-0000-0000-000000000000");
    let id = Reference::parse(&id)?.open(environment.clone())?;
    let secret = Reference::parse("env:TOLLGATE_CLIENT_SECRET")?.open(environment.clone())?;
    let caller = Caller::new(&base_url, id, secret)?;
    let client = reqwest_middleware::ClientBuilder::new(http_client_builder(&base_url)?.build()?)
        .with(caller.authorizer(Settings::default())?)
        .build();

    // The token and an Idempotency-Key are added on the way.
    let payment = json!({
        "amount": 1250, "currency": "EUR", "locale": "en-GB",
        "customer": {"name": "Ada Lovelace", "email": "ada@example.com"},
        "billing_address": {
            "address_line1": "12 St James Square", "city": "London", "postal_code": "SW1Y 4JH", "country": "GB",
        },
    });
    let request = client
        .post(format!("{base_url}/api/v1/payment-requests:redirect"))
        .header("content-type", "application/json")
        .body(payment.to_string());
    let created: Value = request.send().await?.error_for_status()?.json().await?;
    println!("pay at {}", created["data"]["redirect_url"].as_str().unwrap_or_default());

    let request = client.get(format!("{base_url}/api/v1/payment-requests?limit=1"));
    let listed: Value = request.send().await?.error_for_status()?.json().await?;
    println!("the latest is of {}", listed["data"]["items"][0]["amount"]);
    Ok(())
}
