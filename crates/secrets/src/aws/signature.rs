//! Signature Version 4, for requests that have no query.

use std::fmt::Write as _;

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};
use tollgate_core::Timestamp;
use zeroize::Zeroizing;

use super::credentials::Credentials;

/// The parts of a `POST` that are signed.
pub(super) struct Signed<'a> {
    pub(super) path: &'a str,
    /// The signed headers: in lower case, in order, each once.
    pub(super) headers: &'a [(&'a str, &'a str)],
    pub(super) body: &'a str,
    /// The value of `x-amz-date`.
    pub(super) date: &'a str,
}

impl Signed<'_> {
    /// Returns the value of `Authorization`.
    pub(super) fn authorization(&self, credentials: &Credentials, region: &str, service: &str) -> String {
        let names = self.headers.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(";");
        let day = &self.date[..8];
        let scope = format!("{day}/{region}/{service}/aws4_request");
        let canonical = hex(&Sha256::digest(self.canonical(&names).as_bytes()));
        let message = format!("AWS4-HMAC-SHA256\n{}\n{scope}\n{canonical}", self.date);

        let key = Zeroizing::new(format!("AWS4{}", credentials.secret.expose_secret()));
        let key = [day, region, service, "aws4_request"]
            .iter()
            .fold(Zeroizing::new(key.as_bytes().to_vec()), |key, part| Zeroizing::new(hmac(&key, part)));
        let signature = hex(&hmac(&key, &message));
        let id = &credentials.id;
        format!("AWS4-HMAC-SHA256 Credential={id}/{scope}, SignedHeaders={names}, Signature={signature}")
    }

    fn canonical(&self, names: &str) -> Zeroizing<String> {
        let mut request = Zeroizing::new(format!("POST\n{}\n\n", self.path));
        for (name, value) in self.headers {
            writeln!(request, "{name}:{value}").expect("a string takes what is written");
        }
        let body = hex(&Sha256::digest(self.body));
        write!(request, "\n{names}\n{body}").expect("a string takes what is written");
        request
    }
}

/// Returns the time as AWS writes it: `20150830T123600Z`.
pub(super) fn date(now: Timestamp) -> String {
    humantime::format_rfc3339_seconds(now.into()).to_string().replace(['-', ':'], "")
}

fn hmac(key: &[u8], message: &str) -> Vec<u8> {
    let mut hmac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    hmac.update(message.as_bytes());
    hmac.finalize().into_bytes().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Secret;

    const HOST: (&str, &str) = ("host", "example.amazonaws.com");
    const DATE: (&str, &str) = ("x-amz-date", "20150830T123600Z");

    /// The session token of AWS's test suite.
    const TOKEN: &str = "AQoDYXdzEPT//////////wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQWLWsKWHGBuFqwAeMicRXmxfpSPfIeoIYRqTflfKD8YUuwthAx7mSEI/qkPpKPi/kMcGdQrmGdeehM4IC1NtBmUpp2wUE8phUZampKsburEDy0KPkyQDYwT7WZ0wq5VSXDvp75YU9HFvlRd8Tx6q6fE8YQcHNVXAkiY9q6d+xo0rKwT38xVqr7ZD0u0iPPkUL64lIZbqBAz+scqKmlzm8FDrypNC9Yjc8fPOLn9FX9KSYvKTr4rvx3iSIlTJabIQwj2ICCR/oLxBA==";

    /// The hash of the body of the forms, which the suite sends along.
    const FORM: &str = "9095672bbd1f56dfc5b65f3e153adc8731a4a654192329106275f4c7b24d0b6e";

    /// A case's name, headers, body and signature.
    type Case<'a> = (&'a str, &'a [(&'a str, &'a str)], &'a str, &'a str);

    /// All of AWS's published Signature Version 4 test suite that is a `POST` without a query, by its names there.
    const CASES: &[Case<'_>] = &[
        (
            "post-vanilla",
            &[HOST, DATE],
            "",
            "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b",
        ),
        (
            "post-header-key-sort",
            &[HOST, ("my-header1", "value1"), DATE],
            "",
            "c5410059b04c1ee005303aed430f6e6645f61f4dc9e1461ec8f8916fdf18852c",
        ),
        (
            "post-header-value-case",
            &[HOST, ("my-header1", "VALUE1"), DATE],
            "",
            "cdbc9802e29d2942e5e10b5bccfdd67c5f22c7c4e8ae67b53629efa58b974b7d",
        ),
        (
            "post-sts-header-before",
            &[HOST, DATE, ("x-amz-security-token", TOKEN)],
            "",
            "85d96828115b5dc0cfc3bd16ad9e210dd772bbebba041836c64533a82be05ead",
        ),
        (
            "post-x-www-form-urlencoded",
            &form("application/x-www-form-urlencoded"),
            "Param1=value1",
            "d3875051da38690788ef43de4db0d8f280229d82040bfac253562e56c3f20e0b",
        ),
        (
            "post-x-www-form-urlencoded-parameters",
            &form("application/x-www-form-urlencoded; charset=utf-8"),
            "Param1=value1",
            "328d1b9eaadca9f5818ef05e8392801e091653bafec24fcab71e7344e7f51422",
        ),
    ];

    const fn form(kind: &str) -> [(&str, &str); 5] {
        [("content-length", "13"), ("content-type", kind), HOST, ("x-amz-content-sha256", FORM), DATE]
    }

    #[test]
    fn requests_of_the_published_suite_have_its_signatures() {
        let credentials = Credentials {
            id: "AKIDEXAMPLE".to_owned(),
            secret: Secret::from("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY".to_owned()),
            token: None,
            until: Timestamp::MAX,
        };
        for (name, headers, body, signature) in CASES {
            let names: Vec<&str> = headers.iter().map(|(name, _)| *name).collect();
            let signed = Signed { path: "/", headers, body, date: DATE.1 };
            let expected = format!(
                "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, \
                 SignedHeaders={}, Signature={signature}",
                names.join(";"),
            );
            assert_eq!(signed.authorization(&credentials, "us-east-1", "service"), expected, "{name}");
        }
    }

    #[test]
    fn the_date_has_no_punctuation() {
        assert_eq!(date(Timestamp::from_seconds(1_440_938_160)), DATE.1);
    }
}
