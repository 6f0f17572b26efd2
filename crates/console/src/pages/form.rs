//! The fields of a form, and the check that the form is the console's own.

use std::collections::BTreeMap;
use std::str::FromStr;

use http::header::{HOST, ORIGIN};
use http::request::Parts;
use http::{HeaderMap, HeaderName};
use tollgate_http::{Media, Problem};
use tollgate_server::error::Error;

use super::refused::Refused;

/// The longest form of the console, in bytes.
pub(super) const MAX_FORM: usize = 64 * 1024;

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Refuses a form that was not sent by a page of this server. Browsers name the site that did (Fetch Metadata), or at least the origin; a
/// program that names neither is not a browser that people use.
pub(super) fn check_origin(head: &Parts) -> Result<(), Refused> {
    let is_own = match (head.headers.get(SEC_FETCH_SITE), head.headers.get(ORIGIN)) {
        (Some(site), _) => site == "same-origin",
        (None, Some(origin)) => {
            let (origin, host) = (origin.to_str().ok(), host(head));
            let authority =
                origin.and_then(|origin| origin.split_once("://")).map(|(_, authority)| authority);
            authority.zip(host).is_some_and(|(authority, host)| authority.eq_ignore_ascii_case(host))
        }
        (None, None) => false,
    };
    if is_own { Ok(()) } else { Err(Refused::Site) }
}

fn host(head: &Parts) -> Option<&str> {
    match head.uri.authority() {
        // In HTTP/2 the host is in the URI.
        Some(authority) => Some(authority.as_str()),
        None => head.headers.get(HOST)?.to_str().ok(),
    }
}

/// The fields of a form, or the parameters of a query, each of which appears once.
#[derive(Debug, Clone, Default)]
pub(super) struct Fields(BTreeMap<String, String>);

impl Fields {
    /// Reads the body of a form.
    pub(super) fn of_body(headers: &HeaderMap, body: &[u8]) -> Result<Self, Error> {
        let expected = "Send the form as the page has it.";
        Media::Form.require(headers).map_err(|why| Error::MediaType { why, expected })?;
        Self::of(body)
    }

    /// Reads the parameters of a query.
    pub(super) fn of_query(head: &Parts) -> Result<Self, Error> {
        Self::of(head.uri.query().unwrap_or_default().as_bytes())
    }

    fn of(encoded: &[u8]) -> Result<Self, Error> {
        let mut fields = BTreeMap::new();
        for (name, value) in form_urlencoded::parse(encoded) {
            if fields.insert(name.clone().into_owned(), value.into_owned()).is_some() {
                return Err(Problem::new(name, "is there twice").into());
            }
        }
        Ok(Self(fields))
    }

    /// Returns the text of a field, without white space at its ends; empty if the field is missing.
    pub(super) fn text(&self, name: &str) -> &str {
        self.0.get(name).map_or("", |text| text.trim())
    }

    /// Returns the text of a field, unless it is empty.
    pub(super) fn given(&self, name: &str) -> Option<&str> {
        Some(self.text(name)).filter(|text| !text.is_empty())
    }

    /// Parses the text of a field, unless it is empty.
    pub(super) fn parsed<T: FromStr>(&self, name: &'static str, expected: &str) -> Result<Option<T>, Error> {
        let parsed = self.given(name).map(str::parse).transpose();
        parsed.map_err(|_| Problem::new(name, expected).into())
    }

    /// Fails unless the box is ticked that confirms an act which can't be undone.
    pub(super) fn check_confirmed(&self) -> Result<(), Error> {
        let problem = || Problem::new("confirm", "must be ticked: this can't be undone").into();
        self.given("confirm").map(drop).ok_or_else(problem)
    }

    /// Returns the query with another value for one parameter.
    pub(super) fn query_with(&self, name: &str, value: &str) -> String {
        let mut fields = self.0.clone();
        fields.retain(|_, value| !value.trim().is_empty());
        fields.insert(name.to_owned(), value.to_owned());
        form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish()
    }
}

#[cfg(test)]
mod tests {
    use http::Request;

    use http::header::CONTENT_TYPE;

    use super::*;

    fn is_own(headers: &[(&str, &str)]) -> bool {
        let request = Request::post("/console/sign-out").header("host", "localhost:9090");
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        check_origin(&request.body(()).unwrap().into_parts().0).is_ok()
    }

    #[test]
    fn a_form_is_taken_from_the_consoles_own_pages_only() {
        assert!(is_own(&[("sec-fetch-site", "same-origin")]));
        assert!(is_own(&[("origin", "http://localhost:9090")]));
        assert!(is_own(&[("origin", "https://LOCALHOST:9090")]), "a proxy may speak TLS");
        for other in [
            &[][..],
            &[("sec-fetch-site", "same-site"), ("origin", "http://localhost:9090")],
            &[("sec-fetch-site", "cross-site")],
            &[("sec-fetch-site", "none")],
            &[("origin", "null")],
            &[("origin", "http://localhost:9091")],
            &[("origin", "http://localhost")],
            &[("origin", "http://localhost:9090.evil.example")],
        ] {
            assert!(!is_own(other), "{other:?}");
        }
    }

    #[test]
    fn a_field_is_there_once() {
        let form = "application/x-www-form-urlencoded".parse().unwrap();
        let headers = HeaderMap::from_iter([(CONTENT_TYPE, form)]);
        let fields = Fields::of_body(&headers, b"a=+x+&lines=1%0D%0A%0D%0A+2&empty=").unwrap();
        assert_eq!((fields.text("a"), fields.given("empty"), fields.given("b")), ("x", None, None));
        assert_eq!(fields.query_with("after", "7"), "a=+x+&after=7&lines=1%0D%0A%0D%0A+2");
        assert!(Fields::of_body(&headers, b"a=1&a=2").is_err());
        assert!(Fields::of_body(&HeaderMap::new(), b"a=1").is_err());
    }
}
