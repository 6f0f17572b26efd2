//! An API that misbehaves as a test wants it, with an authority before it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// What arrived: the request line, the lines of the head, and the body.
#[derive(Debug, Clone)]
pub(crate) struct Arrived {
    pub(crate) line: String,
    pub(crate) head: Vec<String>,
    pub(crate) body: String,
}

impl Arrived {
    /// The value of a header, whose name is in lower case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.head.iter().filter_map(|line| line.split_once(": "));
        headers.find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }
}

/// A server that answers a request with what its script says: whole answers, or what is left of one.
pub(crate) struct Fake {
    pub(crate) url: String,
    arrived: Arc<Mutex<Vec<Arrived>>>,
}

impl Fake {
    /// Starts it. It grants `canary-token-1`, `canary-token-2`, … before the script is asked.
    pub(crate) fn start(script: impl Fn(&Arrived) -> Vec<u8> + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let arrived = Arc::<Mutex<Vec<Arrived>>>::default();
        let seen = Arc::clone(&arrived);
        std::thread::spawn(move || {
            let mut granted = 0;
            for stream in listener.incoming() {
                let Ok((mut stream, request)) = stream.and_then(read) else { continue };
                let answer = if request.line.contains("/api/v1/oauth2/") {
                    granted += 1;
                    grant(granted)
                } else {
                    script(&request)
                };
                seen.lock().unwrap().push(request);
                // A caller that has gone is no matter.
                let _ = stream.write_all(&answer);
            }
        });
        Self { url, arrived }
    }

    /// Starts an authority that answers every call with this status.
    pub(crate) fn refusing(status: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok((mut stream, _)) = stream.and_then(read) else { continue };
                // A caller that has gone is no matter.
                let _ = stream.write_all(&answer(status, &[], ""));
            }
        });
        Self { url, arrived: Arc::default() }
    }

    /// What arrived, without what went to the authority.
    pub(crate) fn arrived(&self) -> Vec<Arrived> {
        let arrived = self.arrived.lock().unwrap();
        arrived.iter().filter(|request| !request.line.contains("/api/v1/oauth2/")).cloned().collect()
    }
}

/// An answer after which the connection ends.
pub(crate) fn answer(status: u16, headers: &[&str], body: &str) -> Vec<u8> {
    let mut head = format!("HTTP/1.1 {status} x\r\ncontent-length: {}\r\nconnection: close\r\n", body.len());
    for header in headers {
        head.extend([*header, "\r\n"]);
    }
    format!("{head}\r\n{body}").into_bytes()
}

fn grant(n: usize) -> Vec<u8> {
    let data = format!(
        r#"{{"access_token":"canary-token-{n}","refresh_token":"canary-refresh","token_type":"Bearer","expires_in":900}}"#
    );
    answer(200, &["content-type: application/json"], &format!(r#"{{"success":true,"data":{data}}}"#))
}

fn read(stream: TcpStream) -> std::io::Result<(TcpStream, Arrived)> {
    let mut stream = BufReader::new(stream);
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        stream.read_line(&mut line)?;
        match line.trim_end() {
            "" => break,
            line => lines.push(line.to_owned()),
        }
    }
    let line = if lines.is_empty() { String::new() } else { lines.remove(0) };
    let mut request = Arrived { line, head: lines, body: String::new() };
    let length = request.header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    stream.read_exact(&mut body)?;
    request.body = String::from_utf8_lossy(&body).into_owned();
    Ok((stream.into_inner(), request))
}
