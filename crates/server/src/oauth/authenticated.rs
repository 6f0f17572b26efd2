//! Client authentication (RFC 6749 §2.3), for every endpoint that requires it.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;
use tokio::time::{Instant, timeout};
use tollgate_core::{ClientId, Scope, SecretId};
use tollgate_http::{Problem, Problems, Source, credentials};
use tollgate_installation::{Installation, Registered, Unproved};
use zeroize::Zeroizing;

use crate::caller::Caller;
use crate::error::Error;
use crate::oauth::parameters::{Parameters, present, required};
use crate::sensitive::Sensitive;
use crate::slow_hashes::Proof;
use crate::state::{Arrival, State};

/// A client that has authenticated.
pub(crate) struct Authenticated {
    pub(crate) id: ClientId,
    pub(crate) secret_id: SecretId,
    pub(crate) client: Arc<Registered>,
}

/// The client that a request names, and the secret that it brings (RFC 6749 §2.3.1).
pub(crate) struct Credentials<'a> {
    client_id: Cow<'a, str>,
    secret: Sensitive<'a>,
}

impl<'a> Credentials<'a> {
    /// Takes the credentials from the header or the parameters; both at once are refused. A missing one is a problem.
    pub(crate) fn read(
        headers: &HeaderMap,
        parameters: &mut Parameters<'a>,
        problems: &mut Problems,
    ) -> Result<Option<Self>, Error> {
        let (id, secret) = (parameters.client_id.take(), parameters.client_secret.take());
        if let Some(basic) = basic(headers)? {
            return Ok(Some(basic.alone(id, secret, problems)));
        }
        let (id, secret) = (required(id, "client_id", problems), required(secret, "client_secret", problems));
        Ok(id.zip(secret).map(|(client_id, secret)| Self { client_id, secret: secret.into() }))
    }

    /// Takes the credentials as [`Self::read`] does, for endpoints where a request without them has failed to authenticate
    /// (RFC 6749 §5.2: "no client authentication included").
    pub(crate) fn read_or_refuse(
        headers: &HeaderMap,
        parameters: &mut Parameters<'a>,
    ) -> Result<Self, Error> {
        let (id, secret) = (parameters.client_id.take(), parameters.client_secret.take());
        if let Some(basic) = basic(headers)? {
            let mut problems = Problems::new();
            let basic = basic.alone(id, secret, &mut problems);
            return Ok(problems.or(Some(basic))?);
        }
        let (client_id, secret) = present(id).zip(present(secret)).ok_or(UNREADABLE)?;
        Ok(Self { client_id, secret: secret.into() })
    }

    /// Returns the credentials of the header, and notes as problems those in the body: a request may authenticate in one way only.
    fn alone(self, id: Option<Cow<'_, str>>, secret: Option<Cow<'_, str>>, problems: &mut Problems) -> Self {
        if present(secret).is_some() {
            problems.push(Problem::new(
                "client_secret",
                "is there twice: in the header Authorization and in the body",
            ));
        }
        if present(id).is_some_and(|id| id != self.client_id) {
            problems.push(Problem::new("client_id", "is another one than in the header Authorization"));
        }
        self
    }

    /// Checks the credentials. An unknown client and a wrong secret take the same steps, and are answered alike: the secret is
    /// hashed for whatever client was named, and compared with the secrets of that client or of the dummy client.
    ///
    /// `requested` is the scope that is asked for, if any: a scope beyond the client's is refused here, after the client has
    /// authenticated. No refusal relies on this server's data alone, see [`SlowHashes::judge`].
    ///
    /// [`SlowHashes::judge`]: crate::slow_hashes::SlowHashes::judge
    pub(crate) async fn authenticate(
        &self,
        state: &State,
        Arrival { from, now, at, .. }: Arrival,
        requested: Option<&Scope>,
        caller: &mut Caller,
    ) -> Result<Authenticated, Error> {
        let installation = state.installation();
        // Before anything is said about the client: a secret that is unknown here may be new.
        installation.check_fresh(now)?;
        let id = self.client_id.parse().unwrap_or(NO_CLIENT);
        caller.claimed = Some(id).filter(|id| *id != NO_CLIENT);
        // Failures count under the id itself: another spelling of it is the same client.
        let named = caller.claimed.ok_or(&*self.client_id);
        let (limiters, source) = (state.limiters(), Source::of(from));
        let pair = (named, source);
        let allowed = limiters.pairs.check_of(pair, at).and_then(|()| limiters.failures.check(source, at));
        allowed.map_err(|retry_after| {
            let error = Error::TooMany { retry_after };
            note_known(caller, installation, id, &error);
            error
        })?;

        let proof = Proof::of(installation.hasher(), id, self.secret.as_bytes(), now);
        let authenticated = state.slow_hashes().judge(installation, &proof, |client| {
            let client = client.unwrap_or_else(|| state.dummy_client().clone());
            let secret_id = client.authenticate(&proof.hash, now).map_err(Error::InvalidClient)?;
            if !client.allows(from) {
                return Err(Error::Address);
            }
            check_scope(requested, |word| client.scope.contains(word))?;
            Ok(Authenticated { id, secret_id, client })
        });
        let outcome = authenticated.await;
        match &outcome {
            Ok(by) => {
                caller.authenticated(id, by.secret_id, &by.client);
                if by.client.notes_use(by.secret_id, from, now) {
                    state.uses().note(id, by.secret_id, from, now);
                    keep_proved(installation, by).await;
                }
            }
            Err(error) => {
                note_known(caller, installation, id, error);
                if matches!(error, Error::InvalidClient(_)) {
                    let (pair, at) = (limiters.pairs.key(pair), Instant::now());
                    limiters.pairs.note(pair, at);
                    limiters.failures.note(source, at);
                    if limiters.pairs.check(pair, at).is_err() {
                        installation.note_throttled(id, from);
                    }
                }
            }
        }
        outcome
    }
}

