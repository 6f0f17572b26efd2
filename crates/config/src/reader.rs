//! Reads typed values out of the layers and collects the problems.

mod telemetry;

use std::{
    borrow::Cow, collections::BTreeSet, net::SocketAddr, ops::RangeInclusive, str::FromStr, time::Duration,
};

use ipnet::IpNet;
use tollgate_core::Algorithm;
use tollgate_keys::RsaBits;
use toml::Value;

use super::{
    audiences::AudienceSettings,
    layers::{Layers, Origin, kind},
    stream::StreamTarget,
    texts::{Parsed, duration, in_whole_seconds, network, optional, public_url, references},
    values::{Database, Rate, SecretSource, Share, Tls},
    written::Written,
};

const LONGEST_LEEWAY: Duration = Duration::from_secs(60);
const STALENESS: RangeInclusive<Duration> = Duration::from_secs(5)..=Duration::from_secs(15 * 60);
/// The limits of the time that a second person has.
const SECOND_PERSON: RangeInclusive<Duration> =
    Duration::from_secs(60)..=Duration::from_secs(30 * 24 * 60 * 60);
/// The shortest time between keys: longer than it takes to make a key known everywhere, whatever `tokens.stale_after` is.
const SHORTEST_ROTATION: Duration = Duration::from_secs(60 * 60);
/// Keys whose value may hold a secret, even by mistake: no message repeats the value.
const SECRET: [&str; 5] =
    ["master_key", "database.url", "database.password", "console.oidc.client_secret", "telemetry.headers"];

/// The problem with a value.
pub(super) struct Wrong {
    expected: Cow<'static, str>,
    /// The part of the value that is wrong, if it is not the whole.
    found: Option<Value>,
}

impl From<&'static str> for Wrong {
    fn from(expected: &'static str) -> Self {
        Self { expected: expected.into(), found: None }
    }
}

impl From<Cow<'static, str>> for Wrong {
    fn from(expected: Cow<'static, str>) -> Self {
        Self { expected, found: None }
    }
}

/// A section of settings, which are read together.
pub(super) trait Section {
    fn read(reader: &mut Reader) -> Self;
}

/// Reads each key as its type. A wrong value becomes a problem, and the default replaces it so that the
/// rest can be read, too.
pub(super) struct Reader {
    layers: Layers,
    defaults: Layers,
    read: BTreeSet<&'static str>,
    wrong: BTreeSet<&'static str>,
    written: Written,
}

impl Reader {
    pub(super) fn new(layers: Layers) -> Self {
        Self {
            layers,
            defaults: Layers::defaults(),
            read: BTreeSet::new(),
            wrong: BTreeSet::new(),
            written: Written::default(),
        }
    }

    /// Reads a section, whose keys know their full names.
    pub(super) fn section<T: Section>(&mut self, _name: &'static str) -> T {
        T::read(self)
    }

    pub(super) fn boolean(&mut self, key: &'static str) -> bool {
        self.parse(key, |value| value.as_bool().ok_or("true or false"))
    }

    /// Reads a number of things, at least one.
    pub(super) fn count(&mut self, key: &'static str) -> usize {
        self.parse(key, |value| match value.as_integer().map(u32::try_from) {
            Some(Ok(count)) if count > 0 => usize::try_from(count).map_err(|_| COUNT),
            _ => Err(COUNT),
        })
    }

    pub(super) fn socket(&mut self, key: &'static str) -> SocketAddr {
        self.text(key, |text| text.parse().map_err(|_| SOCKET))
    }

    pub(super) fn optional_socket(&mut self, key: &'static str) -> Option<SocketAddr> {
        self.text(key, |text| optional(text, |text| text.parse().map_err(|_| SOCKET)))
    }

    /// Reads an absolute URL; empty if it is not set.
    pub(super) fn public_url(&mut self, key: &'static str) -> String {
        self.text(key, |text| optional(text, public_url)).unwrap_or_default()
    }

