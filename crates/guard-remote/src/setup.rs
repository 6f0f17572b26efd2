//! The settings of an authority that every verifier needs.

use std::sync::Arc;
use std::time::Duration;

use tollgate_client::{ConfigurationError, HttpTransport, Origin, SecretSource, Transport};
use tollgate_clock::SystemClock;
use tollgate_core::{Audience, AudienceError, Clock, Environment};

use crate::authority::{Authority, Channel};

/// How long a document may take, and how long the authority may keep a question open, which it does for 30 seconds.
const PATIENCE: Duration = Duration::from_secs(5);
const LONG_PATIENCE: Duration = Duration::from_secs(35);
/// The longest answers, in bytes: of documents, and of revocations, which is enough for about 400,000.
const LONGEST_DOCUMENT: usize = 512 * 1024;
const LONGEST_LIST: usize = 64 * 1024 * 1024;
/// The shortest bound on the age of revocations. An answer is up to 30 seconds old when it comes, and the next one comes as much later.
pub(crate) const SHORTEST_BOUND: Duration = Duration::from_secs(65);

/// The id and the secret of a guard's own client.
pub(crate) type Own = (Arc<dyn SecretSource>, Arc<dyn SecretSource>);

/// The settings from which every verifier that calls an authority is made.
pub(crate) struct Setup {
    pub(crate) issuer: String,
    pub(crate) audience: String,
    pub(crate) environment: Option<Environment>,
    pub(crate) transport: Option<Arc<dyn Transport>>,
    pub(crate) clock: Arc<dyn Clock>,
}

/// Why a verifier can't be set up with its settings.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// The issuer is not a URL that can be called.
    #[error("the issuer: {0}")]
    Issuer(#[from] ConfigurationError),
    /// The issuer has a query, or a slash at its end.
    #[error(
        "the issuer must be the authority's public_url, letter by letter: no slash at its end and no query"
    )]
    NotAnIssuer,
    /// The audience is not a name of an API.
    #[error("the audience: {0}")]
    Audience(#[from] AudienceError),
    /// Neither a client for revocations was set, nor that there are none.
    #[error(
        "to learn of revocations the guard needs a client with the scope tollgate:verify: set client(…), or say \
         without_revocations() if tokens may count until they expire"
    )]
    NoClient,
    /// The bound is shorter than the time between answers.
    #[error("revocations can't be bound to less than {} s: the authority answers every 30 s", SHORTEST_BOUND.as_secs())]
    Bound,
    /// It was not called in a runtime, which its tasks need.
    #[error("a verifier that asks its authority is started within a tokio runtime")]
    NoRuntime,
}

impl Setup {
    pub(crate) fn new(issuer: String, audience: String) -> Self {
        let (environment, clock) = (Some(Environment::Live), Arc::new(SystemClock));
        Self { issuer, audience, environment, transport: None, clock }
    }

    /// Makes the authority that is called from now on.
    pub(crate) fn authority(&self) -> Result<Authority, BuildError> {
        self.audience.parse::<Audience>()?;
        let origin = Origin::of(&self.issuer)?;
        if self.issuer.ends_with('/') || self.issuer.contains('?') {
            return Err(BuildError::NotAnIssuer);
        }
        Ok(Authority {
            issuer: self.issuer.as_str().into(),
            origin,
            documents: self.channel(PATIENCE, LONGEST_DOCUMENT)?,
            polls: self.channel(LONG_PATIENCE, LONGEST_LIST)?,
            clock: self.clock.clone(),
        })
    }

    fn channel(&self, patience: Duration, longest: usize) -> Result<Channel, ConfigurationError> {
        let transport = match &self.transport {
            Some(transport) => transport.clone(),
            None => Arc::new(HttpTransport::new(&self.issuer, patience, longest)?),
        };
        Ok(Channel { transport, patience })
    }
}
