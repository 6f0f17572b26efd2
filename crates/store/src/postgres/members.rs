//! The members of a cluster, asked all at once which of them takes writes.

use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout_at};
use tokio_postgres::{Client, Config, Error};

use super::address::PostgresAddress;
use super::error;
use super::tls::Tls;
use crate::StoreError;

/// How long a member that takes no writes is left alone before it is asked again.
const PAUSE: Duration = Duration::from_millis(200);

/// Makes a connection to the member that takes writes.
///
/// One that is cut off says nothing at all. Were they asked in turn, each connection would first wait for it in vain. As
/// long as one is silent the others are asked again, since one of them may be taking over; when all have spoken and none
/// takes writes, nobody waits for longer.
pub(super) async fn connect(
    address: &PostgresAddress,
    tls: &Tls,
    deadline: Instant,
) -> Result<Client, StoreError> {
    let members = address.members();
    let mut refusals: Vec<Option<Error>> = members.iter().map(|_| None).collect();
    let mut asked = JoinSet::new();
    for (index, member) in members.iter().enumerate() {
        asked.spawn(ask(index, member.clone(), tls.clone(), Duration::ZERO));
    }
    while refusals.iter().any(Option::is_none) {
        let silent = |_| StoreError::Unavailable(format!("{} does not answer in time", address.place()));
        let answer = timeout_at(deadline, asked.join_next()).await.map_err(silent)?;
        let (index, answer) =
            answer.expect("a member is silent").expect("asking neither panics nor is cancelled");
        match answer {
            Ok(client) => return Ok(client),
            Err(refusal) => refusals[index] = Some(refusal),
        }
        asked.spawn(ask(index, members[index].clone(), tls.clone(), PAUSE));
    }
    // A server that gives its reason says more than one that is not there.
    let telling = refusals.into_iter().flatten().max_by_key(|refusal| refusal.code().is_some());
    Err(error::connecting(&telling.expect("an address has a member"), address))
}

/// Asks a member after a pause.
async fn ask(index: usize, member: Config, tls: Tls, pause: Duration) -> (usize, Result<Client, Error>) {
    sleep(pause).await;
    let connected = member.connect(tls).await.map(|(client, connection)| {
        // It ends when the client is dropped. Its errors are seen by whoever waits for an answer.
        tokio::spawn(connection);
        client
    });
    (index, connected)
}
