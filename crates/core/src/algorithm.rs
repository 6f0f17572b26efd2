//! The algorithms that tokens are signed with.

use std::fmt;
use std::str::FromStr;

/// An algorithm that tokens are signed with, by its name in RFC 7518 §3.1.
///
/// It is a property of a key, known before any token is looked at. A token never chooses it (RFC 8725 §3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// HMAC with SHA-256. Its key is secret and never leaves the authority.
    Hs256,
}

impl Algorithm {
    /// Every algorithm that is implemented. No other is read from a store or accepted in a token.
    pub const ALL: [Self; 1] = [Self::Hs256];

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

/// A name of no algorithm that is implemented.
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
    fn an_algorithm_is_read_by_its_exact_name_and_no_other_is() {
        for algorithm in Algorithm::ALL {
            assert_eq!(algorithm.as_str().parse(), Ok(algorithm));
        }
        for bad in ["", "none", "hs256", "HS256 ", "HS512", "ES256", "RS256"] {
            assert_eq!(bad.parse::<Algorithm>(), Err(AlgorithmError), "{bad:?}");
        }
    }
}
