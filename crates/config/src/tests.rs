mod console;
mod environment;
mod limits;
mod listening;
mod nodes;
mod passwords;
mod shown;

use std::{collections::BTreeSet, fs, path::Path, time::Duration};

use proptest::prelude::*;

use super::{
    Config, ConfigError, Database, LogFormat, LogLevel, Rate, SecretSource, layers::Layers, reader::Reader,
};

const NO_ENV: [(&str, &str); 0] = [];

/// The example in the documentation.
const EXAMPLE: &str = r#"
listen = "0.0.0.0:8080"                  # the API
admin_listen = "127.0.0.1:9090"          # /healthz (process up), /readyz (can issue), /metrics (Prometheus)
public_url = "https://core.example.com"  # issuer of the tokens, base of redirect_url
master_key = "file:/etc/tollgate/master.key"   # or env:NAME
sandbox = false                          # the sandbox Payment API and the playground; `dev` turns it on

[database]
url = "sqlite:/var/lib/tollgate/tollgate.db"   # or postgres://user@host/db

[tokens]
access_ttl = "15m"
refresh_ttl = "24h"
audience = "payment-api"

[idempotency]
ttl = "24h"
lease = "30s"

[limits]
auth_failures = "30/min"     # failed authentications per client and source before 429
"#;

fn load(content: impl AsRef<[u8]>) -> Result<Config, ConfigError> {
    load_with(content, NO_ENV)
}

fn load_with<const N: usize>(
    content: impl AsRef<[u8]>,
    env: [(&str, &str); N],
) -> Result<Config, ConfigError> {
    let mut layers = Layers::defaults();
    layers.add_file(Path::new("FILE"), content.as_ref());
    layers.add_environment(env);
    Config::resolve(layers)
}

fn problem_of(content: &str) -> String {
    let error = load(content).unwrap_err();
    assert_eq!(error.problems().len(), 1, "{error}");
    assert!(!error.to_string().contains('\n'), "{error}");
    error.to_string()
}

fn problem_of_env<const N: usize>(env: [(&str, &str); N]) -> String {
    Config::load(None, env).unwrap_err().to_string()
}

fn unsafe_keys(content: &str) -> Vec<&'static str> {
    load(content).unwrap().check_production().into_iter().map(|found| found.key).collect()
}

#[test]
fn every_documented_key_is_read_and_every_key_read_is_documented() {
    let layers = Layers::defaults();
    let documented: BTreeSet<String> = layers.keys().map(str::to_owned).collect();
    let mut reader = Reader::new(layers);
    reader.section::<Config>("");
    let read: BTreeSet<String> = reader.read_keys().iter().map(ToString::to_string).collect();
    assert_eq!(documented, read);
}

#[test]
fn every_documented_key_is_shown() {
    let shown: toml::Table = Config::load(None, NO_ENV).unwrap().to_redacted_toml().parse().unwrap();
    let defaults: toml::Table = super::DEFAULTS.parse().unwrap();
    assert_eq!(keys("", &defaults), keys("", &shown));
}

/// Returns the keys of a table, with the sections that they are in.
fn keys(prefix: &str, table: &toml::Table) -> BTreeSet<String> {
    let keys = table.iter().flat_map(|(name, value)| match value {
        toml::Value::Table(section) if !section.is_empty() => keys(&format!("{prefix}{name}."), section),
        _ => [format!("{prefix}{name}")].into(),
    });
    keys.collect()
}

#[test]
fn every_key_has_a_comment() {
    let lines: Vec<&str> = super::DEFAULTS.lines().collect();
    for (index, line) in
        lines.iter().enumerate().filter(|(_, line)| line.contains(" = ") && !line.starts_with('#'))
    {
        // `tls.key` shares the comment of `tls.cert`.
        assert!(lines[index - 1].starts_with('#') || line.starts_with("key = "), "{line} has no comment");
    }
}

#[test]
fn defaults_are_those_of_the_contract() {
    let config = Config::load(None, NO_ENV).unwrap();
    assert_eq!(config.listen.to_string(), "0.0.0.0:8080");
    assert_eq!(config.public_url, "http://0.0.0.0:8080");
    assert_eq!(config.master_key, []);
    assert_eq!(config.tokens.access_ttl, Duration::from_secs(900));
    assert_eq!(config.tokens.refresh_ttl, Duration::from_secs(86_400));
    assert_eq!(config.tokens.exp_leeway, Duration::ZERO);
    assert_eq!(config.tokens.iat_leeway, Duration::from_secs(5));
    assert_eq!(config.idempotency.lease, Duration::from_secs(30));
    assert_eq!(config.limits.auth_failures, Rate { count: 30, per: Duration::from_secs(60) });
    assert_eq!(config.limits.max_connections, 10_000);
    assert_eq!(config.log.format, LogFormat::Json);
    assert_eq!(config.log.level, LogLevel::Info);
    assert_eq!(config.tls, None);
    assert!(config.trusted_proxies.is_empty());
}

