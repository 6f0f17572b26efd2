//! The types of single values: each parses its own text and writes it back.

use std::{borrow::Cow, fmt, path::PathBuf, str::FromStr, time::Duration};

use tollgate_store_postgres::PostgresAddress;

/// The store that the configuration names.
#[derive(Clone, PartialEq, Eq)]
pub enum Database {
    /// A `SQLite` file.
    Sqlite(PathBuf),
    /// The URL of a `PostgreSQL` database, password included: show it by [`Database::masked`] only.
    Postgres(String),
}

impl Database {
    /// Says whether the URL itself holds a password.
    pub fn has_password(&self) -> bool {
        match self {
            Self::Sqlite(_) => false,
            Self::Postgres(url) => url.parse().is_ok_and(|address: PostgresAddress| address.has_password()),
        }
    }

    /// Shows the URL with every password in it as `***`.
    pub fn masked(&self) -> String {
        match self {
            Self::Sqlite(path) => format!("sqlite:{}", path.display()),
            Self::Postgres(url) => mask_passwords(url),
        }
    }
}

impl FromStr for Database {
    type Err = Cow<'static, str>;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.contains(char::is_control) {
            return Err(DATABASE.into());
        }
        if let Some(path) = text.strip_prefix("sqlite:") {
            // `sqlite:///var/x.db` is how other programs write an absolute path.
            let path = path.strip_prefix("//").filter(|path| path.starts_with('/')).unwrap_or(path);
            return match path {
                "" => Err(DATABASE.into()),
                ":memory:" => {
                    Err("a file: a store in memory is gone with its connection (sqlite:PATH)".into())
                }
                path if path.starts_with("//") => Err("sqlite:PATH without //".into()),
                path => Ok(Self::Sqlite(path.into())),
            };
        }
        let rest = text.strip_prefix("postgres://").or_else(|| text.strip_prefix("postgresql://"));
        match rest {
            Some(rest) if !rest.is_empty() && !rest.contains(' ') => {
                text.parse::<PostgresAddress>().map(|_| Self::Postgres(text.into()))
            }
            _ => Err(DATABASE.into()),
        }
    }
}

/// Shows everything except the password.
impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Database({})", self.masked())
    }
}

const DATABASE: &str = "sqlite:PATH or postgres://user@host/db";

/// Replaces passwords in the user part and in the query.
///
/// The user part is taken to reach to the last `@`, as a password that somebody forgot to encode may contain anything:
/// it is better to mask too much.
fn mask_passwords(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return "***".into() };
    let (user, rest) = match rest.rsplit_once('@') {
        Some((user, rest)) => match user.split_once(':') {
            Some((user, _)) => (format!("{user}:***@"), rest),
            None => (format!("{user}@"), rest),
        },
        None => (String::new(), rest),
    };
    let (place, query) = match rest.split_once('?') {
        Some((place, query)) => (place, Some(query)),
        None => (rest, None),
    };
    let mut masked = format!("{scheme}://{user}{place}");
    for (index, pair) in query.iter().flat_map(|query| query.split('&')).enumerate() {
        masked.push(if index == 0 { '?' } else { '&' });
        match pair.split_once('=') {
            Some((name, _)) if names_a_password(name) => {
                masked.push_str(name);
                masked.push_str("=***");
            }
            _ => masked.push_str(pair),
        }
    }
    masked
}

/// Says whether a parameter holds a password: `password`, `sslpassword` and the like, however they are encoded.
fn names_a_password(name: &str) -> bool {
    let name = percent_encoding::percent_decode_str(name).decode_utf8_lossy().to_ascii_lowercase();
    name.contains("pass") || name.contains("secret")
}

/// Environment variables of settings that are references themselves, so that they hold no secret.
const NAMES_OF_SETTINGS: [&str; 3] =
    ["TOLLGATE_MASTER_KEY", "TOLLGATE_DATABASE__PASSWORD", "TOLLGATE_CONSOLE__OIDC__CLIENT_SECRET"];

/// The source of a secret: a reference to it, never the secret itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretSource {
    /// A file that holds the secret.
    File(PathBuf),
    /// The name of an environment variable that holds the secret.
    Env(String),
}

impl FromStr for SecretSource {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once(':') {
            Some(("file", path)) if !path.is_empty() && !path.contains(char::is_control) => {
                Ok(Self::File(path.into()))
            }
            Some(("env", name)) if NAMES_OF_SETTINGS.contains(&name) => {
                Err("env:NAME with another name, as this one is that of a setting")
            }
            Some(("env", name)) if is_variable_name(name) => Ok(Self::Env(name.into())),
            _ => Err("file:PATH or env:NAME (a reference, never the secret itself)"),
        }
    }
}

impl fmt::Display for SecretSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "file:{}", path.display()),
            Self::Env(name) => write!(f, "env:{name}"),
        }
    }
}

fn is_variable_name(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with(|first: char| first.is_ascii_digit())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// Files of the listener's own TLS, both PEM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tls {
    /// Path of the certificate chain.
    pub cert: PathBuf,
    /// Path of the private key.
    pub key: PathBuf,
}

/// The units of a duration, in milliseconds.
const UNITS: [(&str, u64); 5] = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

