//! Servers that share a store: one that can't read the log refuses.

use crate::harness::{Api, PATIENCE, Serve, eventually};
use crate::postgres_server::Database;

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
