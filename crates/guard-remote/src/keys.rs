//! The authority's public keys: found through its metadata, and read again in time.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ETAG, IF_NONE_MATCH};
use http::{HeaderValue, StatusCode};
use serde::Deserialize;
use tokio::sync::watch;
use tokio::time::Instant;
use tollgate_client::Origin;
use tollgate_core::VerifyingRing;

use crate::authority::{Answer, Authority, get};
use crate::calls::{backoff, earlier};
use crate::freshness::Subject;
use crate::key_set::{self, KEYS};
use crate::problem::Problem;
use crate::shared::Shared;

const METADATA: &str = "the metadata of the authority";
const WELL_KNOWN: &str = "/.well-known/oauth-authorization-server";

/// How long the metadata is kept.
const METADATA_KEPT: Duration = Duration::from_secs(60 * 60);
const FIRST_RETRY: Duration = Duration::from_secs(1);
const LAST_RETRY: Duration = Duration::from_secs(30);
/// By which part of the time keys are read earlier than they must be, by chance, so that guards that started together drift apart.
const SOONER: f64 = 0.1;

/// Reads the keys again and again, and reports through `serving` which request for them was served.
pub(crate) async fn keep(shared: Arc<Shared>, serving: watch::Sender<u64>) {
    let mut source = Source::default();
    let (mut failures, mut fulfilled) = (0, 0);
    loop {
        let wanted = shared.wanted.last();
        let pause = match source.read(&shared).await {
            Ok(kept) => {
                (failures, fulfilled) = (0, wanted);
                earlier(kept, SOONER)
            }
            Err(problem) => {
                // The keys may have moved.
                source.url = None;
                failures += 1;
                shared.keeper.failed(Subject::Keys, &problem, wanted > fulfilled);
                backoff(failures, FIRST_RETRY, LAST_RETRY)
            }
        };
        // The keys have been read, or could not be.
        serving.send_replace(wanted);
        shared.wanted.next(pause).await;
    }
}

/// The URL of the keys, and the keys that were read last.
#[derive(Default)]
struct Source {
    url: Option<(String, Instant)>,
    etag: Option<HeaderValue>,
}

impl Source {
    /// Reads the keys, and returns how long they may be kept.
    async fn read(&mut self, shared: &Shared) -> Result<Duration, Problem> {
        let authority = &shared.authority;
        let url = match &self.url {
            Some((url, until)) if Instant::now() < *until => url.clone(),
            _ => {
                let url = locate(authority).await?;
                self.url = Some((url.clone(), Instant::now() + METADATA_KEPT));
                url
            }
        };
        let mut request = get(KEYS, &url)?;
        if let Some(etag) = &self.etag {
            request.headers_mut().insert(IF_NONE_MATCH, etag.clone());
        }
        let Answer { response, sent } = authority.ask(&authority.documents, KEYS, request).await?;
        let kept = key_set::kept(response.headers());
        match response.status() {
            StatusCode::NOT_MODIFIED if self.etag.is_some() => shared.keeper.keys(None, sent, kept),
            StatusCode::OK => {
                let keys = key_set::read(response.body())?;
                let policy = shared.verifier.keyring().policy().clone();
                shared.keeper.keys(Some(VerifyingRing::new(policy, keys)), sent, kept);
                self.etag = response.headers().get(ETAG).cloned();
            }
            status => return Err(Problem::Status { what: KEYS, status: status.as_u16() }),
        }
        Ok(kept)
    }
}

/// The members of RFC 8414 §2 that matter here.
#[derive(Deserialize)]
struct Metadata<'a> {
    #[serde(borrow)]
    issuer: Cow<'a, str>,
    #[serde(borrow)]
    jwks_uri: Cow<'a, str>,
}

/// Finds the URL of the keys.
async fn locate(authority: &Authority) -> Result<String, Problem> {
    let request = get(METADATA, &metadata_url(&authority.issuer))?;
    let Answer { response, .. } = authority.ask(&authority.documents, METADATA, request).await?;
    if response.status() != StatusCode::OK {
        return Err(Problem::Status { what: METADATA, status: response.status().as_u16() });
    }
    key_set_url(response.body(), authority)
}

fn key_set_url(body: &Bytes, authority: &Authority) -> Result<String, Problem> {
    let metadata: Metadata<'_> = serde_json::from_slice(body).map_err(|_| Problem::Malformed(METADATA))?;
    // The issuer must match (RFC 8414 §3.3).
    if *metadata.issuer != *authority.issuer {
        return Err(Problem::OtherIssuer);
    }
    match Origin::of(&metadata.jwks_uri) {
        Ok(origin) if origin == authority.origin => Ok(metadata.jwks_uri.into_owned()),
        Ok(_) | Err(_) => Err(Problem::Elsewhere),
    }
}

/// Returns the URL of the metadata by RFC 8414 §3.1: between the host and the path of the issuer.
fn metadata_url(issuer: &str) -> String {
    let host = issuer.find("://").map_or(0, |at| at + "://".len());
    let path = issuer[host..].find('/').map_or(issuer.len(), |at| host + at);
    format!("{}{WELL_KNOWN}{}", &issuer[..path], &issuer[path..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_metadata_is_where_rfc_8414_puts_it() {
        let at = "https://core.example.com/.well-known/oauth-authorization-server";
        assert_eq!(metadata_url("https://core.example.com"), at);
        assert_eq!(metadata_url("https://core.example.com/a/b"), format!("{at}/a/b"));
    }
}
