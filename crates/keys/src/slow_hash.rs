//! The slow hashes by which other authorities keep secrets, in their text forms.

use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;

use base64::Engine;
use base64::alphabet::BCRYPT;
use base64::engine::general_purpose::{NO_PAD, STANDARD_NO_PAD};
use base64::engine::{GeneralPurpose, GeneralPurposeConfig};

/// The accepted costs of bcrypt, as powers of two: 14 takes about a second.
const COSTS: RangeInclusive<u32> = 4..=14;
/// The accepted iterations of PBKDF2: a million take about a second.
const ITERATIONS: RangeInclusive<u32> = 1_000..=1_000_000;
/// The accepted lengths of a salt of PBKDF2, in bytes.
const SALTS: RangeInclusive<usize> = 8..=64;
/// The accepted lengths of a digest of PBKDF2, in bytes.
const DIGESTS: RangeInclusive<usize> = 16..=64;

/// A lenient reader: the last character of a salt has unused bits, and not every program writes zeros there.
const LENIENT: GeneralPurposeConfig = NO_PAD.with_decode_allow_trailing_bits(true);
const OF_BCRYPT: GeneralPurpose = GeneralPurpose::new(&BCRYPT, LENIENT);
/// The lengths of the salt and of the digest of bcrypt, in characters.
const SALT_CHARS: usize = 22;
const DIGEST_CHARS: usize = 31;

/// How a slow hash is computed: the function, its cost, and the salt.
///
/// Its text is what other authorities write before the digest: `$2b$12$…` or `$pbkdf2-sha256$i=25000,l=32$…`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SlowHash {
    /// bcrypt, whose three versions compute the same.
    Bcrypt {
        /// The logarithm of the number of rounds.
        cost: u32,
        /// The salt, as raw bytes.
        salt: [u8; 16],
    },
    /// PBKDF2 (RFC 8018 §5.2) with HMAC.
    Pbkdf2 {
        /// The hash function that HMAC uses.
        digest: Sha2,
        /// The number of iterations.
        iterations: u32,
        /// The length of the digest, in bytes.
        length: usize,
        /// The salt, as raw bytes.
        salt: Vec<u8>,
    },
}

/// A hash function of PBKDF2.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sha2 {
    /// The function SHA-256.
    Sha256,
    /// The function SHA-512.
    Sha512,
}

/// A slow hash of a secret, as another authority keeps it.
pub struct ForeignHash {
    /// The function, its cost and its salt.
    pub function: SlowHash,
    digest: Vec<u8>,
}

/// Why a text is not a slow hash that can be imported.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SlowHashError {
    /// It is of an unknown kind.
    #[error("must be a hash by bcrypt ($2a$, $2b$, $2y$) or by PBKDF2 ($pbkdf2-sha256$, $pbkdf2-sha512$)")]
    Kind,
    /// It is cut short, or mistyped.
    #[error("must be a whole hash, as {0}")]
    Form(&'static str),
    /// A part of it is outside its bounds.
    #[error("must have {what} of {from} to {to}, not {found}")]
    Bounds {
        /// The name of the part.
        what: &'static str,
        /// The least accepted value.
        from: usize,
        /// The greatest accepted value.
        to: usize,
        /// The value that it has.
        found: usize,
    },
}

const BCRYPT_FORM: SlowHashError = SlowHashError::Form("$2b$12$ and 53 characters");
const PBKDF2_FORM: SlowHashError = SlowHashError::Form("$pbkdf2-sha256$i=25000,l=32$SALT$DIGEST, in base64");

impl SlowHash {
    /// Returns the name of the function for people.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Bcrypt { .. } => "bcrypt",
            Self::Pbkdf2 { digest: Sha2::Sha256, .. } => "pbkdf2-sha256",
            Self::Pbkdf2 { digest: Sha2::Sha512, .. } => "pbkdf2-sha512",
        }
    }

    /// Reads bcrypt after its prefix. Also returns what follows the salt.
    fn bcrypt(text: &str) -> Result<(Self, &str), SlowHashError> {
        let (cost, rest) = text.split_once('$').ok_or(BCRYPT_FORM)?;
        let (salt, digest) = rest.split_at_checked(SALT_CHARS).ok_or(BCRYPT_FORM)?;
        let cost = number(cost).filter(|_| cost.len() == 2).ok_or(BCRYPT_FORM)?;
        within("a cost", &COSTS, cost)?;
        let salt = OF_BCRYPT.decode(salt).ok().and_then(|salt| salt.try_into().ok()).ok_or(BCRYPT_FORM)?;
        Ok((Self::Bcrypt { cost, salt }, digest))
    }

    /// Reads PBKDF2 after its prefix. Also returns what follows the salt.
    fn pbkdf2(digest: Sha2, text: &str) -> Result<(Self, Option<&str>), SlowHashError> {
        let (cost, rest) = text.split_once('$').ok_or(PBKDF2_FORM)?;
        let (salt, after) = match rest.split_once('$') {
            Some((salt, after)) => (salt, Some(after)),
            None => (rest, None),
        };
        let (iterations, length) = cost.split_once(',').ok_or(PBKDF2_FORM)?;
        let iterations = iterations.strip_prefix("i=").and_then(number).ok_or(PBKDF2_FORM)?;
        let length = length.strip_prefix("l=").and_then(number).ok_or(PBKDF2_FORM)?;
        let (length, salt) = (length as usize, STANDARD_NO_PAD.decode(salt).map_err(|_| PBKDF2_FORM)?);
        within("a number of iterations", &ITERATIONS, iterations)?;
        bounded("a digest", &DIGESTS, length)?;
        bounded("a salt", &SALTS, salt.len())?;
        Ok((Self::Pbkdf2 { digest, iterations, length, salt }, after))
    }
}

