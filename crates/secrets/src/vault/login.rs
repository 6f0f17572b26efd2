//! Logs in to Vault by `AppRole`.

use std::path::Path;
use std::time::Duration;

use reqwest::Method;
use serde::Deserialize;
use tollgate_core::Timestamp;

use super::api::Api;
use super::refusal;
use crate::credential_cache::{CredentialCache, Gate};
use crate::http;
use crate::{Mark, Reason, Refusal, Secret, file, payload};

/// The pause after a login that was certainly refused. Failed logins lock a role for everybody who uses it: Vault and
/// `OpenBao` count five within a quarter of an hour.
const AFTER_INVALID: Duration = Duration::from_secs(24 * 60 * 60);
/// The pause after a refusal that may mean a locked role: as long as the role is locked.
const AFTER_FORBIDDEN: Duration = Duration::from_secs(15 * 60);

const INVALID: &str = "Vault refuses the AppRole, and is not asked again with the same: check VAULT_ROLE_ID, \
                       VAULT_NAMESPACE, and that the secret id has not expired";
const FORBIDDEN: &str = "Vault denies the login by AppRole, and is not asked again with the same for 15 minutes: check \
                         VAULT_NAMESPACE, VAULT_APPROLE_MOUNT, and whether the role is locked after too many failed logins";

/// Logs in, and keeps the token for its lease.
pub(super) struct Login {
    pub(super) token: CredentialCache<Secret>,
    gate: Gate,
}

impl Login {
    pub(super) fn new() -> Self {
        Self { token: CredentialCache::empty(), gate: Gate::default() }
    }

    /// Returns the token of the last login while it is valid, or else of a new one.
    pub(super) async fn token(&self, api: &Api) -> Result<Secret, Reason> {
        self.token.or(api.environment.now(), self.log_in(api)).await
    }

    async fn log_in(&self, api: &Api) -> Result<(Secret, Timestamp), Reason> {
        let variable = |name| api.environment.variable(name);
        let absent =
            "is not set, nor is VAULT_TOKEN(_FILE): set the token, or the role id and VAULT_SECRET_ID(_FILE)";
        let role = api.environment.required("VAULT_ROLE_ID", absent)?;
        let secret = match variable("VAULT_SECRET_ID_FILE") {
            Some(path) => {
                payload::pick(&file::read(Path::new(&path), api.environment.sharing()).await?, None)?
            }
            None => api.environment.secret("VAULT_SECRET_ID")?,
        };
        let mount = variable("VAULT_APPROLE_MOUNT").unwrap_or_else(|| "approle".to_owned());
        let place = (variable("VAULT_ADDR"), variable("VAULT_NAMESPACE"), &mount);
        let with = Mark::complete((place, &role, secret.expose_secret()));
        let pause = |status| if status == 400 { AFTER_INVALID } else { AFTER_FORBIDDEN };
        let logging_in = log_in(api, &mount, &role, &secret);
        self.gate.pass(with, api.environment.reading(), pause, logging_in).await
    }
}

async fn log_in(api: &Api, mount: &str, role: &str, secret: &Secret) -> Result<(Secret, Timestamp), Reason> {
    let request = api.request(Method::POST, &format!("auth/{mount}/login"), None)?;
    let now = api.environment.now();
    let body = serde_json::json!({ "role_id": role, "secret_id": secret.expose_secret() });
    let answer = http::send(request.json(&body)).await?;
    match answer.status.as_u16() {
        200 => {}
        400 if !refusal::wants_tls(&answer) => return Err(answer.refused(Refusal::Denied, None, INVALID)),
        403 => return Err(answer.refused(Refusal::Denied, None, FORBIDDEN)),
        _ => return Err(refusal::otherwise(&answer)),
    }
    let unexpected = "the answer to the login has no token: check VAULT_ADDR";
    let answer: Answer = answer.json().ok_or(Reason::Unexpected(unexpected))?;
    let until = match answer.auth.lease_duration {
        0 => Timestamp::MAX,
        seconds => now.after(Duration::from_secs(seconds - seconds.div_ceil(10).min(30))),
    };
    Ok((answer.auth.client_token, until))
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