#[test]
fn the_documented_example_loads() {
    let config = load(EXAMPLE).unwrap();
    assert_eq!(config.public_url, "https://core.example.com");
    assert_eq!(config.master_key, [SecretSource::File("/etc/tollgate/master.key".into())]);
    assert_eq!(config.database.url, Database::Sqlite("/var/lib/tollgate/tollgate.db".into()));
}

#[test]
fn an_unknown_key_is_refused_with_the_nearest() {
    for (content, expected) in [
        (
            "[tokens]\nacces_ttl = \"1m\"",
            "unknown key tokens.acces_ttl in FILE; did you mean tokens.access_ttl?",
        ),
        ("access_ttl = \"1m\"", "unknown key access_ttl in FILE; did you mean tokens.access_ttl?"),
        (
            "[tokenz]\naccess_ttl = \"1m\"",
            "unknown key tokenz.access_ttl in FILE; did you mean tokens.access_ttl?",
        ),
        ("[tokenz]", "unknown key tokenz in FILE; did you mean tokens?"),
        (
            "[idempotencey]\nttl = \"1h\"",
            "unknown key idempotencey.ttl in FILE; did you mean idempotency.ttl?",
        ),
        ("[a.b.c]\nurl = 1", "unknown key a.b.c.url in FILE; did you mean database.url?"),
        (
            "\"tokens.access_ttl\" = \"1m\"",
            "unknown key \"tokens.access_ttl\" in FILE; did you mean tokens.access_ttl?",
        ),
        ("\"li\\nsten\" = 1", "unknown key \"li\\nsten\" in FILE; did you mean listen?"),
    ] {
        assert_eq!(problem_of(content), expected);
    }
}

#[test]
fn all_problems_are_reported_together() {
    let content =
        "listen = 8080\nlistten = 1\n[tokens]\naccess_ttl = \"soon\"\n[limits]\nhead_timeout = true\n";
    let error = load_with(content, [("TOLLGATE_SANDBOX", "1"), ("TOLLGATE_X", "")]).unwrap_err();
    assert_eq!(error.problems().len(), 6, "{error:#?}");
}

#[test]
fn an_ill_typed_key_is_named_with_the_file_and_what_is_expected() {
    assert_eq!(
        problem_of("[tokens]\naccess_ttl = 900"),
        "tokens.access_ttl in FILE: expected a duration such as \"15m\": a number and one of ms, s, m, h and d; \
         found 900"
    );
    assert_eq!(problem_of("tokens = 3"), "tokens in FILE: expected a section ([tokens]), found an integer");
    assert!(
        problem_of("[listen]\nport = 1").starts_with("listen in FILE: expected an IP address and a port")
    );
}

#[test]
fn malformed_toml_is_located() {
    assert!(problem_of("sandbox = false\nlisten = oops").starts_with("FILE:2:10: malformed TOML: "));
    assert!(problem_of("a = 1\na = 2").starts_with("FILE:2:1: malformed TOML: "));
    assert_eq!(
        load(b"a = 1\n\xc3\xa4 \xff").unwrap_err().to_string(),
        "FILE:2:3: not UTF-8; save the file as UTF-8 text"
    );
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    let error = Config::load(Some(Path::new("/nonexistent/tollgate.toml")), NO_ENV).unwrap_err();
    assert!(error.to_string().contains("/nonexistent/tollgate.toml"), "{error}");
}

#[test]
fn a_file_is_loaded_from_its_path() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tollgate.toml");
    fs::write(&path, "sandbox = true").unwrap();
    assert!(Config::load(Some(&path), NO_ENV).unwrap().sandbox);
}

