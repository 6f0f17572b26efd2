//! How an authority is named and called.

use std::sync::Arc;
use std::time::Duration;

use tollgate_client::{ConfigurationError, HttpTransport, Origin, SecretSource, Transport};
use tollgate_clock::SystemClock;
use tollgate_core::{Audience, AudienceError, Clock, Environment};

use crate::authority::{Authority, Channel};

/// How long a document may take, and how long the authority may keep a question open: it does for 30 seconds.
const PATIENCE: Duration = Duration::from_secs(5);
const LONG_PATIENCE: Duration = Duration::from_secs(35);
/// How long answers may be, in bytes: documents, and revocations, of which this is about 400,000.
const LONGEST_DOCUMENT: usize = 512 * 1024;
const LONGEST_LIST: usize = 64 * 1024 * 1024;
/// The shortest bound of what is known of revocations. An answer is up to 30 seconds old when it comes, and so is the next.
pub(crate) const SHORTEST_BOUND: Duration = Duration::from_secs(65);

/// The id and the secret of a guard's own client.
pub(crate) type Own = (Arc<dyn SecretSource>, Arc<dyn SecretSource>);

/// What every verifier that calls an authority is made from.
pub(crate) struct Setup {
    pub(crate) issuer: String,
    pub(crate) audience: String,
    pub(crate) environment: Option<Environment>,
    pub(crate) transport: Option<Arc<dyn Transport>>,
    pub(crate) clock: Arc<dyn Clock>,
}

/// Why a verifier can't be set up as it is told.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// The issuer is no URL that can be called.
    #[error("the issuer: {0}")]
    Issuer(#[from] ConfigurationError),
    /// The issuer has a query, or a slash at its end.
    #[error(
        "the issuer must be the authority's public_url, letter by letter: no slash at its end and no query"
    )]
    NotAnIssuer,
    /// The audience is no name of an API.
    #[error("the audience: {0}")]
    Audience(#[from] AudienceError),
    /// Nothing is said of revocations.
    #[error(
        "to learn of revocations the guard needs a client with the scope tollgate:verify: set client(…), or say \
         without_revocations() if tokens may count until they expire"
    )]
    NoClient,
    /// The bound is shorter than what answers take.
    #[error("revocations can't be bound to less than {} s: the authority answers every 30 s", SHORTEST_BOUND.as_secs())]
    Bound,
    /// There is no runtime to run its tasks on.
    #[error("a verifier that asks its authority is started within a tokio runtime")]
    NoRuntime,
}

impl Setup {
    pub(crate) fn new(issuer: String, audience: String) -> Self {
        let (environment, clock) = (Some(Environment::Live), Arc::new(SystemClock));
        Self { issuer, audience, environment, transport: None, clock }
    }

    /// The authority, as it is called from now on.
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
