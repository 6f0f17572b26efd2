//! Client credentials over HTTP: a refresh token while there is one, the secret otherwise.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use crate::source::{Looking, Obtaining};
use crate::{
    Clock, ConfigurationError, Mark, Moment, ObtainError, Secret, SecretError, SecretSource, Token,
    TokenSource,
};

mod exchange;
mod face;
mod transport;

use exchange::{Exchange, Failure, Grant};
pub use face::{ClientAuthentication, Face};
use transport::Http;
pub use transport::{Sending, Transport};

/// How long a refresh token lives where the authority does not say, which RFC 6749 gives it no field for.
const REFRESH_LIFE: Duration = Duration::from_secs(24 * 60 * 60);
const TIMEOUT: Duration = Duration::from_secs(5);
/// A secret store is read so often while what it held is refused. It is not the authority, so this may be often.
const STORE_READS: Duration = Duration::from_secs(5);

/// Obtains tokens as a client: by the refresh token while that has more than one life of an access token left, else by
/// the secret. It makes one attempt; [`Cached`](crate::Cached) makes the next.
///
/// Id and secret are read when they are first needed, and again when the authority refuses them; if they have changed,
/// they are tried at once. While they stay refused, it notices within a second when a file of them changes, and within
/// five seconds when a secret store has others; the authority is not asked for that.
pub struct ClientCredentials {
    exchange: Exchange,
    id: Arc<dyn SecretSource>,
    secret: Arc<dyn SecretSource>,
    refresh_life: Duration,
    state: Mutex<State>,
}

/// Makes [`ClientCredentials`].
#[must_use]
pub struct Builder {
    face: Face,
    id: Arc<dyn SecretSource>,
    secret: Arc<dyn SecretSource>,
    scope: Option<String>,
    timeout: Duration,
    refresh_life: Duration,
    transport: Option<Arc<dyn Transport>>,
}

#[derive(Default)]
struct State {
    credentials: Option<Credentials>,
    refresh: Option<Refresh>,
    /// The last call by the refresh token failed, but not because the token was refused.
    refresh_failed: bool,
    /// What showed of id and secret before they were read last.
    marks: Option<[Mark; 2]>,
    /// What is refused.
    refused: Option<Refused>,
}

/// What waits for something else to ask with.
#[derive(Clone)]
enum Refused {
    /// The authority refuses these, which were read at this time of the monotonic clock.
    Client(Credentials, Duration),
    /// The secret store refuses who asks it.
    Reader,
}

#[derive(Clone)]
struct Credentials {
    id: Secret,
    secret: Secret,
}

#[derive(Clone)]
struct Refresh {
    token: Secret,
    ends: Moment,
    access_life: Duration,
}

impl Builder {
    /// Asks for these scopes, separated by spaces. Without it, tokens have all that the client may have.
    pub fn scope(mut self, scope: impl Into<String>) -> Self {
        self.scope = Some(scope.into());
        self
    }

    /// Lets one call take this long; 5 seconds without it.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Believes that refresh tokens live this long; 24 hours without it. One that ends sooner costs a call in vain.
    pub fn refresh_life(mut self, life: Duration) -> Self {
        self.refresh_life = life;
        self
    }

    /// Sends the calls to the authority by this, in place of HTTP; the timeout is then its own.
    pub fn transport(mut self, transport: impl Transport) -> Self {
        self.transport = Some(Arc::new(transport));
        self
    }

    /// Makes them. It fails where TLS can't be set up.
    pub fn build(self) -> Result<ClientCredentials, ConfigurationError> {
        let Face(face) = self.face;
        let transport = match self.transport {
            Some(transport) => transport,
            None => Arc::new(Http::new(face.token_url().as_str(), self.timeout)?),
        };
        Ok(ClientCredentials {
            exchange: Exchange::new(face, self.scope, transport),
            id: self.id,
            secret: self.secret,
            refresh_life: self.refresh_life,
            state: Mutex::default(),
        })
    }
}

impl ClientCredentials {
    /// Begins with where tokens are obtained, and where the id and the secret of the client are read.
    pub fn builder(face: Face, id: impl SecretSource, secret: impl SecretSource) -> Builder {
        Builder {
            face,
            id: Arc::new(id),
            secret: Arc::new(secret),
            scope: None,
            timeout: TIMEOUT,
            refresh_life: REFRESH_LIFE,
            transport: None,
        }
    }

    /// Takes notice of what is refused.
    fn note(&self, obtained: Result<Token, ObtainError>, clock: &dyn Clock) -> Result<Token, ObtainError> {
        let mut state = self.state();
        state.refused = match (&obtained, &state.credentials) {
            (Err(ObtainError::RefusedClient(_)), Some(used)) => {
                Some(Refused::Client(used.clone(), clock.now().monotonic))
            }
            (Err(ObtainError::Secret(error)), _) if error.is_denied() => Some(Refused::Reader),
            _ => None,
        };
        drop(state);
        obtained
    }

    /// Whether there is something else to ask with than what is refused.
    async fn look(&self, clock: &dyn Clock) -> bool {
        let Some(refused) = self.state().refused.clone() else { return false };
        let marks = self.marks().await;
        let marked = self.state().marks.replace(marks).is_some_and(|before| before != marks);
        let (used, read) = match refused {
            Refused::Reader => return marked,
            Refused::Client(used, read) => (used, read),
        };
        let now = clock.now().monotonic;
        let is_due = marks.iter().any(|mark| mark.is_elsewhere()) && now >= read.saturating_add(STORE_READS);
        if !marked && !is_due {
            return false;
        }
        // What can't be read now is looked for again.
        let found = self.read().await.ok();
        let mut state = self.state();
        state.refused = Some(Refused::Client(used.clone(), now));
        let changed = found.filter(|found| *found != used);
        state.credentials = changed.clone().or(Some(used));
        changed.is_some()
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

    /// The refresh token, unless it is about to end. After a failure of it the secret has its turn.
    fn usable_refresh(&self, now: Moment) -> Option<Refresh> {
        let mut state = self.state();
        if std::mem::take(&mut state.refresh_failed) {
            return None;
        }
        state.refresh.clone().filter(|refresh| now.until(refresh.ends) > refresh.access_life)
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

    /// Keeps the refresh token that came, or else the one that was used (RFC 6749 §6).
    fn keep(&self, came: Option<Secret>, used: Option<&Refresh>, token: &Token) {
        let access_life = token.life();
        let ends = token.sent().after(self.refresh_life);
        let came = came.map(|token| Refresh { token, ends, access_life });
        self.state().refresh = came.or_else(|| used.map(|used| Refresh { access_life, ..used.clone() }));
    }

    async fn credentials(&self) -> Result<Credentials, ObtainError> {
        let known = self.state().credentials.clone();
        if let Some(known) = known {
            return Ok(known);
        }
        // Before the reading, so that what changes meanwhile is seen to have changed.
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
