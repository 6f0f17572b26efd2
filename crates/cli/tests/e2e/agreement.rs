//! Servers with another configuration than those that share their store.

use std::path::Path;

use crate::harness::{PATIENCE, Process, Serve, eventually, faketime_library, finish, tollgate};
use crate::postgres_server::Database;

/// What tokens say, changed.
const NEW: [(&str, &str); 2] =
    [("TOLLGATE_TOKENS__AUDIENCE", "ledger"), ("TOLLGATE_PUBLIC_URL", "https://core.example.com")];

fn start_new(folder: &Path) -> Serve {
    Serve::run(Process::spawn(tollgate(folder, &["serve", "--config", "tollgate.toml"]).envs(NEW)))
}

fn is_ready(serve: &Serve) -> bool {
    serve.admin.get("/readyz").status == 200
}

#[test]
fn a_new_configuration_is_rolled_out_over_two_servers_without_one_refusal() {
    let (folder, database) = (tempfile::tempdir().unwrap(), Database::create());
    let (id, secret) = Serve::install(folder.path(), &format!("database.url = \"{}\"", database.url));
    let [first, second] = [Serve::start(folder.path()), Serve::start(folder.path())];
    let mut issued = vec![first.api.tokens(&id, &secret), second.api.tokens(&id, &secret)];
    let good_on = |issued: &[(String, String)], servers: &[&Serve]| {
        for (access, refresh) in issued {
            for server in servers {
                assert_eq!(server.api.list(access, "").status, 200);
                assert_eq!(server.api.refresh(refresh).status, 200);
            }
        }
    };

    // Before it is adopted, a server with it says nothing of anybody's tokens.
    let early = start_new(folder.path());
    let said = early.admin.get("/readyz");
    assert_eq!(said.status, 503);
    assert!(said.body.contains("tokens.audience is ledger here and payment-api on the others"), "{said:?}");
    assert_eq!(early.api.list(&issued[0].0, "").status, 503);
    assert_eq!(early.api.token(&id, &secret).status, 503);
    good_on(&issued, &[&first, &second]);

    let args = ["config", "adopt", "--config", "tollgate.toml", "--format", "json"];
    let adopted = finish(tollgate(folder.path(), &args).envs(NEW)).succeeded().json();
    assert_eq!((&adopted["audience"], &adopted["changed"]), (&"ledger".into(), &true.into()));
    eventually("it serves", PATIENCE, || is_ready(&early).then_some(()));
    issued.extend([&first, &second, &early].map(|server| server.api.tokens(&id, &secret)));
    good_on(&issued, &[&first, &second, &early]);
    let again = finish(tollgate(folder.path(), &args).envs(NEW)).succeeded().json();
    assert_eq!(again["changed"], false);

    // One after the other.
    for former in [first, second] {
        assert!(former.admin.get("/metrics").body.contains("\ntollgate_configuration_replaced 1\n"));
        former.process.signal("TERM");
        assert_eq!(former.process.finish().code, Some(0));
    }
    let later = start_new(folder.path());
    eventually("it serves", PATIENCE, || is_ready(&later).then_some(()));
    issued.push(later.api.tokens(&id, &secret));
    good_on(&issued, &[&early, &later]);
}

#[test]
fn a_server_whose_clock_is_half_a_minute_behind_is_not_ready_and_refuses_nobody() {
    let (folder, database) = (tempfile::tempdir().unwrap(), Database::create());
    let (id, secret) = Serve::install(folder.path(), &format!("database.url = \"{}\"", database.url));
    let right = Serve::start(folder.path());
    // The wall clock alone, because the log waits by the other one; and without the process of faketime's own, which would
    // leave the server behind.
    let mut command = tollgate(folder.path(), &["serve", "--config", "tollgate.toml"]);
    command.env("LD_PRELOAD", faketime_library(folder.path()));
    command.envs([("FAKETIME", "-30s"), ("FAKETIME_DONT_FAKE_MONOTONIC", "1")]);
    let behind = Serve::run(Process::spawn(&mut command));
    let (access, refresh) = right.api.tokens(&id, &secret);
    let said = behind.admin.get("/readyz");
    assert_eq!(said.status, 503);
    assert!(said.body.contains("behind the store's"), "{said:?}");
    assert_eq!((behind.api.list(&access, "").status, behind.api.refresh(&refresh).status), (503, 503));
    let metrics = behind.admin.get("/metrics").body;
    assert!(metrics.contains("\ntollgate_store_clock_offset_seconds 30."), "{metrics}");
    assert_eq!(right.admin.get("/readyz").status, 200);
}

/// Nobody else is there to disagree, and what was killed is known to be gone.
#[test]
fn a_lone_server_that_was_killed_starts_with_another_configuration_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let (id, secret) = Serve::install(folder.path(), "");
    let mut former = Serve::start(folder.path());
    let (access, refresh) = former.api.tokens(&id, &secret);
    former.process.kill();
    let changed = start_new(folder.path());
    assert!(is_ready(&changed));
    assert_eq!(changed.api.list(&access, "").status, 200, "what it had issued is good to its end");
    assert_eq!(changed.api.refresh(&refresh).status, 200);
    changed.api.tokens(&id, &secret);
}
