//! The names of the routes: what logs and metrics call them. It is a closed set, whatever path is asked for.

use tollgate_http::refusal::Dialect;

use crate::api::paths;
use crate::authz::asks::Asks;

/// A route that is served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Route {
    Token,
    Refresh,
    StandardToken,
    Introspect,
    Revoke,
    ServerMetadata,
    OpenIdConfiguration,
    KeySet,
    Revocations,
    Authz,
    AuthzNginx,
    AuthzEnvoy,
    OpenApi,
    Health,
    Ready,
    Metrics,
    /// The console, whatever is below it.
    Console,
    /// A path that leads nowhere.
    Unknown,
    /// A route of the administration, by its place among them.
    Admin(usize),
    /// A route that is mounted beside the authority's, by its place among them.
    Mounted(usize),
}

/// The routes of a server.
pub(crate) struct Routes {
    mounted: Box<[Template]>,
    /// Whether forward authorization is served.
    authz: bool,
    /// Whether the administration is served next to the API.
    admin: bool,
}

impl Routes {
    /// The authority's routes, and those with these paths.
    pub(crate) fn with(mounted: impl IntoIterator<Item = &'static str>, authz: bool, admin: bool) -> Self {
        Self { mounted: mounted.into_iter().map(Template::of).collect(), authz, admin }
    }

    /// Says whether the administration is served next to the API.
    pub(crate) const fn has_admin(&self) -> bool {
        self.admin
    }

    /// The route of a path on the listener of the administration.
    pub(crate) fn of_admin(path: &str) -> Route {
        match Route::of(path) {
            route @ (Route::Health | Route::Ready | Route::Metrics | Route::Console) => route,
            _ => paths::place_of(path).map_or(Route::Unknown, Route::Admin),
        }
    }

    /// The route of a path. Paths are compared as they were sent: no second spelling reaches a handler.
    pub(crate) fn of(&self, path: &str) -> Route {
        match Route::of(path) {
            Route::Unknown if self.admin && path.starts_with(paths::ABOVE) => Self::of_admin(path),
            Route::Unknown => {
                let place = self.mounted.iter().position(|template| template.leads_to(path));
                place.map_or(Route::Unknown, Route::Mounted)
            }
            Route::Console if !self.admin => Route::Unknown,
            route if route.asks().is_some() && !self.authz => Route::Unknown,
            route => route,
        }
    }

    /// The path of a route, as a template.
    pub(crate) fn path(&self, route: Route) -> &'static str {
        match route {
            Route::Mounted(place) => self.mounted[place].path,
            Route::Admin(place) => paths::ALL[place],
            route => route.path(),
        }
    }

    /// All routes in their order: each has [its place](Route::place) there.
    pub(crate) fn all(&self) -> impl Iterator<Item = Route> + use<> {
        let admin = (0..paths::ALL.len()).map(Route::Admin);
        OWN.into_iter()
            .map(|(route, _)| route)
            .chain(admin)
            .chain((0..self.mounted.len()).map(Route::Mounted))
    }
}

/// The path of a route that is mounted, as the router reads it.
struct Template {
    path: &'static str,
    /// What is before its first parameter, if it has one.
    start: Option<&'static str>,
}

impl Template {
    fn of(path: &'static str) -> Self {
        Self { path, start: path.split_once('{').map(|(start, _)| start) }
    }

    /// Says whether it leads to a path. Whatever is below a parameter is counted under it.
    fn leads_to(&self, path: &str) -> bool {
        self.start.map_or(path == self.path, |start| path.starts_with(start))
    }
}

/// The authority's own routes.
const OWN: [(Route, &str); 18] = [
    (Route::Token, "/api/v1/oauth2/token"),
    (Route::Refresh, "/api/v1/oauth2/refresh"),
    (Route::StandardToken, "/oauth2/token"),
    (Route::Introspect, "/oauth2/introspect"),
    (Route::Revoke, "/oauth2/revoke"),
    (Route::ServerMetadata, "/.well-known/oauth-authorization-server"),
    (Route::OpenIdConfiguration, "/.well-known/openid-configuration"),
    (Route::KeySet, "/oauth2/jwks"),
    (Route::Revocations, "/oauth2/revocations"),
    (Route::Authz, "/authz"),
    (Route::AuthzNginx, "/authz/nginx"),
    (Route::AuthzEnvoy, "/authz/envoy/{path}"),
    (Route::OpenApi, "/openapi.json"),
    (Route::Health, "/healthz"),
    (Route::Ready, "/readyz"),
    (Route::Metrics, "/metrics"),
    (Route::Console, "/console"),
    (Route::Unknown, "unknown"),
];

