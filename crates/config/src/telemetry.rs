//! Values of `[telemetry]`: what is sent by OTLP, and with which headers.

use std::fmt;
use std::str::FromStr;

use http::HeaderName;

use super::values::SecretSource;

/// The share of traces that is recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sample {
    parts_per_million: u32,
}

impl Sample {
    pub(super) const EXPECTED: &str = "per cent of the traces such as \"1%\", of up to four decimals";

    /// Returns the share as a number from 0 to 1.
    pub fn share(self) -> f64 {
        f64::from(self.parts_per_million) / 1_000_000.0
    }
}

/// Defaults to one per cent.
impl Default for Sample {
    fn default() -> Self {
        Self { parts_per_million: 10_000 }
    }
}

impl FromStr for Sample {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (whole, decimals) = text
            .strip_suffix('%')
            .map(|text| text.split_once('.').unwrap_or((text, "0")))
            .ok_or(Self::EXPECTED)?;
        let is_number = |text: &str, longest| {
            (1..=longest).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
        };
        if !is_number(whole, 3) || !is_number(decimals, 4) {
            return Err(Self::EXPECTED);
        }
        let parts_per_million = format!("{whole}{decimals:0<4}").parse().map_err(|_| Self::EXPECTED)?;
        if parts_per_million <= 1_000_000 { Ok(Self { parts_per_million }) } else { Err(Self::EXPECTED) }
    }
}

impl fmt::Display for Sample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, decimals) = (self.parts_per_million / 10_000, self.parts_per_million % 10_000);
        if decimals == 0 {
            return write!(f, "{whole}%");
        }
        let decimals = format!("{decimals:04}");
        write!(f, "{whole}.{}%", decimals.trim_end_matches('0'))
    }
}

/// A header that is sent along, with the source of its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeaderSource {
    /// The name of the header.
    pub name: HeaderName,
    /// The source of its value.
    pub value: SecretSource,
}

impl FromStr for HeaderSource {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const EXPECTED: &str = "NAME=file:PATH or NAME=env:NAME (a reference, never the value itself)";
        let (name, value) = text.split_once('=').ok_or(EXPECTED)?;
        let name = HeaderName::from_bytes(name.trim().as_bytes()).map_err(|_| EXPECTED)?;
        if matches!(
            name.as_str(),
            "content-type" | "content-length" | "host" | "connection" | "transfer-encoding"
        ) {
            return Err("another header, as this one is set automatically");
        }
        Ok(Self { name, value: value.trim().parse().map_err(|_| EXPECTED)? })
    }
}

impl fmt::Display for HeaderSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.name, self.value)
    }
}

/// An attribute of the sender.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResourceAttribute {
    /// The name of the attribute.
    pub name: String,
    /// The value of the attribute.
    pub value: String,
}

impl FromStr for ResourceAttribute {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const EXPECTED: &str = "NAME=VALUE such as \"deployment.environment.name=production\"";
        let (name, value) = text.split_once('=').ok_or(EXPECTED)?;
        let is_name = !name.is_empty()
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-/".contains(&byte));
        if !is_name || value.is_empty() || value.chars().any(char::is_control) {
            return Err(EXPECTED);
        }
        if ["service.name", "service.version", "service.instance.id"].contains(&name) {
            return Err("another name, as this one is set automatically");
        }
        Ok(Self { name: name.to_owned(), value: value.to_owned() })
    }
}

