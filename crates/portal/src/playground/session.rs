//! The sessions of visitors, which are kept in memory, limited in number and in time.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rand::Rng as _;
use tollgate_core::{Timestamp, constant_time};
use zeroize::Zeroizing;

use super::credentials::Credentials;
use super::redaction::Outcome;
use crate::time_format::utc;

/// The most sessions at the same time; a further one ends the session that was idle for longest.
const MOST: usize = 256;
/// How long a session may be idle.
const IDLE: Duration = Duration::from_secs(30 * 60);
/// How long a session lasts, even if it is used.
const LIFE: Duration = Duration::from_secs(8 * 60 * 60);
/// The most former actions that are listed.
const REMEMBERED: usize = 12;

/// The open sessions.
#[derive(Default)]
pub(super) struct Sessions {
    kept: Mutex<HashMap<String, Kept>>,
    /// Whether a task removes expired sessions.
    swept: AtomicBool,
}

struct Kept {
    session: Arc<tokio::sync::Mutex<Session>>,
    opened_at: Timestamp,
    seen_at: Timestamp,
    /// Whether the visitor has done anything. Unused sessions are ended first.
    used: bool,
}

/// A session, and its name if the browser must be told.
pub(super) struct Opened {
    pub(super) session: Arc<tokio::sync::Mutex<Session>>,
    pub(super) cookie: Option<String>,
}

impl Sessions {
    /// Returns the session of this name, or a new one. In a new one the visitor acts as the demo client, if there is one.
    pub(super) fn open(&self, name: Option<&str>, demo: Option<Credentials>, now: Timestamp) -> Opened {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|_, session| session.is_live(now));
        if let Some(found) = name.and_then(|name| kept.get_mut(name)) {
            found.seen_at = now;
            return Opened { session: found.session.clone(), cookie: None };
        }
        if kept.len() >= MOST {
            let idle = kept.iter().min_by_key(|(_, session)| (session.used, session.seen_at));
            let idle = idle.map(|(name, _)| name.clone());
            idle.map(|name| kept.remove(&name));
        }
        let session = Arc::new(tokio::sync::Mutex::new(Session::new(demo)));
        let name = drawn();
        let new = Kept { session: session.clone(), opened_at: now, seen_at: now, used: false };
        kept.insert(name.clone(), new);
        Opened { session, cookie: Some(name) }
    }

    /// Says whether a task must be started that removes expired sessions.
    pub(super) fn wants_sweeper(&self) -> bool {
        !self.swept.swap(true, Relaxed)
    }

    /// Removes expired sessions, and says whether there are others.
    pub(super) fn sweep(&self, now: Timestamp) -> bool {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|_, session| session.is_live(now));
        // Set under the lock: a new session then finds that it needs a task.
        self.swept.store(!kept.is_empty(), Relaxed);
        !kept.is_empty()
    }

    /// Returns the session of this name for an action, and counts it as used.
    pub(super) fn use_again(
        &self,
        name: Option<&str>,
        now: Timestamp,
    ) -> Option<Arc<tokio::sync::Mutex<Session>>> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|_, session| session.is_live(now));
        let found = kept.get_mut(name?)?;
        found.seen_at = now;
        found.used = true;
        Some(found.session.clone())
    }
}

impl Kept {
    fn is_live(&self, now: Timestamp) -> bool {
        now.since(self.seen_at) < IDLE && now.since(self.opened_at) < LIFE
    }
}

/// A session: the state of one browser.
pub(super) struct Session {
    /// The token in every form, so that no other page can send one.
    pub(super) form_token: String,
    pub(super) credentials: Option<Credentials>,
    /// Whether the credentials are the demo client's, which the visitor must not see.
    pub(super) is_demo: bool,
    pub(super) tokens: Option<Tokens>,
    pub(super) payment: Option<Payment>,
    /// Why the last credentials were refused.
    pub(super) sign_in_problem: Option<SignInProblem>,
    /// The outcome of the last action.
    pub(super) outcome: Option<Outcome>,
    /// Former actions, the latest first.
    pub(super) history: VecDeque<Done>,
    /// How many actions there were.
    pub(super) actions: u64,
    /// How many payments were created.
    pub(super) payments: u64,
}

/// Why credentials were refused, and the visitor's input except for the secret.
pub(super) struct SignInProblem {
    pub(super) client_id: String,
    pub(super) field: Field,
    pub(super) message: String,
}

/// A field of the form that asks for credentials.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Field {
    ClientId,
    ClientSecret,
}

/// The longest text that is kept of the field for the client id, in bytes: a UUID has 36.
const LONGEST_ID: usize = 64;

impl SignInProblem {
    /// Makes the problem with a field, with the text that was typed as the client id. A secret that was typed there isn't kept.
    pub(super) fn new(client_id: &str, field: Field, message: &str) -> Self {
        let is_kept = client_id.len() <= LONGEST_ID && !is_secret(client_id);
        let client_id = if is_kept { client_id.to_owned() } else { String::new() };
        Self { client_id, field, message: message.to_owned() }
    }

    /// Returns the problem with a field, if it is this one.
    pub(super) fn at(&self, field: Field) -> Option<&str> {
        (self.field == field).then_some(self.message.as_str())
    }
}

/// Says whether a text looks like a client secret.
pub(super) fn is_secret(text: &str) -> bool {
    text.contains("tg_test_") || text.contains("tg_live_")
}

