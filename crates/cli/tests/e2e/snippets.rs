//! The programs that are given away, under storms: what they do to an authority when many need a token at once.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::sync::{Arc, Barrier, Mutex};

const SNIPPETS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/snippets");
const STORMS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/snippets");
/// How many call at once.
const CALLERS: usize = 50;

/// What the authority and the API do.
#[derive(Clone, Copy, PartialEq)]
enum Weather {
    /// They grant and accept.
    Fair,
    /// The API refuses the first token, when all callers have come with it.
    Refusing,
    /// The authority grants one token, and then is away for two minutes.
    Away,
    /// The authority is away for a second at first.
    LateStart,
}

/// An authority with an API, in this process.
struct Stub {
    address: SocketAddr,
    weather: Weather,
    /// The paths of the token calls.
    token_calls: Mutex<Vec<String>>,
    all_refused: Barrier,
}

impl Stub {
    fn start(weather: Weather) -> Arc<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let token_calls = Mutex::default();
        let stub = Arc::new(Self { address, weather, token_calls, all_refused: Barrier::new(CALLERS) });
        let serving = stub.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let stub = serving.clone();
                std::thread::spawn(move || stub.serve(stream.unwrap()));
            }
        });
        stub
    }

    fn serve(&self, stream: TcpStream) {
        let mut reader = BufReader::new(stream);
        let mut head = Vec::new();
        while reader.read_until(b'\n', &mut head).unwrap_or_default() > 2 {}
        let head = String::from_utf8(head).unwrap().to_lowercase();
        let header = |name: &str| {
            let line = head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
            line.unwrap_or_default().to_owned()
        };
        let mut body = vec![0; header("content-length").parse().unwrap_or_default()];
        reader.read_exact(&mut body).unwrap();
        let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
        let (status, headers, body) = if path.starts_with("/api/v1/oauth2/") {
            self.grant(path)
        } else {
            self.call(&header("authorization"))
        };
        let length = body.len();
        let answer = format!(
            "HTTP/1.1 {status} x\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\
             connection: close\r\n{headers}\r\n{body}"
        );
        // Who has gone is no fault of the stub's.
        _ = reader.get_mut().write_all(answer.as_bytes());
    }

    fn grant(&self, path: String) -> (u16, &'static str, String) {
        let mut calls = self.token_calls.lock().unwrap();
        calls.push(path);
        let away = match self.weather {
            Weather::Away => (calls.len() > 1).then_some("retry-after: 120\r\n"),
            Weather::LateStart => (calls.len() == 1).then_some("retry-after: 1\r\n"),
            Weather::Fair | Weather::Refusing => None,
        };
        if let Some(headers) = away {
            // As a proxy says it that has nobody behind it.
            return (503, headers, "<html>Maintenance</html>".to_owned());
        }
        let n = calls.len();
        let granted = format!(
            r#"{{"access_token":"token-{n}","refresh_token":"refresh","token_type":"Bearer","expires_in":900}}"#
        );
        (200, "", format!(r#"{{"success":true,"data":{granted}}}"#))
    }

    fn call(&self, authorization: &str) -> (u16, &'static str, String) {
        let token = authorization.strip_prefix("bearer ").unwrap_or_default();
        if self.weather == Weather::Refusing && token == "token-1" {
            self.all_refused.wait();
            return (401, "www-authenticate: Bearer error=\"invalid_token\"\r\n", error("INVALID_TOKEN"));
        }
        let data = format!(r#"{{"by":"{token}","redirect_url":"u","items":[{{"amount":1250}}]}}"#);
        (200, "", format!(r#"{{"success":true,"data":{data}}}"#))
    }

    /// What a program says, and the token calls that it made.
    fn weathered_by(&self, program: &mut Command) -> (String, Vec<String>) {
        program.env("TOLLGATE_BASE_URL", format!("http://{}", self.address));
        program.env("TOLLGATE_CLIENT_SECRET", "s");
        let said = program.output().expect("python3, node and sh can be run: scripts/test installs them");
        let (stdout, stderr) = (String::from_utf8_lossy(&said.stdout), String::from_utf8_lossy(&said.stderr));
        assert!(said.status.success(), "{stdout}{stderr}");
        (stdout.into_owned(), self.token_calls.lock().unwrap().clone())
    }
}

fn error(code: &str) -> String {
    format!(r#"{{"success":false,"error":{{"code":"{code}","message":"m"}}}}"#)
}

/// What the programs that hold tokens say of a storm, and the token calls that they make.
fn weathered(weather: Weather, storm: &str) -> Vec<(String, Vec<String>)> {
    let programs = [("python3", "storm.py", "call.py"), ("node", "storm.mjs", "call.mjs")];
    let run = |(command, driver, program)| {
        let mut command = Command::new(command);
        command.arg(format!("{STORMS}/{driver}")).arg(format!("{SNIPPETS}/{program}")).arg(storm);
        Stub::start(weather).weathered_by(&mut command)
    };
    programs.map(run).into()
}

const LOGIN: &str = "/api/v1/oauth2/token";
const REFRESH: &str = "/api/v1/oauth2/refresh";

#[test]
fn fifty_calls_without_a_token_cost_one_login() {
    for (said, calls) in weathered(Weather::Fair, "cold") {
        assert_eq!(said, "['token-1'] 50\n");
        assert_eq!(calls, [LOGIN]);
    }
}

#[test]
fn fifty_refusals_of_a_token_cost_one_refresh() {
    for (said, calls) in weathered(Weather::Refusing, "refused") {
        assert_eq!(said, "['token-2'] 50\n");
        assert_eq!(calls, [LOGIN, REFRESH]);
    }
}

#[test]
fn a_token_that_is_still_good_is_used_when_it_cannot_be_renewed_and_retry_after_is_obeyed() {
    for (said, calls) in weathered(Weather::Away, "away") {
        let lines: Vec<&str> = said.lines().collect();
        assert_eq!(lines[..2], ["['token-1'] 50", "['token-1'] 50"]);
        // At its end they fail at once, and the authority is still left alone.
        assert_eq!(lines[2], "['failed: no token'] 50");
        assert_eq!(calls, [LOGIN, REFRESH]);
    }
}

#[test]
fn the_shell_asks_again_when_it_was_told_to() {
    let stub = Stub::start(Weather::LateStart);
    let (said, calls) = stub.weathered_by(Command::new("sh").arg(format!("{SNIPPETS}/call.sh")));
    assert_eq!(said, "pay at u\nthe latest is of 1250\n");
    assert_eq!(calls, [LOGIN, LOGIN, REFRESH]);
}
