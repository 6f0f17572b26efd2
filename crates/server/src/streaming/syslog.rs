//! A syslog receiver that records are streamed to, over TCP (RFC 5424, RFC 6587 §3.4.1).

use std::io;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};
use tollgate_admin::audit::Line;
use tollgate_admin::machine;

/// How long the receiver may take to read a page of records to its end.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long after the end of a connection an error may still arrive.
const LAST_WORD: Duration = Duration::from_millis(500);
/// The facility "log audit" (RFC 5424 §6.2.1), times eight.
const FACILITY: u8 = 13 * 8;
const WARNING: u8 = 4;
const NOTICE: u8 = 5;

/// A syslog receiver that records are sent to.
pub(super) struct Syslog {
    address: String,
    host: String,
}

impl Syslog {
    pub(super) fn new(address: String) -> Self {
        Self { address, host: machine() }
    }

    /// Sends lines over a connection of their own, and returns once the receiver has read them to the end and closed the
    /// connection. That the system has taken them would not mean that the receiver has.
    pub(super) async fn write(&self, lines: &[Line]) -> io::Result<()> {
        let mut text = Vec::new();
        for line in lines {
            let message = self.message(line);
            text.extend_from_slice(message.len().to_string().as_bytes());
            text.push(b' ');
            text.extend_from_slice(message.as_bytes());
        }
        let sending = async {
            let mut stream = TcpStream::connect(&self.address).await?;
            stream.write_all(&text).await?;
            stream.shutdown().await?;
            let mut said = [0; 256];
            while stream.read(&mut said).await? > 0 {}
            // A receiver that died before it had read everything closes the connection in the same way. Its system reports that
            // afterwards.
            sleep(LAST_WORD).await;
            stream.take_error()?.map_or(Ok(()), Err)
        };
        let late =
            |_| io::Error::new(io::ErrorKind::TimedOut, "the receiver did not read everything in time");
        timeout(PATIENCE, sending).await.map_err(late)?
    }

    fn message(&self, line: &Line) -> String {
        let record = &line.record;
        let severity = if record.outcome == "done" { NOTICE } else { WARNING };
        let (priority, at) = (FACILITY + severity, record.at.rfc3339_millis());
        let (host, process) = (&self.host, std::process::id());
        format!("<{priority}>1 {at} {host} tollgate {process} {} - {}", record.act, line.to_json())
    }
}
