//! The handlers of `/admin/v1/stats`: the counts of the answering server since it started.

use std::collections::BTreeMap;

use serde::Serialize;
use tollgate_admin::machine;
use tollgate_core::ClientId;
use tollgate_server::{Grant, Refusal};

use super::call::{Call, Outcome};
use super::view;

/// The most refusals that are shown.
const MOST: usize = 100;

#[derive(Serialize)]
struct Stats {
    server: String,
    version: &'static str,
    tokens_issued: TokensIssued,
    client_refusals: BTreeMap<&'static str, u64>,
    refused: Vec<RefusalView>,
}

#[derive(Serialize)]
struct TokensIssued {
    client_credentials: u64,
    refresh_token: u64,
}

#[derive(Serialize)]
struct RefusalView {
    client_id: Option<ClientId>,
    reason: &'static str,
    count: u64,
    first_at: String,
    last_at: String,
    sources: Vec<String>,
}

impl From<Refusal> for RefusalView {
    fn from(refusal: Refusal) -> Self {
        Self {
            client_id: refusal.client,
            reason: refusal.why.as_str(),
            count: refusal.count,
            first_at: refusal.first_at.rfc3339(),
            last_at: refusal.last_at.rfc3339(),
            sources: refusal.sources.iter().map(ToString::to_string).collect(),
        }
    }
}

pub(super) async fn show(call: Call) -> Outcome {
    call.query().end()?;
    let state = call.state();
    let (metrics, kept) = (state.metrics(), state.config().audit.keep_sources);
    let refused = state.refusals().most(MOST, state.installation().now(), kept);
    Ok(view::shown(&Stats {
        server: machine(),
        version: env!("CARGO_PKG_VERSION"),
        tokens_issued: TokensIssued {
            client_credentials: metrics.tokens_issued(Grant::ClientCredentials),
            refresh_token: metrics.tokens_issued(Grant::RefreshToken),
        },
        client_refusals: metrics.reasons().map(|(why, count)| (why.as_str(), count)).collect(),
        refused: refused.into_iter().map(Into::into).collect(),
    }))
}
