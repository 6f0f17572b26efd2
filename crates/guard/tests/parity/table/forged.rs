//! The cases of forged tokens: with keys, headers, spellings, lengths and bits that no token of the authority has.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use tollgate_core::{Algorithm, Claims, KeyId, Timestamp, TokenId, TokenKind};
use tollgate_keys::{SigningKey, SigningRing};

use super::cases::{Table, bearer, minted};
use super::{Authority, Case, INVALID_TOKEN, SCOPE};

/// Headers that the authority does not write.
const HEADERS: [&str; 41] = [
    r#"{"alg":"none"}"#,
    r#"{"alg":"none","typ":"JWT"}"#,
    r#"{"alg":"None","typ":"JWT"}"#,
    r#"{"alg":"nOnE","typ":"JWT"}"#,
    r#"{"alg":"","typ":"JWT"}"#,
    r#"{"alg":null,"typ":"JWT"}"#,
    r#"{"alg":0,"typ":"JWT"}"#,
    r#"{"alg":["HS256"],"typ":"JWT"}"#,
    r#"{"typ":"JWT"}"#,
    r#"{"alg":"hs256","typ":"JWT"}"#,
    r#"{"alg":"HS384","typ":"JWT"}"#,
    r#"{"alg":"HS512","typ":"JWT"}"#,
    r#"{"alg":"RS256","typ":"JWT"}"#,
    r#"{"alg":"ES256","typ":"JWT"}"#,
    r#"{"alg":"PBES2-HS256+A128KW","p2c":2147483648,"enc":"A128CBC-HS256"}"#,
    r#"{"alg":"HS256"}"#,
    r#"{"typ":"JWT","alg":"HS256"}"#,
    r#"{"alg":"HS256","typ":"at+jwt"}"#,
    r#"{"alg":"HS256","typ":"rt+jwt"}"#,
    r#"{"alg":"HS256","typ":"dpop+jwt"}"#,
    r#"{"alg":"HS256","typ":"jwt"}"#,
    r#"{"alg":"HS256","typ":"JWT","crit":["exp"]}"#,
    r#"{"alg":"HS256","typ":"JWT","crit":[]}"#,
    r#"{"alg":"HS256","typ":"JWT","b64":false,"crit":["b64"]}"#,
    r#"{"alg":"HS256","typ":"JWT","zip":"DEF"}"#,
    r#"{"alg":"HS256","typ":"JWT","kid":"unknown"}"#,
    r#"{"alg":"HS256","typ":"JWT","kid":"../../dev/null"}"#,
    r#"{"alg":"HS256","typ":"JWT","kid":"' OR 1=1--"}"#,
    r#"{"alg":"HS256","typ":"JWT","kid":"\u0000\r\n"}"#,
    r#"{"alg":"HS256","typ":"JWT","kid":1}"#,
    r#"{"alg":"HS256","typ":"JWT","jku":"http://127.0.0.1/"}"#,
    r#"{"alg":"HS256","typ":"JWT","x5u":"http://127.0.0.1/"}"#,
    r#"{"alg":"HS256","typ":"JWT","jwk":{"kty":"oct","k":"AA"}}"#,
    r#"{"alg":"HS256","alg":"none","typ":"JWT"}"#,
    r#"{"alg":"none","alg":"HS256","typ":"JWT"}"#,
    r#"{ "alg":"HS256","typ":"JWT"}"#,
    "{\"alg\":\"HS256\",\"typ\":\"JWT\"}\n",
    "{}",
    "[]",
    "null",
    "",
];

