//! A payload that is accepted is the one that would be written for its claims, byte for byte.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|payload: &[u8]| {
    if let Some(written) = tollgate_core::fuzzing::rewritten_claims(payload) {
        assert_eq!(written, payload);
        let json: serde_json::Value = serde_json::from_slice(payload).expect("claims are JSON");
        assert!(json["iat"].is_u64() && json["exp"].is_u64() && json["scope"].is_string());
    }
});
