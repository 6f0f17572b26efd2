//! The question about a token: `POST /oauth2/introspect` (RFC 7662 §2.1).

use std::time::Duration;

use bytes::Bytes;
use form_urlencoded::Serializer;
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderValue, Request, StatusCode};
use tokio::sync::Mutex;
use tokio::time::Instant;
use tollgate_client::Secret;
use tollgate_core::MAX_TOKEN;
use tollgate_guard::Introspected;
use zeroize::Zeroizing;

use crate::authority::{Answer, Authority, Reading};
use crate::problem::Problem;
use crate::setup::Own;

const INTROSPECTION: &str = "the introspection of a token";

/// How often the client's credentials are read again while they are refused.
const READ_EVERY: Duration = Duration::from_secs(5);

/// Asks the authority about tokens.
pub(super) struct Asker {
    authority: Authority,
    client: Own,
    read: Mutex<Option<Read>>,
}

/// The guard's own credentials, as they were last read.
#[derive(Clone)]
struct Read {
    id: Secret,
    secret: Secret,
    at: Instant,
}

impl Asker {
    pub(super) fn new(authority: Authority, client: Own) -> Self {
        Self { authority, client, read: Mutex::new(None) }
    }

    /// Asks about a token. Returns also when it asked.
    pub(super) async fn ask(&self, token: &[u8]) -> Result<(Introspected, Reading), Problem> {
        let client = self.client(None).await?;
        let answer = match self.send(&client, token).await? {
            refused if refused.response.status() == StatusCode::UNAUTHORIZED => {
                // The secret may have been replaced.
                let again = self.client(Some(&client)).await?;
                if again.at == client.at { refused } else { self.send(&again, token).await? }
            }
            answer => answer,
        };
        match answer.response.status() {
            StatusCode::OK => {
                let introspected = Introspected::read(answer.response.body(), &self.authority.issuer);
                Ok((introspected.ok_or(Problem::Malformed(INTROSPECTION))?, answer.sent))
            }
            status => Err(Problem::Status { what: INTROSPECTION, status: status.as_u16() }),
        }
    }

    async fn send(&self, client: &Read, token: &[u8]) -> Result<Answer, Problem> {
        let request = Request::post(self.authority.url("/oauth2/introspect"))
            .header(ACCEPT, HeaderValue::from_static("application/json"))
            .header(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"))
            .body(form(client, token))
            .map_err(|_| Problem::Malformed(INTROSPECTION))?;
        self.authority.ask(&self.authority.documents, INTROSPECTION, request).await
    }

    /// Returns the credentials as they were read, or reads them again if they are refused and were not just read.
    async fn client(&self, refused: Option<&Read>) -> Result<Read, Problem> {
        let mut read = self.read.lock().await;
        if let Some(known) = &*read {
            let is_refused = refused.is_some_and(|refused| refused.at == known.at);
            if !is_refused || known.at.elapsed() < READ_EVERY {
                return Ok(known.clone());
            }
        }
        let (id, secret) = &self.client;
        let client = |error: tollgate_client::SecretError| Problem::Client(error.to_string());
        let (id, secret) = (id.read().await.map_err(client)?, secret.read().await.map_err(client)?);
        Ok(read.insert(Read { id, secret, at: Instant::now() }).clone())
    }
}

fn form(client: &Read, token: &[u8]) -> Bytes {
    // Large enough that it never grows, which would leave a copy behind.
    let mut form = Serializer::new(String::with_capacity(3 * MAX_TOKEN + 4 * 1024));
    form.append_pair("token", &String::from_utf8_lossy(token));
    form.append_pair("client_id", client.id.expose_secret());
    form.append_pair("client_secret", client.secret.expose_secret());
    Bytes::from_owner(Zeroizing::new(form.finish().into_bytes()))
}
