//! HTTP clients for secrets and tokens: by TLS of rustls with ring, which trusts the system's roots, or within this machine.

use std::error::Error;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;

use reqwest::redirect::Policy;
use reqwest::{Client, ClientBuilder, Url, retry};
use rustls::crypto::aws_lc_rs;
use rustls::{ClientConfig, ConfigBuilder, InvalidMessage, RootCertStore, WantsVerifier};
use rustls_platform_verifier::BuilderVerifierExt as _;

mod certificate;

/// The error that no certificate could be trusted, with the reason.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct NoRoots(String);

/// Makes the TLS configuration for requests with secrets and tokens. Fails if the system's roots can't be read.
pub fn tls_config() -> Result<ClientConfig, NoRoots> {
    let trusting = builder()
        .with_platform_verifier()
        .map_err(|error| NoRoots(certificate::unread_roots().unwrap_or_else(|| error.to_string())))?;
    Ok(trusting.with_no_client_auth())
}

/// Makes the same TLS configuration, but trusts only `roots`.
pub fn config_trusting(roots: RootCertStore) -> ClientConfig {
    builder().with_root_certificates(roots).with_no_client_auth()
}

/// Returns why a request failed, by the innermost cause: the outer errors only say that there is one. TLS errors are explained.
pub fn cause_of(error: &(dyn Error + 'static)) -> String {
    let innermost = std::iter::successors(Some(error), |&cause| cause.source()).last().unwrap_or(error);
    of_tls(innermost).map_or_else(|| innermost.to_string(), explained)
}

/// Finds a TLS error within another error. I/O errors contain it, but not as their `source`.
fn of_tls<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a rustls::Error> {
    error.downcast_ref().or_else(|| of_tls(error.downcast_ref::<io::Error>()?.get_ref()?))
}

/// Explains a TLS error, and says what to do if that is known.
pub fn explained(error: &rustls::Error) -> String {
    match error {
        rustls::Error::InvalidMessage(InvalidMessage::InvalidContentType) => {
            "it doesn't speak TLS at this port: check the port, and whether the address must begin with http://".to_owned()
        }
        rustls::Error::InvalidCertificate(problem) => certificate::refused(problem),
        other => format!("TLS failed: {other}"),
    }
}

fn builder() -> ConfigBuilder<ClientConfig, WantsVerifier> {
    ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("aws-lc has suites for each version of TLS")
}

/// Starts to build a client for requests with secrets: it follows no redirects and retries nothing.
pub fn client(tls: ClientConfig) -> ClientBuilder {
    Client::builder().tls_backend_preconfigured(tls).redirect(Policy::none()).retry(retry::never())
}

/// Starts to build a client for requests to a URL, which may be http: for requests without secrets, or within this machine, for
/// which no proxy is used. Fails if the system's roots can't be read.
pub fn client_for(url: &Url) -> Result<ClientBuilder, NoRoots> {
    let is_http = url.scheme() == "http";
    let tls = if is_http { config_trusting(RootCertStore::empty()) } else { tls_config()? };
    let builder = client(tls).https_only(!is_http).referer(false);
    Ok(if is_http || is_loopback(url) { builder.no_proxy() } else { builder })
}

/// Says whether a URL stays on this machine.
pub fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    address.map_or(host == "localhost", |address| address.is_loopback())
}
