//! Checks the rules of an engine that shards the tables, since such an engine can't be part of the tests.

use std::fs;
use std::path::Path;

use super::server::Database;
use super::{NOW, SYSTEM, client, open};
use tollgate_core::SecretId;
use tollgate_keys::SecretHash;
use tollgate_store::{Clients, Merchants, Secret};

/// SQL that such an engine does not support, or that each of its nodes runs by itself.
const FORBIDDEN: [(&str, &str); 9] = [
    ("advisory", "is kept by the node, and by the session"),
    ("skip locked", "can't lock rows of several shards"),
    ("ctid", "is a row's place in its shard"),
    ("clock_timestamp", "is volatile: no statement may write by it"),
    ("nextval", "has the order of no commits"),
    ("listen ", "is of a session"),
    ("temporary", "is of a session"),
    ("set session", "is of a session"),
    ("in share mode", "locks a table on one node"),
];

/// Returns every file with statements, as name and text.
fn sources() -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = vec![];
    for entry in fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            let text = fs::read_to_string(&path).unwrap();
            found.push((path.file_name().unwrap().to_str().unwrap().to_owned(), text));
        }
    }
    assert!(found.len() > 15, "{found:?}");
    found
}

/// Returns the text without Rust's and SQL's comments, in lower case, with one space between words.
fn statements(text: &str) -> String {
    let lines = text.lines().map(|line| {
        let line = line.split_once("--").map_or(line, |(line, _)| line);
        line.split_once("//").map_or(line, |(line, _)| line)
    });
    let text = lines.collect::<Vec<_>>().join(" ").to_ascii_lowercase();
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn broken_rules(text: &str) -> Vec<String> {
    let text = statements(text);
    let mut broken: Vec<String> = FORBIDDEN
        .iter()
        .filter(|(word, _)| text.contains(word))
        .map(|(word, why)| format!("`{word}` {why}"))
        .collect();
    // A common table expression becomes a relation, which needs a column.
    for columnless in ["as (select where", "as (select from", "as ( select where", "as ( select from"] {
        if text.contains(columnless) {
            broken.push(format!("`{columnless}`: a common table expression without a column"));
        }
    }
    // Rows are locked by their key or in a table that has one row, and nowhere else.
    for (at, lock) in
        ["for update", "for no key update", "for share"].iter().flat_map(|lock| text.match_indices(lock))
    {
        let before = text[..at].trim_end();
        let by_key = before.ends_with("where id = $1") || before.ends_with("where id = 1");
        if !by_key && !before.ends_with("from installation") {
            broken.push(format!(
                "`{lock}` of rows that may be in several shards: …{}",
                &before[before.len().saturating_sub(60)..]
            ));
        }
    }
    broken
}

#[test]
fn no_statement_needs_what_a_sharded_engine_has_not() {
    for (name, text) in sources() {
        assert_eq!(broken_rules(&text), Vec::<String>::new(), "{name}");
    }
}

#[test]
fn the_rules_are_seen_to_be_broken() {
    for broken in [
        "SELECT pg_advisory_xact_lock($1)",
        "SELECT seq FROM changes WHERE until <= $1 LIMIT $2 FOR UPDATE SKIP LOCKED",
        "SELECT seq FROM changes WHERE until <= $1 FOR UPDATE",
        "WITH due AS (\n    SELECT WHERE $8 IS NULL)",
        "UPDATE k SET until = clock_timestamp()",
    ] {
        assert_ne!(broken_rules(broken), Vec::<String>::new(), "{broken}");
    }
}

/// Foreign keys of a sharded table must lead to a table that every node has.
#[tokio::test(flavor = "multi_thread")]
async fn foreign_keys_lead_to_the_merchants_only() {
    let database = Database::create();
    drop(open(&database.url).await);
    let keys = database
        .psql("SELECT conrelid::regclass, confrelid::regclass FROM pg_constraint WHERE contype = 'f'");
    assert_eq!(keys, "clients|merchants");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_client_takes_its_secrets_along_even_one_that_is_being_added() {
    let database = Database::create();
    let store = std::sync::Arc::new(open(&database.url).await);
    store.create_merchant(&super::merchant(1), &SYSTEM).await.unwrap();
    assert!(store.create_client(&client(1), &SYSTEM).await.unwrap());
    let secret = |number: u32| Secret {
        id: SecretId::from_bytes(super::bytes(number)),
        hash: SecretHash::from_bytes([7; 32]),
        slow_hash: None,
        created_at: NOW,
        expires_at: None,
        revoked_at: None,
    };
    assert!(store.add_secret(client(1).id, &secret(1), None, NOW, &SYSTEM).await.unwrap());
    // A session that is adding a secret holds the client's row, as `add_secret` does.
    let other = super::session(&database.url).await;
    let id = uuid::Uuid::from_bytes(*client(1).id.as_bytes());
    other
        .batch_execute(&format!(
            "BEGIN; SELECT id FROM clients WHERE id = '{id}' FOR NO KEY UPDATE;
             INSERT INTO secrets (client_id, id, hash, created_at)
             VALUES ('{id}', gen_random_uuid(), decode(repeat('07', 32), 'hex'), 0)"
        ))
        .await
        .unwrap();
    let deleting = tokio::spawn({
        let store = std::sync::Arc::clone(&store);
        async move { store.delete_client(client(1).id, None, NOW, &SYSTEM).await.unwrap() }
    });
    super::until_waiting(&database.url, 1).await;
    other.batch_execute("COMMIT").await.unwrap();
    assert!(deleting.await.unwrap());
    assert_eq!(database.psql("SELECT count(*) FROM secrets"), "0");
    assert!(!store.add_secret(client(1).id, &secret(2), None, NOW, &SYSTEM).await.unwrap());
}
