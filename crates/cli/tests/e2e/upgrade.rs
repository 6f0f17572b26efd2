//! Stores that version 0.1.0 made, opened by this one: a merchant, a client, one that was disabled, and a payment request.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering::SeqCst};

use serde_json::Value;

use crate::documented::{Machine, blocks};
use crate::harness::{Api, PATIENCE, Serve, eventually, finish, shell, tollgate};
use crate::postgres_server::Database;

const MADE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/e2e/upgrade");

/// What was made in a store, and the master key that it hangs on.
fn made(engine: &str, folder: &Path) -> Value {
    let made: Value = serde_json::from_slice(&fs::read(format!("{MADE}/0.1.0.json")).unwrap()).unwrap();
    let key = folder.join("master.key");
    fs::write(&key, made["master_key"].as_str().unwrap()).unwrap();
    fs::set_permissions(&key, Permissions::from_mode(0o600)).unwrap();
    made[engine].clone()
}

/// Whoever had access has it still, whoever had none still has none, and what there was is there.
fn is_as_it_was(folder: &Path, made: &Value) {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let (id, secret) = (text(&made["client_id"]), text(&made["client_secret"]));
    let migrated = finish(&mut tollgate(folder, &["store", "migrate", "--config", "tollgate.toml"]));
    assert!(migrated.succeeded().stdout.contains("schema"));
    // Its trail has begun with that: an empty one would be one that was wiped.
    finish(&mut tollgate(folder, &["store", "check"])).succeeded();
    let trail = finish(&mut tollgate(folder, &["audit", "list", "--act", "store."])).succeeded().stdout;
    assert!(trail.contains("store.migrate"), "{trail}");
    let serve = Serve::start(folder);
    let (access, refresh) = serve.api.tokens(&id, &secret);
    assert_eq!(serve.api.refresh(&refresh).status, 200);
    let kept = serve.api.list_all(&access);
    let kept = kept.iter().find(|payment| payment["id"] == made["payment_request_id"]);
    assert_eq!(kept.unwrap()["payment_reference"], "KEPT");
    let (gone, its_secret) = (text(&made["disabled"]["client_id"]), text(&made["disabled"]["client_secret"]));
    assert_eq!(serve.api.token(&gone, &its_secret).status, 401);
    let administer = |args: &[&str]| finish(&mut tollgate(folder, args)).succeeded().stdout;
    administer(&["client", "enable", &gone]);
    eventually("it may again", crate::harness::SEEN_WITHIN, || {
        (serve.api.token(&gone, &its_secret).status == 200).then_some(())
    });
    assert!(administer(&["merchant", "list"]).contains("Example Shop"));
    administer(&["key", "rotate"]);
}

/// Makes `tollgate.db` in a folder as 0.1.0 left it.
fn load_sqlite(folder: &Path) {
    let load = format!(
        "umask 077; python3 -c 'import sqlite3, sys; sqlite3.connect(sys.argv[1]).executescript(open(sys.argv[2]).read())' \
         tollgate.db {MADE}/0.1.0-sqlite.sql"
    );
    finish(&mut shell(folder, &load)).succeeded();
}

/// What the operations page has an operator do between the end of the old servers and the start of the new ones.
pub(crate) fn steps() -> String {
    let blocks = blocks("### From 0.1.0 to 0.2.0", "sh");
    assert_eq!(blocks.len(), 1);
    blocks.concat()
}

#[test]
fn the_steps_of_the_documentation_upgrade_a_store_of_0_1_0_and_keep_what_it_was() {
    let machine = Machine::new();
    let made = made("sqlite", &machine.path("etc/tollgate"));
    load_sqlite(&machine.path("var/lib/tollgate"));
    let before = fs::read(machine.path("var/lib/tollgate/tollgate.db")).unwrap();
    machine.configure("master_key = \"file:/etc/tollgate/master.key\"");
    machine.run(&steps()).succeeded();
    assert!(fs::read(machine.path("backup/tollgate-0.1.0/tollgate.db")).unwrap() == before);
    let serve = machine.serve();
    let text = |name: &str| made[name].as_str().unwrap().to_owned();
    let (access, _) = serve.api.tokens(&text("client_id"), &text("client_secret"));
    assert_eq!(serve.api.list_all(&access)[0]["payment_reference"], "KEPT");
}

/// Which server answers: the old one, none, or the new one.
const OLD: u8 = 0;
const NOBODY: u8 = 1;
const NEW: u8 = 2;

/// A call: who served when it began, who when it ended, and its status where there was an answer.
type Made = (u8, u8, Option<u16>);

/// Calls with a token, one after the other, until told to stop.
fn call_on(api: Api, access: &str, (phase, stop): (&AtomicU8, &AtomicBool), calls: &Mutex<Vec<Made>>) {
    while !stop.load(SeqCst) {
        let began = phase.load(SeqCst);
        let status = api.try_list(access, "").ok().map(|answer| answer.status);
        calls.lock().unwrap().push((began, phase.load(SeqCst), status));
    }
}

#[test]
fn while_the_servers_are_replaced_requests_fail_no_longer_than_nobody_serves() {
    let machine = Machine::new();
    machine.run(&blocks("## The master key", "sh")[0]).succeeded();
    machine.configure("master_key = \"file:/etc/tollgate/master.key\"");
    let (id, secret) = machine.install();
    let old = machine.serve();
    let (api, (access, _)) = (old.api, old.api.tokens(&id, &secret));
    let (phase, stop, calls) = (AtomicU8::new(OLD), AtomicBool::new(false), Mutex::new(Vec::new()));
    let made = |wanted: &Made| calls.lock().unwrap().iter().filter(|made| *made == wanted).count();
    let seen = |wanted: Made| {
        eventually("calls are made", PATIENCE, || (made(&wanted) > 50).then_some(()));
    };
    // The new server goes on until the last call is answered.
    let _new = std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| call_on(api, &access, (&phase, &stop), &calls));
        }
        seen((OLD, OLD, Some(200)));
        phase.store(NOBODY, SeqCst);
        old.process.signal("TERM");
        old.process.finish().succeeded();
        seen((NOBODY, NOBODY, None));
        machine.run(&steps()).succeeded();
        let new = machine.serve_at(&api.0.to_string());
        phase.store(NEW, SeqCst);
        seen((NEW, NEW, Some(200)));
        stop.store(true, SeqCst);
        new
    });
    for (began, ended, status) in calls.into_inner().unwrap() {
        let nobody_served = began != NEW && ended != OLD;
        assert!(status == Some(200) || (status.is_none() && nobody_served), "{began} to {ended}: {status:?}");
    }
}

#[test]
fn a_store_on_sqlite_of_0_1_0_is_taken_over() {
    let folder = tempfile::tempdir().unwrap();
    let made = made("sqlite", folder.path());
    load_sqlite(folder.path());
    Serve::write_config(folder.path(), "");
    is_as_it_was(folder.path(), &made);
}

#[test]
fn a_store_on_postgres_of_0_1_0_is_taken_over() {
    let folder = tempfile::tempdir().unwrap();
    let made = made("postgres", folder.path());
    let database = Database::create();
    database.psql(&fs::read_to_string(format!("{MADE}/0.1.0-postgres.sql")).unwrap());
    Serve::write_config(folder.path(), &format!("database.url = \"{}\"", database.url));
    is_as_it_was(folder.path(), &made);
}
