//! Signing in by an OpenID provider.

mod answers;
mod scripted;
mod sign_ins;
mod tokens;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tollgate_core::{Algorithm, Clock as _, Timestamp};
use tollgate_http::refusal::Reason;
use tollgate_store::TimePassed;

use self::scripted::{CLIENT, ISSUER, Key, Scripted};
use super::{COOKIE, HERE, encoded};
use crate::call::{Call, Reply};
use crate::stage::Stage;

const BEGIN: &str = "/console/sign-in/oidc";
const CALLBACK: &str = "/console/sign-in/oidc/callback";
const BEGUN: &str = "__Host-tollgate-console-oidc";

const SETTINGS: [(&str, &str); 6] = [
    ("TOLLGATE_CONSOLE__OIDC__ISSUER", ISSUER),
    ("TOLLGATE_CONSOLE__OIDC__CLIENT_ID", CLIENT),
    ("TOLLGATE_CONSOLE__OIDC__CLIENT_SECRET", "env:THE_SECRET"),
    ("TOLLGATE_CONSOLE__OIDC__NAME", "Example Login"),
    ("TOLLGATE_CONSOLE__OIDC__ROLES", "ops=read support, security=audit"),
    ("TOLLGATE_ADMIN__REQUESTS", "off"),
];

/// A server whose console people sign in to by a provider.
struct Scene {
    stage: Arc<Stage>,
    provider: Scripted,
}

impl Scene {
    async fn open() -> Self {
        Self::with_key(&Key::new("first", Algorithm::Es256)).await
    }

    async fn with_key(key: &Arc<Key>) -> Self {
        let stage = Arc::new(Stage::with(&SETTINGS, |store| Arc::new(store)).await);
        let provider = Scripted::new(key, now(&stage).await.seconds());
        stage.operators.sign_in_by(&stage.config, provider.access());
        Self { stage, provider }
    }

    /// What comes of a sign-in from its begin to its end.
    async fn sign_in(&self) -> Reply {
        Browser::at(&self.stage).sign_in(&self.provider).await
    }

    /// Asserts that nobody is let in, with this status, and why by the words of operators.
    #[track_caller]
    fn refused<'a>(&'a self, status: u16, why: &'a str) -> impl Future<Output = ()> + use<'a> {
        let place = std::panic::Location::caller();
        async move { assert_refused(&self.sign_in().await, status, why, place) }
    }
}

fn assert_refused(reply: &Reply, status: u16, why: &str, place: &std::panic::Location<'_>) {
    let reason = reply.0.extensions().get::<Reason>().map_or("", |reason| reason.text.as_str());
    assert_eq!((reply.status().as_u16(), reason), (status, &*format!("console: {why}")), "{place}");
    let page = reply.text();
    assert!(page.contains("role=\"alert\"") && page.contains(BEGIN), "{place}: {page}");
    assert!(session_of(reply).is_none(), "{place}");
}

/// The cookie of a session that an answer sets.
fn session_of(reply: &Reply) -> Option<String> {
    set_cookies(reply).into_iter().find(|(name, ..)| name == COOKIE).map(|(_, value, _)| value)
}

/// The cookies that an answer sets: name, value, and the rest.
fn set_cookies(reply: &Reply) -> Vec<(String, String, String)> {
    let lines = reply.0.headers().get_all("set-cookie").iter().map(|line| line.to_str().unwrap());
    let parts = lines.map(|line| {
        let (pair, rest) = line.split_once(';').unwrap();
        let (name, value) = pair.split_once('=').unwrap();
        (name.to_owned(), value.to_owned(), rest.to_owned())
    });
    parts.collect()
}

/// A browser: it keeps cookies, and knows which go along when another site leads to a page.
#[derive(Clone)]
struct Browser {
    stage: Arc<Stage>,
    cookies: BTreeMap<String, (String, bool)>,
}

impl Browser {
    fn at(stage: &Arc<Stage>) -> Self {
        Self { stage: stage.clone(), cookies: BTreeMap::new() }
    }

    async fn sign_in(&mut self, provider: &Scripted) -> Reply {
        let query = self.go_to(provider).await;
        self.come_back(&query).await
    }

    /// Begins a sign-in, and returns what the provider sends the browser back with.
    async fn go_to(&mut self, provider: &Scripted) -> String {
        let reply = self.get(BEGIN).await;
        assert_eq!(reply.status(), 303, "{}", reply.text());
        provider.authorize(reply.header("location"))
    }

    /// Comes back from the provider.
    async fn come_back(&mut self, query: &str) -> Reply {
        self.led(&format!("{CALLBACK}?{query}"), "cross-site").await
    }

    async fn get(&mut self, path: &str) -> Reply {
        self.led(path, "same-origin").await
    }

    async fn led(&mut self, path: &str, from: &str) -> Reply {
        let goes_along = |is_strict: bool| from != "cross-site" || !is_strict;
        let cookies = self.cookies.iter().filter(|(_, (_, is_strict))| goes_along(*is_strict));
        let cookies: Vec<_> = cookies.map(|(name, (value, _))| format!("{name}={value}")).collect();
        let call = Call::get(path).header("host", "127.0.0.1:8080").header("sec-fetch-site", from);
        let call = if cookies.is_empty() { call } else { call.header("cookie", cookies.join("; ")) };
        let reply = self.stage.answer_from(HERE, call).await;
        for (name, value, rest) in set_cookies(&reply) {
            if rest.contains("Max-Age=0") {
                self.cookies.remove(&name);
            } else {
                self.cookies.insert(name, (value, rest.contains("SameSite=Strict")));
            }
        }
        reply
    }
}

/// The time by the store's clock.
async fn now(stage: &Stage) -> Timestamp {
    stage.installation.administration().now().await.unwrap()
}

/// Lets time pass by the store's clock.
async fn pass(stage: &Stage, time: Duration) {
    let until = now(stage).await.after(time);
    let passed = TimePassed { until, uptime: stage.clock.uptime() };
    stage.elsewhere.note_time_passed(&passed).await.unwrap();
}
