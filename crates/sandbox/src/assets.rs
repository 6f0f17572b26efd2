//! The files that pages load: the payment page, and the pages that are mounted beside the sandbox.

use axum::extract::State;
use axum::response::Response;
use http::{HeaderMap, Uri};
use tollgate_http::pages::{self, Asset, Kind};

use crate::error::Error;

/// The path of the folder with the assets.
pub const FOLDER: &str = "/assets/";

/// The style of all pages.
pub static STYLE: Asset = Asset::new(FOLDER, "tollgate", Kind::Css, pages::STYLE);

/// The icon of all pages.
pub static ICON: Asset = Asset::new(FOLDER, "icon", Kind::Svg, pages::ICON);

/// Assets below [`FOLDER`].
pub type Assets = &'static [&'static Asset];

/// The assets of the payment page.
static OWN: [&Asset; 2] = [&STYLE, &ICON];

/// Answers `GET /assets/{name}`.
pub(crate) async fn get(State(others): State<Assets>, uri: Uri, asked: HeaderMap) -> Result<Response, Error> {
    let mut all = OWN.iter().chain(others);
    let asset = all.find(|asset| asset.to_string() == uri.path()).ok_or(Error::NotFound)?;
    Ok(asset.response(&asked))
}

/// Answers `GET /favicon.ico`: programs that ask for this name get the icon as it is.
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