impl Route {
    /// The authority's own route of a path.
    pub(crate) fn of(path: &str) -> Self {
        match OWN.iter().find(|(_, own)| *own == path) {
            Some((route, _)) => *route,
            // An issuer with a path is described below it (RFC 8414 §3.1).
            None if path.starts_with("/.well-known/oauth-authorization-server/") => Self::ServerMetadata,
            None if path.starts_with("/authz/envoy/") => Self::AuthzEnvoy,
            None if path.starts_with("/console/") => Self::Console,
            None if path.starts_with("/.well-known/openid-configuration/")
                || path.ends_with("/.well-known/openid-configuration") =>
            {
                Self::OpenIdConfiguration
            }
            None => Self::Unknown,
        }
    }

    /// Its path, if it is the authority's own.
    pub(crate) fn path(self) -> &'static str {
        OWN.iter().find(|(route, _)| *route == self).map_or("unknown", |(_, path)| path)
    }

    /// The proxies that the route is for, if it is one of forward authorization.
    pub(crate) const fn asks(self) -> Option<Asks> {
        match self {
            Self::Authz => Some(Asks::Plainly),
            Self::AuthzNginx => Some(Asks::AsNginx),
            Self::AuthzEnvoy => Some(Asks::AsEnvoy),
            _ => None,
        }
    }

    /// Says whether callers use it, and not those who operate the server.
    pub(crate) const fn is_for_callers(self) -> bool {
        !matches!(self, Self::Admin(_) | Self::Console | Self::Health | Self::Ready | Self::Metrics)
    }

    /// Its place among all routes of a server.
    pub(crate) fn place(self) -> usize {
        match self {
            Self::Admin(place) => OWN.len() + place,
            Self::Mounted(place) => OWN.len() + paths::ALL.len() + place,
            own => OWN.iter().position(|(route, _)| *route == own).unwrap_or_default(),
        }
    }

    /// The dialect that its answers are in.
    pub(crate) const fn dialect(self) -> Dialect {
        match self {
            Self::StandardToken
            | Self::Introspect
            | Self::Revoke
            | Self::ServerMetadata
            | Self::OpenIdConfiguration
            | Self::KeySet
            | Self::Revocations => Dialect::OAuth,
            _ => Dialect::Envelope,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mounted_path_is_counted_under_its_template_and_any_other_as_unknown() {
        let routes = Routes::with(["/pay/{id}", "/payments", "/payments/{id}"], false, false);
        for (path, template) in [
            ("/pay/1", "/pay/{id}"),
            ("/pay/1/2", "/pay/{id}"),
            ("/payments", "/payments"),
            ("/payments/", "/payments/{id}"),
            ("/pay", "unknown"),
            ("/Payments", "unknown"),
            ("/oauth2/token", "/oauth2/token"),
            ("/oauth2/token/", "unknown"),
            ("unknown", "unknown"),
            ("*", "unknown"),
        ] {
            assert_eq!(routes.path(routes.of(path)), template, "{path}");
        }
    }

    #[test]
    fn the_administration_is_where_it_is_served_and_nowhere_else() {
        let (apart, beside) = (Routes::with([], false, false), Routes::with([], false, true));
        let client = "/admin/v1/clients/{id}";
        assert_eq!(apart.path(apart.of("/admin/v1/clients/x")), "unknown");
        assert_eq!(beside.path(beside.of("/admin/v1/clients/x")), client);
        assert_eq!(apart.path(Routes::of_admin("/admin/v1/clients/x")), client);
        for path in ["/oauth2/token", "/api/v1/oauth2/token", "/admin/v1", "/pay/x"] {
            assert_eq!(Routes::of_admin(path), Route::Unknown, "{path}");
        }
        assert_eq!(Routes::of_admin("/healthz"), Route::Health);
        for path in ["/console", "/console/", "/console/clients/x/delete"] {
            assert_eq!(Routes::of_admin(path), Route::Console, "{path}");
            assert_eq!((apart.path(apart.of(path)), beside.path(beside.of(path))), ("unknown", "/console"));
        }
        assert_eq!(Routes::of_admin("/consoles"), Route::Unknown);
    }

    #[test]
    fn every_route_has_a_place_of_its_own() {
        let routes = Routes::with(["/a", "/b"], true, true);
        let places: Vec<usize> = routes.all().map(Route::place).collect();
        assert_eq!(places, (0..OWN.len() + paths::ALL.len() + 2).collect::<Vec<_>>());
    }
}
