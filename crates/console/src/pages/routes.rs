//! Building blocks for the routes of the console.

use std::sync::Arc;

use axum::routing::MethodRouter;
use tollgate_server::error::Error;

use super::refused;
use super::shared::Console;

/// A path of the console, and its handlers.
pub(super) type Route = (&'static str, MethodRouter<Arc<Console>>);

/// Refuses every method that the route doesn't have.
pub(super) fn only(allow: &'static str, methods: MethodRouter<Arc<Console>>) -> MethodRouter<Arc<Console>> {
    methods.fallback(async move || refused::alone(Error::MethodNotAllowed { allow }))
}
