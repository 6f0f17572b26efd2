//! Problems with an authority, for a guard in another process.

use tollgate_client::{Fault, ObtainError};

/// Why keys, revocations or an introspection could not be read from the authority. It contains no secret and no token.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// There was no answer, or it was too long.
    #[error("{what}: {fault}")]
    Call {
        /// The document that was asked for.
        what: &'static str,
        /// The cause of the failure.
        fault: Fault,
    },
    /// The answer has another status than 200.
    #[error("{what}: it answered status {status}{}", hint(*.status))]
    Status {
        /// The document that was asked for.
        what: &'static str,
        /// The HTTP status.
        status: u16,
    },
    /// The answer doesn't have the required form.
    #[error("{0}: its answer is not in the form that Tollgate writes")]
    Malformed(&'static str),
    /// The metadata belongs to another issuer (RFC 8414 §3.3).
    #[error(
        "the metadata is that of another issuer: the URL must be the authority's public_url, letter by letter"
    )]
    OtherIssuer,
    /// The metadata has a URL for keys at another origin than the issuer's.
    #[error("the metadata names a jwks_uri that is not at the origin of the issuer")]
    Elsewhere,
    /// The set of keys contains a symmetric key.
    #[error("a symmetric key is published: whoever reads it can make tokens; none of the keys is used")]
    SymmetricKey,
    /// The set of keys contains none that can be used.
    #[error("no public key is published: give the API an audience with ES256, EdDSA, PS256 or RS256")]
    NoKey,
    /// The set of keys is larger than any that Tollgate publishes.
    #[error("more than {0} keys are published")]
    TooManyKeys(usize),
    /// Revocations came with the position from before them.
    #[error("revocations come without a new position")]
    Position,
    /// The authority's clock and this one differ.
    #[error("the clock of this machine and that of the authority differ by {0} s: set them right")]
    Clocks(u64),
    /// No token could be obtained for reading the revocations.
    #[error("no token for the revocations: {0}")]
    Token(ObtainError),
    /// No token for reading the revocations has been obtained yet.
    #[error("no token for the revocations yet")]
    NoToken,
    /// The guard's own credentials can't be read.
    #[error("the guard's own client can't be read: {0}")]
    Client(String),
}

/// Returns what to do about a status.
fn hint(status: u16) -> &'static str {
    match status {
        401 => ": the guard's own client is not accepted",
        403 => ": the guard's own client needs the scope tollgate:verify",
        404 => ": check the URL of the issuer",
        _ => "",
    }
}
