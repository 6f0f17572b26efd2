//! Sessions of users who have signed in, which are sealed in the cookie of their browser.
//!
//! A sealed session can be neither read nor changed there. That a session has ended is written in the audit trail, which is read for
//! every request: it counts on every server at once.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::header::COOKIE;
use http::{HeaderMap, HeaderValue};
use rand::Rng as _;
use serde::{Deserialize, Serialize};
use tollgate_admin::console::{SignedIn, opened, sealed};
use tollgate_config::Config;
use tollgate_core::{Timestamp, constant_time};
use tollgate_keys::MasterKeys;

/// The name of the cookie. Browsers accept a name with this prefix only from the host itself, over a secure connection and for all paths
/// (RFC 6265bis §4.1.3); a connection to their own machine counts as secure.
const COOKIE_NAME: &str = "__Host-tollgate-console";
/// The purpose for which a session is sealed.
const SESSION: &str = "session";
/// How old the time of the last request in a cookie may be until the browser is given a new cookie.
const RENEWED_AFTER: Duration = Duration::from_secs(60);
/// How far the clocks of two servers may differ.
const CLOCKS_DIFFER: Duration = Duration::from_secs(60);

/// A session, as the browser's cookie has it.
#[derive(Debug, Clone)]
pub(super) struct Session {
    /// The user and their roles.
    pub(super) signed_in: SignedIn,
    /// The token that every form must carry, so that no other site can send one.
    form_token: String,
    /// When the session began.
    begun_at: Timestamp,
    /// When the last request was made in it, according to the cookie.
    seen_at: Timestamp,
}

#[derive(Serialize, Deserialize)]
struct Sealed {
    id: String,
    user: String,
    scope: String,
    begun_at: u64,
    behind: u64,
    form_token: String,
    seen_at: u64,
}

impl Session {
    /// Begins the session of a user who has signed in at `now`.
    pub(super) fn new(signed_in: SignedIn, now: Timestamp) -> Self {
        Self { signed_in, form_token: drawn(), begun_at: now, seen_at: now }
    }

    /// Reads the session from a browser's cookie; `None` if there is none, or it has ended.
    pub(super) fn of(
        headers: &HeaderMap,
        keys: &MasterKeys,
        config: &Config,
        now: Timestamp,
    ) -> Option<Self> {
        let session = Self::unsealed(opened(keys, SESSION, cookie(headers, COOKIE_NAME)?)?)?;
        let life = config.console.session.min(config.audit.keep);
        let is_new = session.seen_at <= now.after(CLOCKS_DIFFER);
        let is_live = now.since(session.seen_at) < config.console.idle && now.since(session.begun_at) < life;
        (is_new && is_live).then_some(session)
    }

    fn unsealed(sealed: Sealed) -> Option<Self> {
        let Sealed { id, user, scope, begun_at, behind, form_token, seen_at } = sealed;
        let (id, scope) = (id.parse().ok()?, scope.parse().ok()?);
        let signed_in = SignedIn { id, user, scope, behind };
        let (begun_at, seen_at) = (Timestamp::from_millis(begun_at), Timestamp::from_millis(seen_at));
        Some(Self { signed_in, form_token, begun_at, seen_at })
    }

    /// Returns the header for a cookie with a request at `now`; `None` while the browser's cookie is recent enough.
    pub(super) fn renewed(&self, keys: &MasterKeys, now: Timestamp) -> Option<HeaderValue> {
        (now.since(self.seen_at) >= RENEWED_AFTER).then(|| self.set_cookie(keys, now))
    }

    /// Returns the header that sets the cookie, until the browser is closed.
    pub(super) fn set_cookie(&self, keys: &MasterKeys, now: Timestamp) -> HeaderValue {
        let SignedIn { id, user, scope, behind } = &self.signed_in;
        let content = Sealed {
            id: id.to_string(),
            user: user.clone(),
            scope: scope.to_string(),
            begun_at: self.begun_at.millis(),
            behind: *behind,
            form_token: self.form_token.clone(),
            seen_at: now.millis(),
        };
        cookie_of(&sealed(keys, SESSION, &content), "")
    }

    /// Returns the token that every form carries.
    pub(super) fn form_token(&self) -> &str {
        &self.form_token
    }

    /// Says whether a form belongs to this session.
    pub(super) fn has_form_token(&self, token: &str) -> bool {
        constant_time::equal(self.form_token.as_bytes(), token.as_bytes())
    }
}