    /// Reads the source of a secret; `None` if it is not set.
    pub(super) fn secret(&mut self, key: &'static str) -> Option<SecretSource> {
        self.text(key, |text| optional(text, SecretSource::from_str))
    }

    /// Reads the sources of several secrets: one reference, or an array. In the environment they are separated by commas.
    pub(super) fn secrets(&mut self, key: &'static str) -> Vec<SecretSource> {
        let is_variable = matches!(self.layers.value(key).1, Origin::Environment(_));
        self.parse(key, |value| match value {
            Value::Array(items) if !items.is_empty() => {
                items.iter().map(|item| item.as_str().unwrap_or_default().parse()).collect()
            }
            Value::String(text) if text.is_empty() => Ok(Vec::new()),
            Value::String(text) if is_variable => references(text).map(str::parse).collect(),
            Value::String(text) => text.parse().map(|one| vec![one]),
            _ => Err(SECRETS),
        })
    }

    pub(super) fn database(&mut self, key: &'static str) -> Database {
        self.text(key, Database::from_str)
    }

    pub(super) fn rate(&mut self, key: &'static str) -> Rate {
        self.text(key, Rate::from_str)
    }

    /// Reads a rate; `None` if it is off.
    pub(super) fn rate_or_off(&mut self, key: &'static str) -> Option<Rate> {
        self.text(key, |text| if text == "off" { Ok(None) } else { text.parse().map(Some) })
    }

    pub(super) fn stream_target(&mut self, key: &'static str) -> Option<StreamTarget> {
        self.text(key, |text| optional(text, StreamTarget::from_str))
    }

    /// Reads a share of a number of things: a percentage or a count.
    pub(super) fn share(&mut self, key: &'static str) -> Share {
        self.parse(key, |value| match value {
            Value::Integer(count) => count.to_string().parse(),
            Value::String(text) => text.parse(),
            _ => Err(Share::EXPECTED),
        })
    }

    pub(super) fn networks(&mut self, key: &'static str) -> Vec<IpNet> {
        self.parse(key, |value| {
            let items = value.as_array().ok_or(NETWORKS)?;
            let wrong = |item: &Value| Wrong { expected: NETWORK.into(), found: Some(item.clone()) };
            items.iter().map(|item| item.as_str().and_then(network).ok_or_else(|| wrong(item))).collect()
        })
    }

    /// Reads a duration that is not zero.
    pub(super) fn duration(&mut self, key: &'static str) -> Duration {
        self.span(key, |duration| match duration {
            Duration::ZERO => Err("more than 0s"),
            duration => Ok(duration),
        })
    }

    pub(super) fn duration_or_zero(&mut self, key: &'static str) -> Duration {
        self.span(key, Ok)
    }

    /// Reads a lifetime, in whole seconds because it becomes a claim.
    pub(super) fn whole_seconds(&mut self, key: &'static str) -> Duration {
        self.span(key, in_whole_seconds)
    }

    pub(super) fn algorithm(&mut self, key: &'static str) -> Algorithm {
        self.text(key, |text| text.parse().map_err(|_| "HS256, ES256, EdDSA, PS256 or RS256"))
    }

    pub(super) fn rsa_bits(&mut self, key: &'static str) -> RsaBits {
        self.parse(key, |value| {
            RsaBits::ALL
                .into_iter()
                .find(|bits| value.as_integer() == Some(i64::from(bits.bits())))
                .ok_or("2048 or 3072")
        })
    }

    /// Reads the further audiences.
    pub(super) fn audiences(&mut self, key: &'static str) -> Vec<AudienceSettings> {
        self.elements(key, "an array of tables ([[audiences]])", AudienceSettings::read)
    }

    /// Reads the elements of an array. Each wrong element is a problem of its own.
    pub(super) fn elements<T>(
        &mut self,
        key: &'static str,
        expected: &'static str,
        read: impl Fn(&Value) -> Result<T, String>,
    ) -> Vec<T> {
        let elements = self.parse(key, |value| value.as_array().cloned().ok_or(expected));
        let mut found = Vec::new();
        for (place, element) in (1..).zip(&elements) {
            match read(element) {
                Ok(element) => found.push(element),
                Err(problem) => self.problem_of(key, &format!("number {place}: {problem}")),
            }
        }
        found
    }

