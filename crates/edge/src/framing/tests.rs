//! Tests of what passes and what doesn't, and that the boundaries of reads don't change it.

use proptest::prelude::*;

use super::*;

const LENGTH: &[u8] = b"POST / HTTP/1.1\r\nContent-Type: a\r\nContent-Length: 9\r\n\r\nnine more";
const CHUNKED: &[u8] =
    b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2;a=\"\\\"\"\r\n\r\n\r\n0\r\nX: y\r\n\r\n";
const EMPTY: &[u8] = b"\r\nGET / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n";
const BOTH: &[u8] = b"POST / HTTP/1.1\r\nHost: a\r\ncontent-length: 4\r\nTransfer-Encoding: chunked\r\n\r\n";

fn read(bytes: &[u8]) -> Result<(), Refused> {
    Framing::new().read(bytes)
}

fn head(lines: &str) -> Vec<u8> {
    format!("POST / HTTP/1.1\r\nHost: a\r\n{lines}\r\n\r\n").into_bytes()
}

#[test]
fn what_is_framed_in_one_way_passes() {
    let all = [LENGTH, CHUNKED, EMPTY, LENGTH].concat();
    for cut in 0..=all.len() {
        let mut framing = Framing::new();
        assert_eq!(framing.read(&all[..cut]), Ok(()), "cut at {cut}");
        assert_eq!(framing.read(&all[cut..]), Ok(()), "cut at {cut}");
        assert!(matches!(framing.at, At::Start));
    }
    for lines in [
        "Content-Length: 003",
        "Content-Length:\t42\t ",
        "Content-Length: 2\r\nContent-Length: 2",
        "Content-Length: 9223372036854775807",
        "content-LENGTH:5\r\nContent-Lengths: x\r\nContent-Lengt: x\r\nX-Content-Length: x",
        "transfer-ENCODING:  chunked \r\nTransfer-Encodings: x",
    ] {
        assert_eq!(read(&head(lines)), Ok(()), "{lines}");
    }
}

#[test]
fn a_head_that_can_be_read_in_two_ways_is_not_seen_wherever_it_is_cut() {
    for (lines, why) in [
        ("Content-Length: 4\r\nTransfer-Encoding: chunked", BOTH_LENGTHS),
        ("Transfer-Encoding:chunked\r\nX: y\r\nCONTENT-LENGTH:4", BOTH_LENGTHS),
        ("Content-Length: 1\r\nContent-Length: 2", LENGTH_FAULT),
        ("Content-Length:", LENGTH_FAULT),
        ("Content-Length: 5, 5", LENGTH_FAULT),
        ("Content-Length: 4 2", LENGTH_FAULT),
        ("Content-Length: +4", LENGTH_FAULT),
        ("Content-Length: 0x4", LENGTH_FAULT),
        ("Content-Length: 4\r", LENGTH_FAULT),
        ("Content-Length: 9223372036854775808", LENGTH_FAULT),
        ("Content-Length: 18446744073709551615", LENGTH_FAULT),
        ("Content-Length: 184467440737095516160", LENGTH_FAULT),
        ("Transfer-Encoding:", CODING),
        ("Transfer-Encoding: gzip, chunked", CODING),
        ("Transfer-Encoding: chunked, chunked", CODING),
        ("Transfer-Encoding: ,chunked", CODING),
        ("Transfer-Encoding: chunked,", CODING),
        ("Transfer-Encoding: chunkedchunked", CODING),
        ("Transfer-Encoding: \"chunked\"", CODING),
        ("Transfer-Encoding: Chunked", CODING),
        ("Transfer-Encoding: chunked;q=1", CODING),
        ("Transfer-Encoding: \u{b}chunked", CODING),
        ("Transfer-Encoding: identity", CODING),
        ("Transfer-Encoding: chunked\r\nX: y\r\nTransfer-Encoding: chunked", CODING),
        ("Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked", CODING),
        ("X: y\nZ: z", BARE_LINE_FEED),
        ("X: y\n", BARE_LINE_FEED),
        ("\rX: y", BARE_CARRIAGE_RETURN),
    ] {
        let refused = head(lines);
        for before in [&b""[..], LENGTH, CHUNKED, EMPTY] {
            let bytes = [before, &refused, LENGTH].concat();
            for cut in 0..=before.len() + refused.len() {
                let mut framing = Framing::new();
                let seen = match framing.read(&bytes[..cut]) {
                    Ok(()) => {
                        framing.read(&bytes[cut..]).map_err(|Refused { before, why }| (cut + before, why))
                    }
                    Err(Refused { before, why }) => Err((before, why)),
                };
                // The part that was shown before the fault was visible is half a head.
                let seen_at_most = before.len().max(cut);
                let (seen, fault) = seen.unwrap_err();
                assert!(
                    fault == why && (before.len()..=seen_at_most).contains(&seen),
                    "{lines}, cut at {cut}: {seen}"
                );
            }
        }
    }
}

