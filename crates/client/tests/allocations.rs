//! How often reading a fresh token allocates. Exact numbers: one more is a regression.

use std::time::Duration;

use allocation_counter::measure;
use tollgate_client::{Cached, Clock, Obtaining, Settings, Token, TokenSource};

struct Authority;

impl TokenSource for Authority {
    fn obtain<'a>(&'a self, clock: &'a dyn Clock) -> Obtaining<'a> {
        let token = Token::new("abc.def", clock.now(), Duration::from_secs(900));
        Box::pin(async move { Ok(token.expect("it is a token")) })
    }
}

#[tokio::test]
async fn reading_a_fresh_token_allocates_nothing() {
    let cached = Cached::new(Authority, Settings::default());
    // The first reading makes a thread's own slots.
    cached.ready().await.expect("there is a token");
    let counted = measure(|| {
        let authorization = cached.authorization().expect("there is a token");
        assert!(authorization.into_header().is_sensitive());
    });
    assert_eq!(counted.count_total, 0);
}

#[test]
fn waiting_for_a_token_that_is_there_allocates_nothing() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("it starts");
    let cached = {
        let _entered = runtime.enter();
        Cached::new(Authority, Settings::default())
    };
    runtime.block_on(cached.ready()).expect("there is a token");
    let counted = measure(|| {
        let mut ready = std::pin::pin!(cached.ready());
        let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
        assert!(ready.as_mut().poll(&mut cx).is_ready());
    });
    assert_eq!(counted.count_total, 0);
}
