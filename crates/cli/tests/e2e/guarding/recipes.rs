//! Each recipe, with the addresses of a test.

use std::fs::{self, Permissions};
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;

use tollgate_core::Algorithm;

use super::parity::Subject;
use super::table::ALL;
use super::{Answers, Parts, Recipe};
use crate::harness::finish;
use crate::proxies::{command, with};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../packaging/proxies");
/// What is decided by whoever has the public keys and asks nobody.
pub(super) const BY_KEYS: &[Subject] = &[
    Subject::Header,
    Subject::Times,
    Subject::Claims,
    Subject::Signature,
    Subject::Spelling,
    Subject::Permission,
];

pub(super) fn recipe(name: &str) -> String {
    fs::read_to_string(format!("{FOLDER}/{name}")).unwrap()
}

pub(super) const NGINX: Recipe = Recipe {
    algorithm: Algorithm::Hs256,
    decides: ALL,
    except: &[],
    asks: true,
    names_who_calls: true,
    unanswered: 503,
    answers: Answers::Heads,
    settings: "",
    configure: nginx,
};

fn nginx(parts: &Parts<'_>) -> Command {
    nginx_requiring("?scope=payments:read&env=test", parts)
}

/// nginx with what it requires in the query of its question.
pub(super) fn nginx_requiring(query: &str, parts: &Parts<'_>) -> Command {
    let recipe = with(
        &recipe("nginx.conf"),
        &[
            ("server 127.0.0.1:8080", &format!("server {}", parts.tollgate.address())),
            ("server 127.0.0.1:9000", &format!("server {}", parts.api)),
            ("listen 443 ssl", &format!("listen {}", parts.proxy)),
            ("    ssl_certificate     /etc/ssl/api.example.com.crt;\n", ""),
            ("    ssl_certificate_key /etc/ssl/api.example.com.key;\n", ""),
            ("?scope=payments:read&env=live", query),
        ],
    );
    let file = |name: &str| parts.folder.join(name).display().to_string();
    let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|what| format!("{what}_temp_path {};", file(what)))
        .join("\n");
    let pid = file("nginx.pid");
    // One process: a worker would outlive its master that is killed, and be another user than root.
    let whole = format!(
        "daemon off; master_process off; pid {pid}; error_log stderr; events {{}}\nhttp {{\naccess_log off;\n{temporary}\n{recipe}\n}}\n"
    );
    fs::write(parts.folder.join("nginx.conf"), whole).unwrap();
    command("nginx", &["-e", "stderr", "-p", &file(""), "-c", &file("nginx.conf")])
}

/// As root a server would be another user, who may not enter the folder.
fn is_root() -> bool {
    fs::metadata("/proc/self").unwrap().uid() == 0
}

pub(super) const CADDY: Recipe = Recipe { answers: Answers::Whole, configure: caddy, ..NGINX };

fn caddy(parts: &Parts<'_>) -> Command {
    caddy_requiring("?scope=payments:read&env=test", parts)
}

/// Caddy likewise.
pub(super) fn caddy_requiring(query: &str, parts: &Parts<'_>) -> Command {
    let recipe = with(
        &recipe("Caddyfile"),
        &[
            ("forward_auth 127.0.0.1:8080", &format!("forward_auth {}", parts.tollgate.address())),
            ("reverse_proxy 127.0.0.1:9000", &format!("reverse_proxy {}", parts.api)),
            ("api.example.com {", &format!("http://localhost:{} {{\n\tbind 127.0.0.1", parts.proxy.port())),
            ("?scope=payments:read&env=live", query),
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

pub(super) const HAPROXY: Recipe = Recipe {
    algorithm: Algorithm::Es256,
    decides: BY_KEYS,
    except: &["a token that may be used anywhere"],
    asks: false,
    names_who_calls: true,
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
pub(super) fn haproxy_keys(folder: &Path, reload: &[&str]) -> Command {
    let mut command = Command::new(format!("{FOLDER}/haproxy-keys"));
    command.arg(folder.join("tollgate.toml")).arg(folder.join("keys")).args(reload).current_dir(folder);
    command.env("TOLLGATE", env!("CARGO_BIN_EXE_tollgate"));
    command
}

pub(super) const APACHE: Recipe = Recipe {
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

pub(super) const OAUTH2_PROXY_PROGRAM: &str =
    concat!(env!("CARGO_TARGET_TMPDIR"), "/oauth2-proxy/oauth2-proxy");

/// It says nothing of who calls: the API has the token.
pub(super) const OAUTH2_PROXY: Recipe = Recipe {
    algorithm: Algorithm::Es256,
    decides: &[Subject::Header, Subject::Times, Subject::Claims, Subject::Signature],
    except: &[
        // It knows the scheme in one spelling.
        r#"the scheme "bearer ""#,
        r#"the scheme "BEARER ""#,
        r#"the scheme "BeArEr ""#,
        r#"the scheme "Bearer  ""#,
        r#"the scheme "Bearer      ""#,
        // Of several lines it takes the first. The API gets all of them, in one.
        "the same line twice",
        "a good line before a bad one",
        "a good line before Basic",
        // It doesn't look at `iat`, nor at `env`; nor does its clock stand still.
        "a token from a clock that is further ahead",
        "a token in its last second",
        "a token of the live environment",
        "one without any scope",
    ],
    asks: false,
    names_who_calls: false,
    unanswered: 200,
    answers: Answers::Refusals,
    settings: "",
    configure: oauth2_proxy,
};

fn oauth2_proxy(parts: &Parts<'_>) -> Command {
    let recipe = with(
        &recipe("oauth2-proxy.cfg"),
        &[
            ("127.0.0.1:4180", &parts.proxy.to_string()),
            ("http://127.0.0.1:9000", &format!("http://{}", parts.api)),
            ("https://core.example.com", &parts.tollgate.issuer),
            ("COOKIE_SECRET", &"c".repeat(32)),
        ],
    );
    fs::write(parts.folder.join("oauth2-proxy.cfg"), recipe).unwrap();
    let mut command = Command::new(OAUTH2_PROXY_PROGRAM);
    command.args(["--config", "oauth2-proxy.cfg"]);
    command
}
