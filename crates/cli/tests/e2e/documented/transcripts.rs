//! What docs/operations.md shows of a terminal: each command is typed, and says what stands there.
//!
//! Ids, times, secrets and numbers are others each time; everything else is compared.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::blocks;
use crate::harness::{Dev, PATIENCE, Process, Serve, eventually, fails, finish, payment, shell, tollgate};
use crate::postgres_server::Database;

/// A line without what is different each time.
fn shape(line: &str) -> String {
    let words = line.split_whitespace().map(|word| match word.as_bytes() {
        [year @ .., b'Z'] if year.len() == 19 && year[10] == b'T' => "TIME",
        _ if word.len() == 36 && word.matches('-').count() == 4 => "ID",
        number if number.iter().all(u8::is_ascii_digit) => "NUMBER",
        _ if word.starts_with("tg_live_") || word.starts_with("tg_test_") => "SECRET",
        _ => word,
    });
    words.collect::<Vec<_>>().join(" ")
}

/// Types the commands of a block with `tollgate` in the path, and compares what each says with what follows it there. `…` at
/// the end stands for the lines that are left.
fn type_in(folder: &Path, block: &str, env: &[(&str, &str)]) {
    let program = Path::new(env!("CARGO_BIN_EXE_tollgate")).parent().unwrap().display();
    for step in block.split("$ ").filter(|step| !step.is_empty()) {
        let (command, shown) = step.split_once('\n').unwrap();
        let script = format!("PATH={program}:$PATH; {command}");
        let done = finish(shell(folder, &script).envs(env.iter().copied()));
        let notes = done.notes.lines().filter(|note| !note.starts_with("note: acting on "));
        let said: Vec<_> = done.stdout.lines().chain(notes).map(shape).collect();
        let shown: Vec<_> = shown.lines().map(shape).collect();
        match shown.split_last() {
            Some((last, first)) if last == "…" => {
                assert_eq!(said.get(..first.len()), Some(first), "{done:?}");
            }
            _ => assert_eq!(said, shown, "{command}: {done:?}"),
        }
    }
}

/// The only block of a language under a heading of the page.
fn only(heading: &str, language: &str) -> String {
    let [block] = &blocks(heading, language)[..] else { panic!("one block under {heading}") };
    block.clone()
}

fn stop(serve: Serve) {
    serve.process.signal("TERM");
    assert_eq!(serve.process.finish().code, Some(0));
}

#[test]
fn a_secret_is_replaced_as_shown() {
    let folder = tempfile::tempdir().unwrap();
    let (client, secret) = Serve::install(folder.path(), "");
    let serve = Serve::start(folder.path());
    assert_eq!(serve.api.token(&client, &secret).status, 200);
    stop(serve);
    type_in(folder.path(), &only("## Clients and secrets", "console"), &[("CLIENT", &client)]);
}

#[test]
fn keys_are_rotated_and_ended_as_shown() {
    let folder = tempfile::tempdir().unwrap();
    Serve::install(folder.path(), "");
    let serve = Serve::start(folder.path());
    type_in(folder.path(), &only("## Signing keys", "console"), &[]);
    let leaked = "tollgate key rotate --compromised";
    assert!(fs::read_to_string(super::OPERATIONS).unwrap().contains(&format!("`{leaked}`")));
    let program = Path::new(env!("CARGO_BIN_EXE_tollgate")).parent().unwrap().display();
    let script = format!("PATH={program}:$PATH; {leaked} > out && tollgate key list");
    let listed = finish(&mut shell(folder.path(), &script)).succeeded().stdout;
    let listed: Vec<_> = listed.lines().map(shape).collect();
    let shown: Vec<_> = only("## Signing keys", "text").lines().map(shape).collect();
    assert!(listed.ends_with(&shown), "{listed:?}");
    drop(serve);
}

