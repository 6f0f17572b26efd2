//! The audit trail, as an auditor and an operator meet it.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::thread;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::harness::{Api, Finished, PATIENCE, Process, Serve, eventually, fails, finish, tollgate};
use crate::postgres_server::Database;

fn configured(folder: &Path, args: &[&str]) -> Command {
    tollgate(folder, &[args, &["--config", "tollgate.toml"]].concat())
}

fn run(folder: &Path, args: &[&str]) -> Value {
    finish(&mut configured(folder, &[args, &["--format", "json"]].concat())).succeeded().json()
}

fn listed(folder: &Path, args: &[&str]) -> Vec<Value> {
    let list = run(folder, &[&["audit", "list"], args].concat());
    list.as_array().unwrap().clone()
}

fn acts(records: &[Value]) -> Vec<&str> {
    records.iter().map(|record| record["act"].as_str().unwrap()).collect()
}

/// Exports, and returns the lines and the anchor.
fn export(folder: &Path, args: &[&str]) -> (String, String) {
    let Finished { code, stdout, stderr, .. } =
        finish(&mut configured(folder, &[&["audit", "export"], args].concat()));
    assert_eq!(code, Some(0), "{stderr}");
    let anchor = stderr.lines().find_map(|line| line.strip_prefix("anchor: ")).unwrap().to_owned();
    (stdout, anchor)
}

#[test]
fn who_did_what_and_why_is_listed_and_found() {
    let folder = tempfile::tempdir().unwrap();
    let (client, _) = Serve::install(folder.path(), "");
    run(folder.path(), &["client", "disable", &client, "--reason", "ticket 7: lost laptop", "--yes"]);
    fails(&mut configured(folder.path(), &["merchant", "show", "6f9619ff-8b86-4d01-b42d-00cf4fc964ff"]));
    let nobody = "6f9619ff-8b86-4d01-b42d-00cf4fc964ff";
    fails(&mut configured(folder.path(), &["client", "enable", nobody, "--reason", "they asked"]));

    let all = listed(folder.path(), &[]);
    let expected = [
        "trail.begin",
        "store.install",
        "merchant.create",
        "client.create",
        "client.disable",
        "client.enable",
    ];
    assert_eq!(acts(&all), [&expected[..], &["trail.list"]].concat(), "{all:#?}");
    let disabled = &all[4];
    assert_eq!(disabled["reason"], "ticket 7: lost laptop");
    assert_eq!(
        (&disabled["before"], &disabled["after"]),
        (&json!({"status": "enabled"}), &json!({"status": "disabled"}))
    );
    assert_eq!((&disabled["client_id"], &disabled["outcome"]), (&json!(client), &json!("done")));
    let actor = disabled["actor"].as_str().unwrap();
    assert!(actor.starts_with("command-line:") && actor.contains('@'), "{actor}");
    assert_eq!(
        (&all[5]["outcome"], &all[5]["object"]),
        (&json!("refused"), &json!(format!("client:{nobody}")))
    );

    assert_eq!(acts(&listed(folder.path(), &["--client", &client])), ["client.create", "client.disable"]);
    assert_eq!(acts(&listed(folder.path(), &["--act", "merchant."])), ["merchant.create"]);
    assert_eq!(listed(folder.path(), &["--actor", "console:"]), [] as [Value; 0]);
    assert_eq!(listed(folder.path(), &["--until", "2020-01-01"]), [] as [Value; 0]);
    let newest = listed(folder.path(), &["--since", "1h", "--reverse", "--limit", "2"]);
    assert_eq!(acts(&newest), ["trail.list", "trail.list"]);
    let text = finish(&mut configured(folder.path(), &["audit", "list", "--act", "client.dis"])).succeeded();
    assert!(text.stdout.lines().nth(1).unwrap().contains("ticket 7: lost laptop"), "{text:?}");
}

