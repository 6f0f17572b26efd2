//! The program in shell that is given away, and an authority that is away at first. What the others do then is the packages'
//! affair, which the scenarios hold them to.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::sync::{Arc, Mutex};

const PROGRAM: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/snippets/call.sh");

/// An authority with an API, in this process. It answers its first token call as a proxy does that has nobody behind it.
struct Stub {
    address: SocketAddr,
    /// The paths of the token calls.
    token_calls: Mutex<Vec<String>>,
}

impl Stub {
    fn start() -> Arc<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let stub = Arc::new(Self { address, token_calls: Mutex::default() });
        let serving = stub.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                serving.serve(stream.unwrap());
            }
        });
        stub
    }

    fn serve(&self, stream: TcpStream) {
        let mut reader = BufReader::new(stream);
        let mut head = Vec::new();
        while reader.read_until(b'\n', &mut head).unwrap_or_default() > 2 {}
        let head = String::from_utf8(head).unwrap().to_lowercase();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        let mut body = vec![0; length.unwrap_or_default().parse().unwrap_or_default()];
        reader.read_exact(&mut body).unwrap();
        let (status, headers, body) = self.answer(head.split(' ').nth(1).unwrap_or_default());
        let length = body.len();
        let answer = format!(
            "HTTP/1.1 {status} x\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\
             connection: close\r\n{headers}\r\n{body}"
        );
        // Who has gone is no fault of the stub's.
        _ = reader.get_mut().write_all(answer.as_bytes());
    }

    fn answer(&self, path: &str) -> (u16, &'static str, &'static str) {
        if !path.starts_with("/api/v1/oauth2/") {
            return (200, "", r#"{"success":true,"data":{"redirect_url":"u","items":[{"amount":1250}]}}"#);
        }
        let mut calls = self.token_calls.lock().unwrap();
        calls.push(path.to_owned());
        match calls.len() {
            1 => (503, "retry-after: 1\r\n", "<html>Maintenance</html>"),
            _ => (
                200,
                "",
                r#"{"success":true,"data":{"access_token":"a","refresh_token":"r","expires_in":900}}"#,
            ),
        }
    }
}

#[test]
fn the_shell_asks_again_when_it_was_told_to() {
    let stub = Stub::start();
    let mut program = Command::new("sh");
    program.arg(PROGRAM).env("TOLLGATE_BASE_URL", format!("http://{}", stub.address));
    let said = program.env("TOLLGATE_CLIENT_SECRET", "s").output().expect("sh and curl can be run");
    let stdout = String::from_utf8_lossy(&said.stdout);
    assert!(said.status.success(), "{stdout}{}", String::from_utf8_lossy(&said.stderr));
    assert_eq!(stdout, "pay at u\nthe latest is of 1250\n");
    let (login, refresh) = ("/api/v1/oauth2/token", "/api/v1/oauth2/refresh");
    assert_eq!(*stub.token_calls.lock().unwrap(), [login, login, refresh]);
}
