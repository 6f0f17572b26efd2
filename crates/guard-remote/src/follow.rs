//! Follows the authority's revocations, by a request that the authority keeps open until there is a new one.

use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use http::header::AUTHORIZATION;
use tokio::time::{Instant, sleep, sleep_until};
use tollgate_client::Cached;
use tollgate_guard::Revocations;

use crate::authority::{Answer, Reading, get};
use crate::calls::backoff;
use crate::freshness::Subject;
use crate::news::{News, REVOCATIONS};
use crate::problem::Problem;
use crate::shared::Shared;

/// The shortest time between two requests: an authority that is about to end answers at once.
const APART: Duration = Duration::from_millis(100);
const FIRST_RETRY: Duration = Duration::from_millis(250);
const LAST_RETRY: Duration = Duration::from_secs(5);
/// How many revocations are added to the last complete list before there is another one: only the authority knows which of
/// them have expired.
const ADDED: usize = 10_000;

/// Follows the revocations for ever.
pub(crate) async fn follow(shared: Arc<Shared>, tokens: Cached) {
    let mut known = Known::default();
    let mut failures = 0;
    loop {
        let began = Instant::now();
        match known.ask(&shared, &tokens).await {
            Ok((asked, has_news)) => {
                failures = 0;
                shared.keeper.revocations(has_news.then_some(&known.revocations), asked);
                // Complete lists one after another are a sign of a problem.
                let pause =
                    APART.saturating_mul(2_u32.saturating_pow(known.lists_in_a_row.saturating_sub(1)));
                sleep_until(began + pause.min(LAST_RETRY)).await;
            }
            Err(problem) => {
                failures += 1;
                shared.keeper.failed(Subject::Revocations, &problem, false);
                sleep(backoff(failures, FIRST_RETRY, LAST_RETRY)).await;
            }
        }
    }
}

/// The revocations that are known.
#[derive(Default)]
struct Known {
    position: Option<String>,
    revocations: Revocations,
    /// The number of revocations in the last complete list.
    listed: usize,
    lists_in_a_row: u32,
}

impl Known {
    /// Asks for new revocations. Returns when it asked, and whether there are any.
    async fn ask(&mut self, shared: &Shared, tokens: &Cached) -> Result<(Reading, bool), Problem> {
        let authority = &shared.authority;
        let token = tokens.ready().await.map_err(|unavailable| match unavailable.error {
            Some(error) => Problem::Token((*error).clone()),
            None => Problem::NoToken,
        })?;
        let generation = token.generation();
        let after = self.position.as_ref().map(|position| format!("?after={position}"));
        let url = authority.url(&format!("/oauth2/revocations{}", after.unwrap_or_default()));
        let mut request = get(REVOCATIONS, &url)?;
        request.headers_mut().insert(AUTHORIZATION, token.into_header());
        let Answer { response, sent } = authority.ask(&authority.polls, REVOCATIONS, request).await?;
        match response.status() {
            StatusCode::OK => tokens.note_accepted(generation),
            status => {
                match status {
                    StatusCode::UNAUTHORIZED => tokens.note_refused(generation),
                    // The position may belong to another authority.
                    StatusCode::BAD_REQUEST => self.position = None,
                    _ => {}
                }
                return Err(Problem::Status { what: REVOCATIONS, status: status.as_u16() });
            }
        }
        let news = News::read(response.body(), self.position.as_deref())?;
        Ok((sent, self.apply(news)))
    }

    fn apply(&mut self, news: News) -> bool {
        let changes = news.is_complete || !news.revocations.is_empty();
        if news.is_complete {
            self.revocations = news.revocations.into_iter().collect();
            self.listed = self.revocations.len();
            self.lists_in_a_row = self.lists_in_a_row.saturating_add(1);
        } else {
            news.revocations.iter().for_each(|revocation| self.revocations.apply(revocation));
            self.lists_in_a_row = 0;
        }
        let is_long = self.revocations.len() > self.listed.saturating_mul(2).saturating_add(ADDED);
        self.position = (!is_long).then_some(news.position);
        changes
    }
}
