//! What pages load beside themselves: embedded, and each under an address that changes with what is in it.

use std::fmt;
use std::sync::OnceLock;

use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Uri};
use tollgate_http::{Coding, SharedText};

use crate::error::Error;

/// A file that is served below `/assets/`. Shown, it is its path, such as `/assets/tollgate.0123456789abcdef.css`.
pub(crate) struct Asset {
    stem: &'static str,
    kind: Kind,
    content: &'static str,
    hash: u64,
    /// Compressed when it is first asked for.
    shared: OnceLock<SharedText>,
}

#[derive(Clone, Copy)]
enum Kind {
    Css,
    Script,
    Svg,
}

/// What all pages look like.
pub(crate) static STYLE: Asset = Asset::new("tollgate", Kind::Css, include_str!("../../assets/tollgate.css"));

/// The icon of all pages.
pub(crate) static ICON: Asset = Asset::new("icon", Kind::Svg, include_str!("../../assets/icon.svg"));

/// What the playground looks like, beyond that.
pub(crate) static PLAYGROUND_STYLE: Asset =
    Asset::new("playground", Kind::Css, include_str!("../../assets/playground.css"));

/// What makes the playground lively. It works without.
pub(crate) static PLAYGROUND_SCRIPT: Asset =
    Asset::new("playground", Kind::Script, include_str!("../../assets/playground.js"));

/// What the reference looks like, beyond that.
pub(crate) static REFERENCE_STYLE: Asset =
    Asset::new("reference", Kind::Css, include_str!("../../assets/reference.css"));

/// What makes the reference handier. It works without.
pub(crate) static REFERENCE_SCRIPT: Asset =
    Asset::new("reference", Kind::Script, include_str!("../../assets/reference.js"));

/// All of them.
static ALL: [&Asset; 6] =
    [&STYLE, &ICON, &PLAYGROUND_STYLE, &PLAYGROUND_SCRIPT, &REFERENCE_STYLE, &REFERENCE_SCRIPT];

/// A change of a file changes its address, so what is there may be kept for ever (RFC 8246).
const FOR_EVER: &str = "public, max-age=31536000, immutable";

/// `GET /assets/{name}`.
pub(crate) async fn get(uri: Uri, asked: HeaderMap) -> Result<Response, Error> {
    let asset = ALL.into_iter().find(|asset| asset.to_string() == uri.path()).ok_or(Error::NotFound)?;
    Ok(asset.answer(FOR_EVER, &asked))
}

/// `GET /favicon.ico`: what asks for it by this name takes the icon as it is.
pub(crate) async fn icon(asked: HeaderMap) -> Response {
    ICON.answer("public, max-age=86400", &asked)
}

impl Asset {
    const fn new(stem: &'static str, kind: Kind, content: &'static str) -> Self {
        Self { stem, kind, content, hash: fnv1a(content.as_bytes()), shared: OnceLock::new() }
    }

    /// Answers a request for it.
    fn answer(&self, kept: &'static str, asked: &HeaderMap) -> Response {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(self.kind.media_type()));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static(kept));
        let shared = self.shared.get_or_init(|| SharedText::new(Bytes::from_static(self.content.as_bytes())));
        let body = shared.body(Coding::taken(asked), &mut headers);
        (headers, body).into_response()
    }
}

impl fmt::Display for Asset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "/assets/{}.{:016x}.{}", self.stem, self.hash, self.kind.extension())
    }
}

impl Kind {
    fn extension(self) -> &'static str {
        match self {
            Self::Css => "css",
            Self::Script => "js",
            Self::Svg => "svg",
        }
    }

    fn media_type(self) -> &'static str {
        match self {
            Self::Css => "text/css; charset=utf-8",
            Self::Script => "text/javascript; charset=utf-8",
            Self::Svg => "image/svg+xml",
        }
    }
}

/// FNV-1a in 64 bits: it tells versions of a file apart, which is all that is asked of it.
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
        let hash = fnv1a(STYLE.content.as_bytes());
        assert_eq!(STYLE.to_string(), format!("/assets/tollgate.{hash:016x}.css"));
        assert_eq!(fnv1a(b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(fnv1a(b"foobar"), 0x8594_4171_f739_67e8);
    }

    #[test]
    fn an_asset_asks_for_nothing_from_elsewhere() {
        for asset in ALL {
            let content = asset.content.replace("http://www.w3.org/2000/svg", "");
            for word in ["url(", "@import", "http:", "https:", "import(", "eval("] {
                assert!(!content.contains(word), "{word} in {asset}");
            }
        }
    }
}
