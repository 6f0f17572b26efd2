//! Tests of reading a body, piece by piece.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::time::Instant;

use super::{BodyError, read_body};

const DEADLINE: Duration = Duration::from_secs(10);

/// A step of a scripted body when it is polled.
enum Move {
    Data(&'static [u8]),
    Trailers,
    Break,
    /// The body never continues.
    Stall,
}

/// A body that takes one step after the other.
struct Script {
    moves: VecDeque<Move>,
    length: Option<u64>,
}

impl Script {
    fn new(moves: impl IntoIterator<Item = Move>) -> Self {
        Self { moves: moves.into_iter().collect(), length: None }
    }

    fn sized(length: u64, moves: impl IntoIterator<Item = Move>) -> Self {
        Self { length: Some(length), ..Self::new(moves) }
    }
}

impl Body for Script {
    type Data = Bytes;
    type Error = &'static str;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, &'static str>>> {
        let next = self.moves.pop_front();
        Poll::Ready(match next {
            None => None,
            Some(Move::Data(data)) => {
                self.length = self.length.map(|length| length - data.len() as u64);
                Some(Ok(Frame::data(Bytes::from_static(data))))
            }
            Some(Move::Trailers) => Some(Ok(Frame::trailers(http::HeaderMap::new()))),
            Some(Move::Break) => Some(Err("broken")),
            Some(Move::Stall) => {
                self.moves.push_front(Move::Stall);
                return Poll::Pending;
            }
        })
    }

    fn is_end_stream(&self) -> bool {
        self.length == Some(0)
    }

    fn size_hint(&self) -> SizeHint {
        self.length.map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}

/// Polls once, outside of any runtime: no timer can be made here.
fn now<T>(future: impl Future<Output = T>) -> T {
    match std::pin::pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("it waits"),
    }
}

#[test]
fn a_body_in_one_piece_is_handed_on_without_copy_or_timer() {
    static DATA: &[u8] = b"grant_type=client_credentials";
    for body in [Script::new([Move::Data(DATA)]), Script::sized(DATA.len() as u64, [Move::Data(DATA)])] {
        let read = now(read_body(body, 64, DEADLINE)).unwrap();
        assert_eq!(read.as_ptr(), DATA.as_ptr());
        assert_eq!(read, DATA);
    }
}

#[test]
fn pieces_are_joined_and_trailers_dropped() {
    let body =
        Script::new([Move::Data(b"a"), Move::Data(b""), Move::Data(b"b"), Move::Data(b"c"), Move::Trailers]);
    assert_eq!(now(read_body(body, 3, DEADLINE)).unwrap(), "abc");
    assert_eq!(now(read_body(Script::new([]), 0, DEADLINE)).unwrap(), "");
}

#[test]
fn a_declared_length_over_the_limit_is_refused_before_reading() {
    let body = Script::sized(5, [Move::Break]);
    assert!(matches!(now(read_body(body, 4, DEADLINE)), Err(BodyError::TooLarge)));
}

#[test]
fn an_undeclared_length_is_refused_where_it_passes_the_limit() {
    let exact = Script::new([Move::Data(b"ab"), Move::Data(b"cd")]);
    assert_eq!(now(read_body(exact, 4, DEADLINE)).unwrap(), "abcd");
    let over = Script::new([Move::Data(b"ab"), Move::Data(b"cde"), Move::Break]);
    assert!(matches!(now(read_body(over, 4, DEADLINE)), Err(BodyError::TooLarge)));
}

#[test]
fn a_body_that_breaks_off_says_so() {
    let body = Script::new([Move::Data(b"ab"), Move::Break]);
    match now(read_body(body, 4, DEADLINE)) {
        Err(BodyError::Broken(source)) => assert_eq!(source.to_string(), "broken"),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_that_stalls_is_given_up_at_the_deadline() {
    let start = Instant::now();
    let body = Script::sized(4, [Move::Data(b"ab"), Move::Stall]);
    assert!(matches!(read_body(body, 4, DEADLINE).await, Err(BodyError::TimedOut)));
    assert_eq!(start.elapsed(), DEADLINE);
}
