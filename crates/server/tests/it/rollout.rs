//! Another configuration is adopted first, and then rolled out server by server.

use std::time::Duration;

use tollgate_admin::ROLLOUT;

use crate::agreement::{
    NEW, SECOND, Settings, adopt_by_hand, agree, assert_good, assert_suspended, node, ready,
};
use crate::call::{Call, INTROSPECT, assert_refused};
use crate::clock::ManualClock;
use crate::oauth::{post_as, said};
use crate::stage::{Node, Stage, Tokens};

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(60 * 60);

/// Every token of each server is good on each that is ready, at every step; and one of the two always is.
#[tokio::test]
async fn a_configuration_that_is_adopted_first_is_rolled_out_without_one_false_refusal() {
    let stage = Stage::open().await;
    let mut one = node(&stage, &[]).await;
    let mut other = node(&stage, &[]).await;
    stage.installation.leave().await;
    let mut issued = Vec::new();
    check([&one, &other], &stage, &mut issued, [200, 200]).await;

    adopt_by_hand(&stage, NEW).await;
    // Neither has heard of it, then one, then both.
    check([&one, &other], &stage, &mut issued, [200, 200]).await;
    one.follow().await;
    check([&one, &other], &stage, &mut issued, [200, 200]).await;
    // The first is restarted, before the second has heard: it does not issue what the second would refuse.
    one.installation.leave().await;
    one = node(&stage, NEW).await;
    check([&one, &other], &stage, &mut issued, [503, 200]).await;
    stage.advance(4 * SECOND).await;
    other.follow().await;
    agree(&one).await;
    check([&one, &other], &stage, &mut issued, [503, 200]).await;
    stage.advance(SECOND).await;
    for node in [&mut one, &mut other] {
        node.follow().await;
        agree(node).await;
    }
    check([&one, &other], &stage, &mut issued, [200, 200]).await;
    let metric = other.answer(Call::get("/metrics")).await;
    assert!(metric.text().contains("\ntollgate_configuration_replaced 1\n"));

    // The operator changes their mind, and again: who served goes on.
    for settings in [&[] as Settings, NEW] {
        adopt_by_hand(&stage, settings).await;
        for node in [&mut one, &mut other] {
            node.follow().await;
            assert_eq!(ready(node).await.0, 200);
            agree(node).await;
        }
        check([&one, &other], &stage, &mut issued, [200, 200]).await;
        stage.advance(SECOND).await;
    }

    // One that is killed and comes back as it was goes on as well.
    other.installation.leave().await;
    other = node(&stage, &[]).await;
    check([&one, &other], &stage, &mut issued, [200, 200]).await;
    other.installation.leave().await;
    other = node(&stage, NEW).await;
    check([&one, &other], &stage, &mut issued, [200, 200]).await;
    let metric = other.answer(Call::get("/metrics")).await;
    assert!(metric.text().contains("\ntollgate_configuration_replaced 0\n"));
}

/// Has each server that is to be ready issue tokens, and all that were ever issued taken by it and refused by none.
async fn check(nodes: [&Node; 2], stage: &Stage, issued: &mut Vec<Tokens>, expected: [u16; 2]) {
    assert_eq!([ready(nodes[0]).await.0, ready(nodes[1]).await.0], expected);
    for (node, status) in nodes.into_iter().zip(expected) {
        if status == 200 {
            issued.push(node.tokens(&stage.shop).await);
        }
    }
    for tokens in issued.iter() {
        for (node, status) in nodes.into_iter().zip(expected) {
            let statuses = [node.list(&tokens.access).await, node.refresh(&tokens.refresh).await];
            assert_eq!(statuses.map(|reply| reply.status().as_u16()), [status; 2]);
        }
    }
}

#[tokio::test]
async fn a_server_with_the_former_configuration_serves_for_a_day_and_its_tokens_are_good_to_their_end() {
    let stage = Stage::open().await;
    let mut former = node(&stage, &[]).await;
    adopt_by_hand(&stage, NEW).await;
    let mut latter = node(&stage, NEW).await;
    let mut last = former.tokens(&stage.shop).await;
    for hour in 0..24 {
        for node in [&mut former, &mut latter] {
            node.follow().await;
            agree(node).await;
        }
        assert_eq!(ready(&former).await.0, 200, "{hour}");
        last = former.tokens(&stage.shop).await;
        stage.clock.advance(HOUR);
    }
    former.follow().await;
    agree(&former).await;
    assert_suspended(&former, &stage, &last, "tokens.audience is payment-api here and other-api").await;
    assert_eq!(ROLLOUT, 24 * HOUR);
    stage.clock.advance(22 * HOUR + 59 * MINUTE + 59 * SECOND);
    latter.follow().await;
    agree(&latter).await;
    assert_eq!(latter.refresh(&last.refresh).await.status(), 200);
    stage.clock.advance(SECOND);
    latter.follow().await;
    assert_refused(&latter.refresh(&last.refresh).await, 401, "INVALID_TOKEN");
}

/// A server that is not in touch does not know of the other audience: it can't tell.
#[tokio::test]
async fn a_server_that_has_not_heard_of_an_adoption_for_five_seconds_calls_no_token_of_it_wrong() {
    let stage = Stage::open().await;
    let apart = stage.node(ManualClock::at(stage.now())).await;
    adopt_by_hand(&stage, NEW).await;
    let latter = node(&stage, NEW).await;
    stage.advance(5 * SECOND).await;
    agree(&latter).await;
    let tokens = latter.tokens(&stage.shop).await;
    apart.clock.advance(5 * SECOND);
    for reply in [apart.list(&tokens.access).await, apart.refresh(&tokens.refresh).await] {
        assert_refused(&reply, 503, "UNAVAILABLE");
    }
}

#[tokio::test]
async fn what_was_agreed_on_long_ago_counts_no_more() {
    let stage = Stage::open().await;
    stage.installation.leave().await;
    let former = node(&stage, NEW).await;
    let tokens = former.tokens(&stage.shop).await;
    former.installation.leave().await;
    let back = node(&stage, &[]).await;
    assert_good(&back, &tokens).await;
    // When it was agreed on is long ago, and so is its last token.
    stage.clock.advance(ROLLOUT + 24 * HOUR + 2 * MINUTE);
    agree(&back).await;
    assert!(back.installation.verifier().keyring().accepted().is_empty());
}

/// While an audience is replaced by another, introspection says the same of a token as the guard.
#[tokio::test]
async fn while_an_audience_is_replaced_tokens_of_both_are_active() {
    let stage = Stage::open().await;
    let mut former = node(&stage, &[]).await;
    stage.installation.leave().await;
    let of_former = former.tokens(&stage.shop).await.access;
    adopt_by_hand(&stage, NEW).await;
    former.follow().await;
    let mut latter = node(&stage, NEW).await;
    stage.advance(6 * SECOND).await;
    for node in [&mut former, &mut latter] {
        node.follow().await;
        agree(node).await;
    }
    let of_latter = latter.tokens(&stage.shop).await.access;
    for node in [&former, &latter] {
        for token in [&of_former, &of_latter] {
            assert_eq!(node.list(token).await.status(), 200);
            let reply = node.answer(post_as(&stage.shop, INTROSPECT, &format!("token={token}"))).await;
            assert_eq!(said(&reply)["active"], true, "{}", reply.text());
        }
    }
}
