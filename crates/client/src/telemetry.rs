//! Metrics and changes of state of a cache.

use std::sync::Arc;
use std::time::Duration;

use metrics::{counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};

use crate::ObtainError;

/// The state of a cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum State {
    /// There is no usable token; one is being obtained.
    Waiting,
    /// There is a usable token.
    Holding,
    /// There is a usable token, and renewing it fails.
    Failing,
    /// There is no usable token, and obtaining one fails.
    Down,
}

/// A change of state, as it is passed to a callback.
#[derive(Debug, Clone)]
pub struct Change {
    /// The new state.
    pub state: State,
    /// Why the last token call failed, if it did.
    pub error: Option<Arc<ObtainError>>,
}

impl Change {
    pub(crate) fn log(&self) {
        let error = self.error.as_deref().map(tracing::field::display);
        match self.state {
            State::Waiting => tracing::debug!("there is no access token yet, or it has expired"),
            State::Holding => tracing::info!("there is an access token"),
            State::Failing => tracing::warn!(error, "the access token can't be renewed for now"),
            State::Down => tracing::error!(error, "there is no access token"),
        }
    }
}

/// A callback for changes of state.
pub(crate) type Observer = Arc<dyn Fn(&Change) + Send + Sync>;

/// Counts an attempt to renew: `tollgate_client_renewals_total`, `tollgate_client_renewal_seconds`.
pub(crate) fn renewed(trigger: &'static str, outcome: Option<&ObtainError>, took: Duration) {
    let outcome = outcome.map_or("renewed", ObtainError::label);
    counter!("tollgate_client_renewals_total", "trigger" => trigger, "outcome" => outcome).increment(1);
    histogram!("tollgate_client_renewal_seconds").record(took);
}

/// Reports the age of the current token and how long it can be used: `tollgate_client_token_age_seconds`, `…_usable_seconds`, and
/// `tollgate_client_consecutive_failures`.
pub(crate) fn report(age: Option<Duration>, usable_for: Duration, failures: u32) {
    gauge!("tollgate_client_token_age_seconds").set(age.unwrap_or_default().as_secs_f64());
    gauge!("tollgate_client_token_usable_seconds").set(usable_for.as_secs_f64());
    gauge!("tollgate_client_consecutive_failures").set(failures);
}

/// Counts a call to the authority: `tollgate_client_token_calls_total`.
pub(crate) fn called(grant: &'static str, outcome: &'static str) {
    counter!("tollgate_client_token_calls_total", "grant" => grant, "outcome" => outcome).increment(1);
}

/// Records how long a caller waited for a token: `tollgate_client_wait_seconds`.
pub(crate) fn waited(took: Duration, outcome: &'static str) {
    histogram!("tollgate_client_wait_seconds", "outcome" => outcome).record(took);
}

/// Counts a 401 of the API: `tollgate_client_unauthorized_total`.
pub(crate) fn unauthorized(result: &'static str) {
    counter!("tollgate_client_unauthorized_total", "result" => result).increment(1);
}

/// Describes each metric of this crate to the recorder that is installed: for the `HELP` of Prometheus.
pub fn describe_metrics() {
    describe_counter!(
        "tollgate_client_renewals_total",
        "Attempts to renew the token, by what caused them and how they ended."
    );
    describe_histogram!("tollgate_client_renewal_seconds", "How long an attempt to renew the token took.");
    describe_gauge!("tollgate_client_token_age_seconds", "How old the current token is; 0 without one.");
    describe_gauge!(
        "tollgate_client_token_usable_seconds",
        "How long the current token can be used; 0 without one."
    );
    describe_gauge!("tollgate_client_consecutive_failures", "Failed attempts since the last token.");
    describe_counter!(
        "tollgate_client_token_calls_total",
        "Calls of the token endpoint, by grant and outcome."
    );
    describe_histogram!("tollgate_client_wait_seconds", "How long callers waited for a token.");
    describe_counter!("tollgate_client_unauthorized_total", "Answers of 401, by what came of them.");
}
