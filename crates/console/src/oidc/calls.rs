//! Calls to the provider: limited in time and in length, and made by a service that the program passes in.

use bytes::Bytes;
use http::header::{ACCEPT, HeaderValue};
use http::{Request, Response, StatusCode};
use serde::de::DeserializeOwned;
use tokio::time::timeout;
use tower::util::BoxCloneSyncService;
use tower::{BoxError, ServiceExt as _};
use zeroize::Zeroizing;

use super::document::{Document, LONGEST_ANSWER, PATIENCE};
use super::problem::{ErrorCode, Problem};

/// A service that sends a request to its URI and nowhere else, follows no redirect, and returns the whole answer. Its errors don't
/// contain what was sent.
pub type Calls = BoxCloneSyncService<Request<Bytes>, Response<Bytes>, BoxError>;

/// A function that reads the secret of the console's client; its error says why it can't be read.
pub type ReadSecret = Box<dyn Fn() -> Result<Zeroizing<String>, String> + Send + Sync>;

/// Access to the provider.
pub struct Access {
    /// The service that makes the calls.
    pub calls: Calls,
    /// The source of the client's secret, which is read for each sign-in.
    pub secret: ReadSecret,
}

impl Access {
    /// Reads a JSON document from the provider.
    pub(super) async fn json<T: DeserializeOwned>(&self, what: Document, url: &str) -> Result<T, Problem> {
        let request = Request::get(url).header(ACCEPT, HeaderValue::from_static("application/json"));
        let request = request.body(Bytes::new()).map_err(|_| Problem::Malformed(what))?;
        let answer = self.ask(what, request).await?;
        serde_json::from_slice(&answer).map_err(|_| Problem::Malformed(what))
    }

    /// Sends a request, and returns the body of its answer if that is a success.
    pub(super) async fn ask(&self, what: Document, request: Request<Bytes>) -> Result<Bytes, Problem> {
        let answered = timeout(PATIENCE, self.calls.clone().oneshot(request)).await;
        let answered = answered.map_err(|_| Problem::Late(what))?;
        let response = answered.map_err(|error| Problem::Call { what, why: error.to_string() })?;
        let (head, body) = response.into_parts();
        if body.len() > LONGEST_ANSWER {
            return Err(Problem::TooLong(what));
        }
        match head.status {
            StatusCode::OK => Ok(body),
            status => {
                Err(Problem::Status { what, status: status.as_u16(), error: ErrorCode::of_answer(&body) })
            }
        }
    }
}
