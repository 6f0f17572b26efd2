//! The client of reqwest by which requests go out.

use reqwest::redirect::Policy;
use reqwest::{Client, ClientBuilder, retry};
use rustls::ClientConfig;

use crate::origin::{is_loopback, secure};
use crate::{ConfigurationError, tls};

/// Begins a client of reqwest for requests to this URL, such as the base URL of the API.
///
/// It speaks TLS by rustls on ring and trusts what the system trusts; it follows no redirects and retries nothing. It
/// goes to https only, unless the URL is on this machine: then it uses no proxy, which would be told the token.
///
/// ```
/// let client = tollgate_client::http_client_builder("https://core.example.com")?.build()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn http_client_builder(url: &str) -> Result<ClientBuilder, ConfigurationError> {
    let loopback = is_loopback(&secure(url)?);
    let tls = tls::config().map_err(|error| ConfigurationError::Tls(error.to_string()))?;
    let builder = plain(tls)
        .https_only(!loopback)
        .referer(false)
        .user_agent(concat!("tollgate-client/", env!("CARGO_PKG_VERSION")));
    Ok(if loopback { builder.no_proxy() } else { builder })
}

/// Begins a client that carries secrets: each request goes out once, and where it was sent.
pub(crate) fn plain(tls: ClientConfig) -> ClientBuilder {
    Client::builder().tls_backend_preconfigured(tls).redirect(Policy::none()).retry(retry::never())
}
