//! Whom the reference is for: who calls the API, not who operates it.

/// What tells operators how a server is.
const HEALTH: [&str; 3] = ["/healthz", "/readyz", "/metrics"];

/// Whether callers of the API have no use for a path: it is on the listener of the administration, which only `dev` serves
/// with the API.
pub(super) fn is_for_operators(path: &str) -> bool {
    path.starts_with("/admin/") || HEALTH.contains(&path)
}
