//! Why an agent can't be set up.

use tollgate_client::ConfigurationError;
use tollgate_http::forward::UnsupportedProxy;

/// Why an agent can't be set up as it is configured.
#[derive(Debug, thiserror::Error)]
pub enum AgentError {
    /// The upstream, or TLS.
    #[error(transparent)]
    Configuration(#[from] ConfigurationError),
    /// The proxy that the environment names.
    #[error("HTTPS_PROXY: {0}")]
    Proxy(#[from] UnsupportedProxy),
}
