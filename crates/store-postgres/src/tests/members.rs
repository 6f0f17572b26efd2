//! Tests of clusters in which some members can't be used.

use std::net::TcpListener;
use std::time::Duration;

use tokio::time::timeout;
use tollgate_store::Merchants;

use super::server::Database;
use super::{SYSTEM, merchant, options};
use crate::{Postgres, PostgresOptions};

/// A time long before the store gives up on a connection.
const SOON: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread")]
async fn members_that_are_cut_off_cost_no_time() {
    let database = Database::create();
    let silent = [silent(), silent()];
    let options = among(&silent, &database);
    let store = timeout(SOON, Postgres::open(options)).await.expect("nobody waits for them").unwrap();
    store.create_merchant(&merchant(1), &SYSTEM).await.unwrap();
    assert!(store.merchant(merchant(1).id).await.unwrap().is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_that_takes_over_is_found_while_another_is_cut_off() {
    let database = Database::create();
    drop(super::open(&database.url).await);
    database.alter("SET default_transaction_read_only = on");
    let before = database.sessions();
    let silent = [silent()];
    let opening = tokio::spawn(Postgres::open(among(&silent, &database)));
    let asked = async {
        while database.sessions() == before {
            tokio::task::yield_now().await;
        }
    };
    timeout(SOON, asked).await.expect("it is asked at once");
    assert!(!opening.is_finished(), "the other may still answer");
    database.alter("SET default_transaction_read_only = off");
    timeout(SOON, opening).await.expect("it is asked again").unwrap().unwrap();
}

/// Makes a member whose machine accepts connections but never answers.
fn silent() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").unwrap()
}

/// Returns a cluster of silent members and one that holds the database, which is named last.
fn among(silent: &[TcpListener], database: &Database) -> PostgresOptions {
    let (user, last) = database.url.split_once('@').unwrap();
    let mut hosts: Vec<_> = silent.iter().map(|silent| silent.local_addr().unwrap().to_string()).collect();
    hosts.push(last.to_owned());
    let mut options = options(&format!("{user}@{}", hosts.join(",")));
    options.connect_timeout = SOON * 10;
    options
}
