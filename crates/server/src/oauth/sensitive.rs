//! The body of a request with a secret or a token in it, wiped once it has been read.
//!
//! It is wiped where nothing else holds it: a body that came along with the head lies in the buffer of its connection,
//! which the next request overwrites.

use std::ops::Deref;

use bytes::{Bytes, BytesMut};
use zeroize::Zeroize;

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
    fn a_body_is_wiped_if_nobody_else_holds_it() {
        assert_eq!(wiped(Bytes::from(b"a secret".to_vec())).unwrap(), vec![0; 8]);
        let shared = Bytes::from(b"a secret".to_vec());
        assert!(wiped(shared.clone()).is_none());
        assert_eq!(shared, "a secret");
    }
}
