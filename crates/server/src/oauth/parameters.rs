//! The parameters of a token request, from JSON or a form (RFC 6749 §3.2).
//!
//! The published JSON form is read without an intermediate tree. A body that this reader can't read is read again as
//! a whole document, so that every problem is found at once.

use std::borrow::Cow;
use std::collections::HashSet;

use memchr::memchr2;
use tollgate_http::json::{self, Json};
use tollgate_http::{Media, Problem, Problems};

use crate::sensitive::Sensitive;

/// The most duplicate parameters that an answer names.
const MAX_DUPLICATES: usize = 20;

/// The values of the known parameters, as they were sent; unknown ones are ignored (RFC 6749 §3.2).
#[derive(Default)]
pub(crate) struct Parameters<'a> {
    pub(crate) grant_type: Option<Cow<'a, str>>,
    pub(crate) client_id: Option<Cow<'a, str>>,
    pub(crate) client_secret: Option<Cow<'a, str>>,
    pub(crate) scope: Option<Cow<'a, str>>,
    pub(crate) refresh_token: Option<Cow<'a, str>>,
}

impl Drop for Parameters<'_> {
    /// Wipes decoded values that were not taken.
    fn drop(&mut self) {
        for text in [self.client_secret.take(), self.refresh_token.take()].into_iter().flatten() {
            drop(Sensitive::from(text));
        }
    }
}

impl<'a> Parameters<'a> {
    /// Reads a body. Problems with single parameters go to `problems`; a body that can't be read at all is an
    /// error.
    pub(super) fn read(media: Media, body: &'a [u8], problems: &mut Problems) -> Result<Self, Problem> {
        match media {
            Media::Json => match at_once(body) {
                Some(parameters) => Ok(parameters),
                None => Self::read_document(body, problems),
            },
            Media::Form => Self::read_form(body, problems),
        }
    }

    pub(crate) fn read_document(body: &[u8], problems: &mut Problems) -> Result<Self, Problem> {
        let Json::Object(members) = json::read(body, problems)? else {
            return Err(Problem::body("must be a JSON object"));
        };
        let mut parameters = Self::default();
        for (name, value) in members {
            let Some(slot) = parameters.slot(&name) else { continue };
            match value {
                Json::String(text) => *slot = Some(text.into()),
                other => problems.push(Problem::new(name, format!("must be a string, not {}", other.kind()))),
            }
        }
        Ok(parameters)
    }

    fn read_form(body: &'a [u8], problems: &mut Problems) -> Result<Self, Problem> {
        let mut parameters = Self::default();
        read_form(body, problems, |name, value| {
            if let Some(slot) = parameters.slot(name) {
                *slot = Some(value);
            }
            Times::Once
        })?;
        Ok(parameters)
    }

    /// Returns the place for the value of a parameter, if it is known.
    pub(crate) fn slot(&mut self, name: &str) -> Option<&mut Option<Cow<'a, str>>> {
        match name {
            "grant_type" => Some(&mut self.grant_type),
            "client_id" => Some(&mut self.client_id),
            "client_secret" => Some(&mut self.client_secret),
            "scope" => Some(&mut self.scope),
            "refresh_token" => Some(&mut self.refresh_token),
            _ => None,
        }
    }
}

/// Reads the body that nearly every client sends: an object of strings without escapes, each once, and with few unknown ones among
/// them. Scanning all of it at once costs less than string by string.
pub(crate) fn at_once(body: &[u8]) -> Option<Parameters<'_>> {
    let mut rest = Rest::new(std::str::from_utf8(body).ok()?);
    let mut parameters = Parameters::default();
    let mut unknown = [None; UNKNOWN];
    let mut met = 0;
    rest.take(b'{')?;
    loop {
        let name = rest.string()?;
        rest.take(b':')?;
        let value = rest.string()?;
        let is_twice = match parameters.slot(name) {
            Some(slot) => slot.replace(value.into()).is_some(),
            None if met == UNKNOWN => return None,
            None => {
                let is_twice = unknown[..met].contains(&Some(name));
                unknown[met] = Some(name);
                met += 1;
                is_twice
            }
        };
        if is_twice {
            return None;
        }
        if rest.take(b',').is_none() {
            break;
        }
    }
    rest.take(b'}')?;
    rest.text.bytes().all(is_space).then_some(parameters)
}