#[test]
fn what_was_exported_is_verified_without_the_store_and_with_an_anchor() {
    let folder = tempfile::tempdir().unwrap();
    Serve::install(folder.path(), "");
    let (first, anchor) = export(folder.path(), &[]);
    let verify = |args: &[&str]| run(folder.path(), &[&["audit", "verify"], args].concat());
    let whole = verify(&["--anchor", &anchor]);
    assert_eq!((&whole["whole"], &whole["purged"]), (&json!(true), &json!(0)));
    let seq = anchor.split_once('-').unwrap().0.to_owned();
    let (second, later) = export(folder.path(), &["--after", &seq]);
    let file = folder.path().join("export.jsonl");
    fs::write(&file, format!("{first}{second}")).unwrap();
    let verified = verify(&["--file", "export.jsonl", "--anchor", &later]);
    assert_eq!(verified["records"], (first.lines().count() + second.lines().count()) as u64);
    assert_eq!(verified["anchor"], *later);

    // One that begins later says behind what, and that it can't tell what was there.
    fs::write(&file, &second).unwrap();
    let args = ["audit", "verify", "--file", "export.jsonl", "--format", "json"];
    let later = finish(&mut configured(folder.path(), &args)).succeeded();
    assert_eq!(
        (&later.json()["behind"], &later.json()["first"]),
        (&json!(anchor), &json!(first.lines().count() + 1))
    );
    assert!(
        later.notes.contains("is the first of the file") && later.notes.contains("without --anchor"),
        "{later:?}"
    );
    assert_eq!((&verified["behind"], &verified["first"]), (&Value::Null, &json!(1)));

    // A line that is changed, removed, repeated, moved, cut off.
    let lines: Vec<&str> = first.lines().collect();
    let changed = lines[2].replace("merchant.create", "merchant.delete");
    let cases: [(Vec<&str>, &str); 5] = [
        ([&lines[..2], &[&changed], &lines[3..]].concat(), "record 3 was changed"),
        ([&lines[..2], &lines[3..]].concat(), "record 3 was removed"),
        ([&lines[..3], &lines[2..]].concat(), "record 4 is not the one"),
        ([&lines[..1], &[lines[2], lines[1]], &lines[3..]].concat(), "record 2"),
        (lines[..3].to_vec(), "record 4 and all after it were cut off"),
    ];
    for (lines, flaw) in cases {
        fs::write(&file, lines.join("\n")).unwrap();
        let said = fails(&mut configured(
            folder.path(),
            &["audit", "verify", "--file", "export.jsonl", "--anchor", &anchor],
        ));
        assert!(said.contains(flaw), "{flaw}: {said}");
    }
}

#[test]
fn whoever_edits_the_store_is_found_out() {
    let folder = tempfile::tempdir().unwrap();
    let (client, _) = Serve::install(folder.path(), "");
    run(folder.path(), &["client", "disable", &client, "--reason", "they asked for it", "--yes"]);
    let (_, anchor) = export(folder.path(), &[]);
    let db = folder.path().join("tollgate.db");
    let mut bytes = fs::read(&db).unwrap();
    // The change log says it, too.
    while let Some(at) = bytes.windows(17).position(|found| found == b"they asked for it") {
        bytes[at..at + 17].copy_from_slice(b"nobody knows whom");
    }
    fs::write(&db, bytes).unwrap();
    for args in [&["audit", "verify"][..], &["audit", "verify", "--anchor", &anchor]] {
        let said = fails(&mut configured(folder.path(), args));
        assert!(said.contains("record 5 was changed"), "{args:?}: {said}");
    }
    let checked = finish(&mut configured(folder.path(), &["store", "check"]));
    assert!(checked.code == Some(1) && checked.stdout.contains("record 5 was changed"), "{checked:?}");
    // An export shows it all the same, and does not count as one.
    let exported = finish(&mut configured(folder.path(), &["audit", "export"]));
    assert_eq!((exported.code, exported.stdout.contains("nobody knows whom")), (Some(1), true));
    assert_eq!(acts(&listed(folder.path(), &["--act", "trail.exported"])).len(), 1);
}

#[test]
fn on_postgresql_the_first_record_that_was_tampered_with_is_named_as_well() {
    let (folder, database) = (tempfile::tempdir().unwrap(), Database::create());
    let (client, _) = Serve::install(folder.path(), &format!("database.url = \"{}\"", database.url));
    for act in ["disable", "enable", "disable"] {
        run(folder.path(), &["client", act, &client, "--reason", act]);
    }
    let (_, anchor) = export(folder.path(), &[]);
    run(folder.path(), &["audit", "verify", "--anchor", &anchor]);
    let ends = |seq| {
        format!(
            "UPDATE installation SET audit_seq = {seq}, audit_mac = (SELECT mac FROM audit WHERE seq = {seq})"
        )
    };
    let columns = "at, actor, source, act, outcome, object, client_id, merchant_id, state_before, state_after, reason, request_id, mac";
    for (tampering, flaw) in [
        ("UPDATE audit SET reason = 'because' WHERE seq = 5".to_owned(), "record 5 was changed"),
        (format!("UPDATE audit SET at = {} WHERE seq = 5", i64::MAX), "record 5 was changed"),
        ("UPDATE audit SET mac = decode(repeat('07', 32), 'hex') WHERE seq = 5".to_owned(), "record 5 is not"),
        ("DELETE FROM audit WHERE seq = 4".to_owned(), "record 4 was removed"),
        (
            format!(
                "UPDATE audit SET seq = -seq WHERE seq >= 4; UPDATE audit SET seq = 1 - seq WHERE seq < 0; \
                 INSERT INTO audit (seq, {columns}) SELECT 4, {columns} FROM audit WHERE seq = 3"
            ),
            "record 4 is not",
        ),
        (
            "UPDATE audit SET seq = -4 WHERE seq = 4; UPDATE audit SET seq = 4 WHERE seq = 6; \
             UPDATE audit SET seq = 6 WHERE seq = -4"
                .to_owned(),
            "record 4 is not",
        ),
        (format!("DELETE FROM audit WHERE seq > 5; {}", ends(5)), "record 6 and all after it were cut off"),
        (
            "UPDATE installation SET purged_audit = 2, purged_audit_mac = (SELECT mac FROM audit WHERE seq = 2); \
             DELETE FROM audit WHERE seq <= 2"
                .to_owned(),
            "record 1 was removed",
        ),
    ] {
        let copy = database.copy();
        copy.psql(&tampering);
        let mut verify = configured(folder.path(), &["audit", "verify", "--anchor", &anchor]);
        let said = fails(verify.env("TOLLGATE_DATABASE__URL", &copy.url));
        assert!(said.contains(flaw), "{tampering}: {said}");
    }
}

