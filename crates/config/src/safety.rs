//! Settings that are refused in production, and those that only cause a warning.

use std::{fmt, time::Duration};

use http::Uri;

use super::{
    settings::Config,
    texts::{is_loopback, is_loopback_host},
    values::{WhenStale, duration_text},
};

const LONGEST_ACCESS_TTL: Duration = Duration::from_secs(3600);
const LONGEST_REFRESH_TTL: Duration = Duration::from_secs(30 * 86_400);

/// A setting that `serve` refuses to start with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unsafe {
    /// The dotted name of the key.
    pub key: &'static str,
    /// What is unsafe about it and what to do, in one line without the key.
    pub problem: String,
}

impl Unsafe {
    /// Names the keys whose values make it unsafe.
    pub(super) fn hangs_on(&self) -> impl Iterator<Item = &'static str> {
        let others: &[&'static str] = match self.key {
            "public_url" => &["listen"],
            "listen" => &["public_url", "listen_allow_remote", "tls.cert", "tls.key"],
            "admin_listen" => &["admin_allow_remote"],
            "telemetry.headers" => &["telemetry.endpoint"],
            _ => &[],
        };
        std::iter::once(self.key).chain(others.iter().copied())
    }
}

impl fmt::Display for Unsafe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.key, self.problem)
    }
}

impl Config {
    /// Lists the settings that are valid but not fit for production; empty if the server may start.
    pub fn check_production(&self) -> Vec<Unsafe> {
        [
            self.missing_master_key(),
            self.plain_public_url(),
            self.plain_listener(),
            self.remote_admin(),
            self.plain_collector(),
            too_long("tokens.access_ttl", self.tokens.access_ttl, LONGEST_ACCESS_TTL, "1h"),
            too_long("tokens.refresh_ttl", self.tokens.refresh_ttl, LONGEST_REFRESH_TTL, "30d"),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    /// Lists settings that are allowed in production but seldom intended, one line each.
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        if self.sandbox {
            warnings.push(
                "sandbox: the sandbox Payment API and the playground are served; turn it off where payments are real".to_owned(),
            );
        }
        if self.is_plain_beyond_loopback() && self.listen_allow_remote {
            warnings.push(format!(
                "listen_allow_remote: whoever reaches {} is answered without TLS; see that nobody but this machine does",
                self.listen
            ));
        }
        if !self.tells_callers_apart() {
            warnings.push(
                "trusted_proxies: empty, but public_url is https and there is no [tls], so a proxy must be in front: every caller seems to come from the proxy's address and all share its \
                 limits; name the proxy's network"
                    .to_owned(),
            );
        }
        if self.tokens.when_stale == WhenStale::Serve {
            warnings.push(
                "tokens.when_stale: a server that can't read from the store goes on accepting tokens that were revoked \
                 meanwhile; use refuse unless that is what you want"
                    .to_owned(),
            );
        }
        if !self.limits.enforce {
            warnings.push(
                "limits.enforce: sources and merchants that are over their limits are counted and not refused; set it to \
                 true when tollgate_limit_exceeded_total shows that nobody is who should not be"
                    .to_owned(),
            );
        }
        if let Some(target) = self.audit.stream.as_ref().filter(|target| target.is_remote()) {
            warnings.push(format!(
                "audit.stream: {target} is on another machine, and records go there in the clear: use a relay on this one that \
                 speaks TLS"
            ));
        }
        if self.has_plain_collector() && self.telemetry.headers.is_empty() {
            warnings.push(format!(
                "telemetry.endpoint: {} is on another machine, and traces and metrics go there in the clear: use https, or a \
                 collector on this one",
                self.telemetry.endpoint
            ));
        }
        if let Some(network) = self.trusted_proxies.iter().find(|network| network.prefix_len() == 0) {
            warnings.push(format!(
                "trusted_proxies: {network} lets every caller choose its own address; name only your proxies"
            ));
        }
        warnings
    }

    /// Says whether callers have different addresses here: they don't behind a proxy that is not configured.
    pub fn tells_callers_apart(&self) -> bool {
        !(self.is_behind_tls_proxy() && self.trusted_proxies.is_empty())
    }

    /// Says whether other machines can reach the API without TLS.
    fn is_plain_beyond_loopback(&self) -> bool {
        !is_loopback(self.listen.ip()) && self.tls.is_none() && !self.is_behind_tls_proxy()
    }

    /// Says whether a proxy in front must speak TLS: the URL is https, and there is no certificate here.
    fn is_behind_tls_proxy(&self) -> bool {
        self.tls.is_none() && self.public_url.starts_with("https://")
    }

    fn missing_master_key(&self) -> Option<Unsafe> {
        self.master_key.is_empty().then(|| Unsafe {
            key: "master_key",
            problem: "not set; say where the key is, by file:PATH or env:NAME".to_owned(),
        })
    }

    fn plain_public_url(&self) -> Option<Unsafe> {
        let uri: Uri = self.public_url.parse().ok()?;
        if uri.scheme_str() == Some("https") || uri.host().is_some_and(is_loopback_host) {
            return None;
        }
        let problem = format!("{} is not https; set the https URL that callers use", self.public_url);
        Some(Unsafe { key: "public_url", problem })
    }

    fn plain_listener(&self) -> Option<Unsafe> {
        if self.listen_allow_remote || !self.is_plain_beyond_loopback() {
            return None;
        }
        let problem = format!(
            "{} is reachable from other machines without TLS; set [tls], or listen on 127.0.0.1, or set the https \
             public_url under which a proxy in front of it speaks TLS; in a container whose port is published on \
             127.0.0.1 only, set listen_allow_remote = true",
            self.listen
        );
        Some(Unsafe { key: "listen", problem })
    }

    /// Says whether telemetry leaves this machine without encryption.
    fn has_plain_collector(&self) -> bool {
        let uri = self.telemetry.endpoint.parse::<Uri>();
        uri.is_ok_and(|uri| uri.scheme_str() == Some("http") && !uri.host().is_some_and(is_loopback_host))
    }

    fn plain_collector(&self) -> Option<Unsafe> {
        (self.has_plain_collector() && !self.telemetry.headers.is_empty()).then(|| Unsafe {
            key: "telemetry.headers",
            problem: format!(
                "they would go to {} in the clear; use https, or send them from a collector on this machine",
                self.telemetry.endpoint
            ),
        })
    }

    fn remote_admin(&self) -> Option<Unsafe> {
        let address = self.admin_listen.filter(|address| !is_loopback(address.ip()))?;
        (!self.admin_allow_remote).then(|| Unsafe {
            key: "admin_listen",
            problem: format!(
                "{address} is reachable from other machines and asks for no credentials; use 127.0.0.1, or set \
                 admin_allow_remote = true if only your monitoring reaches it"
            ),
        })
    }
}

fn too_long(key: &'static str, ttl: Duration, longest: Duration, limit: &str) -> Option<Unsafe> {
    (ttl > longest).then(|| Unsafe {
        key,
        problem: format!(
            "{} is too long for a stolen token to live; set at most {limit}",
            duration_text(ttl)
        ),
    })
}
