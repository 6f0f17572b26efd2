//! The claims of a token (RFC 7519 §4), written and read without a JSON tree.
//!
//! Only tokens that carry our own signature are read, and there is one form only: the members in a fixed order,
//! strings without escapes, whole numbers, no white space. Everything else is refused, so a set of claims has exactly
//! one text, and no other parser can read a token in another way.

use memchr::memchr2;
use uuid::Uuid;

use crate::algorithm::Algorithm;
use crate::base64url;
use crate::scope::{contains, is_well_formed};
use crate::{ClientId, Environment, Generation, MerchantId, Scope, SecretId, Timestamp, TokenId};

/// The claims of a token. They borrow from the decoded token, or from the caller that mints one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Claims<'a> {
    /// `iss`: the issuer, which is the authority's public URL.
    pub issuer: &'a str,
    /// `sub`: the client that it was issued to.
    pub subject: ClientId,
    /// `aud`: the API that it is for.
    pub audience: &'a str,
    /// `iat`: when it was issued, in whole seconds.
    pub issued_at: Timestamp,
    /// `exp`: when it expires, in whole seconds; it is refused from then on.
    pub expires_at: Timestamp,
    /// `jti`: the token's own id.
    pub id: TokenId,
    /// `scope`: what it allows (RFC 8693 §4.2).
    pub scope: &'a str,
    /// `merchant_id`: the merchant it acts for; absent from an operator's token, which acts for every merchant.
    pub merchant_id: Option<MerchantId>,
    /// `env`: its environment, live or test.
    pub environment: Environment,
    /// `sid`: the secret that it was obtained with, so that revoking the secret ends the token.
    pub secret_id: SecretId,
    /// `gen`: the generation of its client's tokens; absent means the first.
    pub generation: Generation,
    /// `mgen`: the generation of its merchant's tokens; absent means the first.
    pub merchant_generation: Generation,
    /// `rti`: in an access token, the `jti` of the refresh token that it was obtained with, so that revoking the refresh token ends it.
    /// Absent from an access token that was issued together with its refresh token: see [`Claims::refresh_id`].
    pub made_with: Option<TokenId>,
    /// `net`: the networks that it may be used from, as space-separated CIDR blocks; absent means any network.
    pub addresses: Option<&'a str>,
}

/// The set of members that claims have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// The members that are published for HS256.
    Published,
    /// The members of RFC 9068 §2.2, which also requires `client_id`. It equals the subject.
    AccessTokenProfile,
}

impl Form {
    /// Returns the form of the claims of tokens that are signed with `algorithm`.
    pub const fn of(algorithm: Algorithm) -> Self {
        if algorithm.is_asymmetric() { Self::AccessTokenProfile } else { Self::Published }
    }
}

/// The last second of the year 9999. A later time is refused.
const LAST_SECOND: u64 = Timestamp::LAST_DATE.seconds();
/// The number of digits of [`LAST_SECOND`].
const LONGEST: usize = 12;

impl<'a> Claims<'a> {
    /// Says whether `scope` is one of the words of the token's scope.
    pub fn allows(&self, scope: &str) -> bool {
        contains(self.scope, scope)
    }

    /// Returns the id of the refresh token that this token was obtained with or issued with, whose revocation ends it. For a refresh
    /// token it is an id that is never issued.
    pub fn refresh_id(&self) -> TokenId {
        self.made_with.unwrap_or(self.id.of_its_refresh_token())
    }

    /// Copies the scope out of the token.
    pub fn scope(&self) -> Scope {
        Scope::from_well_formed(self.scope)
    }

    /// Appends the claims as JSON.
    ///
    /// The texts must not contain quotes, backslashes and control characters; configuration and [`Scope`] ensure that.
    pub fn write(&self, form: Form, out: &mut Vec<u8>) {
        let mut number = itoa::Buffer::new();
        Self::begin(self.issuer, out);
        out.extend_from_slice(&self.subject.encode());
        if form == Form::AccessTokenProfile {
            member(out, CLIENT_ID, self.subject.encode());
        }
        member(out, b"\",\"aud\":\"", self.audience);
        member(out, b"\",\"iat\":", number.format(self.issued_at.seconds()));
        member(out, b",\"exp\":", number.format(self.expires_at.seconds()));
        member(out, b",\"jti\":\"", self.id.encode());
        member(out, b"\",\"scope\":\"", self.scope);
        if let Some(merchant) = self.merchant_id {
            member(out, b"\",\"merchant_id\":\"", merchant.encode());
        }
        member(out, b"\",\"env\":\"", self.environment.as_str());
        member(out, b"\",\"sid\":\"", self.secret_id.encode());
        out.push(b'"');
        for (name, generation) in
            [(b",\"gen\":".as_slice(), self.generation), (b",\"mgen\":", self.merchant_generation)]
        {
            if generation != Generation::FIRST {
                member(out, name, number.format(generation.number()));
            }
        }
        if let Some(refresh) = self.made_with {
            member(out, b",\"rti\":\"", refresh.encode());
            out.push(b'"');
        }
        if let Some(addresses) = self.addresses {
            member(out, b",\"net\":\"", addresses);
            out.push(b'"');
        }
        out.push(b'}');
    }