#[test]
fn that_a_server_starts_fails_to_start_and_ends_is_in_the_trail() {
    let folder = tempfile::tempdir().unwrap();
    let (client, _) = Serve::install(folder.path(), "limits.auth_failures = \"3/min\"");
    let server = Serve::start(folder.path());
    for _ in 0..4 {
        server.api.token(&client, "tg_test_wrong");
    }
    let taken = server.api.0.to_string();
    let refused = fails(
        tollgate(folder.path(), &["serve", "--config", "tollgate.toml"]).env("TOLLGATE_LISTEN", &taken),
    );
    assert!(refused.contains("is taken"), "{refused}");
    server.process.signal("TERM");
    server.process.finish();
    let records = listed(folder.path(), &["--act", "server."]);
    let told: Vec<_> = records.iter().map(|record| (&record["act"], &record["outcome"])).collect();
    let (start, stop, done, failed) =
        (json!("server.start"), json!("server.stop"), json!("done"), json!("failed"));
    assert_eq!(told, [(&start, &done), (&start, &failed), (&stop, &done)], "{records:#?}");
    assert!(records[1]["after"]["reason"].as_str().unwrap().contains(&taken));
    let [throttled] = &listed(folder.path(), &["--act", "client.throttle"])[..] else { panic!("once") };
    assert_eq!((&throttled["client_id"], &throttled["source"]), (&json!(client), &json!("127.0.0.1")));
    run(folder.path(), &["audit", "verify"]);
}

#[test]
fn every_record_is_streamed_to_a_file_once() {
    let folder = tempfile::tempdir().unwrap();
    let stream = folder.path().join("audit.jsonl");
    let (client, _) = Serve::install(folder.path(), "audit.stream = \"file:audit.jsonl\"");
    let server = Serve::start(folder.path());
    let streamed = |act: &str| {
        let text = fs::read_to_string(&stream).ok()?;
        text.lines().any(|line| line.contains(act)).then_some(())
    };
    eventually("the start is streamed", PATIENCE, || streamed("server.start"));
    run(folder.path(), &["client", "disable", &client, "--yes"]);
    eventually("an act is streamed", PATIENCE, || streamed("client.disable"));
    server.process.signal("TERM");
    server.process.finish();
    let verified = run(folder.path(), &["audit", "verify", "--file", "audit.jsonl"]);
    assert_eq!(verified["records"], fs::read_to_string(&stream).unwrap().lines().count() as u64);
}

/// How often the processes are killed, unless somebody has more time: `scripts/soak-audit` has.
const KILLS: usize = 5;

#[test]
fn an_act_and_its_record_are_never_apart_whatever_is_killed() {
    kill(KILLS, None);
}

#[test]
fn an_act_and_its_record_are_never_apart_on_postgresql_whatever_is_killed() {
    kill(KILLS, Some(&Database::create()));
}

#[test]
#[ignore = "takes minutes: scripts/soak-audit"]
fn an_act_and_its_record_are_never_apart_over_200_kills() {
    kill(200, None);
}

#[test]
#[ignore = "takes minutes: scripts/soak-audit"]
fn an_act_and_its_record_are_never_apart_over_200_kills_on_postgresql() {
    kill(200, Some(&Database::create()));
}

