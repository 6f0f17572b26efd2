//! A client for HTTP/1.1, as plain as a caller's could be.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};

use serde_json::Value;

use super::PATIENCE;

/// A connection, which answers one request after the other.
pub(crate) struct Connection {
    stream: BufReader<TcpStream>,
}

impl Connection {
    pub(crate) fn open(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_nodelay(true)?;
        Ok(Self { stream: BufReader::new(stream) })
    }

    /// Sends a request and reads its answer.
    pub(crate) fn request(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> io::Result<Response> {
        self.write(&head(method, path, headers, body.len()))?;
        self.write(body)?;
        self.answer()
    }

    /// Sends a part of a request.
    pub(crate) fn write(&mut self, part: &str) -> io::Result<()> {
        self.stream.get_mut().write_all(part.as_bytes())
    }

    /// Reads the status of an interim answer, which has no headers.
    pub(crate) fn interim(&mut self) -> io::Result<u16> {
        let status = self.status()?;
        self.line()?;
        Ok(status)
    }

    /// Reads an answer.
    pub(crate) fn answer(&mut self) -> io::Result<Response> {
        let status = self.status()?;
        let mut headers = Vec::new();
        loop {
            let line = self.line()?;
            let Some((name, value)) = line.split_once(':') else { break };
            headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        let mut response = Response { status, headers, body: String::new() };
        let length = response.header("content-length").and_then(|length| length.parse().ok());
        // What is not modified has no body (RFC 9110 §15.4.5).
        let length = length.or((status == 304).then_some(0));
        let mut body = vec![0; length.ok_or_else(|| broken("no content-length"))?];
        self.stream.read_exact(&mut body)?;
        response.body = String::from_utf8(body).map_err(|_| broken("not UTF-8"))?;
        Ok(response)
    }

    /// Whether the server has ended the connection.
    pub(crate) fn has_ended(&mut self) -> bool {
        matches!(self.stream.fill_buf(), Ok([]) | Err(_))
    }

    fn status(&mut self) -> io::Result<u16> {
        let line = self.line()?;
        line.split(' ').nth(1).and_then(|status| status.parse().ok()).ok_or_else(|| broken("no status line"))
    }

    fn line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        if self.stream.read_line(&mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(line.trim_end().to_owned())
    }
}

fn broken(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what.to_owned())
}

fn head(method: &str, path: &str, headers: &[(&str, &str)], length: usize) -> String {
    let mut head = format!("{method} {path} HTTP/1.1\r\nhost: localhost\r\ncontent-length: {length}\r\n");
    for (name, value) in headers {
        head.extend([name, ": ", value, "\r\n"]);
    }
    head + "\r\n"
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Response {
    pub(crate) status: u16,
    headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Response {
    /// The value of a header, whose name is in lower case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    /// The body, which must be JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The `data` of a success.
    pub(crate) fn data(&self) -> Value {
        let mut json = self.json();
        assert_eq!(json["success"], true, "{self:?}");
        json["data"].take()
    }

    /// The status and the code of an error.
    pub(crate) fn error(&self) -> (u16, String) {
        let json = self.json();
        let code = json["error"]["code"].as_str().unwrap_or_else(|| panic!("no error: {self:?}"));
        (self.status, code.to_owned())
    }
}
