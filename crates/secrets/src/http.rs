//! Requests to secret stores: one attempt, no redirects, short answers, and no secret without encryption.

use std::time::Duration;

use reqwest::header::{HeaderMap, HeaderValue};
use reqwest::{Client, ClientBuilder, Method, RequestBuilder, StatusCode, Url};
use rustls::{ClientConfig, RootCertStore};
use serde::Deserialize;
use zeroize::Zeroizing;

use crate::https::NoRoots;
use crate::{Reason, Refusal, https, payload};

/// The hosts from which machines in a cloud get their identity. HTTP is used to them, because these addresses stay on the machine's host.
const METADATA: [&str; 6] = [
    "169.254.169.254",
    "fd00:ec2::254",
    "169.254.170.2",
    "169.254.170.23",
    "fd00:ec2::23",
    "metadata.google.internal",
];

pub(crate) struct Http {
    /// The client for other machines; an error if the system trusts no certificate authority.
    outward: Result<Client, NoRoots>,
    /// The client for this machine, without a proxy, which would see the secrets.
    local: Client,
}

impl Http {
    /// Makes clients that trust the system's roots.
    pub(crate) fn new() -> Self {
        https::tls_config().map_or_else(
            // Requests to this machine need no certificate authority.
            |why| Self {
                outward: Err(why),
                ..Self::with_tls(https::config_trusting(RootCertStore::empty()))
            },
            Self::with_tls,
        )
    }

    pub(crate) fn with_tls(config: ClientConfig) -> Self {
        let build =
            |builder: ClientBuilder| builder.build().expect("the configuration of TLS is one of rustls");
        Self { outward: Ok(build(client(config.clone()))), local: build(client(config).no_proxy()) }
    }

    pub(crate) fn request(&self, method: Method, url: Url) -> Result<RequestBuilder, Reason> {
        let is_local = is_local(&url);
        if url.scheme() != "https" && !is_local {
            return Err(Reason::Insecure { host: host(&url) });
        }
        let outward = self.outward.as_ref().map_err(|why| Reason::Setting {
            name: format!("the system's list of trusted authorities ({why})"),
            problem: "can't be read: install ca-certificates, or name a list by SSL_CERT_FILE",
        });
        Ok(if is_local { &self.local } else { outward? }.request(method, url))
    }
}

fn client(config: ClientConfig) -> ClientBuilder {
    https::client(config).timeout(Duration::from_secs(5))
}

fn is_local(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    https::is_loopback(url) || METADATA.contains(&host)
}

pub(crate) fn host(url: &Url) -> String {
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    format!("{}{port}", url.host_str().unwrap_or_default())
}

/// Parses the address that a setting names.
pub(crate) fn address(name: &str, text: &str) -> Result<Url, Reason> {
    let url = Url::parse(text).ok().filter(|url| ["http", "https"].contains(&url.scheme()));
    url.ok_or_else(|| Reason::Setting {
        name: name.to_owned(),
        problem: "is not the address of a server: it must look like https://store.example.com",
    })
}

/// Returns a header's value that is marked sensitive, so that no log shows it.
pub(crate) fn sensitive(text: &str) -> Result<HeaderValue, Reason> {
    let value = HeaderValue::try_from(text);
    let mut value = value.map_err(|_| Reason::Unexpected("the token for the secret store is no token"))?;
    value.set_sensitive(true);
    Ok(value)
}

pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    body: Zeroizing<Vec<u8>>,
}

/// Sends the request and reads the answer.
pub(crate) async fn send(request: RequestBuilder) -> Result<Answer, Reason> {
    let mut response = request.send().await.map_err(|error| unreachable(&error))?;
    let mut body = Zeroizing::new(Vec::with_capacity(payload::LIMIT));
    while let Some(chunk) = response.chunk().await.map_err(|error| unreachable(&error))? {
        if body.len() + chunk.len() > payload::LIMIT {
            return Err(Reason::Unexpected(
                "the answer is longer than 64 KiB: is this the address of the secret store?",
            ));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Answer { status: response.status(), headers: std::mem::take(response.headers_mut()), body })
}

fn unreachable(error: &reqwest::Error) -> Reason {
    let host = error.url().map(host).unwrap_or_default();
    if error.is_timeout() {
        return Reason::Unreachable { host, problem: "it didn't answer within 5 s".to_owned() };
    }
    Reason::Unreachable { host, problem: https::cause_of(error) }
}

impl Answer {
    pub(crate) fn json<'a, T: Deserialize<'a>>(&'a self) -> Option<T> {
        serde_json::from_slice(&self.body).ok()
    }

    /// Returns the body of an error answer, or null if it is not JSON.
    pub(crate) fn error(&self) -> serde_json::Value {
        self.json().unwrap_or_default()
    }

    pub(crate) fn text(&self) -> Option<&str> {
        std::str::from_utf8(&self.body).ok()
    }

    /// Returns the class of a refusal, by its status.
    pub(crate) fn refusal(&self) -> Refusal {
        match self.status.as_u16() {
            401 | 403 => Refusal::Denied,
            404 => Refusal::Absent,
            408 | 429 | 500.. => Refusal::Unavailable,
            _ => Refusal::Other,
        }
    }

    /// Returns the refusal as an error. A code that doesn't look like one is left out, because it could be anything.
    pub(crate) fn refused(&self, refusal: Refusal, code: Option<&str>, advice: &'static str) -> Reason {
        let is_code = |code: &&str| {
            (1..=64).contains(&code.len())
                && code.bytes().all(|byte| byte.is_ascii_alphabetic() || byte == b'_')
        };
        let code = code.filter(is_code).map(str::to_owned);
        Reason::Refused { refusal, status: self.status.as_u16(), code, advice }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_and_its_metadata_are_spoken_to_in_the_clear() {
        let http = Http::new();
        let is_allowed = |address: &str| http.request(Method::GET, address.parse().unwrap()).is_ok();
        for address in [
            "http://127.0.0.1:8200",
            "http://127.9.9.9",
            "http://[::1]:8200",
            "http://localhost:8200",
            "http://LOCALHOST",
            "http://169.254.169.254",
            "http://[fd00:ec2::254]",
            "http://169.254.170.23/v1/credentials",
            "http://metadata.google.internal",
            "https://vault.example.com",
        ] {
            assert!(is_allowed(address), "{address}");
        }
        for address in [
            "http://vault.example.com",
            "http://10.0.0.1",
            "http://0.0.0.0",
            "http://169.254.1.1",
            "http://localhost.example.com",
            "http://127.0.0.1.example.com",
            "http://[::ffff:10.0.0.1]",
            "http://metadata.google.internal.example.com",
        ] {
            assert!(!is_allowed(address), "{address}");
        }
    }
}
