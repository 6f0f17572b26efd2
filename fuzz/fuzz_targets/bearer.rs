//! The token is part of the one header, after `Bearer` and nothing but spaces.
#![no_main]

use http::{HeaderMap, HeaderValue, header::AUTHORIZATION};
use libfuzzer_sys::fuzz_target;
use tollgate_guard::bearer_token;

fuzz_target!(|lines: &[u8]| {
    let mut headers = HeaderMap::new();
    for line in lines.split(|byte| *byte == b'\n') {
        let Ok(value) = HeaderValue::from_bytes(line) else { return };
        headers.append(AUTHORIZATION, value);
    }
    if let Ok(token) = bearer_token(&headers) {
        assert_eq!(headers.len(), 1);
        assert!(!token.is_empty() && token[0] != b' ');
        let line = headers[AUTHORIZATION].as_bytes();
        let (scheme, spaces) = line[..line.len() - token.len()].split_at(b"Bearer".len());
        assert!(line.ends_with(token) && scheme.eq_ignore_ascii_case(b"bearer"));
        assert!(!spaces.is_empty() && spaces.iter().all(|byte| *byte == b' '));
        // Written as everybody writes it, it is the same token.
        let mut plain = HeaderMap::new();
        let value = HeaderValue::from_bytes(&[b"Bearer ", token].concat()).expect("it was a value before");
        plain.insert(AUTHORIZATION, value);
        assert_eq!(bearer_token(&plain), Ok(token));
    }
});
