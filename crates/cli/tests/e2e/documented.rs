//! The commands of docs/operations.md, as they stand there.

mod calls;
mod transcripts;

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use crate::harness::{Finished, Serve, finish, payment, shell, tollgate};
use crate::postgres_server::Database;

const OPERATIONS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/operations.md");

/// The blocks of a language under a heading of docs/operations.md.
pub(crate) fn blocks(heading: &str, language: &str) -> Vec<String> {
    blocks_of(OPERATIONS, heading, language)
}

/// The blocks of a language under a heading of a page, without their indentation.
pub(crate) fn blocks_of(page: &str, heading: &str, language: &str) -> Vec<String> {
    let text = fs::read_to_string(page).unwrap();
    let (_, section) = text.split_once(&format!("\n{heading}\n")).unwrap_or_else(|| panic!("{heading}"));
    let section = section.split("\n## ").next().unwrap().split("\n### ").next().unwrap();
    let mut blocks = Vec::new();
    let mut lines = section.lines();
    while let Some(line) = lines.next() {
        let Some(indentation) = line.strip_suffix(&format!("```{language}")) else { continue };
        let block = lines.by_ref().take_while(|line| line.trim() != "```");
        let block = block.map(|line| line.strip_prefix(indentation).unwrap_or(line).to_owned() + "\n");
        blocks.push(block.collect());
    }
    blocks
}

/// A machine: what is in `/etc`, `/var/lib` and so on is in a folder.
pub(crate) struct Machine(tempfile::TempDir);

impl Machine {
    pub(crate) fn new() -> Self {
        let machine = Self(tempfile::tempdir().unwrap());
        for folder in ["etc/tollgate", "var/lib/tollgate", "backup", "bin", "root", "usr/share/man"] {
            fs::create_dir_all(machine.path(folder)).unwrap();
        }
        fs::create_dir_all(machine.path("usr/share/bash-completion/completions")).unwrap();
        symlink(env!("CARGO_BIN_EXE_tollgate"), machine.path("bin/tollgate")).unwrap();
        machine
    }

    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.0.path().join(path)
    }

    /// Runs a block as it stands, but for where the folders are.
    pub(crate) fn run(&self, block: &str) -> Finished {
        let root = self.0.path().display();
        let mut script = format!("set -e; PATH={root}/bin:$PATH\n{block}");
        for folder in ["/etc/tollgate", "/var/lib/tollgate", "/backup/", "/usr/share", "/root/"] {
            script = script.replace(&format!(" {folder}"), &format!(" {root}{folder}"));
            script = script.replace(&format!(":{folder}"), &format!(":{root}{folder}"));
        }
        finish(&mut shell(self.0.path(), &script))
    }

    /// Writes the configuration, with a store in its documented place.
    pub(crate) fn configure(&self, master_key: &str) {
        let config = format!(
            "listen = \"127.0.0.1:0\"\nadmin_listen = \"127.0.0.1:0\"\npublic_url = \"https://pay.example.com\"\n\
             sandbox = true\n{master_key}\ndatabase.url = \"sqlite:{}\"\n",
            self.path("var/lib/tollgate/tollgate.db").display()
        );
        let config =
            config.replace("file:/etc/tollgate", &format!("file:{}", self.path("etc/tollgate").display()));
        fs::write(self.path("etc/tollgate/tollgate.toml"), config).unwrap();
    }

    fn tollgate(&self, args: &[&str]) -> Finished {
        let config = self.path("etc/tollgate/tollgate.toml");
        finish(&mut tollgate(self.0.path(), &[args, &["--config", config.to_str().unwrap()]].concat()))
    }

    pub(crate) fn serve(&self) -> Serve {
        self.serve_at("127.0.0.1:0")
    }

    pub(crate) fn serve_at(&self, listen: &str) -> Serve {
        let config = self.path("etc/tollgate/tollgate.toml");
        let mut command = tollgate(self.0.path(), &["serve", "--config", config.to_str().unwrap()]);
        Serve::run(crate::harness::Process::spawn(command.env("TOLLGATE_LISTEN", listen)))
    }

    /// Makes the store, and a client in it.
    pub(crate) fn install(&self) -> (String, String) {
        let json = |args: &[&str]| self.tollgate(&[args, &["--format", "json"]].concat()).succeeded().json();
        json(&["store", "migrate"]);
        let merchant = json(&["merchant", "create", "--name", "Shop"]);
        let merchant = merchant["merchant_id"].as_str().unwrap();
        let client = json(&["client", "create", "--merchant", merchant, "--name", "till"]);
        let text = |name: &str| client[name].as_str().unwrap().to_owned();
        (text("client_id"), text("client_secret"))
    }
}

