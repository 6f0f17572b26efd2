//! Tests of the limits of sources and merchants.

use std::time::Duration;

use super::load;
use crate::{Config, Rate, Share};

#[test]
fn they_are_generous_and_can_be_turned_off() {
    let limits = load("").unwrap().limits;
    assert_eq!(limits.source_connections.of(limits.max_connections), 5_000);
    assert_eq!(limits.source_auth_failures, Some(Rate { count: 1_000, per: Duration::from_secs(60) }));
    assert_eq!((limits.source_new_connections, limits.merchant_creates, limits.enforce), (None, None, true));
    let off = "limits = { source_connections = \"off\", source_auth_failures = \"off\" }";
    let limits = load(off).unwrap().limits;
    assert_eq!(limits.source_connections.of(limits.max_connections), limits.max_connections);
    assert_eq!(limits.source_auth_failures, None);
}

#[test]
fn connections_of_a_source_are_a_count_or_a_share() {
    for (written, expected) in [
        ("7", Share::Count(7)),
        ("\"7\"", Share::Count(7)),
        ("\"7%\"", Share::Percent(7)),
        ("\"100%\"", Share::Percent(100)),
    ] {
        let config = load(format!("limits.source_connections = {written}")).unwrap();
        assert_eq!(config.limits.source_connections, expected, "{written}");
        assert_eq!(load(config.to_redacted_toml()).unwrap(), config);
    }
    assert_eq!(Share::Percent(50).of(1), 1, "nobody could connect");
    let env = [("TOLLGATE_LIMITS__SOURCE_CONNECTIONS", "7"), ("TOLLGATE_LIMITS__MERCHANT_CREATES", "10/s")];
    assert_eq!(Config::load(None, env).unwrap().limits.source_connections, Share::Count(7));
}

#[test]
fn what_is_no_limit_is_refused() {
    for content in [
        "limits.source_connections = 0",
        "limits.source_connections = -1",
        "limits.source_connections = true",
        "limits.source_connections = \"0%\"",
        "limits.source_connections = \"101%\"",
        "limits.source_connections = \"half\"",
        "limits.source_new_connections = \"0/min\"",
        "limits.source_auth_failures = 0",
        "limits.merchant_creates = \"\"",
        "limits.enforce = \"no\"",
    ] {
        assert!(load(content).is_err(), "{content}");
    }
}

#[test]
fn limits_that_are_not_enforced_are_mentioned() {
    assert!(load("limits.enforce = false").unwrap().warnings()[0].starts_with("limits.enforce: "));
}
