//! Merchants and clients as code.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::{Arc, Mutex};

use serde_json::Value;

use crate::harness::{Finished, Process, Serve, fails, finish, is_misused, tollgate};

const FILE: &str = r#"
[[merchants]]
name = "Shop"
[[merchants.clients]]
name = "till"
scope = "payments:read payments:write"
[[merchants.clients]]
id = "6f9619ff-8b86-4d01-b42d-00cf4fc964ff"
name = "web"
scope = "payments:write"
allow_from = ["192.0.2.0/24"]
access_ttl = "5m"
quota = "30/min"
labels = { team = "north" }
status = "disabled"
[[operators]]
name = "desk"
scope = "admin:read admin:support"
"#;

/// An installation without merchants, and a file.
fn installation(file: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    Serve::write_config(folder.path(), "");
    Serve::make_store(folder.path());
    // The first change makes it an installation.
    json(folder.path(), &["key", "create", "--algorithm", "EdDSA"]);
    fs::write(folder.path().join("wanted.toml"), file).unwrap();
    folder
}

fn apply(folder: &Path, more: &[&str]) -> Finished {
    finish(&mut tollgate(folder, &[&["apply", "-f", "wanted.toml", "--format", "json"], more].concat()))
}

/// The acts that a run shows.
fn acts(shown: &Finished) -> Vec<String> {
    let json = shown.json();
    json.as_array().unwrap().iter().map(|step| step["act"].as_str().unwrap().to_owned()).collect()
}

fn json(folder: &Path, args: &[&str]) -> Value {
    finish(&mut tollgate(folder, &[args, &["--format", "json"]].concat())).succeeded().json()
}

/// The lines of a file of secrets.
fn secrets(path: &Path) -> Vec<Value> {
    assert_eq!(fs::metadata(path).unwrap().permissions().mode() & 0o7777, 0o600);
    fs::read_to_string(path).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn a_file_is_applied_and_a_second_run_has_nothing_to_do() {
    let folder = installation(FILE);
    let path = folder.path();
    let created = apply(path, &["--secrets-to", "secrets", "--reason", "ticket 7"]).succeeded();
    let expected = ["merchant.create", "client.create", "client.create", "client.create", "client.disable"];
    assert_eq!(acts(&created), expected);
    assert!(!created.stdout.contains("tg_test_"), "{created:?}");
    let kept = secrets(&path.join("secrets"));
    let named: HashMap<&str, &Value> =
        kept.iter().map(|line| (line["name"].as_str().unwrap(), line)).collect();
    assert_eq!(named.len(), 3);
    let again = apply(path, &["--secrets-to", "secrets"]).succeeded();
    assert_eq!(acts(&again), Vec::<String>::new());
    assert!(
        again.notes.contains("nothing to do: 4 merchants and clients are as the file says already"),
        "{again:?}"
    );

    let web = json(path, &["client", "show", "6f9619ff-8b86-4d01-b42d-00cf4fc964ff"]);
    assert_eq!(web["allow_from"], "192.0.2.0/24");
    assert_eq!((&web["access_ttl"], &web["quota"]), (&"5m".into(), &"30/min".into()));
    assert_eq!((&web["labels"]["team"], &web["status"]), (&"north".into(), &"disabled".into()));
    let serve = Serve::start(path);
    let text = |line: &Value, name: &str| line[name].as_str().unwrap().to_owned();
    let token = |name: &str| {
        serve.api.token(&text(named[name], "client_id"), &text(named[name], "client_secret")).status
    };
    assert_eq!((token("till"), token("desk"), token("web")), (200, 200, 401));

    // Each client has a record of its own, with the reason.
    let records = json(path, &["audit", "list", "--act", "client.create"]);
    let records = records.as_array().unwrap();
    assert_eq!(records.len(), 3);
    assert!(records.iter().all(|record| record["reason"] == "ticket 7"), "{records:?}");
    assert_eq!(json(path, &["audit", "verify"])["whole"], true);
}

#[test]
fn a_dry_run_on_a_store_without_an_installation_shows_what_the_first_run_does() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    Serve::write_config(path, "");
    Serve::make_store(path);
    fs::write(path.join("wanted.toml"), FILE).unwrap();
    fs::write(
        path.join("old.csv"),
        "client_id,name,secret,scope,merchant\nold,old,legacy-secret-of-16,payments:read,Shop\n",
    )
    .unwrap();
    let before = fs::read(path.join("tollgate.db")).unwrap();
    let planned = apply(path, &["--dry-run"]).succeeded();
    let import = [
        "client",
        "import",
        "--from",
        "csv",
        "old.csv",
        "--create-merchants",
        "--dry-run",
        "--format",
        "json",
    ];
    let imported = finish(&mut tollgate(path, &import)).succeeded();
    assert_eq!(acts(&imported), ["merchant.create", "client.create"]);
    assert_eq!(fs::read(path.join("tollgate.db")).unwrap(), before);
    let done = apply(path, &["--secrets-to", "secrets"]).succeeded();
    assert_eq!(acts(&done), acts(&planned));
}

