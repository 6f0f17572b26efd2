//! Each recipe with the addresses of a test, and what it is to hold.

use std::fs::{self, Permissions};
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;

use tollgate_core::Algorithm;

use super::parity::Subject;
use super::table::ALL;
use super::{Answers, Guarded, Parts, Recipe};
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
    unanswered: 503,
    answers: Answers::Heads,
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

const CADDY: Recipe = Recipe { answers: Answers::Whole, configure: caddy, ..NGINX };

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
    unanswered: 200,
    answers: Answers::Heads,
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
fn haproxy_keys(folder: &Path, reload: &[&str]) -> Command {
    let mut command = Command::new(format!("{FOLDER}/haproxy-keys"));
    command.arg(folder.join("tollgate.toml")).arg(folder.join("keys")).args(reload).current_dir(folder);
    command.env("TOLLGATE", env!("CARGO_BIN_EXE_tollgate"));
    command
}

const APACHE: Recipe = Recipe {
    except: &[
        "a token that may be used elsewhere",
        "a token that may be used nowhere",
        "a token with a network that can't be read",
    ],
    answers: Answers::Refusals,
    unanswered: 401,
    configure: apache,
    ..NGINX
};

fn apache(parts: &Parts<'_>) -> Command {
    let mut create =
        parts.tollgate.admin(&["client", "create", "--operator", "--name", "apache", "--format", "json"]);
    let client = finish(&mut create).succeeded().json();
    let text = |name: &str| client[name].as_str().unwrap().to_owned();
    let script = readable_script(parts.folder);
    let between = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let recipe = with(
        &recipe("apache.conf"),
        &[
            ("http://127.0.0.1:8080", &format!("http://{}", parts.tollgate.address())),
            ("127.0.0.1:8081", &between.to_string()),
            ("http://127.0.0.1:9000", &format!("http://{}", parts.api)),
            ("/etc/apache2/tollgate.lua", &script.display().to_string()),
            ("CLIENT_ID", &text("client_id")),
            ("CLIENT_SECRET", &text("client_secret")),
            ("iss:https://core.example.com", &format!("iss:{}", parts.tollgate.issuer)),
            ("*:443", &parts.proxy.to_string()),
            ("    SSLEngine on\n", ""),
            ("    SSLCertificateFile    /etc/ssl/api.example.com.crt\n", ""),
            ("    SSLCertificateKeyFile /etc/ssl/api.example.com.key\n", ""),
            ("env:live", "env:test"),
        ],
    );
    apache_by(&recipe, parts)
}

/// A copy of the script that its user, who isn't root, can read.
fn readable_script(folder: &Path) -> PathBuf {
    fs::set_permissions(folder, Permissions::from_mode(0o711)).unwrap();
    let script = folder.join("tollgate.lua");
    fs::write(&script, recipe("apache.lua")).unwrap();
    fs::set_permissions(&script, Permissions::from_mode(0o644)).unwrap();
    script
}

fn apache_by(recipe: &str, parts: &Parts<'_>) -> Command {
    let modules = [
        "mpm_event",
        "authn_core",
        "authz_core",
        "headers",
        "lua",
        "oauth2",
        "proxy",
        "proxy_http",
        "rewrite",
        "setenvif",
    ]
    .map(|module| format!("LoadModule {module}_module /usr/lib/apache2/modules/mod_{module}.so"))
    .join("\n");
    let user = if is_root() { "User nobody\nGroup nogroup\n" } else { "" };
    let folder = parts.folder.display();
    let whole = format!(
        "ServerRoot {folder}\nServerName localhost\nListen {}\nPidFile {folder}/apache.pid\nErrorLog /dev/stderr\n\
         DefaultRuntimeDir {folder}\nMutex sem\n{modules}\n{user}{recipe}\n",
        parts.proxy
    );
    fs::write(parts.folder.join("apache.conf"), whole).unwrap();
    let mut command =
        command("apache2", &["-X", "-f", &parts.folder.join("apache.conf").display().to_string()]);
    command.envs(parts.tollgate.clock.env.clone());
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

#[test]
fn behind_apache_only_whoever_may_comes_to_the_api() {
    run("apache2", &APACHE, |guarded| guarded.holds());
}
