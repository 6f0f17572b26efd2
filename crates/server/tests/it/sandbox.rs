//! The sandbox, wired to a server as the program does it.

use std::sync::Arc;

use tollgate_core::Timestamp;
use tollgate_guard::Verifier;
use tollgate_sandbox::{Host, Inspect, Inspecting, Playground, Routes, Settings, Verdict, routes};
use tollgate_server::openapi::{Surface, document};
use tollgate_server::{Installation, Loopback, inspect};

/// The routes of the sandbox beside an installation that has it on.
pub(crate) fn mounted(
    installation: &Arc<Installation>,
    loopback: Loopback,
    playground: Option<Playground>,
) -> Routes {
    if !installation.config().sandbox {
        return Routes::new();
    }
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
    let (steady, described) = (installation.clone(), installation.clone());
    let host = Host {
        store: installation.shared_store(),
        verifier: installation.verifier().clone(),
        steady_now: Box::new(move || steady.steady_now()),
        count_create: Box::new(move |merchant| loopback.count_create(merchant)),
        settings,
    };
    let description = move || document(&Surface::of(described.config(), true));
    routes(&Arc::new(host), Box::new(description), playground)
}

/// Says of a token what `tollgate inspect` would.
pub(crate) struct Inspector(pub(crate) Arc<Installation>);

impl Inspect for Inspector {
    fn inspect<'a>(&'a self, verifier: &'a Verifier, token: &'a str, now: Timestamp) -> Inspecting<'a> {
        Box::pin(async move {
            let verdict = inspect(verifier, self.0.store(), token, now).await?;
            Ok(Verdict { accepted: verdict.reason.is_none(), text: verdict.to_string() })
        })
    }
}
