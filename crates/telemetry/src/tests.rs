//! Tests of recording and of delivery.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::{HeaderMap, HeaderValue, Method, Request, Version};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;

use crate::context::{TRACEPARENT, TRACESTATE};
use crate::queue::CAPACITY;
use crate::{
    Collector, Identity, InContext, Received, Sending, Signal, Telemetry, Traces, Trust, Undelivered, Work,
};

const PATIENCE: Duration = Duration::from_secs(2);
const SAMPLED: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
const UNSAMPLED: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00";

/// How a delivery ends.
#[derive(Clone, Copy)]
enum Ends {
    Later,
    Refused,
    Never,
}

/// A collector that takes everything except the first deliveries, which follow its script.
#[derive(Default)]
struct Scripted {
    script: Mutex<VecDeque<Ends>>,
    taken: Mutex<Vec<(Signal, Vec<u8>)>>,
}

impl Scripted {
    fn of(script: &[Ends]) -> Arc<Self> {
        Arc::new(Self { script: Mutex::new(script.iter().copied().collect()), ..Self::default() })
    }

    fn spans(&self) -> Vec<Span> {
        let taken = self.taken.lock().unwrap();
        let traces = taken.iter().filter(|(signal, _)| *signal == Signal::Traces);
        traces
            .flat_map(|(_, body)| ExportTraceServiceRequest::decode(&body[..]).unwrap().resource_spans)
            .flat_map(|of| of.scope_spans)
            .flat_map(|scope| scope.spans)
            .collect()
    }
}

impl Collector for Scripted {
    fn send(&self, signal: Signal, body: Vec<u8>) -> Sending<'_> {
        Box::pin(async move {
            let ends = self.script.lock().unwrap().pop_front();
            match ends {
                Some(Ends::Later) => return Err(Undelivered::Later("it is busy".to_owned())),
                Some(Ends::Refused) => return Err(Undelivered::Refused("it does not want it".to_owned())),
                Some(Ends::Never) => std::future::pending().await,
                None => {}
            }
            self.taken.lock().unwrap().push((signal, body));
            Ok(())
        })
    }
}

fn telemetry(collector: &Arc<Scripted>, share: f64) -> Telemetry {
    let identity = Identity {
        service_name: "tests".to_owned(),
        version: "1",
        instance: "one".to_owned(),
        attributes: vec![("a".to_owned(), "b".to_owned())],
    };
    Telemetry::new(identity, collector.clone()).traces(share)
}

fn headers(parent: &'static str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(TRACEPARENT, HeaderValue::from_static(parent));
    headers.insert(TRACESTATE, HeaderValue::from_static("vendor=1"));
    headers
}

/// Answers a request; returns whether it was recorded.
fn answer(traces: &Traces, headers: &HeaderMap, trust: Trust) -> bool {
    let (method, version) = (Method::GET, Version::HTTP_11);
    let received = Received { method: &method, headers, version, route: Some("/x"), scheme: "http", trust };
    let span = traces.received(received);
    let is_recorded = span.is_some();
    if let Some(span) = span {
        span.answered(200, "id");
    }
    is_recorded
}

/// Returns the span that is recorded of a request.
async fn recorded(share: f64, parent: &'static str, trust: Trust) -> Option<Span> {
    let collector = Scripted::of(&[]);
    let (traces, delivering) = telemetry(&collector, share).start();
    let is_recorded = answer(&traces.unwrap(), &headers(parent), trust);
    assert!(delivering.end(PATIENCE).await);
    let mut spans = collector.spans();
    assert_eq!(spans.len(), usize::from(is_recorded));
    spans.pop()
}

#[tokio::test(start_paused = true)]
async fn a_trusted_caller_decides_what_is_recorded() {
    for share in [0.0, 1.0] {
        let span = recorded(share, SAMPLED, Trust::Trusted).await.unwrap();
        assert_eq!((span.name.as_str(), span.trace_state.as_str()), ("GET /x", "vendor=1"));
        assert_eq!(span.parent_span_id, 0x00f0_67aa_0ba9_02b7_u64.to_be_bytes());
        assert!(recorded(share, UNSAMPLED, Trust::Trusted).await.is_none());
    }
}

#[tokio::test(start_paused = true)]
async fn a_stranger_can_have_no_more_recorded_than_the_share_and_nothing_of_its_own() {
    assert!(recorded(0.0, SAMPLED, Trust::Stranger).await.is_none());
    assert!(recorded(1.0, UNSAMPLED, Trust::Stranger).await.is_none());
    let span = recorded(1.0, SAMPLED, Trust::Stranger).await.unwrap();
    assert_eq!(span.trace_id, 0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736_u128.to_be_bytes());
    assert_eq!((span.parent_span_id.len(), span.trace_state.as_str()), (8, ""));
}

