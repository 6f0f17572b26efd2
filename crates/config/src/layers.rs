//! The layers of a configuration, as flat dotted keys: defaults, file, environment.

use std::{
    collections::BTreeMap,
    ffi::{OsStr, OsString},
    fmt,
    path::{Path, PathBuf},
};

use toml::{Table, Value};

/// The defaults with comments: the content of `config.default.toml`.
pub const DEFAULTS: &str = include_str!("config.default.toml");

/// Values by dotted key, each with its origin, and the problems that were found on the way.
pub(super) struct Layers {
    values: BTreeMap<String, (Value, Origin)>,
    sections: Vec<String>,
    problems: Vec<String>,
    /// Whether the file could be read and parsed.
    file_is_read: bool,
    /// Variables that are not a setting. They are judged last: one of them may hold a secret.
    unknown_variables: Vec<OsString>,
}

/// Where a value was set.
#[derive(Debug, Clone)]
pub(super) enum Origin {
    Default,
    Dev,
    File(PathBuf),
    Environment(String),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("the defaults"),
            Self::Dev => f.write_str("the settings of dev"),
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Environment(name) => write!(f, "the environment ({name})"),
        }
    }
}

impl Layers {
    pub(super) fn defaults() -> Self {
        let table: Table = DEFAULTS.parse().expect("the embedded defaults are TOML");
        let mut layers = Self {
            values: BTreeMap::new(),
            sections: Vec::new(),
            problems: Vec::new(),
            file_is_read: true,
            unknown_variables: Vec::new(),
        };
        layers.add_defaults("", table);
        layers
    }

    /// Adds the values of a table. An empty table is a value, whose keys its author chooses; any other table is a section.
    fn add_defaults(&mut self, prefix: &str, table: Table) {
        for (name, value) in table {
            let key = format!("{prefix}{name}");
            match value {
                Value::Table(section) if !section.is_empty() => {
                    self.add_defaults(&format!("{key}."), section);
                    self.sections.push(key);
                }
                value => {
                    self.values.insert(key, (value, Origin::Default));
                }
            }
        }
    }

    /// Overrides the values by those of a file.
    pub(super) fn add_file(&mut self, path: &Path, content: &[u8]) {
        match parse(content) {
            Ok(table) => self.add_table("", table, path),
            Err(problem) => self.file_failed(format!("{}:{problem}", path.display())),
        }
    }

    /// Overrides the values by the variables of an environment.
    pub(super) fn add_environment<K, V>(&mut self, env: impl IntoIterator<Item = (K, V)>)
    where
        K: AsRef<OsStr>,
        V: AsRef<OsStr>,
    {
        let known: BTreeMap<String, String> =
            self.values.keys().map(|key| (variable_of(key), key.clone())).collect();
        for (name, value) in env {
            let (name, value) = (name.as_ref(), value.as_ref());
            if !name.as_encoded_bytes().starts_with(b"TOLLGATE_") {
                continue;
            }
            let Some((variable, key)) = name.to_str().and_then(|name| known.get_key_value(name)) else {
                if !is_foreign(&name.to_string_lossy(), &value.to_string_lossy()) {
                    self.unknown_variables.push(name.to_owned());
                }
                continue;
            };
            let Some(text) = value.to_str() else {
                self.problem(format!("{key} in the environment ({variable}): expected UTF-8 text"));
                continue;
            };
            let value = typed_like(&self.values[key].0, text);
            self.set(key, value, Origin::Environment(variable.clone()));
        }
    }

    /// Sets a known key.
    pub(super) fn set(&mut self, key: &str, value: Value, origin: Origin) {
        debug_assert!(self.values.contains_key(key), "{key} is not in the defaults");
        self.values.insert(key.to_owned(), (value, origin));
    }

    /// Notes that the file could not be read.
    pub(super) fn file_failed(&mut self, problem: String) {
        self.file_is_read = false;
        self.problem(problem);
    }

    /// Says whether the file, if there is one, could be read and parsed.
    pub(super) fn file_is_read(&self) -> bool {
        self.file_is_read
    }

    pub(super) fn problem(&mut self, problem: String) {
        self.problems.push(problem);
    }

    /// Returns the value of a known key and where it was set.
    pub(super) fn value(&self, key: &str) -> &(Value, Origin) {
        self.values.get(key).expect("only keys of the defaults are read")
    }

    #[cfg(test)]
    pub(super) fn keys(&self) -> impl Iterator<Item = &str> {
        self.values.keys().map(String::as_str)
    }

    /// Returns the problems, including the unknown variables except those that hold secrets.
    pub(super) fn into_problems(mut self, secrets: &[&str]) -> Vec<String> {
        for name in std::mem::take(&mut self.unknown_variables) {
            if secrets.iter().any(|variable| name == *variable) {
                continue;
            }
            let name = name.to_string_lossy();
            let meant = name.trim_start_matches("TOLLGATE_").to_ascii_lowercase().replace("__", ".");
            let hint = nearest(&meant, self.values.keys().map(String::as_str))
                .map_or_else(String::new, |key| format!("; did you mean {}?", variable_of(key)));
            self.problems.push(format!("unknown setting {} in the environment{hint}", bare_or_quoted(&name)));
        }
        self.problems
    }

