//! The labels that operators give a client, and the quota of tokens that it may obtain.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// A client's labels: at most [`Labels::MOST`], each with a name and a value.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Labels(BTreeMap<String, String>);

/// Why a text is not a list of labels.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LabelsError {
    /// A name or a value is malformed, or there are too many labels.
    #[error(
        "labels are at most 32 names of 1 to 63 letters, digits, dots, dashes and underscores, each with a value of at most 255 \
         characters, none of them a control character"
    )]
    Malformed,
    /// The same name appears twice.
    #[error("the label {0} is there twice")]
    Twice(String),
}

impl Labels {
    /// The greatest number of labels of a client.
    pub const MOST: usize = 32;

    /// Makes labels from names and values; each name may appear once.
    pub fn new(pairs: impl IntoIterator<Item = (String, String)>) -> Result<Self, LabelsError> {
        let mut labels = BTreeMap::new();
        for (name, value) in pairs {
            if !is_name(&name) || !is_value(&value) {
                return Err(LabelsError::Malformed);
            }
            if labels.contains_key(&name) {
                return Err(LabelsError::Twice(name));
            }
            labels.insert(name, value);
        }
        if labels.len() <= Self::MOST { Ok(Self(labels)) } else { Err(LabelsError::Malformed) }
    }

    /// Returns the value of a label.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// Returns the names and values, sorted by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

fn is_name(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    (1..=63).contains(&name.len()) && name.bytes().all(plain)
}

fn is_value(value: &str) -> bool {
    value.chars().count() <= 255 && !value.chars().any(char::is_control)
}

/// Writes each label as a line `name=value`, as a column holds them.
impl fmt::Display for Labels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|(name, value)| writeln!(f, "{name}={value}"))
    }
}

impl FromStr for Labels {
    type Err = LabelsError;

    fn from_str(text: &str) -> Result<Self, LabelsError> {
        let pair = |line: &str| {
            let (name, value) = line.split_once('=').ok_or(LabelsError::Malformed)?;
            Ok((name.to_owned(), value.to_owned()))
        };
        Self::new(text.split_terminator('\n').map(pair).collect::<Result<Vec<_>, _>>()?)
    }
}

/// How many tokens a client may obtain within a time. The text form is `30/min`: a count of at least 1 per `s`, `min`, `h` or `d`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quota {
    count: u32,
    per: Unit,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Unit {
    name: &'static str,
    seconds: u64,
}

const UNITS: [Unit; 4] = [
    Unit { name: "s", seconds: 1 },
    Unit { name: "min", seconds: 60 },
    Unit { name: "h", seconds: 3_600 },
    Unit { name: "d", seconds: 86_400 },
];

/// The highest count per second: the quota is measured in milliseconds.
const MOST_IN_A_SECOND: u64 = 1_000;

/// The error for a text that is not a quota.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a quota is a count of at least 1 per s, min, h or d, such as 30/min, and of at most 1000/s")]
pub struct QuotaError;

impl Quota {
    /// Returns how many tokens the client may obtain within [`Quota::per`].
    pub const fn count(self) -> u32 {
        self.count
    }

    /// Returns the time in which [`Quota::count`] tokens may be obtained.
    pub const fn per(self) -> Duration {
        Duration::from_secs(self.per.seconds)
    }
}

impl fmt::Display for Quota {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.count, self.per.name)
    }
}

impl FromStr for Quota {
    type Err = QuotaError;

    fn from_str(text: &str) -> Result<Self, QuotaError> {
        let (count, unit) = text.split_once('/').ok_or(QuotaError)?;
        let per = UNITS.into_iter().find(|one| one.name == unit).ok_or(QuotaError)?;
        let number: u32 = count.parse().map_err(|_| QuotaError)?;
        // A number has one spelling only: not `+1` or `01`.
        if number == 0 || number.to_string() != count || u64::from(number) > MOST_IN_A_SECOND * per.seconds {
            return Err(QuotaError);
        }
        Ok(Self { count: number, per })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(name: &str, value: &str) -> (String, String) {
        (name.to_owned(), value.to_owned())
    }

    #[test]
    fn labels_come_back_from_their_text() {
        let labels = Labels::new([pair("team", "till = \"a\""), pair("a.b-c_1", "")]).unwrap();
        assert_eq!(labels.to_string(), "a.b-c_1=\nteam=till = \"a\"\n");
        assert_eq!(labels.to_string().parse(), Ok(labels));
        assert_eq!("".parse(), Ok(Labels::default()));
    }

    #[test]
    fn what_could_be_read_otherwise_or_is_too_long_is_no_label() {
        for (name, value) in
            [("", "x"), ("a b", "x"), ("a=b", "x"), ("é", "x"), ("a", "x\ny"), ("a", "\u{1b}")]
        {
            assert_eq!(Labels::new([pair(name, value)]), Err(LabelsError::Malformed), "{name:?} {value:?}");
        }
        assert!(
            Labels::new([pair(&"a".repeat(64), "")]).is_err()
                && Labels::new([pair("a", &"v".repeat(256))]).is_err()
        );
        assert_eq!(Labels::new([pair("a", "1"), pair("a", "1")]), Err(LabelsError::Twice("a".to_owned())));
        assert!(Labels::new((0..33).map(|n| pair(&n.to_string(), ""))).is_err());
        assert!("a".parse::<Labels>().is_err());
    }

    #[test]
    fn a_quota_comes_back_from_its_text_and_no_other_text_is_one() {
        for text in ["1/s", "30/min", "3600000/h", "7/d"] {
            assert_eq!(text.parse::<Quota>().unwrap().to_string(), text);
        }
        for bad in ["", "1", "/s", "0/s", "+1/s", "01/s", "1/S", "1/week", "1001/s", "4294967296/d", "1 /s"] {
            assert_eq!(bad.parse::<Quota>(), Err(QuotaError), "{bad:?}");
        }
    }
}
