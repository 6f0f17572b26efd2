//! The table of requests that every mount of the guard must answer alike.
//!
//! A mount (the bare layer, a server, a gateway) is set up as [`cases`] says, sends each case's `Authorization` lines
//! on a request of its own, and hands the answer to [`Case::check`]. What is refused anywhere is then refused
//! everywhere, with the same status, code and challenge.

use std::time::Duration;

use http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, Response, StatusCode};
use tollgate_core::wire::Code;
use tollgate_core::{
    Algorithm, ClientId, Environment, Generation, MerchantId, Policy, Revocation, Revoked, SecretId,
    Timestamp, TokenId,
};
use tollgate_keys::{SigningKey, SigningRing};

mod cases;
mod forged;
mod stale;

use cases::Table;

/// The scope that the mount must require.
pub(crate) const SCOPE: &str = "payments:read";
/// The environment that the mount must require.
pub(crate) const ENVIRONMENT: Environment = Environment::Test;
/// The audience of the mount's tokens, which challenges name as the realm.
pub(crate) const AUDIENCE: &str = "payment-api";
/// How often each case is to be sent: a token that was admitted twice is not verified from the beginning again.
pub(crate) const TIMES: usize = 3;

/// Who signs the tokens that the mount accepts.
pub(crate) struct Authority {
    /// What the tokens must say.
    pub(crate) policy: Policy,
    /// The algorithm of its access tokens.
    pub(crate) algorithm: Algorithm,
    /// The keys that sign them.
    pub(crate) keys: SigningRing,
    /// A key of the same algorithm that is not one of them, in force since 1970.
    pub(crate) foreign: SigningKey,
}

/// What a case is about. Who verifies by public keys alone knows nothing of some.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Subject {
    /// The lines of the header.
    Header,
    /// Whether the token is in force.
    Times,
    /// Whom it is from, whom it is for, and in which environment.
    Claims,
    /// Who signed it, and what.
    Signature,
    /// Whether it is spelt as it was issued.
    Spelling,
    /// Whether it was ended.
    Revocation,
    /// Whether it allows what is asked for, from there.
    Permission,
}

/// A request and how it is to be answered.
#[derive(Debug, Clone)]
pub(crate) struct Case {
    /// What is sent, in words.
    pub(crate) name: String,
    /// What it is about.
    pub(crate) subject: Subject,
    /// The lines of the header `Authorization`.
    pub(crate) authorization: Vec<HeaderValue>,
    /// Whether the request is admitted.
    pub(crate) expected: Result<(), Refusal>,
}

/// How a request is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// The code in the envelope; the status follows from it.
    pub(crate) code: Code,
    /// The header `WWW-Authenticate`, byte for byte.
    pub(crate) challenge: Option<&'static str>,
}

const NO_TOKEN: Refusal = Refusal { code: Code::NoToken, challenge: Some("Bearer realm=\"payment-api\"") };
const INVALID_TOKEN: Refusal = Refusal {
    code: Code::InvalidToken,
    challenge: Some("Bearer realm=\"payment-api\", error=\"invalid_token\""),
};
const INSUFFICIENT_SCOPE: Refusal = Refusal {
    code: Code::Forbidden,
    challenge: Some("Bearer realm=\"payment-api\", error=\"insufficient_scope\", scope=\"payments:read\""),
};
const ADDRESS: Refusal = Refusal { code: Code::Forbidden, challenge: None };
pub(crate) const STALE: Refusal = Refusal { code: Code::Unavailable, challenge: None };

impl Case {
    /// Compares an answer with what is expected, and says how it differs.
    ///
    /// A request counts as admitted unless it is answered 401, 403 or 503: what is behind the guard may refuse it still.
    pub(crate) fn check(&self, answer: &Response<impl AsRef<[u8]>>) -> Result<(), String> {
        let body = String::from_utf8_lossy(answer.body().as_ref());
        self.check_head(answer)?;
        let Err(refusal) = self.expected else { return Ok(()) };
        let code = format!("{{\"success\":false,\"error\":{{\"code\":\"{}\",", refusal.code.as_str());
        same("envelope", &body.starts_with(&code), &true)
            .and_then(|()| same("type", &answer.headers().get(CONTENT_TYPE), &Some(&JSON)))
            .and_then(|()| same("retry", &answer.headers().contains_key(RETRY_AFTER), &(refusal == STALE)))
            .map_err(|difference| format!("{self}: {difference}, {} {body}", answer.status()))
    }

