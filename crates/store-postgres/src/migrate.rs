//! Brings the schema up to date.
//!
//! Several versions of the program may run on one database while it is upgraded node by node. So a step only adds: what
//! an older program reads and writes stays as it is (expand). What no program needs any more is removed by a later step
//! (contract), which says how new a program must be.

use std::time::Duration;

use tokio::time::timeout;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Row};
use tollgate_store::{Access, Schema, StoreError};

use crate::column::{Param, column, never_written, params};
use crate::error;

/// A step from one version of the schema to the next. A step that was released never changes.
struct Step {
    sql: &'static str,
    /// The oldest version whose programs can work with the schema after this step.
    oldest: i32,
    /// The tables that it creates, separated by commas, if roles get the rights to them that they have to other tables.
    made: Option<&'static str>,
}

/// The versions of the schema, each as the step from the version before.
const STEPS: &[Step] = &[
    Step { sql: include_str!("schema.sql"), oldest: 1, made: None },
    Step { sql: include_str!("elected.sql"), oldest: 1, made: None },
    Step { sql: include_str!("marks.sql"), oldest: 1, made: None },
    // An older program would look for times that no longer exist, and would not know what a token's generation is.
    Step { sql: include_str!("generations.sql"), oldest: 4, made: Some("time_passed") },
    Step { sql: include_str!("sharding.sql"), oldest: 5, made: None },
    Step { sql: include_str!("agreement.sql"), oldest: 5, made: Some("agreement, servers") },
    // Rows that an older program adds get the defaults.
    Step { sql: include_str!("actors.sql"), oldest: 5, made: None },
    // An older program would look for the payment requests.
    Step { sql: include_str!("documents.sql"), oldest: 8, made: None },
    // An older program would hash secrets with the key that it derives from the master key.
    Step { sql: include_str!("secrets_key.sql"), oldest: 9, made: None },
    // An older program would take a client's tokens for those of the default audience, and can't read another algorithm.
    Step { sql: include_str!("audiences.sql"), oldest: 10, made: None },
    // An older program would change things without a record.
    Step { sql: include_str!("trail.sql"), oldest: 11, made: Some("audit, secret_uses") },
    // An older program would issue tokens that live longer than a client's may, and would not count changes.
    Step { sql: include_str!("terms.sql"), oldest: 12, made: None },
    // An older program refuses imported secrets until a newer program has replaced their hashes.
    Step { sql: include_str!("slow_hashes.sql"), oldest: 12, made: None },
];

/// How long all steps may take, including the wait for other processes that take them.
const PATIENCE: Duration = Duration::from_secs(300);

/// Takes the missing steps of the schema, in one transaction, unless another process was faster. Whether steps are missing
/// must be known within `patience`: the server may be cut off right after the connection was made.
pub(crate) async fn migrate(client: &Client, patience: Duration, access: Access) -> Result<(), StoreError> {
    // Without a lock at first: usually there is nothing to do, and the role may lack the right to change the schema.
    let late = |_| StoreError::Unavailable("PostgreSQL did not answer in time".to_owned());
    match timeout(patience, version(client)).await.map_err(late)?? {
        found if found == known() => return Ok(()),
        0 if access != Access::Create => {
            return Err(StoreError::Misconfigured(
                "the database has no tables of Tollgate: check database.url, or make a store there with `tollgate \
                 store migrate`"
                    .to_owned(),
            ));
        }
        found if access == Access::Read => {
            return Err(StoreError::Misconfigured(format!(
                "the schema has version {found}, and {} is needed: start a server on it, or run `tollgate store migrate`",
                known()
            )));
        }
        _ => {}
    }
    match timeout(PATIENCE, take_steps(client)).await {
        Ok(result) => result,
        Err(_) => Err(StoreError::Unavailable(
            "its schema is being changed by another process for too long".to_owned(),
        )),
    }
}

async fn take_steps(client: &Client) -> Result<(), StoreError> {
    let found = loop {
        execute(client, "BEGIN ISOLATION LEVEL READ COMMITTED").await?;
        if version(client).await? > 0 {
            // The row is the lock: a process that waits for it reads what the other has left.
            run(client, "SELECT id FROM tollgate_schema WHERE id = 1 FOR UPDATE", params![]).await?;
            break version(client).await?;
        }
        if create(client).await? {
            refuse_strangers(client).await?;
            break 0;
        }
        execute(client, "ROLLBACK").await?;
    };
    for step in STEPS.iter().skip(usize::try_from(found).unwrap_or(usize::MAX)) {
        execute(client, step.sql).await?;
        if let Some(made) = step.made {
            execute(client, &grants(made)).await?;
        }
        let note = "UPDATE tollgate_schema SET version = version + 1, oldest = $1";
        run(client, note, params![step.oldest]).await?;
    }
    execute(client, "COMMIT").await
}

