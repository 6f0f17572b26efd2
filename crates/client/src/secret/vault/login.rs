//! The login by `AppRole`.

use std::path::Path;
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use reqwest::Method;
use serde::Deserialize;
use tollgate_core::Timestamp;

use super::super::http;
use super::super::kept::Kept;
use super::super::{Mark, Reason, Refusal, Secret, file, payload};
use super::{Api, refusal};
use crate::Moment;

/// Failed logins lock a role for everybody who uses it: Vault and `OpenBao` count five within a quarter of an hour. So
/// what was refused for certain is as good as never tried again.
const AFTER_INVALID: Duration = Duration::from_secs(24 * 60 * 60);
/// A role that is locked answers so, and for so long.
const AFTER_FORBIDDEN: Duration = Duration::from_secs(15 * 60);

/// Logs in, and keeps the token for its lease.
pub(super) struct Login {
    pub(super) token: Kept<Secret>,
    refused: Mutex<Option<Refused>>,
}

/// A login that was refused, and is not tried again until then with the same.
struct Refused {
    with: Mark,
    until: Moment,
    status: u16,
}

impl Login {
    pub(super) fn new() -> Self {
        Self { token: Kept::nothing(), refused: Mutex::new(None) }
    }

    /// The token of the last login, or else of another one.
    pub(super) async fn token(&self, api: &Api) -> Result<Secret, Reason> {
        self.token.or(api.environment.now(), self.log_in(api)).await
    }

    async fn log_in(&self, api: &Api) -> Result<(Secret, Timestamp), Reason> {
        let variable = |name| api.environment.variable(name);
        let absent =
            "is not set, nor is VAULT_TOKEN(_FILE): set the token, or the role id and VAULT_SECRET_ID(_FILE)";
        let role = api.environment.required("VAULT_ROLE_ID", absent)?;
        let secret = match variable("VAULT_SECRET_ID_FILE") {
            Some(path) => payload::pick(&file::read(Path::new(&path)).await?, None)?,
            None => api.environment.secret("VAULT_SECRET_ID")?,
        };
        let mount = variable("VAULT_APPROLE_MOUNT").unwrap_or_else(|| "approle".to_owned());
        let with = Mark::complete((
            variable("VAULT_ADDR"),
            variable("VAULT_NAMESPACE"),
            &mount,
            &role,
            secret.expose_secret(),
        ));
        self.check(with, api.environment.moment())?;
        let request = api.request(Method::POST, &format!("auth/{mount}/login"), None)?;
        let now = api.environment.now();
        let body = serde_json::json!({ "role_id": role, "secret_id": secret.expose_secret() });
        let answer = http::send(request.json(&body)).await?;
        let status = answer.status.as_u16();
        if status != 200 {
            return Err(match status {
                400 | 403 if !refusal::wants_tls(&answer) => {
                    self.refuse(with, api.environment.moment(), status)
                }
                _ => refusal::otherwise(&answer),
            });
        }
        let unexpected = "the answer to the login has no token: check VAULT_ADDR";
        let answer: Answer = answer.json().ok_or(Reason::Unexpected(unexpected))?;
        let until = match answer.auth.lease_duration {
            0 => Timestamp::MAX,
            seconds => now.after(Duration::from_secs(seconds - seconds.div_ceil(10).min(30))),
        };
        Ok((answer.auth.client_token, until))
    }

    /// Fails where this was refused and the time has not come to try it again.
    fn check(&self, with: Mark, now: Moment) -> Result<(), Reason> {
        match &*self.refused() {
            Some(refused) if refused.with == with && now.is_before(refused.until) => {
                Err(refusal_of(refused.status))
            }
            _ => Ok(()),
        }
    }

    fn refuse(&self, with: Mark, now: Moment, status: u16) -> Reason {
        let until = now.after(if status == 400 { AFTER_INVALID } else { AFTER_FORBIDDEN });
        *self.refused() = Some(Refused { with, until, status });
        refusal_of(status)
    }

    fn refused(&self) -> MutexGuard<'_, Option<Refused>> {
        self.refused.lock().expect("nothing panics with the refusal locked")
    }
}

fn refusal_of(status: u16) -> Reason {
    let advice = match status {
        400 => {
            "Vault refuses the AppRole, and is not asked again with the same: check VAULT_ROLE_ID, VAULT_NAMESPACE, and that \
             the secret id has not expired"
        }
        _ => {
            "Vault denies the login by AppRole, and is not asked again with the same for 15 minutes: check VAULT_NAMESPACE, \
             VAULT_APPROLE_MOUNT, and whether the role is locked after too many failed logins"
        }
    };
    Reason::Refused { refusal: Refusal::Denied, status, code: None, advice }
}

#[derive(Deserialize)]
struct Answer {
    auth: Auth,
}

#[derive(Deserialize)]
struct Auth {
    #[serde(deserialize_with = "payload::secret")]
    client_token: Secret,
    lease_duration: u64,
}
