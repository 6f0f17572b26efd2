//! Tests of how values are written, shown, and named in errors.

use std::time::Duration;

use super::{Config, load, problem_of};

#[test]
fn a_duration_is_a_number_and_one_unit() {
    for bad in [
        "30M",
        "1h 30m",
        "1w",
        "3651d",
        "5",
        "1.5h",
        "-1h",
        "24H",
        "m",
        "",
        "1 month",
        "99999999999999999999d",
    ] {
        let problem = problem_of(&format!("idempotency.ttl = \"{bad}\""));
        assert!(problem.starts_with("idempotency.ttl in FILE: expected "), "{bad}: {problem}");
    }
    assert_eq!(load("shutdown.grace = \" 5 s \"").unwrap().shutdown.grace, Duration::from_secs(5));
}

#[test]
fn a_duration_is_shown_as_it_was_written() {
    for written in ["90d", "7776000s", "2160h", "1h", "60m"] {
        let config = load(format!("keys.rotation = \"{written}\"")).unwrap();
        assert_eq!(config.to_redacted_json()["keys"]["rotation"], written);
    }
    let config = Config::load(None, [("TOLLGATE_TOKENS__ACCESS_TTL", "120s")]).unwrap();
    assert!(config.to_redacted_toml().contains("access_ttl = \"120s\""));
    // A value that was changed since is shown in the greatest unit that fits.
    let mut config = load("").unwrap();
    for (seconds, shown) in [
        (7_776_000, "90d"),
        (86_400, "24h"),
        (3_600, "1h"),
        (60, "1m"),
        (90, "90s"),
        (5, "5s"),
        (1, "1s"),
        (0, "0s"),
    ] {
        config.tokens.access_ttl = Duration::from_secs(seconds);
        assert_eq!(config.to_redacted_json()["tokens"]["access_ttl"], shown);
    }
}

#[test]
fn what_is_unsafe_is_said_with_what_is_wrong() {
    let content = "idempotency.ttl = \"30M\"\nadmin_listen = \"0.0.0.0:9090\"\nlisten = \"everywhere\"\n\
                   tokens.access_ttl = \"2h\"\nmaster_key = \"file:/k\"\npublic_url = \"https://a\"";
    let error = load(content).unwrap_err();
    assert_eq!(error.problems().len(), 2);
    let keys: Vec<&str> = error.also_unsafe().iter().map(|found| found.key).collect();
    // Settings that depend on `listen` can't be judged.
    assert_eq!(keys, ["admin_listen", "tokens.access_ttl"]);
    assert_eq!(load("listen = = 1").unwrap_err().also_unsafe(), []);
}

#[test]
fn the_bad_element_of_a_list_is_named() {
    let problem = problem_of("trusted_proxies = [\"10.0.0.0/8\", \"10.0.0.0/33\", \"::1\"]");
    let expected = "expected a network such as \"10.0.0.0/8\", or an address; found \"10.0.0.0/33\"";
    assert_eq!(problem, format!("trusted_proxies in FILE: {expected}"));
    assert!(problem_of("trusted_proxies = [\"10.0.0.0/8\", 7]").ends_with("found 7"));
}

#[test]
fn a_parameter_of_postgresql_that_is_not_known_is_named() {
    let problem = problem_of("database.url = \"postgres://u:CANARY@127.0.0.1/d?schema=CANARY\"");
    assert!(problem.contains("without the parameter `schema`") && !problem.contains("CANARY"), "{problem}");
}

#[test]
fn the_scheme_of_the_public_url_is_in_small_letters() {
    let config = load("public_url = \"HTTPS://X.example\"\nmaster_key = \"file:/k\"").unwrap();
    assert_eq!(config.public_url, "https://X.example");
    assert_eq!(config.check_production(), []);
}