/// Returns the statement that gives every role the rights to these tables which it has to the table `elected`: nobody has to
/// grant a role that serves the rights to each new table.
fn grants(tables: &str) -> String {
    format!(
        "DO $$
         DECLARE
             granted record;
         BEGIN
             FOR granted IN
                 SELECT CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE a.grantee::regrole::text END AS role,
                     a.privilege_type AS privilege
                 FROM pg_class c, aclexplode(c.relacl) a
                 WHERE c.oid = 'elected'::regclass AND a.grantee <> c.relowner
             LOOP
                 EXECUTE format('GRANT %s ON {tables} TO %s', granted.privilege, granted.role);
             END LOOP;
         END $$"
    )
}

/// Creates the table that counts the steps. If several processes try, the first creates it; the others wait for it in the
/// catalogue, and get `false`.
async fn create(client: &Client) -> Result<bool, StoreError> {
    let created = client
        .batch_execute(
            "CREATE TABLE tollgate_schema (
                 id      integer PRIMARY KEY CHECK (id = 1),
                 version integer NOT NULL, -- how many steps have been taken
                 oldest  integer NOT NULL  -- how many a program must know at least
             );
             INSERT INTO tollgate_schema (id, version, oldest) VALUES (1, 0, 0)",
        )
        .await;
    match created {
        Ok(()) => Ok(true),
        Err(error)
            if [Some(&SqlState::DUPLICATE_TABLE), Some(&SqlState::UNIQUE_VIOLATION)]
                .contains(&error.code()) =>
        {
            Ok(false)
        }
        Err(error) => Err(error::creating(&error)),
    }
}

/// Refuses a schema that holds tables of another program: names would clash sooner or later, and somebody who restores or drops one
/// program's tables would not think of the other's. Tables of an extension belong to no program.
async fn refuse_strangers(client: &Client) -> Result<(), StoreError> {
    let sql = "SELECT relname::text FROM pg_class c
               WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p', 'v', 'm', 'f')
                   AND relname <> 'tollgate_schema'
                   AND NOT EXISTS (
                       SELECT FROM pg_depend d
                       WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e'
                   )
               ORDER BY relname LIMIT 3";
    let rows = run(client, sql, params![]).await?;
    let names = rows.iter().map(|row| column(row, 0)).collect::<Result<Vec<String>, _>>()?;
    if names.is_empty() {
        return Ok(());
    }
    Err(StoreError::Misconfigured(format!(
        "the database holds tables of another program ({}): give Tollgate a database of its own",
        names.join(", ")
    )))
}

/// Returns the version of the schema; 0 if there is none. A newer version that this program can work with counts as its own.
async fn version(client: &Client) -> Result<i32, StoreError> {
    // Reads the catalogue directly: `to_regclass` may answer with the state before the wait for the lock.
    let sql = "SELECT FROM pg_class WHERE relname = 'tollgate_schema' AND pg_table_is_visible(oid)";
    if run(client, sql, params![]).await?.is_empty() {
        return Ok(0);
    }
    let rows = run(client, SCHEMA, params![]).await?;
    let schema = schema(rows.first().ok_or_else(never_written)?)?;
    schema.check()?;
    Ok(i32::try_from(schema.version).map_or(known(), |version| version.min(known())))
}

/// The query for the row that [`schema`] reads.
pub(crate) const SCHEMA: &str = "SELECT version, oldest FROM tollgate_schema";

/// Returns the version of the schema.
pub(crate) fn schema(row: &Row) -> Result<Schema, StoreError> {
    let (version, oldest): (i32, i32) = (column(row, 0)?, column(row, 1)?);
    let unsigned = |number: i32| u32::try_from(number).unwrap_or(u32::MAX);
    Ok(Schema { version: unsigned(version), oldest: unsigned(oldest), known: unsigned(known()) })
}

fn known() -> i32 {
    i32::try_from(STEPS.len()).expect("there are few steps")
}

/// Runs a statement on a connection that the caller owns.
pub(crate) async fn run(client: &Client, sql: &str, params: &[Param<'_>]) -> Result<Vec<Row>, StoreError> {
    client.query_typed(sql, params).await.map_err(|error| error::statement(&error))
}

/// Runs statements without parameters on a connection that the caller owns.
pub(crate) async fn execute(client: &Client, sql: &str) -> Result<(), StoreError> {
    client.batch_execute(sql).await.map_err(|error| error::statement(&error))
}
