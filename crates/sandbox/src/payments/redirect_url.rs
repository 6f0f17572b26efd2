//! URLs that a browser is sent to.

use tollgate_http::fields::Refused;
use url::{Position, Url};

use super::text::text;

text!(
    /// An absolute http or https URL that a browser can be sent to.
    RedirectUrl,
    parse
);

/// The longest URL, in bytes.
const MAX_LEN: usize = 2048;

/// The longest host name, in bytes.
const MAX_HOST: usize = 253;

/// The longest label of a host name, in bytes.
const MAX_LABEL: usize = 63;

/// Accepts an absolute http or https URL in the characters of RFC 3986 §2, with a host and without user information.
///
/// It is parsed as a browser does. A URL that a browser would correct before using it is refused, so that every reader of
/// the URL sees the same host in it.
pub(super) fn parse(text: &str) -> Result<&str, Refused> {
    if text.len() > MAX_LEN {
        return Err(format!("must have at most {MAX_LEN} bytes").into());
    }
    if !is_written_in_uri_characters(text.as_bytes()) {
        return Err("must be percent-encoded where it holds other than the characters of RFC 3986".into());
    }
    let (_, authority) = scheme_and_authority(text).ok_or(NOT_ABSOLUTE)?;
    let url = Url::parse(text).map_err(|_| NOT_ABSOLUTE)?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(NOT_ABSOLUTE.into());
    }
    if authority.contains('@') {
        return Err("must not contain user information".into());
    }
    if url.port() == Some(0) || authority.ends_with(':') {
        return Err("must have a port from 1 to 65535 if it has one".into());
    }
    let default_port = if url.scheme() == "http" { ":80" } else { ":443" };
    let without_default_port = authority.strip_suffix(default_port).unwrap_or(authority);
    let read = &url[Position::BeforeHost..Position::AfterPort];
    if !without_default_port.eq_ignore_ascii_case(read) || !url.host_str().is_some_and(is_host) {
        return Err("must name a host".into());
    }
    Ok(text)
}

const NOT_ABSOLUTE: &str = "must be an absolute http or https URL";

impl RedirectUrl {
    /// Returns the host and its port, as a person recognises them: `shop.example`.
    pub fn host(&self) -> &str {
        self.authority().1
    }

    /// Returns the URL's source in a Content Security Policy (CSP Level 3 §2.3.1): its origin. That grammar has no
    /// IPv6 addresses, so for one it is only the scheme.
    pub fn csp_source(&self) -> String {
        let (scheme, authority) = self.authority();
        let source =
            if authority.starts_with('[') { format!("{scheme}:") } else { format!("{scheme}://{authority}") };
        source.to_ascii_lowercase()
    }

    fn authority(&self) -> (&str, &str) {
        scheme_and_authority(self.as_str()).expect("the URL is absolute")
    }
}

/// Returns the scheme and the authority as they are written.
fn scheme_and_authority(text: &str) -> Option<(&str, &str)> {
    let (scheme, rest) = text.split_once("://")?;
    Some((scheme, rest.split(['/', '?', '#']).next().unwrap_or_default()))
}

/// Says whether all characters are those of RFC 3986 §2.1 to §2.3. A parser encodes others, so the URL would be shown differently from
/// what was sent.
fn is_written_in_uri_characters(text: &[u8]) -> bool {
    let is_encoded =
        |at: usize| text[at + 1..].iter().take(2).filter(|byte| byte.is_ascii_hexdigit()).count() == 2;
    text.iter().enumerate().all(|(at, byte)| match byte {
        b'%' => is_encoded(at),
        byte => byte.is_ascii_alphanumeric() || b"-._~:/?#[]@!$&'()*+,;=".contains(byte),
    })
}

