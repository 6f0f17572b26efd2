//! The file that says which merchants and clients are wanted.

mod problems;

use std::collections::BTreeMap;
use std::fmt::Display;
use std::fs;
use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

use ipnet::IpNet;
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use tollgate_admin::Name;
use tollgate_admin::apply::{Wanted, WantedClient, WantedMerchant};
use tollgate_config::parse_duration;
use tollgate_core::{Audience, ClientId, Environment, MerchantId, Scope};
use tollgate_store::{Labels, Quota, Status, Terms};

use crate::file_error::FileError;
use crate::network::network;

/// Reads a file, in the format that its name says. The error lists everything that is wrong with it.
pub fn read(path: &Path) -> Result<Wanted, FileError> {
    let format = Format::of(path).ok_or_else(|| FileError::Format(path.to_owned()))?;
    let text = fs::read_to_string(path).map_err(|error| FileError::unreadable(path, error))?;
    let file: File = format.parse(&text).map_err(|first| FileError::Wrong {
        path: path.to_owned(),
        problems: format.problems(&text, first),
    })?;
    Ok(file.into())
}

/// The formats that a file may have.
#[derive(Debug, Clone, Copy)]
enum Format {
    Toml,
    Json,
    Yaml,
}

impl Format {
    fn of(path: &Path) -> Option<Self> {
        match path.extension()?.to_str()? {
            "toml" => Some(Self::Toml),
            "json" => Some(Self::Json),
            "yaml" | "yml" => Some(Self::Yaml),
            _ => None,
        }
    }

    /// Lists what is wrong with a text that can't be parsed: all problems with their places, or `first` if there are no others.
    fn problems(self, text: &str, first: String) -> Vec<String> {
        let all = self
            .parse::<Value>(text)
            .map_or_else(|_| Vec::new(), |file| problems::of::<File, Merchant, Client>(&file));
        if all.len() > 1 { all } else { vec![first] }
    }

