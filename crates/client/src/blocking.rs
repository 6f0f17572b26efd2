//! The authorizer for programs without async. The token is renewed on a thread of its own.

use std::future::ready;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};

use http::{Request, Response};
use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;
use tokio::task::unconstrained;

use crate::{
    Authorization, Authorizer, Cached, CallError, Generation, Origin, Settings, TokenSource, Unavailable,
};

/// Authorizes requests of a program that is not async. Cloning it is cheap; its thread ends with the last clone.
///
/// A process that forks must make it after the fork, because threads don't survive one.
#[derive(Clone)]
pub struct Blocking(Arc<Inner>);

struct Inner {
    authorizer: Authorizer,
    runtime: Handle,
    /// The sender whose end stops the thread.
    _stop: oneshot::Sender<()>,
}

impl Blocking {
    /// Makes an authorizer with the tokens of `source` for requests to these origins. Fails if no thread can be started.
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
            // Nothing is ever sent; this ends when the sender is dropped.
            _ = runtime.block_on(stopped);
            runtime.shutdown_background();
        })?;
        Ok(Self(Arc::new(Inner { authorizer, runtime: handle, _stop: stop })))
    }

    /// Returns the current token, or the next one, for which it waits as [`Cached::ready`] does.
    pub fn authorization(&self) -> Result<Authorization, Unavailable> {
        self.wait_for(self.0.authorizer.cached().ready())
    }

    /// Returns a newer token than the one that the API refused, as [`Cached::refused`] does.
    pub fn refused(&self, generation: Generation) -> Option<Authorization> {
        self.wait_for(self.0.authorizer.cached().refused(generation))
    }

    /// Sends a request with the token, by `send`, and once more if a 401 says that another token may help.
    ///
    /// `send` must return a 401 as an answer and not as an error.
    pub fn send<B, R, E>(
        &self,
        request: Request<B>,
        mut send: impl FnMut(Request<B>) -> Result<Response<R>, E>,
    ) -> Result<Response<R>, CallError<E>>
    where
        B: Clone,
        R: Send,
        E: Send,
    {
        self.wait_for(self.0.authorizer.send(request, |request| ready(send(request))))
    }

    /// Polls a future on this thread, while its timers run on the other. Unlike `block_on` of a runtime, this works within
    /// another runtime.
    fn wait_for<T>(&self, future: impl Future<Output = T>) -> T {
        let _entered = self.0.runtime.enter();
        let waker = Waker::from(Arc::new(Unpark(thread::current())));
        // Otherwise, within another runtime, the budget of its task would be used up and never refilled.
        let mut future = pin!(unconstrained(future));
        loop {
            match future.as_mut().poll(&mut Context::from_waker(&waker)) {
                Poll::Ready(outcome) => return outcome,
                Poll::Pending => thread::park(),
            }
        }
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}
