//! Trace context in headers, by W3C Trace Context (level 1).

use std::str::FromStr;

use http::{HeaderMap, HeaderName, HeaderValue};
use opentelemetry::trace::{SpanContext, SpanId, TraceFlags, TraceId, TraceState};

/// The header with the ids of a trace and of the caller's span.
pub(crate) const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
/// The header with what tracing systems add to that.
pub(crate) const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");

/// The longest `tracestate` that is kept, in bytes; a longer one is left out (§3.3.1.5 asks for 512 at least).
const LONGEST_STATE: usize = 512;

/// Reads the context that a request came with. `None` if there is none, or if it is malformed: then the trace begins here.
pub(crate) fn read(headers: &HeaderMap) -> Option<SpanContext> {
    let mut parents = headers.get_all(TRACEPARENT).iter();
    let (parent, None) = (parents.next()?, parents.next()) else { return None };
    let (trace_id, span_id, flags) = parsed(parent.to_str().ok()?)?;
    let context = SpanContext::new(trace_id, span_id, flags, true, state(headers));
    context.is_valid().then_some(context)
}

/// Writes a context for the next server.
pub(crate) fn write(context: &SpanContext, headers: &mut HeaderMap) {
    let flags = context.trace_flags() & TraceFlags::SAMPLED;
    let parent = format!("00-{}-{}-{:02x}", context.trace_id(), context.span_id(), flags);
    headers.insert(TRACEPARENT, HeaderValue::try_from(parent).expect("hexadecimal digits fit in a header"));
    headers.remove(TRACESTATE);
    let state = context.trace_state().header();
    if !state.is_empty()
        && let Ok(state) = HeaderValue::try_from(state)
    {
        headers.insert(TRACESTATE, state);
    }
}

/// Returns the parts of a `traceparent` (§3.2). A future version may have more of them (§3.2.2.3).
fn parsed(text: &str) -> Option<(TraceId, SpanId, TraceFlags)> {
    let (known, further) = text.split_at_checked(55)?;
    let mut parts = known.split('-');
    let (version, trace_id, span_id, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let is_hex = |text: &str, length| {
        text.len() == length && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    };
    let is_well_formed = is_hex(version, 2)
        && is_hex(trace_id, 32)
        && is_hex(span_id, 16)
        && is_hex(flags, 2)
        && version != "ff"
        && (further.is_empty() || (version != "00" && further.starts_with('-')));
    if !is_well_formed {
        return None;
    }
    let flags = TraceFlags::new(u8::from_str_radix(flags, 16).ok()?) & TraceFlags::SAMPLED;
    Some((TraceId::from_hex(trace_id).ok()?, SpanId::from_hex(span_id).ok()?, flags))
}

/// Returns the state, which may be in several headers. If it can't be read, it counts as absent (§3.3.1).
fn state(headers: &HeaderMap) -> TraceState {
    let values: Option<Vec<&str>> =
        headers.get_all(TRACESTATE).iter().map(|value| value.to_str().ok()).collect();
    let text = values.unwrap_or_default().join(",");
    if text.len() > LONGEST_STATE {
        TraceState::NONE
    } else {
        TraceState::from_str(&text).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    fn of(lines: &[(HeaderName, &str)]) -> HeaderMap {
        let line = |(name, value): &(HeaderName, &str)| (name.clone(), HeaderValue::from_str(value).unwrap());
        lines.iter().map(line).collect()
    }

    #[test]
    fn a_context_is_passed_on_as_it_came() {
        let came = of(&[(TRACEPARENT, PARENT), (TRACESTATE, "a=1"), (TRACESTATE, "b=2")]);
        let mut passed = of(&[(TRACEPARENT, "x"), (TRACESTATE, "c=3")]);
        write(&read(&came).unwrap(), &mut passed);
        assert_eq!(passed, of(&[(TRACEPARENT, PARENT), (TRACESTATE, "a=1,b=2")]));
    }

    #[test]
    fn only_the_flag_for_sampling_is_known() {
        let sampled = |flags: &str| {
            let parent = format!("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-{flags}");
            read(&of(&[(TRACEPARENT, &parent)])).unwrap().trace_flags()
        };
        assert_eq!(sampled("00"), TraceFlags::NOT_SAMPLED);
        assert_eq!(sampled("ff"), TraceFlags::SAMPLED);
        assert_eq!(sampled("fe"), TraceFlags::NOT_SAMPLED);
    }

    #[test]
    fn a_version_from_the_future_is_read_as_far_as_it_is_known() {
        for (parent, is_read) in [
            ("01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", true),
            ("cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-what-next", true),
            ("cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01.what", false),
            ("ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", false),
        ] {
            assert_eq!(read(&of(&[(TRACEPARENT, parent)])).is_some(), is_read, "{parent}");
        }
    }

    #[test]
    fn what_is_malformed_is_as_good_as_nothing() {
        for parent in [
            "",
            "00",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-+bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e473-600f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0g",
            "00_4bf92f3577b34da6a3ce929d0e0e4736_00f067aa0ba902b7_01",
            " 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0é",
        ] {
            assert!(read(&of(&[(TRACEPARENT, parent)])).is_none(), "{parent:?}");
        }
        assert!(read(&of(&[(TRACEPARENT, PARENT), (TRACEPARENT, PARENT)])).is_none(), "there are two");
        assert!(read(&HeaderMap::new()).is_none());
    }

    #[test]
    fn a_state_that_cant_be_read_is_left_out() {
        for bad in ["a", "A B=1,,", &format!("a={}", "x".repeat(600))] {
            let context = read(&of(&[(TRACEPARENT, PARENT), (TRACESTATE, bad)])).unwrap();
            assert_eq!(context.trace_state().header(), "", "{bad}");
        }
    }
}
