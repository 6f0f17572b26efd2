//! Origins that secrets and tokens may be sent to: over https, or on this machine.

use http::Uri;
use reqwest::Url;
use tollgate_secrets::https::is_loopback;

use crate::HttpHosts;

/// The scheme, the host and the port that a token is sent to (RFC 6454 §4).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin(Option<Place>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Place {
    scheme: String,
    host: String,
    port: u16,
}

impl Origin {
    /// Returns the origin of this URL, which must be https unless it is on this machine.
    pub fn of(url: &str) -> Result<Self, ConfigurationError> {
        Self::allowing(url, &HttpHosts::default())
    }

    /// Returns the origin of this URL, which may be http to these hosts, too.
    pub fn allowing(url: &str, hosts: &HttpHosts) -> Result<Self, ConfigurationError> {
        let url = secure(url, hosts)?;
        let host = url.host_str().ok_or(ConfigurationError::Url)?.to_ascii_lowercase();
        let port = url.port_or_known_default().ok_or(ConfigurationError::Url)?;
        Ok(Self(Some(Place { scheme: url.scheme().to_owned(), host, port })))
    }

    /// Says whether the origin is called over http.
    pub(crate) fn is_http(&self) -> bool {
        self.0.as_ref().is_some_and(|place| place.scheme == "http")
    }

    /// Returns the origin of a service that has only one, and gets requests whose URI names none. A channel of tonic is such a
    /// service. A client that follows redirects, or connects to the URI's host, is not.
    pub fn bound() -> Self {
        Self(None)
    }

    /// Says whether a request to this URI goes to this origin.
    pub(crate) fn is_of(&self, uri: &Uri) -> bool {
        let Some(place) = &self.0 else { return uri.authority().is_none() };
        let default = match uri.scheme_str() {
            Some("https") => 443,
            Some("http") => 80,
            _ => return false,
        };
        uri.scheme_str() == Some(&place.scheme)
            && uri.host().is_some_and(|host| host.eq_ignore_ascii_case(&place.host))
            && uri.port_u16().unwrap_or(default) == place.port
    }
}

/// Why the client side can't be set up as it is configured.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigurationError {
    /// The text is not a URL of this form.
    #[error(
        "this must be an absolute https URL, or http for this machine (https://HOST, http://127.0.0.1:PORT), without user, password \
         and fragment, and a base URL also without query"
    )]
    Url,
    /// A secret could be read on the way.
    #[error(
        "the URL must begin with https:// unless it is on this machine (localhost): secrets and tokens would be sent in the clear; \
         for a host in your own cluster, say so by its name in TOLLGATE_ALLOW_HTTP_TO"
    )]
    Insecure,
    /// TLS can't be set up, for this reason.
    #[error("TLS can't be set up: {0}")]
    Tls(String),
}

/// Parses a URL that a secret may be sent to: https, this machine, or one of these hosts.
pub(crate) fn secure(url: &str, hosts: &HttpHosts) -> Result<Url, ConfigurationError> {
    let url = Url::parse(url).map_err(|_| ConfigurationError::Url)?;
    let plain = url.username().is_empty() && url.password().is_none() && url.fragment().is_none();
    // Not every WHATWG URL is a URI (RFC 3986), which requests need.
    if !plain || url.host().is_none() || url.as_str().parse::<Uri>().is_err() {
        return Err(ConfigurationError::Url);
    }
    match url.scheme() {
        "https" => Ok(url),
        "http" if is_loopback(&url) || hosts.has(&url) => Ok(url),
        "http" => Err(ConfigurationError::Insecure),
        _ => Err(ConfigurationError::Url),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secure(url: &str) -> Result<Url, ConfigurationError> {
        super::secure(url, &HttpHosts::default())
    }

    fn is_of(origin: &str, uri: &str) -> bool {
        Origin::of(origin).unwrap().is_of(&uri.parse().unwrap())
    }

    #[test]
    fn an_origin_is_scheme_host_and_port() {
        assert!(is_of("https://core.example.com", "https://core.example.com/a?b"));
        assert!(is_of("https://core.example.com/base/", "https://CORE.example.com:443"));
        assert!(is_of("http://[::1]:8080", "http://[::1]:8080/"));
        for other in [
            "http://core.example.com/",
            "https://core.example.com:8443/",
            "https://core.example.com.evil.example/",
            "https://core.example.com@evil.example/",
            "https://example.com/",
            "/relative",
        ] {
            assert!(!is_of("https://core.example.com", other), "{other}");
        }
    }

    #[test]
    fn a_bound_service_is_meant_by_requests_that_name_no_host() {
        assert!(Origin::bound().is_of(&"/package.Service/Method".parse().unwrap()));
        assert!(!Origin::bound().is_of(&"https://core.example.com/".parse().unwrap()));
    }

    #[test]
    fn a_secret_goes_over_https_or_stays_on_this_machine() {
        for url in ["https://a.example", "http://localhost:1", "http://127.0.0.9/x", "http://[::1]/"] {
            assert!(secure(url).is_ok(), "{url}");
        }
        for url in [
            "http://a.example",
            "http://localhost.evil.example",
            "http://10.0.0.1",
            "http://127.0.0.1.nip.io",
        ] {
            assert!(matches!(secure(url), Err(ConfigurationError::Insecure)), "{url}");
        }
        for url in ["", "a.example", "ftp://a.example", "https://u@a.example", "https://a/#c"] {
            assert!(matches!(secure(url), Err(ConfigurationError::Url)), "{url}");
        }
    }
}