/// Returns the header that deletes the session's cookie.
pub(super) fn no_cookie() -> HeaderValue {
    cookie_of("", "; Max-Age=0")
}

fn cookie_of(value: &str, more: &str) -> HeaderValue {
    let cookie = format!("{COOKIE_NAME}={value}; Path=/; Secure; HttpOnly; SameSite=Strict{more}");
    HeaderValue::try_from(cookie).expect("base64url is visible ASCII")
}

/// Returns the value of a cookie. If there are two, somebody else has set one of them, and neither counts.
pub(super) fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let lines = headers.get_all(COOKIE).iter().filter_map(|line| line.to_str().ok());
    let pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    let mut own = pairs.filter(|(found, _)| *found == name).map(|(_, value)| value);
    own.next().filter(|_| own.next().is_none())
}

/// Draws a text that can't be guessed: 256 bits.
pub(super) fn drawn() -> String {
    let mut bytes = [0; 32];
    rand::rng().fill_bytes(&mut bytes);
    URL_SAFE_NO_PAD.encode(bytes)
}

#[cfg(test)]
mod tests {
    use tollgate_core::SessionId;
    use tollgate_keys::MasterKey;

    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_764_000_000);

    fn config() -> Config {
        let none: [(&str, &str); 0] = [];
        Config::load(None, none).unwrap()
    }

    fn session() -> Session {
        let (id, user) = (SessionId::random(&mut rand::rng()), "ada".to_owned());
        Session::new(SignedIn { id, user, scope: "admin:read".parse().unwrap(), behind: 7 }, NOW)
    }

    fn headers(cookie: &HeaderValue) -> HeaderMap {
        let pair = cookie.to_str().unwrap().split(';').next().unwrap();
        HeaderMap::from_iter([(COOKIE, HeaderValue::from_str(&format!("a=b; {pair}; c=d")).unwrap())])
    }

    #[test]
    fn a_session_comes_back_as_it_was_until_it_is_idle_or_at_its_end() {
        let (keys, config) = (MasterKeys::from(MasterKey::generate(&mut rand::rng())), config());
        let session = session();
        let is_open = |seen_at: Timestamp, now: Timestamp| {
            let found = Session::of(&headers(&session.set_cookie(&keys, seen_at)), &keys, &config, now);
            if let Some(found) = &found {
                assert_eq!(found.signed_in, session.signed_in);
                assert!(found.has_form_token(session.form_token()) && !found.has_form_token(""));
            }
            found.is_some()
        };
        let (idle, life) = (config.console.idle, config.console.session);
        let tick = Duration::from_millis(1);
        assert!(is_open(NOW, NOW.after(idle).before(tick)) && !is_open(NOW, NOW.after(idle)));
        let end = NOW.after(life);
        assert!(is_open(end.before(tick), end.before(tick)) && !is_open(end, end));
        assert!(!is_open(NOW.after(CLOCKS_DIFFER).after(tick), NOW), "it was not seen in the future");
    }

    #[test]
    fn a_cookie_is_for_this_host_alone_and_no_other_text_is_one() {
        let keys = MasterKeys::from(MasterKey::generate(&mut rand::rng()));
        let cookie = session().set_cookie(&keys, NOW);
        let text = cookie.to_str().unwrap();
        assert!(text.starts_with("__Host-tollgate-console="), "{text}");
        assert!(text.ends_with("; Path=/; Secure; HttpOnly; SameSite=Strict"), "{text}");
        assert!(!text.contains("ada"), "it is sealed");
        let other = MasterKeys::from(MasterKey::generate(&mut rand::rng()));
        assert!(Session::of(&headers(&cookie), &other, &config(), NOW).is_none(), "another master key");
        let mut twice = headers(&cookie);
        twice.append(COOKIE, HeaderValue::from_static("__Host-tollgate-console=x"));
        assert!(Session::of(&twice, &keys, &config(), NOW).is_none(), "there are two");
        assert!(Session::of(&headers(&no_cookie()), &keys, &config(), NOW).is_none());
    }

    #[test]
    fn a_browser_is_given_a_new_cookie_once_a_minute() {
        let keys = MasterKeys::from(MasterKey::generate(&mut rand::rng()));
        let session = session();
        assert!(session.renewed(&keys, NOW.after(Duration::from_secs(59))).is_none());
        assert!(session.renewed(&keys, NOW.after(Duration::from_secs(60))).is_some());
    }
}
