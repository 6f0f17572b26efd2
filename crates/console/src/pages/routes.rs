//! How the routes of the console are put together.

use std::sync::Arc;

use axum::routing::MethodRouter;
use tollgate_server::error::Error;

use super::refused;
use super::shared::Console;

/// A path of the console, and what answers there.
pub(super) type Route = (&'static str, MethodRouter<Arc<Console>>);

/// Refuses every other method.
pub(super) fn only(allow: &'static str, methods: MethodRouter<Arc<Console>>) -> MethodRouter<Arc<Console>> {
    methods.fallback(async move || refused::alone(Error::MethodNotAllowed { allow }))
}