impl fmt::Display for ResourceAttribute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.name, self.value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Config;

    #[test]
    fn a_share_is_shown_as_it_was_written() {
        for (text, share) in
            [("0%", 0.0), ("1%", 0.01), ("0.5%", 0.005), ("12.3456%", 0.123_456), ("100%", 1.0)]
        {
            let sample: Sample = text.parse().unwrap();
            assert!((sample.share() - share).abs() < 1e-12, "{text}");
            assert_eq!(sample.to_string(), text);
        }
        for bad in
            ["", "%", "1", "0.01", "101%", "100.0001%", "-1%", "1.%", ".5%", "1.00001%", "+1%", "1e1%", "٣%"]
        {
            assert_eq!(bad.parse::<Sample>(), Err(Sample::EXPECTED), "{bad}");
        }
        assert_eq!(load(&[]).unwrap().telemetry.sample, Sample::default());
    }

    #[test]
    fn a_header_is_a_reference() {
        for text in ["authorization=file:/etc/tollgate/otlp.token", "x-api-key=env:OTLP_KEY"] {
            assert_eq!(text.parse::<HeaderSource>().unwrap().to_string(), text);
        }
        for bad in ["", "authorization", "authorization=Bearer abc", "a b=env:X", "host=env:X", "=env:X"] {
            assert!(bad.parse::<HeaderSource>().is_err(), "{bad}");
        }
    }

    fn load(env: &[(&str, &str)]) -> Result<Config, String> {
        Config::load(None, env.iter().copied()).map_err(|error| error.to_string())
    }

    const ENDPOINT: &str = "TOLLGATE_TELEMETRY__ENDPOINT";
    const HEADERS: &str = "TOLLGATE_TELEMETRY__HEADERS";

    #[test]
    fn what_is_set_is_shown_and_loads_back() {
        let env = [
            (ENDPOINT, "https://otlp.example.com/v1"),
            (HEADERS, "authorization=file:/etc/a,x-key=env:TOLLGATE_OTLP_KEY"),
            ("TOLLGATE_OTLP_KEY", "c2VjcmV0"),
            ("TOLLGATE_TELEMETRY__SAMPLE", "0.25%"),
            ("TOLLGATE_TELEMETRY__ATTRIBUTES", "deployment.environment.name=production"),
        ];
        let config = load(&env).unwrap();
        assert_eq!(config.telemetry.headers.len(), 2);
        let shown = config.to_redacted_json();
        assert_eq!(shown["telemetry"]["sample"], "0.25%");
        assert_eq!(shown["telemetry"]["headers"][1], "x-key=env:TOLLGATE_OTLP_KEY");
        let again: toml::Table = toml::from_str(&config.to_redacted_toml()).unwrap();
        assert_eq!(serde_json::to_value(again).unwrap(), shown);
    }

    #[test]
    fn what_is_wrong_is_named_and_no_value_of_a_header_is_repeated() {
        for (name, value) in
            [(ENDPOINT, "localhost:4318"), (ENDPOINT, "https://a/"), (ENDPOINT, "https://u@a")]
        {
            let problem = load(&[(name, value)]).unwrap_err();
            assert!(problem.contains("telemetry.endpoint"), "{problem}");
        }
        let problem = load(&[(HEADERS, "authorization=Bearer c2VjcmV0")]).unwrap_err();
        assert!(problem.contains("telemetry.headers") && !problem.contains("c2VjcmV0"), "{problem}");
    }

    #[test]
    fn a_secret_leaves_the_machine_by_https_only() {
        let keys = |endpoint| {
            let config = load(&[(ENDPOINT, endpoint), (HEADERS, "authorization=env:X")]).unwrap();
            config.check_production().iter().any(|found| found.key == "telemetry.headers")
        };
        assert!(keys("http://collector.example.com:4318"));
        assert!(!keys("https://collector.example.com") && !keys("http://127.0.0.1:4318"));
        let warned = load(&[(ENDPOINT, "http://collector.example.com:4318")]).unwrap().warnings();
        assert!(warned.iter().any(|warning| warning.starts_with("telemetry.endpoint: ")), "{warned:?}");
    }

    #[test]
    fn an_attribute_has_a_name_and_a_value() {
        let text = "deployment.environment.name=production=eu";
        assert_eq!(text.parse::<ResourceAttribute>().unwrap().to_string(), text);
        for bad in ["", "a", "a=", "=b", "a b=c", "a=b\n", "service.name=x"] {
            assert!(bad.parse::<ResourceAttribute>().is_err(), "{bad:?}");
        }
    }
}
