//! What the pages of the console load beside themselves.

use axum::response::Response;
use http::{HeaderMap, Uri};
use tollgate_http::pages::{self, Asset, Kind};
use tollgate_server::error::Error;

use super::refused;

/// Where they are.
const FOLDER: &str = "/console/assets/";

/// What all pages look like.
pub(crate) static STYLE: Asset = Asset::new(FOLDER, "tollgate", Kind::Css, pages::STYLE);

/// What pages of panels look like, beyond that.
pub(crate) static PANELS: Asset = Asset::new(FOLDER, "panels", Kind::Css, pages::PANELS);

/// What the console looks like, beyond that.
pub(crate) static CONSOLE_STYLE: Asset =
    Asset::new(FOLDER, "console", Kind::Css, include_str!("../../assets/console.css"));

/// What renews the figures of the overview. It works without.
pub(crate) static CONSOLE_SCRIPT: Asset =
    Asset::new(FOLDER, "console", Kind::Script, include_str!("../../assets/console.js"));

/// The icon of all pages.
pub(crate) static ICON: Asset = Asset::new(FOLDER, "icon", Kind::Svg, pages::ICON);

/// All of them.
static ALL: [&Asset; 5] = [&STYLE, &PANELS, &CONSOLE_STYLE, &CONSOLE_SCRIPT, &ICON];

/// `GET /console/assets/{name}`. They are no secret, so nobody need have signed in.
pub(super) async fn get(uri: Uri, asked: HeaderMap) -> Response {
    match ALL.into_iter().find(|asset| asset.to_string() == uri.path()) {
        Some(asset) => asset.response(&asked),
        None => refused::alone(Error::NotFound),
    }
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
