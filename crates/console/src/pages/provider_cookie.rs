//! The cookie that a browser keeps while its user is at the provider: sealed, for this host only, and for a few minutes.

use std::time::Duration;

use http::{HeaderMap, HeaderValue};
use serde::{Deserialize, Serialize};
use tollgate_admin::console::{opened, sealed};
use tollgate_core::{SessionId, Timestamp};
use tollgate_keys::MasterKeys;

use super::session::{cookie, drawn};
use crate::oidc::Drawn;

/// How long a user may take to come back from the provider.
pub(super) const TTL: Duration = Duration::from_secs(10 * 60);

/// The name of the cookie. Unlike the cookie of a session, it is sent when another site, the provider, leads the browser here.
const COOKIE_NAME: &str = "__Host-tollgate-console-oidc";
/// The purpose for which it is sealed.
const BEGUN: &str = "oidc";

/// A sign-in that was begun in a browser.
#[derive(Serialize, Deserialize)]
pub(super) struct Begun {
    /// The session that will begin with it.
    pub(super) id: SessionId,
    /// The number of a record that was written before the session existed.
    pub(super) behind: u64,
    since: u64,
    state: String,
    nonce: String,
    verifier: String,
}

impl Begun {
    /// Draws the random values of a new sign-in.
    pub(super) fn new(behind: u64, now: Timestamp) -> Self {
        Self {
            id: SessionId::random(&mut rand::rng()),
            behind,
            since: now.millis(),
            state: drawn(),
            nonce: drawn(),
            verifier: drawn(),
        }
    }

    /// Reads the sign-in from a browser's cookie; `None` if there is no valid cookie.
    pub(super) fn of(headers: &HeaderMap, keys: &MasterKeys) -> Option<Self> {
        opened(keys, BEGUN, cookie(headers, COOKIE_NAME)?)
    }

    /// Returns until when the user must have come back.
    pub(super) fn until(&self) -> Timestamp {
        Timestamp::from_millis(self.since).after(TTL)
    }

    /// Returns the random values that must come back.
    pub(super) fn drawn(&self) -> Drawn<'_> {
        let Self { state, nonce, verifier, since, .. } = self;
        Drawn { state, nonce, verifier, begun_at: Timestamp::from_millis(*since) }
    }

    /// Returns the header that sets the cookie.
    pub(super) fn set_cookie(&self, keys: &MasterKeys) -> HeaderValue {
        cookie_of(&sealed(keys, BEGUN, self), TTL.as_secs())
    }
}

/// Returns the header that deletes the cookie.
pub(super) fn no_cookie() -> HeaderValue {
    cookie_of("", 0)
}

fn cookie_of(value: &str, seconds: u64) -> HeaderValue {
    let cookie = format!("{COOKIE_NAME}={value}; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age={seconds}");
    HeaderValue::try_from(cookie).expect("base64url is visible ASCII")
}
