//! Acts that two people must ask for because they can't be undone.
//!
//! When the first person asks, that is recorded, and nothing is done. When somebody who is certainly another person asks for the same in
//! time, it is done. Nothing is kept for this but the audit trail, which every server of a store reads.

use std::time::Duration;

use serde_json::{Value, json};
use tollgate_config::duration_text;
use tollgate_core::Timestamp;
use tollgate_store::{Actor, ActorKind, Object, Outcome, Record, RecordFilter, RecordOrder};

use super::acting::{Attempt, Order};
use super::{AdminError, Administration};

/// How many of the newest records of an act on an object are read. If there are more, the act must be asked for again.
const LOOKED_THROUGH: u32 = 100;

/// An act that was asked for, and waits for a second person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// The number of the record that says so.
    seq: u64,
    /// The person who has asked, as an actor is written.
    pub by: String,
    /// The reason that was given.
    pub why: Option<String>,
    /// Until when a second person may ask for the same.
    pub until: Timestamp,
}

impl Asked {
    fn new(record: Record, within: Duration) -> Self {
        let until = record.at.after(within);
        Self { seq: record.link.seq, by: record.actor, why: record.reason, until }
    }

    /// Returns what the record of the act says about the request.
    pub(super) fn recorded(&self) -> Value {
        json!({ "asked_by": self.by, "asked_in": self.seq })
    }
}

/// Lets an act on `object` go on if it takes only one person, or if somebody else has asked for it. Otherwise records that it was asked
/// for.
pub(super) async fn check(
    admin: &Administration<'_>,
    attempt: &Attempt,
    object: &Object,
) -> Result<Option<Asked>, AdminError> {
    let Some(within) = admin.config.admin.second_person_within else { return Ok(None) };
    let waiting = waiting(admin, attempt.what(), object, attempt.now).await?;
    if let Some(first) = waiting.iter().find(|first| !may_be_one(&first.by, attempt.by())) {
        return Ok(Some(first.clone()));
    }
    if waiting.is_empty() {
        let until = attempt.now.after(within).rfc3339_millis();
        admin.store.record(&attempt.asks(object, &json!({ "until": until }))).await?;
    }
    Err(AdminError::SecondPerson { within: duration_text(within) })
}

/// Asks for an act that takes some preparation: fails as long as a second person must ask for it as well.
pub(super) async fn ask(admin: &Administration<'_>, order: Order, actor: &Actor) -> Result<(), AdminError> {
    if admin.config.admin.second_person_within.is_none() {
        return Ok(());
    }
    let attempt = |attempt: Attempt| async move {
        let object = attempt.object().clone();
        check(admin, &attempt, &object).await.map(drop)
    };
    admin.act(actor, order, attempt).await
}

/// Returns the acts that were asked for and wait for a second person, newest first.
pub async fn waiting(
    admin: &Administration<'_>,
    act: &str,
    object: &Object,
    now: Timestamp,
) -> Result<Vec<Asked>, AdminError> {
    let Some(within) = admin.config.admin.second_person_within else { return Ok(Vec::new()) };
    let filter = RecordFilter {
        since: Some(now.before(within)),
        act: Some(act.to_owned()),
        object: Some(object.to_string()),
        ..RecordFilter::default()
    };
    let records = admin.store.records(&filter, RecordOrder::NewestFirst, None, LOOKED_THROUGH).await?;
    let is = |record: &Record, outcome: Outcome| record.act == act && record.outcome == outcome.as_str();
    let since_done = records.into_iter().take_while(|record| !is(record, Outcome::Done));
    let asked = since_done.filter(|record| is(record, Outcome::Asked));
    Ok(asked.map(|record| Asked::new(record, within)).filter(|asked| asked.until > now).collect())
}

/// Says whether two actors may be the same person, who may act in several ways: on the command line as `ada@gateway-1`, in the
/// console as `ada@example.com`. If it can't be told, they count as the same.
fn may_be_one(first: &str, second: &ActorKind) -> bool {
    use ActorKind::{CommandLine, Console, OperatorClient};
    let Ok(first) = first.parse::<ActorKind>() else { return true };
    match (&first, second) {
        // `ada`, signed in by a link, may be the provider's `ada@example.com`.
        (Console(one), Console(two)) if one.contains('@') != two.contains('@') => {
            is_same(first_part(one), first_part(two))
        }
        (Console(one), Console(two)) | (CommandLine { user: one, .. }, CommandLine { user: two, .. }) => {
            is_same(one, two)
        }
        (CommandLine { user, .. }, Console(name)) | (Console(name), CommandLine { user, .. }) => {
            is_same(first_part(user), first_part(name))
        }
        (OperatorClient(one), OperatorClient(two)) => one == two,
        (OperatorClient(_), Console(_) | CommandLine { .. })
        | (Console(_) | CommandLine { .. }, OperatorClient(_)) => false,
        (ActorKind::System | ActorKind::Client(_), _) | (_, ActorKind::System | ActorKind::Client(_)) => true,
    }
}

fn is_same(one: &str, two: &str) -> bool {
    one.to_lowercase() == two.to_lowercase()
}

fn first_part(name: &str) -> &str {
    name.split('@').next().unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_may_be_the_same_person_is_taken_for_it() {
        let client = "operator-client:0191e0a1-5c3b-7def-8123-456789abcdef";
        let other = "operator-client:0191e0a1-5c3b-7def-8123-456789abcdee";
        for (one, two, may_be_one_person) in [
            ("command-line:ada@gateway-1", "command-line:ada@gateway-2", true),
            ("command-line:ada@gateway-1", "command-line:Ada@gateway-1", true),
            ("command-line:ada@gateway-1", "command-line:bob@gateway-1", false),
            ("command-line:ada@gateway-1", "console:ada@example.com", true),
            ("command-line:ada@gateway-1", "console:bob@example.com", false),
            ("console:ada@example.com", "console:ADA@example.com", true),
            ("console:ada@example.com", "console:ada@example.org", false),
            ("console:ada@example.com", "console:ada", true),
            ("console:ada@example.com", "console:bob", false),
            (client, client, true),
            (client, other, false),
            (client, "console:ada", false),
            (client, "command-line:ada@gateway-1", false),
            ("system", "console:ada", true),
            ("client:0191e0a1-5c3b-7def-8123-456789abcdef", "console:ada", true),
            ("somebody", "console:ada", true),
        ] {
            assert_eq!(may_be_one(one, &two.parse().unwrap()), may_be_one_person, "{one} and {two}");
            let turned = two.parse::<ActorKind>().unwrap().to_string();
            if let Ok(one) = one.parse() {
                assert_eq!(may_be_one(&turned, &one), may_be_one_person, "{two} and {one}");
            }
        }
    }
}
