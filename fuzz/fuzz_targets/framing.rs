//! A head with two lengths is found however its bytes are cut, whenever a parser of HTTP finds two in it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tollgate_http::edge::fuzzing::has_both_lengths;

fuzz_target!(|data: &[u8]| {
    let Some((&cut, bytes)) = data.split_first() else { return };
    let whole = has_both_lengths([bytes]);
    let size = usize::from(cut).max(1);
    assert_eq!(has_both_lengths(bytes.chunks(size)), whole, "cut every {size} bytes");

    let mut headers = [httparse::EMPTY_HEADER; 64];
    let mut request = httparse::Request::new(&mut headers);
    if let Ok(httparse::Status::Complete(_)) = request.parse(bytes) {
        let has = |name: &str| request.headers.iter().any(|header| header.name.eq_ignore_ascii_case(name));
        if has("content-length") && has("transfer-encoding") {
            assert!(whole, "two lengths were not found");
        }
    }
});
