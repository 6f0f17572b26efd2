//! The settings by section: each key is named here once, and read and shown by that name.

use std::{net::SocketAddr, time::Duration};

use ipnet::IpNet;
use serde::{Serialize, Serializer};
use tollgate_core::Algorithm;
use tollgate_keys::RsaBits;

use super::{
    audiences::AudienceSettings,
    authz::AuthzRoute,
    provider::GroupRoles,
    reader::{Reader, Section},
    redaction::{Redacted, redacted},
    stream::StreamTarget,
    telemetry::{HeaderSource, ResourceAttribute, Sample},
    values::{Database, LogFormat, LogLevel, LogSource, Rate, SecretSource, Share, Tls, WhenStale},
    written::Written,
};

/// Declares a section: its type, and how each key is read. A field has the name of its key.
macro_rules! settings {
    (
        $(#[$about:meta])*
        $name:ident in $prefix:literal {
            $($(#[$of_key:meta])* $key:ident: $kind:ty = $read:ident $(($($argument:expr),*))?,)*
        }
        $(beside { $(#[$of_beside:meta])* $beside:ident: $beside_kind:ty = $read_beside:ident })?
    ) => {
        $(#[$about])*
        #[derive(Debug, Clone, PartialEq, Eq, Serialize)]
        pub struct $name {
            $(
                $(#[$of_key])*
                #[serde(serialize_with = "redacted")]
                pub $key: $kind,
            )*
            $($(#[$of_beside])* #[serde(skip)] pub(super) $beside: $beside_kind,)?
        }

        impl Section for $name {
            fn read(reader: &mut Reader) -> Self {
                Self {
                    $($key: reader.$read(concat!($prefix, stringify!($key)) $($(, $argument)*)?),)*
                    $($beside: reader.$read_beside(),)?
                }
            }
        }

        impl Redacted for $name {
            fn redacted<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                self.serialize(serializer)
            }
        }
    };
}

settings! {
    /// The effective configuration.
    ///
    /// Each field carries the name of its key in `config.default.toml`, which says what it does and in which unit.
    Config in "" {
        /// Address of the API.
        listen: SocketAddr = socket,
        /// Whether `listen` may be reachable from other machines without TLS.
        listen_allow_remote: bool = boolean,
        /// Address of the administration, health, readiness and metrics; `None` opens no such listener.
        admin_listen: Option<SocketAddr> = optional_socket,
        /// Whether `admin_listen` may be reachable from other machines.
        admin_allow_remote: bool = boolean,
        /// Issuer of the tokens and base of redirect URLs; absolute, without a trailing slash. Never empty: `http://{listen}`
        /// stands in for a value that was not set.
        public_url: String = public_url,
        /// Where the master keys are, the one to seal with first; empty if nobody said.
        master_key: Vec<SecretSource> = secrets,
        /// Whether files with secrets may be readable for every user of the machine.
        world_readable_secrets: bool = boolean,
        /// Whether the sandbox Payment API and the playground are served.
        sandbox: bool = boolean,
        /// Networks of the proxies whose `X-Forwarded-For` is believed.
        trusted_proxies: Vec<IpNet> = networks,
        /// `[[audiences]]`: further APIs that tokens can be for.
        audiences: Vec<AudienceSettings> = audiences,
        /// `[database]`: the store, and how PostgreSQL is reached.
        database: DatabaseSettings = section,
        /// `[tokens]`: lifetimes and claims of the tokens.
        tokens: Tokens = section,
        /// `[authz]`: answers to proxies that ask before they forward.
        authz: Authz = section,
        /// `[keys]`: the rotation of the signing keys.
        keys: Keys = section,
        /// `[idempotency]`: how long idempotency keys are held.
        idempotency: Idempotency = section,
        /// `[audit]`: the audit trail.
        audit: Audit = section,
        /// `[limits]`: how much one process accepts, and how long it waits.
        limits: Limits = section,
        /// `[payment_page]`: the sandbox's payment page.
        payment_page: PaymentPage = section,
        /// `[tls]`; `None` speaks plain HTTP.
        tls: Option<Tls> = tls,
        /// `[admin]`: the listener of the administration.
        admin: Admin = section,
        /// `[console]`: the console for operators in a browser.
        console: Console = section,
        /// `[admin_tls]`; `None` speaks plain HTTP.
        admin_tls: Option<Tls> = admin_tls,
        /// `[log]`: the lines of the log.
        log: Log = section,
        /// `[telemetry]`: traces and metrics by OTLP.
        telemetry: Telemetry = section,
        /// `[shutdown]`: how the process ends.
        shutdown: Shutdown = section,
    }
    beside {
        /// The durations as they were written.
        written: Written = written
    }
}

settings! {
    /// The store, and how PostgreSQL is reached, which means nothing to `SQLite`.
    DatabaseSettings in "database." {
        /// Which store it is.
        url: Database = database,
        /// Where the password is; `None` if it stands in the URL or none is asked for.
        password: Option<SecretSource> = secret,
        /// Connections open at the same time.
        pool_size: usize = count,
        /// How long making a connection may take.
        connect_timeout: Duration = duration,
        /// How long a read or a write may take, all attempts included.
        statement_timeout: Duration = duration,
    }
}

settings! {
    /// Lifetimes and claims of the tokens. Durations are whole seconds, as the claims are.
    Tokens in "tokens." {
        /// Lifetime of an access token; at most `refresh_ttl`.
        access_ttl: Duration = whole_seconds,
        /// Lifetime of a refresh token.
        refresh_ttl: Duration = whole_seconds,
        /// The `aud` claim: printable ASCII that needs no escaping in JSON.
        audience: String = audience,
        /// What the access tokens of the default audience are signed with.
        algorithm: Algorithm = algorithm,
        /// How long after `exp` a token passes; at most 60 s.
        exp_leeway: Duration = leeway,
        /// How far in the future `iat` and `nbf` may lie; at most 60 s.
        iat_leeway: Duration = leeway,
        /// How long the server decides by its data without hearing from the store; 5 s to 15 min.
        stale_after: Duration = staleness,
        /// What the server does after that time.
        when_stale: WhenStale = named(WhenStale::ALL, "refuse or serve"),
    }
}

settings! {
    /// Forward authorization: answers to proxies that ask before they forward.
    Authz in "authz." {
        /// Whether `/authz` and what is below it is served.
        enabled: bool = boolean,
        /// What routes require, for proxies that can't say so themselves.
        routes: Vec<AuthzRoute> = authz_routes,
    }
}

settings! {
    /// The signing keys.
    Keys in "keys." {
        /// How long a key signs, at least an hour; `None` leaves rotation to people.
        rotation: Option<Duration> = rotation,
        /// The length of new RSA keys.
        rsa_bits: RsaBits = rsa_bits,
    }
}

settings! {
    /// How long idempotency keys are held.
    Idempotency in "idempotency." {
        /// How long a stored answer is replayed.
        ttl: Duration = duration,
        /// How long a request in flight holds its key; less than `ttl`.
        lease: Duration = duration,
    }
}

settings! {
    /// The audit trail.
    Audit in "audit." {
        /// How long a record is kept.
        keep: Duration = duration,
        /// Whether only what was exported is deleted.
        purge_only_exported: bool = boolean,
        /// Where records are streamed to; only what was streamed is deleted.
        stream: Option<StreamTarget> = stream_target,
        /// How long it is known from where a secret was used.
        keep_sources: Duration = duration,
    }
}

settings! {
    /// What one process takes on, and how long it waits.
    Limits in "limits." {
        /// Failed authentications per client and source before 429.
        auth_failures: Rate = rate,
        /// Connections open at the same time.
        max_connections: usize = count,
        /// Those of them that one source may hold.
        source_connections: Share = share,
        /// Connections that one source may open; `None` is any number.
        source_new_connections: Option<Rate> = rate_or_off,
        /// Failed authentications of one source, over all clients, before 429; `None` is any number.
        source_auth_failures: Option<Rate> = rate_or_off,
        /// Payment requests that one merchant may create in the sandbox; `None` is any number.
        merchant_creates: Option<Rate> = rate_or_off,
        /// Whether the limits of sources and merchants refuse, or only count.
        enforce: bool = boolean,
        /// Time for a request's head to arrive.
        head_timeout: Duration = duration,
        /// Time from opening a connection to the first byte of a request.
        first_byte_timeout: Duration = duration,
        /// Time for a request's body to arrive.
        body_timeout: Duration = duration,
        /// How long an idle connection is kept.
        idle_timeout: Duration = duration,
        /// Clients whose state is kept in memory.
        client_cache: usize = count,
    }
}

settings! {
    /// The sandbox's payment page.
    PaymentPage in "payment_page." {
        /// How long a payment page can be answered.
        ttl: Duration = duration,
    }
}

settings! {
    /// The listener of the administration.
    Admin in "admin." {
        /// Requests that one operator's client may make; `None` is any number.
        requests: Option<Rate> = rate_or_off,
        /// Connections open at the same time.
        max_connections: usize = count,
        /// How long a second person may ask for an act that can't be undone; `None` if one person is enough.
        second_person_within: Option<Duration> = second_person,
    }
}

settings! {
    /// The console, on the listener of the administration.
    Console in "console." {
        /// Whether `/console` is served.
        enabled: bool = boolean,
        /// The origin under which browsers reach it; empty if that follows from `admin_listen`: see [`Config::console_url`].
        url: String = origin,
        /// How long a session lasts without a request.
        idle: Duration = duration,
        /// How long a session lasts at most; no longer than `audit.keep`, since the audit trail records that it was ended.
        session: Duration = duration,
        /// `[console.oidc]`: the OpenID provider.
        oidc: Oidc = section,
    }
}

settings! {
    /// Signing in to the console by an OpenID provider.
    Oidc in "console.oidc." {
        /// The provider, letter by letter as its tokens say it; empty if there is none.
        issuer: String = issuer,
        /// The id that the provider knows the console by.
        client_id: String = line,
        /// Where the secret of that client is.
        client_secret: Option<SecretSource> = secret,
        /// What the provider is called on the page; empty for the issuer's host.
        name: String = line,
        /// The scopes that are asked for; `openid` is one of them.
        scopes: Vec<String> = scopes,
        /// The claim that names the user.
        user: String = claim,
        /// The claim that holds the groups of the user.
        groups: String = claim,
        /// What the members of each group may do.
        roles: GroupRoles = group_roles,
    }
}

settings! {
    /// The log's settings.
    Log in "log." {
        /// How a line looks.
        format: LogFormat = named(LogFormat::ALL, "text or json"),
        /// The least severe level that is logged.
        level: LogLevel = named(LogLevel::ALL, "error, warn, info, debug or trace"),
        /// Whether each request is one line.
        requests: bool = boolean,
        /// Which of these lines say where the request came from.
        source: LogSource = named(LogSource::ALL, "all, refused or off"),
    }
}

settings! {
    /// Traces and metrics by OTLP.
    Telemetry in "telemetry." {
        /// Where they are sent, without a slash at the end; empty for nowhere.
        endpoint: String = public_url,
        /// Headers that are sent along.
        headers: Vec<HeaderSource> = header_sources,
        /// Whether traces are recorded and sent.
        traces: bool = boolean,
        /// The share of traces that is recorded.
        sample: Sample = sample,
        /// Whether metrics are sent.
        metrics: bool = boolean,
        /// What the server is called.
        service_name: String = service_name,
        /// What else there is to say of it.
        attributes: Vec<ResourceAttribute> = resource_attributes,
    }
}

settings! {
    /// How the process ends.
    Shutdown in "shutdown." {
        /// How long requests in flight may take to finish.
        grace: Duration = duration_or_zero,
        /// How long the server still accepts connections after it has said that it is not ready.
        lame_duck: Duration = duration_or_zero,
    }
}
