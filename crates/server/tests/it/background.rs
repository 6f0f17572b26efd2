//! What runs beside the requests, and what is said when it runs no more.

use std::time::Duration;

use tollgate_installation::{NotReady, Task};
use tollgate_server::{Listeners, Server, Tls, run};
use tollgate_store::{RecordFilter, RecordOrder};

use crate::call::{Call, LIST, TOKEN, assert_refused};
use crate::faults::{Fault, Faults};
use crate::stage::{PEER, Stage, answer};

/// Lets the tasks run past all their intervals.
async fn ready_after_a_while(server: &Server) -> Result<(), NotReady> {
    for _ in 0..100 {
        server.readiness()?;
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_background_task_that_panics_makes_the_server_not_ready_even_where_it_serves_stale() {
    for (method, task) in
        [("changes_since", Task::Follower), ("client_ids", Task::ClientIds), ("purge", Task::Purge)]
    {
        let faults = Faults::default();
        let serve = [("TOLLGATE_TOKENS__WHEN_STALE", "serve")];
        let stage = Stage::with(&serve, |store| faults.in_front_of(store)).await;
        let shop = stage.shop.clone();
        // It would wait for the disk, while time goes on without it.
        faults.set("note_time_passed", Fault::Refuses);
        faults.set(method, Fault::Panics);
        let (server, follower, _folder) = stage.into_parts();
        let _following = follower.start();
        assert_eq!(ready_after_a_while(&server).await, Err(NotReady::Panicked(task)));

        faults.clear();
        let reply = answer(&server, PEER, Call::get("/readyz").whole()).await;
        assert_refused(&reply, 503, "UNAVAILABLE");
        assert!(reply.text().contains("has panicked"), "{}", reply.text());
        // It goes on with what it can.
        let reply = answer(&server, PEER, Call::post(TOKEN).json(&shop.body()).whole()).await;
        assert_eq!(reply.status(), 200);
    }
}

#[tokio::test(start_paused = true)]
async fn a_store_that_is_away_ends_no_background_task() {
    let faults = Faults::default();
    let stage =
        Stage::with(&[("TOLLGATE_TOKENS__WHEN_STALE", "serve")], |store| faults.in_front_of(store)).await;
    for method in ["changes_since", "client_ids", "note_time_passed", "purge"] {
        faults.set(method, Fault::Refuses);
    }
    let (server, follower, _folder) = stage.into_parts();
    let _following = follower.start();
    faults.take_calls();
    assert_eq!(ready_after_a_while(&server).await, Ok(()));
    let calls = faults.take_calls();
    assert!(calls["changes_since"] > 100 && calls["client_ids"] > 50 && calls["purge"] == 1, "{calls:?}");
}

#[tokio::test]
async fn a_rotation_that_panics_makes_the_server_not_ready() {
    let faults = Faults::default();
    let listen = [("TOLLGATE_LISTEN", "127.0.0.1:0"), ("TOLLGATE_ADMIN_LISTEN", "127.0.0.1:0")];
    let stage = Stage::with(&listen, |store| faults.in_front_of(store)).await;
    faults.set("lead", Fault::Panics);
    let (listeners, elsewhere) = (Listeners::bind(&stage.config).unwrap(), stage.elsewhere.clone());
    let (server, _, _folder) = stage.into_parts();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let running = tokio::spawn(run(server.clone(), listeners, Tls::default(), async {
        let _ = stopped.await;
    }));
    while server.readiness().is_ok() {
        tokio::task::yield_now().await;
    }
    assert_eq!(server.readiness(), Err(NotReady::Panicked(Task::Rotation)));
    stop.send(()).unwrap();
    running.await.unwrap();
    // It stands in the audit trail, too.
    let wanted = RecordFilter { act: Some("server.task-panic".to_owned()), ..RecordFilter::default() };
    let records = elsewhere.records(&wanted, RecordOrder::OldestFirst, None, 10).await.unwrap();
    let [record] = &records[..] else { panic!("once: {records:?}") };
    assert_eq!(
        (record.outcome.as_str(), record.after.as_deref()),
        ("failed", Some(r#"{"task":"rotating the signing keys"}"#))
    );
}

/// A token that was signed by another server's new key: the sooner that key is known here, and what it replaced is not
/// used any more, the better. Strangers can't make the server read the log all the time.
#[tokio::test(start_paused = true)]
async fn an_unknown_signature_has_the_change_log_read_soon_and_not_too_often() {
    let faults = Faults::default();
    let stage = Stage::with(&[], |store| faults.in_front_of(store)).await;
    let token = stage.tokens(&stage.shop).await.access;
    let (signed, _) = token.rsplit_once('.').unwrap();
    let unknown = format!("{signed}.{}", "A".repeat(43));
    faults.set("changes_since", Fault::Refuses);
    let (server, follower, _folder) = stage.into_parts();
    let _following = follower.start();
    let millis = Duration::from_millis;
    tokio::time::sleep(millis(1)).await;
    let reads = async |requests: u32, apart: Duration| {
        faults.take_calls();
        for _ in 0..requests {
            let reply = answer(&server, PEER, Call::get(LIST).bearer(&unknown).whole()).await;
            assert_refused(&reply, 401, "INVALID_TOKEN");
            tokio::time::sleep(apart).await;
        }
        faults.take_calls().remove("changes_since").unwrap_or_default()
    };
    assert_eq!(reads(0, millis(0)).await, 0);
    assert_eq!(reads(1, millis(100)).await, 1);
    let flooded = reads(1_000, millis(1)).await;
    assert!((15..=25).contains(&flooded), "{flooded} readings in a second");
}
