mod output;

use std::sync::{Arc, Mutex};

use proptest::prelude::*;
use serde_json::Value;
use tollgate_config::{LogFormat, LogLevel};
use tollgate_core::{ClientId, MerchantId, SecretId, Timestamp, TokenId};
use tracing::{debug, error, info, info_span, warn};
use tracing_subscriber::prelude::*;

use super::{Request, Requests, Sender, filter, layer};

/// Runs `events` and returns what they wrote, line by line.
fn lines_of(format: LogFormat, events: impl FnOnce()) -> Vec<String> {
    filtered_lines_of(format, LogLevel::Trace, events)
}

fn filtered_lines_of(format: LogFormat, level: LogLevel, events: impl FnOnce()) -> Vec<String> {
    let lines = Arc::new(Mutex::new(Vec::new()));
    let written = lines.clone();
    let layer = layer(format, move |line: &[u8], _| {
        let line = std::str::from_utf8(line).unwrap().strip_suffix('\n').unwrap();
        written.lock().unwrap().push(line.to_owned());
    });
    let subscriber = tracing_subscriber::registry().with(filter(level)).with(layer);
    tracing::subscriber::with_default(subscriber, events);
    std::mem::take(&mut *lines.lock().unwrap())
}

fn json_of(events: impl FnOnce()) -> Value {
    let lines = lines_of(LogFormat::Json, events);
    assert_eq!(lines.len(), 1);
    serde_json::from_str(&lines[0]).unwrap()
}

/// Returns the line of these events without its time.
fn text_of(events: impl FnOnce()) -> String {
    let lines = lines_of(LogFormat::Text, events);
    assert_eq!(lines.len(), 1);
    lines[0].split_once(' ').unwrap().1.to_owned()
}

#[test]
fn an_event_is_one_json_object() {
    let line = json_of(|| {
        info!(
            text = "a", signed = -1, unsigned = u64::MAX, flag = true, float = 0.5, infinite = f64::INFINITY,
            large = u128::MAX, debug = ?Some("x"), display = %"y", r#type = "t", "hello {}", "world"
        );
    });
    let time = line["ts"].as_str().unwrap();
    assert_eq!((time.len(), &time[10..11], &time[19..20], &time[23..]), (24, "T", ".", "Z"));
    assert!(humantime::parse_rfc3339(time).is_ok());
    assert_eq!(line["level"], "INFO");
    assert_eq!(line["target"], "tollgate_log::tests");
    assert_eq!(line["msg"], "hello world");
    assert_eq!(line["text"], "a");
    assert_eq!(line["signed"], -1);
    assert_eq!(line["unsigned"], u64::MAX);
    assert_eq!(line["flag"], true);
    assert_eq!(line["float"], 0.5);
    assert_eq!(line["infinite"], "inf");
    assert_eq!(line["large"], u128::MAX.to_string());
    assert_eq!(line["debug"], "Some(\"x\")");
    assert_eq!(line["display"], "y");
    assert_eq!(line["type"], "t");
}

#[test]
fn a_value_cannot_forge_a_field_or_a_line() {
    let forged = "x\",\"level\":\"ERROR\r\n{\"ts\":\"\u{1b}[2J\u{9b}2J\u{2028}\u{202e}\u{7f}";
    let lines = lines_of(LogFormat::Json, || info!(value = forged, shown = %forged, "{forged}"));
    assert_eq!(lines.len(), 1);
    assert!(!lines[0].contains(|character: char| character.is_control()), "{}", lines[0]);
    assert!(!lines[0].contains(['\u{2028}', '\u{202e}']));
    let line: Value = serde_json::from_str(&lines[0]).unwrap();
    assert_eq!(line["level"], "INFO");
    assert_eq!(line["value"], forged);
    assert_eq!(line["shown"], forged);
    assert_eq!(line["msg"], forged);
}

#[test]
fn a_field_cannot_pass_for_one_of_the_lines_own() {
    let line = json_of(|| info!(level = "x", ts = "x", target = "x", msg = "x", "m"));
    assert_eq!(line["level"], "INFO");
    assert_eq!(line["msg"], "m");
    assert_eq!(line["level_"], "x");
    assert_eq!(line["msg_"], "x");
}

#[test]
fn text_quotes_what_is_not_one_plain_word() {
    let line = text_of(|| {
        info!(
            plain = "a/b-c", space = "a b", quote = "a\"b", empty = "", equals = "a=b", line = "a\nb", umlaut = "ä",
            debug = ?"x", number = 5, "it works"
        );
    });
    assert_eq!(
        line,
        "INFO  tollgate_log::tests: it works plain=a/b-c space=\"a b\" quote=\"a\\\"b\" empty=\"\" \
         equals=\"a=b\" line=\"a\\nb\" umlaut=ä debug=\"\\\"x\\\"\" number=5"
    );
}

