//! The commands of the README, as they stand there.

use std::fs;

use crate::documented::{Machine, blocks_of};
use crate::harness::{Dev, finish, shell};

const README: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../README.md");

fn blocks(heading: &str, language: &str) -> Vec<String> {
    blocks_of(README, heading, language)
}

/// A value that a command printed beside its name.
fn printed(name: &str, said: &str) -> String {
    let line = said.lines().find_map(|line| line.strip_prefix(name));
    line.unwrap_or_else(|| panic!("{name} in {said}")).trim().to_owned()
}

#[test]
fn an_api_is_called_as_the_readme_does() {
    let machine = Machine::new();
    let _dev = Dev::start(&machine.path(".tollgate"));
    let [calls] = &blocks("## Call an API", "sh")[..] else { panic!("one block") };
    let script = format!("set -e; PATH={}:$PATH\n{calls}", machine.path("bin").display());
    let said = finish(&mut shell(&machine.path("."), &script)).succeeded().stdout;
    let (token, list) = said.split_once('\n').unwrap();
    assert!(token.starts_with("eyJ") && list.starts_with("{\"success\":true,"), "{said}");
}

#[test]
fn the_authority_runs_as_the_readme_says() {
    let machine = Machine::new();
    let [config] = &blocks("## Run the authority", "toml")[..] else { panic!("one configuration") };
    let [make, client, serve, health, rotate] = &blocks("## Run the authority", "sh")[..] else {
        panic!("five blocks")
    };
    let root = machine.path("").display().to_string();
    let config = config
        .replace("file:/", &format!("file:{root}"))
        .replace("sqlite:/", &format!("sqlite:{root}"))
        .replace("127.0.0.1:8080", "127.0.0.1:0");
    fs::write(machine.path("etc/tollgate/tollgate.toml"), config + "admin_listen = \"127.0.0.1:0\"\n")
        .unwrap();
    let merchant = printed("merchant_id", &machine.run(make).succeeded().stdout);
    let made = machine.run(&client.replace("MERCHANT_ID", &merchant)).succeeded().stdout;
    let (id, secret) = (printed("client_id", &made), printed("client_secret", &made));

    assert_eq!(serve, "tollgate serve --config /etc/tollgate/tollgate.toml\n");
    let serve = machine.serve();
    assert_eq!(serve.api.token(&id, &secret).status, 200);
    let health = health.replace("127.0.0.1:9090", &serve.admin.0.to_string());
    assert!(machine.run(&health).succeeded().stdout.contains("\"ready\""));

    let listed = machine.run(&format!("tollgate secret list {id} --config /etc/tollgate/tollgate.toml"));
    let old = listed.succeeded().stdout;
    let old = old.lines().nth(1).and_then(|line| line.split_whitespace().next()).unwrap().to_owned();
    for line in rotate.lines() {
        let command = line.split('#').next().unwrap().trim_end();
        let command = command.replace("CLIENT_ID", &id).replace("SECRET_ID", &old);
        machine.run(&format!("{command} --config /etc/tollgate/tollgate.toml")).succeeded();
    }
}
