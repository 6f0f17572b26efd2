//! Renews a token that was given to this process, so that it is still valid when a secret is read after weeks.

use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use reqwest::Method;
use serde::Deserialize;
use tokio::task::JoinHandle;
use tokio::time::sleep;

use super::api::Api;
use super::refusal;
use crate::{Reading, Reason, Refusal, Secret, http};

/// How often the clocks and the file of the token are checked at least.
const LONGEST_SLEEP: Duration = Duration::from_secs(60);
/// The longest pause after a failed renewal: it is shorter for a token that expires soon.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// The task that renews the token. The first successful reading starts it, and dropping this ends it.
#[derive(Default)]
pub(super) struct Renewal(Mutex<Option<JoinHandle<()>>>);

impl Renewal {
    /// Starts the task if there is none, or its runtime has ended.
    pub(super) fn ensure(&self, api: &Arc<Api>) {
        let mut task = self.0.lock().expect("nothing panics with the task locked");
        if task.as_ref().is_none_or(JoinHandle::is_finished) {
            *task = Some(tokio::spawn(run(Arc::downgrade(api))));
        }
    }
}

impl Drop for Renewal {
    fn drop(&mut self) {
        if let Some(task) = self.0.get_mut().expect("nothing panics with the task locked").take() {
            task.abort();
        }
    }
}

async fn run(api: Weak<Api>) {
    let mut known = None;
    loop {
        let Some(api) = api.upgrade() else { return };
        let pause = step(&api, &mut known).await;
        drop(api);
        sleep(pause.min(LONGEST_SLEEP)).await;
    }
}

/// A token, and when it must be renewed.
struct Known {
    token: Secret,
    /// When it must be renewed; `None` if it can't be.
    due: Option<Reading>,
    /// The lifetime after a renewal.
    lifetime: Duration,
    /// Whether the last attempt failed, which has been logged.
    failing: bool,
}

/// Takes the step that is due, and returns how long to wait.
async fn step(api: &Api, known: &mut Option<Known>) -> Duration {
    let Ok(Some(token)) = api.given_token().await else { return LONGEST_SLEEP };
    let is_known = known.as_ref().is_some_and(|known| known.token.expose_secret() == token.expose_secret());
    let now = api.environment.reading();
    if !is_known {
        let found = ask(api, Method::GET, "auth/token/lookup-self", &token).await.map(|answer| answer.data);
        return match found {
            Ok(Some(Data { ttl, renewable })) => learn(known, token, ttl, renewable, now),
            // The token's policy doesn't let it read its own properties, so it is not renewed either.
            Err(Reason::Refused { refusal: Refusal::Denied, .. }) => learn(known, token, 0, false, now),
            Ok(None) | Err(_) => LONGEST_PAUSE,
        };
    }
    let Some(known) = known else { return LONGEST_SLEEP };
    match known.due {
        None => LONGEST_SLEEP,
        Some(due) if now.is_before(due) => now.until(due),
        Some(_) => {
            let renewed = ask(api, Method::POST, "auth/token/renew-self", &token).await;
            known.renewed(renewed, now)
        }
    }
}

/// Switches to another token.
fn learn(known: &mut Option<Known>, token: Secret, ttl: u64, renewable: bool, now: Reading) -> Duration {
    let lifetime = Duration::from_secs(ttl);
    let due = (renewable && !lifetime.is_zero()).then(|| now.after(lifetime / 2));
    if due.is_none() && !lifetime.is_zero() {
        tracing::warn!(seconds = ttl, "the token for Vault can't be renewed: it ends then");
    }
    *known = Some(Known { token, due, lifetime, failing: false });
    due.map_or(LONGEST_SLEEP, |due| now.until(due))
}

impl Known {
    /// Records the outcome of a renewal.
    fn renewed(&mut self, renewed: Result<Answer, Reason>, now: Reading) -> Duration {
        let pause = LONGEST_PAUSE.min(self.lifetime / 10);
        let error = match renewed {
            Ok(Answer { auth: Some(Auth { lease_duration, renewable }), .. }) => {
                if self.failing {
                    tracing::info!("the token for Vault is renewed again");
                }
                self.failing = false;
                self.lifetime = Duration::from_secs(lease_duration);
                self.due = (renewable && lease_duration > 0).then(|| now.after(self.lifetime / 2));
                return self.due.map_or(LONGEST_SLEEP, |due| now.until(due));
            }
            Ok(_) => Reason::Unexpected("the answer to the renewal is none of Vault"),
            Err(error) => error,
        };
        // It can't be renewed any further.
        if matches!(error, Reason::Refused { refusal: Refusal::Denied, .. }) {
            self.due = None;
        } else {
            self.due = Some(now.after(pause));
        }
        if !std::mem::replace(&mut self.failing, true) {
            tracing::warn!(%error, "the token for Vault can't be renewed");
        }
        pause
    }
}

async fn ask(api: &Api, method: Method, path: &str, token: &Secret) -> Result<Answer, Reason> {
    let answer = http::send(api.request(method, path, Some(token))?).await?;
    if answer.status != 200 {
        return Err(refusal::of(&answer, path));
    }
    answer.json().ok_or(Reason::Unexpected("the answer is none of Vault: check VAULT_ADDR"))
}

/// The answer of both calls; each contains a part of it.
#[derive(Deserialize)]
struct Answer {
    data: Option<Data>,
    auth: Option<Auth>,
}

#[derive(Deserialize)]
struct Data {
    ttl: u64,
    renewable: bool,
}

#[derive(Deserialize)]
struct Auth {
    lease_duration: u64,
    renewable: bool,
}