#[test]
fn a_merchant_that_was_deleted_is_not_made_again_under_its_id() {
    let folder = installation(FILE);
    let path = folder.path();
    let shop =
        json(path, &["merchant", "create", "--name", "Shop"])["merchant_id"].as_str().unwrap().to_owned();
    json(path, &["merchant", "delete", &shop, "--yes"]);
    fs::write(path.join("wanted.toml"), format!("[[merchants]]\nid = \"{shop}\"\nname = \"Shop\"\n"))
        .unwrap();
    for said in [
        fails(&mut tollgate(path, &["apply", "-f", "wanted.toml", "--dry-run"])),
        fails(&mut tollgate(path, &["apply", "-f", "wanted.toml"])),
        fails(&mut tollgate(path, &["merchant", "create", "--id", &shop, "--name", "Shop"])),
    ] {
        assert!(said.contains(&format!("a merchant {shop} was deleted not long ago")), "{said}");
    }
    let csv =
        format!("client_id,name,secret,scope,merchant\nold,old,legacy-secret-of-16,payments:read,{shop}\n");
    fs::write(path.join("old.csv"), csv).unwrap();
    let said = fails(&mut tollgate(path, &["client", "import", "--from", "csv", "old.csv", "--dry-run"]));
    assert!(said.contains("was deleted not long ago") && !said.contains("merchant create"), "{said}");
}

#[test]
fn a_dry_run_shows_what_would_be_done_and_does_nothing() {
    let folder = installation(FILE);
    let path = folder.path();
    let before = json(path, &["audit", "verify"])["anchor"].clone();
    let planned = apply(path, &["--dry-run", "--secrets-to", "secrets"]).succeeded();
    let steps = planned.json();
    assert_eq!(acts(&planned).len(), 5);
    // What is to be drawn has no id yet; what the file says has it.
    assert_eq!((&steps[0]["merchant_id"], &steps[1]["client_id"]), (&Value::Null, &Value::Null));
    assert_eq!(steps[2]["client_id"], "6f9619ff-8b86-4d01-b42d-00cf4fc964ff");
    assert!(planned.notes.contains("nothing was done; 5 steps to do"), "{planned:?}");
    assert_eq!(json(path, &["audit", "verify"])["anchor"], before);
    assert!(!path.join("secrets").exists());
}

#[test]
fn what_is_changed_in_the_file_changes_and_what_is_gone_from_it_ends_by_prune_alone() {
    let folder = installation(FILE);
    let path = folder.path();
    apply(path, &["--secrets-to", "secrets"]).succeeded();
    let other = json(path, &["merchant", "create", "--name", "Other"])["merchant_id"].clone();
    let changed = FILE.replace("5m", "4m").replace("status = \"disabled\"", "status = \"enabled\"");
    let changed = changed
        .replace("[[merchants.clients]]\nname = \"till\"\nscope = \"payments:read payments:write\"\n", "");
    fs::write(path.join("wanted.toml"), changed).unwrap();
    let done = apply(path, &[]).succeeded();
    assert_eq!(acts(&done), ["client.update", "client.enable"]);
    let changes = &done.json()[0]["changes"];
    assert_eq!(
        (&changes["before"]["access_ttl"], &changes["after"]["access_ttl"]),
        (&"5m".into(), &"4m".into())
    );
    assert_eq!(acts(&apply(path, &["--prune", "--dry-run"])), ["client.delete", "merchant.delete"]);
    assert_eq!(acts(&apply(path, &["--prune"]).succeeded()), ["client.delete", "merchant.delete"]);
    assert_eq!(acts(&apply(path, &["--prune"]).succeeded()), Vec::<String>::new());
    assert_eq!(json(path, &["client", "list"]).as_array().unwrap().len(), 2);
    assert!(
        fails(&mut tollgate(path, &["merchant", "show", other.as_str().unwrap()])).contains("there is no")
    );

    // A file from which everything was lost is a mistake.
    fs::write(path.join("wanted.toml"), "").unwrap();
    let said = fails(&mut tollgate(path, &["apply", "-f", "wanted.toml", "--prune", "--yes"]));
    assert!(said.contains("has no merchant, and --prune would delete all"), "{said}");
    assert_eq!(acts(&apply(path, &[]).succeeded()), Vec::<String>::new());
}

