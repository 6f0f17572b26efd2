//! The quick reader of a token request's JSON and the strict one agree.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|body: &[u8]| {
    let (quick, strict) = tollgate_server::fuzzing::parameters(body);
    if quick.is_some() {
        assert_eq!(quick, strict);
    }
});
