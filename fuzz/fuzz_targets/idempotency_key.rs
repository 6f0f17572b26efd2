//! A key that is accepted is printable ASCII, and is the same key between quotes.
#![no_main]

use http::{HeaderMap, HeaderValue};
use libfuzzer_sys::fuzz_target;
use tollgate_sandbox::fuzzing::idempotency_key;

const NAME: &str = "idempotency-key";

fuzz_target!(|lines: &[u8]| {
    let mut headers = HeaderMap::new();
    for line in lines.split(|byte| *byte == b'\n') {
        let Ok(value) = HeaderValue::from_bytes(line) else { return };
        headers.append(NAME, value);
    }
    if let Ok(key) = idempotency_key(&headers) {
        let key = key.expect("there is a header");
        assert_eq!(headers.len(), 1);
        assert!((1..=255).contains(&key.len()) && key.bytes().all(|byte| matches!(byte, b' '..=b'~')));
        let quoted = format!("\"{}\"", key.replace('\\', "\\\\").replace('"', "\\\""));
        headers.insert(NAME, quoted.parse().expect("printable ASCII is a value"));
        assert_eq!(idempotency_key(&headers), Ok(Some(key)));
    }
});
