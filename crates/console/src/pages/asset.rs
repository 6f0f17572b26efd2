//! The files that the console's pages load: styles, a script and an icon.

use axum::response::Response;
use http::{HeaderMap, Uri};
use tollgate_http::pages::{self, Asset, Kind};
use tollgate_server::error::Error;

use super::refused;

/// The path of the folder with the files.
const FOLDER: &str = "/console/assets/";

/// The style of all pages.
pub(crate) static STYLE: Asset = Asset::new(FOLDER, "tollgate", Kind::Css, pages::STYLE);

/// The additional style of pages with panels.
pub(crate) static PANELS: Asset = Asset::new(FOLDER, "panels", Kind::Css, pages::PANELS);

/// The additional style of the console.
pub(crate) static CONSOLE_STYLE: Asset =
    Asset::new(FOLDER, "console", Kind::Css, include_str!("../../assets/console.css"));

/// The script that updates the figures of the overview. The page works without it.
pub(crate) static CONSOLE_SCRIPT: Asset =
    Asset::new(FOLDER, "console", Kind::Script, include_str!("../../assets/console.js"));

/// The icon of all pages.
pub(crate) static ICON: Asset = Asset::new(FOLDER, "icon", Kind::Svg, pages::ICON);

/// Every file.
static ALL: [&Asset; 5] = [&STYLE, &PANELS, &CONSOLE_STYLE, &CONSOLE_SCRIPT, &ICON];

/// Answers `GET /console/assets/{name}`. The files are not secret, so nobody needs to have signed in.
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
