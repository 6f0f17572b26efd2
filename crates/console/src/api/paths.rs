//! The paths of the administration, as the router takes them.

pub(crate) const MERCHANTS: &str = "/admin/v1/merchants";
pub(crate) const MERCHANT: &str = "/admin/v1/merchants/{id}";
pub(crate) const DISABLE_MERCHANT: &str = "/admin/v1/merchants/{id}/disable";
pub(crate) const ENABLE_MERCHANT: &str = "/admin/v1/merchants/{id}/enable";
pub(crate) const CLIENTS: &str = "/admin/v1/clients";
pub(crate) const CLIENT: &str = "/admin/v1/clients/{id}";
pub(crate) const DISABLE_CLIENT: &str = "/admin/v1/clients/{id}/disable";
pub(crate) const ENABLE_CLIENT: &str = "/admin/v1/clients/{id}/enable";
pub(crate) const SECRETS: &str = "/admin/v1/clients/{id}/secrets";
pub(crate) const REVOKE_SECRET: &str = "/admin/v1/clients/{id}/secrets/{secret_id}/revoke";
pub(crate) const KEYS: &str = "/admin/v1/keys";
pub(crate) const ROTATE_KEYS: &str = "/admin/v1/keys/rotate";
pub(crate) const COMPROMISED_KEYS: &str = "/admin/v1/keys/compromised";
pub(crate) const REVOCATIONS: &str = "/admin/v1/revocations";
pub(crate) const STATS: &str = "/admin/v1/stats";
pub(crate) const AUDIT: &str = "/admin/v1/audit";

/// The beginning of every path.
pub(crate) const ABOVE: &str = "/admin/v1/";

/// Every path of the administration.
pub(crate) const ALL: [&str; 16] = [
    MERCHANTS,
    MERCHANT,
    DISABLE_MERCHANT,
    ENABLE_MERCHANT,
    CLIENTS,
    CLIENT,
    DISABLE_CLIENT,
    ENABLE_CLIENT,
    SECRETS,
    REVOKE_SECRET,
    KEYS,
    ROTATE_KEYS,
    COMPROMISED_KEYS,
    REVOCATIONS,
    STATS,
    AUDIT,
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use tollgate_server::openapi::{Surface, document};

    use super::*;

    #[test]
    fn every_path_of_the_administration_is_described_and_no_other() {
        let document = document(&Surface::default());
        let described = document["paths"].as_object().unwrap().keys().map(String::as_str);
        let described: BTreeSet<_> = described.filter(|path| path.starts_with(ABOVE)).collect();
        assert_eq!(described, ALL.into_iter().collect());
    }
}
