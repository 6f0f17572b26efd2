//! Sets up reqwest.

use std::time::Duration;

use reqwest::ClientBuilder;
use tollgate_secrets::https;

use crate::origin::secure;
use crate::{ConfigurationError, tls_config};

/// How long the peer may acknowledge nothing, where the system can limit that. Without the limit a connection that a
/// firewall has dropped would take the whole time for an answer.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(crate) const UNACKNOWLEDGED: Duration = Duration::from_secs(10);

/// Starts a client of reqwest for requests to this URL, such as the base URL of the API.
///
/// It speaks TLS by rustls on ring and trusts what the system trusts; it follows no redirects and retries nothing. On Linux
/// it gives a connection up when the peer acknowledges nothing for 10 seconds. It uses https only, unless the URL is on
/// this machine: then it uses no proxy, which would see the token.
///
/// ```
/// let client = tollgate_client::http_client_builder("https://core.example.com")?.build()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn http_client_builder(url: &str) -> Result<ClientBuilder, ConfigurationError> {
    let loopback = https::is_loopback(&secure(url)?);
    let builder = https::client(tls_config()?)
        .https_only(!loopback)
        .referer(false)
        .user_agent(concat!("tollgate-client/", env!("CARGO_PKG_VERSION")));
    #[cfg(any(target_os = "linux", target_os = "android"))]
    let builder = builder.tcp_user_timeout(UNACKNOWLEDGED);
    Ok(if loopback { builder.no_proxy() } else { builder })
}