#[test]
fn a_file_that_is_wrong_anywhere_does_nothing() {
    let folder = installation(FILE);
    let path = folder.path();
    let before = json(path, &["audit", "verify"])["anchor"].clone();
    for (from, to, expected) in [
        ("30/min", "30/week", "wanted.toml: \"30/week\": a quota is a count of at least 1 per s"),
        ("quota =", "quotas =", "unknown field `quotas`"),
        ("5m", "5h", "merchants[0].clients[1]: access_ttl must be whole seconds from 1s to 15m"),
        ("labels = {", "audiences = [\"ledger\"]\nlabels = {", "no audience is called ledger"),
        ("name = \"web\"", "name = \"till\"", "merchants[0].clients[0]: another one has this name, too"),
        ("[[operators]]", "[[operators", "line 16"),
    ] {
        fs::write(path.join("wanted.toml"), FILE.replace(from, to)).unwrap();
        let said = fails(&mut tollgate(path, &["apply", "-f", "wanted.toml", "--secrets-to", "secrets"]));
        assert!(said.contains(expected), "{to}: {said}");
        assert!(!path.join("secrets").exists());
    }
    // Every error is named: here of a member that is mistyped, and so of one that is missing.
    fs::write(path.join("wanted.toml"), FILE.replace("name = \"till\"", "names = \"till\"")).unwrap();
    let said = finish(&mut tollgate(path, &["apply", "-f", "wanted.toml"]));
    let lines: Vec<_> = said.stderr.lines().collect();
    assert!(said.code == Some(1) && lines.len() == 2, "{said:?}");
    assert!(
        lines[0].contains("missing field `name`") && lines[1].contains("unknown field `names`"),
        "{said:?}"
    );
    let said = fails(&mut tollgate(path, &["apply", "-f", "absent.toml"]));
    assert!(said.contains("can't be read"), "{said}");
    let said = is_misused(&mut tollgate(path, &["apply", "-f", "wanted.txt"]));
    assert!(said.contains("must end in .toml, .json"), "{said}");
    assert_eq!(json(path, &["audit", "verify"])["anchor"], before);
}

#[test]
fn a_secret_goes_where_it_is_told_and_nowhere_else() {
    let folder = installation(FILE);
    let path = folder.path();
    let before = json(path, &["audit", "verify"])["anchor"].clone();
    let said = fails(&mut tollgate(path, &["apply", "-f", "wanted.toml"]));
    assert!(said.contains("say where to, by --secrets-to FILE"), "{said}");
    fs::write(path.join("there"), "kept").unwrap();
    let said = fails(&mut tollgate(path, &["apply", "-f", "wanted.toml", "--secrets-to", "there"]));
    assert!(said.contains("there is there already"), "{said}");
    assert_eq!(fs::read_to_string(path.join("there")).unwrap(), "kept");
    assert_eq!(json(path, &["audit", "verify"])["anchor"], before);
    let shown = apply(path, &["--show-secrets"]).succeeded().json();
    let shown = shown.as_array().unwrap();
    let secrets: Vec<_> = shown.iter().filter_map(|step| step["client_secret"].as_str()).collect();
    assert!(secrets.len() == 3 && secrets.iter().all(|secret| secret.starts_with("tg_test_")), "{shown:?}");
}