/// The most unknown members of a body that is read at once.
const UNKNOWN: usize = 8;

/// The rest of a body. Its methods take their item from the front, with the white space before it (RFC 8259 §2).
struct Rest<'a> {
    text: &'a str,
    /// Whether it contains control characters, which no string may contain.
    has_controls: bool,
}

impl<'a> Rest<'a> {
    fn new(text: &'a str) -> Self {
        // Without an early exit, the compiler vectorizes this.
        let has_controls = text.bytes().fold(b' ', u8::min) < b' ';
        Self { text, has_controls }
    }

    fn take(&mut self, mark: u8) -> Option<()> {
        let at = self.text.bytes().position(|byte| !is_space(byte))?;
        (self.text.as_bytes()[at] == mark).then(|| self.text = &self.text[at + 1..])
    }

    /// Takes a string that has no escapes.
    fn string(&mut self) -> Option<&'a str> {
        self.take(b'"')?;
        let (string, rest) = self.text.split_at(memchr2(b'"', b'\\', self.text.as_bytes())?);
        self.text = rest.strip_prefix('"')?;
        let is_good = !self.has_controls || string.bytes().all(|byte| byte >= b' ');
        is_good.then_some(string)
    }
}

const fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

/// How often a parameter may appear.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Times {
    Once,
    Any,
}

/// Passes each parameter of a form in UTF-8 to `take`, which says how often it may appear. One more is a problem.
pub(crate) fn read_form<'a>(
    body: &'a [u8],
    problems: &mut Problems,
    mut take: impl FnMut(&str, Cow<'a, str>) -> Times,
) -> Result<(), Problem> {
    std::str::from_utf8(body).map_err(|_| Problem::body("is not valid UTF-8"))?;
    let (mut names, mut twice) = (HashSet::new(), HashSet::new());
    for (name, value) in form_urlencoded::parse(body) {
        if take(&name, value) == Times::Any
            || names.insert(name.clone())
            || twice.len() == MAX_DUPLICATES
            || twice.contains(&name)
        {
            continue;
        }
        problems.push(Problem::new(name.clone(), "duplicate parameter"));
        twice.insert(name);
    }
    Ok(())
}

