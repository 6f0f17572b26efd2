//! The client of reqwest by which requests go out.

use std::time::Duration;

use reqwest::redirect::Policy;
use reqwest::{Client, ClientBuilder, retry};
use rustls::ClientConfig;

use crate::origin::{is_loopback, secure};
use crate::{ConfigurationError, tls_config};

/// A connection is given up when the other machine acknowledges nothing for so long, where the system can do that. Else
/// one that a firewall has forgotten, or whose other end is gone, would cost the whole time for an answer.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(crate) const UNACKNOWLEDGED: Duration = Duration::from_secs(10);

/// Begins a client of reqwest for requests to this URL, such as the base URL of the API.
///
/// It speaks TLS by rustls on ring and trusts what the system trusts; it follows no redirects and retries nothing. On Linux
/// it gives a connection up when the other machine acknowledges nothing for 10 seconds. It
/// goes to https only, unless the URL is on this machine: then it uses no proxy, which would be told the token.
///
/// ```
/// let client = tollgate_client::http_client_builder("https://core.example.com")?.build()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn http_client_builder(url: &str) -> Result<ClientBuilder, ConfigurationError> {
    let loopback = is_loopback(&secure(url)?);
    let builder = plain(tls_config()?)
        .https_only(!loopback)
        .referer(false)
        .user_agent(concat!("tollgate-client/", env!("CARGO_PKG_VERSION")));
    #[cfg(any(target_os = "linux", target_os = "android"))]
    let builder = builder.tcp_user_timeout(UNACKNOWLEDGED);
    Ok(if loopback { builder.no_proxy() } else { builder })
}

/// Begins a client that carries secrets: each request goes out once, and where it was sent.
pub(crate) fn plain(tls: ClientConfig) -> ClientBuilder {
    Client::builder().tls_backend_preconfigured(tls).redirect(Policy::none()).retry(retry::never())
}
