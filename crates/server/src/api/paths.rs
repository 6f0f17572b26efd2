//! The paths of the administration, as a router reads them.

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

/// What every path begins with.
pub(crate) const ABOVE: &str = "/admin/v1/";

/// Every path.
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

/// The place of the path that a request has, among all of them. No other spelling is one.
pub(crate) fn place_of(path: &str) -> Option<usize> {
    ALL.iter().position(|template| {
        let (mut template, mut path) = (template.split('/'), path.split('/'));
        loop {
            match (template.next(), path.next()) {
                (None, None) => return true,
                (Some(expected), Some(found)) if expected.starts_with('{') && !found.is_empty() => {}
                (Some(expected), Some(found)) if expected == found => {}
                _ => return false,
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_found_by_its_template_and_no_other_spelling_is_one() {
        let found = |path| place_of(path).map(|place| ALL[place]);
        assert_eq!(found("/admin/v1/clients/x/secrets/y/revoke"), Some(REVOKE_SECRET));
        assert_eq!(found("/admin/v1/keys/rotate"), Some(ROTATE_KEYS));
        assert_eq!(found("/admin/v1/clients/x"), Some(CLIENT));
        for other in [
            "/admin/v1/clients/",
            "/admin/v1/clients//disable",
            "/admin/v1",
            "/admin/v1/keys/x",
            "/Admin/v1/keys",
        ] {
            assert_eq!(found(other), None, "{other}");
        }
    }
}
