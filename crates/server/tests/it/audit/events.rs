//! What happens without anybody's order.

use std::time::Duration;

use serde_json::json;
use tollgate_server::{Listeners, Tls, run};
use tollgate_store::{Record, RecordFilter, RecordOrder, Store};

use super::{newest, since};
use crate::faults::{Fault, Faults};
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

/// Reads the trail until it has a record of this act.
async fn recorded(trail: &dyn Store, act: &str) -> Record {
    let wanted = RecordFilter { act: Some(act.to_owned()), ..RecordFilter::default() };
    loop {
        let found = trail.records(&wanted, RecordOrder::NewestFirst, None, 1).await.unwrap();
        if let Some(record) = found.into_iter().next() {
            return record;
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn that_a_server_reads_no_changes_for_too_long_is_recorded_and_that_it_does_again() {
    let faults = Faults::default();
    let listen = [("TOLLGATE_LISTEN", "127.0.0.1:0"), ("TOLLGATE_ADMIN_LISTEN", "127.0.0.1:0")];
    let stage = Stage::with(&listen, |store| faults.in_front_of(store)).await;
    let (listeners, elsewhere) = (Listeners::bind(&stage.config).unwrap(), stage.elsewhere.clone());
    faults.set("changes_since", Fault::Refuses);
    stage.clock.advance(Duration::from_secs(61));
    let (server, follower, _folder) = stage.into_parts();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let running = tokio::spawn(run(server, listeners, Tls::default(), async {
        let _ = stopped.await;
    }));
    let _following = follower.start();
    let stale = recorded(&*elsewhere, "server.stale").await;
    assert_eq!((stale.outcome.as_str(), stale.after.as_deref()), ("done", Some(r#"{"unread_seconds":61}"#)));
    assert!(stale.object.starts_with("server:"), "{}", stale.object);
    faults.clear();
    let current = recorded(&*elsewhere, "server.current").await;
    assert_eq!((current.object, current.link.seq > stale.link.seq), (stale.object, true));
    stop.send(()).unwrap();
    running.await.unwrap();
}
