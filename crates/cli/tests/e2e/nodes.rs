//! Two servers on one PostgreSQL: what a command changes counts on both, one of them rotates the keys, and one that can't
//! read the log refuses.

use std::path::Path;

use serde_json::Value;

use crate::harness::{Api, PATIENCE, SEEN_WITHIN, Serve, eventually, finish, tollgate};
use crate::postgres_server::Database;

#[test]
fn new_secrets_disabled_clients_and_replaced_keys_count_on_every_server_within_a_second() {
    let (folder, database) = (tempfile::tempdir().unwrap(), Database::create());
    // Asking again and again until a secret is known is many failures.
    let more = format!(
        "limits.auth_failures = \"1000000/min\"\nlimits.source_auth_failures = \"off\"\ndatabase.url = \"{}\"",
        database.url
    );
    let (id, secret) = Serve::install(folder.path(), &more);
    let servers = [Serve::start(folder.path()), Serve::start(folder.path())];
    let everywhere = |what: &str, holds: &dyn Fn(Api) -> bool| {
        eventually(what, SEEN_WITHIN, || servers.iter().all(|server| holds(server.api)).then_some(()));
    };
    let old = servers[0].api.tokens(&id, &secret);

    let created = admin(folder.path(), &["secret", "create", &id]);
    let new = created["client_secret"].as_str().unwrap();
    everywhere("the new secret is known", &|api| api.token(&id, new).status == 200);

    admin(folder.path(), &["key", "rotate", "--compromised"]);
    everywhere("the old key is retired", &|api| {
        api.list(&old.0, "").status == 401 && api.refresh(&old.1).status == 401
    });
    let newer = servers[0].api.tokens(&id, &secret);
    everywhere("the new key is known", &|api| api.list(&newer.0, "").status == 200);

    admin(folder.path(), &["client", "disable", &id]);
    everywhere("the client is refused", &|api| {
        api.list(&newer.0, "").status == 401 && api.token(&id, new).status == 401
    });
    admin(folder.path(), &["client", "enable", &id]);
    everywhere("the client is accepted", &|api| api.token(&id, new).status == 200);
}

#[test]
fn of_two_servers_one_adds_the_key_that_is_due_and_both_know_it() {
    let (folder, database) = (tempfile::tempdir().unwrap(), Database::create());
    let (id, secret) = Serve::install(folder.path(), &format!("database.url = \"{}\"", database.url));
    // As if it had been made a hundred days ago.
    database.psql("UPDATE signing_keys SET activates_at = activates_at - 100 * 86400000::bigint");
    let servers = [Serve::start(folder.path()), Serve::start(folder.path())];
    let keys = eventually("the next key is there", PATIENCE, || {
        let keys = admin(folder.path(), &["key", "list"]);
        (keys.as_array().unwrap().len() == 2).then_some(keys)
    });
    assert_eq!((keys[0]["phase"].as_str(), keys[1]["phase"].as_str()), (Some("active"), Some("next")));
    for key in keys.as_array().unwrap() {
        assert_eq!(key["advances_at"], keys[1]["activates_at"], "{keys}");
    }
    assert_eq!(database.psql("SELECT count(*) FROM elected WHERE office = 'signing keys'"), "1");
    let elected = servers.iter().map(|server| metric(server.admin, "tollgate_rotates_keys"));
    assert_eq!(elected.sum::<u64>(), 1);
    let tokens = servers.each_ref().map(|server| server.api.tokens(&id, &secret));
    for (access, refresh) in &tokens {
        for server in &servers {
            assert_eq!(server.api.list(access, "").status, 200);
            assert_eq!(server.api.refresh(refresh).status, 200);
        }
    }
    for server in servers {
        server.process.signal("TERM");
        assert_eq!(server.process.finish().code, Some(0));
    }
    assert_eq!(database.psql("SELECT count(*) FROM elected"), "0", "who ends gives the office back");
}

#[test]
fn a_server_that_can_not_read_the_log_refuses_and_says_so_until_it_can() {
    let (folder, database) = (tempfile::tempdir().unwrap(), Database::create());
    let more = format!("tokens.stale_after = \"5s\"\ndatabase.url = \"{}\"", database.url);
    let (id, secret) = Serve::install(folder.path(), &more);
    let server = Serve::start(folder.path());
    let (access, _) = server.api.tokens(&id, &secret);
    database.psql("ALTER TABLE changes RENAME TO changes_away");
    let refused = eventually("the token is refused", PATIENCE, || {
        let answer = server.api.list(&access, "");
        (answer.status != 200).then_some(answer)
    });
    assert_eq!(refused.error(), (503, "UNAVAILABLE".to_owned()));
    assert_eq!(refused.header("retry-after"), Some("1"));
    assert_eq!(server.api.token(&id, &secret).error(), (503, "UNAVAILABLE".to_owned()));
    let ready = server.admin.get("/readyz");
    assert_eq!(ready.status, 503);
    assert!(ready.body.contains("has not been read from the store for too long"), "{ready:?}");
    assert_eq!(metric(server.admin, "tollgate_stale"), 1);
    assert!(metric(server.admin, "tollgate_change_log_unread_seconds") >= 5);

    database.psql("ALTER TABLE changes_away RENAME TO changes");
    eventually("it is ready again", PATIENCE, || (server.admin.get("/readyz").status == 200).then_some(()));
    assert_eq!(server.api.list(&access, "").status, 200);
    assert_eq!(metric(server.admin, "tollgate_stale"), 0);
}

fn metric(admin: Api, name: &str) -> u64 {
    let metrics = admin.get("/metrics").body;
    let line = metrics.lines().find_map(|line| line.strip_prefix(&format!("{name} "))).unwrap();
    line.parse().unwrap()
}

fn admin(folder: &Path, args: &[&str]) -> Value {
    let options = ["--config", "tollgate.toml", "--format", "json"];
    finish(&mut tollgate(folder, &[args, &options].concat())).succeeded().json()
}
