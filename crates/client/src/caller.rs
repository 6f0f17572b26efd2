//! The settings that every caller has: the API, the client, its secret.

use std::io;
use std::sync::Arc;

use tokio::runtime;

use crate::http_client;
use crate::{
    Authorizer, Builder, Cached, ClientAuthentication, ClientCredentials, ConfigurationError, Dialect,
    Environment, HttpHosts, NotAHost, Origin, Reference, ReferenceError, SecretError, SecretSource, Settings,
};

const BASE_URL: &str = "TOLLGATE_BASE_URL";
const CLIENT_ID: &str = "TOLLGATE_CLIENT_ID";
const CLIENT_SECRET: &str = "TOLLGATE_CLIENT_SECRET";

/// A client of the Payment API: the URL of the API, and the credentials.
///
/// ```no_run
/// use tollgate_client::{Caller, Environment, Settings};
///
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// let caller = Caller::from_environment(&Environment::process()).await?;
/// let authorizer = caller.authorizer(Settings::default())?;
/// println!("calls {} with {}", caller.base_url(), authorizer.cached().ready().await?.header().len());
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Caller {
    base_url: String,
    dialect: Dialect,
    origin: Origin,
    http_hosts: HttpHosts,
    id: Arc<dyn SecretSource>,
    secret: Arc<dyn SecretSource>,
}

impl Caller {
    /// Makes a client of the API at this base URL, with or without a slash at its end.
    pub fn new(
        base_url: &str,
        id: impl SecretSource,
        secret: impl SecretSource,
    ) -> Result<Self, ConfigurationError> {
        Self::allowing(HttpHosts::default(), base_url, id, secret)
    }

    /// Makes a client as [`new`](Self::new) does, which may use http to these hosts, too.
    pub fn allowing(
        http_hosts: HttpHosts,
        base_url: &str,
        id: impl SecretSource,
        secret: impl SecretSource,
    ) -> Result<Self, ConfigurationError> {
        Ok(Self {
            base_url: base_url.trim_end_matches('/').to_owned(),
            dialect: Dialect::payment_api_allowing(base_url, &http_hosts)?,
            origin: Origin::allowing(base_url, &http_hosts)?,
            http_hosts,
            id: Arc::new(id),
            secret: Arc::new(secret),
        })
    }

    /// Makes the client that the environment describes: `TOLLGATE_BASE_URL`, `TOLLGATE_CLIENT_ID` and
    /// `TOLLGATE_CLIENT_SECRET`, each a value or a [`Reference`].
    ///
    /// The base URL is read here; id and secret are read when they are needed, and again when the authority refuses them. http is
    /// used to the hosts that `TOLLGATE_ALLOW_HTTP_TO` names.
    pub async fn from_environment(environment: &Environment) -> Result<Self, CallerError> {
        let hosts = HttpHosts::from_environment(environment);
        Self::described(environment, hosts.map_err(|error| CallerError::of(HttpHosts::VARIABLE, error))?)
            .await
    }

    /// Makes the client that the environment describes, with these hosts instead of those of the environment.
    pub async fn described(environment: &Environment, http_hosts: HttpHosts) -> Result<Self, CallerError> {
        let public = environment.clone().of_public_values();
        let base_url = open(&public, BASE_URL, "the base URL of the API")?;
        let id = open(&public, CLIENT_ID, "the client's id")?;
        let secret = open(environment, CLIENT_SECRET, "the client's secret")?;
        let base_url = base_url.read().await.map_err(|error| CallerError::of(BASE_URL, error))?;
        Self::allowing(http_hosts, base_url.expose_secret(), id, secret)
            .map_err(|error| CallerError::of(BASE_URL, error))
    }

    /// Makes the client that the environment describes, for a program that is not async. Panics within a runtime.
    pub fn from_environment_blocking(environment: &Environment) -> Result<Self, CallerError> {
        let runtime = runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| CallerError::of(BASE_URL, error))?;
        runtime.block_on(Self::from_environment(environment))
    }

    /// Says whether the environment has any of the three variables.
    pub fn is_in_environment(environment: &Environment) -> bool {
        [BASE_URL, CLIENT_ID, CLIENT_SECRET].iter().any(|name| environment.variable(name).is_some())
    }

    /// Returns the base URL of the API, without a slash at its end.
    pub fn base_url(&self) -> &str {
        &self.base_url
    }

    /// Returns the source of the client's id.
    pub fn id(&self) -> Arc<dyn SecretSource> {
        self.id.clone()
    }

    /// Returns the source of the client's secret.
    pub fn secret(&self) -> Arc<dyn SecretSource> {
        self.secret.clone()
    }

    /// Returns the origin to which tokens may be sent.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// Returns the hosts that may be called over http, besides this machine.
    pub fn http_hosts(&self) -> &HttpHosts {
        &self.http_hosts
    }

    /// Starts to build a reqwest client for calls of the API, as [`http_client_builder`](crate::http_client_builder) does.
    pub fn http_client_builder(&self) -> Result<reqwest::ClientBuilder, ConfigurationError> {
        http_client::http_client_builder_allowing(&self.base_url, &self.http_hosts)
    }

    /// Starts to build a token source for this client.
    pub fn credentials_builder(&self) -> Builder {
        ClientCredentials::builder(self.dialect.clone(), self.id.clone(), self.secret.clone())
    }

    /// Starts to build a token source for one of the APIs of the authority, by its endpoint of RFC 6749.
    pub fn credentials_builder_for(&self, audience: &str) -> Result<Builder, ConfigurationError> {
        let url = format!("{}/oauth2/token", self.base_url);
        let dialect = Dialect::standard_allowing(&url, ClientAuthentication::Basic, &self.http_hosts)?;
        Ok(ClientCredentials::builder(dialect, self.id.clone(), self.secret.clone()).audience(audience))
    }

    /// Makes a token source for this client. Fails if TLS can't be set up.
    pub fn credentials(&self) -> Result<ClientCredentials, ConfigurationError> {
        self.credentials_builder().build()
    }

    /// Makes an authorizer of requests to the API. Fails if TLS can't be set up.
    pub fn authorizer(&self, settings: Settings) -> Result<Authorizer, ConfigurationError> {
        Ok(Authorizer::new(Cached::new(self.credentials()?, settings), [self.origin.clone()]))
    }
}

