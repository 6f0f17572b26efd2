//! The counters of a server.
//!
//! Every label comes from a closed set, so the counters are arrays of atomics: counting takes no lock, and no caller
//! can make the set grow.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use http::StatusCode;
use tollgate_core::TokenError;
use tollgate_core::wire::Code;
use tollgate_store::{BOUNDS, Durations};

use crate::exposition::{Exposition, Kind};
use crate::route::{Route, Routes};
use crate::why::Why;

/// The statuses that are answered; others are counted as 500.
const STATUSES: [u16; 22] = [
    200, 201, 303, 304, 400, 401, 403, 404, 405, 408, 409, 410, 413, 415, 422, 429, 431, 500, 501, 503, 204,
    412,
];

/// Counts requests, tokens and refusals.
pub struct Metrics {
    routes: Routes,
    /// The counters of each route, at the route's index.
    by_route: Box<[RouteMetrics]>,
    tokens: [AtomicU64; 2],
    refusals: [AtomicU64; Code::ALL.len()],
    token_refusals: [AtomicU64; TokenError::ALL.len()],
    reasons: [AtomicU64; Why::ALL.len()],
}

/// The counts since the start.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Totals {
    /// Requests by duration: at most as long as each of [`BOUNDS`], and longer.
    pub buckets: [u64; BOUNDS.len() + 1],
    /// Grants answered with tokens.
    pub tokens: u64,
    /// Refused clients by reason, at the reason's index in [`Why::ALL`].
    pub reasons: [u64; Why::ALL.len()],
}

#[derive(Default)]
struct RouteMetrics {
    statuses: [AtomicU64; STATUSES.len()],
    durations: Durations,
}

/// The grant by which a token was issued.
#[derive(Debug, Clone, Copy)]
pub enum Grant {
    /// The grant with the client's credentials.
    ClientCredentials,
    /// The grant with a refresh token.
    RefreshToken,
}

impl Metrics {
    /// Makes counters for each of these routes.
    pub(crate) fn of(routes: Routes) -> Self {
        Self {
            by_route: routes.all().map(|_| RouteMetrics::default()).collect(),
            routes,
            tokens: std::array::from_fn(|_| AtomicU64::new(0)),
            refusals: std::array::from_fn(|_| AtomicU64::new(0)),
            token_refusals: std::array::from_fn(|_| AtomicU64::new(0)),
            reasons: std::array::from_fn(|_| AtomicU64::new(0)),
        }
    }

    /// Returns the routes that are counted separately.
    pub(crate) fn routes(&self) -> &Routes {
        &self.routes
    }

    /// Counts a request that was answered.
    pub(crate) fn request(&self, route: Route, status: StatusCode, took: Duration) {
        let metrics = &self.by_route[route.place()];
        let status = STATUSES.iter().position(|known| *known == status.as_u16()).unwrap_or(INTERNAL);
        metrics.statuses[status].fetch_add(1, Relaxed);
        metrics.durations.note(took);
    }

    /// Counts a token that was issued.
    pub(crate) fn issued(&self, grant: Grant) {
        self.tokens[grant as usize].fetch_add(1, Relaxed);
    }

    /// Counts a refusal by its code.
    pub(crate) fn refused(&self, code: Code) {
        self.refusals[code as usize].fetch_add(1, Relaxed);
    }

    /// Counts a token that was refused, by a reason that the caller is not told.
    pub(crate) fn token_refused(&self, why: TokenError) {
        self.token_refusals[why as usize].fetch_add(1, Relaxed);
    }

    /// Counts a refusal by its reason, of which the caller is told less.
    pub(crate) fn refused_for(&self, why: Why) {
        self.reasons[why as usize].fetch_add(1, Relaxed);
    }

    /// Returns the counts so far, over all routes but those for operators.
    pub fn totals(&self) -> Totals {
        let mut totals = Totals::default();
        for route in self.routes.all().filter(|route| route.is_for_callers()) {
            let counted = self.by_route[route.place()].durations.buckets();
            totals.buckets.iter_mut().zip(counted).for_each(|(total, count)| *total += count);
        }
        totals.tokens = self.tokens.iter().map(|count| count.load(Relaxed)).sum();
        totals.reasons = std::array::from_fn(|place| self.reasons[place].load(Relaxed));
        totals
    }

    /// Returns how many tokens were issued by a grant.
    pub fn tokens_issued(&self, grant: Grant) -> u64 {
        self.tokens[grant as usize].load(Relaxed)
    }

    /// Returns the number of refusals for each reason of which callers are told less.
    pub fn reasons(&self) -> impl Iterator<Item = (Why, u64)> {
        Why::ALL.into_iter().map(|why| (why, self.reasons[why as usize].load(Relaxed)))
    }

