//! The values in a request: each is a type that only a well-formed text can become.

use std::fmt;
use std::str::FromStr;
use std::time::{Duration, UNIX_EPOCH};

use http::HeaderMap;
use http::header::IF_MATCH;
use ipnet::IpNet;
use tollgate_admin::imported::{self, ImportedSecret, ImportedSecrets};
use tollgate_admin::is_line;
use tollgate_config::{LONGEST_LIFETIME, duration_text, parse_duration};
use tollgate_core::{Timestamp, TokenId};
use tollgate_http::Problem;
use tollgate_http::fields::{FromJson, Refused};
use tollgate_http::json::Json;
use tollgate_store::{Labels, RecordOrder, Status, Version};

/// A JSON string that the parser of `T` accepts.
pub(super) struct Text<T>(pub(super) T);

impl<T: FromStr> FromJson for Text<T>
where
    T::Err: fmt::Display,
{
    fn from_json(json: &Json) -> Result<Self, Refused> {
        match json {
            Json::String(text) => text.parse().map(Self).map_err(|error| Refused::from(error.to_string())),
            other => Err(Refused::ill_typed("a string", other)),
        }
    }
}

/// A JSON array of strings that the parser of `T` accepts, without repetitions.
pub(super) struct Texts<T>(pub(super) Vec<T>);

/// The most elements of an array.
const MOST: usize = 64;

impl<T: FromStr + PartialEq> FromJson for Texts<T>
where
    T::Err: fmt::Display,
{
    fn from_json(json: &Json) -> Result<Self, Refused> {
        let Json::Array(items) = json else { return Err(Refused::ill_typed("an array", json)) };
        if items.len() > MOST {
            return Err(format!("must have at most {MOST} elements").into());
        }
        let mut texts = Vec::new();
        for (place, item) in items.iter().enumerate() {
            let Text(text) =
                Text::from_json(item).map_err(|error| Refused::from(format!("{error} (element {place})")))?;
            if texts.contains(&text) {
                return Err(format!("must have each element once (element {place})").into());
            }
            texts.push(text);
        }
        Ok(Self(texts))
    }
}

/// A network that a client may call from, or a single address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Network(pub(super) IpNet);

impl FromStr for Network {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        tollgate_config::network(text)
            .map(Self)
            .ok_or("must be a CIDR block such as 10.0.0.0/8, or an address")
    }
}

/// A duration, written as in the configuration: `5m`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Length(pub(super) Duration);

impl FromStr for Length {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let length =
            parse_duration(text).map_err(|_| "must be a number and one of ms, s, m, h and d, such as 24h")?;
        if length <= LONGEST_LIFETIME { Ok(Self(length)) } else { Err("must be at most 3650d") }
    }
}

impl fmt::Display for Length {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&duration_text(self.0))
    }
}

/// The id of a token, its claim `jti`.
pub(super) struct Jti(pub(super) TokenId);

impl FromStr for Jti {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self).map_err(|_| "must be the claim jti of a token: 22 characters of base64url")
    }
}

/// The status of a merchant or a client, `enabled` or `disabled`.
pub(super) struct StatusText(pub(super) Status);

impl FromStr for StatusText {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "enabled" => Ok(Self(Status::Enabled)),
            "disabled" => Ok(Self(Status::Disabled)),
            _ => Err("must be enabled or disabled"),
        }
    }
}

/// A time (RFC 3339), in UTC.
pub(super) struct Time(pub(super) Timestamp);

impl FromStr for Time {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = "must be a time in UTC, such as 2026-11-24T13:59:09Z";
        let since = humantime::parse_rfc3339(text).map_err(|_| wrong)?.duration_since(UNIX_EPOCH);
        let millis = u64::try_from(since.map_err(|_| wrong)?.as_millis()).map_err(|_| wrong)?;
        Ok(Self(Timestamp::from_millis(millis)))
    }
}

/// The order of records, from its text.
pub(super) struct OrderText(pub(super) RecordOrder);

impl FromStr for OrderText {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "oldest" => Ok(Self(RecordOrder::OldestFirst)),
            "newest" => Ok(Self(RecordOrder::NewestFirst)),
            _ => Err("must be oldest or newest"),
        }
    }
}

/// A part of a name: one line of text.
pub(super) struct Part(pub(super) String);

impl FromStr for Part {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if is_line(text, 255) {
            Ok(Self(text.to_owned()))
        } else {
            Err("must have 1 to 255 characters that are not all white space, and no control characters")
        }
    }
}

/// A label by which clients are selected: `name`, or `name=value`.
pub(super) struct LabelText(pub(super) (String, Option<String>));

impl FromStr for LabelText {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (name, value) = match text.split_once('=') {
            Some((name, value)) => (name, Some(value.to_owned())),
            None => (text, None),
        };
        let pair = (name.to_owned(), value.clone().unwrap_or_default());
        Labels::new([pair]).map_err(|_| "must be the name of a label, or name=value")?;
        Ok(Self((name.to_owned(), value)))
    }
}

