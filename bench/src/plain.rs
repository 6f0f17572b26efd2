//! A plain blocking HTTP client, for what is not measured.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::Value;

use crate::credentials::Credentials;
use crate::message::{self, Head};

/// An answer, as it came.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Its head.
    pub head: Head,
    /// All of it.
    pub bytes: Vec<u8>,
}

impl Answer {
    /// Its body.
    pub fn body(&self) -> &[u8] {
        &self.bytes[self.head.body_at..]
    }

    /// The string `name` of the member `data`.
    pub fn data(&self, name: &str) -> io::Result<String> {
        let json: Value = serde_json::from_slice(self.body())?;
        json["data"][name]
            .as_str()
            .map(str::to_owned)
            .ok_or_else(|| io::Error::other(format!("no {name} in {}", String::from_utf8_lossy(self.body()))))
    }
}

/// A connection that is kept.
#[derive(Debug)]
pub struct Connection(TcpStream);

impl Connection {
    /// Connects.
    pub fn open(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect_timeout(&address, Duration::from_secs(1))?;
        stream.set_read_timeout(Some(Duration::from_secs(30)))?;
        stream.set_nodelay(true)?;
        Ok(Self(stream))
    }

    /// Sends a request, and waits for its answer.
    pub fn ask(&mut self, request: &[u8]) -> io::Result<Answer> {
        self.0.write_all(request)?;
        let mut bytes = Vec::new();
        loop {
            let mut piece = [0; 4096];
            let read = self.0.read(&mut piece)?;
            if read == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            bytes.extend_from_slice(&piece[..read]);
            if let Some(head) = message::head(&bytes).filter(|head| head.len <= bytes.len()) {
                return Ok(Answer { head, bytes });
            }
        }
    }
}

/// Sends one request on a connection of its own.
pub fn ask(address: SocketAddr, request: &[u8]) -> io::Result<Answer> {
    Connection::open(address)?.ask(request)
}

/// Asks for a path without a body, and returns the status.
pub fn status(address: SocketAddr, path: &str) -> io::Result<u16> {
    ask(address, format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n").as_bytes()).map(|a| a.head.status)
}

/// Obtains an access token of an audience.
pub fn token_for(connection: &mut Connection, client: &Credentials, audience: &str) -> io::Result<String> {
    let answer = connection.ask(&message::token_for(client, audience))?;
    let json: Value = serde_json::from_slice(answer.body())?;
    let no_token = || io::Error::other(format!("no token: {}", String::from_utf8_lossy(answer.body())));
    json["access_token"].as_str().map(str::to_owned).ok_or_else(no_token)
}

/// Obtains tokens.
pub fn token(address: SocketAddr, client: &Credentials) -> io::Result<Answer> {
    let answer = ask(address, &message::token(client))?;
    if answer.head.status == 200 {
        Ok(answer)
    } else {
        Err(io::Error::other(format!("no token: {}", String::from_utf8_lossy(answer.body()))))
    }
}
