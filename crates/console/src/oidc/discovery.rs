//! A provider's metadata (OpenID Connect Discovery 1.0).

use http::Uri;
use serde::Deserialize;
use tollgate_config::is_loopback_host;

use super::calls::Access;
use super::document::Document;
use super::problem::Problem;

/// The members of a provider's metadata that matter here.
#[derive(Deserialize)]
pub(super) struct Metadata {
    issuer: String,
    pub(super) authorization_endpoint: String,
    pub(super) token_endpoint: String,
    pub(super) jwks_uri: String,
    pub(super) token_endpoint_auth_methods_supported: Option<Vec<String>>,
    pub(super) id_token_signing_alg_values_supported: Option<Vec<String>>,
    code_challenge_methods_supported: Option<Vec<String>>,
    #[serde(default)]
    pub(super) authorization_response_iss_parameter_supported: bool,
}

/// Reads the metadata from a provider.
pub(super) async fn of(access: &Access, issuer: &str) -> Result<Metadata, Problem> {
    let url = format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'));
    let metadata: Metadata = access.json(Document::Discovery, &url).await?;
    if metadata.issuer != issuer {
        return Err(Problem::OtherIssuer);
    }
    for (name, endpoint) in [
        ("authorization_endpoint", &metadata.authorization_endpoint),
        ("token_endpoint", &metadata.token_endpoint),
        ("jwks_uri", &metadata.jwks_uri),
    ] {
        if !may_be_called(endpoint, issuer) {
            return Err(Problem::Endpoint(name));
        }
    }
    // Some providers that support PKCE don't say so.
    match &metadata.code_challenge_methods_supported {
        Some(methods) if !methods.iter().any(|method| method == "S256") => Err(Problem::NoPkce),
        _ => Ok(metadata),
    }
}

/// Says whether codes, secrets and people may be sent to an endpoint: it must be as private as the issuer's URL, so over https, or
/// within this machine.
fn may_be_called(endpoint: &str, issuer: &str) -> bool {
    let is_plain = endpoint.bytes().all(|byte| byte.is_ascii_graphic()) && !endpoint.contains(['#', '@']);
    let Some(uri) = endpoint.parse::<Uri>().ok().filter(|_| is_plain) else { return false };
    match (uri.scheme_str(), uri.host()) {
        (Some("https"), Some(host)) => issuer.starts_with("https:") && !host.is_empty(),
        (Some("http"), Some(host)) => issuer.starts_with("http:") && is_loopback_host(host),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_is_called_as_privately_as_the_issuer() {
        let (remote, local) = ("https://login.example.com", "http://127.0.0.1:8081");
        for endpoint in ["https://login.example.com/authorize?tenant=1", "https://keys.example:8443/jwks"] {
            assert!(may_be_called(endpoint, remote), "{endpoint}");
        }
        assert!(may_be_called("http://localhost:8081/token", local));
        for endpoint in [
            "",
            "/token",
            "http://login.example.com/token",
            "http://localhost/token",
            "https://user@login.example.com/token",
            "https://login.example.com/token#part",
            "https://login.example.com/to ken",
            "javascript:alert(1)",
            "https:///token",
        ] {
            assert!(!may_be_called(endpoint, remote), "{endpoint}");
        }
        for endpoint in ["https://login.example.com/token", "http://10.0.0.1/token"] {
            assert!(!may_be_called(endpoint, local), "{endpoint}");
        }
    }
}
