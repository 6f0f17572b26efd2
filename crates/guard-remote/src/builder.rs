//! Sets up a verifier that reads keys and revocations from the authority.

use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::task::JoinSet;
use tollgate_client::{
    Cached, ClientAuthentication, ClientCredentials, ConfigurationError, Dialect, SecretSource, Settings,
    Transport,
};
use tollgate_core::{Clock, Environment, Policy, VerifyingRing};
use tollgate_guard::Verifier;

use crate::freshness::{Keeper, Revoking, WhenCutOff};
use crate::setup::{BuildError, Own, SHORTEST_BOUND, Setup};
use crate::shared::Shared;
use crate::verifier::RemoteVerifier;
use crate::wanted::Wanted;
use crate::{follow, keys};

/// The scope that a guard's own client must have.
const SCOPE: &str = "tollgate:verify";
/// How old the last answer with revocations may be. An answer is up to 30 seconds old when it comes, and the next one comes as much
/// later.
const BOUND: Duration = Duration::from_secs(90);
const IAT_LEEWAY: Duration = Duration::from_secs(5);

/// Builds a [`RemoteVerifier`].
#[must_use]
pub struct RemoteBuilder {
    setup: Setup,
    revocations: Following,
    bound: Duration,
    when_cut_off: WhenCutOff,
    exp_leeway: Duration,
}

impl RemoteVerifier {
    /// Starts to build a verifier of the tokens of `issuer`, the authority's public URL, for `audience`, the API that is
    /// guarded. By default it admits tokens of live mode.
    pub fn builder(issuer: impl Into<String>, audience: impl Into<String>) -> RemoteBuilder {
        RemoteBuilder::new(issuer.into(), audience.into())
    }
}

/// The client by which revocations are read, or the choice to read none.
enum Following {
    Unsaid,
    Nobody,
    Client(Own),
}

impl RemoteBuilder {
    pub(crate) fn new(issuer: String, audience: String) -> Self {
        Self {
            setup: Setup::new(issuer, audience),
            revocations: Following::Unsaid,
            bound: BOUND,
            when_cut_off: WhenCutOff::Refuse,
            exp_leeway: Duration::ZERO,
        }
    }

    /// Admits only tokens of this environment; by default, of live mode.
    pub fn environment(mut self, environment: Environment) -> Self {
        self.setup.environment = Some(environment);
        self
    }

    /// Admits tokens of live and of test mode. Each route must then check the environment itself.
    pub fn any_environment(mut self) -> Self {
        self.setup.environment = None;
        self
    }

    /// Reads revocations as this client, by its id and its secret. It needs the scope `tollgate:verify`, and tokens of the
    /// authority's default audience.
    pub fn client(mut self, id: impl SecretSource, secret: impl SecretSource) -> Self {
        self.revocations = Following::Client((Arc::new(id), Arc::new(secret)));
        self
    }

    /// Reads no revocations: a token is valid until it expires.
    pub fn without_revocations(mut self) -> Self {
        self.revocations = Following::Nobody;
        self
    }

    /// Sets how old the revocations may be by which requests are decided; 90 seconds by default, and at least 65. The authority
    /// answers every 30 seconds.
    pub fn bound(mut self, bound: Duration) -> Self {
        self.bound = bound;
        self
    }

    /// Sets what happens when the revocations are older than the bound; by default, every request is refused with 503.
    pub fn when_cut_off(mut self, when_cut_off: WhenCutOff) -> Self {
        self.when_cut_off = when_cut_off;
        self
    }

    /// Sets how long after its expiry a token is still accepted; by default, not at all.
    pub fn exp_leeway(mut self, leeway: Duration) -> Self {
        self.exp_leeway = leeway;
        self
    }

    /// Calls the authority by this transport instead of HTTP.
    pub fn transport(mut self, transport: impl Transport) -> Self {
        self.setup.transport = Some(Arc::new(transport));
        self
    }

    /// Uses this clock, for tests.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.setup.clock = clock;
        self
    }

    /// Starts the verifier with the tasks that read keys and revocations. It doesn't wait for the authority: until the authority
    /// has answered, requests are refused with 503.
    pub fn start(self) -> Result<RemoteVerifier, BuildError> {
        let runtime = Handle::try_current().map_err(|_| BuildError::NoRuntime)?;
        let authority = self.setup.authority()?;
        let tokens = match &self.revocations {
            Following::Unsaid => return Err(BuildError::NoClient),
            Following::Nobody => None,
            Following::Client(_) if self.bound < SHORTEST_BOUND => return Err(BuildError::Bound),
            Following::Client(client) => Some(self.tokens(client)?),
        };
        let revoking = match &tokens {
            None => Revoking::Unknown,
            Some(_) => Revoking::Followed(self.bound, self.when_cut_off),
        };
        let verifier = Arc::new(self.verifier());
        let keeper = Keeper::new(verifier.clone(), revoking);
        let (wanted, serving) = Wanted::new();
        let shared = Arc::new(Shared { verifier, authority, keeper, wanted });
        let mut tasks = JoinSet::new();
        tasks.spawn_on(keys::keep(shared.clone(), serving), &runtime);
        let watched = shared.clone();
        tasks.spawn_on(async move { watched.keeper.watch().await }, &runtime);
        if let Some(tokens) = tokens {
            tasks.spawn_on(follow::follow(shared.clone(), tokens), &runtime);
        }
        Ok(RemoteVerifier { shared, _tasks: tasks })
    }

    fn verifier(&self) -> Verifier {
        let policy = Policy {
            issuer: self.setup.issuer.clone(),
            audience: self.setup.audience.clone(),
            exp_leeway: self.exp_leeway,
            iat_leeway: IAT_LEEWAY,
        };
        let verifier = Verifier::new(VerifyingRing::new(policy, []), self.setup.clock.clone());
        match self.setup.environment {
            Some(environment) => verifier.of_environment(environment),
            None => verifier,
        }
    }

    fn tokens(&self, (id, secret): &Own) -> Result<Cached, ConfigurationError> {
        let url = format!("{}/oauth2/token", self.setup.issuer);
        let dialect = Dialect::standard(&url, ClientAuthentication::Basic)?;
        let credentials = ClientCredentials::builder(dialect, id.clone(), secret.clone()).scope(SCOPE);
        let credentials = match &self.setup.transport {
            Some(transport) => credentials.transport(transport.clone()),
            None => credentials,
        };
        Ok(Cached::new(credentials.build()?, Settings::default()))
    }
}