#[test]
fn each_value_out_of_its_range_is_refused() {
    for content in [
        "tokens.access_ttl = \"0s\"",
        "tokens.access_ttl = \"1500ms\"",
        "tokens.refresh_ttl = \"1000000years\"",
        "tokens.exp_leeway = \"61s\"",
        "tokens.iat_leeway = \"2m\"",
        "tokens.audience = \"\"",
        "tokens.audience = \"a\\\"b\"",
        "tokens.audience = 'a\\b'",
        "tokens.audience = \"a\\u0007\"",
        "tokens.audience = \"ä\"",
        "tokens.audience = \" a\"",
        "idempotency.ttl = \"0s\"",
        "payment_page.ttl = \"0s\"",
        "limits.auth_failures = \"0/min\"",
        "limits.auth_failures = \"30\"",
        "limits.auth_failures = \"30/fortnight\"",
        "limits.auth_failures = \"-1/s\"",
        "limits.max_connections = 0",
        "limits.max_connections = -1",
        "limits.client_cache = 99999999999",
        "limits.idle_timeout = \"\"",
        "listen = \"localhost:8080\"",
        "listen = \"\"",
        "trusted_proxies = \"10.0.0.0/8\"",
        "trusted_proxies = [\"10.0.0.0/33\"]",
        "trusted_proxies = [1]",
        "database.url = \"\"",
        "database.url = \"mysql://h/d\"",
        "database.url = \"sqlite:\"",
        "database.url = \"sqlite::memory:\"",
        "database.url = \"sqlite://relative.db\"",
        "database.url = \"postgres://\"",
        "database.url = \"postgres://u@db.example.com/d\"",
        "database.url = \"postgres://u@db.example.com/d?sslmode=require\"",
        "database.password = \"geheim\"",
        "database.pool_size = 0",
        "database.statement_timeout = \"0s\"",
        "master_key = \"/etc/key\"",
        "master_key = \"file:\"",
        "master_key = []",
        "master_key = [\"file:/a\", \"/b\"]",
        "master_key = \"env:A-B\"",
        "log.format = \"xml\"",
        "log.level = \"loud\"",
        "log.requests = 1",
        "tls.cert = 1",
    ] {
        let problem = problem_of(content);
        let key = content.split(' ').next().unwrap();
        assert!(problem.starts_with(&format!("{key} in FILE: expected ")), "{content}: {problem}");
    }
}

#[test]
fn a_public_url_is_absolute_and_plain() {
    for url in [
        "core.example.com",
        "/api",
        "ftp://a",
        "https://",
        "https://a/",
        "https://a?x",
        "https://a#x",
        "https://u:p@a",
        "https://u@a",
        "https://a b",
        "https://a/\\\"",
    ] {
        let problem = problem_of(&format!("public_url = \"{url}\""));
        assert!(problem.starts_with("public_url in FILE: expected an absolute"), "{url}: {problem}");
    }
    for url in ["https://core.example.com", "https://a.b:8443/pay", "http://[::1]:8080"] {
        assert_eq!(load(format!("public_url = \"{url}\"")).unwrap().public_url, url);
    }
}

#[test]
fn keys_that_contradict_each_other_are_refused() {
    for (content, one, other) in [
        ("tokens.access_ttl = \"2d\"", "tokens.access_ttl", "tokens.refresh_ttl"),
        ("idempotency.ttl = \"30s\"", "idempotency.lease", "idempotency.ttl"),
        ("tls.cert = \"a.pem\"", "tls.cert", "tls.key"),
        ("listen = \"127.0.0.1:9090\"", "admin_listen", "listen"),
    ] {
        let problem = problem_of(content);
        assert!(problem.contains(&format!("{one} (")), "{problem}");
        assert!(problem.contains(&format!("against {other} (")), "{problem}");
    }
}

#[test]
fn no_message_repeats_what_may_be_a_secret() {
    for content in ["master_key = \"c2VjcmV0\"", "database.url = \"mysql://u:c2VjcmV0@h\""] {
        assert!(!problem_of(content).contains("c2VjcmV0"));
    }
    let env = [("TOLLGATE_MASTER_KEY", "c2VjcmV0"), ("TOLLGATE_SECRET", "c2VjcmV0")];
    assert!(!problem_of_env(env).contains("c2VjcmV0"));
}

