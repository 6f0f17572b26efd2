//! Cursors, which tell where the next page of a list begins. They are opaque to callers.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};
use tollgate_core::{ClientId, MerchantId};

/// A position after which a page can begin.
pub(super) trait Cursor: Sized {
    /// Returns the position as bytes.
    fn bytes(&self) -> Vec<u8>;

    /// Reads the position from its bytes.
    fn of_bytes(bytes: &[u8]) -> Option<Self>;

    /// Returns the cursor of a list as text. It contains a check against typing errors, and against use with another list or other
    /// filters.
    fn write(&self, list: &str) -> String {
        let bytes = self.bytes();
        URL_SAFE_NO_PAD.encode([&check(list, &bytes), bytes.as_slice()].concat())
    }

    /// Reads a cursor that was written for the same list, and no other text.
    fn read(text: &str, list: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let (found, bytes) = bytes.split_first_chunk::<CHECK>()?;
        if *found == check(list, bytes) { Self::of_bytes(bytes) } else { None }
    }
}

const CHECK: usize = 8;

fn check(list: &str, bytes: &[u8]) -> [u8; CHECK] {
    let digest = Sha256::new().chain_update(bytes).chain_update(list).finalize();
    *digest.first_chunk().expect("a digest is longer")
}

impl Cursor for ClientId {
    fn bytes(&self) -> Vec<u8> {
        self.as_bytes().to_vec()
    }

    fn of_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self::from_bytes)
    }
}

impl Cursor for MerchantId {
    fn bytes(&self) -> Vec<u8> {
        self.as_bytes().to_vec()
    }

    fn of_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self::from_bytes)
    }
}

/// The cursor of a list of changes: the number of a change.
impl Cursor for u64 {
    fn bytes(&self) -> Vec<u8> {
        self.to_be_bytes().to_vec()
    }

    fn of_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self::from_be_bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_comes_back_for_its_list_and_no_other_text_does() {
        let id = ClientId::from_bytes([7; 16]);
        let text = id.write("clients;");
        assert_eq!(ClientId::read(&text, "clients;"), Some(id));
        assert_eq!(ClientId::read(&text, "clients;name=1:x;"), None);
        assert_eq!(MerchantId::read(&text, "merchants;"), None);
        for at in 0..text.len() {
            let other = if &text[at..=at] == "A" { "B" } else { "A" };
            let altered = format!("{}{other}{}", &text[..at], &text[at + 1..]);
            assert_eq!(ClientId::read(&altered, "clients;"), None, "{at}");
        }
        for bad in ["", "AAAA", "=", &format!("{text}="), &text[1..]] {
            assert_eq!(ClientId::read(bad, "clients;"), None, "{bad:?}");
        }
        assert_eq!(u64::read(&7_u64.write("revocations;"), "revocations;"), Some(7));
    }
}