#[test]
fn a_message_in_text_cannot_forge_a_field_or_a_line() {
    let line = text_of(|| warn!("a level=ERROR\n2026-01-01T00:00:00.000Z ERROR"));
    assert_eq!(line, "WARN  tollgate_log::tests: \"a level=ERROR\\n2026-01-01T00:00:00.000Z ERROR\"");
    assert_eq!(text_of(|| error!(code = 1)), "ERROR tollgate_log::tests: code=1");
}

#[test]
fn an_event_carries_the_fields_of_its_spans() {
    let line = json_of(|| {
        let _outer =
            info_span!("outer", request_id = "r", status = 1, late = tracing::field::Empty).entered();
        let inner = info_span!("inner", status = 2, late = tracing::field::Empty).entered();
        inner.record("late", "l");
        info!(own = 3, "m");
    });
    assert_eq!(line["request_id"], "r");
    assert_eq!(line["status"], 2, "the inner span is nearer");
    assert_eq!(line["late"], "l");
    assert_eq!(line["own"], 3);
}

#[test]
fn a_layer_beside_the_log_sees_the_span_of_a_request_whatever_is_logged() {
    #[derive(Clone, Default)]
    struct Spans(Arc<Mutex<Vec<&'static str>>>);
    impl<S: tracing::Subscriber> tracing_subscriber::Layer<S> for Spans {
        fn on_new_span(
            &self,
            attributes: &tracing::span::Attributes<'_>,
            _: &tracing::Id,
            _: tracing_subscriber::layer::Context<'_, S>,
        ) {
            self.0.lock().unwrap().push(attributes.metadata().name());
        }
    }

    let lines = Arc::new(Mutex::new(Vec::new()));
    let written = lines.clone();
    let write = move |line: &[u8], _| written.lock().unwrap().extend_from_slice(line);
    let spans = Spans::default();
    let log = layer(LogFormat::Json, write).with_filter(filter(LogLevel::Error));
    let subscriber = tracing_subscriber::registry().with(log).with(spans.clone());
    tracing::subscriber::with_default(subscriber, || {
        let _request = tracing::debug_span!("request", route = "/").entered();
        info!("not logged");
        error!("logged");
    });
    assert_eq!(*spans.0.lock().unwrap(), ["request"]);
    let lines = String::from_utf8(lines.lock().unwrap().clone()).unwrap();
    assert_eq!(lines.lines().count(), 1, "{lines}");
}

#[test]
fn the_level_filters() {
    let events = || {
        debug!("d");
        info!("i");
        warn!("w");
    };
    assert_eq!(filtered_lines_of(LogFormat::Json, LogLevel::Info, events).len(), 2);
    assert_eq!(filtered_lines_of(LogFormat::Json, LogLevel::Error, events).len(), 0);
}

#[test]
fn libraries_never_speak_under_warn() {
    let events = || {
        tracing::trace!(target: "h2::codec", "headers");
        tracing::warn!(target: "h2::codec", "odd");
    };
    assert_eq!(filtered_lines_of(LogFormat::Json, LogLevel::Trace, events).len(), 1);
    assert_eq!(filtered_lines_of(LogFormat::Json, LogLevel::Error, events).len(), 0);
}

fn request_line(format: LogFormat, level: LogLevel, request: &Request<'_>) -> Option<String> {
    let written = Arc::new(Mutex::new(String::new()));
    let sink = written.clone();
    let write = move |line: &[u8], _| sink.lock().unwrap().push_str(std::str::from_utf8(line).unwrap());
    Requests::new(format, level, write).write(request);
    let line = std::mem::take(&mut *written.lock().unwrap());
    (!line.is_empty()).then_some(line)
}

const NOBODY: Sender = Sender { client: None, claimed: None, merchant: None, secret: None, token: None };
const SOMEBODY: Sender = Sender { client: Some(ClientId::from_bytes([0x3f; 16])), ..NOBODY };

const REQUEST: Request<'_> = Request {
    trace_id: None,
    at: Timestamp::from_millis(1_764_000_000_017),
    id: "the-id",
    method: "POST",
    route: "/api/v1/oauth2/token",
    status: 200,
    micros: 17,
    sender: SOMEBODY,
    source: None,
    reason: None,
};

