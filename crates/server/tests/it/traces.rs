//! Whose word counts about what is recorded.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use tollgate_telemetry::{Collector, Identity, Sending, Signal, Telemetry};

use crate::call::{Call, LIST, TOKEN};
use crate::stage::Stage;

/// Takes everything.
struct Anything;

impl Collector for Anything {
    fn send(&self, _: Signal, _: Vec<u8>) -> Sending<'_> {
        Box::pin(async { Ok(()) })
    }
}

/// How many spans are recorded, of the share of traces that begin here, of a request that a peer wants recorded.
async fn recorded(share: f64, peer: &str, call: fn() -> Call) -> u64 {
    let stage = Stage::with(&[("TOLLGATE_TRUSTED_PROXIES", "192.0.2.0/24")], |store| Arc::new(store)).await;
    let identity = Identity {
        service_name: "tests".to_owned(),
        version: "1",
        instance: "one".to_owned(),
        attributes: Vec::new(),
    };
    let telemetry = Telemetry::new(identity, Arc::new(Anything)).traces(share);
    let counts = telemetry.counts();
    let (traces, delivering) = telemetry.start();
    stage.server.record(traces, counts.clone());
    let peer: IpAddr = peer.parse().unwrap();
    let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    stage.answer_from(peer, call().header("traceparent", parent)).await;
    assert!(delivering.end(Duration::from_secs(2)).await);
    let [(_, delivered), (_, dropped), (_, undelivered)] = counts.spans();
    assert_eq!((dropped, undelivered), (0, 0));
    delivered
}

fn list() -> Call {
    Call::get(LIST)
}

#[tokio::test]
async fn callers_on_this_machine_and_trusted_proxies_decide_and_strangers_do_not() {
    for (peer, decides) in [("127.0.0.1", 1), ("::1", 1), ("192.0.2.7", 1), ("203.0.113.7", 0)] {
        assert_eq!(recorded(0.0, peer, list).await, decides, "{peer}");
        assert_eq!(recorded(1.0, peer, list).await, 1, "{peer}");
    }
}

#[tokio::test]
async fn a_token_request_is_one_span_and_what_operators_look_at_is_none() {
    assert_eq!(recorded(1.0, "127.0.0.1", || Call::post(TOKEN)).await, 1);
    let looked_at: [fn() -> Call; 3] =
        [|| Call::get("/healthz"), || Call::get("/readyz"), || Call::get("/metrics")];
    for call in looked_at {
        assert_eq!(recorded(1.0, "127.0.0.1", call).await, 0);
    }
}
