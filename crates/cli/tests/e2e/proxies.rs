//! Behind the proxies that the documentation has recipes for, each run as its recipe says.
//!
//! `TOLLGATE_TEST_PROXIES=skip` leaves out those that are not there; otherwise all of them must be.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::net::TcpListener;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::harness::{PATIENCE, Process, eventually, finish, shell, tollgate};
use crate::kept::{Refusing, assert_none_lost, is_left_out, python};

const COUNT: usize = 10_000;
/// What the proxies forward for, and what they are told to trust.
const SETTINGS: &str = "trusted_proxies = [\"127.0.0.1/32\"]";

/// The code block behind a line of docs/operations.md.
fn recipe(line: &str) -> String {
    let docs = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/operations.md");
    let text = fs::read_to_string(docs).unwrap();
    let (_, behind) =
        text.split_once(&format!("\n{line}\n\n```")).unwrap_or_else(|| panic!("no recipe: {line}"));
    let (block, _) = behind.split_once("\n```").unwrap();
    block.split_once('\n').unwrap().1.to_owned()
}

/// Puts what this machine has in the place of what the recipe has.
pub(crate) fn with(recipe: &str, replacements: &[(&str, &str)]) -> String {
    replacements.iter().fold(recipe.to_owned(), |text, (from, to)| {
        assert!(text.contains(from), "the recipe has no {from:?}:\n{recipe}");
        text.replace(from, to)
    })
}

/// A proxy that runs before a server.
struct Proxy {
    refusing: Refusing,
    process: Process,
    port: u16,
}

impl Proxy {
    /// Starts a proxy; `configure` writes its configuration for a server and a port into a folder, and says how it is
    /// started. It is `None` where the proxy is left out.
    fn start(program: &str, configure: impl Fn(&Refusing, u16, &Path) -> Command) -> Option<Self> {
        if is_left_out(program, "TOLLGATE_TEST_PROXIES") {
            return None;
        }
        let refusing = Refusing::start(SETTINGS);
        let folder = refusing.folder().join("proxy");
        fs::create_dir(&folder).unwrap();
        make_certificate(&folder);
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut command = configure(&refusing, port, &folder);
        let process = Process::spawn(command.current_dir(&folder));
        let proxy = Self { refusing, process, port };
        eventually("the proxy serves", PATIENCE, || {
            (proxy.curl("127.0.0.1", "/api/v1/payment-requests", &[]) == "401").then_some(())
        });
        Some(proxy)
    }

    /// The status that a caller gets who has this address.
    fn curl(&self, from: &str, path: &str, more: &[&OsStr]) -> String {
        let url = format!("https://localhost:{}{path}", self.port);
        let resolve = format!("localhost:{}:127.0.0.1", self.port);
        let mut curl = Command::new("curl");
        curl.args([
            "-sk",
            "-o",
            "/dev/null",
            "-w",
            "%{http_code}",
            "--max-time",
            "30",
            "--resolve",
            &resolve,
        ]);
        let said = curl.args(["--interface", from, &url]).args(more).output().unwrap();
        String::from_utf8(said.stdout).unwrap()
    }

    /// The status of a token request from an address, with a header.
    fn token(&self, client: &Value, from: &str, header: &[u8]) -> String {
        let fields = ["client_id", "client_secret"].map(|name| format!("\"{name}\":{}", client[name]));
        let body = OsString::from(format!("{{{}}}", fields.join(",")));
        let more = ["-H", "Content-Type: application/json", "-d"].map(OsStr::new);
        let header = [OsStr::new("-H"), OsStr::from_bytes(header)];
        self.curl(from, "/api/v1/oauth2/token", &[&more[..], &[&body], &header].concat())
    }

    fn knows_the_caller(&self) {
        let run = |args: &[&str]| {
            let args = [args, &["--format", "json"]].concat();
            finish(&mut tollgate(self.refusing.folder(), &args)).succeeded().json()
        };
        let client = run(&["client", "show", self.refusing.client().0]);
        let merchant = client["merchant_id"].as_str().unwrap();
        let create = ["client", "create", "--merchant", merchant, "--name", "bound"];
        let bound = run(&[&create[..], &["--allow-from", "127.0.0.2/32"]].concat());
        assert_eq!(self.token(&bound, "127.0.0.2", b"X-Y: z"), "200");
        for (from, claim) in [
            ("127.0.0.1", &b"X-Y: z"[..]),
            ("127.0.0.3", b"X-Y: z"),
            ("127.0.0.3", b"X-Forwarded-For: 127.0.0.2"),
            ("127.0.0.3", b"X-Forwarded-For: 127.0.0.2, 127.0.0.1"),
            ("127.0.0.3", b"X-Forwarded-For: unknown"),
            ("127.0.0.3", b"X-Forwarded-For: \xff"),
            ("127.0.0.3", b"Forwarded: for=127.0.0.2"),
        ] {
            assert_eq!(self.token(&bound, from, claim), "403", "{from} {}", claim.escape_ascii());
        }
    }

