//! Tests of the pool with a server that refuses something.

use std::sync::Arc;
use std::sync::Mutex;
use std::task::{Context, Waker};
use std::time::Duration;

use tollgate_store::{
    ChangeLog, Changed, Connections, Measured, Merchants, Operation, Position, Queued, Revocations,
    StoreError,
};

use super::server::{Database, Server};
use super::{NOW, SYSTEM, merchant, open, open_with, options, revocation};

/// A role that serves the tables of a database, with a limit on its connections if one is given.
struct Role<'a> {
    database: &'a Database,
    name: String,
}

impl<'a> Role<'a> {
    fn of(database: &'a Database, attributes: &str) -> Self {
        let name = format!("serves_{}", database.url.rsplit('/').next().unwrap());
        database.psql(&format!(
            "CREATE ROLE {name} LOGIN {attributes};
             GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {name}"
        ));
        Self { database, name }
    }

    fn url(&self) -> String {
        self.database.url.replace("postgres://postgres@", &format!("postgres://{}@", self.name))
    }
}

impl Drop for Role<'_> {
    fn drop(&mut self) {
        self.database.psql(&format!("DROP OWNED BY {0}; DROP ROLE {0}", self.name));
    }
}

/// The role may have two of the pool's eight connections.
#[tokio::test(flavor = "multi_thread")]
async fn while_fewer_connections_are_granted_than_the_pool_has_callers_wait_for_those() {
    let database = Database::create();
    drop(open(&database.url).await);
    let role = Role::of(&database, "CONNECTION LIMIT 2");
    let store = Arc::new(open(&role.url()).await);
    let created: Vec<_> = (0..60)
        .map(|number| {
            let store = Arc::clone(&store);
            tokio::spawn(async move { store.create_merchant(&merchant(number), &SYSTEM).await })
        })
        .collect();
    for created in created {
        created.await.unwrap().unwrap();
    }
    assert_eq!(store.merchants(None, 100).await.unwrap().len(), 60);
    drop(store);
}

#[tokio::test(flavor = "multi_thread")]
async fn when_no_connection_is_granted_in_time_the_limit_is_named() {
    let database = Database::create();
    drop(open(&database.url).await);
    let role = Role::of(&database, "");
    let mut impatient = options(&role.url());
    impatient.statement_timeout = Duration::from_millis(500);
    let store = open_with(impatient).await;
    let name = &role.name;
    database.psql(&format!("ALTER ROLE {name} CONNECTION LIMIT 0"));
    database.psql(&format!(
        "SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity WHERE usename = '{name}'"
    ));
    let mut refused = store.merchants(None, 1).await;
    while matches!(&refused, Err(StoreError::Unavailable(text)) if text.contains("broke")) {
        // The store may not have noticed yet that the connection ended.
        refused = store.merchants(None, 1).await;
    }
    assert!(
        matches!(&refused, Err(StoreError::Unavailable(text)) if text.contains("takes no more connections")),
        "{refused:?}"
    );
    database.psql(&format!("ALTER ROLE {name} CONNECTION LIMIT -1"));
    let granted = async { while store.merchants(None, 1).await.is_err() {} };
    tokio::time::timeout(Duration::from_secs(60), granted).await.expect("it is asked again");
    drop(store);
}

#[tokio::test]
async fn connections_are_counted_and_who_waits_for_one() {
    let database = Database::create();
    let mut single = options(&database.url);
    single.pool_size = 1;
    let store = open_with(single).await;
    store.merchants(None, 1).await.unwrap();
    assert_eq!(store.connections(), Some(Connections { idle: 1, busy: 0, limit: 1 }));
    let (mut first, mut second) = (store.merchants(None, 1), store.merchants(None, 1));
    let mut context = Context::from_waker(Waker::noop());
    assert!(first.as_mut().poll(&mut context).is_pending());
    assert!(second.as_mut().poll(&mut context).is_pending());
    assert_eq!(store.connections(), Some(Connections { idle: 0, busy: 1, limit: 1 }));
    let waiting = |store: &dyn Measured| store.queued()[0];
    assert_eq!(waiting(&store), Queued { queue: "connection", waiting: 1, limit: 4096 });
    first.await.unwrap();
    second.await.unwrap();
    assert_eq!(store.connections(), Some(Connections { idle: 1, busy: 0, limit: 1 }));
    assert_eq!(waiting(&store).waiting, 0);
    let count = store.measures().durations(Operation::Read).buckets().iter().sum::<u64>();
    assert_eq!((count, store.measures().failures(Operation::Read)), (3, 0));
}

