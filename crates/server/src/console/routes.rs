//! How the routes of the console are put together.

use std::sync::Arc;

use axum::routing::MethodRouter;

use super::refused;
use crate::error::Error;
use crate::state::State;

/// A path of the console, and what answers there.
pub(super) type Route = (&'static str, MethodRouter<Arc<State>>);

/// Refuses every other method.
pub(super) fn only(allow: &'static str, methods: MethodRouter<Arc<State>>) -> MethodRouter<Arc<State>> {
    methods.fallback(async move || refused::alone(Error::MethodNotAllowed { allow }))
}
