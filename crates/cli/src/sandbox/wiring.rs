//! Connects the sandbox and the portal with the server that they are mounted in.
//!
//! The tests of the server use this file, too.

use std::sync::Arc;

use tollgate_core::Timestamp;
use tollgate_guard::Verifier;
use tollgate_installation::{Installation, inspect};
use tollgate_portal::{ASSETS, Inspect, Inspecting, Playground, Verdict, unknown};
use tollgate_sandbox::{Host, Settings};
use tollgate_server::openapi::{Surface, document};
use tollgate_server::{Loopback, Mounted};

/// Returns the routes of the sandbox and of the portal, and the page for unknown paths, if the configuration has the sandbox
/// on; otherwise nothing. `health` says whether health is answered next to the API.
pub(crate) fn mounted(
    installation: &Arc<Installation>,
    loopback: Loopback,
    health: bool,
    playground: impl FnOnce(Arc<dyn Inspect>) -> Option<Playground>,
) -> Mounted {
    if !installation.config().sandbox {
        return Mounted::default();
    }
    let described = installation.clone();
    let description = move || document(&Surface::of(described.config(), health));
    let playground = playground(Arc::new(Inspector(installation.clone())));
    let host = Arc::new(host(installation, loopback));
    let mut routes = tollgate_sandbox::routes(&host, ASSETS);
    routes.extend(tollgate_portal::routes(&host, Box::new(description), playground));
    Mounted { routes, unknown: Some(unknown()), ..Mounted::default() }
}

fn host(installation: &Arc<Installation>, loopback: Loopback) -> Host {
    let config = installation.config();
    let settings = Settings {
        public_url: config.public_url.clone(),
        body_timeout: config.limits.body_timeout,
        page_ttl: config.payment_page.ttl,
        idempotency_ttl: config.idempotency.ttl,
        idempotency_lease: config.idempotency.lease,
        access_ttl: config.tokens.access_ttl,
        exp_leeway: config.tokens.exp_leeway,
    };
    let steady = installation.clone();
    Host {
        store: installation.shared_store(),
        verifier: installation.verifier().clone(),
        steady_now: Box::new(move || steady.steady_now()),
        count_create: Box::new(move |merchant| loopback.count_create(merchant)),
        settings,
    }
}

/// Inspects tokens as `tollgate inspect` does.
struct Inspector(Arc<Installation>);

impl Inspect for Inspector {
    fn inspect<'a>(&'a self, verifier: &'a Verifier, token: &'a str, now: Timestamp) -> Inspecting<'a> {
        Box::pin(async move {
            let verdict = inspect(verifier, self.0.store(), token, now).await?;
            Ok(Verdict { accepted: verdict.reason.is_none(), text: verdict.to_string() })
        })
    }
}