    /// The same without the body, which a proxy may write itself.
    pub(crate) fn check_head<B>(&self, answer: &Response<B>) -> Result<(), String> {
        let status = answer.status();
        let challenges: Vec<_> = answer.headers().get_all(WWW_AUTHENTICATE).iter().collect();
        match self.expected {
            Ok(()) => same("admitted", &(!REFUSED.contains(&status) && challenges.is_empty()), &true),
            Err(refusal) => same("status", &status.as_u16(), &refusal.code.status())
                .and_then(|()| same("challenge", &challenges, &refusal.challenge.as_slice().to_vec())),
        }
        .map_err(|difference| format!("{self}: {difference}, {status}"))
    }
}

impl std::fmt::Display for Case {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}, {}", self.subject, self.name)
    }
}

const REFUSED: [StatusCode; 3] =
    [StatusCode::UNAUTHORIZED, StatusCode::FORBIDDEN, StatusCode::SERVICE_UNAVAILABLE];
const JSON: HeaderValue = HeaderValue::from_static("application/json");

fn same<A: PartialEq<B> + std::fmt::Debug, B: std::fmt::Debug>(
    what: &str,
    found: &A,
    expected: &B,
) -> Result<(), String> {
    if found == expected { Ok(()) } else { Err(format!("{what} is {found:?}, not {expected:?}")) }
}

const REVOKED_TOKEN: TokenId = TokenId::from_bytes([0xa1; 16]);
const REVOKED_SECRET: SecretId = SecretId::from_bytes([0xa2; 16]);
const REVOKED_CLIENT: ClientId = ClientId::from_bytes([0xa3; 16]);
const REVOKED_MERCHANT: MerchantId = MerchantId::from_bytes([0xa4; 16]);
pub(crate) const SECOND: Duration = Duration::from_secs(1);

/// The generation of tokens from after their client or merchant was disabled and enabled again.
const NEXT: Generation = Generation::FIRST.next();

/// The revocations that must be in force at the mount. A client and a merchant were disabled, and enabled again.
pub(crate) fn revocations(now: Timestamp) -> Vec<Revocation> {
    [
        Revoked::Token(REVOKED_TOKEN),
        Revoked::Secret(REVOKED_SECRET),
        Revoked::Client(REVOKED_CLIENT, NEXT),
        Revoked::Merchant(REVOKED_MERCHANT, NEXT),
    ]
    .into_iter()
    .map(|subject| Revocation { subject, expires_at: now.after(Duration::from_secs(24 * 60 * 60)) })
    .collect()
}

/// The table, for a mount that accepts the tokens of `authority` at `now`, requires [`SCOPE`] and [`ENVIRONMENT`], has the
/// [`revocations`] in force, and gives the guard an address that is not in 192.0.2.0/24.
pub(crate) fn cases(authority: &Authority, now: Timestamp) -> Vec<Case> {
    assert_eq!(authority.policy.audience, AUDIENCE, "challenges name it");
    let table = Table { authority, now };
    let groups = [
        (Subject::Header, table.without_a_token()),
        (Subject::Header, table.spellings_of_the_header()),
        (Subject::Times, table.times()),
        (Subject::Claims, table.claims_of_others()),
        (Subject::Signature, table.keys_of_others()),
        (Subject::Signature, table.headers_of_others()),
        (Subject::Spelling, table.twins()),
        (Subject::Signature, table.lengths()),
        (Subject::Signature, table.changed_bits()),
        (Subject::Revocation, table.revoked()),
        (Subject::Permission, table.permissions()),
    ];
    let named =
        |(subject, cases): (_, Vec<Case>)| cases.into_iter().map(move |case| Case { subject, ..case });
    groups.into_iter().flat_map(named).collect()
}

/// The table for a mount like that of [`cases`] whose keys and revocations are too old to say anything of a token
/// ([`Freshness::until`](tollgate_guard::Freshness::until) has come).
pub(crate) fn stale_cases(authority: &Authority, now: Timestamp) -> Vec<Case> {
    Table { authority, now }.stale()
}

/// The table for a mount like that of [`cases`] that may not know the newest key
/// ([`Freshness::keys_until`](tollgate_guard::Freshness::keys_until) has come).
pub(crate) fn doubtful_cases(authority: &Authority, now: Timestamp) -> Vec<Case> {
    Table { authority, now }.doubtful()
}