/// Reads a number without a sign. A number with too many digits is read as the greatest number.
fn number(text: &str) -> Option<u32> {
    let is_number = !text.is_empty() && text.len() <= 20 && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().unwrap_or(u32::MAX))
}

fn within(what: &'static str, bounds: &RangeInclusive<u32>, found: u32) -> Result<(), SlowHashError> {
    bounded(what, &(*bounds.start() as usize..=*bounds.end() as usize), found as usize)
}

fn bounded(what: &'static str, bounds: &RangeInclusive<usize>, found: usize) -> Result<(), SlowHashError> {
    let (from, to) = (*bounds.start(), *bounds.end());
    if bounds.contains(&found) { Ok(()) } else { Err(SlowHashError::Bounds { what, from, to, found }) }
}

/// The function that a prefix names, with the text after the prefix.
enum Behind<'a> {
    Bcrypt(&'a str),
    Pbkdf2(Sha2, &'a str),
}

fn behind(text: &str) -> Result<Behind<'_>, SlowHashError> {
    if let Some(rest) = ["$2a$", "$2b$", "$2y$"].iter().find_map(|prefix| text.strip_prefix(prefix)) {
        return Ok(Behind::Bcrypt(rest));
    }
    let of = |digest, prefix| text.strip_prefix(prefix).map(|rest| Behind::Pbkdf2(digest, rest));
    of(Sha2::Sha256, "$pbkdf2-sha256$")
        .or_else(|| of(Sha2::Sha512, "$pbkdf2-sha512$"))
        .ok_or(SlowHashError::Kind)
}

impl FromStr for SlowHash {
    type Err = SlowHashError;

    fn from_str(text: &str) -> Result<Self, SlowHashError> {
        match behind(text)? {
            Behind::Bcrypt(rest) => match Self::bcrypt(rest)? {
                (function, "") => Ok(function),
                _ => Err(BCRYPT_FORM),
            },
            Behind::Pbkdf2(digest, rest) => match Self::pbkdf2(digest, rest)? {
                (function, None) => Ok(function),
                _ => Err(PBKDF2_FORM),
            },
        }
    }
}

impl fmt::Display for SlowHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bcrypt { cost, salt } => write!(f, "$2b${cost:02}${}", OF_BCRYPT.encode(salt)),
            Self::Pbkdf2 { iterations, length, salt, .. } => {
                write!(f, "${}$i={iterations},l={length}${}", self.name(), STANDARD_NO_PAD.encode(salt))
            }
        }
    }
}

impl ForeignHash {
    /// Returns it as the other authority writes it. The name is long so that its uses are found.
    pub fn expose_text(&self) -> String {
        let Self { function, digest } = self;
        match function {
            SlowHash::Bcrypt { .. } => format!("{function}{}", OF_BCRYPT.encode(digest)),
            SlowHash::Pbkdf2 { .. } => format!("{function}${}", STANDARD_NO_PAD.encode(digest)),
        }
    }

    /// Borrows the function's result for the right secret.
    pub fn digest(&self) -> &[u8] {
        &self.digest
    }
}

impl FromStr for ForeignHash {
    type Err = SlowHashError;

    fn from_str(text: &str) -> Result<Self, SlowHashError> {
        match behind(text)? {
            Behind::Bcrypt(rest) => {
                let (function, digest) = SlowHash::bcrypt(rest)?;
                let digest = OF_BCRYPT.decode(digest).ok().filter(|_| digest.len() == DIGEST_CHARS);
                Ok(Self { function, digest: digest.ok_or(BCRYPT_FORM)? })
            }
            Behind::Pbkdf2(sha2, rest) => {
                let (function, digest) = SlowHash::pbkdf2(sha2, rest)?;
                let SlowHash::Pbkdf2 { length, .. } = function else { return Err(PBKDF2_FORM) };
                let digest = digest.and_then(|text| STANDARD_NO_PAD.decode(text).ok());
                let digest = digest.filter(|digest| digest.len() == length).ok_or(PBKDF2_FORM)?;
                Ok(Self { function, digest })
            }
        }
    }
}

