//! The route table of the sandbox.

use std::sync::Arc;

use axum::routing::MethodRouter;

use crate::host::Host;
use crate::playground::Playground;
use crate::reference::Document;
use crate::{pages, payments, playground, reference};

/// Paths as the router reads them, and what answers there.
pub type Routes = Vec<(&'static str, MethodRouter)>;

/// The routes of the sandbox: the Payment API, its page, the reference, and a playground if there is one.
pub fn routes(host: &Arc<Host>, document: Document, playground: Option<Playground>) -> Routes {
    let mut routes = payments::routes(host, host.verifier().clone());
    routes.extend(pages::routes());
    routes.extend(reference::routes(playground.is_some(), document));
    routes.extend(playground.into_iter().flat_map(|playground| playground::routes(host.clone(), playground)));
    routes
}
