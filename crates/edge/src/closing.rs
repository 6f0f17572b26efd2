//! Ends a connection so that the peer gets the last answer.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use crate::refusal::Refusal;
use crate::rules::Rules;

/// How long a connection is kept after its end to read what the peer still sends.
const LINGER: Duration = Duration::from_secs(1);
/// How many bytes are read then, such as of a body over the limit.
pub(crate) const LINGER_BYTES: usize = 256 * 1024;

/// Answers with `refusal` and ends the connection.
pub(crate) async fn refuse<Io: AsyncRead + AsyncWrite + Unpin>(mut io: Io, refusal: Refusal, rules: &Rules) {
    tracing::debug!(code = refusal.code(), "connection refused at the edge");
    let answer = refusal.to_wire(rules);
    let written = tokio::time::timeout(LINGER, async {
        io.write_all(&answer).await?;
        io.flush().await
    });
    if matches!(written.await, Ok(Ok(()))) {
        linger(io).await;
    }
}

/// Ends the sending side first, then reads until the peer has ended its side (RFC 9112 §9.6).
///
/// A socket that is closed with unread bytes in it resets the connection, and the reset may overtake the
/// answer.
pub(crate) async fn linger<Io: AsyncRead + AsyncWrite + Unpin>(mut io: Io) {
    let ended = tokio::time::timeout(LINGER, async {
        io.shutdown().await?;
        let mut discarded = vec![0; 4096];
        let mut left = LINGER_BYTES;
        while left > 0 {
            match io.read(&mut discarded).await? {
                0 => break,
                length => left = left.saturating_sub(length),
            }
        }
        io::Result::Ok(())
    });
    // Whatever the result, the connection has ended.
    let _ = ended.await;
}