/// Hides the content, which would let somebody try secrets.
impl fmt::Debug for ForeignHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ForeignHash({})", self.function.name())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const BCRYPT_TEXT: &str = "$2a$12$o6hx.Wog/wvFSkT/Bp/6DOxCtLRTDj7lm9on9suF/WaCGNVHbkfL6";
    const SHA256: &str = "$pbkdf2-sha256$i=100000,l=32$1jP+5Zxpxgtee/iPxGgOz0RfE9/KJuDElP1ley4VxXc$QJxzfvdbHYBpydCbHoFg3GJEqMFULwskiuqiJctoYpI";

    fn foreign(text: &str) -> Result<ForeignHash, String> {
        text.parse().map_err(|error: SlowHashError| error.to_string())
    }

    #[test]
    fn a_hash_is_taken_apart_into_its_function_and_its_digest() {
        let bcrypt = foreign(BCRYPT_TEXT).unwrap();
        assert_eq!(bcrypt.function.to_string(), "$2b$12$o6hx.Wog/wvFSkT/Bp/6DO");
        assert_eq!(bcrypt.digest().len(), 23);
        let pbkdf2 = foreign(SHA256).unwrap();
        assert_eq!(pbkdf2.function.to_string(), SHA256.rsplit_once('$').unwrap().0);
        assert_eq!(pbkdf2.digest().len(), 32);
        assert_eq!(pbkdf2.expose_text(), SHA256);
        assert_eq!(bcrypt.expose_text(), BCRYPT_TEXT.replace("$2a$", "$2b$"));
        assert_eq!(format!("{pbkdf2:?} {bcrypt:?}"), "ForeignHash(pbkdf2-sha256) ForeignHash(bcrypt)");
    }

    #[test]
    fn what_is_no_whole_hash_is_refused() {
        for kind in [
            "",
            "secret",
            "$2x$12$a",
            "$2$12$a",
            "$argon2id$v=19$m=32,t=2,p=4$a$b",
            "$pbkdf2-sha1$i=1,l=1$a$b",
        ] {
            assert!(foreign(kind).unwrap_err().contains("bcrypt"), "{kind}");
        }
        for cut in 1..BCRYPT_TEXT.len() {
            assert!(foreign(&BCRYPT_TEXT[..cut]).is_err(), "{cut}");
        }
        for cut in 1..SHA256.len() {
            assert!(foreign(&SHA256[..cut]).is_err(), "{cut}");
        }
        for (text, from, to) in [
            (BCRYPT_TEXT, "$12$", "$+9$"),
            (BCRYPT_TEXT, "/", "="),
            (SHA256, "l=32", "l=33"),
            (SHA256, ",l=32", ""),
            (SHA256, "i=", "I="),
        ] {
            assert!(foreign(&text.replace(from, to)).is_err(), "{text} {to}");
        }
        assert!(foreign(&format!("{BCRYPT_TEXT}.")).is_err() && foreign(&format!("{SHA256}$")).is_err());
    }

    #[test]
    fn a_hash_that_costs_too_much_or_next_to_nothing_is_refused() {
        for (text, from, to, said) in [
            (BCRYPT_TEXT, "$12$", "$03$", "must have a cost of 4 to 14, not 3"),
            (BCRYPT_TEXT, "$12$", "$15$", "must have a cost of 4 to 14, not 15"),
            (SHA256, "i=100000", "i=999", "must have a number of iterations of 1000 to 1000000, not 999"),
            (
                SHA256,
                "i=100000",
                "i=99999999999999999999",
                "must have a number of iterations of 1000 to 1000000, not 4294967295",
            ),
            (SHA256, "l=32", "l=65", "must have a digest of 16 to 64, not 65"),
            (
                SHA256,
                "1jP+5Zxpxgtee/iPxGgOz0RfE9/KJuDElP1ley4VxXc",
                "AAAA",
                "must have a salt of 8 to 64, not 3",
            ),
        ] {
            assert_eq!(foreign(&text.replace(from, to)).unwrap_err(), said);
        }
    }

    proptest! {
        #[test]
        fn a_function_is_read_as_it_is_written(
            cost in COSTS, salt: [u8; 16], iterations in ITERATIONS, length in DIGESTS, long in prop::collection::vec(any::<u8>(), SALTS),
        ) {
            for function in [
                SlowHash::Bcrypt { cost, salt },
                SlowHash::Pbkdf2 { digest: Sha2::Sha256, iterations, length, salt: long.clone() },
                SlowHash::Pbkdf2 { digest: Sha2::Sha512, iterations, length, salt: long },
            ] {
                prop_assert_eq!(function.to_string().parse(), Ok(function));
            }
        }

        #[test]
        fn no_text_is_read_as_another_one(text in "\\$(2[aby]|pbkdf2-sha(256|512))\\$[0-9]{2}[./=,$a-zA-Z0-9]{0,80}") {
            if let Ok(function) = text.parse::<SlowHash>() {
                prop_assert_eq!(function.to_string().parse(), Ok(function));
            }
        }
    }
}
