//! The configuration: what an operator sets, parsed once at the edge into types that can't be wrong.
//!
//! `config.default.toml` is embedded: it is the documentation, the defaults and the list of known keys at once, so the
//! three can't drift. A file is laid over it, the environment over that; a key that the defaults don't have is refused,
//! and everything that is wrong is reported together.
//!
//! ```
//! use tollgate_server::config::Config;
//!
//! let config = Config::load(None, [("TOLLGATE_TOKENS__ACCESS_TTL", "2s")])?;
//! assert_eq!(config.tokens.access_ttl.as_secs(), 2);
//!
//! let refused = Config::load(None, [("TOLLGATE_TOKEN__ACCESS_TTL", "2s")]).unwrap_err();
//! assert!(refused.to_string().contains("did you mean TOLLGATE_TOKENS__ACCESS_TTL?"));
//! # Ok::<(), tollgate_server::config::ConfigError>(())
//! ```

mod layers;
mod masked;
mod reader;
mod safety;
#[cfg(test)]
mod tests;
mod values;

use std::{
    env::VarsOs,
    ffi::OsStr,
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use ipnet::IpNet;
use thiserror::Error;
use tollgate_core::Policy;

use self::{
    layers::{Layers, Origin},
    reader::Reader,
};
pub use self::{
    safety::Unsafe,
    values::{Database, LogFormat, LogLevel, Rate, SecretSource, WhenStale},
};

/// The defaults, commented: what `config.default.toml` holds.
pub const DEFAULTS: &str = include_str!("config.default.toml");

/// The effective configuration.
///
/// Each field carries the name of its key in `config.default.toml`, which says what it does and in which unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Address of the API.
    pub listen: SocketAddr,
    /// Address of health, readiness and metrics; `None` opens no such listener.
    pub admin_listen: Option<SocketAddr>,
    /// Whether `admin_listen` may be reachable from other machines.
    pub admin_allow_remote: bool,
    /// Issuer of the tokens and base of redirect URLs; absolute, without a trailing slash. Never empty: `http://{listen}`
    /// stands in for a value that was not set.
    pub public_url: String,
    /// Where the master key is; `None` if nobody said.
    pub master_key: Option<SecretSource>,
    /// Whether the sandbox Payment API and the playground are served.
    pub sandbox: bool,
    /// Networks of the proxies whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpNet>,
    /// The store (`database.url`).
    pub database: Database,
    /// How PostgreSQL is reached (the other keys of `[database]`).
    pub connections: Connections,
    /// `[tokens]`.
    pub tokens: Tokens,
    /// `[keys]`.
    pub keys: Keys,
    /// `[idempotency]`.
    pub idempotency: Idempotency,
    /// `[limits]`.
    pub limits: Limits,
    /// `[payment_page]`.
    pub payment_page: PaymentPage,
    /// `[tls]`; `None` speaks plain HTTP.
    pub tls: Option<Tls>,
    /// `[log]`.
    pub log: Log,
    /// `[shutdown]`.
    pub shutdown: Shutdown,
}

/// How PostgreSQL is reached. It means nothing to `SQLite`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Connections {
    /// Where the password is; `None` if it stands in the URL or none is asked for.
    pub password: Option<SecretSource>,
    /// Connections open at the same time.
    pub pool_size: usize,
    /// How long making a connection may take.
    pub connect_timeout: Duration,
    /// How long a read or a write may take, all attempts included.
    pub statement_timeout: Duration,
}

/// Lifetimes and claims of the tokens. Durations are whole seconds, as the claims are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tokens {
    /// Lifetime of an access token; at most `refresh_ttl`.
    pub access_ttl: Duration,
    /// Lifetime of a refresh token.
    pub refresh_ttl: Duration,
    /// The `aud` claim: printable ASCII that needs no escaping in JSON.
    pub audience: String,
    /// How long after `exp` a token passes; at most 60 s.
    pub exp_leeway: Duration,
    /// How far in the future `iat` and `nbf` may lie; at most 60 s.
    pub iat_leeway: Duration,
    /// How long what is known counts without hearing from the store; 5 s to 15 min.
    pub stale_after: Duration,
    /// What happens then.
    pub when_stale: WhenStale,
}

/// The signing keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keys {
    /// How long a key signs, at least an hour; `None` leaves rotation to people.
    pub rotation: Option<Duration>,
}

