//! The common parts of pages in a browser: their headers, and the assets that they load.
//!
//! A page is rendered by a template that the compiler has checked, and is served with the [`headers`] from here. The files that it loads
//! are
//! [`Asset`]s, embedded in the program; [`STYLE`], [`PANELS`] and [`ICON`] give all pages of Tollgate the same look.

mod asset;

use http::header::{
    ACCEPT, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, HeaderValue};

pub use asset::{Asset, Kind};

/// The style of all pages.
pub const STYLE: &str = include_str!("../assets/tollgate.css");

/// The additional style of pages with panels, forms and tables.
pub const PANELS: &str = include_str!("../assets/panels.css");

/// The icon of all pages.
pub const ICON: &str = include_str!("../assets/icon.svg");

/// Says whether a request comes from a browser: it accepts HTML.
pub fn wants_html(headers: &HeaderMap) -> bool {
    headers.get_all(ACCEPT).iter().any(|line| line.to_str().is_ok_and(|line| line.contains("text/html")))
}

/// The rights of a page in the browser, beyond showing itself with the assets of this server.
#[derive(Debug, Clone, Copy, Default)]
pub struct Policy<'a> {
    /// Whether it has a script, which is an asset like any other, and which may send requests to this server.
    pub scripts: bool,
    /// The other servers to which the answer to a form may lead the browser: browsers apply `form-action` to that
    /// redirect as well.
    pub form_origins: &'a [String],
}

/// Returns the headers of a page. Its Content Security Policy allows no script and no style in the page itself, no frame, and
/// nothing from other servers.
pub fn headers(policy: Policy<'_>) -> HeaderMap {
    let scripts = if policy.scripts { "script-src 'self'; connect-src 'self'; " } else { "" };
    let form_action =
        policy.form_origins.iter().fold("'self'".to_owned(), |list, origin| list + " " + origin);
    let policy = format!(
        "default-src 'none'; style-src 'self'; img-src 'self'; {scripts}form-action {form_action}; \
         base-uri 'none'; frame-ancestors 'none'"
    );
    let policy = HeaderValue::try_from(policy).expect("an origin is made of visible ASCII characters");
    HeaderMap::from_iter([
        (CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8")),
        (CONTENT_SECURITY_POLICY, policy),
        (REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
        (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_is_allowed_only_to_a_page_that_says_so() {
        let policy = |policy| headers(policy)[CONTENT_SECURITY_POLICY].to_str().unwrap().to_owned();
        let quiet = policy(Policy::default());
        assert!(quiet.starts_with("default-src 'none';") && !quiet.contains("script-src"), "{quiet}");
        let lively = policy(Policy { scripts: true, ..Policy::default() });
        assert!(lively.contains("script-src 'self'; connect-src 'self';"), "{lively}");
        assert!(!lively.contains("unsafe"), "{lively}");
    }
}
