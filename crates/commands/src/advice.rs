//! Advice for when a server can't be reached or gives no token.

use tollgate_client::{Fault, ObtainError};
use tollgate_config::{Config, is_loopback_host};
use url::Url;

/// Returns why the authority at `base_url` gave no token, and what to do.
pub fn without_token(base_url: &str, error: &ObtainError) -> String {
    let advice = match error {
        ObtainError::Transient { fault: Fault::Unreachable(cause), .. } => {
            unreachable(cause, base_url, "its base URL")
        }
        ObtainError::Transient { fault: Fault::Timeout, .. } => unreachable("", base_url, "its base URL"),
        ObtainError::Transient { fault: Fault::Malformed | Fault::TooLong, .. } => {
            format!("; check that {base_url} is the base URL of a Payment API")
        }
        ObtainError::Transient { fault: Fault::Status(answer), .. } if answer.status == 429 => {
            "; too many attempts: wait a minute, and check the secret if it was refused before".to_owned()
        }
        ObtainError::Transient { fault: Fault::Status(answer), .. }
            if (300..400).contains(&answer.status) =>
        {
            format!(
                "; redirects are not followed: check that {base_url} is the base URL itself, with the right scheme"
            )
        }
        ObtainError::Transient { fault: Fault::Status(answer), .. } if answer.status < 500 => {
            format!("; check that {base_url} is the base URL of a Payment API")
        }
        ObtainError::Transient { .. } => "; try again".to_owned(),
        _ => String::new(),
    };
    format!("{error}{advice}")
}

/// Returns what to do if no connection can be made, depending on the cause.
pub fn unreachable(cause: &str, base_url: &str, what: &str) -> String {
    // The message of a TLS problem says itself what to do.
    if cause.contains("its certificate") || cause.contains("TLS") {
        return format!("; {base_url} was called");
    }
    match proxy(base_url) {
        Some(variable) => {
            format!(
                "; {variable} names a proxy: check that the proxy is up and lets this through, or unset it"
            )
        }
        None => format!("; check that {base_url} is {what} and that it is up"),
    }
}

/// Returns the variable that names the proxy for a URL, if one does. No proxy is used for this machine.
fn proxy(base_url: &str) -> Option<&'static str> {
    let url = Url::parse(base_url).ok()?;
    let names: &[&'static str] = match url.scheme() {
        _ if is_loopback_host(url.host_str()?) => &[],
        "https" => &["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"],
        _ => &["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"],
    };
    let set: Vec<_> =
        Config::environment().filter(|(_, value)| !value.is_empty()).map(|(name, _)| name).collect();
    names.iter().copied().find(|name| set.iter().any(|set| set == name))
}
