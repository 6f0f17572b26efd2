//! Routes that are served beside the authority: values, of which a server knows only the paths and the handlers.

use std::pin::Pin;
use std::sync::Arc;

use axum::Router;
use axum::routing::MethodRouter;
use tokio::sync::watch;

use crate::state::State;

/// Routes that are served beside the authority's.
#[derive(Default)]
pub struct Mounted {
    /// The routes, each with its path as the router takes it.
    pub routes: Vec<(&'static str, MethodRouter)>,
    /// The handler for unknown paths; `None` for a refusal in the envelope.
    pub unknown: Option<MethodRouter>,
    /// The routes for operators.
    pub operators: Operators,
}

/// Routes for operators: on the listener of the administration or, if there is none, next to the API.
pub struct Operators {
    /// The paths as logs and metrics name them. A path that ends with `/{*path}` stands for itself and everything below it.
    pub paths: Vec<&'static str>,
    /// Makes the router, from what it may know of the server.
    pub router: MakeRouter,
    /// The tasks that run beside the requests.
    pub tasks: Vec<Beside>,
}

/// A function that makes the router for operators.
pub type MakeRouter = Box<dyn FnOnce(&Arc<State>) -> Router>;

impl Default for Operators {
    fn default() -> Self {
        Self { paths: Vec::new(), router: Box::new(|_| Router::new()), tasks: Vec::new() }
    }
}

/// A task that runs beside the requests. If it panics, the server is no longer ready.
pub struct Beside {
    /// Words for what has ended with it then, such as `keeping the figures of the last hour`.
    pub what: &'static str,
    /// Starts the task, which runs until the channel's sender is dropped.
    pub run: Begin,
}

/// A function that starts a task beside the requests.
pub type Begin = Box<dyn FnOnce(Arc<State>, watch::Receiver<()>) -> Running + Send>;

/// The future of a task beside the requests.
pub type Running = Pin<Box<dyn Future<Output = ()> + Send>>;
