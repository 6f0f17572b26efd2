//! Sets up HTTP clients of reqwest.

use std::error::Error;
use std::time::Duration;

use reqwest::{ClientBuilder, Url};
use rustls::RootCertStore;
use tollgate_secrets::https;

use crate::origin::secure;
use crate::{ConfigurationError, HttpHosts, tls_config};

/// How long the peer may acknowledge nothing, if the system can limit that. Without the limit a connection that a
/// firewall has dropped would take the whole time for an answer.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(crate) const UNACKNOWLEDGED: Duration = Duration::from_secs(10);

/// Starts to build a reqwest client for requests to this URL, such as the base URL of the API.
///
/// It uses TLS by rustls with ring and trusts the system's roots; it follows no redirects and retries nothing. On Linux
/// it gives up a connection when the peer acknowledges nothing for 10 seconds. It uses https only, unless the URL is on
/// this machine: then it uses no proxy, which would see the token.
///
/// ```
/// let client = tollgate_client::http_client_builder("https://core.example.com")?.build()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn http_client_builder(url: &str) -> Result<ClientBuilder, ConfigurationError> {
    http_client_builder_allowing(url, &HttpHosts::default())
}

/// Returns why a request failed, by the innermost cause: the outer errors only say that there is one. Problems with a certificate
/// are explained in plain words, with what to do about them.
pub fn cause_of(error: &(dyn Error + 'static)) -> String {
    let is_late = error.downcast_ref::<reqwest::Error>().is_some_and(reqwest::Error::is_timeout);
    if is_late { "it took too long".to_owned() } else { https::cause_of(error) }
}

/// Starts to build a reqwest client that may use http to these hosts, too. It uses no proxy for that, which would see the token.
pub(crate) fn http_client_builder_allowing(
    url: &str,
    hosts: &HttpHosts,
) -> Result<ClientBuilder, ConfigurationError> {
    for_checked(&secure(url, hosts)?)
}

/// Starts to build a client for a URL that was checked: secrets may be sent there.
pub(crate) fn for_checked(url: &Url) -> Result<ClientBuilder, ConfigurationError> {
    let is_http = url.scheme() == "http";
    let is_direct = is_http || https::is_loopback(url);
    let tls = if is_http { https::config_trusting(RootCertStore::empty()) } else { tls_config()? };
    let builder = https::client(tls)
        .https_only(!is_http)
        .referer(false)
        .user_agent(concat!("tollgate-client/", env!("CARGO_PKG_VERSION")));
    #[cfg(any(target_os = "linux", target_os = "android"))]
    let builder = builder.tcp_user_timeout(UNACKNOWLEDGED);
    Ok(if is_direct { builder.no_proxy() } else { builder })
}
