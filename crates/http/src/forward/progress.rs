//! Limits how long an answer may take: as long as the request's body makes progress, and then for a while.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use http_body::{Body, Frame, SizeHint};
use tokio::time::{Instant, sleep_until};

/// The side that a request waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Awaited {
    /// The caller, for more of the body.
    Caller,
    /// The upstream, to read the body or to answer.
    Upstream,
}

/// The progress of a request's body.
#[derive(Clone)]
pub(super) struct Progress(Arc<Mutex<State>>);

struct State {
    moved: Instant,
    awaited: Awaited,
    broken: bool,
}

impl Progress {
    /// Starts to measure now.
    pub(super) fn new() -> Self {
        let state = State { moved: Instant::now(), awaited: Awaited::Upstream, broken: false };
        Self(Arc::new(Mutex::new(state)))
    }

    /// Watches a body.
    pub(super) fn of<B>(&self, body: B) -> Watched<B> {
        Watched { body, progress: self.clone() }
    }

    /// Waits until there has been no progress for this long.
    pub(super) async fn stalled(&self, limit: Duration) -> Awaited {
        loop {
            let (deadline, awaited) = {
                let state = self.state();
                (state.moved + limit, state.awaited)
            };
            if Instant::now() >= deadline {
                return awaited;
            }
            sleep_until(deadline).await;
        }
    }

    /// Says whether the caller's side of the body broke.
    pub(super) fn is_broken(&self) -> bool {
        self.state().broken
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().expect("nothing panics with the state locked")
    }
}

/// The body of a forwarded request, whose progress is watched.
pub struct Watched<B> {
    body: B,
    progress: Progress,
}

impl<B: Body + Unpin> Body for Watched<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(cx);
        let mut state = self.progress.state();
        if polled.is_pending() {
            state.awaited = Awaited::Caller;
        }
        let frame = ready!(polled);
        state.moved = Instant::now();
        state.awaited = Awaited::Upstream;
        state.broken = matches!(frame, Some(Err(_)));
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use bytes::Bytes;
    use http_body_util::channel::Channel;

    use super::*;

    const LIMIT: Duration = Duration::from_secs(60);

    #[tokio::test(start_paused = true)]
    async fn a_request_without_a_body_waits_for_the_upstream() {
        let began = Instant::now();
        assert_eq!(Progress::new().stalled(LIMIT).await, Awaited::Upstream);
        assert_eq!(began.elapsed(), LIMIT);
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_moves_is_waited_for_and_one_that_stops_is_the_callers_fault() {
        let (mut sender, body) = Channel::<Bytes>::new(1);
        let progress = Progress::new();
        let mut body = progress.of(body);
        let began = Instant::now();
        tokio::spawn(async move {
            for _ in 0..10 {
                tokio::time::sleep(LIMIT / 2).await;
                sender.send_data(Bytes::from("x")).await.unwrap();
            }
            std::future::pending::<()>().await;
        });
        tokio::spawn(
            async move { while poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await.is_some() {} },
        );
        assert_eq!(progress.stalled(LIMIT).await, Awaited::Caller);
        assert_eq!(began.elapsed(), LIMIT * 6);
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_nobody_reads_is_the_upstreams_fault() {
        let (_sender, body) = Channel::<Bytes>::new(1);
        let progress = Progress::new();
        let _body = progress.of(body);
        assert_eq!(progress.stalled(LIMIT).await, Awaited::Upstream);
    }
}
