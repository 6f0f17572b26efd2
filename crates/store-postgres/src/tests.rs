//! The conformance suite on PostgreSQL, directly, through a pooler, and on a schema that a newer program has added to, and tests of what
//! only PostgreSQL can get wrong.

mod failing;
mod keys;
mod log;
mod members;
mod opening;
mod pool;
#[allow(dead_code, reason = "the end-to-end tests use more of it")]
mod server;
mod sharding;
mod transfer;

use std::sync::LazyLock;
use std::time::Duration;

use tollgate_core::{ClientId, Environment, Generation, MerchantId, Revocation, Revoked, Timestamp, TokenId};
use tollgate_store::conformance::act_of;
use tollgate_store::{
    Act, Actor, Answer, Client, Document, IdempotencyScope, Lease, Merchant, Status, Terms, Version,
};

use crate::clock::Clock;
use crate::{Postgres, PostgresOptions};

mod conformance {
    use std::sync::Arc;

    use super::server::Database;
    use tollgate_store::Store;

    async fn open() -> (Arc<dyn Store>, Database) {
        let database = Database::create();
        (Arc::new(super::open(&database.url).await), database)
    }

    tollgate_store::conformance_tests!(open);
}

/// Runs the suite after a newer program has taken a step that only adds to the schema, while the store was open.
mod conformance_through_a_pooler_beside_a_newer_program {
    use std::sync::Arc;

    use super::server::{Database, Server, pooler};
    use tollgate_store::Store;

    async fn open() -> (Arc<dyn Store>, Database) {
        let database = Server::shared().database();
        let store = super::open(&database.by(pooler())).await;
        super::take_a_step_that_only_adds(&database);
        (Arc::new(store), database)
    }

    tollgate_store::conformance_tests!(open);
}

/// Changes the schema as a newer program may: adds a table, and a column to each table that exists.
fn take_a_step_that_only_adds(database: &server::Database) {
    database.psql(
        "DO $$
         DECLARE
             found regclass;
         BEGIN
             FOR found IN SELECT oid FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace LOOP
                 EXECUTE format('ALTER TABLE %s ADD COLUMN added integer NOT NULL DEFAULT 7', found);
             END LOOP;
             CREATE TABLE added (id integer PRIMARY KEY);
             UPDATE tollgate_schema SET version = 14;
         END $$",
    );
}

/// The act for tests that are not about acts.
static SYSTEM: LazyLock<Act> = LazyLock::new(|| act_of(Actor::system()));

const NOW: Timestamp = Timestamp::from_seconds(1_764_000_000);

/// Opens the store at a URL; its database's clock shows the same time as the test's.
async fn open(url: &str) -> Postgres {
    open_with(options(url)).await
}

async fn open_with(options: PostgresOptions) -> Postgres {
    let mut store = Postgres::open(options).await.unwrap();
    store.clock = Clock::Agreeing;
    store
}

fn options(url: &str) -> PostgresOptions {
    PostgresOptions {
        address: url.parse().unwrap(),
        pool_size: 8,
        connect_timeout: Duration::from_secs(30),
        statement_timeout: Duration::from_secs(60),
    }
}

/// Opens a session as another program would.
async fn session(url: &str) -> tokio_postgres::Client {
    let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

/// Waits until `count` sessions of the database wait for a lock.
async fn until_waiting(url: &str, count: i64) {
    const SQL: &str = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
    // Each time in a new session: within a transaction the view never changes.
    let session = session(url).await;
    let reached = async {
        while session.query_one(SQL, &[]).await.unwrap().get::<_, i64>(0) != count {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), reached)
        .await
        .expect("only a bug keeps it from being reached");
}

fn bytes(number: u32) -> [u8; 16] {
    let mut bytes = [0; 16];
    bytes[..4].copy_from_slice(&number.to_be_bytes());
    bytes
}

fn revocation(number: u32) -> Revocation {
    let expires_at = NOW.after(Duration::from_secs(3600));
    Revocation { subject: Revoked::Token(TokenId::from_bytes(bytes(number))), expires_at }
}

fn merchant(number: u32) -> Merchant {
    let id = MerchantId::from_bytes(bytes(number));
    Merchant {
        id,
        name: "Shop".to_owned(),
        status: Status::Enabled,
        created_at: NOW,
        version: Version::default(),
    }
}

fn client(number: u32) -> Client {
    Client {
        id: ClientId::from_bytes(bytes(number)),
        merchant_id: Some(merchant(1).id),
        name: "till".to_owned(),
        environment: Environment::Test,
        scope: "payments:read".parse().unwrap(),
        addresses: Vec::new(),
        audiences: Vec::new(),
        status: Status::Enabled,
        merchant_status: Status::Enabled,
        generation: Generation::FIRST,
        merchant_generation: Generation::FIRST,
        created_at: NOW,
        version: Version::default(),
        terms: Terms::default(),
        secrets: Vec::new(),
    }
}

fn lease(key: u32, owner: u32, until: Timestamp) -> Lease {
    Lease {
        scope: IdempotencyScope {
            merchant_id: merchant(1).id,
            environment: Environment::Test,
            route: "POST /",
            key: key.to_string(),
        },
        fingerprint: [3; 32],
        owner: bytes(owner),
        until,
    }
}

fn answer(expires_at: Timestamp) -> Answer {
    Answer { status: 201, body: b"{}".to_vec(), expires_at }
}

const KIND: &str = "payment request";

fn document(number: u32) -> Document {
    Document {
        kind: KIND,
        id: bytes(number),
        merchant_id: merchant(1).id,
        environment: Environment::Test,
        body: "{}".to_owned(),
        state: "pending".to_owned(),
        created_at: NOW,
        expires_at: NOW.after(Duration::from_secs(60)),
        changed_at: None,
    }
}
