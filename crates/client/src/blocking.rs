//! Use without async: the token is renewed on a thread of its own.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::thread;

use http::header::AUTHORIZATION;
use http::{Request, Response, StatusCode};
use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;

use crate::{
    Attempt, Authorization, Authorizer, Cached, CallError, Generation, Origin, Settings, TokenSource,
    Unavailable,
};

/// Authorizes requests of a program that is not async. Cloning it is cheap; its thread ends with the last clone.
///
/// A process that forks must make it after the fork: threads don't survive one.
#[derive(Clone)]
pub struct Blocking(Arc<Inner>);

struct Inner {
    authorizer: Authorizer,
    runtime: Handle,
    /// The thread ends when this goes.
    _stop: oneshot::Sender<()>,
}

impl Blocking {
    /// Holds the tokens of `source` for requests to these origins. It fails where no thread can be started.
    pub fn new(
        source: impl TokenSource,
        settings: Settings,
        origins: impl IntoIterator<Item = Origin>,
    ) -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let handle = runtime.handle().clone();
        let (stop, stopped) = oneshot::channel::<()>();
        let authorizer = {
            let _entered = handle.enter();
            Authorizer::new(Cached::new(source, settings), origins)
        };
        thread::Builder::new().name("tollgate-client".to_owned()).spawn(move || {
            // Nothing is ever sent: the other end goes.
            _ = runtime.block_on(stopped);
            runtime.shutdown_background();
        })?;
        Ok(Self(Arc::new(Inner { authorizer, runtime: handle, _stop: stop })))
    }

    /// The token at hand, or the next one, for which it waits as [`Cached::ready`] does.
    pub fn authorization(&self) -> Result<Authorization, Unavailable> {
        let cached = self.0.authorizer.cached();
        if let Some(authorization) = cached.authorization() {
            return Ok(authorization);
        }
        let cached = cached.clone();
        self.wait_for(async move { cached.ready().await })
    }

    /// A newer token than the one that the API refused, as [`Cached::refused`] has it.
    pub fn refused(&self, generation: Generation) -> Option<Authorization> {
        let cached = self.0.authorizer.cached().clone();
        self.wait_for(async move { cached.refused(generation).await })
    }

    /// Sends a request with the token, by `send`, and once more where a 401 says that another token may help.
    ///
    /// `send` must return a 401 as an answer and not as an error.
    pub fn send<B: Clone, R, E>(
        &self,
        request: Request<B>,
        mut send: impl FnMut(Request<B>) -> Result<Response<R>, E>,
    ) -> Result<Response<R>, CallError<E>> {
        let (mut head, body) = request.into_parts();
        let attempt = if self.0.authorizer.prepare(&head.method, &head.uri, &mut head.headers) {
            Some(Attempt::new(&self.authorization()?, &head.method, &mut head.headers))
        } else {
            None
        };
        let first = send(Request::from_parts(head.clone(), body.clone())).map_err(CallError::Inner)?;
        let Some(attempt) = attempt.filter(|_| first.status() == StatusCode::UNAUTHORIZED) else {
            return Ok(first);
        };
        let (authorizer, status, headers) =
            (self.0.authorizer.clone(), first.status(), first.headers().clone());
        let newer = self.wait_for(async move { authorizer.answered(attempt, status, &headers, true).await });
        let Some(newer) = newer else { return Ok(first) };
        drop(first);
        let mut again = Request::from_parts(head, body);
        again.headers_mut().insert(AUTHORIZATION, newer.header().clone());
        let second = send(again).map_err(CallError::Inner)?;
        self.0.authorizer.refused_again(&newer, second.status(), second.headers());
        Ok(second)
    }

    /// Waits for a future that runs on the thread. Unlike `block_on`, it can be used within another runtime.
    fn wait_for<T: Send + 'static>(&self, future: impl Future<Output = T> + Send + 'static) -> T {
        let (sender, receiver) = sync_channel(1);
        self.0.runtime.spawn(async move { _ = sender.send(future.await) });
        receiver.recv().expect("the thread runs as long as a handle is here")
    }
}