pub(crate) fn configured() -> Machine {
    let machine = Machine::new();
    let key = blocks("## The master key", "sh");
    machine.run(&key[0]).succeeded();
    machine.configure("master_key = \"file:/etc/tollgate/master.key\"");
    machine
}

#[test]
fn the_backup_of_the_documentation_is_made_tried_and_put_in_place() {
    let machine = configured();
    let (id, secret) = machine.install();
    let serve = machine.serve();
    let (access, _) = serve.api.tokens(&id, &secret);
    assert_eq!(serve.api.create(&access, "key", &payment("KEPT")).unwrap().status, 201);
    let [back_up, check, restore] = &blocks("## Backup and restore", "sh")[..] else {
        panic!("three blocks")
    };
    machine.run(back_up).succeeded();
    assert!(machine.run(check).succeeded().stdout.contains("documents"));
    assert_eq!(serve.api.create(&access, "other", &payment("LOST")).unwrap().status, 201);
    drop(serve);
    machine.run(restore).succeeded();
    let serve = machine.serve();
    let kept = serve.api.list_all(&access);
    assert_eq!((kept.len(), &kept[0]["payment_reference"]), (1, &"KEPT".into()));
}

#[test]
fn the_steps_to_another_master_key_cost_nobody_a_secret() {
    let machine = configured();
    let (id, secret) = machine.install();
    let old = machine.serve();
    let [make, rekey, check] = &blocks("### Another master key", "sh")[..] else { panic!("three blocks") };
    machine.run(make).succeeded();
    machine.configure(&blocks("### Another master key", "toml")[0]);
    assert_eq!(old.api.token(&id, &secret).status, 200);
    let both = machine.serve();
    old.process.signal("TERM");
    assert_eq!(old.process.finish().code, Some(0));
    machine.run(rekey).succeeded();
    machine.run(check).succeeded();
    machine.configure("master_key = \"file:/etc/tollgate/new.key\"");
    fs::remove_file(machine.path("etc/tollgate/master.key")).unwrap();
    for serve in [&both, &machine.serve()] {
        assert_eq!(serve.api.token(&id, &secret).status, 200);
    }
}

#[test]
fn a_bad_configuration_is_called_what_the_documentation_calls_it() {
    let machine = Machine::new();
    let bad = &blocks("## Configuration", "toml")[0];
    fs::write(machine.path("bad.toml"), bad).unwrap();
    let console = &blocks("## Configuration", "console")[0];
    let (command, said) = console.split_once('\n').unwrap();
    let refused = machine.run(command.strip_prefix("$ ").unwrap());
    assert_eq!((refused.code, refused.stdout.as_str()), (Some(1), ""));
    assert_eq!(format!("{}{}", refused.notes, refused.stderr), said);
}

#[test]
fn the_file_of_merchants_and_clients_of_the_documentation_is_applied_as_it_says() {
    let machine = configured();
    machine.install();
    fs::write(machine.path("wanted.toml"), &blocks("### As code", "toml")[0]).unwrap();
    let block = &blocks("### As code", "sh")[0];
    let [plan, apply, again] = &block.lines().collect::<Vec<_>>()[..] else { panic!("three commands") };
    // `Shop` and its `till` are there.
    let acts = |command: &str| -> Vec<String> {
        let shown = machine.run(&format!("{command} --format json")).succeeded().json();
        shown.as_array().unwrap().iter().map(|step| step["act"].as_str().unwrap().to_owned()).collect()
    };
    let expected = ["client.create", "client.create", "client.update", "client.disable"];
    assert_eq!(acts(plan), expected);
    assert_eq!(acts(apply), expected);
    assert_eq!(fs::read_to_string(machine.path("new-secrets.jsonl")).unwrap().lines().count(), 2);
    assert_eq!(acts(again), Vec::<String>::new());
}

