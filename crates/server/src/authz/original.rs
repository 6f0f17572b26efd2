//! The request that a proxy asks about: its method and its path, as the proxy will forward them.

use std::borrow::Cow;

use http::{HeaderMap, HeaderName, Method, Uri};
use tollgate_http::Problem;

use super::asks::Asks;
use crate::error::Error;

/// The prefix of the path of a request that Envoy asks about.
const ENVOY: &str = "/authz/envoy";
const METHODS: [HeaderName; 2] =
    [HeaderName::from_static("x-forwarded-method"), HeaderName::from_static("x-original-method")];
const URIS: [HeaderName; 2] =
    [HeaderName::from_static("x-forwarded-uri"), HeaderName::from_static("x-original-uri")];

/// A trusted proxy's description of the request.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Original<'a> {
    /// The method; `None` if the proxy doesn't say, and asks by a method of its own.
    pub(super) method: Option<Cow<'a, str>>,
    /// The path with its percent-encoding, without the query.
    pub(super) path: &'a str,
}

impl<'a> Original<'a> {
    /// Reads the description. Returns `None` if the proxy gives none, or is not `trusted`: then the headers may be the caller's.
    pub(super) fn of(
        asks: Asks,
        method: &'a Method,
        uri: &'a Uri,
        headers: &'a HeaderMap,
        trusted: bool,
    ) -> Result<Option<Self>, Error> {
        if !trusted {
            return Ok(None);
        }
        if asks == Asks::AsEnvoy {
            let path = uri.path().strip_prefix(ENVOY).unwrap_or_default();
            return Ok(Some(Self { method: Some(method.as_str().into()), path: plain(path)? }));
        }
        let Some(target) = the_one(headers, &URIS)? else { return Ok(None) };
        let path = target.split_once('?').map_or(target, |(path, _)| path);
        // A proxy that doesn't name the method passes it on. But nginx always asks by GET.
        let same = (asks != Asks::AsNginx).then_some(method.as_str());
        let method = the_one(headers, &METHODS)?.or(same);
        Ok(Some(Self { method: method.map(Into::into), path: plain(path)? }))
    }
}

/// Returns the value that the headers agree on. Values that differ, that have several lines or that are not ASCII are an error.
fn the_one<'a>(headers: &'a HeaderMap, names: &[HeaderName]) -> Result<Option<&'a str>, Error> {
    let mut found: Option<&str> = None;
    for name in names {
        for line in headers.get_all(name) {
            let value = line.to_str().map_err(|_| ambiguous(name.as_str(), "is not ASCII"))?;
            if found.replace(value).is_some_and(|other| other != value) {
                return Err(ambiguous(name.as_str(), "is there twice, with different values"));
            }
        }
    }
    Ok(found)
}

/// Refuses a path that two programs may read differently: the decision must be about the path that is forwarded.
fn plain(path: &str) -> Result<&str, Error> {
    if !path.starts_with('/') {
        return Err(ambiguous("path", "must begin with a slash"));
    }
    if path.contains("//") || path.split('/').any(|segment| matches!(segment, "." | "..")) {
        return Err(ambiguous("path", "has an empty or a dot segment"));
    }
    let is_path = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,=:@/%".contains(&byte);
    if let Some(odd) = path.bytes().find(|byte| !is_path(*byte)) {
        return Err(ambiguous("path", &format!("has the byte {odd:#04x}, which programs read differently")));
    }
    check_escapes(path)?;
    Ok(path)
}

/// Refuses an escape that is malformed, or that encodes a byte with a meaning in a path or without need (RFC 3986 §2.3): a program
/// that decodes it reads another path.
fn check_escapes(path: &str) -> Result<(), Error> {
    let mut rest = path;
    while let Some((_, escape)) = rest.split_once('%') {
        let digits = escape.get(..2).filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()));
        let byte = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        let is_harmless = byte.is_some_and(|byte| {
            !byte.is_ascii_control() && !byte.is_ascii_alphanumeric() && !b"-._~/\\;%?#".contains(&byte)
        });
        if !is_harmless {
            return Err(ambiguous("path", "has an escape that another program may read as another path"));
        }
        rest = &escape[2..];
    }
    Ok(())
}

