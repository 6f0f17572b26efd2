//! `tollgate token`: obtains an access token for programs that can't obtain one themselves.

use serde_json::json;
use tollgate_client::{SystemClock, TokenSource};
use tollgate_commands::{
    Failure, advice,
    output::{self, Format},
};

use crate::args::CallerArgs;
use crate::caller;

/// Obtains a token, by one attempt, and prints it.
pub(crate) async fn run(args: CallerArgs, format: Format) -> Result<(), Failure> {
    let caller = caller::open(&args).await?;
    let obtained = caller.credentials()?.obtain(&SystemClock::new()).await;
    let token = obtained.map_err(|error| Failure::new(advice::without_token(caller.base_url(), &error)))?;
    match format {
        Format::Text => output::lines(&format!("{}\n", token.expose_token())),
        Format::Json => output::object(
            format,
            &json!({
                "access_token": token.expose_token(),
                "token_type": "Bearer",
                "expires_in": token.lifetime().as_secs(),
            }),
        ),
    }
}
