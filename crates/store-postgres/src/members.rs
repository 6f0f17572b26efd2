//! Finds the member of a cluster that takes writes, by asking all of them at the same time.
//!
//! If none does, the store is read from a primary that is read-only: what it holds can't be changed elsewhere. A standby is never
//! read: it may lack the newest revocations.

use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout_at};
use tokio_postgres::config::TargetSessionAttrs;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Config, Error};
use tollgate_store::StoreError;

use crate::address::PostgresAddress;
use crate::column::{column, never_written};
use crate::error;
use crate::tls::Tls;

/// How long a member that takes no writes is left alone before it is asked again.
const PAUSE: Duration = Duration::from_millis(200);

/// Why no connection could be made.
pub(crate) enum Refused {
    /// All members have answered, and none takes writes.
    ReadOnly(StoreError),
    /// The server has as many connections as it allows, or as the role may have.
    Crowded(StoreError),
    /// The connection failed for any other reason.
    Failed(StoreError),
}

impl Refused {
    /// Returns the error that the caller gets.
    pub(crate) fn error(self) -> StoreError {
        match self {
            Self::ReadOnly(error) | Self::Crowded(error) | Self::Failed(error) => error,
        }
    }
}

/// Makes a connection to a primary that takes no writes.
pub(crate) async fn connect_to_read(
    address: &PostgresAddress,
    tls: &Tls,
    deadline: Instant,
) -> Result<Client, StoreError> {
    for mut member in address.members_now().await? {
        member.target_session_attrs(TargetSessionAttrs::Any);
        let silent = |_| StoreError::Unavailable(format!("{} does not answer in time", address.place()));
        let asked = async {
            let (_, asked) = ask(0, member, tls.clone(), Duration::ZERO).await;
            let client = asked.map_err(|error| error::connecting(&error, address))?;
            let rows = client.query_typed("SELECT pg_is_in_recovery()", &[]).await;
            let rows = rows.map_err(|error| error::statement(&error))?;
            let is_standby: bool = column(rows.first().ok_or_else(never_written)?, 0)?;
            Ok::<_, StoreError>((!is_standby).then_some(client))
        };
        if let Some(client) = timeout_at(deadline, asked).await.map_err(silent)?? {
            return Ok(client);
        }
    }
    Err(StoreError::Unavailable(format!("{} takes no writes, and is a standby", address.place())))
}

/// Makes a connection to the member that takes writes.
///
/// A member that is cut off does not answer. If members were asked in turn, each connection would first wait for it in vain.
/// As long as a member is silent the others are asked again, since one of them may be taking over. When all have answered
/// and none takes writes, the search ends.
pub(crate) async fn connect(
    address: &PostgresAddress,
    tls: &Tls,
    deadline: Instant,
) -> Result<Client, Refused> {
    let members = address.members_now().await.map_err(Refused::Failed)?;
    let mut refusals: Vec<Option<Error>> = members.iter().map(|_| None).collect();
    let mut asked = JoinSet::new();
    for (index, member) in members.iter().enumerate() {
        asked.spawn(ask(index, member.clone(), tls.clone(), Duration::ZERO));
    }
    while refusals.iter().any(Option::is_none) {
        let silent = |_| {
            let text = format!("{} does not answer in time", address.place());
            Refused::Failed(StoreError::Unavailable(text))
        };
        let answer = timeout_at(deadline, asked.join_next()).await.map_err(silent)?;
        let (index, answer) =
            answer.expect("a member is silent").expect("asking neither panics nor is cancelled");
        match answer {
            Ok(client) => return Ok(client),
            Err(refusal) => refusals[index] = Some(refusal),
        }
        asked.spawn(ask(index, members[index].clone(), tls.clone(), PAUSE));
    }
    let all_read_only = refusals.iter().flatten().all(error::is_read_only);
    // An error that the server reports says more than a failure to connect.
    let telling = refusals.into_iter().flatten().max_by_key(|refusal| refusal.code().is_some());
    let telling = telling.expect("an address has a member");
    let said = error::connecting(&telling, address);
    Err(if telling.code() == Some(&SqlState::TOO_MANY_CONNECTIONS) {
        Refused::Crowded(said)
    } else if all_read_only {
        Refused::ReadOnly(said)
    } else {
        Refused::Failed(said)
    })
}

/// Asks a member after a pause.
async fn ask(index: usize, member: Config, tls: Tls, pause: Duration) -> (usize, Result<Client, Error>) {
    sleep(pause).await;
    let connected = member.connect(tls).await.map(|(client, connection)| {
        // The task ends when the client is dropped. Calls that wait for an answer get its errors.
        tokio::spawn(connection);
        client
    });
    (index, connected)
}