fn ambiguous(what: &str, problem: &str) -> Error {
    Problem::new(what.to_owned(), format!("{problem}: the request that is asked about is ambiguous")).into()
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    fn original(lines: &[(&'static str, &str)], trusted: bool) -> Result<Option<(String, String)>, ()> {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, HeaderValue::from_str(value).unwrap());
        }
        let (method, uri) = (Method::GET, Uri::from_static("/authz?scope=x"));
        let found = Original::of(Asks::Plainly, &method, &uri, &headers, trusted).map_err(|_| ())?;
        Ok(found.map(|Original { method, path }| (method.unwrap().into_owned(), path.to_owned())))
    }

    #[test]
    fn method_and_path_are_what_the_proxy_says_without_the_query() {
        for (lines, expected) in [
            (vec![("x-forwarded-uri", "/a/b?c=/d//e")], ("GET", "/a/b")),
            (vec![("x-forwarded-uri", "/a"), ("x-forwarded-method", "POST")], ("POST", "/a")),
            (vec![("x-original-uri", "/a"), ("x-original-method", "PUT")], ("PUT", "/a")),
            (vec![("x-original-uri", "/a"), ("x-forwarded-uri", "/a")], ("GET", "/a")),
            (vec![("x-original-uri", "/payments/%20%C3%A9:x@y")], ("GET", "/payments/%20%C3%A9:x@y")),
        ] {
            let expected = Some((expected.0.to_owned(), expected.1.to_owned()));
            assert_eq!(original(&lines, true), Ok(expected), "{lines:?}");
            assert_eq!(original(&lines, false), Ok(None), "{lines:?}");
        }
        assert_eq!(original(&[], true), Ok(None));
        assert_eq!(original(&[("x-forwarded-method", "POST")], true), Ok(None));
    }

    #[test]
    fn a_path_that_can_be_read_in_two_ways_is_refused() {
        for bad in [
            "",
            "a",
            "http://host/a",
            "//host/a",
            "/a//b",
            "/./a",
            "/a/..",
            "/a/../b",
            "/a/%2e%2e/b",
            "/a/%2E/b",
            "/a%2fb",
            "/a%5cb",
            "/a\\b",
            "/a%00",
            "/a;x",
            "/a%3bx",
            "/a#b",
            "/a%23b",
            "/a%3fb",
            "/%61",
            "/%7Ea",
            "/a%",
            "/a%2",
            "/a%zz",
            "/a%252f",
            "/a b",
            "/a\"b",
            "/a%0d%0a",
            "/{a}",
            "/a|b",
            "/[a]",
            "*",
        ] {
            assert_eq!(original(&[("x-forwarded-uri", bad)], true), Err(()), "{bad:?}");
        }
    }

    #[test]
    fn two_that_differ_are_ambiguous() {
        for lines in [
            [("x-forwarded-uri", "/a"), ("x-original-uri", "/b")],
            [("x-forwarded-uri", "/a"), ("x-forwarded-uri", "/b")],
        ] {
            assert_eq!(original(&lines, true), Err(()), "{lines:?}");
        }
        let methods =
            [("x-forwarded-uri", "/a"), ("x-forwarded-method", "GET"), ("x-original-method", "POST")];
        assert_eq!(original(&methods, true), Err(()));
    }

    proptest! {
        #[test]
        fn a_path_that_is_taken_stays_the_same_when_it_is_decoded_and_its_dots_are_removed(path in "[/a.%25efFC;\\\\]{0,12}") {
            if plain(&path).is_ok() {
                let decoded = percent_encoding::percent_decode_str(&path).collect::<Vec<u8>>();
                prop_assert_eq!(decoded.split(|byte| *byte == b'/').count(), path.split('/').count());
                prop_assert!(!decoded.split(|byte| *byte == b'/').skip(1).any(|segment| segment == b"." || segment == b".."));
                prop_assert!(!decoded.contains(&b'\\') && !decoded.contains(&b';'));
            }
        }
    }
}
