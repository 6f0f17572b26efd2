//! Sends traces and metrics to a collector by OTLP over HTTP.

use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Client, StatusCode, Url};
use tollgate_client::cause_of;
use tollgate_config::HeaderSource;
use tollgate_secrets::access::Sharing;
use tollgate_secrets::https;
use tollgate_telemetry::{Collector, Sending, Signal, Undelivered};

use crate::named_secret::{SecretProblem, secret};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// The settings of a collector.
#[derive(Debug, Clone, Copy)]
pub struct HttpCollectorSettings<'a> {
    /// The base URL of the collector.
    pub endpoint: &'a str,
    /// The headers that are sent along, each with the source of its value.
    pub headers: &'a [HeaderSource],
    /// Who may have access to the files that hold their values.
    pub sharing: Sharing,
    /// The names of the settings of endpoint and headers, for messages.
    pub names: [&'static str; 2],
}

/// Why nothing can be sent to a collector.
#[derive(Debug, thiserror::Error)]
pub enum CollectorError {
    /// The collector's URL can't be read.
    #[error("{setting}: {endpoint}: {problem}")]
    Url {
        /// The name of the setting.
        setting: &'static str,
        /// The value of the setting.
        endpoint: String,
        /// The problem, for people.
        problem: String,
    },
    /// Headers, which may be secrets, would leave this machine without encryption.
    #[error(
        "{setting}: they would go to {endpoint} in the clear; use https, or send them from a collector on this machine"
    )]
    InTheClear {
        /// The name of the headers' setting.
        setting: &'static str,
        /// The URL that they would be sent to.
        endpoint: String,
    },
    /// The system's trusted certificate authorities can't be read.
    #[error(
        "the system has no list of trusted authorities ({0}): install ca-certificates, or name a file of certificates by \
         SSL_CERT_FILE"
    )]
    NoAuthorities(String),
    /// No HTTP client can be made, for this reason.
    #[error("{0}")]
    NoHttpClient(String),
    /// The value of a header can't be read.
    #[error(transparent)]
    Secret(#[from] SecretProblem),
    /// The value of a header is not valid.
    #[error("{setting}: the value of {name} does not fit in a header")]
    Header {
        /// The name of the headers' setting.
        setting: &'static str,
        /// The name of the header.
        name: HeaderName,
    },
}

/// A collector that is reached over HTTP. The values of its headers are read for each request, so that they can be changed.
pub struct HttpCollector {
    client: Client,
    endpoint: String,
    headers: Vec<HeaderSource>,
    sharing: Sharing,
    names: [&'static str; 2],
}

impl HttpCollector {
    /// Prepares to send. Fails if sending could never succeed.
    pub fn new(settings: &HttpCollectorSettings<'_>) -> Result<Self, CollectorError> {
        let HttpCollectorSettings { endpoint, headers, sharing, names } = *settings;
        let (endpoint, headers) = (endpoint.to_owned(), headers.to_vec());
        let url = Url::parse(&endpoint).map_err(|error| CollectorError::Url {
            setting: names[0],
            endpoint: endpoint.clone(),
            problem: error.to_string(),
        })?;
        if url.scheme() == "http" && !https::is_loopback(&url) && !headers.is_empty() {
            return Err(CollectorError::InTheClear { setting: names[1], endpoint });
        }
        let builder =
            https::client_for(&url).map_err(|error| CollectorError::NoAuthorities(error.to_string()))?;
        let client = builder
            .connect_timeout(CONNECT_TIMEOUT)
            .user_agent(concat!("tollgate/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| CollectorError::NoHttpClient(cause_of(&error)))?;
        let collector = Self { client, endpoint, headers, sharing, names };
        collector.headers()?;
        Ok(collector)
    }

    /// Returns the headers with their current values.
    fn headers(&self) -> Result<HeaderMap, CollectorError> {
        let mut headers = HeaderMap::new();
        for HeaderSource { name, value } in &self.headers {
            let setting = self.names[1];
            let text = secret(value, "the file of a header", setting, self.sharing)?;
            let value = HeaderValue::from_str(text.trim_end_matches(['\r', '\n']));
            let mut value = value.map_err(|_| CollectorError::Header { setting, name: name.clone() })?;
            value.set_sensitive(true);
            headers.insert(name, value);
        }
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-protobuf"));
        Ok(headers)
    }

    async fn post(&self, signal: Signal, body: Vec<u8>) -> Result<(), Undelivered> {
        let headers = self.headers().map_err(|error| Undelivered::Later(error.to_string()))?;
        let url = format!("{}{}", self.endpoint, signal.path());
        let sent = self.client.post(url).headers(headers).body(body).send().await;
        let answer = sent.map_err(|error| Undelivered::Later(cause_of(&error)))?;
        let said = |status: StatusCode| format!("{}{} answers {status}", self.endpoint, signal.path());
        match answer.status() {
            status if status.is_success() => Ok(()),
            // The statuses after which the specification of OTLP/HTTP has a request repeated.
            status if matches!(status.as_u16(), 429 | 502..=504) => Err(Undelivered::Later(said(status))),
            status => Err(Undelivered::Refused(said(status))),
        }
    }
}

impl Collector for HttpCollector {
    fn send(&self, signal: Signal, body: Vec<u8>) -> Sending<'_> {
        Box::pin(self.post(signal, body))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_do_not_leave_the_machine_in_the_clear() {
        let headers = ["authorization=env:TOLLGATE_TEST_NOT_SET".parse().unwrap()];
        let problem = |endpoint| {
            let names = ["telemetry.endpoint", "telemetry.headers"];
            let sharing = Sharing::Private;
            let settings = HttpCollectorSettings { endpoint, headers: &headers, sharing, names };
            HttpCollector::new(&settings).err().unwrap()
        };
        assert!(matches!(problem("http://collector.example:4318"), CollectorError::InTheClear { .. }));
        let here = problem("http://127.0.0.1:4318");
        assert!(matches!(here, CollectorError::Secret(SecretProblem::NoVariable { .. })), "{here}");
        assert!(matches!(problem("collector"), CollectorError::Url { .. }));
    }
}
