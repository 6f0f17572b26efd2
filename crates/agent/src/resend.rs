//! A request whose connection broke before there was an answer, and the connections that may have died with it.

use std::error::Error;
use std::io;
use std::sync::Arc;

use arc_swap::ArcSwap;
use http::{Request, Response};
use hyper::body::Incoming;
use metrics::counter;

use crate::Limits;
use crate::upstream::{self, Body, Connector, SendError, Sender};
use tollgate_client::{ConfigurationError, Spare};

/// Sends requests, and once more those that may be.
pub(crate) struct Resend {
    kept: ArcSwap<Sender>,
    /// Makes one for each request: what is kept may be as dead as what broke.
    fresh: Sender,
    connector: Connector,
    limits: Limits,
}

impl Resend {
    /// Prepares connections. It fails where TLS can't be set up.
    pub(crate) fn new(limits: &Limits) -> Result<Self, ConfigurationError> {
        let connector = upstream::connector(limits)?;
        Ok(Self {
            kept: ArcSwap::from_pointee(upstream::sender(connector.clone(), limits, usize::MAX)),
            fresh: upstream::sender(connector.clone(), limits, 0),
            connector,
            limits: limits.clone(),
        })
    }

    /// Lets go of the connections that nobody uses: one to the same place has gone silent.
    pub(crate) fn forget_connections(&self) {
        let Self { kept, connector, limits, .. } = self;
        kept.store(Arc::new(upstream::sender(connector.clone(), limits, usize::MAX)));
    }

    /// Sends a request, and once more where that is possible and does no harm.
    pub(crate) async fn send(
        &self,
        request: Request<Body>,
        spare: Option<&Spare<Request<Body>>>,
    ) -> Result<Response<Incoming>, SendError> {
        let sending = self.kept.load().request(request);
        let error = match sending.await {
            Ok(response) => return Ok(response),
            Err(error) => error,
        };
        if is_given_up_by_system(&error) {
            self.forget_connections();
        }
        let is_repeatable =
            |spare: &&Spare<_>| is_unsent(&error) || (is_broken(&error) && spare.may_arrive_twice());
        let Some(again) = spare.filter(is_repeatable).and_then(Spare::request) else { return Err(error) };
        counter!("tollgate_agent_resent_total").increment(1);
        self.fresh.request(again).await
    }
}

/// Whether the request never left: there was no connection, or it closed before.
fn is_unsent(error: &SendError) -> bool {
    if error.is_connect() {
        return !is_timed_out(error);
    }
    cause::<hyper::Error>(error).is_some_and(hyper::Error::is_canceled)
}

/// Whether the connection broke. Else it is the caller's body, or an answer that is no HTTP.
fn is_broken(error: &SendError) -> bool {
    let hyper = cause::<hyper::Error>(error);
    !error.is_connect() && hyper.is_some_and(|error| !error.is_user() && !error.is_parse())
}

fn is_timed_out(error: &SendError) -> bool {
    cause::<io::Error>(error).is_some_and(|error| error.kind() == io::ErrorKind::TimedOut)
}

/// Whether the system gave the connection up because nobody acknowledged what was sent. Limits of our own say the same of
/// an answer that took too long, but not in the system's name.
fn is_given_up_by_system(error: &SendError) -> bool {
    let io = cause::<io::Error>(error);
    io.is_some_and(|io| io.kind() == io::ErrorKind::TimedOut && io.raw_os_error().is_some())
}

/// The first of the errors that this one is made of which has this type.
fn cause<E: Error + 'static>(error: &SendError) -> Option<&E> {
    let mut cause = error.source();
    while let Some(error) = cause {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        cause = error.source();
    }
    None
}
