//! What may be seen of a connection depends on no cut, and a head that may be seen is framed in one way.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tollgate_edge::fuzzing::visible;

fuzz_target!(|data: &[u8]| {
    let Some((&cut, bytes)) = data.split_first() else { return };
    let whole = visible([bytes]);
    let size = usize::from(cut).max(1);
    // Of a head that is refused, what came in the pieces before the fault may have been seen.
    let in_pieces = visible(bytes.chunks(size));
    assert!(in_pieces >= whole, "cut every {size} bytes");
    assert_eq!(in_pieces == bytes.len(), whole == bytes.len(), "cut every {size} bytes");

    let mut headers = [httparse::EMPTY_HEADER; 64];
    let mut request = httparse::Request::new(&mut headers);
    if let Ok(httparse::Status::Complete(length)) = request.parse(&bytes[..whole]) {
        let all = |name: &str| {
            let named = request.headers.iter().filter(|header| header.name.eq_ignore_ascii_case(name));
            named.map(|header| header.value).collect::<Vec<_>>()
        };
        let (lengths, codings) = (all("content-length"), all("transfer-encoding"));
        assert!(lengths.is_empty() || codings.is_empty(), "two lengths");
        assert!(codings.iter().all(|coding| *coding == b"chunked") && codings.len() < 2, "{codings:?}");
        let number = |length: &&[u8]| std::str::from_utf8(length).ok()?.parse::<u64>().ok();
        assert!(
            lengths.iter().all(|length| number(length).is_some() && number(length) == number(&lengths[0]))
        );
        assert!(
            !bytes[..length].windows(2).any(|pair| pair[1] == b'\n' && pair[0] != b'\r'),
            "a bare line feed"
        );
    }
});
