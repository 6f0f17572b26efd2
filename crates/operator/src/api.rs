//! Calls `/admin/v1` of a server, as an operator's client.

mod error;

use std::fmt::Write as _;
use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use reqwest::{Client, Method, Request, Response, StatusCode, Url};
use serde_json::{Value, json};
use tollgate_client::{
    Authorizer, Cached, CallError, Caller, Environment, HttpHosts, Origin, Settings, Unavailable, cause_of,
};
use tollgate_core::wire::Code;

pub use self::error::ApiError;
use crate::page::Page;

/// How long a call waits for a token while the authority is unreachable.
const WAIT_FOR_TOKEN: Duration = Duration::from_secs(3);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long the server may take to answer: enabling something takes a second, and a busy store takes longer.
const SILENCE: Duration = Duration::from_secs(60);
/// The longest answer that is read, in bytes: a page of a thousand clients is shorter.
const LONGEST: usize = 32 * 1024 * 1024;
/// How often a request is tried again after the server said that too many were made.
const PATIENCE: u32 = 20;
/// The longest wait before a request is tried again.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// A server's API for administration.
pub struct AdminApi {
    /// The base URL of the server, without a slash at the end.
    base: String,
    /// The URL of the authority where the client obtains tokens.
    authority: String,
    http: Client,
    authorizer: Authorizer,
    /// The reason that is sent with every change, for the audit trail.
    reason: Option<String>,
}

