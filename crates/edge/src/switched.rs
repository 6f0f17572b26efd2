//! A connection that has switched to another protocol, such as WebSocket (RFC 9110 §7.8): bytes pass in both directions until
//! either side ends.

use bytes::Bytes;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, copy_bidirectional};

/// Connects the caller, from whom `ahead` was read already, with the other side of the switched connection.
pub(crate) async fn join<Io: AsyncRead + AsyncWrite + Unpin>(mut caller: Io, ahead: Bytes, other: OnUpgrade) {
    let other = match other.await {
        Ok(other) => other,
        Err(error) => {
            return tracing::debug!(%error, "a connection was to switch, and there is no other side");
        }
    };
    let mut other = TokioIo::new(other);
    let passed = async {
        other.write_all(&ahead).await?;
        copy_bidirectional(&mut caller, &mut other).await
    };
    if let Err(error) = passed.await {
        tracing::debug!(%error, "a connection that had switched to another protocol broke");
    }
}
