//! The algorithms that tokens are signed with.

use std::fmt;
use std::str::FromStr;

use crate::base64url;

/// An algorithm that tokens are signed with, by its name in RFC 7518 §3.1.
///
/// It is a property of a key, known before any token is looked at. A token never chooses it (RFC 8725 §3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// HMAC with SHA-256. Its key is secret and never leaves the authority.
    Hs256,
}

/// The number of bytes of the longest signature of any algorithm.
pub(crate) const LONGEST_SIGNATURE: usize = 32;

impl Algorithm {
    /// Every algorithm that is implemented. No other is read from a store or accepted in a token.
    pub const ALL: [Self; 1] = [Self::Hs256];

    /// The header of the tokens that keys of this algorithm sign: the first segment and the dot behind it.
    pub(crate) const fn header(self) -> &'static [u8] {
        match self {
            // {"alg":"HS256","typ":"JWT"}
            Self::Hs256 => b"eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.",
        }
    }

    /// The number of characters of a signature in base64url.
    pub(crate) const fn signature_len(self) -> usize {
        match self {
            Self::Hs256 => base64url::encoded_len(32),
        }
    }

    /// The algorithm whose header a token begins with, and what follows that header.
    pub(crate) fn of_token(token: &[u8]) -> Option<(Self, &[u8])> {
        Self::ALL
            .into_iter()
            .find_map(|algorithm| token.strip_prefix(algorithm.header()).map(|rest| (algorithm, rest)))
    }

    /// The name in a token's header, in a key's metadata and in the store.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Hs256 => "HS256",
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The error for a name that is not that of an implemented algorithm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the algorithm is not one that this version signs with: HS256")]
pub struct AlgorithmError;

impl FromStr for Algorithm {
    type Err = AlgorithmError;

    fn from_str(name: &str) -> Result<Self, AlgorithmError> {
        Self::ALL.into_iter().find(|algorithm| algorithm.as_str() == name).ok_or(AlgorithmError)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_names_its_algorithm_and_is_the_beginning_of_no_other() {
        for algorithm in Algorithm::ALL {
            let mut header = [0; 128];
            let header =
                base64url::decode(algorithm.header().strip_suffix(b".").unwrap(), &mut header).unwrap();
            let expected = format!(r#"{{"alg":"{algorithm}","typ":"JWT"}}"#);
            assert_eq!(std::str::from_utf8(header).unwrap(), expected);
            let token = [algorithm.header(), b"payload.signature"].concat();
            assert_eq!(Algorithm::of_token(&token), Some((algorithm, &b"payload.signature"[..])));
            assert!(algorithm.signature_len() <= base64url::encoded_len(LONGEST_SIGNATURE));
        }
        assert_eq!(Algorithm::of_token(b"eyJhbGciOiJub25lIn0.payload."), None);
    }

    #[test]
    fn an_algorithm_is_read_by_its_exact_name_and_no_other_is() {
        for algorithm in Algorithm::ALL {
            assert_eq!(algorithm.as_str().parse(), Ok(algorithm));
        }
        for bad in ["", "none", "hs256", "HS256 ", "HS512", "ES256", "RS256"] {
            assert_eq!(bad.parse::<Algorithm>(), Err(AlgorithmError), "{bad:?}");
        }
    }
}
