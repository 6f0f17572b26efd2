//! A body that is kept while it streams, so that it can be sent again.

use std::error::Error;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};

use bytes::{Buf, Bytes};
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};

/// The longest body that is kept, in bytes.
const LONGEST: usize = 64 * 1024;
/// The most frames of a body that is kept: each takes memory besides its bytes.
const MOST_FRAMES: usize = 1_024;

/// A body that is kept while it streams, up to 64 KiB. A longer body is streamed but not kept.
pub struct Replay<B>(Option<Reader<B>>);

/// Sends the body again.
pub struct Rewind<B>(Option<Arc<Mutex<Tape<B>>>>);

struct Reader<B> {
    tape: Arc<Mutex<Tape<B>>>,
    turn: u8,
    next: usize,
    trailed: bool,
}

struct Tape<B> {
    body: Pin<Box<B>>,
    frames: Vec<Bytes>,
    trailers: Option<HeaderMap>,
    /// Whether the body has been read to its end.
    whole: bool,
    /// How many more bytes can be kept. `None` before keeping begins, and after something was not kept.
    room: Option<usize>,
    /// The number of the reader that has the body, which is the latest one.
    turn: u8,
    waiting: Option<Waker>,
}

/// The error of a sending that has lost its body because the request is being sent again.
#[derive(Debug, thiserror::Error)]
#[error("the request is being sent again")]
struct Superseded;

impl<B: Body> Replay<B> {
    /// Streams `body`. It is kept once an [`Authorizer`](crate::Authorizer) sends it.
    pub fn new(body: B) -> Self {
        let is_empty = body.is_end_stream();
        Self((!is_empty).then(|| Reader { tape: Tape::of(body), turn: 0, next: 0, trailed: false }))
    }

    /// Keeps the body from now on; nothing of it has been read yet.
    pub(crate) fn keep(&self) -> Rewind<B> {
        let tape = self.0.as_ref().map(|reader| reader.tape.clone());
        if let Some(tape) = &tape {
            lock(tape).room = Some(LONGEST);
        }
        Rewind(tape)
    }
}

impl<B> Rewind<B> {
    /// Says whether everything that was read has been kept.
    pub(crate) fn is_possible(&self) -> bool {
        self.0.as_ref().is_none_or(|tape| lock(tape).room.is_some())
    }

    /// Returns the body from its beginning. An earlier reader is cut off.
    pub(crate) fn rewind(&self) -> Option<Replay<B>> {
        let Some(tape) = &self.0 else { return Some(Replay(None)) };
        let turn = {
            let mut tape = lock(tape);
            tape.room?;
            tape.turn = tape.turn.checked_add(1)?;
            if let Some(before) = tape.waiting.take() {
                before.wake();
            }
            tape.turn
        };
        Some(Replay(Some(Reader { tape: tape.clone(), turn, next: 0, trailed: false })))
    }
}

impl<B> Tape<B> {
    fn of(body: B) -> Arc<Mutex<Self>> {
        let (frames, trailers, whole, room, turn, waiting) = (Vec::new(), None, false, None, 0, None);
        Arc::new(Mutex::new(Self { body: Box::pin(body), frames, trailers, whole, room, turn, waiting }))
    }

    /// Keeps a frame for the next reader.
    fn keep(&mut self, data: &Bytes) {
        let room = self.room.filter(|_| self.frames.len() < MOST_FRAMES);
        self.room = room.and_then(|room| room.checked_sub(data.len()));
        match self.room {
            Some(_) => self.frames.push(data.clone()),
            None => self.frames = Vec::new(),
        }
    }
}

impl<B> Reader<B>
where
    B: Body,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Read>> {
        let mut tape = lock(&self.tape);
        let tape = &mut *tape;
        if tape.turn != self.turn {
            return Poll::Ready(Some(Err(Superseded.into())));
        }
        if let Some(kept) = tape.frames.get(self.next) {
            self.next += 1;
            return Poll::Ready(Some(Ok(Frame::data(kept.clone()))));
        }
        if tape.whole {
            let trailers = tape.trailers.clone().filter(|_| !self.trailed);
            self.trailed = true;
            return Poll::Ready(trailers.map(|trailers| Ok(Frame::trailers(trailers))));
        }
        let polled = tape.body.as_mut().poll_frame(cx);
        if polled.is_pending() {
            tape.waiting = Some(cx.waker().clone());
        }
        let frame = match ready!(polled) {
            Some(Ok(frame)) => frame.map_data(|mut data| data.copy_to_bytes(data.remaining())),
            Some(Err(error)) => {
                tape.room = None;
                return Poll::Ready(Some(Err(error.into())));
            }
            None => {
                tape.whole = true;
                return Poll::Ready(None);
            }
        };
        if let Some(data) = frame.data_ref() {
            tape.keep(data);
            self.next = tape.frames.len();
        } else if let Some(trailers) = frame.trailers_ref() {
            tape.trailers = Some(trailers.clone());
            self.trailed = true;
        }
        Poll::Ready(Some(Ok(frame)))
    }
}

type Read = Result<Frame<Bytes>, Box<dyn Error + Send + Sync>>;

impl<B> Body for Replay<B>
where
    B: Body,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    type Data = Bytes;
    type Error = Box<dyn Error + Send + Sync>;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Read>> {
        self.0.as_mut().map_or(Poll::Ready(None), |reader| reader.poll(cx))
    }

    fn is_end_stream(&self) -> bool {
        self.0.as_ref().is_none_or(|reader| {
            let tape = lock(&reader.tape);
            let trailed = reader.trailed || tape.trailers.is_none();
            let ended = if tape.whole { trailed } else { tape.body.is_end_stream() };
            tape.turn == reader.turn && reader.next >= tape.frames.len() && ended
        })
    }

    fn size_hint(&self) -> SizeHint {
        let Some(reader) = &self.0 else { return SizeHint::with_exact(0) };
        let tape = lock(&reader.tape);
        let kept: u64 = tape.frames.iter().skip(reader.next).map(|data| data.len() as u64).sum();
        let rest = if tape.whole { SizeHint::with_exact(0) } else { tape.body.size_hint() };
        let mut hint = SizeHint::new();
        hint.set_lower(kept + rest.lower());
        if let Some(upper) = rest.upper() {
            hint.set_upper(kept.saturating_add(upper));
        }
        hint
    }
}

/// Locks the tape, also after a panic of the body: its state stays consistent.
fn lock<B>(tape: &Mutex<Tape<B>>) -> MutexGuard<'_, Tape<B>> {
    tape.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
