//! What happens without anybody's order.

use std::time::Duration;

use serde_json::json;

use super::{newest, since};
use crate::stage::Stage;

#[tokio::test]
async fn that_a_key_begins_to_sign_and_ends_to_count_is_recorded_once() {
    let stage = Stage::open().await;
    // A year after the first key was made, by the clock that records go by: the next one is due.
    stage.clock.set(stage.elsewhere.now().await.unwrap());
    let nodes = [stage.node(stage.clock.clone()).await, stage.node(stage.clock.clone()).await];
    let before = newest(&stage).await;
    for _ in 0..3 {
        for node in &nodes {
            node.rotation.step().await.unwrap();
        }
        stage.clock.advance(Duration::from_secs(24 * 60 * 60));
    }
    let recorded = since(&stage, before).await;
    let acts: Vec<_> = recorded.iter().map(|record| record["act"].as_str().unwrap()).collect();
    assert_eq!(acts, ["key.add", "key.activate", "key.retire"], "{recorded:#?}");
    assert!(recorded.iter().all(|record| record["actor"] == json!("system")));
    let key = |record: usize| &recorded[record]["object"];
    assert!(key(0) == key(1) && key(0) != key(2), "{recorded:#?}");
}
