//! Secrets and tokens as they came in a request, wiped once they have been read.
//!
//! A text that stands in the body as it is meant is borrowed from it; one that had to be decoded is a copy. The copies
//! are wiped, and so is the body where nothing else holds it: a body that came along with the head lies in the buffer of
//! its connection, which the next request overwrites.

use std::borrow::Cow;
use std::ops::Deref;

use bytes::{Bytes, BytesMut};
use zeroize::Zeroize;

/// A secret or a token.
pub(crate) struct Sensitive<'a>(Cow<'a, str>);

impl<'a> From<Cow<'a, str>> for Sensitive<'a> {
    fn from(text: Cow<'a, str>) -> Self {
        Self(text)
    }
}

impl Deref for Sensitive<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl Drop for Sensitive<'_> {
    fn drop(&mut self) {
        wipe(&mut self.0);
    }
}

/// Wipes a text that is a copy.
pub(super) fn wipe(text: &mut Cow<'_, str>) {
    if let Cow::Owned(text) = text {
        text.zeroize();
    }
}

/// The body of a request with a secret or a token in it.
pub(crate) struct SensitiveBody(Bytes);

impl From<Bytes> for SensitiveBody {
    fn from(body: Bytes) -> Self {
        Self(body)
    }
}

impl Deref for SensitiveBody {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl Drop for SensitiveBody {
    fn drop(&mut self) {
        drop(wiped(std::mem::take(&mut self.0)));
    }
}

/// A body with nothing in it any more, if nobody else holds it.
fn wiped(body: Bytes) -> Option<BytesMut> {
    let mut body = body.try_into_mut().ok()?;
    body.as_mut().zeroize();
    Some(body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_is_wiped_and_what_is_borrowed_is_left_to_its_owner() {
        let mut copy = Cow::Owned("a secret".to_owned());
        wipe(&mut copy);
        assert_eq!(copy, "");
        let mut borrowed = Cow::Borrowed("a secret");
        wipe(&mut borrowed);
        assert_eq!(borrowed, "a secret");
    }

    #[test]
    fn a_body_is_wiped_if_nobody_else_holds_it() {
        assert_eq!(wiped(Bytes::from(b"a secret".to_vec())).unwrap(), vec![0; 8]);
        let shared = Bytes::from(b"a secret".to_vec());
        assert!(wiped(shared.clone()).is_none());
        assert_eq!(shared, "a secret");
    }
}
