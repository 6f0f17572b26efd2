//! A body that comes in pieces.

use bytes::Bytes;
use http_body_util::channel::Channel;

/// A body in pieces of 16 KiB.
pub(crate) fn pieces(bytes: Bytes) -> Channel<Bytes> {
    let (mut sender, body) = Channel::new(1);
    tokio::spawn(async move {
        for piece in bytes.chunks(16 * 1024) {
            // Who doesn't read it to the end needs no more.
            if sender.send_data(Bytes::copy_from_slice(piece)).await.is_err() {
                return;
            }
        }
    });
    body
}