#[test]
fn a_request_has_one_line_in_either_format() {
    assert_eq!(
        request_line(LogFormat::Json, LogLevel::Info, &REQUEST).unwrap(),
        concat!(
            r#"{"ts":"2025-11-24T16:00:00.017Z","level":"INFO","target":"tollgate::request","request_id":"the-id","#,
            r#""method":"POST","#,
            r#""route":"/api/v1/oauth2/token","status":200,"micros":17,"client_id":"3f3f3f3f-3f3f-3f3f-3f3f-3f3f3f3f3f3f"}"#,
            "\n"
        )
    );
    let reason = Some("a \"lock\"\nwas lost");
    let refused = Request { status: 503, trace_id: Some("4bf92f"), sender: NOBODY, reason, ..REQUEST };
    assert_eq!(
        request_line(LogFormat::Text, LogLevel::Error, &refused).unwrap(),
        concat!(
            "2025-11-24T16:00:00.017Z ERROR tollgate::request: request_id=the-id trace_id=4bf92f method=POST route=/api/v1/oauth2/token status=503 ",
            r#"micros=17 reason="a \"lock\"\nwas lost""#,
            "\n"
        )
    );
}

#[test]
fn a_line_tells_whom_a_request_names_from_whom_it_is() {
    let claimed = Sender {
        claimed: Some(ClientId::from_bytes([0x3f; 16])),
        merchant: Some(MerchantId::from_bytes([1; 16])),
        secret: Some(SecretId::from_bytes([2; 16])),
        token: Some(TokenId::from_bytes([3; 16])),
        ..NOBODY
    };
    let source = Some("2001:db8::7".parse().unwrap());
    let request = Request { sender: claimed, source, reason: Some("expired secret"), ..REQUEST };
    let line = request_line(LogFormat::Json, LogLevel::Info, &request).unwrap();
    let line: Value = serde_json::from_str(&line).unwrap();
    assert_eq!(line["claimed_client_id"], "3f3f3f3f-3f3f-3f3f-3f3f-3f3f3f3f3f3f");
    assert!(line.get("client_id").is_none());
    assert_eq!(line["merchant_id"], "01010101-0101-0101-0101-010101010101");
    assert_eq!(line["secret_id"], "02020202-0202-0202-0202-020202020202");
    assert_eq!(
        (&line["token_id"], &line["source"]),
        (&"AwMDAwMDAwMDAwMDAwMDAw".into(), &"2001:db8::7".into())
    );
    let line = request_line(LogFormat::Text, LogLevel::Info, &request).unwrap();
    assert!(line.ends_with(" source=2001:db8::7 reason=\"expired secret\"\n"), "{line}");
}

#[test]
fn an_address_is_written_as_everywhere() {
    for text in ["0.0.0.0", "192.0.2.7", "255.255.255.255", "::", "2001:db8::7", "::ffff:192.0.2.7"] {
        let request = Request { source: Some(text.parse().unwrap()), ..REQUEST };
        let [json, plain] = [LogFormat::Json, LogFormat::Text]
            .map(|format| request_line(format, LogLevel::Info, &request).unwrap());
        assert!(json.ends_with(&format!(",\"source\":\"{text}\"}}\n")), "{json}");
        assert!(plain.ends_with(&format!(" source={text}\n")), "{plain}");
    }
}

#[test]
fn the_level_filters_the_lines_of_requests() {
    for status in [200, 404, 499] {
        let request = Request { status, ..REQUEST };
        assert!(request_line(LogFormat::Json, LogLevel::Info, &request).is_some());
        assert!(request_line(LogFormat::Json, LogLevel::Warn, &request).is_none());
    }
    assert!(request_line(LogFormat::Json, LogLevel::Error, &Request { status: 500, ..REQUEST }).is_some());
}

#[test]
fn a_value_that_logs_while_it_is_shown_does_no_harm() {
    struct Chatty;
    impl std::fmt::Debug for Chatty {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            info!("shown");
            request_line(LogFormat::Json, LogLevel::Info, &REQUEST);
            f.write_str("shown")
        }
    }
    assert_eq!(json_of(|| info!(value = ?Chatty, "m"))["value"], "shown");
}

proptest! {
    #[test]
    fn any_strings_come_back_from_the_line(text in any::<String>(), shown in any::<String>(), message in any::<String>()) {
        let line = json_of(|| info!(text, %shown, "{message}"));
        prop_assert_eq!(&line["text"], &text);
        prop_assert_eq!(&line["shown"], &shown);
        prop_assert_eq!(&line["msg"], &message);
    }

    #[test]
    fn any_string_in_text_is_one_word_or_one_json_string(text in any::<String>()) {
        let line = text_of(|| info!(text, end = 1, "m"));
        let value = line.strip_prefix("INFO  tollgate_log::tests: m text=").unwrap();
        let value = value.strip_suffix(" end=1").unwrap();
        let read = if value.starts_with('"') { serde_json::from_str(value).unwrap() } else { value.to_owned() };
        prop_assert!(value.starts_with('"') || !value.contains([' ', '\n', '=']));
        prop_assert_eq!(read, text);
    }
}
