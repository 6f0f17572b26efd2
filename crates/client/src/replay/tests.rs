use std::collections::VecDeque;

use http::HeaderValue;
use http_body_util::{BodyExt, Full};
use proptest::prelude::*;

use super::*;

/// A body that waits once before each frame.
struct Stream {
    frames: VecDeque<Frame<Bytes>>,
    waited: bool,
}

impl Stream {
    fn of(sizes: &[usize]) -> Self {
        let frame = |(n, size): (usize, &usize)| {
            let letter = b'a' + u8::try_from(n % 26).unwrap();
            Frame::data(Bytes::from(vec![letter; *size]))
        };
        Self { frames: sizes.iter().enumerate().map(frame).collect(), waited: false }
    }
}

impl Body for Stream {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        self.waited = !self.waited;
        if self.waited {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(self.frames.pop_front().map(Ok))
    }
}

/// A body that never ends and never has data.
struct Silence;

impl Body for Silence {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        Poll::Pending
    }
}

fn kept<B: Body>(body: B) -> (Replay<B>, Rewind<B>) {
    let body = Replay::new(body);
    let rewind = body.keep();
    (body, rewind)
}

async fn read(body: impl Body<Data = Bytes, Error = Box<dyn Error + Send + Sync>>) -> Bytes {
    body.collect().await.unwrap().to_bytes()
}

#[tokio::test]
async fn a_body_is_sent_twice_alike() {
    let (first, rewind) = kept(Full::new(Bytes::from("hello")));
    assert_eq!(first.size_hint().exact(), Some(5));
    assert_eq!(read(first).await, "hello");
    assert!(rewind.is_possible());
    let second = rewind.rewind().unwrap();
    assert_eq!(second.size_hint().exact(), Some(5));
    assert_eq!(read(second).await, "hello");
}

#[tokio::test]
async fn an_empty_body_stays_empty() {
    let (first, rewind) = kept(Full::<Bytes>::default());
    assert!(first.is_end_stream());
    assert_eq!(first.size_hint().exact(), Some(0));
    let second = rewind.rewind().unwrap();
    assert!(second.is_end_stream());
    assert_eq!(read(second).await, "");
}

#[tokio::test]
async fn a_body_over_the_bound_is_read_whole_and_not_kept() {
    let (first, rewind) = kept(Stream::of(&[32 * 1024, 32 * 1024]));
    assert_eq!(read(first).await.len(), 64 * 1024);
    assert_eq!(read(rewind.rewind().unwrap()).await.len(), 64 * 1024);
    let (first, rewind) = kept(Stream::of(&[32 * 1024, 32 * 1024, 1]));
    assert_eq!(read(first).await.len(), 64 * 1024 + 1);
    assert!(!rewind.is_possible());
    assert!(rewind.rewind().is_none());
}

#[tokio::test]
async fn many_small_frames_have_a_bound_too() {
    let (first, rewind) = kept(Stream::of(&[1; 2_000]));
    assert_eq!(read(first).await.len(), 2_000);
    assert!(!rewind.is_possible());
}

#[tokio::test]
async fn a_body_that_was_read_in_part_goes_on_where_it_was_and_cuts_the_first_reader_off() {
    let (mut first, rewind) = kept(Stream::of(&[3, 3, 3]));
    assert_eq!(first.frame().await.unwrap().unwrap().into_data().unwrap(), "aaa");
    let second = rewind.rewind().unwrap();
    let error = first.frame().await.unwrap().unwrap_err();
    assert!(error.is::<Superseded>());
    assert_eq!(read(second).await, "aaabbbccc");
}

#[tokio::test]
async fn a_reader_that_waits_is_woken_to_be_cut_off() {
    let (first, rewind) = kept(Silence);
    let reading = tokio::spawn(first.collect());
    tokio::task::yield_now().await;
    let second = rewind.rewind().unwrap();
    assert!(reading.await.unwrap().unwrap_err().is::<Superseded>());
    drop(second);
}

#[tokio::test]
async fn trailers_are_sent_twice_too() {
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", HeaderValue::from_static("0"));
    let mut stream = Stream::of(&[3]);
    stream.frames.push_back(Frame::trailers(trailers.clone()));
    let (first, rewind) = kept(stream);
    let first = first.collect().await.unwrap();
    let second = rewind.rewind().unwrap().collect().await.unwrap();
    for collected in [first, second] {
        assert_eq!(collected.trailers(), Some(&trailers));
        assert_eq!(collected.to_bytes(), "aaa");
    }
}

proptest! {
    #[test]
    fn whatever_was_read_before_the_second_reader_gets_it_all(
        sizes in prop::collection::vec(0_usize..2_000, 0..20),
        read_before in 0_usize..25,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let expected = Stream::of(&sizes).collect().await.unwrap().to_bytes();
            let (mut first, rewind) = kept(Stream::of(&sizes));
            for _ in 0..read_before {
                if first.frame().await.is_none() {
                    break;
                }
            }
            assert_eq!(read(rewind.rewind().unwrap()).await, expected);
        });
    }
}
