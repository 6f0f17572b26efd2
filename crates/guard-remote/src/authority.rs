//! Calls to the authority: limited in time and size, only to its origin, and with a check of its clock.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, AGE, DATE};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response};
use tokio::time::{Instant, timeout};
use tollgate_client::{Fault, Origin, Transport};
use tollgate_core::{Clock, Timestamp};

use crate::problem::Problem;

/// How far the clock of the authority may be from this one. A token is valid by the clock of the program that checks it.
const CLOCKS_DIFFER: Duration = Duration::from_secs(30);

/// An authority, with the means to call it.
pub(crate) struct Authority {
    pub(crate) issuer: Box<str>,
    pub(crate) origin: Origin,
    pub(crate) documents: Channel,
    pub(crate) polls: Channel,
    pub(crate) clock: Arc<dyn Clock>,
}

/// A transport to the authority, and how long an answer may take.
pub(crate) struct Channel {
    pub(crate) transport: Arc<dyn Transport>,
    pub(crate) patience: Duration,
}

/// A point in time by two clocks: one that never goes back, and the one by which tokens expire.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reading {
    pub(crate) at: Instant,
    pub(crate) wall: Timestamp,
}

/// An answer, and when it was asked for. Its content was true then or later.
pub(crate) struct Answer {
    pub(crate) response: Response<Bytes>,
    pub(crate) sent: Reading,
}

impl Authority {
    /// Returns the current time.
    pub(crate) fn reading(&self) -> Reading {
        Reading { at: Instant::now(), wall: self.clock.now() }
    }

    /// Returns the URL of a document below the issuer's URL, such as `/oauth2/jwks`.
    pub(crate) fn url(&self, path_and_query: &str) -> String {
        format!("{}{path_and_query}", self.issuer)
    }

    /// Sends a request and waits for the whole answer. Redirects are not followed.
    pub(crate) async fn ask(
        &self,
        channel: &Channel,
        what: &'static str,
        request: Request<Bytes>,
    ) -> Result<Answer, Problem> {
        let sent = self.reading();
        let answered = timeout(channel.patience, channel.transport.send(request)).await;
        let answered = answered.unwrap_or(Err(Fault::Timeout));
        let response = answered.map_err(|fault| Problem::Call { what, fault })?;
        compare_clocks(what, response.headers(), sent.wall, self.clock.now())?;
        Ok(Answer { response, sent })
    }
}

/// Makes a request that reads JSON.
pub(crate) fn get(what: &'static str, url: &str) -> Result<Request<Bytes>, Problem> {
    let request = Request::get(url).header(ACCEPT, HeaderValue::from_static("application/json"));
    request.body(Bytes::new()).map_err(|_| Problem::Malformed(what))
}

/// Refuses an answer of an authority whose clock differs from ours, or whose date can't be read. An answer without a date tells
/// nothing about the clock: a proxy may have left it out.
fn compare_clocks(
    what: &'static str,
    headers: &HeaderMap,
    sent: Timestamp,
    received: Timestamp,
) -> Result<(), Problem> {
    let text = |name: HeaderName| {
        headers.get(name).map(|value| value.to_str().map_err(|_| Problem::Malformed(what))).transpose()
    };
    let Some(date) = text(DATE)? else { return Ok(()) };
    let date = Timestamp::from(httpdate::parse_http_date(date).map_err(|_| Problem::Malformed(what))?);
    // A cache in between states how long it has had the answer.
    let age = text(AGE)?.map(|age| age.trim().parse().map_err(|_| Problem::Malformed(what))).transpose()?;
    let made = date.after(Duration::from_secs(age.unwrap_or(0)));
    // The date is in whole seconds.
    let differ = sent.since(made.after(SECOND)).max(made.since(received));
    if differ > CLOCKS_DIFFER { Err(Problem::Clocks(differ.as_secs())) } else { Ok(()) }
}

const SECOND: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_from_another_time_is_refused() {
        let now = Timestamp::from_seconds(1_764_000_000);
        let ask = |date: &str, age: Option<&str>| {
            let mut headers = HeaderMap::new();
            headers.insert(DATE, date.parse().unwrap());
            headers.extend(age.map(|age| (AGE, age.parse().unwrap())));
            compare_clocks("the keys", &headers, now, now.after(Duration::from_secs(2)))
                .map_err(|problem| problem.to_string())
        };
        let date = |seconds| httpdate::fmt_http_date(Timestamp::from_seconds(seconds).into());
        for good in [0, 1, 2, 29, 32] {
            assert_eq!(ask(&date(1_764_000_000 + good), None), Ok(()));
        }
        for good in [1, 30, 31] {
            assert_eq!(ask(&date(1_764_000_000 - good), None), Ok(()));
        }
        assert!(ask(&date(1_764_000_033), None).is_err());
        assert!(ask(&date(1_763_999_968), None).unwrap_err().contains("differ by 31 s"));
        assert_eq!(ask(&date(1_763_999_000), Some("1000")), Ok(()), "a cache had it");
        for (date, age) in [("yesterday", None), ("", None), (&*date(1_764_000_000), Some("-1"))] {
            assert!(ask(date, age).unwrap_err().contains("not in the form"), "{date} {age:?}");
        }
        assert!(compare_clocks("the keys", &HeaderMap::new(), now, now).is_ok(), "it says nothing");
    }
}