/// The tokens of a session.
pub(super) struct Tokens {
    pub(super) access: Zeroizing<String>,
    pub(super) refresh: Zeroizing<String>,
}

/// The last payment of a session.
#[derive(Clone)]
pub(super) struct Payment {
    pub(super) key: String,
    pub(super) body: String,
    /// The path of its page on this server.
    pub(super) page: Option<String>,
}

/// A former action.
pub(super) struct Done {
    /// The number of the action; the first is 1.
    pub(super) number: u64,
    pub(super) at: String,
    pub(super) title: &'static str,
    pub(super) answers: String,
}

impl Session {
    fn new(credentials: Option<Credentials>) -> Self {
        Self {
            form_token: drawn(),
            is_demo: credentials.is_some(),
            credentials,
            tokens: None,
            payment: None,
            sign_in_problem: None,
            outcome: None,
            history: VecDeque::new(),
            actions: 0,
            payments: 0,
        }
    }

    pub(super) fn has_form_token(&self, token: &str) -> bool {
        constant_time::equal(self.form_token.as_bytes(), token.as_bytes())
    }

    /// Keeps the outcome of an action, and adds it to the history.
    pub(super) fn show(&mut self, outcome: Outcome, now: Timestamp) {
        self.history.truncate(REMEMBERED - 1);
        self.actions += 1;
        let (number, title, answers) = (self.actions, outcome.title, outcome.answers());
        self.history.push_front(Done { number, at: utc(now), title, answers });
        self.outcome = Some(outcome);
    }

    /// Resets the session, as if it had just begun.
    pub(super) fn start_over(&mut self) {
        *self = Self::new(self.credentials.take().filter(|_| self.is_demo));
    }
}

/// Draws a name that can't be guessed: 256 bits.
fn drawn() -> String {
    let mut bytes = [0; 32];
    rand::rng().fill_bytes(&mut bytes);
    URL_SAFE_NO_PAD.encode(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_764_000_000);

    fn open(sessions: &Sessions, now: Timestamp) -> String {
        sessions.open(None, None, now).cookie.unwrap()
    }

    fn is_open(sessions: &Sessions, name: &str, now: Timestamp) -> bool {
        sessions.use_again(Some(name), now).is_some()
    }

    #[test]
    fn a_visit_ends_when_it_is_idle_and_at_the_end_of_its_life() {
        let sessions = Sessions::default();
        let idle = open(&sessions, NOW);
        assert!(!is_open(&sessions, &idle, NOW.after(IDLE)));
        let busy = open(&sessions, NOW);
        let mut now = NOW;
        while now.after(IDLE) < NOW.after(LIFE) {
            now = now.after(IDLE / 2);
            assert!(is_open(&sessions, &busy, now));
        }
        let last = NOW.after(LIFE).before(Duration::from_millis(1));
        assert!(is_open(&sessions, &busy, now.after(IDLE / 2).min(last)));
        assert!(!is_open(&sessions, &busy, NOW.after(LIFE)));
    }

    #[test]
    fn a_crowd_ends_idle_visits_first_and_those_who_did_something_last() {
        let sessions = Sessions::default();
        let busy = open(&sessions, NOW);
        assert!(is_open(&sessions, &busy, NOW));
        let first = open(&sessions, NOW.after(Duration::from_secs(1)));
        for _ in 0..2 * MOST {
            open(&sessions, NOW.after(Duration::from_secs(2)));
        }
        assert_eq!(sessions.kept.lock().unwrap().len(), MOST);
        assert!(!is_open(&sessions, &first, NOW.after(Duration::from_secs(3))));
        assert!(is_open(&sessions, &busy, NOW.after(Duration::from_secs(3))));
    }

    #[test]
    fn sweeping_goes_on_while_there_are_visits() {
        let sessions = Sessions::default();
        open(&sessions, NOW);
        assert!(sessions.wants_sweeper() && !sessions.wants_sweeper());
        assert!(sessions.sweep(NOW));
        assert!(!sessions.sweep(NOW.after(IDLE)));
        assert!(sessions.kept.lock().unwrap().is_empty() && sessions.wants_sweeper());
    }

    #[test]
    fn a_name_that_was_never_given_out_opens_a_session_of_another_name() {
        let sessions = Sessions::default();
        let opened = sessions.open(Some("chosen-by-the-visitor"), None, NOW);
        assert!(opened.cookie.is_some_and(|name| name != "chosen-by-the-visitor" && name.len() == 43));
    }

    #[test]
    fn what_was_typed_as_the_client_id_is_kept_unless_it_is_a_secret() {
        let kept = |text: &str| SignInProblem::new(text, Field::ClientId, "").client_id;
        assert_eq!(kept("shop-1"), "shop-1");
        for not in ["tg_test_0123456789", " tg_live_0", &"x".repeat(LONGEST_ID + 1)] {
            assert_eq!(kept(not), "", "{not}");
        }
        let problem = SignInProblem::new("i", Field::ClientSecret, "It is wrong.");
        assert_eq!(
            (problem.at(Field::ClientId), problem.at(Field::ClientSecret)),
            (None, Some("It is wrong."))
        );
    }

    #[tokio::test]
    async fn a_form_is_taken_with_the_token_of_its_session_only() {
        let (one, other) = (Session::new(None), Session::new(None));
        assert!(one.has_form_token(&one.form_token));
        assert!(!one.has_form_token(&other.form_token) && !one.has_form_token(""));
    }
}