#[tokio::test(start_paused = true)]
async fn a_call_within_the_process_belongs_to_what_it_is_made_for_or_to_nothing() {
    assert!(recorded(1.0, SAMPLED, Trust::Inside).await.is_none());
    let collector = Scripted::of(&[]);
    let (traces, delivering) = telemetry(&collector, 1.0).start();
    let traces = traces.unwrap();
    let (method, empty) = (Method::GET, HeaderMap::new());
    let version = Version::HTTP_11;
    let outer = Received {
        method: &method,
        headers: &empty,
        version,
        route: None,
        scheme: "http",
        trust: Trust::Stranger,
    };
    let span = traces.received(outer).unwrap();
    let work =
        || Work { name: "work", took: Duration::from_millis(5), failed: true, attributes: vec![("a", "b")] };
    InContext::new(async { assert!(answer(&traces, &empty, Trust::Inside)) }, Some(&span)).await;
    InContext::new(async { traces.worked(work()) }, Some(&span)).await;
    InContext::new(async { traces.worked(work()) }, None).await;
    let mut call = Request::get("https://pay.example.com:8443/x").body(()).unwrap();
    *call.headers_mut() = headers(UNSAMPLED);
    traces.calling(&span, &mut call, 0).failed("timeout");
    let sent = call.headers();
    let trace_id = span.trace_id();
    span.answered(500, "id");
    assert!(delivering.end(PATIENCE).await);
    let spans = collector.spans();
    let [inner, worked, called, whole] = &spans[..] else { panic!("{spans:#?}") };
    for within in [inner, worked, called] {
        assert_eq!((&within.trace_id, &within.parent_span_id), (&whole.trace_id, &whole.span_id));
    }
    assert_eq!((whole.name.as_str(), called.name.as_str(), worked.name.as_str()), ("GET", "GET", "work"));
    let failed = |span: &Span| span.status.as_ref().is_some_and(|status| status.code == 2);
    assert!(failed(whole) && failed(called) && failed(worked) && !failed(inner));
    assert_eq!(worked.end_time_unix_nano - worked.start_time_unix_nano, 5_000_000);
    let passed = sent[TRACEPARENT].to_str().unwrap();
    assert!(passed.starts_with(&format!("00-{trace_id}-")) && passed.ends_with("-01"), "{passed}");
    assert!(!sent.contains_key(TRACESTATE), "it is the state of another trace");
}

#[tokio::test(start_paused = true)]
async fn what_finds_the_queue_full_is_dropped_and_counted_and_nobody_waits() {
    let collector = Scripted::of(&[]);
    let telemetry = telemetry(&collector, 1.0);
    let counts = telemetry.counts();
    let (traces, delivering) = telemetry.start();
    let traces = traces.unwrap();
    // The task that delivers has not run yet.
    for _ in 0..CAPACITY + 7 {
        assert!(answer(&traces, &HeaderMap::new(), Trust::Stranger));
    }
    assert!(delivering.end(PATIENCE).await);
    assert_eq!(counts.spans(), [("delivered", CAPACITY as u64), ("dropped", 7), ("undelivered", 0)]);
    assert_eq!(collector.spans().len(), CAPACITY);
}

#[tokio::test(start_paused = true)]
async fn a_delivery_is_tried_again_while_the_collector_is_busy_and_not_when_it_refuses() {
    use Ends::{Later, Refused};
    for (script, delivered) in [(&[Later, Later][..], 1), (&[Later, Later, Later], 0), (&[Refused], 0)] {
        let collector = Scripted::of(script);
        let telemetry = telemetry(&collector, 1.0);
        let counts = telemetry.counts();
        let (traces, delivering) = telemetry.start();
        answer(&traces.unwrap(), &HeaderMap::new(), Trust::Stranger);
        tokio::time::sleep(Duration::from_secs(30)).await;
        assert_eq!(
            counts.spans(),
            [("delivered", delivered), ("dropped", 0), ("undelivered", 1 - delivered)]
        );
        assert!(delivering.end(PATIENCE).await);
    }
}

#[tokio::test(start_paused = true)]
async fn a_collector_that_never_answers_is_not_waited_for_at_the_end() {
    let collector = Scripted::of(&[Ends::Never]);
    let (traces, delivering) = telemetry(&collector, 1.0).start();
    answer(&traces.unwrap(), &HeaderMap::new(), Trust::Stranger);
    let began = tokio::time::Instant::now();
    assert!(!delivering.end(PATIENCE).await);
    assert_eq!(began.elapsed(), PATIENCE);
}

#[tokio::test(start_paused = true)]
async fn metrics_are_delivered_once_a_minute_and_at_the_end() {
    let collector = Scripted::of(&[Ends::Refused]);
    let telemetry = telemetry(&collector, 1.0).metrics(|| "# TYPE a gauge\na 1\n".to_owned());
    let counts = telemetry.counts();
    let (_traces, delivering) = telemetry.start();
    tokio::time::sleep(Duration::from_secs(121)).await;
    assert_eq!(counts.metrics(), [("delivered", 1), ("undelivered", 1)]);
    assert!(delivering.end(PATIENCE).await);
    assert_eq!(counts.metrics(), [("delivered", 2), ("undelivered", 1)]);
    let text = counts.to_string();
    assert!(text.contains("tollgate_telemetry_metrics_total{outcome=\"delivered\"} 2\n"), "{text}");
    assert!(text.contains("tollgate_telemetry_spans_total{outcome=\"dropped\"} 0\n"), "{text}");
}