/// The labels of a client: a JSON object of strings.
pub(super) struct LabelObject(pub(super) Labels);

impl FromJson for LabelObject {
    fn from_json(json: &Json) -> Result<Self, Refused> {
        let Json::Object(members) = json else { return Err(Refused::ill_typed("an object", json)) };
        let pairs = members.iter().map(|(name, value)| match value {
            Json::String(value) => Ok((name.clone(), value.clone())),
            other => Err(Refused::ill_typed("an object of strings", other)),
        });
        let pairs = pairs.collect::<Result<Vec<_>, _>>()?;
        Labels::new(pairs).map(Self).map_err(|error| Refused::from(error.to_string()))
    }
}

/// The secrets that a client brings along: a JSON array of objects with a secret or the slow hash of one.
pub(super) struct GivenSecrets(pub(super) ImportedSecrets);

impl FromJson for GivenSecrets {
    fn from_json(json: &Json) -> Result<Self, Refused> {
        let Json::Array(items) = json else { return Err(Refused::ill_typed("an array", json)) };
        if !(1..=imported::MOST).contains(&items.len()) {
            return Err(format!("must have 1 to {} elements", imported::MOST).into());
        }
        let secrets = items.iter().enumerate().map(|(place, item)| {
            given_secret(item).map_err(|error| Refused::from(format!("{error} (element {place})")))
        });
        secrets.collect::<Result<Vec<_>, _>>().map(|secrets| Self(secrets.into()))
    }
}

/// Reads a secret that a client brings along. A refusal never repeats the value.
fn given_secret(json: &Json) -> Result<ImportedSecret, Refused> {
    const FORM: &str = "must be objects with one member, value or hash";
    let Json::Object(members) = json else { return Err(FORM.into()) };
    let [(name, value)] = members.as_slice() else { return Err(FORM.into()) };
    match name.as_str() {
        "value" => Text::from_json(value).map(|Text(secret)| ImportedSecret::Known(secret)),
        "hash" => Text::from_json(value).map(|Text(hash)| ImportedSecret::Hashed(hash)),
        _ => Err(FORM.into()),
    }
}

/// Returns the entity tag of a version. It is compared as a whole.
pub(super) fn etag(version: Version) -> String {
    format!("\"v{}\"", version.number())
}

/// Reads the versions that `If-Match` names; `None` if any version will do (RFC 9110 §13.1.1). A weak tag names no version, because
/// the strong comparison is required. Neither does a tag that was never given out.
pub(super) fn versions(headers: &HeaderMap) -> Result<Option<Vec<Version>>, Problem> {
    let (mut versions, mut is_any) = (Vec::new(), !headers.contains_key(IF_MATCH));
    for line in headers.get_all(IF_MATCH) {
        let wrong = || Problem::new("If-Match", "must be the ETag of an earlier answer, or *");
        let tags = line.to_str().map_err(|_| wrong())?.split(',').map(str::trim);
        let mut tags = tags.filter(|tag| !tag.is_empty()).peekable();
        tags.peek().ok_or_else(wrong)?;
        for tag in tags {
            let opaque = tag.strip_prefix("W/").unwrap_or(tag);
            let is_quoted = opaque.len() >= 2 && opaque.starts_with('"') && opaque.ends_with('"');
            if tag != "*" && !is_quoted {
                return Err(wrong());
            }
            is_any |= tag == "*";
            versions.extend(version(tag));
        }
    }
    Ok(if is_any { None } else { Some(versions) })
}

/// Returns the version that has this entity tag.
fn version(tag: &str) -> Option<Version> {
    let number = tag.strip_prefix("\"v")?.strip_suffix('"')?.parse().ok()?;
    Some(Version::from_number(number)).filter(|version| etag(*version) == tag)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn known(lines: &[&str]) -> Result<Option<bool>, Problem> {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(IF_MATCH, HeaderValue::from_str(line).unwrap());
        }
        Ok(versions(&headers)?.map(|versions| versions.contains(&Version::from_number(3))))
    }

    #[test]
    fn a_condition_is_met_by_a_tag_that_is_the_same_as_a_whole() {
        for any in [&[][..], &["*"], &["\"v2\"", "*"]] {
            assert_eq!(known(any), Ok(None), "{any:?}");
        }
        for met in [&["\"v3\""][..], &["\"v2\", \"v3\""], &["\"v2\"", "\"v3\""]] {
            assert_eq!(known(met), Ok(Some(true)), "{met:?}");
        }
        for other in ["\"v2\"", "W/\"v3\"", "\"V3\"", "\"v3 \"", "\"\"", "\"v03\"", "\"v+3\""] {
            assert_eq!(known(&[other]), Ok(Some(false)), "{other}");
        }
        for wrong in ["v3", "", ",", "\"v3", "W/v3", "3"] {
            assert!(known(&[wrong]).is_err(), "{wrong:?}");
        }
    }
}
