//! The paths that are served, as a closed set: what logs and metrics call them.

/// A path that is served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Route {
    Token,
    Refresh,
    StandardToken,
    Introspect,
    Revoke,
    ServerMetadata,
    KeySet,
    CreatePayment,
    ListPayments,
    ShowPayment,
    PaymentPage,
    Playground,
    Asset,
    OpenApi,
    Reference,
    Health,
    Ready,
    Metrics,
    Unknown,
}

impl Route {
    /// How many there are.
    pub(crate) const COUNT: usize = Self::Unknown as usize + 1;

    /// All of them.
    pub(crate) const ALL: [Self; Self::COUNT] = [
        Self::Token,
        Self::Refresh,
        Self::StandardToken,
        Self::Introspect,
        Self::Revoke,
        Self::ServerMetadata,
        Self::KeySet,
        Self::CreatePayment,
        Self::ListPayments,
        Self::ShowPayment,
        Self::PaymentPage,
        Self::Playground,
        Self::Asset,
        Self::OpenApi,
        Self::Reference,
        Self::Health,
        Self::Ready,
        Self::Metrics,
        Self::Unknown,
    ];

    /// The route of a path. Paths are compared as they were sent: no second spelling reaches a handler.
    pub(crate) fn of(path: &str) -> Self {
        match path {
            "/api/v1/oauth2/token" => Self::Token,
            "/api/v1/oauth2/refresh" => Self::Refresh,
            "/oauth2/token" => Self::StandardToken,
            "/oauth2/introspect" => Self::Introspect,
            "/oauth2/revoke" => Self::Revoke,
            "/oauth2/jwks" => Self::KeySet,
            "/.well-known/oauth-authorization-server" => Self::ServerMetadata,
            "/api/v1/payment-requests:redirect" => Self::CreatePayment,
            "/api/v1/payment-requests" => Self::ListPayments,
            "/openapi.json" => Self::OpenApi,
            "/playground" => Self::Playground,
            "/docs" => Self::Reference,
            "/healthz" => Self::Health,
            "/readyz" => Self::Ready,
            "/metrics" => Self::Metrics,
            _ if path.starts_with("/api/v1/payment-requests/") => Self::ShowPayment,
            _ if path.starts_with("/.well-known/oauth-authorization-server/") => Self::ServerMetadata,
            _ if path.starts_with("/pay/") => Self::PaymentPage,
            _ if path.starts_with("/assets/") => Self::Asset,
            _ => Self::Unknown,
        }
    }

    /// Whether it belongs to the endpoints of the standards.
    pub(crate) const fn is_of_the_standards(self) -> bool {
        matches!(
            self,
            Self::StandardToken | Self::Introspect | Self::Revoke | Self::ServerMetadata | Self::KeySet
        )
    }

    /// Its path, as a template.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Token => "/api/v1/oauth2/token",
            Self::Refresh => "/api/v1/oauth2/refresh",
            Self::StandardToken => "/oauth2/token",
            Self::Introspect => "/oauth2/introspect",
            Self::Revoke => "/oauth2/revoke",
            Self::ServerMetadata => "/.well-known/oauth-authorization-server",
            Self::KeySet => "/oauth2/jwks",
            Self::CreatePayment => "/api/v1/payment-requests:redirect",
            Self::ListPayments => "/api/v1/payment-requests",
            Self::ShowPayment => "/api/v1/payment-requests/{id}",
            Self::PaymentPage => "/pay/{id}",
            Self::Playground => "/playground",
            Self::Asset => "/assets/{name}",
            Self::OpenApi => "/openapi.json",
            Self::Reference => "/docs",
            Self::Health => "/healthz",
            Self::Ready => "/readyz",
            Self::Metrics => "/metrics",
            Self::Unknown => "unknown",
        }
    }
}
