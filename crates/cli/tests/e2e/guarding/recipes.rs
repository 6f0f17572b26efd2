//! Each recipe with the addresses of a test, and what it is to hold.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::process::Command;

use tollgate_core::Algorithm;

use super::parity::Subject;
use super::table::ALL;
use super::{Guarded, Parts, Recipe};
use crate::harness::finish;
use crate::kept::is_left_out;
use crate::proxies::{command, with};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../packaging/proxies");
const PROXIES: &str = "TOLLGATE_TEST_PROXIES";
/// What is decided by whoever has the public keys and asks nobody.
const BY_KEYS: &[Subject] = &[
    Subject::Header,
    Subject::Times,
    Subject::Claims,
    Subject::Signature,
    Subject::Spelling,
    Subject::Permission,
];

fn recipe(name: &str) -> String {
    fs::read_to_string(format!("{FOLDER}/{name}")).unwrap()
}

const NGINX: Recipe = Recipe {
    algorithm: Algorithm::Hs256,
    decides: ALL,
    except: &[],
    asks: true,
    passes_answers_on: false,
    settings: "",
    configure: nginx,
};

fn nginx(parts: &Parts<'_>) -> Command {
    nginx_by(&recipe("nginx.conf"), parts)
}

fn nginx_by(recipe: &str, parts: &Parts<'_>) -> Command {
    let recipe = with(
        recipe,
        &[
            ("server 127.0.0.1:8080", &format!("server {}", parts.tollgate.address())),
            ("server 127.0.0.1:9000", &format!("server {}", parts.api)),
            ("listen 443 ssl", &format!("listen {}", parts.proxy)),
            ("    ssl_certificate     /etc/ssl/api.example.com.crt;\n", ""),
            ("    ssl_certificate_key /etc/ssl/api.example.com.key;\n", ""),
            ("env=live", "env=test"),
        ],
    );
    let file = |name: &str| parts.folder.join(name).display().to_string();
    let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|what| format!("{what}_temp_path {};", file(what)))
        .join("\n");
    let user = if is_root() { "user root;" } else { "" };
    let pid = file("nginx.pid");
    let whole = format!(
        "daemon off; {user} pid {pid}; error_log stderr; events {{}}\nhttp {{\naccess_log off;\n{temporary}\n{recipe}\n}}\n"
    );
    fs::write(parts.folder.join("nginx.conf"), whole).unwrap();
    command("nginx", &["-e", "stderr", "-p", &file(""), "-c", &file("nginx.conf")])
}

/// As root a server would be another user, who may not enter the folder.
fn is_root() -> bool {
    fs::metadata("/proc/self").unwrap().uid() == 0
}

const CADDY: Recipe = Recipe { passes_answers_on: true, configure: caddy, ..NGINX };

fn caddy(parts: &Parts<'_>) -> Command {
    caddy_by(&recipe("Caddyfile"), parts)
}

fn caddy_by(recipe: &str, parts: &Parts<'_>) -> Command {
    let recipe = with(
        recipe,
        &[
            ("forward_auth 127.0.0.1:8080", &format!("forward_auth {}", parts.tollgate.address())),
            ("reverse_proxy 127.0.0.1:9000", &format!("reverse_proxy {}", parts.api)),
            ("api.example.com {", &format!("http://localhost:{} {{\n\tbind 127.0.0.1", parts.proxy.port())),
            ("env=live", "env=test"),
        ],
    );
    let file = |name: &str| parts.folder.join(name).display().to_string();
    fs::write(parts.folder.join("Caddyfile"), format!("{{\n\tadmin off\n}}\n{recipe}\n")).unwrap();
    let mut command = command("caddy", &["run", "--adapter", "caddyfile", "--config", &file("Caddyfile")]);
    for variable in ["HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME"] {
        command.env(variable, parts.folder);
    }
    command
}

const HAPROXY: Recipe = Recipe {
    algorithm: Algorithm::Es256,
    decides: BY_KEYS,
    except: &["a token that may be used anywhere"],
    asks: false,
    passes_answers_on: false,
    settings: "tokens.algorithm = \"ES256\"",
    configure: haproxy,
};

fn haproxy(parts: &Parts<'_>) -> Command {
    let file = |name: &str| parts.folder.join(name).display().to_string();
    let recipe = with(
        &recipe("haproxy.cfg"),
        &[
            ("server api 127.0.0.1:9000", &format!("server api {}", parts.api)),
            ("bind :443 ssl crt /etc/haproxy/api.example.com.pem", &format!("bind {}", parts.proxy)),
            ("/etc/haproxy/tollgate", &file("keys")),
            ("-m str https://core.example.com", &format!("-m str {}", parts.tollgate.issuer)),
            ("-m str live", "-m str test"),
        ],
    );
    fs::create_dir(parts.folder.join("keys")).unwrap();
    finish(&mut haproxy_keys(parts.folder, &["true"])).succeeded();
    fs::write(parts.folder.join("haproxy.cfg"), recipe).unwrap();
    let mut command = command("haproxy", &["-W", "-db", "-f", "haproxy.cfg"]);
    command.envs(parts.tollgate.clock.env.clone());
    command
}

/// The command that keeps the keys up to date.
fn haproxy_keys(folder: &std::path::Path, reload: &[&str]) -> Command {
    let mut command = Command::new(format!("{FOLDER}/haproxy-keys"));
    command.arg(folder.join("tollgate.toml")).arg(folder.join("keys")).args(reload).current_dir(folder);
    command.env("TOLLGATE", env!("CARGO_BIN_EXE_tollgate"));
    command
}

/// Runs a recipe in a folder of its own, unless its program is left out.
fn run(program: &str, recipe: &Recipe, test: impl FnOnce(Guarded<'_>)) {
    if !is_left_out(program, PROXIES) {
        let folder = tempfile::tempdir().unwrap();
        test(Guarded::start(folder.path(), recipe));
    }
}

#[test]
fn behind_nginx_only_whoever_may_comes_to_the_api() {
    run("nginx", &NGINX, |guarded| guarded.holds());
}

#[test]
fn behind_caddy_only_whoever_may_comes_to_the_api() {
    run("caddy", &CADDY, |guarded| guarded.holds());
}

#[test]
fn behind_haproxy_only_whoever_may_comes_to_the_api() {
    run("haproxy", &HAPROXY, |guarded| guarded.holds());
}