    fn add_table(&mut self, prefix: &str, table: Table, file: &Path) {
        for (name, value) in table {
            let key = format!("{prefix}{}", bare_or_quoted(&name));
            if self.values.contains_key(&key) {
                self.set(&key, value, Origin::File(file.to_owned()));
                continue;
            }
            let is_section = self.sections.contains(&key);
            match value {
                // The keys inside are reported one by one: the nearest known key is nearer to them than to their table.
                Value::Table(inner) if is_section || !inner.is_empty() => {
                    self.add_table(&format!("{key}."), inner, file);
                }
                value if is_section => self.problem(format!(
                    "{key} in {}: expected a section ([{key}]), found {}",
                    file.display(),
                    kind(&value)
                )),
                _ => {
                    let known = self.values.keys().chain(&self.sections).map(String::as_str);
                    let hint =
                        nearest(&key, known).map_or_else(String::new, |key| format!("; did you mean {key}?"));
                    self.problem(format!("unknown key {key} in {}{hint}", file.display()));
                }
            }
        }
    }
}

/// Names the type of a TOML value, with its article.
pub(super) fn kind(value: &Value) -> &'static str {
    match value {
        Value::String(_) => "a string",
        Value::Integer(_) => "an integer",
        Value::Float(_) => "a float",
        Value::Boolean(_) => "a boolean",
        Value::Datetime(_) => "a date",
        Value::Array(_) => "an array",
        Value::Table(_) => "a table",
    }
}

/// Parses TOML; an error starts with the line and the column, both from 1.
fn parse(content: &[u8]) -> Result<Table, String> {
    let text = std::str::from_utf8(content).map_err(|error| {
        let (line, column) = position(content, error.valid_up_to());
        format!("{line}:{column}: not UTF-8; save the file as UTF-8 text")
    })?;
    toml::from_str(text).map_err(|error: toml::de::Error| {
        let (line, column) = position(content, error.span().map_or(0, |span| span.start));
        format!("{line}:{column}: malformed TOML: {}", error.message().trim().replace('\n', ", "))
    })
}

fn position(content: &[u8], offset: usize) -> (usize, usize) {
    let before = &content[..offset.min(content.len())];
    let line = before.split(|byte| *byte == b'\n').count();
    let start = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |newline| newline + 1);
    (line, String::from_utf8_lossy(&before[start..]).chars().count() + 1)
}

/// Returns the variable that sets a key: `tokens.access_ttl` is `TOLLGATE_TOKENS__ACCESS_TTL`.
fn variable_of(key: &str) -> String {
    format!("TOLLGATE_{}", key.replace('.', "__").to_ascii_uppercase())
}

/// Says whether a variable begins like a setting but belongs to another program.
fn is_foreign(name: &str, value: &str) -> bool {
    const CLIENT_SIDE: [&str; 5] = [
        "TOLLGATE_BASE_URL",
        "TOLLGATE_CLIENT_ID",
        "TOLLGATE_CLIENT_SECRET",
        "TOLLGATE_ALLOW_HTTP_TO",
        "TOLLGATE_CONFIG",
    ];
    CLIENT_SIDE.contains(&name) || name.starts_with("TOLLGATE_TEST_") || is_made_by_kubernetes(name, value)
}

/// Says whether a variable is one of those that Kubernetes gives every pod for each service: `TOLLGATE_SERVICE_HOST`,
/// `TOLLGATE_PORT_8080_TCP_ADDR` and so on for a service called `tollgate`, `TOLLGATE_ADMIN_…` for one called `tollgate-admin`.
/// Refusing them would keep a pod from starting as soon as its service exists.
fn is_made_by_kubernetes(name: &str, value: &str) -> bool {
    let is_protocol = |text: &str| ["TCP", "UDP", "SCTP"].iter().any(|protocol| text.starts_with(protocol));
    name.ends_with("_SERVICE_HOST")
        || name.ends_with("_SERVICE_PORT")
        || name.contains("_SERVICE_PORT_")
        // Judged by its value, because `TOLLGATE_LISTEN_PORT` could be somebody's guess at a setting.
        || (name.ends_with("_PORT") && value.contains("://"))
        || name.rsplit_once("_PORT_").and_then(|(_, port)| port.split_once('_')).is_some_and(
            |(port, protocol)| port.bytes().all(|byte| byte.is_ascii_digit()) && is_protocol(protocol),
        )
}

/// Reads the text of a variable as the type that the default has; a text that doesn't parse stays text and is refused later.
fn typed_like(default: &Value, text: &str) -> Value {
    let as_text = || Value::String(text.to_owned());
    match default {
        Value::Boolean(_) => text.trim().parse().map_or_else(|_| as_text(), Value::Boolean),
        Value::Integer(_) => text.trim().parse().map_or_else(|_| as_text(), Value::Integer),
        Value::Array(_) => text
            .split(',')
            .map(str::trim)
            .filter(|item| !item.is_empty())
            .map(|item| Value::String(item.to_owned()))
            .collect::<Vec<_>>()
            .into(),
        _ => as_text(),
    }
}

/// Writes a key as TOML would: a key that isn't bare is quoted, so that it can neither pass for a dotted key nor break a line.
fn bare_or_quoted(name: &str) -> String {
    let bare =
        !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte));
    if bare { name.to_owned() } else { format!("{name:?}") }
}

/// Finds the known key that an unknown one most likely means.
fn nearest<'a>(unknown: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    // The distance takes quadratic time, and nobody means such a long name.
    if unknown.len() > 256 {
        return None;
    }
    let last = |key: &str| key.rsplit('.').next().map_or(String::new(), str::to_owned);
    let likeness = |key: &str| {
        // A right key in the wrong section is nearer than a like-sounding one in the right section.
        strsim::normalized_damerau_levenshtein(unknown, key)
            + 0.5 * strsim::normalized_damerau_levenshtein(&last(unknown), &last(key))
    };
    known.max_by(|a, b| likeness(a).total_cmp(&likeness(b)))
}