/// Opens the value of a variable, or the source that it refers to.
fn open(
    environment: &Environment,
    name: &'static str,
    what: &'static str,
) -> Result<Arc<dyn SecretSource>, CallerError> {
    let value = environment.variable(name).ok_or(CallerError { name, problem: Problem::Missing(what) })?;
    // The shell or an editor adds a newline at the end.
    let reference = Reference::parse(value.trim_end_matches(['\r', '\n']));
    let reference = reference.map_err(|error| CallerError::of(name, error))?;
    reference.open(environment.clone()).map_err(|error| CallerError::of(name, error))
}

/// The error for a variable of a client that is missing or wrong.
#[derive(Debug, thiserror::Error)]
#[error("{name}{problem}")]
pub struct CallerError {
    name: &'static str,
    problem: Problem,
}

#[derive(Debug, thiserror::Error)]
enum Problem {
    #[error(
        " is not set, is empty or is not UTF-8: set it to {0}, or to where that is kept \
         (file:…, env:…, vault:…, gcp:…, aws:…)"
    )]
    Missing(&'static str),
    #[error(" can't be read, because no runtime starts: {0}")]
    Runtime(#[from] io::Error),
    #[error(": {0}")]
    Reference(#[from] ReferenceError),
    #[error(": {0}")]
    Secret(#[from] SecretError),
    #[error(": {0}")]
    HttpHost(#[from] NotAHost),
    #[error(": {0}")]
    Configuration(#[from] ConfigurationError),
}

impl CallerError {
    fn of(name: &'static str, problem: impl Into<Problem>) -> Self {
        Self { name, problem: problem.into() }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;
    use crate::SystemClock;

    fn environment(variables: &[(&str, &str)]) -> Environment {
        let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let variables: HashMap<_, _> = variables.iter().map(own).collect();
        Environment::new(move |name| variables.get(name).cloned(), SystemClock::new())
    }

    async fn caller(base_url: &str, id: &str, secret: &str) -> Result<Caller, CallerError> {
        let variables = [(BASE_URL, base_url), (CLIENT_ID, id), (CLIENT_SECRET, secret), ("KEPT", "s3cret")];
        Caller::from_environment(&environment(&variables)).await
    }

    async fn error(base_url: &str, id: &str, secret: &str) -> String {
        caller(base_url, id, secret).await.err().unwrap().to_string()
    }

    #[tokio::test]
    async fn values_and_references_describe_a_client() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("base_url");
        std::fs::write(&path, "https://core.example.com/base/\n").unwrap();
        let caller = caller(&format!("file:{}", path.display()), "an-id\n", "env:KEPT").await.unwrap();
        assert_eq!(caller.base_url(), "https://core.example.com/base");
        assert_eq!(*caller.origin(), Origin::of("https://core.example.com").unwrap());
        assert_eq!(caller.id.read().await.unwrap().expose_secret(), "an-id");
        assert_eq!(caller.secret.read().await.unwrap().expose_secret(), "s3cret");
        assert!(caller.authorizer(Settings::default()).is_ok());
    }

    #[tokio::test]
    async fn an_error_names_the_variable_and_says_what_to_do() {
        let url = "https://core.example.com";
        let missing = "is not set, is empty or is not UTF-8: set it to the client's secret, or to where";
        assert!(error(url, "an-id", "").await.starts_with(&format!("{CLIENT_SECRET} {missing}")));
        assert!(error("", "", "").await.starts_with(&format!("{BASE_URL} is not set")));
        assert!(error(url, "vault:x", "s").await.starts_with(&format!("{CLIENT_ID}: ")));
        assert!(error("file:/nowhere", "i", "s").await.starts_with(&format!("{BASE_URL}: file:/nowhere: ")));
        let insecure = error("http://core.example.com", "i", "s3cret").await;
        assert!(insecure.starts_with(&format!("{BASE_URL}: the URL must begin with https://")), "{insecure}");
        assert!(error("https://core.example.com/?a", "i", "s").await.starts_with(BASE_URL));
    }

    #[test]
    fn one_variable_is_enough_to_mean_the_environment() {
        assert!(!Caller::is_in_environment(&environment(&[(BASE_URL, ""), ("OTHER", "x")])));
        assert!(Caller::is_in_environment(&environment(&[(CLIENT_ID, "x")])));
    }
}
