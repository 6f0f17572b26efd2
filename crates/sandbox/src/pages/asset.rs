//! What the pages of the sandbox load beside themselves.

use axum::response::Response;
use http::{HeaderMap, Uri};
use tollgate_http::pages::{self, Asset, Kind};

use crate::error::Error;

/// Where they are.
const FOLDER: &str = "/assets/";

/// What all pages look like.
pub(crate) static STYLE: Asset = Asset::new(FOLDER, "tollgate", Kind::Css, pages::STYLE);

/// What pages of panels look like, beyond that.
pub(crate) static PANELS: Asset = Asset::new(FOLDER, "panels", Kind::Css, pages::PANELS);

/// The icon of all pages.
pub(crate) static ICON: Asset = Asset::new(FOLDER, "icon", Kind::Svg, pages::ICON);

/// What the playground looks like, beyond that.
pub(crate) static PLAYGROUND_STYLE: Asset =
    Asset::new(FOLDER, "playground", Kind::Css, include_str!("../../assets/playground.css"));

/// What makes the playground lively. It works without.
pub(crate) static PLAYGROUND_SCRIPT: Asset =
    Asset::new(FOLDER, "playground", Kind::Script, include_str!("../../assets/playground.js"));

/// What the reference looks like, beyond that.
pub(crate) static REFERENCE_STYLE: Asset =
    Asset::new(FOLDER, "reference", Kind::Css, include_str!("../../assets/reference.css"));

/// What makes the reference handier. It works without.
pub(crate) static REFERENCE_SCRIPT: Asset =
    Asset::new(FOLDER, "reference", Kind::Script, include_str!("../../assets/reference.js"));

/// All of them.
static ALL: [&Asset; 7] =
    [&STYLE, &PANELS, &ICON, &PLAYGROUND_STYLE, &PLAYGROUND_SCRIPT, &REFERENCE_STYLE, &REFERENCE_SCRIPT];

/// `GET /assets/{name}`.
pub(crate) async fn get(uri: Uri, asked: HeaderMap) -> Result<Response, Error> {
    let asset = ALL.into_iter().find(|asset| asset.to_string() == uri.path()).ok_or(Error::NotFound)?;
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
        for asset in ALL {
            let content = asset.content().replace("http://www.w3.org/2000/svg", "");
            for word in ["url(", "@import", "http:", "https:", "import(", "eval("] {
                assert!(!content.contains(word), "{word} in {asset}");
            }
        }
    }
}
