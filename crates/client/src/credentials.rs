//! Obtains tokens as a client, by a refresh token while there is one and by the secret otherwise.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use crate::source::{Looking, Obtaining};
use crate::{
    Clock, ConfigurationError, Mark, ObtainError, Reading, Secret, SecretError, SecretSource, Token,
    TokenSource,
};

mod dialect;
mod exchange;
mod transport;

pub use dialect::{ClientAuthentication, Dialect};
use exchange::{Exchange, Failure, Grant};
pub use transport::{HttpTransport, Sending, Transport};

/// The assumed lifetime of a refresh token. RFC 6749 has no field for it.
const REFRESH_LIFETIME: Duration = Duration::from_secs(24 * 60 * 60);
const TIMEOUT: Duration = Duration::from_secs(5);
/// How often a secret store is read while its secret is refused. This puts no load on the authority.
const STORE_READS: Duration = Duration::from_secs(5);

/// Obtains tokens as a client: by the refresh token while it is valid for longer than an access token, else by the
/// secret. It makes one attempt; [`Cached`](crate::Cached) makes the next.
///
/// Id and secret are read when they are first needed, and again when the authority refuses them; if they have changed,
/// they are tried at once. While they are refused, a change of a file is noticed within a second, and a change in a secret
/// store within five; the authority is not called for that.
pub struct ClientCredentials {
    exchange: Exchange,
    id: Arc<dyn SecretSource>,
    secret: Arc<dyn SecretSource>,
    refresh_lifetime: Duration,
    state: Mutex<State>,
}

/// Builds [`ClientCredentials`].
#[must_use]
pub struct Builder {
    dialect: Dialect,
    id: Arc<dyn SecretSource>,
    secret: Arc<dyn SecretSource>,
    scope: Option<String>,
    audience: Option<String>,
    timeout: Duration,
    refresh_lifetime: Duration,
    transport: Option<Arc<dyn Transport>>,
}

#[derive(Default)]
struct State {
    credentials: Option<Credentials>,
    refresh: Option<Refresh>,
    /// Whether the last call with the refresh token failed, although the token was not refused.
    refresh_failed: bool,
    /// The marks of id and secret from before they were last read.
    marks: Option<[Mark; 2]>,
    /// The last refusal, if only other credentials can end it.
    refused: Option<Refused>,
}

/// A refusal that only other credentials can end.
#[derive(Clone)]
enum Refused {
    /// The authority refuses these credentials, which were read at this time of the monotonic clock.
    Client(Credentials, Duration),
    /// The secret store refuses access to this process, and did so last at this time.
    Reader(Duration),
}

#[derive(Clone)]
struct Credentials {
    id: Secret,
    secret: Secret,
}

#[derive(Clone)]
struct Refresh {
    token: Secret,
    ends: Reading,
    access_lifetime: Duration,
}

impl Builder {
    /// Requests these scopes, separated by spaces. By default, tokens have all scopes of the client.
    pub fn scope(mut self, scope: impl Into<String>) -> Self {
        self.scope = Some(scope.into());
        self
    }

    /// Requests tokens for this API. By default, they are for the default one. It is for [standard](Dialect::standard) authorities
    /// only: the endpoint of the Payment API has no such parameter.
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.audience = Some(audience.into());
        self
    }

    /// Sets the time limit of a call; 5 seconds by default.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Sets the assumed lifetime of refresh tokens; 24 hours by default. A token that expires sooner costs one failed call.
    pub fn refresh_lifetime(mut self, lifetime: Duration) -> Self {
        self.refresh_lifetime = lifetime;
        self
    }

    /// Sends calls to the authority by this transport instead of HTTP. The transport's own time limit applies.
    pub fn transport(mut self, transport: impl Transport) -> Self {
        self.transport = Some(Arc::new(transport));
        self
    }

    /// Builds the credentials. Fails if TLS can't be set up.
    pub fn build(self) -> Result<ClientCredentials, ConfigurationError> {
        let Dialect(dialect) = self.dialect;
        let transport = match self.transport {
            Some(transport) => transport,
            None => Arc::new(HttpTransport::for_tokens(dialect.token_url(), self.timeout)?),
        };
        Ok(ClientCredentials {
            exchange: Exchange::new(dialect, self.scope, self.audience, transport),
            id: self.id,
            secret: self.secret,
            refresh_lifetime: self.refresh_lifetime,
            state: Mutex::default(),
        })
    }
}