/// Stores the keyed hash of an imported secret that was proved here. The client doesn't wait for a slow store, and doesn't
/// fail because of an unreachable one: it has authenticated, and the next noted use tries again.
async fn keep_proved(installation: &Arc<Installation>, by: &Authenticated) {
    /// How long the client waits.
    const PATIENCE: Duration = Duration::from_secs(1);
    let Some(hash) = by.client.proved(by.secret_id).cloned() else { return };
    let (installation, id, secret) = (installation.clone(), by.id, by.secret_id);
    let rehashing = tokio::spawn(async move { installation.rehash(id, secret, &hash).await });
    // The task goes on by itself, and logs if it fails. Boxed, because few requests come here, and every request moves this future.
    let _ = Box::pin(timeout(PATIENCE, rehashing)).await;
}

/// Notes what is known of a client that was refused.
fn note_known(caller: &mut Caller, installation: &Installation, id: ClientId, error: &Error) {
    if let Some(client) = installation.registry().cached(id) {
        caller.is_there(&client);
    }
    match error {
        Error::InvalidClient(unproved) => caller.secret = unproved.secret(),
        // Only a client that has authenticated gets these errors.
        Error::Address | Error::Scope(_) => caller.verified = Some(id),
        _ => {}
    }
}

/// Refuses a scope beyond what is allowed, instead of trimming it. Only a client that has authenticated learns of it.
pub(crate) fn check_scope(requested: Option<&Scope>, allows: impl Fn(&str) -> bool) -> Result<(), Error> {
    match requested {
        Some(scope) if !scope.words().all(allows) => {
            Err(Error::Scope(Problem::new("scope", "goes beyond what this client may ask for").into()))
        }
        _ => Ok(()),
    }
}

/// The error for missing credentials, or ones that can't be read.
const UNREADABLE: Error = Error::InvalidClient(Unproved::NoCredentials);

/// The id that stands for a text which is not a client id. It is treated as an unknown client's; no client has it, because ids
/// are random.
const NO_CLIENT: ClientId = ClientId::from_bytes([0; 16]);

/// Reads HTTP Basic, with both parts form-urlencoded (RFC 6749 §2.3.1). No other scheme is supported.
fn basic(headers: &HeaderMap) -> Result<Option<Credentials<'static>>, Error> {
    let twice = |_| Error::from(Problem::new("Authorization", "is there twice"));
    let Some(encoded) = credentials(headers, "Basic").map_err(twice)? else { return Ok(None) };
    let decoded = Zeroizing::new(STANDARD.decode(encoded.trim_ascii()).map_err(|_| UNREADABLE)?);
    let text = std::str::from_utf8(&decoded).map_err(|_| UNREADABLE)?;
    let (id, secret) = text.split_once(':').ok_or(UNREADABLE)?;
    Ok(Some(Credentials { client_id: form_decoded(id)?, secret: form_decoded(secret)?.into() }))
}

/// Decodes a form-urlencoded text. Text that is not UTF-8 is refused: replacing its bytes would make several secrets the same.
fn form_decoded(text: &str) -> Result<Cow<'static, str>, Error> {
    let text = Zeroizing::new(text.replace('+', " "));
    let decoded = percent_encoding::percent_decode_str(&text).decode_utf8();
    Ok(decoded.map_err(|_| UNREADABLE)?.into_owned().into())
}
