//! Connections that are kept while requests on them are refused before their bodies were read: none costs another.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::json;

use crate::harness::{PATIENCE, Process, Serve, eventually, tollgate};

const PROGRAMS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/e2e/kept");
const COUNT: usize = 10_000;

/// A server that refuses in every way, one of its clients, and what is asked of it.
pub(crate) struct Refusing {
    pub(crate) serve: Serve,
    folder: tempfile::TempDir,
    client: (String, String),
    access: String,
}

impl Refusing {
    pub(crate) fn start(more: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let more = format!("limits.auth_failures = \"1/d\"\n{more}");
        let client = Serve::install(folder.path(), &more);
        let serve = Serve::start(folder.path());
        let (access, _) = serve.api.tokens(&client.0, &client.1);
        Self { serve, folder, client, access }
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn client(&self) -> (&str, &str) {
        (&self.client.0, &self.client.1)
    }

    /// Good requests, and refusals of every kind but one; most come before the body was read.
    pub(crate) fn requests(&self) -> PathBuf {
        let json = "Content-Type=application/json";
        let token = |id: &str, secret: &str| {
            let body = json!({"client_id": id, "client_secret": secret});
            format!("POST /api/v1/oauth2/token @{body} {json}")
        };
        let create = "POST /api/v1/payment-requests:redirect";
        let mut lines = format!("200 GET /api/v1/payment-requests 0 Authorization=Bearer+{}\n", self.access);
        let mut line = |line: String| writeln!(lines, "{line}").unwrap();
        line(format!("401 {create} 2048 Authorization=Bearer+refused {json}"));
        line(format!("200 {}", token(&self.client.0, &self.client.1)));
        line(format!("401 {create} 60000 Authorization=Bearer+refused {json}"));
        line(format!("403 POST /api/v1/oauth2/token 2048 Origin=https://page.example.com {json}"));
        line("404 POST /nothing 2048".to_owned());
        line("405 PUT /api/v1/oauth2/token 2048".to_owned());
        line(format!("413 POST /api/v1/oauth2/token 70000 {json}"));
        line("415 POST /api/v1/oauth2/token 60000 Content-Type=text/plain".to_owned());
        line(format!("429 {}", token("guesser", "wrong")));
        self.write(&lines)
    }

    /// Has the server refuse whatever needs the store.
    pub(crate) fn take_the_store(&self) -> PathBuf {
        let store = self.folder().join("tollgate.db");
        fs::rename(&store, self.folder().join("aside.db")).unwrap();
        eventually("the store is missed", PATIENCE, || {
            (self.serve.api.list(&self.access, "").status == 503).then_some(())
        });
        let create = "503 POST /api/v1/payment-requests:redirect";
        let headers = format!("Authorization=Bearer+{} Content-Type=application/json", self.access);
        self.write(&format!("{create} 2048 {headers}\n{create} 60000 {headers}\n404 POST /nothing 2048\n"))
    }

    /// The first guess counts; from then on they are refused unheard.
    pub(crate) fn guess_once(&self) {
        assert_eq!(self.serve.api.token("guesser", "wrong").status, 401);
    }

    fn write(&self, requests: &str) -> PathBuf {
        let file = self.folder().join("requests");
        fs::write(&file, requests).unwrap();
        file
    }
}

/// Runs a program that makes requests; what it says is what it lost.
pub(crate) fn assert_none_lost(program: &mut Command, url: &str, requests: &Path, count: usize) {
    let said = program.arg(url).arg(requests).arg(count.to_string()).output().unwrap();
    let said = format!("{}{}", String::from_utf8_lossy(&said.stdout), String::from_utf8_lossy(&said.stderr));
    assert_eq!(said, "", "{url}");
}

pub(crate) fn python() -> Command {
    let mut python = Command::new("python3");
    python.arg(format!("{PROGRAMS}/kept.py"));
    python
}

fn loses_none(program: impl Fn() -> Command) {
    let refusing = Refusing::start("");
    refusing.guess_once();
    let url = format!("http://{}", refusing.serve.api.0);
    assert_none_lost(&mut program(), &url, &refusing.requests(), COUNT);
    assert_none_lost(&mut program(), &url, &refusing.take_the_store(), COUNT / 10);
}

/// Python's client writes the head and the body apart, and loses a request whose connection ends without a word.
#[test]
fn of_10_000_requests_beside_refusals_pythons_http_client_loses_none() {
    loses_none(python);
}

#[test]
fn of_10_000_requests_beside_refusals_go_loses_none() {
    if is_left_out("go", "TOLLGATE_TEST_CALLERS") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let built = Command::new("go")
        .args(["build", "-o", "kept"])
        .arg(format!("{PROGRAMS}/kept.go"))
        .current_dir(folder.path())
        .output()
        .unwrap();
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    loses_none(|| Command::new(folder.path().join("kept")));
}

#[test]
fn of_10_000_requests_beside_refusals_java_loses_none() {
    if is_left_out("java", "TOLLGATE_TEST_CALLERS") {
        return;
    }
    loses_none(|| {
        let mut java = Command::new("java");
        java.arg(format!("{PROGRAMS}/Kept.java"));
        java
    });
}

/// Whether a program is not there and need not be: a variable says `skip`.
#[expect(clippy::disallowed_methods, reason = "it chooses what is tested and is no setting")]
pub(crate) fn is_left_out(program: &str, variable: &str) -> bool {
    let look = format!("PATH=$PATH:/usr/sbin; command -v {program}");
    let is_there = Command::new("sh").args(["-c", &look]).output().unwrap().status.success();
    let may_be = std::env::var(variable).is_ok_and(|wish| wish == "skip");
    assert!(is_there || may_be, "install {program}, or set {variable}=skip");
    !is_there
}

/// The agent adds a token of its own, so its upstream refuses for other reasons.
#[test]
fn of_10_000_requests_through_the_agent_beside_refusals_none_is_lost() {
    let refusing = Refusing::start("");
    let url = format!("http://{}", refusing.serve.api.0);
    let (id, secret) = refusing.client();
    let mut command = tollgate(refusing.folder(), &["agent", "--format", "json", "--listen", "127.0.0.1:0"]);
    command.envs([
        ("TOLLGATE_BASE_URL", url.as_str()),
        ("TOLLGATE_CLIENT_ID", id),
        ("TOLLGATE_CLIENT_SECRET", secret),
    ]);
    let agent = Process::spawn(&mut command);
    let address = agent.wait_for(|said| {
        let line = said.lines().find(|line| line.contains(r#""msg":"serving""#))?;
        let line: serde_json::Value = serde_json::from_str(line).ok()?;
        Some(line["listen"].as_str()?.split(' ').next()?.to_owned())
    });
    let agent_only = "X-Tollgate-Agent=1 Content-Type=application/json";
    let requests = refusing.write(&format!(
        "200 GET /api/v1/payment-requests 0 {agent_only}\n\
         400 POST /api/v1/payment-requests:redirect 2048 {agent_only}\n\
         404 POST /nothing 2048 {agent_only}\n\
         404 PUT /nothing 60000 {agent_only}\n\
         200 GET /api/v1/payment-requests 0 {agent_only}\n\
         405 PUT /api/v1/oauth2/token 2048 {agent_only}\n\
         413 POST /api/v1/payment-requests:redirect 70000 {agent_only}\n\
         415 POST /api/v1/payment-requests:redirect 60000 X-Tollgate-Agent=1 Content-Type=text/plain\n"
    ));
    let url = format!("http://{address}");
    assert_none_lost(&mut python(), &url, &requests, COUNT);
    refusing.take_the_store();
    let requests = refusing.write(&format!(
        "503 POST /api/v1/payment-requests:redirect 60000 {agent_only}\n\
         404 POST /nothing 2048 {agent_only}\n"
    ));
    assert_none_lost(&mut python(), &url, &requests, COUNT / 10);
}