    fn loses_none(&self) {
        self.refusing.guess_once();
        let url = format!("https://localhost:{}", self.port);
        assert_none_lost(&mut python(), &url, &self.refusing.requests(), COUNT);
        let requests = self.refusing.take_the_store();
        assert_none_lost(&mut python(), &url, &requests, COUNT / 10);
        assert!(!self.process.said().contains("panic"), "{}", self.process.said());
    }
}

fn make_certificate(folder: &Path) {
    let script = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout key.pem -out cert.pem \
                  -days 2 -subj /CN=localhost -addext subjectAltName=DNS:localhost 2>openssl.log || cat openssl.log >&2
                  cat cert.pem key.pem > both.pem";
    finish(&mut shell(folder, script)).succeeded();
}

/// A server that may not be in the path of those who don't administer it.
pub(crate) fn command(program: &str, args: &[&str]) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", "PATH=$PATH:/usr/sbin; exec \"$0\" \"$@\"", program]).args(args);
    command
}

fn nginx(refusing: &Refusing, port: u16, folder: &Path) -> Command {
    let file = |name: &str| folder.join(name).display().to_string();
    let recipe = with(
        &recipe("nginx:"),
        &[
            ("127.0.0.1:8080", &refusing.serve.api.0.to_string()),
            ("listen 443 ssl http2", &format!("listen 127.0.0.1:{port} ssl http2")),
            ("/etc/ssl/core.example.com.crt", &file("cert.pem")),
            ("/etc/ssl/core.example.com.key", &file("key.pem")),
        ],
    );
    let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|what| format!("{what}_temp_path {};", file(what)))
        .join("\n");
    // One process: a worker would outlive its master that is killed, and be another user than root.
    let whole = format!(
        "daemon off; master_process off; pid {}; error_log stderr; events {{}}\nhttp {{\naccess_log off;\n{temporary}\n{recipe}\n}}\n",
        file("nginx.pid")
    );
    fs::write(folder.join("nginx.conf"), whole).unwrap();
    command("nginx", &["-e", "stderr", "-p", &file(""), "-c", &file("nginx.conf")])
}

fn haproxy(refusing: &Refusing, port: u16, folder: &Path) -> Command {
    let both = folder.join("both.pem").display().to_string();
    let recipe = with(
        &recipe("HAProxy:"),
        &[
            ("127.0.0.1:8080", &refusing.serve.api.0.to_string()),
            ("check port 9090", &format!("check port {}", refusing.serve.admin.0.port())),
            ("bind :443", &format!("bind 127.0.0.1:{port}")),
            ("/etc/haproxy/core.example.com.pem", &both),
        ],
    );
    let defaults = "defaults\n    timeout connect 5s\n    timeout client 30s\n    timeout server 30s\n";
    fs::write(folder.join("haproxy.cfg"), format!("{defaults}\n{recipe}\n")).unwrap();
    command("haproxy", &["-db", "-f", "haproxy.cfg"])
}

fn caddy(refusing: &Refusing, port: u16, folder: &Path) -> Command {
    let file = |name: &str| folder.join(name).display().to_string();
    // It would obtain a certificate for the name, so it is given one, and a name of this machine.
    let site = format!(
        "https://localhost:{port} {{\n\tbind 127.0.0.1\n\ttls {} {}",
        file("cert.pem"),
        file("key.pem")
    );
    let recipe = with(
        &recipe("Caddy:"),
        &[("127.0.0.1:8080", &refusing.serve.api.0.to_string()), ("core.example.com {", &site)],
    );
    fs::write(
        folder.join("Caddyfile"),
        format!("{{\n\tadmin off\n\tauto_https disable_redirects\n}}\n{recipe}\n"),
    )
    .unwrap();
    let mut command = command("caddy", &["run", "--adapter", "caddyfile", "--config", &file("Caddyfile")]);
    command.env("HOME", folder).env("XDG_DATA_HOME", folder).env("XDG_CONFIG_HOME", folder);
    command
}

#[test]
fn behind_nginx_as_documented_callers_are_known_and_none_loses_a_request() {
    if let Some(proxy) = Proxy::start("nginx", nginx) {
        proxy.knows_the_caller();
        proxy.loses_none();
    }
}

#[test]
fn behind_haproxy_as_documented_callers_are_known_and_none_loses_a_request() {
    if let Some(proxy) = Proxy::start("haproxy", haproxy) {
        proxy.knows_the_caller();
        proxy.loses_none();
    }
}

#[test]
fn behind_caddy_as_documented_callers_are_known_and_none_loses_a_request() {
    if let Some(proxy) = Proxy::start("caddy", caddy) {
        proxy.knows_the_caller();
        proxy.loses_none();
    }
}
