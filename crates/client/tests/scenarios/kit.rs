//! The kit of a scenario, as a program sets it up.

use bytes::Bytes;
use http::Request;
use serde_json::json;
use tokio::runtime::Runtime;
use tollgate_client::{Authorizer, Cached, Fault, ObtainError, Unavailable};

use crate::described::Described;
use crate::play::{Call, Outcome, Played};
use crate::sending::{Failed, Through};

/// Sends requests with the token, in one of the ways there are.
#[derive(Clone)]
pub(crate) struct Kit {
    base_url: String,
    authorizer: Authorizer,
    through: Through,
}

impl Played for Kit {
    fn new(described: Described, _: &Runtime) -> Self {
        let Described { caller, credentials, settings, new } = described;
        let cached = Cached::new(credentials, settings);
        let authorizer = Authorizer::new(cached, [caller.origin().clone()]);
        let http = caller.http_client_builder().unwrap().build().unwrap();
        let through = Through::new(&new.variant, http, &authorizer);
        Self { base_url: caller.base_url().to_owned(), authorizer, through }
    }

    async fn call(&self, call: &Call) -> Outcome {
        let elsewhere = call.path.starts_with("http");
        let url = if elsewhere { call.path.clone() } else { self.base_url.clone() + &call.path };
        let body = Bytes::from(call.body.clone().unwrap_or_default());
        let request = Request::builder().method(call.method.as_str()).uri(url);
        let request = request.header("content-type", "application/json").body(body).unwrap();
        match self.through.send(request, call.stream).await {
            Ok(status) => Outcome::of(status.as_str()),
            Err(Failed::Unavailable(unavailable)) => told(&unavailable),
            Err(Failed::Other(text)) => Outcome::of(text),
        }
    }

    fn cached(&self) -> &Cached {
        self.authorizer.cached()
    }

    fn shown(&self) -> String {
        format!("{:?} {:?} {:?}", self.cached().state(), self.cached().authorization(), self.through)
    }
}

fn told(unavailable: &Unavailable) -> Outcome {
    let error = unavailable.error.as_deref();
    let rejection = error.and_then(|error| match error {
        ObtainError::RefusedClient(rejection)
        | ObtainError::Transient { fault: Fault::Status(rejection), .. } => Some(rejection),
        _ => None,
    });
    let refused = error.is_some_and(ObtainError::is_refusal);
    Outcome {
        kind: if refused { "refused" } else { "unavailable" }.to_owned(),
        error: Some(json!({
            "code": rejection.and_then(|rejection| rejection.code),
            "status": rejection.map(|rejection| rejection.status),
            "request_id": rejection.and_then(|rejection| rejection.request_id.as_deref()),
            "text": format!("{unavailable} {unavailable:?}"),
        })),
    }
}