fn kill(times: usize, database: Option<&Database>) {
    let folder = tempfile::tempdir().unwrap();
    let store = database.map(|database| format!("database.url = \"{}\"", database.url)).unwrap_or_default();
    let (client, secret) = Serve::install(folder.path(), &store);
    let mut server = Serve::start(folder.path());
    let mut acknowledged = BTreeSet::new();
    for _ in 0..times {
        let (told, asked) = revoke_until_killed(&mut server, &client, &secret);
        kill_the_command_line(folder.path());
        // What was sent to PostgreSQL before a kill may be committed after it.
        if let Some(database) = database {
            eventually("the sessions of the killed end", PATIENCE, || is_left_alone(database).then_some(()));
        }
        server = Serve::start(folder.path());
        let recorded: BTreeSet<String> = listed(folder.path(), &["--act", "token.revoke"])
            .iter()
            .map(|record| record["object"].as_str().unwrap().strip_prefix("token:").unwrap().to_owned())
            .collect();
        for token in asked {
            let is_revoked = server.api.list(&token, "").status == 401;
            assert_eq!(
                is_revoked,
                recorded.contains(&token_id(&token)),
                "a revocation and its record are apart"
            );
        }
        assert!(
            told.iter().all(|token| recorded.contains(&token_id(token))),
            "what was acknowledged is recorded"
        );
        acknowledged.extend(told);
        merchants_are_those_of_the_records(folder.path());
        run(folder.path(), &["audit", "verify"]);
    }
    assert!(!acknowledged.is_empty());
}

fn is_left_alone(database: &Database) -> bool {
    let sql = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() \
               AND backend_type = 'client backend'";
    database.psql(sql).trim() == "0"
}

/// Several callers obtain tokens and revoke them until the server is killed. Returns the tokens whose revocation was acknowledged, and
/// all that were sent to be revoked.
fn revoke_until_killed(server: &mut Serve, client: &str, secret: &str) -> (Vec<String>, Vec<String>) {
    let (api, killed) = (server.api, AtomicBool::new(false));
    let (told, asked, answers) = (Mutex::new(Vec::new()), Mutex::new(Vec::new()), AtomicUsize::new(0));
    let caller = || {
        while let Ok(granted) = api.try_token(client, secret) {
            let granted: Value = serde_json::from_str(&granted.body).unwrap();
            let token = granted["data"]["access_token"].as_str().unwrap().to_owned();
            asked.lock().unwrap().push(token.clone());
            let Ok(200) = revoke(api, client, secret, &token) else { break };
            answers.fetch_add(1, SeqCst);
            told.lock().unwrap().push(token);
        }
        assert!(killed.load(SeqCst), "the server answers until it is killed");
    };
    let enough = rand::random_range(1..24);
    let moment = Duration::from_micros(rand::random_range(0..5_000));
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(caller);
        }
        eventually("answers", PATIENCE, || (answers.load(SeqCst) >= enough).then_some(()));
        // Not for anything to happen: the kill shall not always meet the same step.
        thread::sleep(moment);
        killed.store(true, SeqCst);
        server.process.kill();
    });
    (told.into_inner().unwrap(), asked.into_inner().unwrap())
}

fn revoke(api: Api, client: &str, secret: &str, token: &str) -> std::io::Result<u16> {
    let body = format!("token={token}&client_id={client}&client_secret={secret}");
    let form = [("content-type", "application/x-www-form-urlencoded")];
    api.request("POST", "/oauth2/revoke", &form, &body).map(|answer| answer.status)
}

fn token_id(token: &str) -> String {
    let payload = URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap();
    let claims: Value = serde_json::from_slice(&payload).unwrap();
    claims["jti"].as_str().unwrap().to_owned()
}

/// Starts commands that create a merchant, and kills each at another moment.
fn kill_the_command_line(folder: &Path) {
    for _ in 0..4 {
        let mut command = Process::spawn(&mut configured(folder, &["merchant", "create", "--name", "Shop"]));
        // Not for anything to happen: from before it has begun to after it has ended.
        thread::sleep(Duration::from_micros(rand::random_range(0..60_000)));
        command.kill();
    }
}

fn merchants_are_those_of_the_records(folder: &Path) {
    let merchants = run(folder, &["merchant", "list"]);
    let there: BTreeSet<String> = merchants
        .as_array()
        .unwrap()
        .iter()
        .map(|merchant| format!("merchant:{}", merchant["merchant_id"].as_str().unwrap()))
        .collect();
    let recorded = listed(folder, &["--act", "merchant.create"]);
    let recorded: BTreeSet<String> =
        recorded.iter().map(|record| record["object"].as_str().unwrap().to_owned()).collect();
    assert_eq!(there, recorded);
}
