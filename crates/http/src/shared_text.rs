//! Public texts that are compressed once, for clients that accept that.
//!
//! Only for texts that contain nothing secret and nothing of the request: the length of a compressed answer reveals both (BREACH).

use std::io::Write as _;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, VARY};
use http::{HeaderMap, HeaderValue};

/// A text in both codings.
#[derive(Debug, Clone)]
pub struct SharedText {
    plain: Bytes,
    gzip: Bytes,
}

/// A coding of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Coding {
    /// The text itself.
    Identity,
    /// The compressed text (RFC 1952).
    Gzip,
}

impl SharedText {
    /// Compresses a text, which takes milliseconds.
    pub fn new(plain: Bytes) -> Self {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(&plain).expect("a vector takes what is written");
        let gzip = encoder.finish().expect("a vector takes what is written").into();
        Self { plain, gzip }
    }

    /// Returns the body of an answer in a coding, and adds the headers that state the coding, and that it depends on the request.
    pub fn body(&self, coding: Coding, answer: &mut HeaderMap) -> Bytes {
        answer.insert(VARY, HeaderValue::from_static("Accept-Encoding"));
        match coding {
            Coding::Identity => self.plain.clone(),
            Coding::Gzip => {
                answer.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
                self.gzip.clone()
            }
        }
    }
}

impl Coding {
    /// Returns the coding that a request accepts (RFC 9110 §12.5.3): compressed only if the request says so, with a weight that can
    /// be read and is not 0.
    pub fn taken(asked: &HeaderMap) -> Self {
        let mut others = Self::Identity;
        let lines = asked.get_all(ACCEPT_ENCODING).iter().filter_map(|line| line.to_str().ok());
        for part in lines.flat_map(|line| line.split(',')) {
            let (name, weight) = part.split_once(';').map_or((part, "q=1"), |(name, weight)| (name, weight));
            let taken = if is_positive(weight) { Self::Gzip } else { Self::Identity };
            match name.trim() {
                "*" => others = taken,
                name if name.eq_ignore_ascii_case("gzip") || name.eq_ignore_ascii_case("x-gzip") => {
                    return taken;
                }
                _ => {}
            }
        }
        others
    }
}

fn is_positive(weight: &str) -> bool {
    let number = weight.trim().strip_prefix("q=").or_else(|| weight.trim().strip_prefix("Q="));
    number.and_then(|number| number.parse().ok()).is_some_and(|weight: f32| weight > 0.0 && weight <= 1.0)
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use flate2::read::GzDecoder;

    use super::*;

    fn taken(lines: &[&'static str]) -> Coding {
        Coding::taken(&lines.iter().map(|line| (ACCEPT_ENCODING, HeaderValue::from_static(line))).collect())
    }

    #[test]
    fn a_compressed_form_is_sent_to_who_says_that_it_is_taken() {
        for takes in ["gzip", "br, gzip", "GZIP;q=0.1", "x-gzip", "*", "br;q=1.0, gzip; q=0.8, *;q=0"] {
            assert_eq!(taken(&[takes]), Coding::Gzip, "{takes}");
        }
        for does_not in [
            "",
            "br",
            "identity",
            "gzip;q=0",
            "gzip; q=0.000, *",
            "*;q=0",
            "gzip;q=x",
            "gzip;q=nan",
            "gzip;q=-1",
        ] {
            assert_eq!(taken(&[does_not]), Coding::Identity, "{does_not}");
        }
        assert_eq!(taken(&["br", "gzip"]), Coding::Gzip);
        assert_eq!(taken(&[]), Coding::Identity);
    }

    #[test]
    fn both_forms_are_the_text_and_say_that_they_depend_on_the_request() {
        let text = "a text that repeats itself, ".repeat(100);
        let shared = SharedText::new(text.clone().into());
        let mut headers = HeaderMap::new();
        assert_eq!(shared.body(Coding::Identity, &mut headers), text);
        assert_eq!((headers.len(), &headers[VARY]), (1, &HeaderValue::from_static("Accept-Encoding")));
        let body = shared.body(Coding::Gzip, &mut headers);
        assert_eq!((headers.len(), &headers[CONTENT_ENCODING]), (2, &HeaderValue::from_static("gzip")));
        let mut again = String::new();
        GzDecoder::new(&body[..]).read_to_string(&mut again).unwrap();
        assert!(again == text && body.len() < text.len() / 10);
    }
}