/// Simulates a managed server whose disk is full.
#[tokio::test(flavor = "multi_thread")]
async fn a_primary_that_is_only_read_only_is_read_and_written_again_when_it_is_not() {
    let database = Database::create();
    let store = open(&database.url).await;
    store.revoke(&revocation(1), NOW, &SYSTEM).await.unwrap();
    database.alter("SET default_transaction_read_only = on");
    let sql = "SELECT count(pg_terminate_backend(pid, 60000)) FROM pg_stat_activity
               WHERE datname = current_database() AND pid <> pg_backend_pid()";
    database.psql(sql);
    let changes = store.changes_since(Position::START, 10).await.unwrap().unwrap();
    assert_eq!(changes[0].what, Changed::Revocation(revocation(1)));
    let refused = store.revoke(&revocation(2), NOW, &SYSTEM).await;
    assert!(
        matches!(&refused, Err(StoreError::Unavailable(text)) if text.contains("does not allow writes")),
        "{refused:?}"
    );
    assert_eq!(store.changes_since(changes[0].position, 10).await.unwrap(), Some(Vec::new()));

    database.alter("SET default_transaction_read_only = off");
    store.revoke(&revocation(2), NOW, &SYSTEM).await.unwrap();
    assert_eq!(store.changes_since(Position::START, 10).await.unwrap().unwrap().len(), 2);
}

/// A standby may lack revocations of the primary, which can't be found.
#[tokio::test(flavor = "multi_thread")]
async fn a_standby_is_not_read() {
    let server = Server::start("-c listen_addresses=", |_| {});
    let database = server.database();
    let store = open(&database.url).await;
    store.revoke(&revocation(1), NOW, &SYSTEM).await.unwrap();
    server.becomes_a_standby();
    let refused = loop {
        match store.changes_since(Position::START, 10).await {
            // Its connections ended; perhaps only the next request notices that.
            Err(StoreError::Unavailable(text)) if text.contains("broke") => {}
            other => break other,
        }
    };
    assert!(
        matches!(&refused, Err(StoreError::Unavailable(text)) if text.contains("is a standby")),
        "{refused:?}"
    );
    server.becomes_the_primary();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_password_is_read_for_each_connection() {
    let server = Server::start("-c listen_addresses=", |data| {
        let hba = "local all postgres trust\nlocal all all scram-sha-256\n";
        std::fs::write(data.join("pg_hba.conf"), hba).unwrap();
    });
    let database = server.database();
    drop(open(&database.url).await);
    let role = Role::of(&database, "PASSWORD 'first'");
    let password = Arc::new(Mutex::new(Ok("first".to_owned())));
    let mut changing = options(&role.url());
    changing.address.read_password_by({
        let password = Arc::clone(&password);
        move || password.lock().unwrap().clone()
    });
    let store = open_with(changing).await;
    store.create_merchant(&merchant(1), &SYSTEM).await.unwrap();

    database.psql(&format!("ALTER ROLE {} PASSWORD 'second'", role.name));
    let end = format!(
        "SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity WHERE usename = '{}'",
        role.name
    );
    database.psql(&end);
    let refused = loop {
        match store.merchants(None, 1).await {
            Err(StoreError::Unavailable(text)) if text.contains("broke") => {}
            other => break other,
        }
    };
    assert!(
        matches!(&refused, Err(StoreError::Misconfigured(text)) if text.contains("or its password")),
        "{refused:?}"
    );
    *password.lock().unwrap() = Err("the password file is gone: restore it".to_owned());
    let refused = store.merchants(None, 1).await;
    assert!(
        matches!(&refused, Err(StoreError::Unavailable(text)) if text.contains("restore it")),
        "{refused:?}"
    );
    *password.lock().unwrap() = Ok("second".to_owned());
    assert_eq!(store.merchants(None, 10).await.unwrap(), [merchant(1)]);
    drop(store);
}
