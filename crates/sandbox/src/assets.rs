//! What pages load beside themselves: the payment page, and the pages that are mounted beside the sandbox.

use axum::extract::State;
use axum::response::Response;
use http::{HeaderMap, Uri};
use tollgate_http::pages::{self, Asset, Kind};

use crate::error::Error;

/// Where assets are.
pub const FOLDER: &str = "/assets/";

/// What all pages look like.
pub static STYLE: Asset = Asset::new(FOLDER, "tollgate", Kind::Css, pages::STYLE);

/// The icon of all pages.
pub static ICON: Asset = Asset::new(FOLDER, "icon", Kind::Svg, pages::ICON);

/// Assets below [`FOLDER`].
pub type Assets = &'static [&'static Asset];

/// What the payment page loads.
static OWN: [&Asset; 2] = [&STYLE, &ICON];

/// `GET /assets/{name}`.
pub(crate) async fn get(State(others): State<Assets>, uri: Uri, asked: HeaderMap) -> Result<Response, Error> {
    let mut all = OWN.iter().chain(others);
    let asset = all.find(|asset| asset.to_string() == uri.path()).ok_or(Error::NotFound)?;
    Ok(asset.response(&asked))
}

/// `GET /favicon.ico`: what asks for it by this name takes the icon as it is.
pub(crate) async fn icon(asked: HeaderMap) -> Response {
    ICON.response_kept("public, max-age=86400", &asked)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_asset_asks_for_nothing_from_elsewhere() {
        for asset in OWN {
            let content = asset.content().replace("http://www.w3.org/2000/svg", "");
            for word in ["url(", "@import", "http:", "https:", "import(", "eval("] {
                assert!(!content.contains(word), "{word} in {asset}");
            }
        }
    }
}
