//! Files that pages load: embedded in the program, each under an address that changes with its content.

use std::fmt;
use std::sync::OnceLock;

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Response};

use crate::{Coding, SharedText};

/// A file that a page loads. Its text form is its path, such as `/assets/tollgate.0123456789abcdef.css`.
pub struct Asset {
    folder: &'static str,
    stem: &'static str,
    kind: Kind,
    content: &'static str,
    hash: u64,
    /// The file with its compressed form, which is made when it is first requested.
    shared: OnceLock<SharedText>,
}

/// The kind of asset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A style sheet.
    Css,
    /// A script.
    Script,
    /// A picture.
    Svg,
}

/// The caching of an address that changes with the file: it may be kept for ever (RFC 8246).
const FOR_EVER: &str = "public, max-age=31536000, immutable";

impl Asset {
    /// Makes an asset below `folder`, which ends with a slash.
    pub const fn new(folder: &'static str, stem: &'static str, kind: Kind, content: &'static str) -> Self {
        Self { folder, stem, kind, content, hash: fnv1a(content.as_bytes()), shared: OnceLock::new() }
    }

    /// Returns the content of the file.
    pub const fn content(&self) -> &'static str {
        self.content
    }

    /// Answers a request for the file, with the coding that these headers accept.
    pub fn response<B: From<Bytes>>(&self, asked: &HeaderMap) -> Response<B> {
        self.response_kept(FOR_EVER, asked)
    }

    /// Answers a request for the file at an address that doesn't change with it, with the given `Cache-Control`.
    pub fn response_kept<B: From<Bytes>>(&self, kept: &'static str, asked: &HeaderMap) -> Response<B> {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(self.media_type()));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static(kept));
        let shared = self.shared.get_or_init(|| SharedText::new(Bytes::from_static(self.content.as_bytes())));
        let mut response = Response::new(B::from(shared.body(Coding::taken(asked), &mut headers)));
        *response.headers_mut() = headers;
        response
    }

    const fn media_type(&self) -> &'static str {
        match self.kind {
            Kind::Css => "text/css; charset=utf-8",
            Kind::Script => "text/javascript; charset=utf-8",
            Kind::Svg => "image/svg+xml",
        }
    }
}

impl fmt::Display for Asset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let extension = match self.kind {
            Kind::Css => "css",
            Kind::Script => "js",
            Kind::Svg => "svg",
        };
        write!(f, "{}{}.{:016x}.{extension}", self.folder, self.stem, self.hash)
    }
}

/// Returns the FNV-1a hash in 64 bits: it only has to tell versions of a file apart.
const fn fnv1a(bytes: &[u8]) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    let mut at = 0;
    while at < bytes.len() {
        hash = (hash ^ bytes[at] as u64).wrapping_mul(0x0100_0000_01b3);
        at += 1;
    }
    hash
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_carries_the_hash_of_the_content() {
        let asset = Asset::new("/assets/", "tollgate", Kind::Css, "body {}");
        assert_eq!(asset.to_string(), format!("/assets/tollgate.{:016x}.css", fnv1a(b"body {}")));
        assert_eq!(fnv1a(b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(fnv1a(b"foobar"), 0x8594_4171_f739_67e8);
    }
}
