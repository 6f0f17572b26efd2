//! Identifiers: each is a UUID in its hyphenated form, with a type of its own.

use std::fmt;
use std::str::FromStr;

use rand::Rng;
use uuid::Uuid;

/// The error for a text that is not a hyphenated UUID.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a UUID")]
pub struct IdError;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
            /// Draws a version 4 UUID: 122 random bits.
            pub fn random(rng: &mut impl Rng) -> Self {
                let mut bytes = [0; 16];
                rng.fill_bytes(&mut bytes);
                Self(uuid::Builder::from_random_bytes(bytes).into_uuid())
            }

            /// Makes the id from the 16 bytes that a store keeps.
            pub const fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(Uuid::from_bytes(bytes))
            }

            /// Borrows the 16 bytes that a store keeps.
            pub const fn as_bytes(&self) -> &[u8; 16] {
                self.0.as_bytes()
            }

            /// Reads the 36 ASCII bytes of the hyphenated form, and no other spelling.
            pub fn parse_ascii(text: &[u8]) -> Result<Self, IdError> {
                if text.len() != 36 {
                    return Err(IdError);
                }
                Uuid::try_parse_ascii(text).map(Self).map_err(|_| IdError)
            }

            /// Returns the hyphenated form, in ASCII.
            pub fn encode(&self) -> [u8; 36] {
                hyphenated(self.as_bytes())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.hyphenated().fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                Self::parse_ascii(text.as_bytes())
            }
        }
    };
}

/// Writes a UUID in lower case (RFC 9562 §4). A token request writes ten of them.
fn hyphenated(bytes: &[u8; 16]) -> [u8; 36] {
    let mut digits = [[0; 2]; 16];
    write_digits(bytes, &mut digits);
    let digits = digits.as_flattened();
    let mut text = [b'-'; 36];
    text[..8].copy_from_slice(&digits[..8]);
    text[9..13].copy_from_slice(&digits[8..12]);
    text[14..18].copy_from_slice(&digits[12..16]);
    text[19..23].copy_from_slice(&digits[16..20]);
    text[24..].copy_from_slice(&digits[20..]);
    text
}

/// Writes bytes as hexadecimal digits, both digits of a byte at once and without a table.
///
/// It stays a function of its own: the compiler would not vectorize copies that are inlined.
#[inline(never)]
fn write_digits(bytes: &[u8; 16], digits: &mut [[u8; 2]; 16]) {
    for (pair, byte) in digits.iter_mut().zip(bytes) {
        let byte = u16::from(*byte);
        let halves = (byte >> 4 | byte << 8) & 0x0f0f;
        // 1 in each half that is above 9: its digit is a letter, which is 39 further.
        let is_letter = ((halves + 0x0606) >> 4) & 0x0101;
        *pair = (halves + 0x3030 + is_letter * 39).to_le_bytes();
    }
}

id!(
    /// The id of a merchant: the tenant that owns clients, payment requests and idempotency keys.
    MerchantId
);
id!(
    /// The id of a client (RFC 6749 §2.2): one set of credentials; the subject of its tokens.
    ClientId
);
id!(
    /// The id of one of a client's secrets. It says nothing about the secret's value.
    SecretId
);
id!(
    /// The id of a signing key.
    KeyId
);
id!(
    /// The id of a session of the console, and of the link that it begins with. It can't be guessed.
    SessionId
);
id!(
    /// The id of a payment request of the sandbox Payment API. It can't be guessed: it is also the address of the payment page.
    PaymentRequestId
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_hyphenated_form_is_an_id() {
        let text = "0191e0a1-5c3b-7def-8123-456789abcdef";
        assert_eq!(text.parse::<ClientId>().unwrap().to_string(), text);
        assert_eq!(text.to_uppercase().parse::<ClientId>().unwrap().to_string(), text);
        for bad in [
            "",
            "0191e0a15c3b7def8123456789abcdef",
            "{0191e0a1-5c3b-7def-8123-456789abcdef}",
            "urn:uuid:0191e0a1-5c3b-7def-8123-456789abcdef",
            "0191e0a1-5c3b-7def-8123-456789abcdeg",
            "0191e0a1-5c3b-7def-8123-456789abcdef ",
        ] {
            assert_eq!(bad.parse::<ClientId>(), Err(IdError), "{bad:?}");
        }
    }

    #[test]
    fn every_byte_is_written_as_its_two_digits() {
        for byte in 0..=u8::MAX {
            for place in 0..16 {
                let mut bytes = [0x5a; 16];
                bytes[place] = byte;
                let id = ClientId::from_bytes(bytes);
                assert_eq!(id.encode(), id.to_string().as_bytes());
            }
        }
    }

    #[test]
    fn a_random_id_is_a_version_4_uuid() {
        let id = ClientId::random(&mut rand::rng()).to_string();
        assert_eq!(&id[14..15], "4");
    }
}
