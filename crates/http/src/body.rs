//! Reads request bodies, bounded in bytes and in time.

use std::error::Error;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body::Body;
use tokio::time::Sleep;

#[cfg(test)]
mod tests;

/// The body of a request, however it arrives.
pub trait RequestBody:
    Body<Data = Bytes, Error: Into<Box<dyn Error + Send + Sync>>> + Send + 'static
{
}

impl<B> RequestBody for B where
    B: Body<Data = Bytes, Error: Into<Box<dyn Error + Send + Sync>>> + Send + 'static
{
}

/// Reads a whole body: at most `limit` bytes, waiting for it at most `deadline` in all.
///
/// A `Content-Length` over the limit is refused before anything is read (and so before a `100 Continue` is
/// sent, RFC 9110 §10.1.1); a body without a length as soon as it grows over it. Trailers are dropped.
///
/// This is on the path of every token request, where the body nearly always came along with the head: then it
/// is passed on as it is, without a copy, an allocation or a timer.
pub async fn read_body<B>(body: B, limit: usize, deadline: Duration) -> Result<Bytes, BodyError>
where
    B: Body<Data = Bytes>,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    if body.size_hint().lower() > limit as u64 {
        return Err(BodyError::TooLarge);
    }
    let mut body = pin!(body);
    let mut timer = pin!(None::<Sleep>);
    let mut whole = Whole::Empty;
    while !body.is_end_stream() {
        let frame = std::future::poll_fn(|cx| match body.as_mut().poll_frame(cx) {
            Poll::Ready(frame) => Poll::Ready(Ok(frame)),
            Poll::Pending => out_of_time(timer.as_mut(), deadline, cx).map(Err),
        });
        let Some(frame) = frame.await? else { break };
        let frame = frame.map_err(|error| BodyError::Broken(error.into()))?;
        let Ok(data) = frame.into_data() else { continue };
        if data.len() > limit - whole.len() {
            return Err(BodyError::TooLarge);
        }
        whole = whole.append(data, body.size_hint().lower());
    }
    Ok(whole.into_bytes())
}

/// Why a body could not be read.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    /// The body is longer than the limit, or announces that it is.
    #[error("the request body is too large")]
    TooLarge,
    /// The body did not end within the deadline.
    #[error("the request body did not arrive in time")]
    TimedOut,
    /// The peer closed the connection early, or its framing is wrong.
    #[error("the request body broke off")]
    Broken(#[source] Box<dyn Error + Send + Sync>),
}

/// Completes when the deadline has passed. The deadline counts from the first wait, so a body that has already arrived reads no
/// clock.
fn out_of_time(
    mut timer: Pin<&mut Option<Sleep>>,
    deadline: Duration,
    cx: &mut Context<'_>,
) -> Poll<BodyError> {
    if timer.is_none() {
        timer.set(Some(tokio::time::sleep(deadline)));
    }
    if let Some(sleep) = timer.as_pin_mut() {
        ready!(sleep.poll(cx));
    }
    Poll::Ready(BodyError::TimedOut)
}

/// The part that was read so far; only a second frame makes it a copy.
enum Whole {
    Empty,
    One(Bytes),
    Many(BytesMut),
}

impl Whole {
    fn len(&self) -> usize {
        match self {
            Self::Empty => 0,
            Self::One(bytes) => bytes.len(),
            Self::Many(bytes) => bytes.len(),
        }
    }

    /// Adds `data`, which is followed by at least `rest` more bytes (an announcement within the limit, or 0).
    fn append(self, data: Bytes, rest: u64) -> Self {
        match self {
            whole if data.is_empty() => whole,
            Self::Empty => Self::One(data),
            Self::One(first) => {
                let rest = usize::try_from(rest).unwrap_or(0);
                let mut bytes = BytesMut::with_capacity(first.len() + data.len() + rest);
                bytes.extend_from_slice(&first);
                bytes.extend_from_slice(&data);
                Self::Many(bytes)
            }
            Self::Many(mut bytes) => {
                bytes.extend_from_slice(&data);
                Self::Many(bytes)
            }
        }
    }

    fn into_bytes(self) -> Bytes {
        match self {
            Self::Empty => Bytes::new(),
            Self::One(bytes) => bytes,
            Self::Many(bytes) => bytes.freeze(),
        }
    }
}