#[test]
fn a_fragment_is_refused_and_elsewhere_it_is_none() {
    for line in ["GET /a#b HTTP/1.1", "GET /# HTTP/1.1", "GET http://a/b?c#d HTTP/1.1"] {
        let bytes = format!("{line}\r\nHost: a\r\n\r\n");
        assert_eq!(read(bytes.as_bytes()), Err(Refused { before: 0, why: FRAGMENT }));
    }
    assert_eq!(read(&head("X: #")), Ok(()));
}

#[test]
fn chunks_that_can_be_read_in_two_ways_are_refused_where_they_begin_to_be() {
    for (chunks, seen) in [
        ("\r\n", 0),
        ("x", 0),
        ("-1\r\n", 0),
        ("2 \r\nok\r\n0\r\n\r\n", 2),
        ("2 x\r\nok\r\n0\r\n\r\n", 2),
        ("2\nok\r\n0\r\n\r\n", 1),
        ("2\r\r;x\r\n", 2),
        ("2;a\nok\r\n0\r\n\r\n", 3),
        ("2;a=\"b\r\nok\r\n0\r\n\r\n", 6),
        ("2\r\nokok\r\n0\r\n\r\n", 5),
        ("2\r\nok\n0\r\n\r\n", 5),
        ("2\r\nok\r0\r\n\r\n", 6),
        ("0\r\nX: y\n\r\n", 3),
        ("0\r\n\nGET / HTTP/1.1\r\n\r\n", 3),
        ("0\r\n\rX", 4),
        ("fffffffffffffffff\r\n", 16),
    ] {
        let head = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
        let refused = read(&[head, chunks.as_bytes()].concat());
        assert_eq!(refused, Err(Refused { before: head.len() + seen, why: Fault::Body }), "{chunks:?}");
    }
}

proptest! {
    #[test]
    fn cuts_change_nothing(
        parts in prop::collection::vec(prop_oneof![
            Just(BOTH), Just(LENGTH), Just(CHUNKED), Just(EMPTY), Just(&b"\r"[..]), Just(&b"\n"[..]),
            Just(&b"x"[..]), Just(&b"Content-Length:"[..]), Just(&b"transfer-encoding:"[..]), Just(&b" 1"[..]),
        ], 0..12),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
    ) {
        let bytes = parts.concat();
        let mut cuts: Vec<_> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).chain([0, bytes.len()]).collect();
        cuts.sort_unstable();
        let mut framing = Framing::new();
        let in_pieces = cuts.windows(2).try_for_each(|cut| framing.read(&bytes[cut[0]..cut[1]]));
        // If one line has two faults, the first is reported.
        let kind = |refused: Refused| std::mem::discriminant(&refused.why);
        prop_assert_eq!(in_pieces.map_err(kind), read(&bytes).map_err(kind));
    }
}
