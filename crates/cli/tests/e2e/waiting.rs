//! A PostgreSQL that is away when a server starts.

use std::net::SocketAddr;

use serde_json::Value;

use crate::harness::{Api, PATIENCE, Process, Serve, eventually, fails, tollgate};
use crate::postgres_server::Server;

#[test]
fn a_server_that_starts_before_its_database_waits_for_it_and_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let postgres = Server::start("-c listen_addresses=", |_| {});
    let database = postgres.database();
    let (client_id, client_secret) =
        Serve::install(folder.path(), &format!("database.url = \"{}\"", database.url));
    postgres.crash();

    let process = Process::spawn(&mut tollgate(folder.path(), &["serve", "--config", "tollgate.toml"]));
    let (api, admin) = process.wait_for(|said| {
        let line = said.lines().find(|line| line.contains("the store can't be reached"))?;
        let line: Value = serde_json::from_str(line).ok()?;
        let address = |name: &str| line[name].as_str()?.parse::<SocketAddr>().ok();
        Some((Api(address("listen")?), Api(address("admin_listen")?)))
    });
    eventually("it answers", PATIENCE, || (admin.get("/healthz").status == 200).then_some(()));
    let ready = admin.get("/readyz");
    assert_eq!(ready.error(), (503, "UNAVAILABLE".to_owned()));
    assert!(ready.body.contains("can't be reached"), "{}", ready.body);
    assert!(admin.get("/metrics").body.contains("\ntollgate_ready 0\n"));
    for answer in [api.token(&client_id, &client_secret), api.list("a token", "")] {
        assert_eq!(answer.error(), (503, "UNAVAILABLE".to_owned()));
        assert_eq!(answer.header("retry-after"), Some("1"));
        assert!(answer.header("x-request-id").is_some());
        assert!(!answer.body.contains("PostgreSQL"), "{}", answer.body);
    }
    assert_eq!(api.get("/oauth2/jwks").json()["error"], "temporarily_unavailable");

    // A command does not wait.
    let said = fails(&mut tollgate(folder.path(), &["merchant", "list", "--config", "tollgate.toml"]));
    assert!(said.contains("can't be reached"), "{said}");

    postgres.run();
    eventually("it serves", PATIENCE, || (admin.get("/readyz").status == 200).then_some(()));
    api.tokens(&client_id, &client_secret);
    let said = process.said();
    assert_eq!(said.matches("\"level\":\"ERROR\"").count(), 1, "{said}");
    process.signal("TERM");
    assert_eq!(process.finish().code, Some(0));
}

#[test]
fn a_server_that_waits_ends_when_it_is_told_to_and_when_waiting_is_in_vain() {
    let folder = tempfile::tempdir().unwrap();
    let postgres = Server::start("-c listen_addresses=", |_| {});
    let database = postgres.database();
    Serve::install(folder.path(), &format!("database.url = \"{}\"", database.url));
    postgres.crash();
    let waiting = || {
        let process = Process::spawn(&mut tollgate(folder.path(), &["serve", "--config", "tollgate.toml"]));
        process.wait_for(|said| said.contains("the store can't be reached").then_some(()));
        process
    };
    let process = waiting();
    process.signal("TERM");
    let finished = process.finish();
    assert_eq!((finished.code, finished.stderr.as_str()), (Some(0), ""), "{finished:?}");

    let process = waiting();
    std::fs::remove_file(folder.path().join("master.key")).unwrap();
    Serve::write_config(folder.path(), &format!("database.url = \"{}\"", database.url));
    postgres.run();
    let finished = process.finish();
    assert_eq!(finished.code, Some(1), "{finished:?}");
    assert!(finished.stderr.contains("not the one that this store is sealed with"), "{finished:?}");
}
