//! Tells which operations are for callers of the API, and not for operators of the server.

/// The paths by which operators monitor a server.
const HEALTH: [&str; 3] = ["/healthz", "/readyz", "/metrics"];

/// Says whether a path is of no use to callers of the API: it is on the listener of the administration, which only `dev` serves
/// with the API.
pub(super) fn is_for_operators(path: &str) -> bool {
    path.starts_with("/admin/") || HEALTH.contains(&path)
}
