//! The names of the routes in logs and metrics. They are a closed set, whatever path is requested.

use tollgate_http::refusal::Dialect;

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
    /// Any path without a route.
    Unknown,
    /// A mounted route for operators, by its index.
    Operators(usize),
    /// Another mounted route, by its index.
    Mounted(usize),
}

/// The routes of a server.
pub(crate) struct Routes {
    /// The paths of mounted routes for operators.
    operators: Box<[&'static str]>,
    /// The paths of other mounted routes, which follow the operators' ones.
    mounted: Box<[Template]>,
    /// Whether forward authorization is served.
    authz: bool,
    /// Whether the operators' routes are served next to the API.
    beside: bool,
}

impl Routes {
    /// Makes the set of routes: the authority's own, mounted ones with these paths, and those for operators.
    pub(crate) fn with(
        mounted: impl IntoIterator<Item = &'static str>,
        operators: Vec<&'static str>,
        authz: bool,
        beside: bool,
    ) -> Self {
        let mounted = mounted.into_iter().map(Template::of).collect();
        Self { operators: operators.into(), mounted, authz, beside }
    }

    /// Says whether the operators' routes are served next to the API.
    pub(crate) const fn are_operators_beside(&self) -> bool {
        self.beside
    }

    /// Returns the route of a path on the listener of the administration.
    pub(crate) fn of_operators(&self, path: &str) -> Route {
        if let route @ (Route::Health | Route::Ready | Route::Metrics) = Route::of(path) {
            return route;
        }
        let place = self.operators.iter().position(|template| is_at(template, path));
        place.map_or(Route::Unknown, Route::Operators)
    }

    /// Returns the route of a path. Paths are compared as they were sent: no second spelling reaches a handler.
    pub(crate) fn of(&self, path: &str) -> Route {
        match Route::of(path) {
            Route::Unknown => match self.mounted.iter().position(|template| template.leads_to(path)) {
                Some(place) => Route::Mounted(self.operators.len() + place),
                None if self.beside => self.of_operators(path),
                None => Route::Unknown,
            },
            route if route.asks().is_some() && !self.authz => Route::Unknown,
            route => route,
        }
    }

    /// Returns the path of a route, as a template.
    pub(crate) fn path(&self, route: Route) -> &'static str {
        match route {
            Route::Operators(place) => name_of(self.operators[place]),
            Route::Mounted(place) => self.mounted[place - self.operators.len()].path,
            route => route.path(),
        }
    }

    /// Returns all routes in their order: each has [its place](Route::place) there.
    pub(crate) fn all(&self) -> impl Iterator<Item = Route> + use<> {
        let (operators, mounted) = (self.operators.len(), self.mounted.len());
        OWN.into_iter()
            .map(|(route, _)| route)
            .chain((0..operators).map(Route::Operators))
            .chain((operators..operators + mounted).map(Route::Mounted))
    }
}

/// The end of a template that stands for itself and everything below it.
const BELOW: &str = "{*path}";

/// Says whether a path, as it was sent, matches a template: `{id}` stands for a segment that is not empty, and `{*path}` at the
/// end for any number of segments.
pub fn is_at(template: &str, path: &str) -> bool {
    let (mut template, mut path) = (template.split('/'), path.split('/'));
    loop {
        match (template.next(), path.next()) {
            (Some(BELOW), _) | (None, None) => return true,
            (Some(expected), Some(found)) if expected.starts_with('{') && !found.is_empty() => {}
            (Some(expected), Some(found)) if expected == found => {}
            _ => return false,
        }
    }
}