/// How long idempotency keys are held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Idempotency {
    /// How long a stored answer is replayed.
    pub ttl: Duration,
    /// How long a request in flight holds its key; less than `ttl`.
    pub lease: Duration,
}

/// What one process takes on, and how long it waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Failed authentications per client and source before 429.
    pub auth_failures: Rate,
    /// Connections open at the same time.
    pub max_connections: usize,
    /// Time for a request's head to arrive.
    pub head_timeout: Duration,
    /// Time from opening a connection to the first byte of a request.
    pub first_byte_timeout: Duration,
    /// Time for a request's body to arrive.
    pub body_timeout: Duration,
    /// How long an idle connection is kept.
    pub idle_timeout: Duration,
    /// Clients whose state is kept in memory.
    pub client_cache: usize,
}

/// The sandbox's payment page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PaymentPage {
    /// How long a payment page can be answered.
    pub ttl: Duration,
}

/// Files of the listener's own TLS, both PEM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tls {
    /// Path of the certificate chain.
    pub cert: PathBuf,
    /// Path of the private key.
    pub key: PathBuf,
}

/// The log's settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Log {
    /// How a line looks.
    pub format: LogFormat,
    /// The least severe level that is logged.
    pub level: LogLevel,
    /// Whether each request is one line.
    pub requests: bool,
}

/// How the process ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shutdown {
    /// How long requests in flight may take to finish.
    pub grace: Duration,
}

/// Everything that is wrong with a configuration, one line a problem.
///
/// Shown as one line; [`ConfigError::problems`] lists them.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{}", .problems.join("; "))]
pub struct ConfigError {
    problems: Vec<String>,
}

impl ConfigError {
    /// Lists the problems; never empty. Each says which key, where it was set, and what is expected.
    pub fn problems(&self) -> &[String] {
        &self.problems
    }
}

impl Config {
    /// What every token must say, for whoever verifies them.
    pub fn token_policy(&self) -> Policy {
        Policy {
            issuer: self.public_url.clone(),
            audience: self.tokens.audience.clone(),
            exp_leeway: self.tokens.exp_leeway,
            iat_leeway: self.tokens.iat_leeway,
        }
    }

    /// For how long a token that is issued by this configuration is accepted at most.
    pub fn longest_lifetime(&self) -> Duration {
        self.tokens.access_ttl.max(self.tokens.refresh_ttl) + self.tokens.exp_leeway
    }

    /// Reads the configuration of a server: defaults, then `file`, then `env`.
    ///
    /// `env` is an argument so that a load depends on nothing else; the process passes [`Config::environment`].
    /// Variables that don't start with `TOLLGATE_`, those of the client side and those that Kubernetes makes for a
    /// service called `tollgate` are left alone.
    pub fn load<K, V>(file: Option<&Path>, env: impl IntoIterator<Item = (K, V)>) -> Result<Self, ConfigError>
    where
        K: AsRef<OsStr>,
        V: AsRef<OsStr>,
    {
        let mut layers = Layers::defaults();
        if let Some(path) = file {
            match std::fs::read(path) {
                Ok(content) => layers.add_file(path, &content),
                Err(error) => layers.problem(format!(
                    "can't read the configuration {}: {error}; check the path and its permissions",
                    path.display()
                )),
            }
        }
        layers.add_environment(env);
        Self::resolve(layers)
    }

    /// Makes the configuration of `tollgate dev`: everything in the folder `data`, on `listen`, with the sandbox on, no
    /// admin listener and a log for people; `env` on top.
    pub fn dev<K, V>(
        listen: SocketAddr,
        data: &Path,
        env: impl IntoIterator<Item = (K, V)>,
    ) -> Result<Self, ConfigError>
    where
        K: AsRef<OsStr>,
        V: AsRef<OsStr>,
    {
        let mut layers = Layers::defaults();
        // By components, because `sqlite://…` would not be a path any more.
        let data: PathBuf = data.components().collect();
        match data.to_str() {
            Some(data) => {
                let path = |name| Path::new(data).join(name).display().to_string();
                for (key, value) in [
                    ("listen", listen.to_string().into()),
                    ("admin_listen", "".into()),
                    ("master_key", format!("file:{}", path("master.key")).into()),
                    ("sandbox", true.into()),
                    ("database.url", format!("sqlite:{}", path("tollgate.db")).into()),
                    ("log.format", "text".into()),
                ] {
                    layers.set(key, value, Origin::Dev);
                }
            }
            None => layers.problem(format!(
                "the data folder {} is not UTF-8; choose another name for it",
                data.display()
            )),
        }
        layers.add_environment(env);
        Self::resolve(layers)
    }

