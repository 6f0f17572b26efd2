//! What can be different about a client.

use std::str::FromStr;
use std::time::Duration;

use tollgate_config::parse_duration;
use tollgate_store::{ClientUpdate, Labels, LabelsError, Quota, Terms};

/// What is different about a new client.
#[derive(Debug, clap::Args)]
pub(crate) struct TermsArgs {
    /// How long its access tokens live, such as `5m`: at most for the configured time.
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    access_ttl: Option<Duration>,
    /// How long its refresh tokens live, likewise.
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    refresh_ttl: Option<Duration>,
    /// How many tokens it may obtain from one server, such as `30/min`. Without it: any number.
    #[arg(long, value_name = "COUNT/TIME")]
    quota: Option<Quota>,
    /// A label, for whoever administers; may be repeated.
    #[arg(long, value_name = "NAME=VALUE", value_parser = label)]
    label: Vec<(String, String)>,
}

impl TermsArgs {
    pub(crate) fn terms(self) -> Result<Terms, LabelsError> {
        let Self { access_ttl, refresh_ttl, quota, label } = self;
        Ok(Terms { access_ttl, refresh_ttl, quota, labels: Labels::new(label)? })
    }
}

/// What is to be different about a client.
#[derive(Debug, clap::Args)]
pub(crate) struct TermsUpdateArgs {
    /// How long its access tokens live, such as `5m`: at most for the configured time, which `default` sets.
    #[arg(long, value_name = "TIME", value_parser = or_default::<Length>)]
    access_ttl: Option<OrDefault<Length>>,
    /// How long its refresh tokens live, likewise.
    #[arg(long, value_name = "TIME", value_parser = or_default::<Length>)]
    refresh_ttl: Option<OrDefault<Length>>,
    /// How many tokens it may obtain from one server, such as `30/min`; `default` for any number.
    #[arg(long, value_name = "COUNT/TIME", value_parser = or_default::<Quota>)]
    quota: Option<OrDefault<Quota>>,
    /// A label, in place of all it has; may be repeated.
    #[arg(long, value_name = "NAME=VALUE", value_parser = label)]
    label: Vec<(String, String)>,
    /// Takes its labels away.
    #[arg(long, conflicts_with = "label")]
    no_labels: bool,
}

impl TermsUpdateArgs {
    /// Adds the terms to a change of a client.
    pub(crate) fn add_to(self, update: ClientUpdate) -> Result<ClientUpdate, LabelsError> {
        let Self { access_ttl, refresh_ttl, quota, label, no_labels } = self;
        let length =
            |given: Option<OrDefault<Length>>| given.map(|OrDefault(given)| given.map(|Length(time)| time));
        Ok(ClientUpdate {
            access_ttl: length(access_ttl),
            refresh_ttl: length(refresh_ttl),
            quota: quota.map(|OrDefault(quota)| quota),
            labels: (no_labels || !label.is_empty()).then(|| Labels::new(label)).transpose()?,
            ..update
        })
    }
}

/// A value, or `default`, which is none of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct OrDefault<T>(Option<T>);

fn or_default<T: FromStr>(text: &str) -> Result<OrDefault<T>, T::Err> {
    if text == "default" { Ok(OrDefault(None)) } else { text.parse().map(|value| OrDefault(Some(value))) }
}

/// A length of time, as the configuration writes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Length(Duration);

impl FromStr for Length {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        parse_duration(text).map(Self)
    }
}

/// Parses one label; all of them are checked together later.
fn label(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("expected NAME=VALUE")?;
    let label = (name.to_owned(), value.to_owned());
    Labels::new([label.clone()]).map(|_| label).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_of_its_own_is_told_from_the_default() {
        assert_eq!(or_default("default"), Ok(OrDefault(None::<Length>)));
        assert_eq!(or_default("5m"), Ok(OrDefault(Some(Length(Duration::from_secs(300))))));
        assert!(or_default::<Quota>("Default").is_err() && or_default::<Quota>("0/s").is_err());
    }

    #[test]
    fn a_label_has_a_name_and_a_value_that_may_be_empty_and_have_the_sign() {
        let pair = |name: &str, value: &str| Ok((name.to_owned(), value.to_owned()));
        assert_eq!(label("team=north"), pair("team", "north"));
        assert_eq!(label("team="), pair("team", ""));
        assert_eq!(label("team=a=b"), pair("team", "a=b"));
        for bad in ["team", "=north", "a b=c", "team=\n"] {
            assert!(label(bad).is_err(), "{bad:?}");
        }
    }
}