/// Returns the name of a template in logs and metrics.
fn name_of(template: &'static str) -> &'static str {
    template.strip_suffix(BELOW).map_or(template, |above| above.trim_end_matches('/'))
}

/// The path of a mounted route, as the router takes it.
struct Template {
    path: &'static str,
    /// The part before its first parameter, if it has one.
    start: Option<&'static str>,
}

impl Template {
    fn of(path: &'static str) -> Self {
        Self { path, start: path.split_once('{').map(|(start, _)| start) }
    }

    /// Says whether a path belongs to the template. Everything below a parameter is counted under it.
    fn leads_to(&self, path: &str) -> bool {
        self.start.map_or(path == self.path, |start| path.starts_with(start))
    }
}

/// The authority's own routes.
const OWN: [(Route, &str); 17] = [
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
    (Route::Unknown, "unknown"),
];

impl Route {
    /// Returns the authority's own route for a path.
    pub(crate) fn of(path: &str) -> Self {
        match OWN.iter().find(|(_, own)| *own == path) {
            Some((route, _)) => *route,
            // An issuer with a path has its metadata below it (RFC 8414 §3.1).
            None if path.starts_with("/.well-known/oauth-authorization-server/") => Self::ServerMetadata,
            None if path.starts_with("/authz/envoy/") => Self::AuthzEnvoy,
            None if path.starts_with("/.well-known/openid-configuration/")
                || path.ends_with("/.well-known/openid-configuration") =>
            {
                Self::OpenIdConfiguration
            }
            None => Self::Unknown,
        }
    }

    /// Returns the path of one of the authority's own routes.
    pub(crate) fn path(self) -> &'static str {
        OWN.iter().find(|(route, _)| *route == self).map_or("unknown", |(_, path)| path)
    }

    /// Returns the proxies that the route is for, if it is one of forward authorization.
    pub(crate) const fn asks(self) -> Option<Asks> {
        match self {
            Self::Authz => Some(Asks::Plainly),
            Self::AuthzNginx => Some(Asks::AsNginx),
            Self::AuthzEnvoy => Some(Asks::AsEnvoy),
            _ => None,
        }
    }

    /// Says whether callers use the route, and not the people who operate the server.
    pub(crate) const fn is_for_callers(self) -> bool {
        !matches!(self, Self::Operators(_) | Self::Health | Self::Ready | Self::Metrics)
    }

    /// Returns the route's index among all routes of a server.
    pub(crate) fn place(self) -> usize {
        match self {
            Self::Operators(place) | Self::Mounted(place) => OWN.len() + place,
            own => OWN.iter().position(|(route, _)| *route == own).unwrap_or_default(),
        }
    }

    /// Returns the dialect of the route's answers.
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

    const OPERATORS: [&str; 3] = ["/admin/v1/clients", "/admin/v1/clients/{id}", "/console/{*path}"];

    #[test]
    fn a_mounted_path_is_counted_under_its_template_and_any_other_as_unknown() {
        let routes =
            Routes::with(["/pay/{id}", "/payments", "/payments/{id}"], OPERATORS.to_vec(), false, true);
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
        let of_server = |beside| Routes::with([], OPERATORS.to_vec(), false, beside);
        let (apart, beside) = (of_server(false), of_server(true));
        let client = "/admin/v1/clients/{id}";
        assert_eq!(apart.path(apart.of("/admin/v1/clients/x")), "unknown");
        assert_eq!(beside.path(beside.of("/admin/v1/clients/x")), client);
        assert_eq!(apart.path(apart.of_operators("/admin/v1/clients/x")), client);
        for path in ["/oauth2/token", "/api/v1/oauth2/token", "/admin/v1", "/pay/x", "/consoles"] {
            assert_eq!(apart.of_operators(path), Route::Unknown, "{path}");
        }
        assert_eq!(apart.of_operators("/healthz"), Route::Health);
        for path in ["/console", "/console/", "/console/clients/x/delete"] {
            assert_eq!(apart.path(apart.of_operators(path)), "/console", "{path}");
            assert_eq!((apart.path(apart.of(path)), beside.path(beside.of(path))), ("unknown", "/console"));
        }
    }

    #[test]
    fn a_path_is_found_by_its_template_and_no_other_spelling_is_one() {
        let template = "/admin/v1/clients/{id}/disable";
        assert!(is_at(template, "/admin/v1/clients/x/disable"));
        for other in [
            "/admin/v1/clients//disable",
            "/admin/v1/clients/x",
            "/admin/v1/clients/x/disable/",
            "/Admin/v1/clients/x/disable",
        ] {
            assert!(!is_at(template, other), "{other}");
        }
    }

    #[test]
    fn every_route_has_a_place_of_its_own() {
        let routes = Routes::with(["/a", "/b"], OPERATORS.to_vec(), true, true);
        let places: Vec<usize> = routes.all().map(Route::place).collect();
        assert_eq!(places, (0..OWN.len() + OPERATORS.len() + 2).collect::<Vec<_>>());
        let names: Vec<_> = routes.all().map(|route| routes.path(route)).collect();
        assert_eq!(
            names[OWN.len()..],
            ["/admin/v1/clients", "/admin/v1/clients/{id}", "/console", "/a", "/b"]
        );
    }
}
