//! Who may visit, and from where: the host, the site, the cookie and the form of a request.

use std::net::IpAddr;

use http::header::{COOKIE, HOST, ORIGIN};
use http::{HeaderMap, HeaderName, HeaderValue, Uri};
use tollgate_http::{BodyError, Media};
use tollgate_sandbox::Error;
use zeroize::Zeroizing;

/// Where the playground is.
pub(crate) const PATH: &str = "/playground";

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Why a request is refused.
#[derive(Debug)]
pub(super) enum Refused {
    /// The browser was led here under a name that is not this server's.
    Host,
    /// Another site sent the form.
    Site,
    /// There is no such session, or the form is not of it.
    Session,
    /// The form was not made by this page.
    Unclear,
    /// Anything else.
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

/// Where the browser believes to be.
pub(super) struct Site {
    origin: String,
    secure: bool,
}

impl Site {
    /// The site that a request names. A name that is not this server's is refused: it may be another's, who lets it
    /// lead here and would read what the page shows (DNS rebinding). Addresses are nobody's name.
    pub(super) fn of(uri: &Uri, headers: &HeaderMap, public_url: &str) -> Result<Self, Refused> {
        let (scheme, authority) = public_url.split_once("://").unwrap_or(("http", public_url));
        let authority = authority.split('/').next().unwrap_or_default();
        let host = match (uri.authority(), headers.get(HOST)) {
            // Over HTTP/2 it is in the URI.
            (Some(named), _) => named.as_str(),
            (None, Some(host)) => host.to_str().map_err(|_| Refused::Host)?,
            (None, None) => return Err(Refused::Host),
        };
        if !host.eq_ignore_ascii_case(authority) && !is_nobodys_name(host) {
            return Err(Refused::Host);
        }
        Ok(Self { origin: format!("{scheme}://{host}"), secure: scheme == "https" })
    }

    /// The origin, as in the browser's `Origin`.
    pub(super) fn origin(&self) -> &str {
        &self.origin
    }

    /// Refuses what another site sent. Browsers say which did (Fetch Metadata); one that does not says the origin.
    pub(super) fn refuse_others(&self, headers: &HeaderMap) -> Result<(), Refused> {
        let own = match (headers.get(SEC_FETCH_SITE), headers.get(ORIGIN)) {
            (Some(site), _) => site == "same-origin",
            (None, Some(origin)) => origin.as_bytes().eq_ignore_ascii_case(self.origin.as_bytes()),
            // No browser, or one from before both; the token in the form must do.
            (None, None) => true,
        };
        if own { Ok(()) } else { Err(Refused::Site) }
    }

    /// The name of the session, from the cookie.
    pub(super) fn cookie<'a>(&self, headers: &'a HeaderMap) -> Option<&'a str> {
        let lines = headers.get_all(COOKIE).iter().filter_map(|line| line.to_str().ok());
        let mut pairs = lines.flat_map(|line| line.split("; ")).filter_map(|pair| pair.split_once('='));
        pairs.find(|(name, _)| *name == self.cookie_name()).map(|(_, value)| value)
    }

    /// The cookie that names the session: for this page, this host and this run of the browser only.
    pub(super) fn set_cookie(&self, session: &str) -> HeaderValue {
        let name = self.cookie_name();
        // A name with this prefix is taken by browsers only with these attributes (RFC 6265bis §4.1.3).
        let scope = if self.secure { "Path=/; Secure".to_owned() } else { format!("Path={PATH}") };
        let cookie = format!("{name}={session}; {scope}; HttpOnly; SameSite=Strict");
        HeaderValue::try_from(cookie).expect("a session's name is visible ASCII")
    }

    fn cookie_name(&self) -> &'static str {
        if self.secure { "__Host-tollgate-playground" } else { "tollgate-playground" }
    }
}

/// Whether a host is an address or this machine, which no name server leads elsewhere.
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
    /// Reads a form. Nothing in it may be there twice; what the page does not send is passed over.
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