impl Table<'_> {
    pub(super) fn keys_of_others(&self) -> Vec<Case> {
        let refresh = self.minted(TokenKind::Refresh, &self.claims());
        let mut cases = vec![bearer("a refresh token", &refresh, Err(INVALID_TOKEN))];
        for (name, material) in [("another installation", [9; 32]), ("a key of zeros", [0; 32])] {
            let key =
                SigningKey::derive(KeyId::from_bytes([9; 16]), &material, Timestamp::from_seconds(0), None);
            let other = SigningRing::new(&self.authority.policy.issuer, vec![key]);
            for kind in [TokenKind::Access, TokenKind::Refresh] {
                let token = minted(&other, kind, Algorithm::Hs256, &self.claims(), self.now);
                cases.push(bearer(&format!("{kind:?}, signed by {name}"), &token, Err(INVALID_TOKEN)));
            }
        }
        let Authority { policy, algorithm, foreign, .. } = self.authority;
        let other = SigningRing::new(&policy.issuer, vec![foreign.clone()]);
        let token = minted(&other, TokenKind::Access, *algorithm, &self.claims(), self.now);
        cases.push(bearer("signed by another key of the algorithm", &token, Err(INVALID_TOKEN)));
        cases
    }

    /// Each header with the payload and the signature of a good token, and unsigned.
    pub(super) fn headers_of_others(&self) -> Vec<Case> {
        let token = self.token();
        let (_, rest) = token.split_once('.').expect("a token has dots");
        let (payload, _) = rest.split_once('.').expect("a token has two dots");
        let long_kid = format!(r#"{{"alg":"HS256","typ":"JWT","kid":"{}"}}"#, "k".repeat(1_000));
        // With the algorithm of the authority, and with HS256, whose secret a verifier may take a public key for.
        let of_algorithm = |header: &&str| header.replace("HS256", self.authority.algorithm.as_str());
        let mut headers: Vec<String> =
            HEADERS.iter().copied().chain([&*long_kid]).map(str::to_owned).collect();
        if self.authority.algorithm != Algorithm::Hs256 {
            headers.extend(HEADERS.iter().map(of_algorithm));
            headers.push(r#"{"alg":"HS256","typ":"JWT"}"#.to_owned());
        }
        let mut cases = Vec::new();
        for header in headers {
            let encoded = URL_SAFE_NO_PAD.encode(&header);
            let name: String = header.chars().take(80).collect();
            cases.push(bearer(
                &format!("the header {name}"),
                &format!("{encoded}.{rest}"),
                Err(INVALID_TOKEN),
            ));
            cases.push(bearer(
                &format!("the header {name}, unsigned"),
                &format!("{encoded}.{payload}."),
                Err(INVALID_TOKEN),
            ));
        }
        cases
    }

    /// Other spellings of a good token: a list of revoked tokens by their text would miss them.
    pub(super) fn twins(&self) -> Vec<Case> {
        const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_+/=?.";
        let token = self.token();
        let (signed, signature) = token.rsplit_once('.').expect("a token has dots");
        let (header, payload) = signed.split_once('.').expect("a token has two dots");
        let (stem, last) = signature.split_at(signature.len() - 1);
        let json = URL_SAFE_NO_PAD.decode(payload).expect("a payload is base64url");
        let claims = Claims { scope: SCOPE, id: TokenId::from_bytes([5; 16]), ..self.claims() };
        let other = self.minted(TokenKind::Access, &claims);
        let (other_signed, other_signature) = other.rsplit_once('.').expect("a token has dots");
        let ends = ALPHABET
            .iter()
            .map(|byte| char::from(*byte))
            .filter(|end| !last.starts_with(*end))
            .map(|end| format!("{signed}.{stem}{end}"));
        let others = [
            format!("{token}="),
            format!("{token}=="),
            format!("{token}."),
            format!(".{token}"),
            format!("{token}.{signature}"),
            format!("{token}.x.y"),
            format!("{signed}..{signature}"),
            format!("{header}..{signature}"),
            format!("{header}.{payload}=.{signature}"),
            format!("{header}.{payload} .{signature}"),
            format!("{header}. {payload}.{signature}"),
            format!("{header}=.{payload}.{signature}"),
            format!("{header}.{}.{signature}", STANDARD_NO_PAD.encode(&json)),
            format!("{header}.{}.{signature}", URL_SAFE_NO_PAD.encode([&json[..], b" "].concat())),
            format!("{header}.{}.{signature}", URL_SAFE_NO_PAD.encode([b"\xef\xbb\xbf", &json[..]].concat())),
            signed.to_owned(),
            format!("{signed}."),
            format!("{signed}.{stem}"),
            format!("{other_signed}.{signature}"),
            format!("{signed}.{other_signature}"),
            token.to_lowercase(),
            token.to_uppercase(),
            token.replace('.', "%2E"),
            token.replacen('.', "", 1),
            format!(r#"{{"protected":"{header}","payload":"{payload}","signature":"{signature}"}}"#),
            format!(r#"{{"payload":"{payload}","signatures":[]}}"#),
        ];
        // A twin that happens to be the token itself is none: the standard alphabet may spell it alike.
        ends.chain(others)
            .filter(|twin| *twin != token)
            .map(|twin| bearer(&format!("the twin {twin:?}"), &twin, Err(INVALID_TOKEN)))
            .collect()
    }

    pub(super) fn lengths(&self) -> Vec<Case> {
        let token = self.token();
        let (header, _) = token.split_once('.').expect("a token has dots");
        let longest = (0..4096_usize).rev().find_map(|length| {
            let scope = format!("{SCOPE} {}", "x".repeat(length));
            let mut token = Vec::new();
            let claims = Claims { scope: &scope, ..self.claims() };
            self.authority
                .keys
                .mint(TokenKind::Access, self.authority.algorithm, &claims, self.now, &mut token)
                .ok()?;
            String::from_utf8(token).ok()
        });
        let longest = longest.expect("a shorter one can be minted");
        let mut cases = vec![bearer("the longest token", &longest, Ok(()))];
        for (name, token) in [
            ("the longest token and as much again", format!("{longest}{longest}")),
            ("4,097 bytes", format!("{header}.{}", "A".repeat(4097 - header.len() - 1))),
            ("65,536 bytes", "A".repeat(65_536)),
            ("100,000 dots", ".".repeat(100_000)),
            ("4,000 dots", ".".repeat(4_000)),
            ("one dot", ".".to_owned()),
            ("two dots", "..".to_owned()),
            ("a header alone", header.to_owned()),
            ("a header and a dot", format!("{header}.")),
            ("a header and two dots", format!("{header}..")),
            ("a header and a signature", format!("{header}..{}", "A".repeat(43))),
            ("five segments", "a.b.c.d.e".to_owned()),
            ("a word", "x".to_owned()),
        ] {
            cases.push(bearer(name, &token, Err(INVALID_TOKEN)));
        }
        cases
    }

    /// A good token with each bit of its signature and of its payload changed.
    pub(super) fn changed_bits(&self) -> Vec<Case> {
        let token = self.token();
        let (signed, signature) = token.rsplit_once('.').expect("a token has dots");
        let (header, payload) = signed.split_once('.').expect("a token has two dots");
        let decoded = |part: &str| URL_SAFE_NO_PAD.decode(part).expect("a token is base64url");
        let signatures = changed(decoded(signature)).map(|(bit, other)| {
            let token = format!("{signed}.{}", URL_SAFE_NO_PAD.encode(other));
            bearer(&format!("bit {bit} of the signature changed"), &token, Err(INVALID_TOKEN))
        });
        let payloads = changed(decoded(payload)).map(|(bit, other)| {
            let token = format!("{header}.{}.{signature}", URL_SAFE_NO_PAD.encode(other));
            bearer(&format!("bit {bit} of the payload changed"), &token, Err(INVALID_TOKEN))
        });
        signatures.chain(payloads).collect()
    }
}

/// Each way to change one bit.
fn changed(bytes: Vec<u8>) -> impl Iterator<Item = (usize, Vec<u8>)> {
    (0..bytes.len() * 8).map(move |bit| {
        let mut other = bytes.clone();
        other[bit / 8] ^= 1 << (bit % 8);
        (bit, other)
    })
}