    /// Writes the counters; `exceeded` says how often each limit was exceeded.
    pub(crate) fn write(&self, exceeded: &[(&str, u64)], out: &mut Exposition) {
        self.write_requests(out);
        out.family(TOKENS, Kind::Counter, "Grants answered with tokens.");
        for (grant, name) in
            [(Grant::ClientCredentials, "client_credentials"), (Grant::RefreshToken, "refresh_token")]
        {
            let count = self.tokens[grant as usize].load(Relaxed);
            out.labelled(TOKENS, format_args!("grant=\"{name}\""), count);
        }
        out.family(REFUSALS, Kind::Counter, "Requests refused, by the code of the error.");
        for code in Code::ALL {
            let count = self.refusals[code as usize].load(Relaxed);
            out.labelled(REFUSALS, format_args!("code=\"{}\"", code.as_str()), count);
        }
        out.family(TOKEN_REFUSALS, Kind::Counter, "Tokens not accepted, by the reason.");
        for why in TokenError::ALL {
            let count = self.token_refusals[why as usize].load(Relaxed);
            out.labelled(TOKEN_REFUSALS, format_args!("reason=\"{}\"", why.as_str()), count);
        }
        let help = "Clients refused, by the reason, of which the caller is told less.";
        out.family(CLIENT_REFUSALS, Kind::Counter, help);
        for why in Why::ALL {
            let count = self.reasons[why as usize].load(Relaxed);
            out.labelled(CLIENT_REFUSALS, format_args!("reason=\"{}\"", why.as_str()), count);
        }
        let help = "What was over a limit of its source or merchant, refused or not.";
        out.family(EXCEEDED, Kind::Counter, help);
        for (limit, count) in exceeded {
            out.labelled(EXCEEDED, format_args!("limit=\"{limit}\""), count);
        }
    }

    fn write_requests(&self, out: &mut Exposition) {
        out.family(REQUESTS, Kind::Counter, "Requests answered, by route and status.");
        for route in self.routes.all() {
            for (status, count) in STATUSES.iter().zip(&self.by_route[route.place()].statuses) {
                let count = count.load(Relaxed);
                if count > 0 || FROM_THE_START.contains(status) {
                    let labels = format_args!("route=\"{}\",status=\"{status}\"", self.routes.path(route));
                    out.labelled(REQUESTS, labels, count);
                }
            }
        }
        out.family(DURATIONS, Kind::Histogram, "Time from a request's head to its answer.");
        for route in self.routes.all() {
            let counted = &self.by_route[route.place()].durations;
            let labels = format_args!("route=\"{}\"", self.routes.path(route));
            out.durations(DURATIONS, labels, &BOUNDS, &counted.buckets(), counted.micros());
        }
    }
}

/// The statuses that are shown from 0 on, so that their first occurrence is seen as an increase.
const FROM_THE_START: [u16; 5] = [200, 401, 429, 500, 503];
const REQUESTS: &str = "tollgate_requests_total";
const DURATIONS: &str = "tollgate_request_duration_seconds";
const TOKENS: &str = "tollgate_tokens_issued_total";
const REFUSALS: &str = "tollgate_refusals_total";
const TOKEN_REFUSALS: &str = "tollgate_token_refusals_total";
const CLIENT_REFUSALS: &str = "tollgate_client_refusals_total";
const INTERNAL: usize = 17;
const EXCEEDED: &str = "tollgate_limit_exceeded_total";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exposition::Format;

    #[test]
    fn requests_are_counted_by_route_status_and_time() {
        let metrics = Metrics::of(Routes::with([], Vec::new(), false, false));
        metrics.request(Route::Token, StatusCode::OK, Duration::from_micros(70));
        metrics.request(Route::Token, StatusCode::OK, Duration::from_secs(9));
        metrics.request(Route::Token, StatusCode::IM_A_TEAPOT, Duration::from_micros(50));
        metrics.issued(Grant::RefreshToken);
        metrics.refused(Code::InvalidClient);
        metrics.token_refused(TokenError::Expired);
        let mut out = Exposition::new(Format::Prometheus);
        metrics.write(&[("merchant_creates", 2)], &mut out);
        let text = out.end();
        for expected in [
            "tollgate_requests_total{route=\"/api/v1/oauth2/token\",status=\"200\"} 2\n",
            "tollgate_requests_total{route=\"/api/v1/oauth2/token\",status=\"500\"} 1\n",
            "_bucket{route=\"/api/v1/oauth2/token\",le=\"0.000050\"} 1\n",
            "_bucket{route=\"/api/v1/oauth2/token\",le=\"0.000100\"} 2\n",
            "_bucket{route=\"/api/v1/oauth2/token\",le=\"+Inf\"} 3\n",
            "_sum{route=\"/api/v1/oauth2/token\"} 9.000120\n",
            "tollgate_tokens_issued_total{grant=\"refresh_token\"} 1\n",
            "tollgate_refusals_total{code=\"INVALID_CLIENT\"} 1\n",
            "tollgate_token_refusals_total{reason=\"expired\"} 1\n",
            "tollgate_limit_exceeded_total{limit=\"merchant_creates\"} 2\n",
            "tollgate_requests_total{route=\"/api/v1/oauth2/refresh\",status=\"500\"} 0\n",
        ] {
            assert!(text.contains(expected), "{expected}\n{text}");
        }
    }
}
