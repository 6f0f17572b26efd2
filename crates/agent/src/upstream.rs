//! The upstream that the agent forwards to.

use http::Uri;
use tollgate_client::{ConfigurationError, HttpHosts, Origin};
use tollgate_http::forward::Target;
use url::Url;

/// The upstream that requests are forwarded to: an origin, and a prefix of its paths.
#[derive(Debug, Clone)]
pub struct Upstream {
    pub(crate) origin: Origin,
    pub(crate) target: Target,
}

impl Upstream {
    /// Makes an upstream from its URL, which must be https unless it is on this machine.
    pub fn new(url: &str) -> Result<Self, ConfigurationError> {
        Self::allowing(url, &HttpHosts::default())
    }

    /// Makes an upstream from its URL, which may be http to these hosts, too.
    pub fn allowing(url: &str, http_hosts: &HttpHosts) -> Result<Self, ConfigurationError> {
        let origin = Origin::allowing(url, http_hosts)?;
        // Parsed as `Origin` parses it, so that both have the host in lower case and in ASCII.
        let url = Url::parse(url).map_err(|_| ConfigurationError::Url)?;
        let uri = url.as_str().parse::<Uri>().map_err(|_| ConfigurationError::Url)?;
        let target = Target::new(&uri).ok_or(ConfigurationError::Url)?;
        Ok(Self { origin, target })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_upstream_is_https_or_on_this_machine() {
        for url in ["http://core.example.com", "https://core.example.com/?a", "https://u@a.example", "a"] {
            assert!(Upstream::new(url).is_err(), "{url}");
        }
        for url in ["https://core.example.com/base/", "http://127.0.0.1:8080", "http://[::1]:1/x"] {
            assert!(Upstream::new(url).is_ok(), "{url}");
        }
    }
}
