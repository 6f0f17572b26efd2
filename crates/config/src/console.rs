//! `[console]`: the URL of the console, and the settings of its OpenID provider that depend on each other.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::reader::Reader;
use super::settings::{Config, Oidc};
use super::texts::is_private;

impl Oidc {
    /// Says whether people can sign in by a provider.
    pub fn is_set(&self) -> bool {
        !self.issuer.is_empty()
    }

    /// Returns the provider's name for people.
    pub fn display_name(&self) -> &str {
        let host = || self.issuer.split_once("://").map_or("", |(_, rest)| rest);
        if self.name.is_empty() { host().split('/').next().unwrap_or_default() } else { &self.name }
    }
}

impl Config {
    /// Returns the URL at which browsers reach the console: `console.url`, or else one made from `admin_listen`.
    pub fn console_url(&self) -> String {
        match (self.console.url.as_str(), self.admin_listen) {
            ("", Some(address)) => {
                let scheme = if self.admin_tls.is_some() { "https" } else { "http" };
                format!("{scheme}://{}", here(address))
            }
            // Beside the API, as `dev` serves it.
            ("", None) => self.public_url.clone(),
            (url, _) => url.to_owned(),
        }
    }

    /// Checks that the provider can be used, if there is one.
    pub(super) fn check_oidc(&self, reader: &mut Reader) {
        const ISSUER: &str = "console.oidc.issuer";
        let oidc = &self.console.oidc;
        if !oidc.is_set() {
            for (key, is_given) in [
                ("console.oidc.client_id", !oidc.client_id.is_empty()),
                ("console.oidc.client_secret", oidc.client_secret.is_some()),
                ("console.oidc.roles", oidc.roles.iter().next().is_some()),
            ] {
                if is_given {
                    reader.conflict([key, ISSUER], "it means nothing without a provider; name its issuer");
                }
            }
            return;
        }
        for (key, is_missing, problem) in [
            (
                "console.oidc.client_id",
                oidc.client_id.is_empty(),
                "the provider knows the console by an id; set it",
            ),
            (
                "console.oidc.client_secret",
                oidc.client_secret.is_none(),
                "the console authenticates with a secret; say where it is",
            ),
            (
                "console.oidc.roles",
                oidc.roles.iter().next().is_none(),
                "nobody could sign in; give groups roles",
            ),
            (
                "console.url",
                !is_private(&self.console_url()),
                "the provider would send people back over plain HTTP; set the https URL of the console",
            ),
        ] {
            if is_missing {
                reader.conflict([ISSUER, key], problem);
            }
        }
    }
}

/// Replaces an unspecified address, which stands for all addresses, by the loopback address.
fn here(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}
