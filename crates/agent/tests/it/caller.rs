//! A caller that writes its requests by hand.

use std::path::Path;

use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};

/// A message as it arrived: a request or an answer.
#[derive(Debug, Clone, Default)]
pub(crate) struct Message {
    /// The first line.
    pub(crate) line: String,
    /// All lines of the head after it.
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
    /// The lines behind a chunked body.
    pub(crate) trailers: String,
}

impl Message {
    pub(crate) fn headers(&self, name: &str) -> Vec<&str> {
        let lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.filter(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value).collect()
    }

    /// A header that is there at most once.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let values = self.headers(name);
        assert!(values.len() < 2, "{name} is there more than once: {values:?}");
        values.first().copied()
    }

    /// The status of an answer.
    pub(crate) fn status(&self) -> u16 {
        self.line.split(' ').nth(1).unwrap().parse().unwrap()
    }

    /// The status of an answer of the agent's own, its kind and the code in its envelope.
    pub(crate) fn refusal(&self) -> (u16, &str, String) {
        let body: serde_json::Value = serde_json::from_slice(&self.body).unwrap();
        assert_eq!(body["success"], false);
        assert!(self.header("x-request-id").is_some());
        let code = body["error"]["code"].as_str().unwrap().to_owned();
        (self.status(), self.header("tollgate-agent-error").unwrap(), code)
    }
}

/// One end of a connection.
pub(crate) struct Wire<Io> {
    io: Io,
    read: BytesMut,
}

impl Wire<TcpStream> {
    pub(crate) async fn tcp(address: std::net::SocketAddr) -> Self {
        Self::of(TcpStream::connect(address).await.unwrap())
    }
}

impl Wire<UnixStream> {
    pub(crate) async fn unix(path: &Path) -> Self {
        Self::of(UnixStream::connect(path).await.unwrap())
    }
}

impl<Io: AsyncRead + AsyncWrite + Unpin> Wire<Io> {
    pub(crate) fn of(io: Io) -> Self {
        Self { io, read: BytesMut::new() }
    }

    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        // A peer that has ended is found out by what it said, or did not.
        _ = self.io.write_all(bytes.as_ref()).await;
    }

    /// Sends a request and reads the answer.
    pub(crate) async fn call(&mut self, bytes: impl AsRef<[u8]>) -> Message {
        self.send(bytes).await;
        self.answer("GET").await
    }

    /// Reads a request; none at the end.
    pub(crate) async fn request(&mut self) -> Option<Message> {
        let mut message = self.head().await?;
        self.body(&mut message, false).await?;
        Some(message)
    }

    /// Reads the answer to a request of this method.
    pub(crate) async fn answer(&mut self, method: &str) -> Message {
        let mut message = self.head().await.expect("there is an answer");
        let is_bodyless = method == "HEAD" || [100, 204, 304].contains(&message.status());
        if !is_bodyless {
            self.body(&mut message, true).await.expect("the answer is whole");
        }
        message
    }

    /// Reads a head; none at the end.
    pub(crate) async fn head(&mut self) -> Option<Message> {
        let mut head = String::new();
        loop {
            let line = self.line().await?;
            if line.is_empty() && !head.is_empty() {
                let (line, head) = head.split_once("\r\n").unwrap();
                return Some(Message { line: line.to_owned(), head: head.to_owned(), ..Message::default() });
            }
            head.extend([&line, "\r\n"]);
        }
    }

    async fn body(&mut self, message: &mut Message, to_end: bool) -> Option<()> {
        if message.header("transfer-encoding") == Some("chunked") {
            while let Some(chunk) = self.chunk().await? {
                message.body.extend(chunk);
            }
            loop {
                let line = self.line().await?;
                if line.is_empty() {
                    return Some(());
                }
                message.trailers.extend([&line, "\r\n"]);
            }
        }
        match message.header("content-length") {
            Some(length) => message.body = self.bytes(length.parse().unwrap()).await?,
            None if to_end => {
                while self.more().await {}
                message.body = self.read.split().to_vec();
            }
            None => {}
        }
        Some(())
    }

    /// Reads the next chunk; `Some(None)` for the last one.
    pub(crate) async fn chunk(&mut self) -> Option<Option<Vec<u8>>> {
        let size = usize::from_str_radix(&self.line().await?, 16).unwrap();
        if size == 0 {
            return Some(None);
        }
        let chunk = self.bytes(size).await?;
        assert_eq!(self.line().await?, "");
        Some(Some(chunk))
    }

    /// Whether the peer has ended the connection; what it said before is dropped.
    pub(crate) async fn ends(&mut self) -> bool {
        while self.more().await {}
        true
    }

    pub(crate) async fn line(&mut self) -> Option<String> {
        loop {
            if let Some(end) = self.read.windows(2).position(|window| window == b"\r\n") {
                let line = self.read.split_to(end + 2);
                return Some(String::from_utf8(line[..end].to_vec()).unwrap());
            }
            if !self.more().await {
                return None;
            }
        }
    }

    pub(crate) async fn bytes(&mut self, count: usize) -> Option<Vec<u8>> {
        while self.read.len() < count {
            if !self.more().await {
                return None;
            }
        }
        Some(self.read.split_to(count).to_vec())
    }

    async fn more(&mut self) -> bool {
        matches!(self.io.read_buf(&mut self.read).await, Ok(1..))
    }
}
