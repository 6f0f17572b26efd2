//! The configuration: what an operator sets, parsed once at the edge into types that can't be wrong.
//!
//! `config.default.toml` is embedded: it is the documentation, the defaults and the list of known keys at once, so the
//! three can't drift. A file is laid over it, the environment over that; a key that the defaults don't have is refused,
//! and everything that is wrong is reported together.
//!
//! ```
//! use tollgate_config::Config;
//!
//! let config = Config::load(None, [("TOLLGATE_TOKENS__ACCESS_TTL", "2s")])?;
//! assert_eq!(config.tokens.access_ttl.as_secs(), 2);
//!
//! let refused = Config::load(None, [("TOLLGATE_TOKEN__ACCESS_TTL", "2s")]).unwrap_err();
//! assert!(refused.to_string().contains("did you mean TOLLGATE_TOKENS__ACCESS_TTL?"));
//! # Ok::<(), tollgate_config::ConfigError>(())
//! ```

mod access_tokens;
mod audiences;
mod authz;
mod changes;
mod console;
mod layers;
mod provider;
mod reader;
mod redaction;
mod role;
mod safety;
mod settings;
mod stream;
mod telemetry;
#[cfg(test)]
mod tests;
mod texts;
mod values;
mod written;

use std::{
    collections::BTreeSet,
    env::VarsOs,
    ffi::OsStr,
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use thiserror::Error;
use tollgate_core::Policy;

pub use self::authz::without_trailing_slash;
pub use self::texts::{is_loopback_host, is_private as is_private_url, network};
pub use self::{
    access_tokens::AccessTokens,
    audiences::AudienceSettings,
    authz::AuthzRoute,
    changes::Changes,
    layers::DEFAULTS,
    provider::GroupRoles,
    role::{Role, RoleError},
    safety::Unsafe,
    settings::{
        Admin, Authz, Config, Console, DatabaseSettings, Idempotency, Keys, Limits, Log, Oidc, PaymentPage,
        Shutdown, Telemetry, Tokens,
    },
    stream::StreamTarget,
    telemetry::{HeaderSource, ResourceAttribute, Sample},
    texts::{LONGEST as LONGEST_LIFETIME, duration as parse_lifetime, public_url as parse_base_url},
    values::{
        Database, LogFormat, LogLevel, LogSource, Rate, SecretSource, Share, Tls, WhenStale, duration_text,
        parse_duration,
    },
};
use self::{
    layers::{Layers, Origin},
    reader::Reader,
};

/// Everything that is wrong with a configuration, one line for each problem.
///
/// Shown as one line; [`ConfigError::problems`] lists them.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{}", .problems.join("; "))]
pub struct ConfigError {
    problems: Vec<String>,
    unsafe_ones: Vec<Unsafe>,
}

impl ConfigError {
    /// Lists the problems; never empty. Each says which key, where it was set, and what is expected.
    pub fn problems(&self) -> &[String] {
        &self.problems
    }

    /// Lists the settings that would also be unsafe in production, as far as that can be told.
    pub fn also_unsafe(&self) -> &[Unsafe] {
        &self.unsafe_ones
    }
}

impl Config {
    /// Returns what every token must say, for those who verify them.
    pub fn token_policy(&self) -> Policy {
        Policy {
            issuer: self.public_url.clone(),
            audience: self.tokens.audience.clone(),
            exp_leeway: self.tokens.exp_leeway,
            iat_leeway: self.tokens.iat_leeway,
        }
    }

    /// Returns the longest time for which a token that is issued by this configuration is accepted.
    pub fn longest_lifetime(&self) -> Duration {
        let further =
            self.audiences.iter().filter_map(|further| further.access_ttl).max().unwrap_or_default();
        self.tokens.access_ttl.max(self.tokens.refresh_ttl).max(further) + self.tokens.exp_leeway
    }

    /// Reads the configuration of a server: defaults, then `file`, then `env`.
    ///
    /// `env` is an argument so that a load depends on nothing else; the process passes [`Config::environment`].
    /// Variables that don't start with `TOLLGATE_`, those of the client side and those that Kubernetes makes for a
    /// service called `tollgate` are ignored.
    pub fn load<K, V>(file: Option<&Path>, env: impl IntoIterator<Item = (K, V)>) -> Result<Self, ConfigError>
    where
        K: AsRef<OsStr>,
        V: AsRef<OsStr>,
    {
        let mut layers = Layers::defaults();
        if let Some(path) = file {
            match std::fs::read(path) {
                Ok(content) => layers.add_file(path, &content),
                Err(error) => layers.file_failed(format!(
                    "can't read the configuration {}: {error}; check the path and its permissions",
                    path.display()
                )),
            }
        }
        layers.add_environment(env);
        Self::resolve(layers)
    }

    /// Makes the configuration of `tollgate dev`: everything in the folder `data`, on `listen`, with the sandbox on, no
    /// admin listener and a log for people; `env` overrides it.
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
        // By components, because `sqlite://…` would no longer be a path.
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

    /// Writes the effective configuration as TOML; a password in `database.url` reads `***`, and `master_key` is only
    /// ever a reference.
    pub fn to_redacted_toml(&self) -> String {
        toml::to_string(&self.to_redacted_json()).expect("sections of plain values are TOML")
    }

    /// Returns the effective configuration as JSON, with the keys of the file; passwords are masked.
    pub fn to_redacted_json(&self) -> serde_json::Value {
        let mut shown = serde_json::to_value(self).expect("sections of plain values are JSON");
        self.written.restore(&mut shown);
        shown
    }

    /// Reads the process environment, which is read nowhere else.
    #[expect(clippy::disallowed_methods, reason = "this is the one place that the lint points to")]
    pub fn environment() -> VarsOs {
        std::env::vars_os()
    }

    /// Reads the configuration that a file with this content makes, without any environment.
    #[cfg(fuzzing)]
    #[doc(hidden)]
    pub fn of_file(content: &[u8]) -> Result<Self, ConfigError> {
        let mut layers = Layers::defaults();
        layers.add_file(Path::new("FILE"), content);
        Self::resolve(layers)
    }

    fn resolve(layers: Layers) -> Result<Self, ConfigError> {
        let mut reader = Reader::new(layers);
        let mut config: Self = reader.section("");
        if config.public_url.is_empty() {
            config.public_url = format!("http://{}", config.listen);
        }
        config.check_together(&mut reader);
        let headers = config.telemetry.headers.iter().map(|header| &header.value);
        let secrets = config.master_key.iter().chain(&config.database.password);
        let secrets = secrets.chain(&config.console.oidc.client_secret).chain(headers);
        // Settings that depend on a wrong value can't be judged.
        let mut unsafe_ones = config.check_production();
        unsafe_ones.retain(|found| !found.hangs_on().any(|key| reader.is_unknown(key)));
        match reader.finish(secrets) {
            problems if problems.is_empty() => Ok(config),
            problems => Err(ConfigError { problems, unsafe_ones }),
        }
    }

    fn check_audiences(&self, reader: &mut Reader) {
        for (place, further) in self.audiences.iter().enumerate() {
            let name = &further.name;
            if name.as_str() == self.tokens.audience {
                reader.conflict(
                    ["audiences", "tokens.audience"],
                    &format!("{name} is the default audience already; take it out of `audiences`"),
                );
            } else if self.audiences[..place].iter().any(|other| other.name == *name) {
                reader.problem_of("audiences", &format!("{name} is there twice; keep one"));
            }
            if further.access_ttl.is_some_and(|ttl| ttl > self.tokens.refresh_ttl) {
                reader.conflict(
                    ["audiences", "tokens.refresh_ttl"],
                    &format!("an access token for {name} would outlive the refresh token; shorten it"),
                );
            }
        }
        let required = self.authz.routes.iter().filter_map(|route| route.audience.as_ref());
        let unknown: BTreeSet<_> =
            required.filter(|audience| self.access_tokens(audience.as_str()).is_none()).collect();
        for audience in unknown {
            reader.conflict(
                ["authz.routes", "audiences"],
                &format!("{audience} is no audience here; name it in `audiences`, or require another one"),
            );
        }
    }

    /// Checks settings that depend on each other.
    fn check_together(&self, reader: &mut Reader) {
        if self.tokens.access_ttl > self.tokens.refresh_ttl {
            reader.conflict(
                ["tokens.access_ttl", "tokens.refresh_ttl"],
                "an access token would outlive the refresh token; lower the first or raise the second",
            );
        }
        self.check_audiences(reader);
        self.check_oidc(reader);
        if let Err(problem) = authz::check(&self.authz.routes) {
            reader.problem_of("authz.routes", &problem);
        }
        if self.idempotency.lease >= self.idempotency.ttl {
            reader.conflict(
                ["idempotency.lease", "idempotency.ttl"],
                "a key would be forgotten while its request runs; make the lease the shorter one",
            );
        }
        if self.database.url.has_password() && self.database.password.is_some() {
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
