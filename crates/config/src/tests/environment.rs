//! Tests of settings from the environment.

use std::time::Duration;

use super::{Config, LogLevel, NO_ENV, SecretSource, load_with, problem_of_env};

#[test]
fn the_environment_beats_the_file_and_the_file_beats_the_defaults() {
    let file = "[tokens]\naccess_ttl = \"10m\"\nrefresh_ttl = \"2h\"";
    let config = load_with(file, [("TOLLGATE_TOKENS__ACCESS_TTL", "2s")]).unwrap();
    assert_eq!(config.tokens.access_ttl, Duration::from_secs(2));
    assert_eq!(config.tokens.refresh_ttl, Duration::from_secs(7200));
    assert_eq!(config.tokens.audience, "payment-api");
}

#[test]
fn the_environment_sets_every_type() {
    let env = [
        ("TOLLGATE_LISTEN", "127.0.0.1:1"),
        ("TOLLGATE_SANDBOX", "true"),
        ("TOLLGATE_LIMITS__MAX_CONNECTIONS", "7"),
        ("TOLLGATE_TRUSTED_PROXIES", "10.0.0.0/8, ::1"),
        ("TOLLGATE_ADMIN_LISTEN", ""),
        ("TOLLGATE_LOG__LEVEL", "trace"),
    ];
    let config = Config::load(None, env).unwrap();
    assert_eq!(config.listen.port(), 1);
    assert!(config.sandbox);
    assert_eq!(config.limits.max_connections, 7);
    assert_eq!(config.trusted_proxies, ["10.0.0.0/8".parse().unwrap(), "::1/128".parse().unwrap()]);
    assert_eq!(config.admin_listen, None);
    assert_eq!(config.log.level, LogLevel::Trace);
}

#[test]
fn an_ill_typed_variable_is_named_with_what_is_expected() {
    assert_eq!(
        problem_of_env([("TOLLGATE_LIMITS__MAX_CONNECTIONS", "many")]),
        "limits.max_connections in the environment (TOLLGATE_LIMITS__MAX_CONNECTIONS): expected an integer of at \
         least 1; found \"many\""
    );
    assert!(problem_of_env([("TOLLGATE_SANDBOX", "yes")]).contains("expected true or false"));
    assert!(problem_of_env([("TOLLGATE_TRUSTED_PROXIES", "ten")]).contains("10.0.0.0/8"));
}

#[test]
fn variables_of_the_client_side_and_of_kubernetes_are_left_alone() {
    let env = [
        ("TOLLGATE_BASE_URL", "x"),
        ("TOLLGATE_CLIENT_ID", "x"),
        ("TOLLGATE_CLIENT_SECRET", "x"),
        ("TOLLGATE_CONFIG", "x"),
        ("TOLLGATE_TEST_POSTGRES", "x"),
        ("TOLLGATE_SERVICE_HOST", "10.0.0.1"),
        ("TOLLGATE_SERVICE_PORT", "8080"),
        ("TOLLGATE_SERVICE_PORT_HTTP", "8080"),
        ("TOLLGATE_PORT", "tcp://10.0.0.1:8080"),
        ("TOLLGATE_PORT_8080_TCP", "tcp://10.0.0.1:8080"),
        ("TOLLGATE_PORT_8080_TCP_ADDR", "10.0.0.1"),
        ("TOLLGATE_PORT_8080_TCP_PORT", "8080"),
        ("TOLLGATE_ADMIN_SERVICE_HOST", "10.0.0.1"),
        ("TOLLGATEKEEPER", "x"),
        ("PATH", "x"),
    ];
    assert_eq!(Config::load(None, env), Config::load(None, NO_ENV));
}

#[test]
fn an_unknown_variable_is_refused_with_the_nearest() {
    assert_eq!(
        problem_of_env([("TOLLGATE_TOKENS_ACCESS_TTL", "2s")]),
        "unknown setting TOLLGATE_TOKENS_ACCESS_TTL in the environment; did you mean TOLLGATE_TOKENS__ACCESS_TTL?"
    );
    assert!(problem_of_env([("TOLLGATE_LISTEN_PORT", "80")]).contains("did you mean TOLLGATE_LISTEN?"));
    assert!(problem_of_env([("TOLLGATE_", "")]).starts_with("unknown setting TOLLGATE_"));
}

#[test]
fn the_variable_that_holds_the_master_key_is_no_unknown_setting() {
    let env = [("TOLLGATE_MASTER_KEY", "env:TOLLGATE_KEY"), ("TOLLGATE_KEY", "s3cret")];
    let config = Config::load(None, env).unwrap();
    assert_eq!(config.master_key, [SecretSource::Env("TOLLGATE_KEY".to_owned())]);
    assert!(problem_of_env([("TOLLGATE_MASTER_KEY", "env:TOLLGATE_MASTER_KEY")]).contains("another name"));
}

#[test]
fn master_keys_are_a_list_in_the_file_and_in_the_environment() {
    let (a, b) = (SecretSource::File("/a,b".into()), SecretSource::Env("TOLLGATE_OLD".to_owned()));
    let in_file = load_with("master_key = [\"file:/a,b\", \"env:TOLLGATE_OLD\"]", NO_ENV).unwrap();
    let in_environment =
        Config::load(None, [("TOLLGATE_MASTER_KEY", "file:/a,b, env:TOLLGATE_OLD"), ("TOLLGATE_OLD", "x")]);
    for config in [in_file, in_environment.unwrap()] {
        assert_eq!(config.master_key, [a.clone(), b.clone()]);
        assert_eq!(
            config.to_redacted_json()["master_key"],
            serde_json::json!(["file:/a,b", "env:TOLLGATE_OLD"])
        );
    }
    let one = load_with("master_key = \"file:/a,b\"", NO_ENV).unwrap();
    assert_eq!((&one.master_key, &one.to_redacted_json()["master_key"]), (&vec![a], &"file:/a,b".into()));
    let refused = Config::load(None, [("TOLLGATE_MASTER_KEY", "file:/a,secret-CANARY,env:")]).unwrap_err();
    assert!(!refused.to_string().contains("CANARY"), "{refused}");
}
