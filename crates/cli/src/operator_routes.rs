//! The routes for operators, with access to the OpenID provider by which people sign in to the console.

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

/// Returns the routes for operators in a server of this configuration. A provider that can't be used doesn't keep the
/// server from issuing tokens: that is logged, and people can still sign in by links.
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

/// Makes a service for calls over https, or within this machine, as clients make them: it follows no redirect, and uses the proxy of the
/// environment.
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
