//! A store file that is taken away from under a running server.

use std::fs;
use std::time::Duration;

use crate::harness::{Serve, eventually, finish, tollgate};

/// How soon a server notices.
const NOTICED_WITHIN: Duration = Duration::from_secs(2);

#[test]
fn a_server_whose_store_is_removed_or_replaced_is_not_ready_within_two_seconds() {
    let folder = tempfile::tempdir().unwrap();
    let (client_id, client_secret) = Serve::install(folder.path(), "");
    let serve = Serve::start(folder.path());
    let (access, _) = serve.api.tokens(&client_id, &client_secret);
    let statuses = || {
        [
            serve.admin.get("/readyz").status,
            serve.api.token(&client_id, &client_secret).status,
            serve.api.list(&access, "").status,
        ]
    };
    let (store, aside) = (folder.path().join("tollgate.db"), folder.path().join("aside.db"));
    fs::rename(&store, &aside).unwrap();
    eventually("it says nothing of tokens", NOTICED_WITHIN, || (statuses() == [503; 3]).then_some(()));
    assert!(serve.admin.get("/readyz").body.contains("tollgate.db was removed or moved"));

    fs::copy(&aside, &store).unwrap();
    eventually("it says what has changed", NOTICED_WITHIN, || {
        serve.admin.get("/readyz").body.contains("was replaced by another file").then_some(())
    });
    fs::rename(&aside, &store).unwrap();
    eventually("it serves again", NOTICED_WITHIN, || (statuses() == [200; 3]).then_some(()));
    eventually("both are in the audit trail", NOTICED_WITHIN, || {
        let list = ["audit", "list", "--act", "server.", "--config", "tollgate.toml", "--format", "json"];
        let records = finish(&mut tollgate(folder.path(), &list)).succeeded().json();
        let acts: Vec<_> = records.as_array().unwrap().iter().map(|record| record["act"].clone()).collect();
        (acts == ["server.start", "server.suspend", "server.resume"]).then_some(())
    });
    let said = serve.process.said();
    assert_eq!(said.matches("tokens are neither issued nor checked").count(), 2, "{said}");
}