/// A thousand clients are one transaction.
#[test]
fn what_was_done_before_a_kill_stands_and_another_run_does_the_rest() {
    const CLIENTS: usize = 5_000;
    let mut file = "[[merchants]]\nname = \"Shop\"\n".to_owned();
    for n in 0..CLIENTS {
        write!(file, "[[merchants.clients]]\nname = \"till {n}\"\nscope = \"payments:read\"\n").unwrap();
    }
    let folder = installation(&file);
    let path = folder.path();
    let mut killed =
        Process::spawn(&mut tollgate(path, &["apply", "-f", "wanted.toml", "--secrets-to", "first"]));
    killed.wait_for(|said| said.contains("till 1500").then_some(()));
    killed.kill();
    let ids = || -> Vec<Value> {
        let clients = json(path, &["client", "list"]);
        clients.as_array().unwrap().iter().map(|client| client["client_id"].clone()).collect()
    };
    let done = ids();
    assert!(done.len() >= 2_000 && done.len() % 1_000 == 0, "{}", done.len());
    let first = secrets(&path.join("first"));
    for id in &done {
        assert!(first.iter().any(|line| line["client_id"] == *id), "nobody has the secret of {id}");
    }
    if done.len() < CLIENTS {
        let rest = apply(path, &["--secrets-to", "second"]).succeeded();
        assert_eq!(acts(&rest).len(), CLIENTS - done.len());
        assert_eq!(secrets(&path.join("second")).len(), CLIENTS - done.len());
    }
    assert_eq!(ids().len(), CLIENTS);
    assert_eq!(acts(&apply(path, &[]).succeeded()), Vec::<String>::new());
    assert_eq!(json(path, &["audit", "verify"])["whole"], true);
    let records = json(path, &["audit", "list", "--act", "client.create"]);
    assert_eq!(records.as_array().unwrap().len(), CLIENTS);
}

/// A Vault that keeps what is new and refuses what is there, as KV version 2 does.
struct Vault {
    url: String,
    kept: Arc<Mutex<HashMap<String, Value>>>,
}

impl Vault {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let kept: Arc<Mutex<HashMap<String, Value>>> = Arc::default();
        let keeping = kept.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (path, body) = received(&stream.unwrap());
                let mut kept = keeping.lock().unwrap();
                let body: Value = serde_json::from_slice(&body).unwrap();
                assert_eq!(body["options"]["cas"], 0);
                assert!(kept.insert(path.clone(), body["data"].clone()).is_none(), "{path} is replaced");
            }
        });
        Self { url, kept }
    }
}

/// Reads a request and answers that it was done. Returns its path and body.
fn received(stream: &TcpStream) -> (String, Vec<u8>) {
    let mut reader = BufReader::new(stream);
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        if line.trim().is_empty() {
            break;
        }
        lines.push(line.to_lowercase());
    }
    assert!(lines.iter().any(|line| line.trim() == "x-vault-token: hvs.test"), "{lines:?}");
    let length = lines.iter().find_map(|line| line.strip_prefix("content-length:")).unwrap();
    let mut body = vec![0; length.trim().parse().unwrap()];
    reader.read_exact(&mut body).unwrap();
    let answer = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}";
    (&mut &*stream).write_all(answer.as_bytes()).unwrap();
    (lines[0].split(' ').nth(1).unwrap().to_owned(), body)
}

#[test]
fn secrets_go_to_vault_each_under_the_id_of_its_client_and_work() {
    let (folder, vault) = (installation(FILE), Vault::start());
    let path = folder.path();
    let args = ["apply", "-f", "wanted.toml", "--secrets-to", "vault:kv/shops"];
    let mut command = tollgate(path, &args);
    let applied = finish(command.envs([("VAULT_ADDR", vault.url.as_str()), ("VAULT_TOKEN", "hvs.test")]));
    let applied = applied.succeeded();
    assert!(applied.notes.contains("the secrets of new clients are in vault:kv/shops"), "{applied:?}");
    let kept = vault.kept.lock().unwrap();
    assert_eq!(kept.len(), 3);
    let serve = Serve::start(path);
    let mut working = 0;
    for (at, fields) in kept.iter() {
        let text = |name: &str| fields[name].as_str().unwrap();
        assert_eq!(*at, format!("/v1/kv/data/shops/{}", text("client_id")));
        assert!(!format!("{applied:?}").contains(text("client_secret")));
        working += usize::from(serve.api.token(text("client_id"), text("client_secret")).status == 200);
    }
    assert_eq!(working, 2, "the third client is disabled");
}

#[test]
fn without_vault_no_client_is_created() {
    let folder = installation(FILE);
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let args = ["apply", "-f", "wanted.toml", "--secrets-to", "vault:kv/shops"];
    let mut command = tollgate(folder.path(), &args);
    let said = fails(
        command.envs([("VAULT_ADDR", format!("http://{closed}").as_str()), ("VAULT_TOKEN", "hvs.test")]),
    );
    assert!(said.contains("can't be reached") && said.contains("is not kept"), "{said}");
    assert_eq!(json(folder.path(), &["client", "list"]).as_array().unwrap().len(), 0);
    let usage =
        finish(&mut tollgate(folder.path(), &["apply", "-f", "wanted.toml", "--secrets-to", "aws:shops"]));
    assert_eq!(usage.code, Some(2));
}