    /// Reads the process environment: the one place that does.
    #[expect(clippy::disallowed_methods, reason = "this is the one place that the lint points to")]
    pub fn environment() -> VarsOs {
        std::env::vars_os()
    }

    fn resolve(layers: Layers) -> Result<Self, ConfigError> {
        let mut reader = Reader::new(layers);
        let config = Self::read(&mut reader);
        config.check_together(&mut reader);
        let secrets = [config.master_key.as_ref(), config.connections.password.as_ref()];
        match reader.finish(secrets) {
            problems if problems.is_empty() => Ok(config),
            problems => Err(ConfigError { problems }),
        }
    }

    fn read(reader: &mut Reader) -> Self {
        let listen = reader.socket("listen");
        Self {
            listen,
            admin_listen: reader.optional_socket("admin_listen"),
            admin_allow_remote: reader.boolean("admin_allow_remote"),
            public_url: reader.public_url("public_url").unwrap_or_else(|| format!("http://{listen}")),
            master_key: reader.secret("master_key"),
            sandbox: reader.boolean("sandbox"),
            trusted_proxies: reader.networks("trusted_proxies"),
            database: reader.database("database.url"),
            connections: Connections {
                password: reader.secret("database.password"),
                pool_size: reader.count("database.pool_size"),
                connect_timeout: reader.duration("database.connect_timeout"),
                statement_timeout: reader.duration("database.statement_timeout"),
            },
            tokens: Tokens {
                access_ttl: reader.whole_seconds("tokens.access_ttl"),
                refresh_ttl: reader.whole_seconds("tokens.refresh_ttl"),
                audience: reader.audience("tokens.audience"),
                exp_leeway: reader.leeway("tokens.exp_leeway"),
                iat_leeway: reader.leeway("tokens.iat_leeway"),
                stale_after: reader.staleness("tokens.stale_after"),
                when_stale: reader.named("tokens.when_stale", WhenStale::ALL, "refuse or serve"),
            },
            keys: Keys { rotation: reader.rotation("keys.rotation") },
            idempotency: Idempotency {
                ttl: reader.duration("idempotency.ttl"),
                lease: reader.duration("idempotency.lease"),
            },
            limits: Limits {
                auth_failures: reader.rate("limits.auth_failures"),
                max_connections: reader.count("limits.max_connections"),
                head_timeout: reader.duration("limits.head_timeout"),
                first_byte_timeout: reader.duration("limits.first_byte_timeout"),
                body_timeout: reader.duration("limits.body_timeout"),
                idle_timeout: reader.duration("limits.idle_timeout"),
                client_cache: reader.count("limits.client_cache"),
            },
            payment_page: PaymentPage { ttl: reader.duration("payment_page.ttl") },
            tls: reader.tls("tls.cert", "tls.key"),
            log: Log {
                format: reader.named("log.format", LogFormat::ALL, "text or json"),
                level: reader.named("log.level", LogLevel::ALL, "error, warn, info, debug or trace"),
                requests: reader.boolean("log.requests"),
            },
            shutdown: Shutdown { grace: reader.duration_or_zero("shutdown.grace") },
        }
    }

    /// Checks what no key can say alone.
    fn check_together(&self, reader: &mut Reader) {
        if self.tokens.access_ttl > self.tokens.refresh_ttl {
            reader.conflict(
                ["tokens.access_ttl", "tokens.refresh_ttl"],
                "an access token would outlive the refresh token; lower the first or raise the second",
            );
        }
        if self.idempotency.lease >= self.idempotency.ttl {
            reader.conflict(
                ["idempotency.lease", "idempotency.ttl"],
                "a key would be forgotten while its request runs; make the lease the shorter one",
            );
        }
        if self.database.has_password() && self.connections.password.is_some() {
            reader.conflict(
                ["database.url", "database.password"],
                "both give a password; keep the reference and take the password out of the URL",
            );
        }
        if self.listen.port() != 0 && self.admin_listen == Some(self.listen) {
            reader.conflict(
                ["admin_listen", "listen"],
                "both can't have the same address; give one another port",
            );
        }
    }
}