    pub(super) fn leeway(&mut self, key: &'static str) -> Duration {
        self.span(key, |duration| match duration {
            duration if duration > LONGEST_LEEWAY || duration.subsec_nanos() != 0 => {
                Err("whole seconds, at most 60s; a clock that is further off must be set right")
            }
            duration => Ok(duration),
        })
    }

    /// Reads how long a server goes on without hearing from the store. If that were shorter, a failover of the store would be an
    /// outage here; if it were longer, a revocation would not be worth much.
    pub(super) fn staleness(&mut self, key: &'static str) -> Duration {
        self.span(key, |duration| match duration {
            duration if STALENESS.contains(&duration) => Ok(duration),
            _ => Err("5s to 15m"),
        })
    }

    /// Reads how long a signing key signs; `None` if people decide that.
    pub(super) fn rotation(&mut self, key: &'static str) -> Option<Duration> {
        self.span(key, |duration| match duration {
            Duration::ZERO => Ok(None),
            duration if duration >= SHORTEST_ROTATION => Ok(Some(duration)),
            _ => Err("at least 1h, or 0s for no rotation"),
        })
    }

    /// Reads how long a second person may ask for the same act; `None` if no second person is needed.
    pub(super) fn second_person(&mut self, key: &'static str) -> Option<Duration> {
        self.span(key, |duration| match duration {
            Duration::ZERO => Ok(None),
            duration if SECOND_PERSON.contains(&duration) => Ok(Some(duration)),
            _ => Err("1m to 30d, or 0s if one person is enough"),
        })
    }

    /// Reads a text that goes into a claim and is compared byte by byte.
    pub(super) fn audience(&mut self, key: &'static str) -> String {
        self.text(key, |text| {
            let plain = |byte| matches!(byte, b' '..=b'~') && !b"\"'\\".contains(&byte);
            if text.trim() == text && (1..=255).contains(&text.len()) && text.bytes().all(plain) {
                Ok(text.to_owned())
            } else {
                Err("1 to 255 printable ASCII characters without quotes and backslashes, no space at either end")
            }
        })
    }