#[test]
fn dev_lives_in_its_folder_with_the_environment_on_top() {
    let listen = "127.0.0.1:8080".parse().unwrap();
    let config = Config::dev(listen, Path::new("//tmp/x"), [("TOLLGATE_TOKENS__ACCESS_TTL", "2s")]).unwrap();
    assert_eq!(config.database.url, Database::Sqlite("/tmp/x/tollgate.db".into()));
    assert_eq!(config.master_key, [SecretSource::File("/tmp/x/master.key".into())]);
    assert_eq!(config.public_url, "http://127.0.0.1:8080");
    assert_eq!(config.admin_listen, None);
    assert_eq!(config.log.format, LogFormat::Text);
    assert_eq!(config.tokens.access_ttl.as_secs(), 2);
    assert!(config.sandbox);
    let config = Config::dev(listen, Path::new(".tollgate"), [("TOLLGATE_LISTEN", "127.0.0.1:1")]).unwrap();
    assert_eq!(config.public_url, "http://127.0.0.1:1");
    assert_eq!(config.database.url, Database::Sqlite(".tollgate/tollgate.db".into()));
}

#[test]
fn production_refuses_what_is_unsafe() {
    let safe = "master_key = \"env:KEY\"\npublic_url = \"https://a\"\n";
    assert_eq!(unsafe_keys(safe), [""; 0]);
    assert_eq!(unsafe_keys(""), ["master_key", "public_url", "listen"]);
    assert_eq!(unsafe_keys(&format!("{safe}admin_listen = \"0.0.0.0:9090\"")), ["admin_listen"]);
    assert_eq!(
        unsafe_keys(&format!("{safe}admin_listen = \"[::]:9090\"\nadmin_allow_remote = true")),
        [""; 0]
    );
    assert_eq!(unsafe_keys(&format!("{safe}tokens.access_ttl = \"61m\"")), ["tokens.access_ttl"]);
    assert_eq!(unsafe_keys(&format!("{safe}tokens.refresh_ttl = \"31d\"")), ["tokens.refresh_ttl"]);
    assert_eq!(
        unsafe_keys("listen = \"0.0.0.0:1\"\npublic_url = \"https://a\"\ntls = {cert = \"c\", key = \"k\"}"),
        ["master_key"]
    );
    for loopback in ["127.0.0.1:1", "[::1]:1", "[::ffff:127.0.0.1]:1"] {
        assert_eq!(unsafe_keys(&format!("listen = \"{loopback}\"")), ["master_key"], "{loopback}");
    }
    for host in ["localhost.example.com", "127.0.0.1.example.com", "10.0.0.1"] {
        let content = safe.replace("https://a", &format!("http://{host}"));
        assert_eq!(unsafe_keys(&content), ["public_url", "listen"], "{host}");
    }
}

#[test]
fn production_only_mentions_the_sandbox_and_proxies() {
    assert_eq!(Config::load(None, NO_ENV).unwrap().warnings(), [""; 0]);
    let config = load("sandbox = true\npublic_url = \"https://a\"").unwrap();
    assert_eq!(config.warnings().len(), 2);
    assert!(load("trusted_proxies = [\"0.0.0.0/0\"]").unwrap().warnings()[0].contains("0.0.0.0/0"));
}

#[test]
fn the_redacted_configuration_loads_back() {
    let env = [
        ("TOLLGATE_MASTER_KEY", "env:KEY"),
        ("TOLLGATE_TLS__CERT", "a b.pem"),
        ("TOLLGATE_TLS__KEY", "\"k\".pem"),
        ("TOLLGATE_TRUSTED_PROXIES", "10.0.0.0/8"),
        ("TOLLGATE_TOKENS__REFRESH_TTL", "90061s"),
        ("TOLLGATE_LIMITS__AUTH_FAILURES", "5 / hour"),
        ("TOLLGATE_LIMITS__HEAD_TIMEOUT", "1500ms"),
    ];
    let config = Config::load(None, env).unwrap();
    assert_eq!(load(config.to_redacted_toml()).unwrap(), config);
    let as_json: serde_json::Value = toml::from_str(&config.to_redacted_toml()).unwrap();
    assert_eq!(as_json, config.to_redacted_json());
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(content in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = load(content);
    }

    #[test]
    fn arbitrary_toml_never_panics(content in "([a-z_.\"\\[\\]]{0,12}( = |\n)?[\"'0-9a-z:/\\[\\]{}ä]{0,12}\n?){0,6}") {
        let _ = load(content);
    }

    #[test]
    fn arbitrary_values_never_panic_and_stay_one_line(value in any::<String>(), key in 0_usize..33) {
        let key = Layers::defaults().keys().nth(key).unwrap().to_owned();
        let content = format!("{key} = {}", toml::Value::from(value));
        if let Err(error) = load(content) {
            prop_assert!(!error.to_string().contains('\n'), "{error}");
        }
    }
}