/// Says whether a text is a DNS name, an IPv4 address, or an IPv6 address in brackets. Nothing in one can end a directive of a policy.
fn is_host(host: &str) -> bool {
    let is_label = |label: &str| {
        (1..=MAX_LABEL).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    host.starts_with('[') || (host.len() <= MAX_HOST && host.split('.').all(is_label))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn url(text: &str) -> RedirectUrl {
        text.parse().unwrap()
    }

    #[test]
    fn absolute_http_urls_are_kept_as_they_are() {
        let longest = format!("https://shop.example/{}", "a".repeat(MAX_LEN - 21));
        for good in [
            "https://shop.example",
            "https://shop.example/",
            "HTTP://Shop.Example:8080/ok?order=1&items[]=2#/done",
            "https://shop.example?order=a%20b",
            "http://localhost:3000/ok",
            "http://127.0.0.1/ok",
            "http://shop.example:80",
            "HTTPS://shop.example:443/ok",
            "http://[::1]:3000/ok",
            "https://xn--bcher-kva.example/b%C3%BCcher",
            "https://shop.example/a@b:c",
            &longest,
        ] {
            assert_eq!(url(good).as_str(), good);
        }
    }

    #[test]
    fn everything_else_is_refused() {
        let long = format!("https://shop.example/{}", "a".repeat(MAX_LEN - 20));
        for bad in [
            "",
            "/ok",
            "//shop.example/ok",
            "shop.example/ok",
            "shop.example:443",
            "https:",
            "https:/shop.example",
            "https:shop.example",
            "https://",
            "https:///ok",
            "https://?a",
            "https://:443/ok",
            "ftp://shop.example/ok",
            "javascript:alert(1)",
            "javascript://shop.example/%0Aalert(1)",
            "data:text/html,x",
            "file:///etc/passwd",
            "https://user@shop.example/",
            "https://user:pass@shop.example/",
            "https://@shop.example/",
            "https://shop.example@evil.example/",
            "https://shop.example\\@evil.example/",
            "https:\\\\shop.example/",
            "https://shop .example/",
            "https://shop.example/a b",
            " https://shop.example/",
            "https://shop.example/\n",
            "https://shop.example/\r\nSet-Cookie: a=b",
            "https://shop.example/\0",
            "https://shop.example/\"x",
            "https://shop.example/<x>",
            "https://shop.example/{id}",
            "https://shop.example/%",
            "https://shop.example/%2",
            "https://shop.example/%2g",
            "https://bücher.example/",
            "https://shop.example/bücher",
            "https://shop..example/",
            "https://shop.example./",
            &long,
        ] {
            assert!(bad.parse::<RedirectUrl>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn an_odd_host_or_port_is_refused() {
        for bad in [
            "https://shop;script-src.example/",
            "https://shop,x.example/",
            "https://*.example/",
            "https://sh%6Fp.example/",
            "https://shop.example:/",
            "https://shop.example:0/",
            "https://shop.example:65536/",
            "https://shop.example:+80/",
            "https://shop.example:8x/",
            "https://[::1/",
            "https://[::g]/",
            "https://[::1]x/",
            "https://[fe80::1%25eth0]/",
            "http://127.1/",
            "http://0x7f000001/",
            "https://[0:0::1]/",
            "http://shop.example:443:80/",
        ] {
            assert!(bad.parse::<RedirectUrl>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn an_origin_is_what_the_policy_names() {
        for (text, host, source) in [
            ("https://shop.example/ok?a=https://x", "shop.example", "https://shop.example"),
            ("HTTPS://Shop.Example:8443?x", "Shop.Example:8443", "https://shop.example:8443"),
            ("http://localhost:3000#x", "localhost:3000", "http://localhost:3000"),
            ("http://[::1]:3000/", "[::1]:3000", "http:"),
        ] {
            assert_eq!((url(text).host(), url(text).csp_source().as_str()), (host, source));
        }
    }

    proptest! {
        #[test]
        fn an_origin_never_breaks_out_of_its_directive(text in r"https?://[ -~]{1,40}") {
            if let Ok(url) = text.parse::<RedirectUrl>() {
                let source = url.csp_source();
                prop_assert!(source.bytes().all(|b| b.is_ascii_alphanumeric() || b":/.-_".contains(&b)), "{}", source);
            }
        }

        #[test]
        fn no_text_makes_it_panic(text in any::<String>()) {
            let _ = parse(&text);
        }
    }
}
