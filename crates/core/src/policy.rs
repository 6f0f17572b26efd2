//! The requirements on the claims of tokens.

use std::time::Duration;

/// The requirements that every token of the authority must meet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// The claim `iss`, compared byte for byte.
    pub issuer: String,
    /// The claim `aud`, compared byte for byte.
    pub audience: String,
    /// How long after `exp` a token is still accepted.
    pub exp_leeway: Duration,
    /// How far in the future `iat` may lie.
    pub iat_leeway: Duration,
}

/// An issuer and an audience of the authority, whose tokens are accepted beside those of the [`Policy`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted {
    /// The claim `iss`, compared byte for byte.
    pub issuer: String,
    /// The claim `aud` of the same tokens, compared byte for byte.
    pub audience: String,
    /// Whether the audience is another API. Its tokens are accepted only where that API is named. Otherwise the audience is a former
    /// or future name of the same API.
    pub is_other_api: bool,
}
