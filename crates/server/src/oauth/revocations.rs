//! `GET /oauth2/revocations`: the revocations, for guards in other processes. A guard asks again and again for the revocations
//! after its last position, and each request waits until there are some.

use std::time::Duration;

use bytes::Bytes;
use http::Method;
use http::request::Parts;
use serde::Serialize;
use tokio::sync::watch;
use tokio::time::{Instant, timeout};
use tollgate_core::{Generation, Revocation, Revoked};
use tollgate_guard::Requirement;
use tollgate_http::Problem;
use tollgate_store::{Changed, Position};

use crate::caller::Caller;
use crate::error::Error;
use crate::response::{Answer, about_tokens};
use crate::state::{Arrival, State};

/// The scope of a guard's token.
const SCOPE: &str = "tollgate:verify";
/// How long a guard's request waits for new revocations.
const LONGEST_WAIT: Duration = Duration::from_secs(30);
/// How soon a server that is about to end answers the waiting requests.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How many changes are read at a time.
const BATCH: u32 = 1_000;

/// Answers with the revocations after a position, or with all of them if there is no position or the log no longer goes back that far.
pub(super) async fn get(
    state: &State,
    arrival: Arrival,
    head: &Parts,
    caller: &mut Caller,
) -> Result<Answer, Error> {
    if !matches!(head.method, Method::GET | Method::HEAD) {
        return Err(Error::MethodNotAllowed { allow: "GET, HEAD" });
    }
    let verifier = state.installation().verifier();
    let requirement = Requirement::new().scope(SCOPE.parse().expect("it is a scope"));
    let decided = verifier.decide(&head.headers, Some(arrival.from), &requirement, arrival.now);
    match decided {
        Ok(principal) => caller.is_let_in(&principal),
        Err(denial) => return Ok(denial.response(verifier.realm())),
    }
    let news = match after(head.uri.query())? {
        None => everything(state).await?,
        Some(position) => since(state, position).await?,
    };
    let body = serde_json::to_vec(&news).expect("texts and numbers serialise");
    Ok(about_tokens(Bytes::from(body)))
}

/// Reads the position that a guard has; other parameters are ignored.
fn after(query: Option<&str>) -> Result<Option<Position>, Error> {
    let mut named =
        form_urlencoded::parse(query.unwrap_or_default().as_bytes()).filter(|(name, _)| name == "after");
    let Some((_, text)) = named.next() else { return Ok(None) };
    if named.next().is_some() {
        return Err(Problem::new("after", "duplicate parameter").into());
    }
    let position =
        position_of(&text).ok_or_else(|| Problem::new("after", "is no position that was answered here"))?;
    Ok(Some(position))
}

/// Returns the text of a position: the number of the change, and the mark that tells it from others with that number.
fn text_of(position: Position) -> String {
    format!("{}-{:032x}", position.seq, u128::from_be_bytes(position.mark))
}

fn position_of(text: &str) -> Option<Position> {
    let (seq, mark) = text.split_once('-')?;
    let mark = u128::from_str_radix(mark, 16).ok()?.to_be_bytes();
    let position = Position { seq: seq.parse().ok()?, mark };
    (text_of(position) == text).then_some(position)
}

#[derive(Serialize)]
struct News {
    position: String,
    /// Whether these are all revocations in force, which replace the ones that the guard knows.
    complete: bool,
    revocations: Vec<Entry>,
}

#[derive(Serialize)]
struct Entry {
    kind: &'static str,
    id: String,
    /// The generation before which tokens of a client or a merchant are revoked.
    #[serde(skip_serializing_if = "Option::is_none")]
    before_generation: Option<Before>,
    /// When the last token that it ends has expired.
    expires_at: String,
}

/// The tokens of a client or a merchant that are ended.
#[derive(Serialize)]
#[serde(untagged)]
enum Before {
    /// Tokens of earlier generations.
    Generation(u64),
    /// All tokens, written as `null`.
    Every,
}

impl Before {
    fn of(generation: Generation) -> Self {
        if generation == Generation::END { Self::Every } else { Self::Generation(generation.number()) }
    }
}

impl Entry {
    fn of(revocation: &Revocation) -> Self {
        let (kind, id, before_generation) = match revocation.subject {
            Revoked::Token(id) => ("token", id.to_string(), None),
            Revoked::Secret(id) => ("secret", id.to_string(), None),
            Revoked::Client(id, from) => ("client", id.to_string(), Some(Before::of(from))),
            Revoked::Merchant(id, from) => ("merchant", id.to_string(), Some(Before::of(from))),
        };
        Self { kind, id, before_generation, expires_at: revocation.expires_at.rfc3339() }
    }
}

async fn everything(state: &State) -> Result<News, Error> {
    let installation = state.installation();
    // In this order: revocations that are made meanwhile are sent once more, and not missed.
    let position = installation.store().last_change().await?;
    let revocations = installation.store().revocations(installation.passed()).await?;
    let revocations = revocations.iter().map(Entry::of).collect();
    Ok(News { position: text_of(position), complete: true, revocations })
}

async fn since(state: &State, mut position: Position) -> Result<News, Error> {
    let (store, deadline) = (state.installation().store(), Instant::now() + LONGEST_WAIT);
    let mut applied = state.installation().applied();
    loop {
        applied.mark_unchanged();
        let Some(changes) = store.changes_since(position, BATCH).await? else {
            return everything(state).await;
        };
        position = changes.last().map_or(position, |last| last.position);
        let revocations: Vec<_> = changes
            .iter()
            .filter_map(|change| match &change.what {
                Changed::Revocation(revocation) => Some(Entry::of(revocation)),
                Changed::Client(_) | Changed::Merchant(_) | Changed::SigningKeys => None,
            })
            .collect();
        let are_there_more = changes.len() >= BATCH as usize;
        if !revocations.is_empty() || !(are_there_more || has_news(state, &mut applied, deadline).await) {
            return Ok(News { position: text_of(position), complete: false, revocations });
        }
    }
}

/// Waits for changes. Returns `false` when the time is over, or the server is about to end.
async fn has_news(state: &State, applied: &mut watch::Receiver<()>, deadline: Instant) -> bool {
    while !state.is_draining() && Instant::now() < deadline {
        let until = LOOK_EVERY.min(deadline - Instant::now());
        if let Ok(changed) = timeout(until, applied.changed()).await {
            return changed.is_ok();
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_comes_back_from_its_text_and_no_other_text_is_one() {
        for position in [Position::START, Position { seq: u64::MAX, mark: [0xff; 16] }] {
            assert_eq!(position_of(&text_of(position)), Some(position));
        }
        for bad in [
            "",
            "1",
            "1-",
            "-",
            "1-0",
            "+1-00000000000000000000000000000000",
            "1-000000000000000000000000000000FF",
        ] {
            assert_eq!(position_of(bad), None, "{bad:?}");
        }
    }
}
