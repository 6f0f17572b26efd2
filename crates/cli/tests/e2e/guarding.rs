//! An API behind other people's proxies, which ask here before they forward: the recipes of packaging/proxies/, run.

use std::cell::Cell;
use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::harness::{Arrived, Dev, Fake, PATIENCE, Process, eventually};
use crate::kept::is_left_out;
use crate::proxies::{command, with};

const SETTINGS: [(&str, &str); 2] =
    [("TOLLGATE_AUTHZ__ENABLED", "true"), ("TOLLGATE_TRUSTED_PROXIES", "127.0.0.1/32")];
/// What a caller might write to pass for somebody, in the separators that programs fold into one.
const SEPARATORS: &str = "-_.!#$%&'*+^`|~";

fn recipe(name: &str) -> String {
    let path = format!("{}/../../packaging/proxies/{name}", env!("CARGO_MANIFEST_DIR"));
    fs::read_to_string(path).unwrap()
}

/// An API behind a proxy that asks a server.
struct Guarded {
    dev: Dev,
    api: Fake,
    proxy: SocketAddr,
    process: Process,
    /// How many of the requests that came to the API were looked at.
    seen: Cell<usize>,
}

/// Where the parts are that a recipe has addresses of.
struct Parts<'a> {
    tollgate: &'a str,
    api: &'a str,
    proxy: SocketAddr,
    folder: &'a Path,
}

