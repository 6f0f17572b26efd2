//! Where things are in the console.

use tollgate_core::{ClientId, MerchantId};

/// The page that everything begins with.
pub(super) const OVERVIEW: &str = "/console";
/// Where people sign in.
pub(super) const SIGN_IN: &str = "/console/sign-in";
/// Where a sign-in by the provider begins.
pub(super) const SIGN_IN_BY_PROVIDER: &str = "/console/sign-in/oidc";
/// The list of merchants.
pub(super) const MERCHANTS: &str = "/console/merchants";
/// The list of clients.
pub(super) const CLIENTS: &str = "/console/clients";

/// Where a merchant is.
pub(super) fn merchant(id: MerchantId) -> String {
    format!("{MERCHANTS}/{id}")
}

/// Where a client is.
pub(super) fn client(id: ClientId) -> String {
    format!("{CLIENTS}/{id}")
}
