//! What is served beside the authority: values, of which a server knows the paths and what answers there.

use std::pin::Pin;
use std::sync::Arc;

use axum::Router;
use axum::routing::MethodRouter;
use tokio::sync::watch;

use crate::state::State;

/// What is served beside the authority's routes.
#[derive(Default)]
pub struct Mounted {
    /// Each is a path as the router reads it, and what answers there.
    pub routes: Vec<(&'static str, MethodRouter)>,
    /// What answers where no route leads, if it is not to be a refusal in the envelope.
    pub unknown: Option<MethodRouter>,
    /// What operators reach.
    pub operators: Operators,
}

/// What operators reach: on the listener of the administration and, where there is none, next to the API.
pub struct Operators {
    /// Its paths as logs and metrics name them. One that ends with `/{*path}` stands for itself and all that is below it.
    pub paths: Vec<&'static str>,
    /// Makes what answers there, by what it may know of the server.
    pub router: MakeRouter,
    /// What goes on beside the requests.
    pub tasks: Vec<Beside>,
}

/// Makes the router of what operators reach.
pub type MakeRouter = Box<dyn FnOnce(&Arc<State>) -> Router>;

impl Default for Operators {
    fn default() -> Self {
        Self { paths: Vec::new(), router: Box::new(|_| Router::new()), tasks: Vec::new() }
    }
}

/// Something that goes on beside the requests. If it panics, the server is not ready any more.
pub struct Beside {
    /// What has ended with it then, such as `keeping the figures of the last hour`.
    pub what: &'static str,
    /// Begins it, to go on until the channel has no sender any more.
    pub run: Begin,
}

/// Begins something that goes on beside the requests.
pub type Begin = Box<dyn FnOnce(Arc<State>, watch::Receiver<()>) -> Running + Send>;

/// The future of something that goes on beside the requests.
pub type Running = Pin<Box<dyn Future<Output = ()> + Send>>;
