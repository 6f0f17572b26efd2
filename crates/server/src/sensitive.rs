//! A secret or a token, as it came in a request.

use std::borrow::Cow;
use std::ops::Deref;

use zeroize::Zeroize;

/// A secret or a token, wiped from memory when dropped.
///
/// A text that needs no decoding is borrowed from the request, and wiped by its owner. A decoded text is a
/// copy, and wiped here.
pub(crate) struct Sensitive<'a>(Cow<'a, str>);

impl<'a> From<Cow<'a, str>> for Sensitive<'a> {
    fn from(text: Cow<'a, str>) -> Self {
        Self(text)
    }
}

impl<'a> From<&'a str> for Sensitive<'a> {
    fn from(text: &'a str) -> Self {
        Self(text.into())
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

fn wipe(text: &mut Cow<'_, str>) {
    if let Cow::Owned(text) = text {
        text.zeroize();
    }
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
}