/// Parses a duration: a number and one of `ms`, `s`, `m`, `h` and `d`.
pub fn parse_duration(text: &str) -> Result<Duration, &'static str> {
    let text = text.trim();
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let unit = UNITS.iter().find(|(name, _)| *name == unit.trim_start()).ok_or(DURATION)?;
    let number: u64 = number.parse().map_err(|_| DURATION)?;
    number.checked_mul(unit.1).map(Duration::from_millis).ok_or(DURATION)
}

/// Writes a duration in the greatest unit that fits. A single day is written as 24 hours.
pub fn duration_text(duration: Duration) -> String {
    let millis = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    let fits = |unit: &str, size: u64| millis % size == 0 && (unit != "d" || millis > size);
    let (unit, size) = UNITS.iter().find(|(unit, size)| fits(unit, *size)).unwrap_or(&("ms", 1));
    if millis == 0 { "0s".to_owned() } else { format!("{}{unit}", millis / size) }
}

pub(super) const DURATION: &str = "a duration such as \"15m\": a number and one of ms, s, m, h and d";

/// A number of events per unit of time, as in `30/min`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// The number of events; at least one.
    pub count: u32,
    /// The unit of time: a second, a minute, an hour or a day.
    pub per: Duration,
}

impl Rate {
    const UNITS: [(&'static str, u64); 10] = [
        ("s", 1),
        ("min", 60),
        ("h", 3600),
        ("d", 86_400),
        ("sec", 1),
        ("second", 1),
        ("m", 60),
        ("minute", 60),
        ("hour", 3600),
        ("day", 86_400),
    ];
}

impl FromStr for Rate {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let expected = "a rate such as \"30/min\": a count of at least 1 per s, min, h or d";
        let (count, unit) = text.split_once('/').ok_or(expected)?;
        let (_, seconds) = Self::UNITS.into_iter().find(|(name, _)| *name == unit.trim()).ok_or(expected)?;
        match count.trim().parse() {
            Ok(count) if count > 0 => Ok(Self { count, per: Duration::from_secs(seconds) }),
            _ => Err(expected),
        }
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.per.as_secs();
        match Self::UNITS.iter().find(|(_, unit)| *unit == seconds) {
            Some((name, _)) => write!(f, "{}/{name}", self.count),
            None => write!(f, "{}/{seconds}s", self.count),
        }
    }
}

/// A share of a number of things: a percentage or a count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Share {
    /// A percentage of all; 100 is no limit.
    Percent(u8),
    /// A fixed number.
    Count(usize),
}

impl Share {
    pub(super) const EXPECTED: &str = "a count of at least 1, a share such as \"50%\", or \"off\"";

    /// Returns how many of `all` it is, at least one.
    pub fn of(self, all: usize) -> usize {
        match self {
            Self::Percent(percent) => (all.saturating_mul(percent.into()) / 100).max(1),
            Self::Count(count) => count,
        }
    }
}

impl FromStr for Share {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "off" {
            return Ok(Self::Percent(100));
        }
        let parsed = match text.strip_suffix('%') {
            Some(percent) => percent.parse().ok().filter(|percent| *percent <= 100).map(Self::Percent),
            None => text.parse().ok().map(Self::Count),
        };
        parsed.filter(|share| !matches!(share, Self::Percent(0) | Self::Count(0))).ok_or(Self::EXPECTED)
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Percent(100) => f.write_str("off"),
            Self::Percent(percent) => write!(f, "{percent}%"),
            Self::Count(count) => write!(f, "{count}"),
        }
    }
}

/// What a server does when it has not read from the store for too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WhenStale {
    /// It neither issues nor checks tokens.
    Refuse,
    /// It goes on with the data that it has.
    Serve,
}

impl WhenStale {
    pub(super) const ALL: &[(&'static str, Self)] = &[("refuse", Self::Refuse), ("serve", Self::Serve)];
}

impl fmt::Display for WhenStale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(name_in(Self::ALL, self))
    }
}

/// The format of a line in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// Text for people.
    Text,
    /// One JSON object a line.
    Json,
}

impl LogFormat {
    pub(super) const ALL: &[(&'static str, Self)] = &[("text", Self::Text), ("json", Self::Json)];
}

impl fmt::Display for LogFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(name_in(Self::ALL, self))
    }
}

/// The requests for which the log says where they came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogSource {
    /// All requests.
    All,
    /// Requests that were refused.
    Refused,
    /// No request.
    Off,
}

impl LogSource {
    pub(super) const ALL: &[(&'static str, Self)] =
        &[("all", Self::All), ("refused", Self::Refused), ("off", Self::Off)];
}

impl fmt::Display for LogSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(name_in(Self::ALL, self))
    }
}

/// The least severe level that is logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    /// Failures that should not have happened.
    Error,
    /// Events that an operator should look at.
    Warn,
    /// Normal events.
    Info,
    /// Details that explain events.
    Debug,
    /// Every detail.
    Trace,
}

impl LogLevel {
    pub(super) const ALL: &[(&'static str, Self)] = &[
        ("error", Self::Error),
        ("warn", Self::Warn),
        ("info", Self::Info),
        ("debug", Self::Debug),
        ("trace", Self::Trace),
    ];
}

impl fmt::Display for LogLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(name_in(Self::ALL, self))
    }
}

fn name_in<T: PartialEq>(names: &[(&'static str, T)], value: &T) -> &'static str {
    names.iter().find(|(_, candidate)| candidate == value).map_or("?", |(name, _)| name)
}
