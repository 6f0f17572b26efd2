//! The paths of the console.

use tollgate_core::{ClientId, MerchantId};

/// The first page.
pub(super) const OVERVIEW: &str = "/console";
/// The page for signing in.
pub(super) const SIGN_IN: &str = "/console/sign-in";
/// The path that starts a sign-in by the provider.
pub(super) const SIGN_IN_BY_PROVIDER: &str = "/console/sign-in/oidc";
/// The list of merchants.
pub(super) const MERCHANTS: &str = "/console/merchants";
/// The list of clients.
pub(super) const CLIENTS: &str = "/console/clients";

/// Returns the path of a merchant's page.
pub(super) fn merchant(id: MerchantId) -> String {
    format!("{MERCHANTS}/{id}")
}

/// Returns the path of a client's page.
pub(super) fn client(id: ClientId) -> String {
    format!("{CLIENTS}/{id}")
}