impl ClientCredentials {
    /// Starts a builder with the authority and the sources of id and secret.
    pub fn builder(dialect: Dialect, id: impl SecretSource, secret: impl SecretSource) -> Builder {
        Builder {
            dialect,
            id: Arc::new(id),
            secret: Arc::new(secret),
            scope: None,
            audience: None,
            timeout: TIMEOUT,
            refresh_lifetime: REFRESH_LIFETIME,
            transport: None,
        }
    }

    /// Reads id and secret again, and says whether they have changed. If so, the next token is obtained with them. If they can't be read,
    /// the old ones stay in force.
    pub async fn read_anew(&self) -> Result<bool, SecretError> {
        let marks = self.marks().await;
        let read = self.read().await?;
        let mut state = self.state();
        let has_changed = state.credentials.as_ref().is_some_and(|before| *before != read);
        if has_changed {
            state.refresh = None;
        }
        (state.credentials, state.marks) = (Some(read), Some(marks));
        Ok(has_changed)
    }

    /// Notes a refusal, if the outcome is one.
    fn note(&self, obtained: Result<Token, ObtainError>, clock: &dyn Clock) -> Result<Token, ObtainError> {
        let mut state = self.state();
        state.refused = match (&obtained, &state.credentials) {
            (Err(ObtainError::RefusedClient(_)), Some(used)) => {
                Some(Refused::Client(used.clone(), clock.now().monotonic))
            }
            (Err(ObtainError::Secret(error)), _) if error.is_denied() => {
                Some(Refused::Reader(clock.now().monotonic))
            }
            _ => None,
        };
        drop(state);
        obtained
    }

    /// Says whether the credentials have changed since they were refused.
    async fn look(&self, clock: &dyn Clock) -> bool {
        let Some(refused) = self.state().refused.clone() else { return false };
        let marks = self.marks().await;
        let marked = self.state().marks.replace(marks).is_some_and(|before| before != marks);
        let (used, asked) = match refused {
            Refused::Client(used, asked) => (Some(used), asked),
            Refused::Reader(asked) => (None, asked),
        };
        let now = clock.now().monotonic;
        let is_due = marks.iter().any(|mark| mark.is_elsewhere()) && now >= asked.saturating_add(STORE_READS);
        if !marked && !is_due {
            return false;
        }
        // A source that can't be read now is read again later.
        let found = self.read().await.ok().filter(|found| used.as_ref() != Some(found));
        let has_changed = found.is_some();
        let mut state = self.state();
        state.credentials = found.or_else(|| used.clone());
        state.refused = Some(used.map_or(Refused::Reader(now), |used| Refused::Client(used, now)));
        has_changed
    }

    async fn try_obtain(&self, clock: &dyn Clock) -> Result<Token, ObtainError> {
        if let Some(refresh) = self.usable_refresh(clock.now()) {
            match self.refresh(&refresh, clock).await {
                Ok(token) => return Ok(token),
                Err(Failure::Refused(_)) => self.state().refresh = None,
                Err(Failure::Other(error)) => {
                    self.state().refresh_failed = true;
                    return Err(error);
                }
            }
        }
        self.authenticate(clock).await
    }

