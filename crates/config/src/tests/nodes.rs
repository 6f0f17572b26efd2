//! Tests of the settings of servers that share a store.

use std::time::Duration;

use super::{Config, NO_ENV, load, problem_of};
use crate::WhenStale;

#[test]
fn keys_rotate_every_quarter_and_what_is_stale_is_refused_unless_told_otherwise() {
    let config = Config::load(None, NO_ENV).unwrap();
    assert_eq!(config.keys.rotation, Some(Duration::from_secs(90 * 86_400)));
    assert_eq!(config.tokens.stale_after, Duration::from_secs(60));
    assert_eq!(config.tokens.when_stale, WhenStale::Refuse);
    assert_eq!(config.warnings(), [] as [&str; 0]);
}

#[test]
fn rotation_is_an_hour_or_more_or_none() {
    assert_eq!(load("keys.rotation = \"0s\"").unwrap().keys.rotation, None);
    assert_eq!(load("keys.rotation = \"1h\"").unwrap().keys.rotation, Some(Duration::from_secs(3600)));
    let problem = problem_of("keys.rotation = \"59m\"");
    assert!(
        problem.contains("keys.rotation in FILE: expected at least 1h, or 0s for no rotation"),
        "{problem}"
    );
    assert!(load("keys.rotation = \"0s\"").unwrap().to_redacted_toml().contains("rotation = \"0s\""));
}

#[test]
fn a_key_is_known_everywhere_within_the_time_that_the_one_before_signs() {
    let config = load("keys.rotation = \"1h\"\ntokens.stale_after = \"15m\"").unwrap();
    assert!(config.tokens.stale_after * 2 < config.keys.rotation.unwrap());
}

#[test]
fn staleness_has_its_bounds() {
    for good in ["5s", "15m", "90s"] {
        load(format!("tokens.stale_after = \"{good}\"")).unwrap();
    }
    for bad in ["0s", "4999ms", "901s", "1d"] {
        let problem = problem_of(&format!("tokens.stale_after = \"{bad}\""));
        assert!(problem.contains("expected 5s to 15m"), "{problem}");
    }
    assert!(problem_of("tokens.when_stale = \"ignore\"").contains("expected refuse or serve"));
}

#[test]
fn serving_what_is_stale_is_mentioned() {
    let config = load("tokens.when_stale = \"serve\"").unwrap();
    assert!(config.warnings().iter().any(|warning| warning.starts_with("tokens.when_stale: ")));
    assert!(config.to_redacted_toml().contains("when_stale = \"serve\""));
}
