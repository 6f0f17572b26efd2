//! Checks of a request's host, site, cookie and form.

use std::net::IpAddr;

use http::header::{COOKIE, HOST, ORIGIN};
use http::{HeaderMap, HeaderName, HeaderValue, Uri};
use tollgate_http::{BodyError, Media};
use tollgate_sandbox::Error;
use zeroize::Zeroizing;

/// The path of the playground.
pub(crate) const PATH: &str = "/playground";

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Why a request is refused.
#[derive(Debug)]
pub(super) enum Refused {
    /// The browser was led here by a name that is not this server's.
    Host,
    /// The form was sent by another site.
    Site,
    /// The session does not exist, or the form doesn't belong to it.
    Session,
    /// The form was not made by this page.
    Unclear,
    /// An error of the action, or of the request.
    Error(Error),
}

impl From<Error> for Refused {
    fn from(error: Error) -> Self {
        Self::Error(error)
    }
}

impl From<BodyError> for Refused {
    fn from(error: BodyError) -> Self {
        Self::Error(error.into())
    }
}

/// The host and scheme that the browser uses for this server.
pub(super) struct Site {
    origin: String,
    secure: bool,
}

impl Site {
    /// Returns the site that a request names. A name that is not this server's is refused: it may be another site's, which lets it
    /// lead here and would read the page (DNS rebinding). Addresses can't be used for that.
    pub(super) fn of(uri: &Uri, headers: &HeaderMap, public_url: &str) -> Result<Self, Refused> {
        let (scheme, authority) = public_url.split_once("://").unwrap_or(("http", public_url));
        let authority = authority.split('/').next().unwrap_or_default();
        let host = match (uri.authority(), headers.get(HOST)) {
            // In HTTP/2 the host is in the URI.
            (Some(named), _) => named.as_str(),
            (None, Some(host)) => host.to_str().map_err(|_| Refused::Host)?,
            (None, None) => return Err(Refused::Host),
        };
        if !host.eq_ignore_ascii_case(authority) && !is_nobodys_name(host) {
            return Err(Refused::Host);
        }
        Ok(Self { origin: format!("{scheme}://{host}"), secure: scheme == "https" })
    }

    /// Returns the origin, as in the browser's `Origin`.
    pub(super) fn origin(&self) -> &str {
        &self.origin
    }

    /// Refuses requests from other sites. Browsers name the site (Fetch Metadata), or at least the origin.
    pub(super) fn refuse_others(&self, headers: &HeaderMap) -> Result<(), Refused> {
        let own = match (headers.get(SEC_FETCH_SITE), headers.get(ORIGIN)) {
            (Some(site), _) => site == "same-origin",
            (None, Some(origin)) => origin.as_bytes().eq_ignore_ascii_case(self.origin.as_bytes()),
            // Not a browser, or one without either header; the token in the form must suffice.
            (None, None) => true,
        };
        if own { Ok(()) } else { Err(Refused::Site) }
    }

    /// Returns the name of the session, from the cookie.
    pub(super) fn cookie<'a>(&self, headers: &'a HeaderMap) -> Option<&'a str> {
        let lines = headers.get_all(COOKIE).iter().filter_map(|line| line.to_str().ok());
        let mut pairs = lines.flat_map(|line| line.split("; ")).filter_map(|pair| pair.split_once('='));
        pairs.find(|(name, _)| *name == self.cookie_name()).map(|(_, value)| value)
    }

    /// Returns the header that sets the session's cookie: for this page, this host and this run of the browser only.
    pub(super) fn set_cookie(&self, session: &str) -> HeaderValue {
        let name = self.cookie_name();
        // Browsers accept a name with this prefix only with these attributes (RFC 6265bis §4.1.3).
        let scope = if self.secure { "Path=/; Secure".to_owned() } else { format!("Path={PATH}") };
        let cookie = format!("{name}={session}; {scope}; HttpOnly; SameSite=Strict");
        HeaderValue::try_from(cookie).expect("a session's name is visible ASCII")
    }

    fn cookie_name(&self) -> &'static str {
        if self.secure { "__Host-tollgate-playground" } else { "tollgate-playground" }
    }
}

/// Says whether a host is an address or this machine, which no name server can redirect.
fn is_nobodys_name(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|digit| digit.is_ascii_digit()) => name,
        _ => host,
    };
    let address = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
    name.eq_ignore_ascii_case("localhost") || address.parse::<IpAddr>().is_ok()
}

/// A form of the page.
pub(super) struct Form {
    pub(super) act: String,
    pub(super) token: String,
    pub(super) client_id: String,
    pub(super) client_secret: Zeroizing<String>,
}

impl Form {
    /// Reads a form. No field may be repeated; unknown fields are ignored.
    pub(super) fn read(headers: &HeaderMap, body: &[u8]) -> Result<Self, Refused> {
        Media::Form.require(headers).map_err(|_| Refused::Unclear)?;
        let one = |wanted: &str| {
            let mut values = form_urlencoded::parse(body).filter(|(name, _)| name == wanted);
            match (values.next(), values.next()) {
                (Some((_, value)), None) => Ok(value.into_owned()),
                (None, _) => Ok(String::new()),
                (Some(_), Some(_)) => Err(Refused::Unclear),
            }
        };
        Ok(Self {
            act: one("act")?,
            token: one("form_token")?,
            client_id: one("client_id")?,
            client_secret: one("client_secret").map(Zeroizing::new)?,
        })
    }
}
