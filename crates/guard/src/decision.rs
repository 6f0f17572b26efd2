//! Who decides about requests: at once, or after asking the authority.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use http::HeaderMap;
use tollgate_http::ClientAddress;

use crate::denial::{Denial, Realm};
use crate::principal::Principal;
use crate::requirement::Requirement;
use crate::verifier::Verifier;

/// Decides about requests. A [`Verifier`] does so at once; who may have to ask the authority first sometimes needs longer.
pub trait Decide: Send + Sync + 'static {
    /// A decision that takes longer.
    type Later: Future<Output = Result<Principal, Denial>>;

    /// Decides about a request now, or says that it needs longer.
    fn decide_soon(
        &self,
        headers: &HeaderMap,
        address: Option<ClientAddress>,
        requirement: &Requirement,
    ) -> Decision<Self::Later>;

    /// The realm that challenges name: the audience of the tokens.
    fn realm(&self) -> &Realm;
}

/// What [`Decide::decide_soon`] returns.
pub enum Decision<L> {
    /// The request is admitted or refused.
    Made(Result<Principal, Denial>),
    /// The decision takes longer.
    Later(L),
}

impl<L: Future<Output = Result<Principal, Denial>>> Decision<L> {
    /// Waits for the decision where it takes longer.
    pub async fn made(self) -> Result<Principal, Denial> {
        match self {
            Self::Made(made) => made,
            Self::Later(later) => later.await,
        }
    }
}

/// The decision that never takes longer.
pub struct Never(Infallible);

impl Future for Never {
    type Output = Result<Principal, Denial>;

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Self::Output> {
        match self.0 {}
    }
}

impl Decide for Verifier {
    type Later = Never;

    fn decide_soon(
        &self,
        headers: &HeaderMap,
        address: Option<ClientAddress>,
        requirement: &Requirement,
    ) -> Decision<Never> {
        Decision::Made(self.decide(headers, address, requirement, self.now()))
    }

    fn realm(&self) -> &Realm {
        self.realm()
    }
}
