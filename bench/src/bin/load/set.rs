//! What is sent.

use std::io;
use std::net::SocketAddr;

use clap::ValueEnum;
use tollgate_bench::credentials::Credentials;
use tollgate_bench::{message, plain};

/// What is sent.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Set {
    /// Token requests.
    Token,
    /// Refresh requests.
    Refresh,
    /// Calls of a guarded handler that does nothing.
    Guarded,
    /// Listings of payment requests, of which there are none.
    List,
    /// Guarded requests that are refused behind the guard, before the store is asked.
    Refused,
    /// Token requests with wrong secrets.
    Wrong,
    /// Token requests of clients that don't exist.
    Unknown,
    /// Token requests that are right, with wrong secrets, and of unknown clients, in turn.
    Mixed,
    /// Payment requests, each under an idempotency key of its own.
    Create,
    /// Payment requests to an agent, which adds token and key.
    Forwarded,
}

impl Set {
    /// The requests of these clients to `server`, with tokens that `authority` issues to them now.
    pub(crate) fn requests(
        self,
        server: SocketAddr,
        authority: SocketAddr,
        clients: &[Credentials],
    ) -> io::Result<Vec<Vec<u8>>> {
        let obtained = |name: &str| -> io::Result<Vec<String>> {
            clients.iter().map(|client| plain::token(authority, client)?.data(name)).collect()
        };
        Ok(match self {
            Self::Token => clients.iter().map(message::token).collect(),
            Self::Wrong => clients.iter().map(|client| message::token(&with_wrong_secret(client))).collect(),
            Self::Unknown => clients.iter().map(|client| message::token(&unknown(client))).collect(),
            Self::Mixed => clients
                .iter()
                .flat_map(|client| [client.clone(), with_wrong_secret(client), unknown(client)])
                .map(|client| message::token(&client))
                .collect(),
            Self::Refresh => obtained("refresh_token")?.iter().map(|token| message::refresh(token)).collect(),
            Self::Guarded => obtained("access_token")?.iter().map(|token| message::guarded(token)).collect(),
            Self::List => obtained("access_token")?.iter().map(|token| message::list(token)).collect(),
            Self::Refused => obtained("access_token")?.iter().map(|token| message::refused(token)).collect(),
            Self::Forwarded => vec![message::forwarded(server)],
            Self::Create => obtained("access_token")?.iter().map(|token| message::create(token)).collect(),
        })
    }
}

fn with_wrong_secret(client: &Credentials) -> Credentials {
    Credentials { client_secret: client.client_secret.chars().rev().collect(), ..client.clone() }
}

/// The digits of a version 4 UUID backwards are another UUID.
fn unknown(client: &Credentials) -> Credentials {
    Credentials {
        client_id: client.client_id.chars().rev().map(regrouped(client)).collect(),
        ..client.clone()
    }
}

/// Puts the dashes back where they belong.
fn regrouped(client: &Credentials) -> impl FnMut(char) -> char {
    let mut digits: Vec<char> = client.client_id.chars().filter(|c| *c != '-').collect();
    let dashes: Vec<bool> = client.client_id.chars().map(|c| c == '-').collect();
    let mut at = 0;
    move |_| {
        let is_dash = dashes[at];
        at += 1;
        if is_dash { '-' } else { digits.pop().expect("there are as many digits as places") }
    }
}
