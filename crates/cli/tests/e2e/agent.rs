//! `tollgate agent`, and programs in other languages that call through it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::harness::{
    Api, Dev, PATIENCE, Process, Serve, eventually, fails, finish, is_misused, payment, shell, tollgate,
};

/// An agent for the client of a `dev` folder, with everything that it has.
struct Agent {
    process: Process,
    address: String,
    socket: PathBuf,
    admin: Api,
    token_file: PathBuf,
}

impl Agent {
    fn start(folder: &Path, data: &Path) -> Self {
        let (socket, token_file) = (folder.join("agent.sock"), folder.join("token"));
        let listen = format!("unix:{}", socket.display());
        let mut command = tollgate(folder, &["agent", "--format", "json", "--data", data.to_str().unwrap()]);
        command.args(["--listen", "127.0.0.1:0", "--listen", &listen, "--admin-listen", "127.0.0.1:0"]);
        let process = Process::spawn(command.arg("--token-file").arg(&token_file));
        let (address, admin) = process.wait_for(|said| {
            let line = said.lines().find(|line| line.contains(r#""msg":"serving""#))?;
            let line: Value = serde_json::from_str(line).ok()?;
            let address = line["listen"].as_str()?.split(' ').next()?.to_owned();
            Some((address, line["admin_listen"].as_str()?.parse().ok()?))
        });
        Self { process, address, socket, admin: Api(admin), token_file }
    }

    /// Asks about the agent itself. It answers to its own address only.
    fn ask(&self, path: &str) -> (String, String) {
        let url = format!("http://{}{path}", self.admin.0);
        curl(&["-w", "\n%{http_code}", &url])
            .rsplit_once('\n')
            .map(|(body, status)| (status.into(), body.into()))
            .unwrap()
    }
}

fn curl(args: &[&str]) -> String {
    finish(Command::new("curl").args(["-sS", "--max-time", "30"]).args(args)).succeeded().stdout
}

/// A payment request by curl.
fn create(args: &[&str], reference: &str) -> Value {
    let body = payment(reference);
    let json = ["-H", "Content-Type: application/json", "-d", &body];
    let answer: Value = serde_json::from_str(&curl(&[args, &json].concat())).unwrap();
    assert!(answer["data"]["redirect_url"].is_string(), "{answer}");
    answer
}

#[test]
fn payments_are_created_without_a_token_in_sight() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let dev = Dev::start(&data);
    let agent = Agent::start(folder.path(), &data);
    let path = "/api/v1/payment-requests:redirect";
    let (tcp, unix) = (format!("http://{}{path}", agent.address), format!("http://localhost{path}"));
    let socket = agent.socket.to_str().unwrap();

    create(&["-H", "X-Tollgate-Agent: 1", &tcp], "TCP");
    create(&["--unix-socket", socket, &unix], "UNIX");
    create(&["--unix-socket", socket, "-H", "Authorization: Bearer mine", &unix], "STRIPPED");
    // The same key is the same payment, so the caller's own is the one that arrives.
    let key = ["-H", "Idempotency-Key: k1", "--unix-socket", socket, &unix];
    assert_eq!(create(&key, "KEYED"), create(&key, "KEYED"));
    let (access, _) = dev.tokens();
    assert_eq!(dev.api.list_all(&access).len(), 4);

    let refusal: Value = serde_json::from_str(&curl(&[&tcp, "-d", "{}"])).unwrap();
    assert_eq!(refusal["error"]["code"], "FORBIDDEN");
    assert_eq!(fs::metadata(&agent.socket).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn a_token_in_a_file_is_accepted_by_the_api() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let dev = Dev::start(&data);
    let agent = Agent::start(folder.path(), &data);
    let token = eventually("there is a token", PATIENCE, || fs::read_to_string(&agent.token_file).ok());
    assert_eq!(dev.api.list(&token, "").status, 200);
    assert_eq!(fs::metadata(&agent.token_file).unwrap().permissions().mode() & 0o777, 0o600);

    // An agent that only keeps the file listens nowhere.
    let args = ["agent", "--format", "json", "--data", "data", "--token-file", "alone"];
    let alone = Process::spawn(&mut tollgate(folder.path(), &args));
    let path = folder.path().join("alone");
    let token = eventually("there is a token", PATIENCE, || fs::read_to_string(&path).ok());
    assert_eq!(dev.api.list(&token, "").status, 200);
    alone.wait_for(|said| said.contains(r#""listen":"""#).then_some(()));
    alone.signal("INT");
    assert_eq!(alone.finish().code, Some(0));
    assert!(!path.exists());
}

#[test]
fn health_and_metrics_are_shown_and_hold_no_token() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let dev = Dev::start(&data);
    let agent = Agent::start(folder.path(), &data);
    eventually("it is ready", PATIENCE, || (agent.ask("/readyz").0 == "200").then_some(()));
    assert_eq!(agent.ask("/healthz").0, "200");
    let url = format!("http://{}/api/v1/payment-requests", agent.address);
    curl(&["-H", "X-Tollgate-Agent: 1", &url]);
    let (_, metrics) = agent.ask("/metrics");
    for expected in [
        "tollgate_agent_requests_total{status=\"2xx\"} 1\n",
        "tollgate_agent_errors_total{kind=\"no_token\"} 0\n",
        "tollgate_client_token_calls_total{grant=\"client_credentials\",outcome=",
        "tollgate_agent_request_seconds_count 1\n",
    ] {
        assert!(metrics.contains(expected), "{expected}\n{metrics}");
    }
    let said = agent.process.said() + &metrics;
    assert!(!said.contains(dev.client_secret()) && !said.contains("eyJ"), "{said}");
}

#[test]
fn sigterm_ends_it_and_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let _dev = Dev::start(&data);
    let agent = Agent::start(folder.path(), &data);
    eventually("there is a token", PATIENCE, || agent.token_file.exists().then_some(()));
    agent.process.signal("TERM");
    let finished = agent.process.finish();
    assert_eq!((finished.code, finished.stderr.as_str()), (Some(0), ""), "{finished:?}");
    assert!(finished.stdout.contains(r#""msg":"stopped""#), "{finished:?}");
    let left: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["data"]);
}

#[test]
fn an_api_that_is_down_is_a_503_and_the_agent_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let mut dev = Dev::start(&data);
    dev.process.kill();
    let agent = Agent::start(folder.path(), &data);
    let url = format!("http://{}/x", agent.address);
    let answer = curl(&["-i", "-H", "X-Tollgate-Agent: 1", &url]);
    for expected in
        ["HTTP/1.1 503", "retry-after: ", "tollgate-agent-error: no_token", r#""code":"UNAVAILABLE""#]
    {
        assert!(answer.contains(expected), "{expected}\n{answer}");
    }
    assert_eq!((agent.ask("/healthz").0.as_str(), agent.ask("/readyz").0.as_str()), ("200", "503"));
    let dev = Dev::start_at(&data, &dev.api.0.to_string(), &[]);
    eventually("it is ready", PATIENCE, || (agent.ask("/readyz").0 == "200").then_some(()));
    assert_eq!(dev.api.get("/api/v1/payment-requests").status, 401);
}

#[test]
fn wrong_settings_are_said_and_where_they_are_arguments_it_is_wrong_usage() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let _dev = Dev::start(&data);
    let agent = |args: &[&str]| tollgate(folder.path(), &[&["agent", "--data", "data"], args].concat());
    for listen in ["0.0.0.0:7070", "10.0.0.1:7070", "7070", "unix:"] {
        assert_eq!(finish(&mut agent(&["--listen", listen])).code, Some(2), "{listen}");
    }
    let said = is_misused(&mut agent(&["--upstream", "http://core.example.com", "--listen", "127.0.0.1:0"]));
    assert!(said.contains("https://"), "{said}");
    let said = fails(&mut agent(&["--token-file", "nowhere/token"]));
    assert!(said.contains("nowhere/token"), "{said}");
    let credentials = fs::read(data.join("credentials.json")).unwrap();
    let said = fails(&mut agent(&["--token-file", "data/credentials.json"]));
    assert!(said.contains("data/credentials.json: it is there and holds no token"), "{said}");
    assert_eq!(fs::read(data.join("credentials.json")).unwrap(), credentials);
    let said = fails(&mut agent(&["--listen", "unix:data"]));
    assert!(said.contains("unix:data is there and is no socket"), "{said}");
    let said = fails(&mut tollgate(folder.path(), &["agent", "--data", "nowhere"]));
    assert!(said.contains("nowhere"), "{said}");

    let running = Agent::start(folder.path(), &data);
    for taken in [format!("unix:{}", running.socket.display()), running.address.clone()] {
        let said = fails(&mut agent(&["--listen", &taken]));
        assert!(said.contains("taken by another process"), "{said}");
    }
}

#[test]
fn an_upstream_is_spoken_to_over_tls_and_only_where_its_certificate_is_trusted() {
    let folder = tempfile::tempdir().unwrap();
    // An authority's own certificate would be none for a server.
    let script = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout key.pem -out cert.pem \
                  -days 2 -subj /CN=its-own-authority -addext subjectAltName=IP:127.0.0.1 \
                  -addext basicConstraints=critical,CA:FALSE 2>openssl.log || cat openssl.log >&2";
    finish(&mut shell(folder.path(), script)).succeeded();
    let tls = "tls.cert = \"cert.pem\"\ntls.key = \"key.pem\"";
    let (client_id, client_secret) = Serve::install(folder.path(), tls);
    let serve = Serve::start(folder.path());
    let mut command = tollgate(folder.path(), &["agent", "--format", "json", "--listen", "unix:agent.sock"]);
    command.env("TOLLGATE_BASE_URL", format!("https://{}", serve.api.0));
    command.env("TOLLGATE_CLIENT_ID", client_id).env("TOLLGATE_CLIENT_SECRET", client_secret);
    let url = "http://localhost/api/v1/payment-requests:redirect";
    let socket = folder.path().join("agent.sock");
    let args = ["--unix-socket", socket.to_str().unwrap(), url];

    let trusting = Process::spawn(command.env("SSL_CERT_FILE", "cert.pem"));
    trusting.wait_for(|said| said.contains(r#""msg":"serving""#).then_some(()));
    create(&args, "TLS");
    drop(trusting);
    let distrusting = Process::spawn(command.env_remove("SSL_CERT_FILE"));
    distrusting.wait_for(|said| said.contains(r#""msg":"serving""#).then_some(()));
    let unanswered = |args: &[&str]| {
        let answer: Value = serde_json::from_str(&curl(args)).unwrap();
        assert_eq!(answer["error"]["code"], "UNAVAILABLE");
    };
    unanswered(&args);
    distrusting
        .wait_for(|said| said.contains("its certificate is of a CA that is not trusted").then_some(()));
    drop(distrusting);

    let data = folder.path().join("data");
    let _dev = Dev::start(&data);
    let upstream = format!("https://{}", serve.api.0);
    let args = ["agent", "--data", "data", "--upstream", &upstream, "--listen", "unix:agent.sock"];
    let distrusting = Process::spawn(&mut tollgate(folder.path(), &args));
    distrusting.wait_for(|said| said.contains("serving").then_some(()));
    unanswered(&["--unix-socket", socket.to_str().unwrap(), url]);
    let said = distrusting
        .wait_for(|said| said.lines().find(|line| line.contains("the upstream fails")).map(str::to_owned));
    assert!(said.contains("its certificate is of a CA that is not trusted here (UnknownIssuer)"), "{said}");
}

#[test]
fn programs_in_python_and_node_call_through_it() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let dev = Dev::start(&data);
    let agent = Agent::start(folder.path(), &data);
    let examples = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples");
    for program in ["python3 \"$EXAMPLES\"/agent.py", "node \"$EXAMPLES\"/agent.mjs"] {
        for place in [agent.address.clone(), format!("unix:{}", agent.socket.display())] {
            let mut command = shell(folder.path(), program);
            let finished =
                finish(command.env("EXAMPLES", examples).env("TOLLGATE_AGENT", &place)).succeeded();
            let paid = format!("pay at {}/pay/", dev.base_url);
            assert!(finished.stdout.starts_with(&paid), "{program} {place}: {finished:?}");
            assert!(finished.stdout.ends_with("the latest is of 1250\n"), "{program} {place}: {finished:?}");
        }
    }
    let (access, _) = dev.tokens();
    assert_eq!(dev.api.list_all(&access).len(), 4);
}
