//! Tests of the database password: where it may be written, and that nobody sees it.

use super::{load, problem_of, problem_of_env};
use crate::{Config, SecretSource};

#[test]
fn passwords_are_masked_wherever_they_stand() {
    for (url, masked) in [
        ("postgres://u:p@127.0.0.1/d", "postgres://u:***@127.0.0.1/d"),
        ("postgresql://u:p%40w%3A@localhost:5432/d", "postgresql://u:***@localhost:5432/d"),
        ("postgres://u@h/d?sslmode=disable", "postgres://u@h/d?sslmode=disable"),
        (
            "postgres://u@[::1]/d?password=p&application_name=b",
            "postgres://u@[::1]/d?password=***&application_name=b",
        ),
        ("postgres://u@[::1]/d?pass%77ord=p", "postgres://u@[::1]/d?pass%77ord=***"),
        ("sqlite:///var/x.db", "sqlite:/var/x.db"),
    ] {
        let config = load(format!("database.url = \"{url}\"")).unwrap();
        assert_eq!(config.database.url.masked(), masked);
        assert_eq!(config.to_redacted_json()["database"]["url"], masked);
        assert_eq!(format!("{:?}", config.database.url), format!("Database({masked})"));
    }
}

#[test]
fn a_password_is_given_once() {
    let url = ("TOLLGATE_DATABASE__URL", "postgres://u:geheim@127.0.0.1/d");
    assert!(Config::load(None, [url]).unwrap().database.url.has_password());
    let problem = problem_of_env([url, ("TOLLGATE_DATABASE__PASSWORD", "env:TOLLGATE_PG")]);
    assert!(problem.contains("both give a password"), "{problem}");
    assert!(!problem.contains("geheim"), "{problem}");

    let url = ("TOLLGATE_DATABASE__URL", "postgres://u@127.0.0.1/d");
    let env = [url, ("TOLLGATE_DATABASE__PASSWORD", "env:TOLLGATE_PG"), ("TOLLGATE_PG", "geheim")];
    let config = Config::load(None, env).unwrap();
    assert_eq!(config.database.password, Some(SecretSource::Env("TOLLGATE_PG".to_owned())));
    assert_eq!(config.to_redacted_json()["database"]["password"], "env:TOLLGATE_PG");
    assert!(problem_of("database.password = \"geheim\"").ends_with("found a string (not shown)"));
}
