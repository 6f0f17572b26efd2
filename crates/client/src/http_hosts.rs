//! Hosts that may be called over http because an operator allows it.

use reqwest::Url;
use tollgate_secrets::Environment;

/// Hosts that secrets and tokens are sent to without encryption, besides this machine: services within a cluster whose network nobody
/// else can listen to, or where a mesh encrypts it. There are none unless an operator names them.
///
/// A host stands only for itself, with any port: neither for names below it nor for other names of its address.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HttpHosts(Vec<String>);

impl HttpHosts {
    /// The variable that names the hosts, separated by commas.
    pub const VARIABLE: &str = "TOLLGATE_ALLOW_HTTP_TO";

    /// Reads the hosts from the environment.
    pub fn from_environment(environment: &Environment) -> Result<Self, NotAHost> {
        let named = environment.variable(Self::VARIABLE).unwrap_or_default();
        let mut named = named.split(',').map(str::trim).filter(|host| !host.is_empty());
        named.try_fold(Self::default(), Self::and)
    }

    /// Adds a host: a name or an IP address, without scheme and port.
    pub fn and(mut self, host: &str) -> Result<Self, NotAHost> {
        let url = Url::parse(&format!("http://{host}/")).map_err(|_| NotAHost)?;
        let found = url.host_str().unwrap_or_default();
        let is_plain = host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._:[]".contains(&byte));
        if !is_plain || url.port().is_some() || !found.eq_ignore_ascii_case(host) {
            return Err(NotAHost);
        }
        self.0.push(found.to_owned());
        Ok(self)
    }

    /// Says whether the host of a URL is one of them.
    pub(crate) fn has(&self, url: &Url) -> bool {
        url.host_str().is_some_and(|host| self.0.iter().any(|known| known == host))
    }
}

/// The error for a text that is not a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("these must be names of hosts or IP addresses, without scheme and port, separated by commas")]
pub struct NotAHost;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http_client::http_client_builder_allowing;
    use crate::{Caller, ConfigurationError, Origin, SystemClock};

    fn hosts(text: &'static str) -> Result<HttpHosts, NotAHost> {
        let environment = Environment::new(move |_| Some(text.to_owned()), SystemClock::new());
        HttpHosts::from_environment(&environment)
    }

    #[test]
    fn http_goes_to_the_hosts_that_are_named_and_to_no_others() {
        let hosts = hosts("tollgate, Core.Payments.svc.cluster.local,10.1.2.3,[fd00::1]").unwrap();
        for url in [
            "http://tollgate:8080",
            "http://core.payments.svc.cluster.local/base",
            "http://10.1.2.3",
            "http://[fd00::1]:1",
            "http://localhost",
            "https://anywhere.example",
        ] {
            assert!(Origin::allowing(url, &hosts).is_ok(), "{url}");
            assert!(http_client_builder_allowing(url, &hosts).is_ok(), "{url}");
        }
        for url in ["http://other", "http://tollgate.example", "http://a.tollgate", "http://10.1.2.30"] {
            assert!(matches!(Origin::allowing(url, &hosts), Err(ConfigurationError::Insecure)), "{url}");
        }
        assert!(matches!(Origin::of("http://tollgate"), Err(ConfigurationError::Insecure)));
    }

    #[test]
    fn what_is_no_host_is_refused() {
        for text in ["http://tollgate", "tollgate:8080", "a/b", "*", "a b", "u@a"] {
            assert_eq!(hosts(text), Err(NotAHost), "{text}");
        }
        assert_eq!(hosts(" , ").unwrap(), HttpHosts::default());
    }

    #[tokio::test]
    async fn a_caller_of_the_environment_knows_them() {
        let variable = |allowed: &'static str| {
            Environment::new(
                move |name| match name {
                    "TOLLGATE_BASE_URL" => Some("http://tollgate:8080".to_owned()),
                    HttpHosts::VARIABLE => Some(allowed.to_owned()),
                    _ => Some("x".to_owned()),
                },
                SystemClock::new(),
            )
        };
        let caller = Caller::from_environment(&variable("tollgate")).await.unwrap();
        assert!(caller.credentials().is_ok() && caller.http_client_builder().is_ok());
        let refused = Caller::from_environment(&variable("")).await.err().unwrap().to_string();
        assert!(refused.contains("TOLLGATE_ALLOW_HTTP_TO"), "{refused}");
        let refused = Caller::from_environment(&variable("http://tollgate")).await.err().unwrap().to_string();
        assert!(refused.starts_with("TOLLGATE_ALLOW_HTTP_TO: "), "{refused}");
    }
}