    /// Returns the refresh token, unless it expires soon. After a failed call with it, the secret is used once.
    fn usable_refresh(&self, now: Reading) -> Option<Refresh> {
        let mut state = self.state();
        if std::mem::take(&mut state.refresh_failed) {
            return None;
        }
        state.refresh.clone().filter(|refresh| now.until(refresh.ends) > refresh.access_lifetime)
    }

    async fn refresh(&self, refresh: &Refresh, clock: &dyn Clock) -> Result<Token, Failure> {
        let credentials =
            if self.exchange.refreshes_as_client() { Some(self.credentials().await?) } else { None };
        let client = credentials.as_ref().map(Credentials::exposed);
        let grant = Grant::Refresh { token: refresh.token.expose_secret(), client };
        let granted = self.exchange.call(&grant, clock).await?;
        self.keep(granted.refresh_token, Some(refresh), &granted.token);
        Ok(granted.token)
    }

    async fn authenticate(&self, clock: &dyn Clock) -> Result<Token, ObtainError> {
        let used = self.credentials().await?;
        let refusal = match self.grant(&used, clock).await {
            Ok(token) => return Ok(token),
            Err(Failure::Refused(refusal)) => refusal,
            Err(Failure::Other(error)) => return Err(error),
        };
        self.state().credentials = None;
        let read = self.credentials().await?;
        if read == used {
            return Err(ObtainError::RefusedClient(refusal));
        }
        match self.grant(&read, clock).await {
            Ok(token) => Ok(token),
            Err(Failure::Refused(refusal)) => Err(ObtainError::RefusedClient(refusal)),
            Err(Failure::Other(error)) => Err(error),
        }
    }

    async fn grant(&self, credentials: &Credentials, clock: &dyn Clock) -> Result<Token, Failure> {
        let granted = self.exchange.call(&Grant::Client(credentials.exposed()), clock).await?;
        self.keep(granted.refresh_token, None, &granted.token);
        Ok(granted.token)
    }

    /// Keeps the new refresh token, or else the one that was used (RFC 6749 §6).
    fn keep(&self, came: Option<Secret>, used: Option<&Refresh>, token: &Token) {
        let access_lifetime = token.lifetime();
        let ends = token.sent().after(self.refresh_lifetime);
        let came = came.map(|token| Refresh { token, ends, access_lifetime });
        self.state().refresh = came.or_else(|| used.map(|used| Refresh { access_lifetime, ..used.clone() }));
    }

    async fn credentials(&self) -> Result<Credentials, ObtainError> {
        let known = self.state().credentials.clone();
        if let Some(known) = known {
            return Ok(known);
        }
        // Taken before the reading, so that a change meanwhile is noticed.
        let marks = self.marks().await;
        self.state().marks = Some(marks);
        let credentials = self.read().await.map_err(|error| ObtainError::Secret(Arc::new(error)))?;
        self.state().credentials = Some(credentials.clone());
        Ok(credentials)
    }

    async fn read(&self) -> Result<Credentials, SecretError> {
        let (id, secret) = tokio::try_join!(self.id.read(), self.secret.read())?;
        Ok(Credentials { id, secret })
    }

    async fn marks(&self) -> [Mark; 2] {
        let (id, secret) = tokio::join!(self.id.mark(), self.secret.mark());
        [id, secret]
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nothing panics with the state locked")
    }
}

impl TokenSource for ClientCredentials {
    fn obtain<'a>(&'a self, clock: &'a dyn Clock) -> Obtaining<'a> {
        Box::pin(async { self.note(self.try_obtain(clock).await, clock) })
    }

    fn has_changed<'a>(&'a self, clock: &'a dyn Clock) -> Looking<'a> {
        Box::pin(self.look(clock))
    }
}

impl Credentials {
    fn exposed(&self) -> (&str, &str) {
        (self.id.expose_secret(), self.secret.expose_secret())
    }
}

impl PartialEq for Credentials {
    fn eq(&self, other: &Self) -> bool {
        self.exposed() == other.exposed()
    }
}
