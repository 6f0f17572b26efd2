//! The algorithms that tokens are signed with.

use std::fmt;
use std::str::FromStr;

/// An algorithm that tokens are signed with, by its name in RFC 7518 §3.1 and RFC 8037 §3.1.
///
/// It is a property of a key, known before a token is examined. A token never chooses it (RFC 8725 §3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// HMAC with SHA-256. Its key is secret and never leaves the authority.
    Hs256,
    /// ECDSA on the curve P-256 with SHA-256.
    Es256,
    /// EdDSA on the curve Ed25519.
    EdDsa,
    /// RSASSA-PSS with SHA-256.
    Ps256,
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    Rs256,
}

impl Algorithm {
    /// Every algorithm that is implemented. No other is read from a store or accepted in a token.
    pub const ALL: [Self; 5] = [Self::Hs256, Self::Es256, Self::EdDsa, Self::Ps256, Self::Rs256];

    /// Returns the name in a token's header, in a key's metadata and in the store.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Hs256 => "HS256",
            Self::Es256 => "ES256",
            Self::EdDsa => "EdDSA",
            Self::Ps256 => "PS256",
            Self::Rs256 => "RS256",
        }
    }

    /// Says whether the key that verifies differs from the key that signs, so that it can be published.
    pub const fn is_asymmetric(self) -> bool {
        match self {
            Self::Hs256 => false,
            Self::Es256 | Self::EdDsa | Self::Ps256 | Self::Rs256 => true,
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The error for a text that is not the name of an implemented algorithm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an algorithm is one of HS256, ES256, EdDSA, PS256 and RS256")]
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
            assert!(AlgorithmError.to_string().contains(algorithm.as_str()));
        }
        for bad in ["", "none", "hs256", "HS256 ", "HS512", "ES384", "Ed25519", "eddsa", "RS512"] {
            assert_eq!(bad.parse::<Algorithm>(), Err(AlgorithmError), "{bad:?}");
        }
    }
}
