//! What operators reach over HTTP, and how the OpenID provider is asked by which people sign in to the console.

use std::sync::Arc;

use bytes::Bytes;
use http::Request;
use tollgate_client::{HttpTransport, Transport as _};
use tollgate_commands::Failure;
use tollgate_config::Config;
use tollgate_console::OperatorRoutes;
use tollgate_console::oidc::{Access, Calls, LONGEST_ANSWER, PATIENCE};
use tollgate_operator::named_secret::provider_secret;
use tollgate_server::Operators;
use tower::service_fn;

/// What operators reach in a server of this configuration. That the provider by which people may sign in can't be asked keeps no
/// server from issuing tokens: it is said in the log, and there are still links.
pub(crate) fn mounted(config: &Config) -> Operators {
    let operators = OperatorRoutes::default();
    if config.console.oidc.is_set() {
        if let Err(failure) = provider_secret(config).map_err(Failure::from) {
            tracing::error!(reason = %failure, "nobody can sign in to the console by the provider yet");
        }
        match calls(&config.console.oidc.issuer) {
            Ok(calls) => {
                let own = config.clone();
                let secret = move || provider_secret(&own).map_err(|problem| problem.to_string());
                operators.sign_in_by(config, Access { calls, secret: Box::new(secret) });
            }
            Err(failure) => {
                tracing::error!(reason = %failure, "nobody can sign in to the console by the provider");
            }
        }
    }
    operators.mounted(config)
}

/// Calls over https, or within this machine, as those of clients are: no redirect is followed, and the proxy of the environment is
/// used.
fn calls(issuer: &str) -> Result<Calls, Failure> {
    let transport = HttpTransport::new(issuer, PATIENCE, LONGEST_ANSWER);
    let transport =
        Arc::new(transport.map_err(|error| Failure::new(format!("console.oidc.issuer: {error}")))?);
    let send = move |request: Request<Bytes>| {
        let transport = transport.clone();
        async move { transport.send(request).await.map_err(Into::into) }
    };
    Ok(Calls::new(service_fn(send)))
}
