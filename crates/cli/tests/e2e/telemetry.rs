//! Traces and metrics by OTLP, of a server and of the agent, as a collector receives them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::{Arc, Mutex};

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use prost::Message;
use serde_json::Value;

use crate::harness::{Api, CREATE, Dev, JSON, Process, Serve, fails, finish, payment, tollgate};

/// A request that a collector has received.
#[derive(Clone)]
struct Delivery {
    line: String,
    head: Vec<String>,
    body: Vec<u8>,
}

/// A collector that takes everything.
struct Receiver {
    url: String,
    received: Arc<Mutex<Vec<Delivery>>>,
}

/// A span, and the name of the service that it is of.
#[derive(Debug, Clone)]
struct Recorded {
    service: String,
    span: Span,
}

impl Receiver {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let received = Arc::<Mutex<Vec<Delivery>>>::default();
        let seen = received.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let seen = seen.clone();
                std::thread::spawn(move || seen.lock().unwrap().extend(receive(stream)));
            }
        });
        Self { url, received }
    }

    fn received(&self, path: &str) -> Vec<Delivery> {
        let received = self.received.lock().unwrap();
        received
            .iter()
            .filter(|delivery| delivery.line.starts_with(&format!("POST {path} ")))
            .cloned()
            .collect()
    }

    fn spans(&self) -> Vec<Recorded> {
        let mut spans = Vec::new();
        for delivery in self.received("/v1/traces") {
            for of in ExportTraceServiceRequest::decode(&delivery.body[..]).unwrap().resource_spans {
                let service = told(&of.resource.unwrap().attributes)["service.name"].clone();
                let all = of.scope_spans.into_iter().flat_map(|scope| scope.spans);
                spans.extend(all.map(|span| Recorded { service: service.clone(), span }));
            }
        }
        spans
    }

    /// The names of the metrics that a service has sent.
    fn metrics(&self, service: &str) -> BTreeSet<String> {
        let mut names = BTreeSet::new();
        for delivery in self.received("/v1/metrics") {
            for of in ExportMetricsServiceRequest::decode(&delivery.body[..]).unwrap().resource_metrics {
                if told(&of.resource.unwrap().attributes)["service.name"] == service {
                    let all = of.scope_metrics.into_iter().flat_map(|scope| scope.metrics);
                    names.extend(all.map(|metric| metric.name));
                }
            }
        }
        names
    }
}

/// Reads one request, and answers it.
fn receive(mut stream: TcpStream) -> Option<Delivery> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        match line.trim_end() {
            "" => break,
            line => lines.push(line.to_owned()),
        }
    }
    let length = lines.iter().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok())?;
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").ok()?;
    Some(Delivery { line: lines.remove(0), head: lines, body })
}

fn told(attributes: &[KeyValue]) -> BTreeMap<String, String> {
    let text = |value: &Option<AnyValue>| match value.as_ref().and_then(|any| any.value.as_ref()) {
        Some(Any::StringValue(text)) => text.clone(),
        Some(Any::IntValue(number)) => number.to_string(),
        other => panic!("{other:?}"),
    };
    attributes.iter().map(|one| (one.key.clone(), text(&one.value))).collect()
}

fn hex(id: &[u8]) -> String {
    use std::fmt::Write as _;
    id.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The only one of these spans that has the kind and the name.
fn one<'a>(spans: &'a [Recorded], service: &str, kind: SpanKind, name: &str) -> &'a Span {
    let mut found = spans.iter().filter(|recorded| {
        recorded.service == service && recorded.span.kind() == kind && recorded.span.name == name
    });
    let (Some(one), None) = (found.next(), found.next()) else { panic!("{service} {name}: {spans:#?}") };
    &one.span
}

/// Ends a process as a supervisor does, and returns what it said.
fn end(process: Process) -> String {
    process.signal("TERM");
    let finished = process.finish();
    assert_eq!(finished.code, Some(0), "{finished:?}");
    finished.stdout + &finished.stderr
}

