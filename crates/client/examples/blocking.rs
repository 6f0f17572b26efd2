//! Lists payments by ureq, in a program that is not async.
//!
//! `TOLLGATE_BASE_URL`, `TOLLGATE_CLIENT_ID` and `TOLLGATE_CLIENT_SECRET` say who calls:
//! `cargo run -p tollgate-client --example blocking`

use std::error::Error;

use http::Request;
use tollgate_client::{Blocking, Caller, Environment, Settings};

fn main() -> Result<(), Box<dyn Error>> {
    let caller = Caller::from_environment_blocking(&Environment::process())?;
    let tokens = Blocking::new(caller.credentials()?, Settings::default(), [caller.origin().clone()])?;
    // A 401 must come back as an answer. Redirects would go around `tokens`.
    let http = ureq::Agent::config_builder().http_status_as_error(false).max_redirects(0).build().new_agent();

    let url = format!("{}/api/v1/payment-requests?limit=5", caller.base_url());
    let mut answer = tokens.send(Request::get(url).body(())?, |request| http.run(request))?;
    println!("{} {}", answer.status(), answer.body_mut().read_to_string()?);
    Ok(())
}