impl AdminApi {
    /// Prepares calls to this server, as the client that the environment describes.
    pub(crate) async fn open(
        url: &str,
        environment: &Environment,
        reason: Option<String>,
    ) -> Result<Self, ApiError> {
        let hosts = HttpHosts::from_environment(environment)?;
        Origin::allowing(url, &hosts).map_err(ApiError::Url)?;
        let caller = Caller::described(environment, hosts.clone()).await?;
        // The same client at the URL of the authority: its tokens are sent there and nowhere else.
        let there = Caller::allowing(hosts, url, caller.id(), caller.secret()).map_err(ApiError::Url)?;
        let http = there
            .http_client_builder()?
            .connect_timeout(CONNECT_TIMEOUT)
            .read_timeout(SILENCE)
            .user_agent(concat!("tollgate/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| ApiError::NoHttpClient(cause_of(&error)))?;
        let cached = Cached::new(caller.credentials()?, Settings::default().wait(WAIT_FOR_TOKEN));
        let authorizer = Authorizer::new(cached, [there.origin().clone()]);
        let base = there.base_url().to_owned();
        Ok(Self { base, authority: caller.base_url().to_owned(), http, authorizer, reason })
    }

    /// Returns the server's base URL, without a slash at the end.
    pub fn url(&self) -> &str {
        &self.base
    }

    pub(crate) async fn get(&self, path: &str) -> Result<Value, ApiError> {
        self.call(Method::GET, path, &[], None).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Result<Value, ApiError> {
        self.call(Method::POST, path, &[], Some(body)).await
    }

    /// Sends a `POST` without a body, by which the server does what the path says.
    pub(crate) async fn order(&self, path: &str) -> Result<Value, ApiError> {
        self.call(Method::POST, path, &[], None).await
    }

    pub(crate) async fn patch(&self, path: &str, body: &Value) -> Result<Value, ApiError> {
        self.call(Method::PATCH, path, &[], Some(body)).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Result<Value, ApiError> {
        self.call(Method::DELETE, path, &[], None).await
    }

    /// Returns the items of a list that has only one page.
    pub(crate) async fn list(&self, path: &str) -> Result<Vec<Value>, ApiError> {
        items(&mut self.get(path).await?)
    }

    /// Returns a page of a list.
    pub(crate) async fn page(
        &self,
        path: &str,
        filters: &[(&str, String)],
        after: Option<&str>,
        limit: u32,
    ) -> Result<Page, ApiError> {
        let mut query = filters.to_vec();
        query.push(("limit", limit.to_string()));
        query.extend(after.map(|cursor| ("cursor", cursor.to_owned())));
        let mut data = self.call(Method::GET, path, &query, None).await?;
        let next = data["next_cursor"].as_str().map(str::to_owned);
        Ok(Page { items: items(&mut data)?, next })
    }

    /// Makes a call, and returns the data of the answer. If too many requests were made, it waits for as long as the server says.
    async fn call(
        &self,
        method: Method,
        path: &str,
        query: &[(&str, String)],
        body: Option<&Value>,
    ) -> Result<Value, ApiError> {
        let mut waits = 0;
        loop {
            let response = self.send(self.request(&method, path, query, body)).await?;
            match wait(&response) {
                Some(wait) if waits < PATIENCE => {
                    waits += 1;
                    tokio::time::sleep(wait).await;
                }
                _ => return data(response).await,
            }
        }
    }

    fn request(
        &self,
        method: &Method,
        path: &str,
        query: &[(&str, String)],
        body: Option<&Value>,
    ) -> Request {
        let mut url = Url::parse(&format!("{}{path}", self.base)).expect("paths follow a URL");
        let reason = self.reason.clone().filter(|_| !method.is_safe()).map(|reason| ("reason", reason));
        for (name, value) in query.iter().chain(reason.as_ref()) {
            url.query_pairs_mut().append_pair(name, value);
        }
        let mut request = Request::new(method.clone(), url);
        if let Some(body) = body {
            *request.body_mut() = Some(body.to_string().into());
            request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        request
    }

    async fn send(&self, request: Request) -> Result<Response, ApiError> {
        let changes = !request.method().is_safe();
        let sent = self.authorizer.send(request, |request: Request| self.http.execute(request)).await;
        sent.map_err(|error| match error {
            CallError::Inner(error) if error.is_connect() => {
                ApiError::Unreachable { url: self.base.clone(), cause: cause_of(&error) }
            }
            CallError::Inner(error) => {
                ApiError::Unanswered { url: self.base.clone(), cause: cause_of(&error), changes }
            }
            CallError::Unavailable(Unavailable { error: Some(error), .. }) => {
                ApiError::NoToken { authority: self.authority.clone(), error }
            }
            CallError::Unavailable(unavailable) => ApiError::Unavailable(unavailable),
        })
    }
}

/// Returns how long to wait, if the answer is that too many requests were made.
fn wait(response: &Response) -> Option<Duration> {
    if response.status() != StatusCode::TOO_MANY_REQUESTS {
        return None;
    }
    let seconds = response.headers().get(RETRY_AFTER)?.to_str().ok()?.parse().ok()?;
    Some(Duration::from_secs(seconds)).filter(|wait| *wait <= LONGEST_WAIT)
}

/// Reads the data of a success, or returns why the request was refused.
async fn data(mut response: Response) -> Result<Value, ApiError> {
    let status = response.status();
    let request_id =
        response.headers().get("x-request-id").and_then(|id| id.to_str().ok()).map(str::to_owned);
    let mut body = Vec::new();
    let broken = |error| ApiError::Incomplete(cause_of(&error));
    while let Some(chunk) = response.chunk().await.map_err(broken)? {
        body.extend_from_slice(&chunk);
        if body.len() > LONGEST {
            return Err(ApiError::NotOurs(status));
        }
    }
    let mut envelope: Value = serde_json::from_slice(&body).map_err(|_| ApiError::NotOurs(status))?;
    if status.is_success() && envelope["success"] == json!(true) {
        return Ok(envelope["data"].take());
    }
    Err(refused(status, &envelope["error"], request_id.as_deref()))
}

/// Returns the error for a refusal: the server's own words, in the style of this program's messages.
fn refused(status: StatusCode, error: &Value, request_id: Option<&str>) -> ApiError {
    let Some(message) = error["message"].as_str() else { return ApiError::NotOurs(status) };
    let problems = error["metadata"]["errors"].as_array().into_iter().flatten();
    let problems = problems.filter_map(|problem| {
        Some(format!("{} {}", problem["field"].as_str()?, problem["message"].as_str()?))
    });
    let problems: Vec<String> = problems.collect();
    let mut said = if problems.is_empty() { in_line(message) } else { problems.join("; ") };
    let code = error["code"].as_str().unwrap_or_default();
    let _ = write!(said, " ({} {code}", status.as_u16());
    if let Some(id) = request_id {
        let _ = write!(said, ", request id {id}");
    }
    said.push(')');
    if message == Code::NotFound.message() {
        said.push_str(": check that the URL of --server is that of the server's admin_listen");
    }
    ApiError::Refused { status, said }
}

/// Makes a sentence fit into a message: without its capital letter and its full stop.
fn in_line(sentence: &str) -> String {
    let sentence = sentence.trim_end_matches('.');
    let mut rest = sentence.chars();
    rest.next().map_or_else(String::new, |first| first.to_lowercase().chain(rest).collect())
}

fn items(data: &mut Value) -> Result<Vec<Value>, ApiError> {
    match data["items"].take() {
        Value::Array(items) => Ok(items),
        _ => Err(ApiError::NotOurs(StatusCode::OK)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_told_in_the_servers_words_with_its_code_and_request_id() {
        let error = json!({"code": "NOT_FOUND", "message": "There is no client 7."});
        let said = refused(StatusCode::NOT_FOUND, &error, Some("r-1")).to_string();
        assert_eq!(said, "there is no client 7 (404 NOT_FOUND, request id r-1)");
        let error = json!({"code": "NOT_FOUND", "message": Code::NotFound.message()});
        let said = refused(StatusCode::NOT_FOUND, &error, None).to_string();
        assert!(
            said.ends_with(
                "(404 NOT_FOUND): check that the URL of --server is that of the server's admin_listen"
            ),
            "{said}"
        );
        let errors = json!([{"field": "quota", "message": "too much"}, {"field": "name", "message": "none"}]);
        let error = json!({"code": "VALIDATION_ERROR", "message": "M.", "metadata": {"errors": errors}});
        let said = refused(StatusCode::BAD_REQUEST, &error, None).to_string();
        assert_eq!(said, "quota too much; name none (400 VALIDATION_ERROR)");
        let said = refused(StatusCode::BAD_GATEWAY, &json!("<html>"), None).to_string();
        assert_eq!(said, "the answer is no answer of /admin/v1 (502)");
    }
}
