//! The files that the portal's pages load, beside those of every page of the sandbox.

use tollgate_http::pages::{self, Asset, Kind};
use tollgate_sandbox::assets::{Assets, FOLDER};

/// The style of pages with panels.
pub(crate) static PANELS: Asset = Asset::new(FOLDER, "panels", Kind::Css, pages::PANELS);

/// The additional style of the playground.
pub(crate) static PLAYGROUND_STYLE: Asset =
    Asset::new(FOLDER, "playground", Kind::Css, include_str!("../assets/playground.css"));

/// The script of the playground, which works without it.
pub(crate) static PLAYGROUND_SCRIPT: Asset =
    Asset::new(FOLDER, "playground", Kind::Script, include_str!("../assets/playground.js"));

/// The additional style of the reference.
pub(crate) static REFERENCE_STYLE: Asset =
    Asset::new(FOLDER, "reference", Kind::Css, include_str!("../assets/reference.css"));

/// The script of the reference, which works without it.
pub(crate) static REFERENCE_SCRIPT: Asset =
    Asset::new(FOLDER, "reference", Kind::Script, include_str!("../assets/reference.js"));

/// The assets of the portal's pages, which the sandbox serves with its own.
pub static ASSETS: Assets =
    &[&PANELS, &PLAYGROUND_STYLE, &PLAYGROUND_SCRIPT, &REFERENCE_STYLE, &REFERENCE_SCRIPT];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_asset_asks_for_nothing_from_elsewhere() {
        for asset in ASSETS {
            let content = asset.content().replace("http://www.w3.org/2000/svg", "");
            for word in ["url(", "@import", "http:", "https:", "import(", "eval("] {
                assert!(!content.contains(word), "{word} in {asset}");
            }
        }
    }
}