    /// Reads one of a few names.
    pub(super) fn named<T: Copy>(
        &mut self,
        key: &'static str,
        names: &'static [(&'static str, T)],
        expected: &'static str,
    ) -> T {
        self.text(key, |text| {
            names.iter().find(|(name, _)| *name == text).map(|(_, value)| *value).ok_or(expected)
        })
    }

    /// Reads the two paths of a TLS section, which are both set or both not.
    pub(super) fn tls(&mut self, _name: &'static str) -> Option<Tls> {
        self.certificate("tls.cert", "tls.key")
    }

    /// Reads the two paths of the administration's TLS section.
    pub(super) fn admin_tls(&mut self, _name: &'static str) -> Option<Tls> {
        self.certificate("admin_tls.cert", "admin_tls.key")
    }

    fn certificate(&mut self, cert: &'static str, key: &'static str) -> Option<Tls> {
        let path = |text: &str| {
            if text.contains(char::is_control) { Err("the path of a PEM file") } else { Ok(text.to_owned()) }
        };
        let (cert_path, key_path) = (self.text(cert, path), self.text(key, path));
        match (cert_path.is_empty(), key_path.is_empty()) {
            (true, true) => None,
            (false, false) => Some(Tls { cert: cert_path.into(), key: key_path.into() }),
            _ => {
                self.conflict([cert, key], "only one of them is set; TLS needs both, plain HTTP none");
                None
            }
        }
    }

    /// Reports a problem with a part of a key's value.
    pub(super) fn problem_of(&mut self, key: &'static str, problem: &str) {
        let (_, origin) = self.layers.value(key);
        let problem = format!("{key} in {origin}: {problem}");
        self.wrong.insert(key);
        self.layers.problem(problem);
    }

    /// Reports two keys that don't fit together, unless one of them is wrong by itself.
    pub(super) fn conflict(&mut self, keys: [&'static str; 2], problem: &str) {
        if keys.iter().any(|key| self.wrong.contains(key)) {
            return;
        }
        let [one, other] = keys.map(|key| {
            let (value, origin) = self.layers.value(key);
            format!("{key} ({} in {origin})", shown(key, value))
        });
        self.layers.problem(format!("{one} against {other}: {problem}"));
    }

    /// Says whether the value that was given for a key could not be read.
    pub(super) fn is_unknown(&self, key: &str) -> bool {
        self.wrong.contains(key) || !self.layers.file_is_read()
    }

    /// Returns the durations as they were written.
    pub(super) fn written(&mut self) -> Written {
        std::mem::take(&mut self.written)
    }

    /// Returns all problems of the load. The variables that hold `secrets` are not settings, and not a problem.
    pub(super) fn finish<'a>(self, secrets: impl Iterator<Item = &'a SecretSource>) -> Vec<String> {
        let variables = secrets.filter_map(|secret| match secret {
            SecretSource::Env(name) => Some(name.as_str()),
            SecretSource::File(_) => None,
        });
        self.layers.into_problems(&variables.collect::<Vec<_>>())
    }

    #[cfg(test)]
    pub(super) fn read_keys(&self) -> &BTreeSet<&'static str> {
        &self.read
    }

    /// Reads a duration that `check` accepts.
    fn span<T>(&mut self, key: &'static str, check: impl Fn(Duration) -> Parsed<T>) -> T {
        if let (Value::String(text), _) = self.layers.value(key) {
            self.written.note(key, text);
        }
        self.text(key, |text| check(duration(text)?))
    }

    pub(super) fn text<T, E: Into<Wrong>>(
        &mut self,
        key: &'static str,
        parse: impl Fn(&str) -> Result<T, E>,
    ) -> T {
        self.parse(key, |value| match value.as_str() {
            Some(text) => parse(text).map_err(Into::into),
            // The value isn't a text at all: the parser knows how to say what it wants.
            None => Err(parse("\0").err().map_or_else(|| "a string".into(), Into::<Wrong>::into)),
        })
    }

    pub(super) fn parse<T, E: Into<Wrong>>(
        &mut self,
        key: &'static str,
        parse: impl Fn(&Value) -> Result<T, E>,
    ) -> T {
        self.read.insert(key);
        let (value, origin) = self.layers.value(key);
        let Wrong { expected, found } = match parse(value) {
            Ok(parsed) => return parsed,
            Err(wrong) => wrong.into(),
        };
        debug_assert!(!matches!(origin, Origin::Default), "{key}: the default is wrong: {expected}");
        let found = shown(key, found.as_ref().unwrap_or(value));
        let problem = format!("{key} in {origin}: expected {expected}; found {found}");
        self.wrong.insert(key);
        self.layers.problem(problem);
        parse(&self.defaults.value(key).0).ok().expect("the defaults are right")
    }
}

const COUNT: &str = "an integer of at least 1";
const NETWORK: &str = "a network such as \"10.0.0.0/8\", or an address";
const NETWORKS: &str = "an array of networks such as \"10.0.0.0/8\"";
const SECRETS: &str = "file:PATH or env:NAME, or an array of them (references, never the secrets themselves)";
const SOCKET: &str = "an IP address and a port such as \"127.0.0.1:8080\" or \"[::]:8080\"";

/// Shows a value in a message: one short line, and never a value that may be a secret.
fn shown(key: &str, value: &Value) -> String {
    match value {
        _ if SECRET.contains(&key) => format!("{} (not shown)", kind(value)),
        Value::String(text) if text.len() <= 100 => format!("{text:?}"),
        Value::Integer(number) => number.to_string(),
        Value::Boolean(boolean) => boolean.to_string(),
        _ => kind(value).to_owned(),
    }
}
