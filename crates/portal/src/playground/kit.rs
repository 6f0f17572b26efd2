//! The client kit, as the playground needs it.
//!
//! This crate does not depend on the kit. The program that starts the server connects the two, and the kit's requests come back here,
//! through a
//! [`Wire`] that records them.

use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response};

use super::credentials::Credentials;

/// Makes clients of the API with the client kit.
pub trait Kit: Send + Sync + 'static {
    /// Makes a client that authenticates with these credentials and sends every request through `wire`. The error
    /// says in one sentence why it can't be made.
    fn client(&self, credentials: &Credentials, wire: Arc<dyn Wire>) -> Result<Box<dyn KitClient>, String>;
}

/// A client that obtains tokens and renews them by itself.
pub trait KitClient: Send + Sync {
    /// Makes a call: takes the request without a token, and returns the answer that a program would get. The error says in one
    /// sentence why there is no answer.
    fn call(&self, request: Request<Bytes>) -> Answering<'_, String>;
}

/// Brings requests to the server, and answers back.
pub trait Wire: Send + Sync + 'static {
    /// Sends a request, whose URI is the path only. It fails only if the server is shutting down.
    fn send(&self, request: Request<Bytes>) -> Answering<'_, &'static str>;
}

/// The future of an answer.
pub type Answering<'a, E> = Pin<Box<dyn Future<Output = Result<Response<Bytes>, E>> + Send + 'a>>;
