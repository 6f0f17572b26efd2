//! Identifiers. Each is a UUID in its hyphenated form, and a type of its own.

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

            /// Takes the 16 bytes that a store keeps.
            pub const fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(Uuid::from_bytes(bytes))
            }

            /// Borrows the 16 bytes that a store keeps.
            pub const fn as_bytes(&self) -> &[u8; 16] {
                self.0.as_bytes()
            }

            /// Reads the 36 ASCII bytes of the hyphenated form and no other spelling.
            pub fn parse_ascii(text: &[u8]) -> Result<Self, IdError> {
                if text.len() != 36 {
                    return Err(IdError);
                }
                Uuid::try_parse_ascii(text).map(Self).map_err(|_| IdError)
            }

            /// Writes the hyphenated form into `buffer`.
            pub fn encode<'a>(&self, buffer: &'a mut [u8; 36]) -> &'a str {
                self.0.hyphenated().encode_lower(buffer)
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

id!(
    /// Names a merchant: the tenant that owns clients, payment requests and idempotency keys.
    MerchantId
);
id!(
    /// Names a client (RFC 6749 §2.2): one set of credentials; the subject of its tokens.
    ClientId
);
id!(
    /// Names one of a client's secrets. It says nothing about the secret's value.
    SecretId
);
id!(
    /// Names a signing key.
    KeyId
);
id!(
    /// Names a session of the console, and the link that it begins by. Unguessable.
    SessionId
);
id!(
    /// Names a payment request of the sandbox Payment API. Unguessable: it is also the address of the payment page.
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
    fn a_random_id_is_a_version_4_uuid() {
        let id = ClientId::random(&mut rand::rng()).to_string();
        assert_eq!(&id[14..15], "4");
    }
}
