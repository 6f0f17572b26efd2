//! The client kit, as the playground needs it.
//!
//! This crate does not depend on the kit. Whoever starts the server wires it in, and its requests come back here, by a
//! [`Wire`] that writes down what passes.

use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response};

use super::credentials::Credentials;

/// Makes clients of the API out of the client kit.
pub trait Kit: Send + Sync + 'static {
    /// Sets up a client that authenticates with these credentials and whose every request goes by `wire`. The error
    /// says in one sentence why there is none.
    fn client(&self, credentials: &Credentials, wire: Arc<dyn Wire>) -> Result<Box<dyn KitClient>, String>;
}

/// A client that obtains tokens and renews them by itself.
pub trait KitClient: Send + Sync {
    /// Makes a call: the request without a token, and the answer that a program would get. The error says in one
    /// sentence why there is none.
    fn call(&self, request: Request<Bytes>) -> Answering<'_, String>;
}

/// Brings requests to the server, and answers back.
pub trait Wire: Send + Sync + 'static {
    /// Sends a request, whose URI names the path. It fails only where the server is going.
    fn send(&self, request: Request<Bytes>) -> Answering<'_, &'static str>;
}

/// An answer that is awaited.
pub type Answering<'a, E> = Pin<Box<dyn Future<Output = Result<Response<Bytes>, E>> + Send + 'a>>;
