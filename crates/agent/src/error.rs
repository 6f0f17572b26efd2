//! The errors of setting up an agent.

use tollgate_client::ConfigurationError;
use tollgate_http::forward::UnsupportedProxy;

/// Why an agent can't be set up as it is configured.
#[derive(Debug, thiserror::Error)]
pub enum AgentError {
    /// The upstream's URL can't be used, or TLS can't be set up.
    #[error(transparent)]
    Configuration(#[from] ConfigurationError),
    /// The proxy that the environment names can't be used.
    #[error("HTTPS_PROXY: {0}")]
    Proxy(#[from] UnsupportedProxy),
}