    /// Appends the beginning of the claims, which is the same in all tokens of an issuer.
    pub(crate) fn begin(issuer: &str, out: &mut Vec<u8>) {
        member(out, b"{\"iss\":\"", issuer);
        out.extend_from_slice(b"\",\"sub\":\"");
    }

    /// Reads claims from JSON. Returns `None` for anything that [`Claims::write`] would not have written, byte for byte.
    pub(crate) fn read(payload: &'a [u8], form: Form) -> Option<Self> {
        let mut rest = Rest(std::str::from_utf8(payload).ok()?);
        let issuer = rest.after("{\"iss\":\"")?.string()?;
        let subject = rest.after(",\"sub\":\"")?.uuid(ClientId::from_bytes)?;
        if form == Form::AccessTokenProfile
            && rest.after(",\"client_id\":\"")?.uuid(ClientId::from_bytes)? != subject
        {
            return None;
        }
        let claims = Self {
            issuer,
            subject,
            audience: rest.after(",\"aud\":\"")?.string()?,
            issued_at: rest.after(",\"iat\":")?.seconds()?,
            expires_at: rest.after(",\"exp\":")?.seconds()?,
            id: rest.after(",\"jti\":\"")?.token_id()?,
            scope: rest.after(",\"scope\":\"")?.string().filter(|scope| is_well_formed(scope))?,
            merchant_id: match rest.after(",\"merchant_id\":\"") {
                Some(rest) => Some(rest.uuid(MerchantId::from_bytes)?),
                None => None,
            },
            environment: rest.after(",\"env\":\"")?.string()?.parse().ok()?,
            secret_id: rest.after(",\"sid\":\"")?.uuid(SecretId::from_bytes)?,
            generation: rest.generation(",\"gen\":")?,
            merchant_generation: rest.generation(",\"mgen\":")?,
            made_with: match rest.after(",\"rti\":\"") {
                Some(rest) => Some(rest.token_id()?),
                None => None,
            },
            addresses: match rest.after(",\"net\":\"") {
                Some(rest) => Some(rest.string()?),
                None => None,
            },
        };
        (rest.0 == "}").then_some(claims)
    }
}

const CLIENT_ID: &[u8] = b"\",\"client_id\":\"";

fn member(out: &mut Vec<u8>, name: &[u8], value: impl AsRef<[u8]>) {
    out.extend_from_slice(name);
    out.extend_from_slice(value.as_ref());
}

/// The rest of the text. Its methods take a value from the front, with the quote after it.
struct Rest<'a>(&'a str);

impl<'a> Rest<'a> {
    /// Takes `name` from the front, if it is there.
    fn after(&mut self, name: &str) -> Option<&mut Self> {
        self.0 = self.0.strip_prefix(name)?;
        Some(self)
    }

    /// Takes a string without escapes.
    fn string(&mut self) -> Option<&'a str> {
        let end = memchr2(b'"', b'\\', self.0.as_bytes())?;
        let (value, rest) = self.0.split_at(end);
        self.0 = rest.strip_prefix('"')?;
        Some(value)
    }

    /// Takes a hyphenated lower-case UUID, the only spelling that is written.
    fn uuid<T>(&mut self, id: fn([u8; 16]) -> T) -> Option<T> {
        let (value, rest) = self.0.split_at_checked(36)?;
        self.0 = rest.strip_prefix('"')?;
        let value = value.as_bytes();
        if value.iter().any(u8::is_ascii_uppercase) {
            return None;
        }
        Uuid::try_parse_ascii(value).ok().map(|uuid| id(uuid.into_bytes()))
    }

    fn token_id(&mut self) -> Option<TokenId> {
        let (value, rest) = self.0.split_at_checked(base64url::encoded_len(16))?;
        self.0 = rest.strip_prefix('"')?;
        let mut bytes = [0; 16];
        base64url::decode(value.as_bytes(), &mut bytes)?;
        Some(TokenId::from_bytes(bytes))
    }

    /// Takes a time in whole seconds.
    fn seconds(&mut self) -> Option<Timestamp> {
        self.number().filter(|value| *value <= LAST_SECOND).map(Timestamp::from_seconds)
    }

    /// Takes a generation, if `name` is at the front; otherwise returns the first generation, which is never written.
    fn generation(&mut self, name: &str) -> Option<Generation> {
        match self.after(name) {
            Some(rest) => rest.number().filter(|number| *number > 0).map(Generation::from_number),
            None => Some(Generation::FIRST),
        }
    }

    /// Takes a whole number without sign, fraction, exponent or leading zero.
    fn number(&mut self) -> Option<u64> {
        let digits = self.0.bytes().take(LONGEST + 1).take_while(u8::is_ascii_digit).count();
        let (value, rest) = self.0.split_at(digits);
        if digits == 0 || digits > LONGEST || (digits > 1 && value.starts_with('0')) {
            return None;
        }
        self.0 = rest;
        Some(value.bytes().fold(0, |value, digit| value * 10 + u64::from(digit - b'0')))
    }
}

#[cfg(test)]
mod tests;
