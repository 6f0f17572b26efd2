//! How often answering a request allocates. Exact numbers: one more is a regression, one less is to be written down.

use std::pin::pin;
use std::task::{Context, Poll, Waker};

use allocation_counter::measure;
use serde_json::json;

use crate::call::{Call, REFRESH, TOKEN};
use crate::stage::{PEER, Stage};

/// Counts what the server allocates from the request to the answer. What it waits for is there, so it is polled once.
fn allocations(stage: &Stage, call: Call) -> u64 {
    let request = call.whole();
    let counted = measure(|| {
        let mut answer = pin!(stage.server.handle(PEER, request));
        let Poll::Ready(answer) = answer.as_mut().poll(&mut Context::from_waker(Waker::noop())) else {
            panic!("it waits for something");
        };
        assert_eq!(answer.status(), 200);
        // Dropping it frees, which is not counted.
    });
    counted.count_total
}

#[tokio::test]
async fn a_token_request_allocates_three_times() {
    let stage = Stage::open().await;
    let call = || Call::post(TOKEN).json(&stage.shop.body());
    // The first one reads the client from the store and makes the buffers of the thread.
    assert_eq!(stage.answer(call()).await.status(), 200);
    // The request id; in the headers, the table and the entries. The body gets the buffer of the one before, which is gone.
    assert_eq!(allocations(&stage, call()), 3);
}

#[tokio::test]
async fn a_refresh_request_allocates_four_times() {
    let stage = Stage::open().await;
    let tokens = stage.tokens(&stage.shop).await;
    let call = || Call::post(REFRESH).json(&json!({"refresh_token": tokens.refresh}));
    assert_eq!(stage.answer(call()).await.status(), 200);
    // As above, and room for the decoded token.
    assert_eq!(allocations(&stage, call()), 4);
}