impl Guarded {
    fn start(folder: &Path, configure: impl Fn(&Parts<'_>) -> Command) -> Self {
        let dev = Dev::start_with(&folder.join("data"), &SETTINGS);
        let api =
            Fake::start(|_| b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n".to_vec());
        let proxy = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let host = |url: &str| url.strip_prefix("http://").unwrap().to_owned();
        let (tollgate, upstream) = (host(&dev.base_url), host(&api.url));
        let parts = Parts { tollgate: &tollgate, api: &upstream, proxy, folder };
        let process = Process::spawn(configure(&parts).current_dir(folder));
        let guarded = Self { dev, api, proxy, process, seen: Cell::new(0) };
        eventually("the proxy serves", PATIENCE, || {
            (TcpStream::connect(guarded.proxy).is_ok() && guarded.call("GET /payments/1", &[]).0 == 401)
                .then_some(())
        });
        guarded
    }

    /// The status and the head of the answer to a request with these header lines.
    fn call(&self, line: &str, headers: &[&str]) -> (u16, String) {
        let mut stream = TcpStream::connect(self.proxy).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let mut request = format!("{line} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n");
        for header in headers {
            request.push_str(header);
            request.push_str("\r\n");
        }
        stream.write_all(format!("{request}\r\n").as_bytes()).unwrap();
        let mut answer = String::new();
        // A proxy may reset a connection that it has refused.
        let _ = stream.read_to_string(&mut answer);
        let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
        (status, answer)
    }

    /// What has come to the API since the last time.
    fn forwarded(&self) -> Vec<Arrived> {
        let mut arrived = self.api.arrived();
        let new = arrived.split_off(self.seen.get());
        self.seen.set(arrived.len() + new.len());
        new
    }

    fn holds(&self) {
        let (access, refresh) = self.dev.tokens();
        let bearer = |token: &str| format!("authorization: Bearer {token}");
        self.forwarded();

        assert_eq!(self.call("GET /payments/1?x=1", &[&bearer(&access)]).0, 200, "{}", self.process.said());
        let arrived = self.forwarded().pop().unwrap();
        assert!(arrived.line.starts_with("GET /payments/1?x=1 "), "{}", arrived.line);
        assert_eq!(arrived.header("x-tollgate-client-id"), Some(self.dev.client_id()));
        assert_eq!(arrived.header("x-tollgate-scope"), Some("payments:read payments:write"));
        assert_eq!(arrived.header("x-tollgate-env"), Some("test"));
        assert_eq!(arrived.header("x-tollgate-merchant-id"), self.dev.credentials["merchant_id"].as_str());
        assert_eq!(arrived.header("authorization"), None, "the API needs no token");

        for (token, challenge) in [
            (None, "Bearer realm=\"payment-api\""),
            (Some("x"), "error=\"invalid_token\""),
            (Some(refresh.as_str()), "error=\"invalid_token\""),
            (Some(&access[..access.len() - 1]), "error=\"invalid_token\""),
        ] {
            let header = token.map(bearer);
            let (status, answer) =
                self.call("GET /payments/1", &header.as_deref().into_iter().collect::<Vec<_>>());
            assert_eq!(status, 401, "{token:?}");
            assert!(answer.contains(challenge), "{token:?}: {answer}");
        }
        for path in ["/payments//1", "/payments/%2e%2e/admin", "/payments/..%2fadmin", "/payments/1;x"] {
            let (status, _) = self.call(&format!("GET {path}"), &[&bearer(&access)]);
            assert!(matches!(status, 400 | 403 | 404), "{path}: {status}");
        }
        assert_eq!(self.forwarded().len(), 0, "nothing that was refused has come to the API");
        self.nobody_passes_for_another(&bearer(&access));
        self.is_closed_without_an_answer();
    }

    fn nobody_passes_for_another(&self, bearer: &str) {
        for separator in SEPARATORS.chars() {
            for name in ["client-id", "merchant-id", "scope", "env", "token-id", "status", "error"] {
                let name = format!("x-tollgate-{name}").replace('-', &separator.to_string());
                for name in [name.clone(), name.to_uppercase()] {
                    self.call("GET /payments/1", &[bearer, &format!("{name}: forged")]);
                }
            }
        }
        let arrived = self.forwarded();
        assert!(arrived.len() > 14, "{} requests came to the API", arrived.len());
        for request in arrived {
            assert!(!request.head.iter().any(|line| line.contains("forged")), "{:?}", request.head);
        }
    }

    fn is_closed_without_an_answer(&self) {
        let (access, _) = self.dev.tokens();
        self.dev.process.signal("STOP");
        eventually("Tollgate stands still", PATIENCE, || {
            let stat = fs::read_to_string(format!("/proc/{}/stat", self.dev.process.id())).unwrap();
            stat.contains(") T ").then_some(())
        });
        let (status, _) = self.call("GET /payments/1", &[&format!("authorization: Bearer {access}")]);
        self.dev.process.signal("CONT");
        assert_eq!(status, 503);
        assert_eq!(self.forwarded().len(), 0);
    }
}

fn nginx(parts: &Parts<'_>) -> Command {
    let recipe = with(
        &recipe("nginx.conf"),
        &[
            ("server 127.0.0.1:8080", &format!("server {}", parts.tollgate)),
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
    // As root it would be another user, who may not enter the folder.
    let is_root = fs::metadata("/proc/self").unwrap().uid() == 0;
    let user = if is_root { "user root;" } else { "" };
    let pid = file("nginx.pid");
    let whole = format!(
        "daemon off; {user} pid {pid}; error_log stderr; events {{}}\nhttp {{\naccess_log off;\n{temporary}\n{recipe}\n}}\n"
    );
    fs::write(parts.folder.join("nginx.conf"), whole).unwrap();
    command("nginx", &["-e", "stderr", "-p", &file(""), "-c", &file("nginx.conf")])
}

fn caddy(parts: &Parts<'_>) -> Command {
    let recipe = with(
        &recipe("Caddyfile"),
        &[
            ("forward_auth 127.0.0.1:8080", &format!("forward_auth {}", parts.tollgate)),
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

#[test]
fn behind_nginx_only_whoever_may_comes_to_the_api() {
    if !is_left_out("nginx", "TOLLGATE_TEST_PROXIES") {
        let folder = tempfile::tempdir().unwrap();
        Guarded::start(folder.path(), nginx).holds();
    }
}

#[test]
fn behind_caddy_only_whoever_may_comes_to_the_api() {
    if !is_left_out("caddy", "TOLLGATE_TEST_PROXIES") {
        let folder = tempfile::tempdir().unwrap();
        Guarded::start(folder.path(), caddy).holds();
    }
}