#[test]
fn an_audience_with_public_keys_is_added_as_shown() {
    let folder = tempfile::tempdir().unwrap();
    let heading = "### Audiences and algorithms";
    let (till, _) = Serve::install(folder.path(), &only(heading, "toml"));
    let json = |args: &[&str]| finish(&mut tollgate(folder.path(), args)).succeeded().json();
    let merchant = json(&["client", "show", &till, "--format", "json"])["merchant_id"].clone();
    let create = only(heading, "sh").replace("MERCHANT_ID", merchant.as_str().unwrap());
    let program = Path::new(env!("CARGO_BIN_EXE_tollgate")).parent().unwrap().display();
    let typed = |command: &str| {
        finish(&mut shell(folder.path(), &format!("PATH={program}:$PATH; {command}"))).succeeded().stdout
    };
    assert!(typed(&create).contains("client_secret"));
    let serve = Serve::start(folder.path());
    let export = "tollgate key export --public --config tollgate.toml";
    assert!(fs::read_to_string(super::OPERATIONS).unwrap().contains(&format!("`{export}`")));
    let exported: serde_json::Value = serde_json::from_str(&typed(export)).unwrap();
    assert_eq!(exported, serve.api.get("/oauth2/jwks").json());
    assert!(typed(&format!("{export} --pem")).contains("-----BEGIN PUBLIC KEY-----"));
}

#[test]
fn a_first_public_key_is_published_as_shown() {
    let folder = tempfile::tempdir().unwrap();
    Serve::install(folder.path(), "");
    let serve = Serve::start(folder.path());
    let create = "tollgate key create --algorithm ES256 --config tollgate.toml";
    assert!(fs::read_to_string(super::OPERATIONS).unwrap().contains(&format!("`{create}`")));
    let program = Path::new(env!("CARGO_BIN_EXE_tollgate")).parent().unwrap().display();
    finish(&mut shell(folder.path(), &format!("PATH={program}:$PATH; {create}"))).succeeded();
    let key_set = || serve.api.get("/oauth2/jwks").json()["keys"].as_array().map(Vec::len);
    eventually("the key is published", PATIENCE, || (key_set() == Some(1)).then_some(()));
}

#[test]
fn a_refused_token_is_explained_as_shown() {
    let folder = tempfile::tempdir().unwrap();
    let (client, secret) = Serve::install(folder.path(), "");
    let serve = Serve::start(folder.path());
    let (access, _) = serve.api.tokens(&client, &secret);
    stop(serve);
    fs::write(folder.path().join("token.txt"), format!("Bearer {access}\n")).unwrap();
    finish(&mut tollgate(folder.path(), &["client", "disable", &client])).succeeded();
    type_in(folder.path(), &only("### Audiences and algorithms", "console"), &[]);
}

#[test]
fn what_takes_two_people_waits_for_the_second_as_shown() {
    let folder = tempfile::tempdir().unwrap();
    let (client, _) = Serve::install(folder.path(), "admin.second_person_within = \"24h\"");
    let block = only("### By two people", "console");
    let (command, shown) = block.trim().split_once('\n').unwrap();
    let args: Vec<_> =
        command.split(' ').skip(2).map(|word| if word.len() == 36 { &client } else { word }).collect();
    let done = finish(&mut tollgate(folder.path(), &args));
    assert_eq!((done.code, done.stderr.trim()), (Some(1), shown));
}

#[test]
fn servers_are_told_of_another_configuration_as_shown() {
    let folder = tempfile::tempdir().unwrap();
    Serve::install(folder.path(), "");
    let serve = Serve::start(folder.path());
    let config = fs::read_to_string(folder.path().join("tollgate.toml")).unwrap();
    let config = config.replace("pay.example.com", "core.example.com");
    fs::write(folder.path().join("new.toml"), format!("{config}\n[tokens]\naudience = \"ledger\"\n"))
        .unwrap();
    type_in(folder.path(), &only("### Servers that share a store", "console"), &[]);
    drop(serve);
}

#[test]
fn a_store_moves_to_postgresql_as_shown() {
    let (folder, database) = (tempfile::tempdir().unwrap(), Database::create());
    Serve::install(folder.path(), "");
    let block = only("### Moving to another engine", "console");
    let typed = block.replace("postgres://tollgate@127.0.0.1/tollgate", &format!("'{}'", database.url));
    assert_ne!(typed, block);
    type_in(folder.path(), &typed, &[]);
}

