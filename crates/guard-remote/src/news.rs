//! The authority's answers about revocations.

use std::borrow::Cow;

use serde::{Deserialize, Deserializer};
use tollgate_core::{Generation, Revocation, Revoked, Timestamp};

use crate::problem::Problem;

pub(crate) const REVOCATIONS: &str = "the revocations";

/// The longest position, in bytes.
const LONGEST_POSITION: usize = 128;

/// Revocations: those after a position, or all.
pub(crate) struct News {
    pub(crate) position: String,
    /// Whether these are all revocations in force, which replace the known ones.
    pub(crate) is_complete: bool,
    pub(crate) revocations: Vec<Revocation>,
}

#[derive(Deserialize)]
struct Document<'a> {
    #[serde(borrow)]
    position: Cow<'a, str>,
    complete: bool,
    #[serde(borrow)]
    revocations: Vec<Entry<'a>>,
}

#[derive(Deserialize)]
struct Entry<'a> {
    #[serde(borrow)]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    id: Cow<'a, str>,
    /// The generation before which tokens of a client or a merchant are revoked; `null` means all generations.
    #[serde(default, deserialize_with = "named")]
    before_generation: Option<Before>,
}

/// The tokens of a client or a merchant that are ended.
#[derive(Clone, Copy, Deserialize)]
#[serde(untagged)]
enum Before {
    /// Tokens of earlier generations.
    Generation(u64),
    /// All tokens, written as `null`.
    Every(()),
}

/// Reads a member that is present, even if it is `null`.
fn named<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Before>, D::Error> {
    Before::deserialize(from).map(Some)
}

impl News {
    /// Reads the answer with the revocations after a position, or with all of them if that is `None`. An unknown kind of revocation
    /// makes the whole answer useless: nobody could say which tokens it ends.
    pub(crate) fn read(body: &[u8], after: Option<&str>) -> Result<Self, Problem> {
        let malformed = || Problem::Malformed(REVOCATIONS);
        let document: Document<'_> = serde_json::from_slice(body).map_err(|_| malformed())?;
        let is_position = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
        let position = document.position;
        if !(1..=LONGEST_POSITION).contains(&position.len()) || !position.bytes().all(is_position) {
            return Err(malformed());
        }
        if !document.complete {
            match after {
                None => return Err(malformed()),
                Some(after) if after == position && !document.revocations.is_empty() => {
                    return Err(Problem::Position);
                }
                Some(_) => {}
            }
        }
        let revocations = document.revocations.iter().map(Entry::revocation).collect::<Option<_>>();
        Ok(Self {
            position: position.into_owned(),
            is_complete: document.complete,
            revocations: revocations.ok_or_else(malformed)?,
        })
    }
}

impl Entry<'_> {
    /// Returns the revocation. It doesn't expire here: the authority, which has two clocks to judge by, leaves it out
    /// of the next complete list.
    fn revocation(&self) -> Option<Revocation> {
        let generation = || match self.before_generation? {
            Before::Generation(number) => Some(Generation::from_number(number)),
            Before::Every(()) => Some(Generation::END),
        };
        let subject = match &*self.kind {
            "token" => Revoked::Token(self.id.parse().ok()?),
            "secret" => Revoked::Secret(self.id.parse().ok()?),
            "client" => Revoked::Client(self.id.parse().ok()?, generation()?),
            "merchant" => Revoked::Merchant(self.id.parse().ok()?, generation()?),
            _ => return None,
        };
        Some(Revocation { subject, expires_at: Timestamp::MAX })
    }
}

#[cfg(test)]
mod tests {
    use tollgate_core::{ClientId, MerchantId, SecretId, TokenId};

    use super::*;

    const ID: &str = "0191e0a1-5c3b-7def-8123-456789abcdef";

    fn read(entries: &str, complete: bool, after: Option<&str>) -> Result<Vec<Revoked>, String> {
        let body = format!(r#"{{"position":"7-0a","complete":{complete},"revocations":[{entries}]}}"#);
        let news = News::read(body.as_bytes(), after).map_err(|problem| problem.to_string())?;
        assert_eq!((&*news.position, news.is_complete), ("7-0a", complete));
        Ok(news.revocations.iter().map(|revocation| revocation.subject).collect())
    }

    #[test]
    fn every_kind_of_revocation_is_read() {
        let token = TokenId::from_bytes([7; 16]);
        let entries = format!(
            r#"{{"kind":"token","id":"{token}","expires_at":"2026-11-29T13:00:00Z"}},{{"kind":"secret","id":"{ID}"}},
            {{"kind":"client","id":"{ID}","before_generation":3}},{{"kind":"merchant","id":"{ID}","before_generation":null}}"#
        );
        let (secret, client, merchant): (SecretId, ClientId, MerchantId) =
            (ID.parse().unwrap(), ID.parse().unwrap(), ID.parse().unwrap());
        let expected = vec![
            Revoked::Token(token),
            Revoked::Secret(secret),
            Revoked::Client(client, Generation::from_number(3)),
            Revoked::Merchant(merchant, Generation::END),
        ];
        assert_eq!(read(&entries, true, None), Ok(expected));
    }

    #[test]
    fn what_is_not_understood_makes_the_whole_answer_useless() {
        for entry in [
            r#"{"kind":"scope","id":"x"}"#.to_owned(),
            r#"{"kind":"token","id":"x"}"#.to_owned(),
            format!(r#"{{"kind":"client","id":"{ID}"}}"#),
            format!(r#"{{"kind":"client","id":"{ID}","before_generation":-1}}"#),
            format!(r#"{{"kind":"client","id":"{ID}","before_generation":"3"}}"#),
        ] {
            let good = format!(r#"{{"kind":"secret","id":"{ID}"}}"#);
            assert!(read(&format!("{good},{entry}"), true, None).is_err(), "{entry}");
        }
        for body in [
            "<html>",
            "{}",
            r#"{"position":"","complete":true,"revocations":[]}"#,
            r#"{"position":"1 2","complete":true,"revocations":[]}"#,
            r#"{"position":"1&x=2","complete":true,"revocations":[]}"#,
        ] {
            assert!(News::read(body.as_bytes(), None).is_err(), "{body}");
        }
    }

    #[test]
    fn an_answer_fits_its_question() {
        let entry = format!(r#"{{"kind":"secret","id":"{ID}"}}"#);
        assert!(read("", false, None).is_err(), "all were asked for");
        assert_eq!(read("", false, Some("7-0a")), Ok(vec![]));
        assert!(read(&entry, false, Some("7-0a")).unwrap_err().contains("without a new position"));
        assert!(read(&entry, false, Some("6-0a")).is_ok());
        assert!(read(&entry, true, Some("7-0a")).is_ok());
    }
}
