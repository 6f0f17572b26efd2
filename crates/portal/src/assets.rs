//! What the pages load beside themselves, and beside what every page of the sandbox loads.

use tollgate_http::pages::{self, Asset, Kind};
use tollgate_sandbox::assets::{Assets, FOLDER};

/// What pages of panels look like.
pub(crate) static PANELS: Asset = Asset::new(FOLDER, "panels", Kind::Css, pages::PANELS);

/// What the playground looks like, beyond that.
pub(crate) static PLAYGROUND_STYLE: Asset =
    Asset::new(FOLDER, "playground", Kind::Css, include_str!("../assets/playground.css"));

/// What makes the playground lively. It works without.
pub(crate) static PLAYGROUND_SCRIPT: Asset =
    Asset::new(FOLDER, "playground", Kind::Script, include_str!("../assets/playground.js"));

/// What the reference looks like, beyond that.
pub(crate) static REFERENCE_STYLE: Asset =
    Asset::new(FOLDER, "reference", Kind::Css, include_str!("../assets/reference.css"));

/// What makes the reference handier. It works without.
pub(crate) static REFERENCE_SCRIPT: Asset =
    Asset::new(FOLDER, "reference", Kind::Script, include_str!("../assets/reference.js"));

/// What the pages of the portal load, which whoever mounts them has the sandbox serve.
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