#[test]
fn a_server_is_told_what_to_do_as_the_documentation_says() {
    let machine = configured();
    let (client, _) = machine.install();
    let create =
        ["client", "create", "--operator", "--name", "desk", "--scope", "admin:read", "--format", "json"];
    let desk = machine.tollgate(&create).succeeded().json();
    let serve = machine.serve();
    let secret = desk["client_secret"].as_str().unwrap();
    machine.run(&format!("umask 077; echo {secret} > /etc/tollgate/operator.secret")).succeeded();
    let block = blocks("### Over HTTP, by roles", "sh")[0]
        .replace("https://pay.example.com", &format!("http://{}", serve.api.0))
        .replace("https://admin.example.com:9090", &format!("http://{}", serve.admin.0))
        .replace("bcc3bbb4-f5f2-4067-ab3f-ebe3736f342b", desk["client_id"].as_str().unwrap());
    assert!(machine.run(&block).succeeded().stdout.contains(&client));
}

#[test]
fn completions_and_man_pages_go_where_the_documentation_puts_them() {
    let machine = Machine::new();
    machine.run(&blocks("## The program", "sh")[0]).succeeded();
    assert!(machine.path("usr/share/man/man1/tollgate-store-rekey.1").exists());
    assert!(machine.path("usr/share/bash-completion/completions/tollgate").exists());
}

/// The owner of the tables has a password of its own, and `database.password` is that of the role that serves.
#[test]
fn the_roles_of_the_documentation_are_made_and_used() {
    let database = Database::create();
    let (server, name) = database.url.rsplit_once('/').unwrap();
    let host = server.split_once('@').unwrap().1;
    let (address, port) = host.rsplit_once(':').unwrap();
    let address = address.replace("%2F", "/");
    let (owner, role, made) = (format!("o_{name}"), format!("r_{name}"), format!("d_{name}"));
    let machine = configured();
    let config = fs::read_to_string(machine.path("etc/tollgate/tollgate.toml")).unwrap();
    let config =
        config.lines().filter(|line| !line.starts_with("database.url")).collect::<Vec<_>>().join("\n");
    let password = machine.path("etc/tollgate/db.password").display().to_string();
    let config = format!(
        "{config}\ndatabase.url = \"postgres://{role}@{host}/{made}\"\ndatabase.password = \"file:{password}\"\n"
    );
    fs::write(machine.path("etc/tollgate/tollgate.toml"), config).unwrap();
    machine
        .run("umask 077; echo geheim > /etc/tollgate/db.password; echo other > /root/owner.password")
        .succeeded();
    let block = &blocks("## PostgreSQL", "sh")[0];
    let block = block
        .replace("tollgate_owner@…", &format!("{owner}@{host}/{made}"))
        .replace("tollgate_owner", &owner)
        .replace("-d tollgate", &format!("-d {made}"))
        .replace("ROLE tollgate ", &format!("ROLE {role} "))
        .replace("DATABASE tollgate ", &format!("DATABASE {made} "))
        .replace("TO tollgate'", &format!("TO {role}'"));
    let user = server.split_once("://").unwrap().1.split('@').next().unwrap();
    let ran = machine
        .run(&format!("export PGHOST={address} PGPORT={port} PGUSER={user} PGDATABASE={name}\n{block}"));
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let created = machine.tollgate(&["merchant", "create", "--name", "Shop"]);
    assert_eq!(created.code, Some(0), "{created:?}");
    let owners = format!("{server}/{made}");
    let tables = finish(&mut shell(
        Path::new("/"),
        &format!("psql {owners} -Atc \"SELECT count(*) FROM pg_tables WHERE tableowner = '{owner}'\""),
    ));
    assert!(tables.stdout.trim().parse::<u32>().unwrap() > 10, "{tables:?}");
    let drop = format!(
        "psql {server}/{name} -c 'DROP DATABASE {made} WITH (FORCE)' -c 'DROP ROLE {role}' -c 'DROP ROLE {owner}'"
    );
    assert_eq!(finish(&mut shell(Path::new("/"), &drop)).code, Some(0));
}