fn dev(data: &Path, receiver: &Receiver, sample: &str) -> Dev {
    let env =
        [("TOLLGATE_TELEMETRY__ENDPOINT", receiver.url.as_str()), ("TOLLGATE_TELEMETRY__SAMPLE", sample)];
    Dev::start_with(data, &env)
}

/// An agent that records every trace, and where it listens.
fn agent(folder: &Path, receiver: &Receiver) -> (Process, Api) {
    let listen = ["--listen", "127.0.0.1:0", "--allow-host", "localhost:80"];
    let otlp = ["--otlp-endpoint", &receiver.url, "--trace-sample", "100%", "--otlp-attribute", "team=till"];
    let args = [&["agent", "--format", "json", "--data", "data"][..], &listen, &otlp].concat();
    let process = Process::spawn(&mut tollgate(folder, &args));
    let address = process.wait_for(|said| {
        let line = said.lines().find(|line| line.contains(r#""msg":"serving""#))?;
        serde_json::from_str::<Value>(line).ok()?["listen"].as_str()?.parse().ok()
    });
    (process, Api(address))
}

#[test]
fn one_trace_leads_from_the_agent_through_the_server_to_its_store_and_holds_no_secret() {
    let (folder, receiver) = (tempfile::tempdir().unwrap(), Receiver::start());
    // The server itself records nothing: the agent decides.
    let dev = dev(&folder.path().join("data"), &receiver, "0%");
    let (agent, at) = agent(folder.path(), &receiver);
    let headers =
        [JSON, ("x-tollgate-agent", "1"), ("idempotency-key", "canary-key"), ("x-api-key", "canary-header")];
    let created =
        at.request("POST", &format!("{CREATE}?q=canary-query"), &headers, &payment("CANARYREF")).unwrap();
    assert_eq!(created.status, 201, "{created:?}");
    let (access, refresh) = dev.tokens();
    let secret = dev.client_secret().to_owned();
    let (said_by_agent, said) = (end(agent), end(dev.process));

    let spans = receiver.spans();
    let whole = one(&spans, "tollgate-agent", SpanKind::Server, "POST");
    let sent = one(&spans, "tollgate-agent", SpanKind::Client, "POST");
    let answered = one(&spans, "tollgate", SpanKind::Server, &format!("POST {CREATE}"));
    assert!(whole.parent_span_id.is_empty() && spans.iter().all(|one| one.span.trace_id == whole.trace_id));
    assert_eq!((&sent.parent_span_id, &answered.parent_span_id), (&whole.span_id, &sent.span_id));
    let stored: Vec<_> = spans.iter().filter(|one| one.span.name == "store idempotency").collect();
    assert_eq!(stored.len(), 2, "the key is taken, and its answer written: {spans:#?}");
    for stored in stored {
        assert_eq!((&stored.span.parent_span_id, stored.service.as_str()), (&answered.span_id, "tollgate"));
        assert_eq!(told(&stored.span.attributes)["db.system.name"], "sqlite");
        assert!(stored.span.start_time_unix_nano >= answered.start_time_unix_nano);
        assert!(stored.span.end_time_unix_nano <= answered.end_time_unix_nano);
    }
    let attributes = told(&answered.attributes);
    assert_eq!(attributes["tollgate.request_id"], created.header("x-request-id").unwrap());
    for (name, value) in [
        ("http.request.method", "POST"),
        ("http.route", CREATE),
        ("http.response.status_code", "201"),
        ("url.scheme", "http"),
        ("network.protocol.version", "1.1"),
    ] {
        assert_eq!(attributes[name], value);
    }
    let address = dev.api.0;
    let attributes = told(&sent.attributes);
    assert_eq!(attributes["server.address"], address.ip().to_string());
    assert_eq!(attributes["server.port"], address.port().to_string());
    assert!(said.contains(&format!("trace_id={}", hex(&whole.trace_id))), "{said}");

    let canaries = [&secret, &access, &refresh, "eyJ", "canary", "CANARY", "Bearer", "payment-requests?"];
    for delivery in receiver.received.lock().unwrap().iter() {
        let text = String::from_utf8_lossy(&delivery.body);
        for canary in canaries {
            assert!(!text.contains(canary), "{canary} in {}", delivery.line);
        }
    }
    assert!(!said_by_agent.contains("WARN"), "{said_by_agent}");
}

#[test]
fn a_token_request_is_recorded_with_what_became_of_it() {
    let (folder, receiver) = (tempfile::tempdir().unwrap(), Receiver::start());
    let dev = dev(&folder.path().join("data"), &receiver, "100%");
    dev.tokens();
    assert_eq!(dev.api.token(dev.client_id(), "wrong").status, 401);
    assert_eq!(dev.api.get("/nowhere/canary").status, 404);
    assert_eq!(dev.api.get("/healthz").status, 200);
    end(dev.process);
    let spans = receiver.spans();
    let mut seen: Vec<_> = spans
        .iter()
        .filter(|one| one.span.kind() == SpanKind::Server)
        .map(|one| (one.span.name.as_str(), told(&one.span.attributes)["http.response.status_code"].clone()))
        .collect();
    seen.sort();
    let token = "POST /api/v1/oauth2/token";
    assert_eq!(seen, [("GET", "404".to_owned()), (token, "200".to_owned()), (token, "401".to_owned())]);
    let errors = spans.iter().filter(|one| one.span.status.as_ref().is_some_and(|status| status.code == 2));
    assert_eq!(errors.count(), 0, "what a caller has done wrong is no error of the server");
}

#[test]
fn what_a_caller_does_not_record_stays_unrecorded_and_what_is_malformed_begins_anew() {
    let (folder, receiver) = (tempfile::tempdir().unwrap(), Receiver::start());
    let dev = dev(&folder.path().join("data"), &receiver, "100%");
    let asked = |parent: &str| {
        let headers = [("traceparent", parent), ("tracestate", "vendor=1")];
        assert_eq!(dev.api.request("GET", "/api/v1/payment-requests", &headers, "").unwrap().status, 401);
    };
    asked("00-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa-bbbbbbbbbbbbbbbb-00");
    asked("00-cccccccccccccccccccccccccccccccc-dddddddddddddddd-01");
    asked("00-EEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEE-ffffffffffffffff-01");
    let said = end(dev.process);
    let spans = receiver.spans();
    let [taken_over, begun] = &spans[..] else { panic!("{spans:#?}") };
    assert_eq!(hex(&taken_over.span.trace_id), "c".repeat(32));
    assert_eq!(
        (hex(&taken_over.span.parent_span_id), taken_over.span.trace_state.as_str()),
        ("d".repeat(16), "vendor=1")
    );
    assert!(begun.span.parent_span_id.is_empty() && hex(&begun.span.trace_id) != "e".repeat(32));
    assert_eq!(begun.span.trace_state, "");
    assert_eq!(said.matches("trace_id=").count(), 2, "{said}");
}

#[test]
fn metrics_are_delivered_by_the_names_that_they_are_shown_by() {
    let (folder, receiver) = (tempfile::tempdir().unwrap(), Receiver::start());
    let dev = dev(&folder.path().join("data"), &receiver, "100%");
    let shown = dev.api.get("/metrics").body;
    assert!(shown.contains("tollgate_telemetry_spans_total{outcome=\"dropped\"} 0\n"), "{shown}");
    let families = shown.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next());
    let families: BTreeSet<_> = families.map(str::to_owned).collect();
    let (agent, _) = agent(folder.path(), &receiver);
    end(agent);
    end(dev.process);
    assert_eq!(receiver.metrics("tollgate"), families);
    let of_agent = receiver.metrics("tollgate-agent");
    for name in
        ["tollgate_agent_connections", "tollgate_agent_request_seconds", "tollgate_telemetry_spans_total"]
    {
        assert!(of_agent.contains(name), "{of_agent:?}");
    }
}

#[test]
fn a_collector_that_is_away_or_never_answers_holds_up_no_request_and_no_end() {
    // It accepts, as the kernel does it, and reads nothing.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let silent = format!("http://{}", silent.local_addr().map(|address| (address, silent)).unwrap().0);
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for url in [silent, format!("http://{closed}")] {
        let folder = tempfile::tempdir().unwrap();
        let receiver = Receiver { url, received: Arc::default() };
        let dev = dev(&folder.path().join("data"), &receiver, "100%");
        for _ in 0..20 {
            dev.tokens();
        }
        let said = end(dev.process);
        assert!(said.contains("delivered"), "{said}");
    }
}

#[test]
fn a_header_is_sent_by_reference_and_its_value_shown_nowhere() {
    let (folder, receiver) = (tempfile::tempdir().unwrap(), Receiver::start());
    let token = folder.path().join("otlp.header");
    fs::write(&token, "Bearer canary-vendor-token\n").unwrap();
    fs::set_permissions(&token, fs::Permissions::from_mode(0o600)).unwrap();
    let config = |endpoint: &str| {
        format!(
            "[telemetry]\nendpoint = \"{endpoint}\"\nheaders = [\"authorization=file:otlp.header\"]\nsample = \"100%\"\n"
        )
    };
    Serve::install(folder.path(), &config(&receiver.url));
    let serve = Serve::start(folder.path());
    assert_eq!(serve.api.get("/api/v1/payment-requests").status, 401);
    let shown = serve.admin.get("/metrics").body;
    let said = end(serve.process) + &shown;
    assert!(!said.contains("canary-vendor-token"), "{said}");
    let deliveries = receiver.received("/v1/traces");
    assert!(!deliveries.is_empty());
    for delivery in deliveries {
        let sent = |line: &str| delivery.head.iter().any(|found| found == line);
        assert!(
            sent("authorization: Bearer canary-vendor-token") && sent("content-type: application/x-protobuf")
        );
    }

    let checked = |command: &str| {
        let args = [command, "--config", "tollgate.toml"];
        fails(&mut tollgate(folder.path(), &args))
    };
    fs::set_permissions(&token, fs::Permissions::from_mode(0o644)).unwrap();
    assert!(checked("serve").contains("can be read by others"));
    fs::remove_file(&token).unwrap();
    assert!(checked("serve").contains("otlp.header"));
    Serve::write_config(folder.path(), &config("http://collector.example.com:4318"));
    assert!(checked("serve").contains("in the clear"));
    let args = [
        "agent",
        "--otlp-endpoint",
        "http://127.0.0.1:1",
        "--otlp-header",
        "authorization=canary-vendor-token",
    ];
    let refused = finish(&mut tollgate(folder.path(), &args));
    assert_eq!(refused.code, Some(2));
    assert!(refused.stderr.contains("--otlp-header") && !refused.stderr.contains("canary"), "{refused:?}");
}

#[test]
fn nothing_is_recorded_or_sent_unless_it_is_asked_for_whatever_other_programs_are_told() {
    let (folder, receiver) = (tempfile::tempdir().unwrap(), Receiver::start());
    let env = [("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.url.as_str()), ("OTEL_TRACES_SAMPLER", "always_on")];
    let dev = Dev::start_with(&folder.path().join("data"), &env);
    dev.tokens();
    let shown = dev.api.get("/metrics").body;
    let said = end(dev.process);
    assert!(!shown.contains("tollgate_telemetry") && !said.contains("trace_id"), "{said}");
    assert!(receiver.received.lock().unwrap().is_empty());
}
