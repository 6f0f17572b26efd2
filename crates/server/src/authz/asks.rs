//! The forms in which proxies ask.

/// The proxies that an endpoint is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asks {
    /// `/authz`: Traefik, Caddy, APISIX and others that pass the answer on.
    Plainly,
    /// `/authz/nginx`: the `auth_request` of nginx, which only understands 2xx, 401 and 403.
    AsNginx,
    /// `/authz/envoy/…`: `ext_authz` of Envoy, which appends the path of the request to that prefix.
    AsEnvoy,
}