    /// Parses a text; the error names the line.
    fn parse<T: DeserializeOwned>(self, text: &str) -> Result<T, String> {
        match self {
            Self::Toml => toml::from_str(text).map_err(|error| {
                let line = error.span().map(|span| text[..span.start].matches('\n').count() + 1);
                let at = line.map(|line| format!(" at line {line}")).unwrap_or_default();
                format!("{}{at}", error.message())
            }),
            Self::Json => serde_json::from_str(text).map_err(|error| error.to_string()),
            Self::Yaml => yaml_serde::from_str(text).map_err(|error| error.to_string()),
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    merchants: Vec<Merchant>,
    #[serde(default)]
    operators: Vec<Client>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Merchant {
    #[serde(default, deserialize_with = "optional")]
    id: Option<MerchantId>,
    #[serde(deserialize_with = "text")]
    name: Name,
    status: Option<Enabling>,
    #[serde(default)]
    clients: Vec<Client>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Client {
    #[serde(default, deserialize_with = "optional")]
    id: Option<ClientId>,
    #[serde(deserialize_with = "text")]
    name: Name,
    #[serde(default, deserialize_with = "optional")]
    environment: Option<Environment>,
    #[serde(deserialize_with = "text")]
    scope: Scope,
    #[serde(default)]
    allow_from: Vec<Text<Network>>,
    #[serde(default)]
    audiences: Vec<Text<Audience>>,
    #[serde(default, deserialize_with = "optional")]
    access_ttl: Option<Length>,
    #[serde(default, deserialize_with = "optional")]
    refresh_ttl: Option<Length>,
    #[serde(default, deserialize_with = "optional")]
    quota: Option<Quota>,
    #[serde(default, deserialize_with = "labels")]
    labels: Labels,
    status: Option<Enabling>,
}

#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "lowercase")]
enum Enabling {
    Enabled,
    Disabled,
}

impl From<File> for Wanted {
    fn from(file: File) -> Self {
        let File { merchants, operators } = file;
        Self { merchants: merchants.into_iter().map(Into::into).collect(), operators: all(operators) }
    }
}

impl From<Merchant> for WantedMerchant {
    fn from(merchant: Merchant) -> Self {
        let Merchant { id, name, status, clients } = merchant;
        Self { id, name, status: status.map(Into::into), clients: all(clients) }
    }
}

impl From<Client> for WantedClient {
    fn from(client: Client) -> Self {
        let length = |given: Option<Length>| given.map(|Length(time)| time);
        Self {
            id: client.id,
            name: client.name,
            environment: client.environment,
            scope: client.scope,
            addresses: client.allow_from.into_iter().map(|Text(Network(network))| network).collect(),
            audiences: client.audiences.into_iter().map(|Text(audience)| audience).collect(),
            terms: Terms {
                access_ttl: length(client.access_ttl),
                refresh_ttl: length(client.refresh_ttl),
                quota: client.quota,
                labels: client.labels,
            },
            status: client.status.map(Into::into),
        }
    }
}

fn all(clients: Vec<Client>) -> Vec<WantedClient> {
    clients.into_iter().map(Into::into).collect()
}

impl From<Enabling> for Status {
    fn from(status: Enabling) -> Self {
        match status {
            Enabling::Enabled => Self::Enabled,
            Enabling::Disabled => Self::Disabled,
        }
    }
}

/// A value that is parsed from its text.
struct Text<T>(T);

impl<'de, T: FromStr> Deserialize<'de> for Text<T>
where
    T::Err: Display,
{
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        text.parse().map(Self).map_err(|error| D::Error::custom(format!("{text:?}: {error}")))
    }
}

fn text<'de, T, D: Deserializer<'de>>(from: D) -> Result<T, D::Error>
where
    T: FromStr<Err: Display>,
{
    Text::deserialize(from).map(|Text(value)| value)
}

fn optional<'de, T, D: Deserializer<'de>>(from: D) -> Result<Option<T>, D::Error>
where
    T: FromStr<Err: Display>,
{
    Ok(Option::<Text<T>>::deserialize(from)?.map(|Text(value)| value))
}

fn labels<'de, D: Deserializer<'de>>(from: D) -> Result<Labels, D::Error> {
    Labels::new(BTreeMap::<String, String>::deserialize(from)?).map_err(D::Error::custom)
}

/// A CIDR block, or a single address.
struct Network(IpNet);

impl FromStr for Network {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        network(text).map(Self)
    }
}

/// A duration, written as in the configuration.
struct Length(Duration);

impl FromStr for Length {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        parse_duration(text).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOML: &str = r#"
[[merchants]]
id = "6f9619ff-8b86-4d01-b42d-00cf4fc964ff"
name = "Shop"
status = "disabled"
[[merchants.clients]]
name = "till"
scope = "payments:read"
environment = "test"
allow_from = ["10.0.0.0/8", "192.0.2.1"]
audiences = ["payment-api"]
access_ttl = "5m"
quota = "30/min"
labels = { team = "north" }
[[operators]]
name = "desk"
scope = "admin:read"
"#;

    fn problem(format: Format, text: &str) -> String {
        format.parse::<File>(text).err().unwrap()
    }

    #[test]
    fn the_same_is_read_from_every_format() {
        let value: serde_json::Value = toml::from_str(TOML).unwrap();
        let (json, yaml) = (value.to_string(), yaml_serde::to_string(&value).unwrap());
        let read =
            |format: Format, text: &str| format!("{:?}", Wanted::from(format.parse::<File>(text).unwrap()));
        let shown = read(Format::Toml, TOML);
        assert_eq!(read(Format::Json, &json), shown);
        assert_eq!(read(Format::Yaml, &yaml), shown);
        for part in ["10.0.0.0/8", "192.0.2.1/32", "300s", "Disabled", "desk", "payment-api", "north"] {
            assert!(shown.contains(part), "{part} in {shown}");
        }
    }

    #[test]
    fn a_bad_file_is_refused_with_the_line_and_the_text() {
        let bad = TOML.replace("30/min", "30/week");
        let said = problem(Format::Toml, &bad);
        assert!(said.contains("\"30/week\": a quota is") && said.ends_with("at line 13"), "{said}");
        let said = problem(Format::Toml, &TOML.replace("quota", "quotas"));
        assert!(said.contains("unknown field `quotas`") && said.contains("line 13"), "{said}");
        let said = problem(Format::Json, "{\"merchants\":[\n{\"name\":\"\"}]}");
        assert!(said.contains("must have 1 to 255 characters") && said.contains("line 2"), "{said}");
        let said = problem(Format::Yaml, "merchants:\n- name: Shop\n  status: paused\n");
        assert!(said.contains("paused") && said.contains("line 3"), "{said}");
        let said =
            problem(Format::Json, "{\"merchants\":[{\"name\":\"Shop\",\"clients\":[{\"name\":\"till\"}]}]}");
        assert!(said.contains("missing field `scope`"), "{said}");
        let said = problem(Format::Toml, "[[operators]]\nname = \"a\"\nname = \"b\"\nscope = \"\"\n");
        assert!(said.contains("duplicate key") && said.contains("line 3"), "{said}");
    }

    #[test]
    fn all_that_is_wrong_is_named_at_once_with_its_place() {
        let bad = r#"
foo = 1
[[merchants]]
id = "x"
bar = true
[[merchants.clients]]
name = ""
status = "off"
scope = "a  b"
allow_from = ["10.0.0.0/8", "x"]
quota = "z"
access_ttl = "5 minutes"
environment = "prod"
labels = { "a b" = "c" }
audiences = "ledger"
[[merchants.clients]]
name = "till"
scope = "payments:read"
[[operators]]
name = "desk"
[[merchant]]
name = "Shop"
"#;
        let json = toml::from_str::<Value>(bad).unwrap();
        let places = [
            "foo: ",
            "merchant: ",
            "merchants[0]: missing field `name`",
            "merchants[0].id: ",
            "merchants[0].bar: ",
            "merchants[0].clients[0].name: ",
            "merchants[0].clients[0].status: ",
            "merchants[0].clients[0].scope: ",
            "merchants[0].clients[0].allow_from: ",
            "merchants[0].clients[0].quota: ",
            "merchants[0].clients[0].access_ttl: ",
            "merchants[0].clients[0].environment: ",
            "merchants[0].clients[0].labels: ",
            "merchants[0].clients[0].audiences: ",
            "operators[0]: missing field `scope`",
        ];
        let yaml = yaml_serde::to_string(&json).unwrap();
        let texts = [(Format::Toml, bad), (Format::Json, &json.to_string()), (Format::Yaml, &yaml)];
        for (format, text) in texts {
            let found = format.problems(text, "the first".to_owned());
            let is_named =
                |place: &&str| found.iter().filter(|problem| problem.starts_with(place)).count() == 1;
            assert!(found.len() == places.len() && places.iter().all(is_named), "{found:#?}");
        }
        // A single problem has its line, and so does a text that is no such file at all.
        for text in [bad[..4].to_owned(), TOML.replace("5m", "z"), format!("{bad}\nfoo = 2\n[")] {
            assert_eq!(Format::Toml.problems(&text, "the first".to_owned()), ["the first"], "{text}");
        }
    }
}
