//! The key of the audit trail, and the chain of records that it makes.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use tollgate_core::constant_time;
use zeroize::Zeroizing;

/// The beginning of every link's input, so that the key authenticates nothing else.
const LABEL: &[u8] = b"tollgate v1 audit record";

/// The key that records of the audit trail are chained with. Somebody who has the database, but not this key, can neither change
/// the trail nor add to it unnoticed.
pub struct TrailKey(pub(crate) Zeroizing<[u8; 32]>);

/// A position in the audit trail: a record's number, and the hash that it is chained by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Link {
    /// The record's number. The first record has 1; the position before it is 0.
    pub seq: u64,
    /// HMAC-SHA-256 of the link before, the number and the content of the record; zeros before the first record.
    pub mac: [u8; 32],
}

impl Link {
    /// The position before the first record.
    pub const START: Self = Self { seq: 0, mac: [0; 32] };

    /// Says whether it is the same as another one, in constant time.
    pub fn is_same(&self, other: &Self) -> bool {
        self.seq == other.seq && constant_time::equal(&self.mac, &other.mac)
    }
}

impl TrailKey {
    /// Chains a record to the link before it. Each field is hashed with its length, so that different contents are never hashed alike;
    /// an absent field differs from an empty one.
    pub fn chain<'a>(&self, before: Link, content: impl IntoIterator<Item = Option<&'a [u8]>>) -> Link {
        let seq = before.seq.saturating_add(1);
        let mut mac = Hmac::<Sha256>::new_from_slice(self.0.as_ref()).expect("HMAC takes keys of any length");
        mac.update(LABEL);
        mac.update(&before.mac);
        mac.update(&seq.to_be_bytes());
        for field in content {
            match field {
                None => mac.update(&[0]),
                Some(bytes) => {
                    mac.update(&[1]);
                    mac.update(&(bytes.len() as u64).to_be_bytes());
                    mac.update(bytes);
                }
            }
        }
        Link { seq, mac: mac.finalize().into_bytes().into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(byte: u8) -> TrailKey {
        TrailKey(Zeroizing::new([byte; 32]))
    }

    #[test]
    fn a_link_depends_on_the_key_the_place_and_every_field() {
        let chained =
            |byte, before, content: &[Option<&[u8]>]| key(byte).chain(before, content.iter().copied());
        let content: [Option<&[u8]>; 3] = [Some(b"ab"), None, Some(b"c")];
        let link = chained(1, Link::START, &content);
        assert_eq!(link.seq, 1);
        assert_eq!(chained(1, Link::START, &content), link);
        let mut others = vec![
            chained(2, Link::START, &content),
            chained(1, Link { seq: 1, ..Link::START }, &content),
            chained(1, Link { mac: [1; 32], ..Link::START }, &content),
        ];
        let contents: [&[Option<&[u8]>]; 5] = [
            &[Some(b"a"), None, Some(b"bc")],
            &[Some(b"ab"), Some(b""), Some(b"c")],
            &[Some(b"ab"), None],
            &[Some(b"ab"), None, Some(b"c"), None],
            &[Some(b"abc"), None],
        ];
        others.extend(contents.map(|content| chained(1, Link::START, content)));
        assert!(others.iter().all(|other| other.mac != link.mac));
        assert!(others.iter().all(|other| !other.is_same(&link)));
    }
}
