//! What is wrong with an authority, as a guard in another process sees it.

use tollgate_client::{Fault, ObtainError};

/// Why keys, revocations or an introspection could not be read from the authority. It holds no secret and no token.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// There was no answer, or it was too long.
    #[error("{what}: {fault}")]
    Call {
        /// What was asked for.
        what: &'static str,
        /// What went wrong.
        fault: Fault,
    },
    /// The answer has another status than 200.
    #[error("{what}: it answered status {status}{}", hint(*.status))]
    Status {
        /// What was asked for.
        what: &'static str,
        /// The status.
        status: u16,
    },
    /// The answer is not what it must be.
    #[error("{0}: its answer is not in the form that Tollgate writes")]
    Malformed(&'static str),
    /// The metadata is that of another issuer (RFC 8414 §3.3).
    #[error(
        "the metadata is that of another issuer: the URL must be the authority's public_url, letter by letter"
    )]
    OtherIssuer,
    /// The metadata names keys at another origin than the issuer's.
    #[error("the metadata names a jwks_uri that is not at the origin of the issuer")]
    Elsewhere,
    /// The set of keys has a symmetric one.
    #[error("a symmetric key is published: whoever reads it can make tokens; none of the keys is used")]
    SymmetricKey,
    /// The set of keys has none that can be used.
    #[error("no public key is published: give the API an audience with ES256, EdDSA, PS256 or RS256")]
    NoKey,
    /// The set of keys is larger than any that Tollgate publishes.
    #[error("more than {0} keys are published")]
    TooManyKeys(usize),
    /// Revocations came with the position that was known before they happened.
    #[error("revocations come without a new position")]
    Position,
    /// The authority's clock and this one differ.
    #[error("the clock of this machine and that of the authority differ by {0} s: set them right")]
    Clocks(u64),
    /// There is no token for the revocations.
    #[error("no token for the revocations: {0}")]
    Token(ObtainError),
    /// There is no token for the revocations yet.
    #[error("no token for the revocations yet")]
    NoToken,
    /// The guard's own client can't be read from where it is kept.
    #[error("the guard's own client can't be read: {0}")]
    Client(String),
}

/// What to do about a status.
fn hint(status: u16) -> &'static str {
    match status {
        401 => ": the guard's own client is not accepted",
        403 => ": the guard's own client needs the scope tollgate:verify",
        404 => ": check the URL of the issuer",
        _ => "",
    }
}
