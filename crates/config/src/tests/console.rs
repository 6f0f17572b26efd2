//! Tests of `[console]`: its URL, and the provider that people sign in by.

use super::{Config, NO_ENV, load, load_with, problem_of};
use crate::SecretSource;
use crate::role::Role;

const OIDC: &str = r#"
console.oidc.issuer = "https://login.example.com/realms/staff/"
console.oidc.client_id = "tollgate"
console.oidc.client_secret = "env:TOLLGATE_OIDC_SECRET"
"#;
const ROLES: &str = "\n[console.oidc.roles]\nops = [\"read\", \"support\"]\n\"cn=a,ou=b\" = [\"audit\"]\n";

#[test]
fn a_provider_is_read_from_a_file_and_shown_so_that_it_can_be_read_again() {
    let content = format!("{OIDC}{ROLES}");
    let config = load_with(&content, [("TOLLGATE_OIDC_SECRET", "geheim")]).unwrap();
    let oidc = &config.console.oidc;
    assert_eq!((oidc.is_set(), oidc.display_name()), (true, "login.example.com"));
    assert_eq!(oidc.issuer, "https://login.example.com/realms/staff/", "letter by letter");
    assert_eq!(oidc.client_secret, Some(SecretSource::Env("TOLLGATE_OIDC_SECRET".to_owned())));
    let roles: Vec<_> = oidc.roles.iter().collect();
    let expected: [(&str, &[Role]); 2] =
        [("cn=a,ou=b", &[Role::Audit]), ("ops", &[Role::Read, Role::Support])];
    assert_eq!(roles, expected);
    let shown = config.to_redacted_toml();
    assert!(shown.contains("[console.oidc.roles]") && !shown.contains("geheim"), "{shown}");
    assert_eq!(load(shown).unwrap().console, config.console);
    assert!(!Config::load(None, NO_ENV).unwrap().console.oidc.is_set());
}

#[test]
fn a_provider_is_read_from_the_environment() {
    let env = [
        ("TOLLGATE_CONSOLE__OIDC__ISSUER", "http://127.0.0.1:8081"),
        ("TOLLGATE_CONSOLE__OIDC__CLIENT_ID", "tollgate"),
        ("TOLLGATE_CONSOLE__OIDC__CLIENT_SECRET", "file:/run/secrets/oidc"),
        ("TOLLGATE_CONSOLE__OIDC__SCOPES", "openid, groups"),
        ("TOLLGATE_CONSOLE__OIDC__ROLES", "ops=read support,  a=b=write"),
    ];
    let oidc = Config::load(None, env).unwrap().console.oidc;
    assert_eq!(oidc.scopes, ["openid", "groups"]);
    let roles: Vec<_> = oidc.roles.iter().collect();
    let expected: [(&str, &[Role]); 2] = [("ops", &[Role::Read, Role::Support]), ("a=b", &[Role::Write])];
    assert_eq!(roles, expected);
}

#[test]
fn what_is_wrong_with_a_provider_is_named() {
    let problem = |more: &str| load(format!("{OIDC}{more}")).unwrap_err().to_string();
    let a_role = "a role is read, support, write, keys or audit";
    assert_eq!(
        problem("console.oidc.roles.ops = [\"read\", \"admin\"]"),
        format!("console.oidc.roles in FILE: group \"ops\": {a_role}; found \"admin\"")
    );
    for (more, expected) in [
        ("console.oidc.roles = {}", "nobody could sign in; give groups roles"),
        ("console.oidc.roles.ops = \"read\"", "expected a table of groups, each with an array of roles"),
        ("console.oidc.roles.ops = []", "group \"ops\" has no role"),
        ("console.oidc.roles = 7", "expected a table of groups"),
        ("console.oidc.scopes = [\"email\"]\nconsole.oidc.roles.a = [\"read\"]", "which must be one of them"),
        ("console.oidc.user = \"\"\nconsole.oidc.roles.a = [\"read\"]", "expected the name of a claim"),
        ("console.oidc.rules.a = [\"read\"]", "did you mean console.oidc.roles?"),
        (
            "console.oidc.roles.a = [\"read\"]\nadmin_listen = \"10.0.0.1:9090\"",
            "set the https URL of the console",
        ),
    ] {
        let problem = problem(more);
        assert!(problem.contains(expected), "{more}: {problem}");
    }
    for issuer in
        ["http://login.example.com", "https://a@b", "https://b?x", "https://b#x", "HTTPS://b", "b", "ftp://b"]
    {
        let problem = problem_of(&format!("console.oidc.issuer = \"{issuer}\""));
        assert!(problem.contains("expected an https URL (http on loopback only)"), "{problem}");
    }
    for missing in ["client_id", "client_secret"] {
        let lines: Vec<_> = OIDC.lines().filter(|line| !line.contains(missing)).collect();
        let problem = problem_of(&format!("{}{ROLES}", lines.join("\n")));
        assert!(problem.contains(&format!("console.oidc.{missing} (")), "{problem}");
    }
    assert!(problem_of("console.oidc.client_id = \"x\"").contains("name its issuer"));
    let secret = problem_of("console.oidc.client_secret = \"geheim\"");
    assert!(secret.ends_with("found a string (not shown)"), "{secret}");
    assert!(
        problem_of("console.oidc.client_secret = \"env:TOLLGATE_CONSOLE__OIDC__CLIENT_SECRET\"")
            .contains("another name")
    );
}

#[test]
fn the_console_is_at_its_url_or_where_it_listens() {
    let url = |content: &str| load(content).unwrap().console_url();
    assert_eq!(url(""), "http://127.0.0.1:9090");
    assert_eq!(url("admin_listen = \"[::]:9\""), "http://[::1]:9");
    assert_eq!(
        url("admin_listen = \"0.0.0.0:9\"\nadmin_tls = { cert = \"c\", key = \"k\" }"),
        "https://127.0.0.1:9"
    );
    assert_eq!(url("admin_listen = \"\"\npublic_url = \"https://a.example\""), "https://a.example");
    assert_eq!(url("console.url = \"https://admin.example.com:9090\""), "https://admin.example.com:9090");
    for bad in ["https://a.example/console", "https://a.example/", "http://a.example", "a.example"] {
        assert!(problem_of(&format!("console.url = \"{bad}\"")).contains("without a path"), "{bad}");
    }
}

#[test]
fn a_change_of_the_groups_is_noticed() {
    let of = |roles: &str| load_with(format!("{OIDC}console.oidc.roles = {roles}"), NO_ENV).unwrap();
    let mut running = of("{ ops = [\"read\"] }");
    for changed in
        ["{ ops = [\"write\"] }", "{ ops = [\"read\"], more = [\"read\"] }", "{ other = [\"read\"] }"]
    {
        let changes = running.take_live(&of(changed));
        assert!(changes.live.is_empty() && changes.fixed[0].starts_with("console.oidc.roles"), "{changes:?}");
        assert_eq!(changes.fixed.len(), 1, "{changes:?}");
    }
}