/// Treats a parameter without a value as omitted (RFC 6749 §3.2).
pub(crate) fn present(value: Option<Cow<'_, str>>) -> Option<Cow<'_, str>> {
    value.filter(|value| !value.is_empty())
}

/// Takes a parameter that is required.
pub(crate) fn required<'a>(
    value: Option<Cow<'a, str>>,
    name: &'static str,
    problems: &mut Problems,
) -> Option<Cow<'a, str>> {
    let value = present(value);
    if value.is_none() && !problems.iter().any(|problem| problem.field == name) {
        problems.push(Problem::new(name, "is required"));
    }
    value
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Returns what the reader of whole documents reads from a body; `None` if anything is wrong with it.
    fn as_document(body: &[u8]) -> Option<[Option<String>; 5]> {
        let mut problems = Problems::new();
        let parameters = Parameters::read_document(body, &mut problems).ok()?;
        problems.is_empty().then(|| values(&parameters))
    }

    fn at_once(body: &[u8]) -> Option<[Option<String>; 5]> {
        super::at_once(body).map(|parameters| values(&parameters))
    }

    fn values(parameters: &Parameters<'_>) -> [Option<String>; 5] {
        let Parameters { grant_type, client_id, client_secret, scope, refresh_token } = &parameters;
        [grant_type, client_id, client_secret, scope, refresh_token]
            .map(|value| value.as_ref().map(|value| value.clone().into_owned()))
    }

    #[test]
    fn the_published_bodies_are_read_at_once() {
        for body in [
            r#"{"client_id":"a","client_secret":"b"}"#,
            r#"{"grant_type":"client_credentials","client_id":"a","client_secret":"b","scope":"c"}"#,
            r#"{"base_url":"u","merchant_id":"m","client_id":"a","client_secret":"b"}"#,
            "{ \"refresh_token\" : \"é\"\t,\r\n\"\":\"\u{7f}\" }\n",
        ] {
            assert!(at_once(body.as_bytes()).is_some(), "{body}");
            assert_eq!(at_once(body.as_bytes()), as_document(body.as_bytes()), "{body}");
        }
    }

    #[test]
    fn what_has_escapes_or_is_no_object_of_strings_is_not_read_at_once() {
        for body in [
            "",
            "{}",
            "{",
            "{\"scope\":\"\\u0061\"}",
            "{\"sc\\u006fpe\":\"a\"}",
            "{\"scope\":\"a",
            "{\"scope\":\"a\"",
            "{\"scope\":\"a\",}",
            "{\"scope\":\"a\"}}",
            "{\"scope\":\"a\"} \u{a0}",
            "{\"scope\":\"a\"}\u{c}",
            "{\"scope\":\"\n\"}",
            "{\"scope\"=\"a\"}",
            "{scope:\"a\"}",
            "{\"scope\":\"a\" \"client_id\":\"b\"}",
            "{\"scope\":\"a\",\"scope\":\"a\"}",
            "{\"x\":\"a\",\"x\":\"a\"}",
            "[\"scope\",\"a\"]",
            "\u{feff}{\"scope\":\"a\"}",
        ] {
            assert_eq!(at_once(body.as_bytes()), None, "{body}");
        }
        assert_eq!(at_once(b"{\"scope\":\"\xff\"}"), None);
    }

    proptest! {
        #[test]
        fn a_form_is_read_as_it_was_written_and_what_is_there_twice_and_may_not_be_is_named(
            pairs in prop::collection::vec((prop_oneof![any::<String>(), "[abc]"], any::<String>()), 0..8),
        ) {
            let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(&pairs).finish();
            let (mut problems, mut read) = (Problems::new(), Vec::new());
            read_form(body.as_bytes(), &mut problems, |name, value| {
                read.push((name.to_owned(), value.into_owned()));
                if name == "c" { Times::Any } else { Times::Once }
            }).unwrap();
            prop_assert_eq!(&read, &pairs);
            let named: HashSet<_> = problems.iter().map(|problem| problem.field.as_str()).collect();
            let names = || pairs.iter().map(|(name, _)| name.as_str());
            let is_twice = |name: &&str| *name != "c" && names().filter(|other| other == name).count() > 1;
            let twice: HashSet<_> = names().filter(is_twice).collect();
            prop_assert_eq!(named.len(), problems.iter().count());
            prop_assert_eq!(named, twice);
        }

        #[test]
        fn what_is_read_at_once_is_read_as_a_document_to_the_same(
            members in prop::collection::vec(
                (
                    prop_oneof![Just("client_id"), Just("client_secret"), Just("scope"), Just("x"), Just("y"), Just("")],
                    prop_oneof![Just("\"a\""), Just("\"\\u0000\""), Just("\"\""), Just("1"), Just("null"), Just("{}")],
                ),
                0..12,
            ),
        ) {
            let members: Vec<_> = members.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
            let body = format!("{{{}}}", members.join(","));
            if let Some(read) = at_once(body.as_bytes()) {
                prop_assert_eq!(Some(read), as_document(body.as_bytes()));
            }
        }

        #[test]
        fn nothing_is_read_at_once_that_is_no_document(
            pieces in prop::collection::vec(
                prop_oneof![
                    9 => prop_oneof![Just("{"), Just("}"), Just("\"scope\""), Just("\"x\""), Just(":"), Just(",")],
                    1 => prop_oneof![Just(" "), Just("\u{c}"), Just("\u{a0}"), Just("\"\n\""), Just("\"\\\""), Just("[]")],
                ],
                0..8,
            ),
            value in any::<String>(),
        ) {
            for body in [format!("{{{}}}", pieces.concat()), format!("{{\"scope\":\"{value}\"{}}}", pieces.concat())] {
                if let Some(read) = at_once(body.as_bytes()) {
                    prop_assert_eq!(Some(read), as_document(body.as_bytes()), "{}", body);
                }
            }
        }
    }
}
