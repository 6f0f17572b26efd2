//! The cases, by what is wrong with them.

use std::time::Duration;

use http::HeaderValue;
use tollgate_core::{
    Algorithm, Claims, ClientId, Environment, Generation, MerchantId, Policy, SecretId, Timestamp, TokenId,
    TokenKind,
};
use tollgate_keys::SigningRing;

use super::{
    ADDRESS, Authority, Case, ENVIRONMENT, INSUFFICIENT_SCOPE, INVALID_TOKEN, NEXT, NO_TOKEN, REVOKED_CLIENT,
    REVOKED_MERCHANT, REVOKED_SECRET, REVOKED_TOKEN, Refusal, SCOPE, SECOND, Subject,
};

pub(super) struct Table<'a> {
    pub(super) authority: &'a Authority,
    pub(super) now: Timestamp,
}

impl Table<'_> {
    pub(super) fn claims(&self) -> Claims<'_> {
        let policy = &self.authority.policy;
        Claims {
            issuer: &policy.issuer,
            subject: ClientId::from_bytes([1; 16]),
            audience: &policy.audience,
            issued_at: self.now,
            expires_at: self.now.after(Duration::from_secs(900)),
            id: TokenId::from_bytes([2; 16]),
            scope: "payments:read payments:write",
            merchant_id: Some(MerchantId::from_bytes([3; 16])),
            environment: ENVIRONMENT,
            secret_id: SecretId::from_bytes([4; 16]),
            generation: Generation::FIRST,
            merchant_generation: Generation::FIRST,
            made_with: Some(TokenId::from_bytes([5; 16])),
            addresses: None,
        }
    }

    pub(super) fn token(&self) -> String {
        self.minted(TokenKind::Access, &self.claims())
    }

    /// A token as the authority issues it.
    pub(super) fn minted(&self, kind: TokenKind, claims: &Claims<'_>) -> String {
        let Authority { keys, algorithm, .. } = self.authority;
        minted(keys, kind, *algorithm, claims, self.now)
    }

    pub(super) fn says(&self, name: &str, claims: &Claims<'_>, expected: Result<(), Refusal>) -> Case {
        bearer(name, &self.minted(TokenKind::Access, claims), expected)
    }

    pub(super) fn without_a_token(&self) -> Vec<Case> {
        let token = self.token();
        let mut cases = vec![case("no Authorization", &[], Err(NO_TOKEN))];
        cases.extend(
            [
                "",
                "Bearer",
                "Bearer ",
                "Bearer    ",
                "Basic dXNlcjpwYXNz",
                "Digest username=\"a\"",
                "Negotiate YQ==",
                "Bear a.b.c",
                &token,
                &format!("Bearer{token}"),
                &format!("Bearer\t{token}"),
                &format!("Bearer={token}"),
                &format!("Basic {token}"),
                &format!("JWT {token}"),
                &format!("Token {token}"),
                &format!("\"Bearer {token}\""),
            ]
            .iter()
            .map(|line| case(&format!("the line {line:?}"), &[line.as_bytes()], Err(NO_TOKEN))),
        );
        cases
    }

    pub(super) fn spellings_of_the_header(&self) -> Vec<Case> {
        let token = self.token();
        let good = format!("Bearer {token}");
        let mut cases = Vec::new();
        for scheme in ["Bearer ", "bearer ", "BEARER ", "BeArEr ", "Bearer  ", "Bearer      "] {
            cases.push(case(
                &format!("the scheme {scheme:?}"),
                &[format!("{scheme}{token}").as_bytes()],
                Ok(()),
            ));
        }
        for line in [
            format!("Bearer \"{token}\""),
            format!("Bearer '{token}'"),
            format!("Bearer <{token}>"),
            format!("Bearer {token},"),
            format!("Bearer {token};"),
            format!("Bearer {token},Bearer {token}"),
            format!("Bearer {token}, Bearer {token}"),
            format!("Bearer {token} {token}"),
            format!("Bearer Bearer {token}"),
            format!("Bearer \t{token}"),
            format!("Bearer token={token}"),
        ] {
            cases.push(case(&format!("the line {line:?}"), &[line.as_bytes()], Err(INVALID_TOKEN)));
        }
        cases.push(case("bytes beyond ASCII", &[b"Bearer \x80\xff\xc3\xa9"], Err(INVALID_TOKEN)));
        let good = good.as_bytes();
        for (name, lines) in [
            ("the same line twice", [good, good]),
            ("a good line before a bad one", [good, b"Bearer x"]),
            ("a bad line before a good one", [b"Bearer x", good]),
            ("a good line before Basic", [good, b"Basic dXNlcjpwYXNz"]),
            ("Basic before a good line", [b"Basic dXNlcjpwYXNz", good]),
            ("an empty line before a good one", [b"", good]),
        ] {
            cases.push(case(name, &lines, Err(INVALID_TOKEN)));
        }
        cases
    }

    pub(super) fn times(&self) -> Vec<Case> {
        let Policy { exp_leeway, iat_leeway, .. } = &self.authority.policy;
        let now = self.now;
        let expires = |at| Claims { expires_at: at, ..self.claims() };
        let issued = |at| Claims { issued_at: at, ..self.claims() };
        let exp_ends = now.before(*exp_leeway);
        vec![
            self.says("a good token", &self.claims(), Ok(())),
            self.says("a token in its last second", &expires(exp_ends.after(SECOND)), Ok(())),
            self.says("a token in the second of its exp", &expires(exp_ends), Err(INVALID_TOKEN)),
            self.says(
                "a token that expired a second ago",
                &expires(exp_ends.before(SECOND)),
                Err(INVALID_TOKEN),
            ),
            self.says(
                "a token that expired in 1970",
                &expires(Timestamp::from_seconds(1)),
                Err(INVALID_TOKEN),
            ),
            self.says(
                "a token from a clock that is as far ahead as is allowed",
                &issued(now.after(*iat_leeway)),
                Ok(()),
            ),
            self.says(
                "a token from a clock that is further ahead",
                &issued(now.after(*iat_leeway).after(SECOND)),
                Err(INVALID_TOKEN),
            ),
        ]
    }

    pub(super) fn claims_of_others(&self) -> Vec<Case> {
        let Policy { issuer, audience, .. } = &self.authority.policy;
        let (slash, upper) = (format!("{issuer}/"), issuer.to_uppercase());
        let (longer, shorter) = (format!("{audience}2"), &audience[..audience.len() - 1]);
        let other_issuers = ["", "https://other.example.com", &slash, &upper];
        let other_audiences = ["", "other-api", &longer, shorter];
        let mut cases = Vec::new();
        for issuer in other_issuers {
            let claims = Claims { issuer, ..self.claims() };
            cases.push(self.says(&format!("the issuer {issuer:?}"), &claims, Err(INVALID_TOKEN)));
        }
        for audience in other_audiences {
            let claims = Claims { audience, ..self.claims() };
            cases.push(self.says(&format!("the audience {audience:?}"), &claims, Err(INVALID_TOKEN)));
        }
        let live = Claims { environment: Environment::Live, ..self.claims() };
        cases.push(self.says("a token of the live environment", &live, Err(INVALID_TOKEN)));
        let live = Claims { scope: "", ..live };
        cases.push(self.says("one without any scope", &live, Err(INVALID_TOKEN)));
        cases
    }

    pub(super) fn revoked(&self) -> Vec<Case> {
        let earlier = self.now.before(SECOND);
        vec![
            self.says("a revoked token", &Claims { id: REVOKED_TOKEN, ..self.claims() }, Err(INVALID_TOKEN)),
            self.says(
                "a token made with a revoked refresh token",
                &Claims { made_with: Some(REVOKED_TOKEN), ..self.claims() },
                Err(INVALID_TOKEN),
            ),
            self.says(
                "a token obtained with a revoked secret",
                &Claims { secret_id: REVOKED_SECRET, ..self.claims() },
                Err(INVALID_TOKEN),
            ),
            self.says(
                "a token from before its client was disabled",
                &Claims { subject: REVOKED_CLIENT, ..self.claims() },
                Err(INVALID_TOKEN),
            ),
            self.says(
                "a token from after its client was enabled again",
                &Claims { subject: REVOKED_CLIENT, generation: NEXT, issued_at: earlier, ..self.claims() },
                Ok(()),
            ),
            self.says(
                "a token from before its merchant was disabled",
                &Claims { merchant_id: Some(REVOKED_MERCHANT), ..self.claims() },
                Err(INVALID_TOKEN),
            ),
            self.says(
                "a token from after its merchant was enabled again",
                &Claims {
                    merchant_id: Some(REVOKED_MERCHANT),
                    merchant_generation: NEXT,
                    issued_at: earlier,
                    ..self.claims()
                },
                Ok(()),
            ),
            self.says(
                "a revoked token without the scope",
                &Claims { id: REVOKED_TOKEN, scope: "", ..self.claims() },
                Err(INVALID_TOKEN),
            ),
        ]
    }

    pub(super) fn permissions(&self) -> Vec<Case> {
        let scoped = |scope| Claims { scope, ..self.claims() };
        let bound = |addresses| Claims { addresses: Some(addresses), ..self.claims() };
        let mut cases = vec![
            self.says("a token with no other scope", &scoped(SCOPE), Ok(())),
            self.says("a token with the scope between others", &scoped("a payments:read b"), Ok(())),
            self.says("an operator's token", &Claims { merchant_id: None, ..self.claims() }, Ok(())),
            self.says("a token that may be used anywhere", &bound("0.0.0.0/0 ::/0"), Ok(())),
            self.says("a token that may be used elsewhere", &bound("192.0.2.0/24"), Err(ADDRESS)),
            self.says("a token that may be used nowhere", &bound(""), Err(ADDRESS)),
            self.says("a token with a network that can't be read", &bound("anywhere"), Err(ADDRESS)),
        ];
        for scope in [
            "",
            "payments:write",
            "payments",
            "payments:",
            "payments:readx",
            "xpayments:read",
            "PAYMENTS:READ",
            "*",
        ] {
            cases.push(self.says(&format!("the scope {scope:?}"), &scoped(scope), Err(INSUFFICIENT_SCOPE)));
        }
        cases
    }
}

/// A token of a ring's keys. Refresh tokens are of HS256, whatever the access tokens are of.
pub(super) fn minted(
    keys: &SigningRing,
    kind: TokenKind,
    algorithm: Algorithm,
    claims: &Claims<'_>,
    now: Timestamp,
) -> String {
    let algorithm = if kind == TokenKind::Refresh { Algorithm::Hs256 } else { algorithm };
    let mut token = Vec::new();
    keys.mint(kind, algorithm, claims, now, &mut token).expect("a key signs, and the claims are short");
    String::from_utf8(token).expect("a token is ASCII")
}

pub(super) fn bearer(name: &str, token: &str, expected: Result<(), Refusal>) -> Case {
    case(name, &[format!("Bearer {token}").as_bytes()], expected)
}

fn case(name: &str, lines: &[&[u8]], expected: Result<(), Refusal>) -> Case {
    let line = |line: &&[u8]| HeaderValue::from_bytes(line).expect("a case has no control characters");
    let authorization = lines.iter().map(line).collect();
    Case { name: name.to_owned(), subject: Subject::Header, authorization, expected }
}
