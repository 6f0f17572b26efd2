//! What runs beside the requests, and what is said when it runs no more.

use std::time::Duration;

use tollgate_server::{Listeners, NotReady, Server, Task, run};

use crate::call::{Call, TOKEN, assert_refused};
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
    faults.set("elect", Fault::Panics);
    let listeners = Listeners::bind(&stage.config).unwrap();
    let (server, follower, _folder) = stage.into_parts();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let running = tokio::spawn(run(server.clone(), follower, listeners, None, async {
        let _ = stopped.await;
    }));
    while server.readiness().is_ok() {
        tokio::task::yield_now().await;
    }
    assert_eq!(server.readiness(), Err(NotReady::Panicked(Task::Rotation)));
    stop.send(()).unwrap();
    running.await.unwrap();
}
