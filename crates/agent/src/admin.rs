//! The listener for health checks and metrics.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, Method, Request, Response};

use crate::admission::{self, Door};
use crate::forward::{AnswerBody, Forward, own};
use crate::refusal::{Kind, Refusal, request_id};
use tollgate_edge::Inbound;
use tollgate_telemetry::Recorder;

/// Answers `/healthz` (the process is up), `/readyz` (there is a token) and `/metrics`. Other paths are 404.
pub(crate) struct Admin {
    pub(crate) forward: Arc<Forward>,
    pub(crate) recorder: Recorder,
}

impl Admin {
    fn answer(&self, request: &Request<Inbound>, door: Door) -> Result<Response<Bytes>, Refusal> {
        admission::about(request, door, &self.forward.names)?;
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            return Err(Kind::NotFound.into());
        }
        match request.uri().path() {
            "/healthz" => Ok(plain("application/json", status("up"))),
            "/readyz" => self.ready().map(|()| plain("application/json", status("ready"))),
            "/metrics" => Ok(plain("text/plain; version=0.0.4; charset=utf-8", self.recorder.render())),
            _ => Err(Kind::NotFound.into()),
        }
    }

    fn ready(&self) -> Result<(), Refusal> {
        let is_ready =
            self.forward.cached().authorization().is_some() && !self.forward.stopping.load(Ordering::Relaxed);
        if is_ready { Ok(()) } else { Err(Kind::NotReady.into()) }
    }

    /// Answers a request for health or metrics.
    pub(crate) fn handle(&self, request: &Request<Inbound>, door: Door) -> Response<AnswerBody> {
        let request_id = request_id(request.headers(), self.forward.cached().clock());
        let answer = self.answer(request, door);
        answer.unwrap_or_else(|refusal| refusal.response(request_id)).map(own)
    }
}

fn status(status: &str) -> String {
    format!(r#"{{"success":true,"data":{{"status":"{status}"}}}}"#)
}

fn plain(content_type: &'static str, body: String) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from(body));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