#[test]
fn the_agent_is_started_and_called_as_shown() {
    let folder = tempfile::tempdir().unwrap();
    let dev = Dev::start(&folder.path().join(".tollgate"));
    let (access, _) = dev.tokens();
    assert_eq!(dev.api.create(&access, "key", &payment("AGENT")).unwrap().status, 201);
    let socket = folder.path().join("agent.sock").display().to_string();
    let block = only("## The agent", "sh").replace("/run/shop/agent.sock", &socket);
    let block = block.replace("127.0.0.1:9071", "127.0.0.1:0");
    let (agent, call) = block.trim().split_once('\n').unwrap();
    let program = Path::new(env!("CARGO_BIN_EXE_tollgate")).parent().unwrap().display();
    let env = [
        ("TOLLGATE_BASE_URL", dev.base_url.as_str()),
        ("TOLLGATE_CLIENT_ID", dev.client_id()),
        ("TOLLGATE_CLIENT_SECRET", dev.client_secret()),
    ];
    let script = format!("PATH={program}:$PATH; exec {agent}");
    let running = Process::spawn(shell(folder.path(), &script).envs(env));
    running.wait_for(|said| said.contains("agent.sock").then_some(()));
    let listed = finish(&mut shell(folder.path(), &format!("curl -s{}", call.strip_prefix("curl").unwrap())));
    assert!(listed.succeeded().stdout.contains("AGENT"));
    drop(running);
}

/// What a command says of a store that it can't use, but for where PostgreSQL listens.
fn complaint(folder: &Path, url: &str, args: &[&str]) -> String {
    let mut command = tollgate(folder, args);
    let env = [("TOLLGATE_DATABASE__URL", url), ("TOLLGATE_MASTER_KEY", "file:master.key")];
    command.envs(env).env("TOLLGATE_PUBLIC_URL", "https://pay.example.com");
    let said = fails(&mut command);
    match said.split_once("PostgreSQL at ") {
        Some((before, after)) => {
            let (_, after) = after.split_once(' ').unwrap();
            format!("{before}PostgreSQL at HERE {after}").trim().to_owned()
        }
        None => said.trim().to_owned(),
    }
}

#[test]
fn a_store_that_can_not_be_used_is_complained_of_as_shown() {
    let (folder, database) = (tempfile::tempdir().unwrap(), Database::create());
    Serve::install(folder.path(), "");
    let path = |name: &str| folder.path().join(name);
    let store = fs::read(path("tollgate.db")).unwrap();
    let keep = |name: &str, bytes: &[u8]| {
        fs::write(path(name), bytes).unwrap();
        fs::set_permissions(path(name), fs::Permissions::from_mode(0o600)).unwrap();
    };
    keep("bad.db", &vec![b'x'; 8192]);
    // The first page says which others there are; what they hold contradicts it.
    let mut torn = store.clone();
    torn[4096..].fill(0xff);
    keep("torn.db", &torn);
    let (server, name) = database.url.rsplit_once('/').unwrap();
    let (scheme, host) = server.split_once("://").unwrap();
    let (_, host) = host.split_once('@').unwrap();
    let table =
        finish(&mut shell(folder.path(), &format!("psql '{}' -c 'CREATE TABLE users ()'", database.url)));
    assert_eq!(table.code, Some(0), "{table:?}");
    // A port that nobody listens on: whoever took it has let it go.
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let list = &["merchant", "list"][..];
    let migrate = &["store", "migrate"][..];
    let said = [
        complaint(folder.path(), "sqlite:bad.db", list),
        complaint(folder.path(), "sqlite:torn.db", list),
        complaint(folder.path(), "sqlite:nowhere/x.db", migrate),
        complaint(folder.path(), &format!("postgres://tollgate@{closed}/tollgate"), list),
        complaint(folder.path(), &format!("{server}/none"), list),
        complaint(folder.path(), &database.url, migrate),
        complaint(folder.path(), &format!("{scheme}://none@{host}/{name}"), list),
    ];
    let shown = only("## What can fail", "text").replace("\ndatabase.url", " database.url");
    let shown = shown.replace("PostgreSQL at 127.0.0.1:5432 ", "PostgreSQL at HERE ");
    assert_eq!(said.to_vec(), shown.lines().collect::<Vec<_>>());
}
