//! Transports for calls to the authority.

use std::error::Error;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use reqwest::{Client, Url};
use tollgate_secrets::https;
use zeroize::Zeroizing;

use crate::http_client::for_checked;
use crate::origin::secure;
use crate::{ConfigurationError, Fault, HttpHosts};

/// The longest token response, in bytes.
const LONGEST_TOKEN_RESPONSE: usize = 64 * 1024;

/// Sends calls to the authority. The default is HTTP; this is for programs that reach the authority in another way, such
/// as in the same process.
pub trait Transport: Send + Sync + 'static {
    /// Sends a request once, to its URI and nowhere else, and returns the whole answer.
    ///
    /// Both contain secrets, which must not get into logs or errors. The transport limits how long this takes.
    fn send(&self, request: Request<Bytes>) -> Sending<'_>;
}

/// The future of [`Transport::send`].
pub type Sending<'a> = Pin<Box<dyn Future<Output = Result<Response<Bytes>, Fault>> + Send + 'a>>;

impl<T: Transport + ?Sized> Transport for Arc<T> {
    fn send(&self, request: Request<Bytes>) -> Sending<'_> {
        (**self).send(request)
    }
}

/// Calls over HTTP, as [`http_client_builder`](crate::http_client_builder) sets it up.
pub struct HttpTransport {
    client: Client,
    longest_answer: usize,
}

impl HttpTransport {
    /// Prepares calls to this URL or others of its scheme. Each may take as long as `timeout`, and its answer may have at most
    /// `longest_answer` bytes.
    pub fn new(url: &str, timeout: Duration, longest_answer: usize) -> Result<Self, ConfigurationError> {
        Self::to(&secure(url, &HttpHosts::default())?, timeout, longest_answer)
    }

    /// Prepares calls to a token endpoint.
    pub(super) fn for_tokens(url: &Url, timeout: Duration) -> Result<Self, ConfigurationError> {
        Self::to(url, timeout, LONGEST_TOKEN_RESPONSE)
    }

    fn to(url: &Url, timeout: Duration, longest_answer: usize) -> Result<Self, ConfigurationError> {
        let client = for_checked(url)?
            .timeout(timeout)
            // Token calls are minutes apart, so an idle connection may have died.
            .pool_idle_timeout(Duration::from_secs(10))
            .build()
            .map_err(|error| ConfigurationError::Tls(error.to_string()))?;
        Ok(Self { client, longest_answer })
    }

    async fn exchange(&self, request: Request<Bytes>) -> Result<Response<Bytes>, Fault> {
        let request = request.try_into().map_err(|error| fault(&error))?;
        let response = self.client.execute(request).await.map_err(|error| fault(&error))?;
        let (status, headers) = (response.status(), response.headers().clone());
        let body = match read(response, self.longest_answer).await {
            Ok(body) => Bytes::from_owner(body),
            // The status of a refusal is enough.
            Err(_) if status != StatusCode::OK => Bytes::new(),
            Err(fault) => return Err(fault),
        };
        let mut response = Response::new(body);
        *response.status_mut() = status;
        *response.headers_mut() = headers;
        Ok(response)
    }
}

impl Transport for HttpTransport {
    fn send(&self, request: Request<Bytes>) -> Sending<'_> {
        Box::pin(self.exchange(request))
    }
}

/// Reads an answer up to its limit. The answer is wiped when it is dropped.
async fn read(mut response: reqwest::Response, longest: usize) -> Result<Zeroizing<Vec<u8>>, Fault> {
    // The buffer never grows for a token response, which would leave a copy behind. Only lists without secrets are longer.
    let mut body = Zeroizing::new(Vec::with_capacity(longest.min(LONGEST_TOKEN_RESPONSE)));
    while let Some(chunk) = response.chunk().await.map_err(|error| fault(&error))? {
        if body.len() + chunk.len() > longest {
            return Err(Fault::TooLong);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

fn fault(error: &reqwest::Error) -> Fault {
    if error.is_timeout() {
        return Fault::Timeout;
    }
    let mut source = error.source();
    while let Some(cause) = source {
        if let Some(problem) = problem(cause, error.is_connect()) {
            return Fault::Unreachable(problem);
        }
        source = cause.source();
    }
    Fault::Unreachable(if error.is_connect() { "no connection" } else { "the connection broke" }.to_owned())
}

/// Returns the message of the system or of TLS, which contains neither the URL nor text from the peer.
fn problem(cause: &(dyn Error + 'static), connecting: bool) -> Option<String> {
    if let Some(tls_error) = cause.downcast_ref::<rustls::Error>() {
        return Some(https::explained(tls_error));
    }
    let io = cause.downcast_ref::<std::io::Error>()?;
    // An inner error says more, and `source` does not lead to it.
    let inner = io.get_ref().and_then(|inner| problem(inner, connecting));
    Some(inner.unwrap_or_else(|| if connecting { io.to_string() } else { io.kind().to_string() }))
}
