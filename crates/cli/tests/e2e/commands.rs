//! The command line: what it prints, and how it ends.

use std::path::Path;

use serde_json::Value;
use tempfile::TempDir;

use crate::harness::{Dev, Finished, Process, Serve, fails, finish, tollgate};

const COMMANDS: [&[&str]; 45] = [
    &[],
    &["dev"],
    &["serve"],
    &["merchant"],
    &["merchant", "create"],
    &["merchant", "list"],
    &["merchant", "show"],
    &["merchant", "rename"],
    &["merchant", "disable"],
    &["merchant", "enable"],
    &["merchant", "delete"],
    &["client"],
    &["client", "create"],
    &["client", "list"],
    &["client", "show"],
    &["client", "update"],
    &["client", "disable"],
    &["client", "enable"],
    &["client", "delete"],
    &["secret"],
    &["secret", "create"],
    &["secret", "list"],
    &["secret", "revoke"],
    &["apply"],
    &["key"],
    &["key", "list"],
    &["key", "rotate"],
    &["audit"],
    &["audit", "list"],
    &["audit", "verify"],
    &["audit", "export"],
    &["config"],
    &["config", "check"],
    &["config", "adopt"],
    &["store"],
    &["store", "migrate"],
    &["store", "copy"],
    &["store", "verify"],
    &["store", "backup"],
    &["store", "check"],
    &["store", "rekey"],
    &["inspect"],
    &["openapi"],
    &["completions"],
    &["man"],
];

#[test]
fn every_command_explains_itself() {
    let folder = tempfile::tempdir().unwrap();
    for command in COMMANDS {
        for help in ["--help", "-h"] {
            let shown = finish(&mut tollgate(folder.path(), &[command, &[help]].concat())).succeeded();
            let usage = format!("Usage: {}", [&["tollgate"], command].concat().join(" "));
            assert!(shown.stdout.contains(&usage), "{usage} in: {}", shown.stdout);
        }
    }
    let shown = finish(&mut tollgate(folder.path(), &["--version"])).succeeded();
    assert_eq!(shown.stdout, concat!("tollgate ", env!("CARGO_PKG_VERSION"), "\n"));
}

#[test]
fn no_command_takes_a_secret_as_an_argument() {
    let folder = tempfile::tempdir().unwrap();
    for command in COMMANDS {
        for secret in
            ["--client-secret", "--secret", "--token", "--access-token", "--master-key", "--password"]
        {
            let refused = finish(&mut tollgate(folder.path(), &[command, &[secret, "x"]].concat()));
            assert_eq!((refused.code, refused.stdout.as_str()), (Some(2), ""), "{command:?} {secret}");
        }
    }
    let refused =
        finish(&mut tollgate(folder.path(), &["inspect", "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.e30.x"]));
    assert_eq!(refused.code, Some(2), "{refused:?}");
}

#[test]
fn wrong_usage_is_exit_code_2_and_prints_nothing_on_stdout() {
    let (folder, _) = installation();
    for wrong in [
        "",
        "frobnicate",
        "merchant",
        "merchant create",
        "merchant create --name",
        "merchant list --format xml",
        "merchant list --config a --data b",
        "merchant list --server https://a --data b",
        "client create --name till",
        "client create --name till --merchant shop",
        "client create --name till --operator --merchant 6f9619ff-8b86-4d01-b42d-00cf4fc964ff",
        "client create --name till --operator --scope \"",
        "client create --name till --operator --env staging",
        "client create --name till --operator --allow-from everywhere",
        "client show",
        "client show till",
        "client update 6f9619ff-8b86-4d01-b42d-00cf4fc964ff",
        "client update 6f9619ff-8b86-4d01-b42d-00cf4fc964ff --allow-from ::1 --allow-from-anywhere",
        "merchant rename 6f9619ff-8b86-4d01-b42d-00cf4fc964ff",
        "store backup",
        "completions",
        "completions cmd",
        "man",
        "secret create",
        "secret create 6f9619ff-8b86-4d01-b42d-00cf4fc964ff --old-expires-in soon",
        "secret create 6f9619ff-8b86-4d01-b42d-00cf4fc964ff --old-expires-in 30M",
        "secret create 6f9619ff-8b86-4d01-b42d-00cf4fc964ff --old-expires-in 1week",
        "secret create 6f9619ff-8b86-4d01-b42d-00cf4fc964ff --old-expires-in 9000000d",
        "secret revoke 6f9619ff-8b86-4d01-b42d-00cf4fc964ff",
        "apply",
        "apply --file",
        "apply -f a.toml --secrets-to a --show-secrets",
        "key rotate --now",
        "audit",
        "audit list --since yesterday",
        "audit list --client till",
        "audit verify --anchor 7",
        "audit export --after last",
        "merchant create --name Shop --reason",
        "dev --listen localhost",
        "dev --listen 8080",
        "serve now",
    ] {
        let args: Vec<&str> = wrong.split_terminator(' ').collect();
        let refused = finish(&mut tollgate(folder.path(), &args));
        assert_eq!((refused.code, refused.stdout.as_str()), (Some(2), ""), "{wrong}: {refused:?}");
        assert!(refused.stderr.contains("Usage") || refused.stderr.contains("--help"), "{refused:?}");
    }
}

#[test]
fn what_fails_is_exit_code_1_and_one_line() {
    let (folder, ids) = installation();
    let nobody = "6f9619ff-8b86-4d01-b42d-00cf4fc964ff";
    for args in [
        &["merchant", "disable", nobody][..],
        &["merchant", "show", nobody],
        &["merchant", "rename", nobody, "--name", "Shop"],
        &["merchant", "delete", nobody],
        &["client", "update", nobody, "--name", "till"],
        &["merchant", "enable", nobody],
        &["client", "show", nobody],
        &["client", "disable", nobody],
        &["client", "enable", nobody],
        &["client", "delete", nobody],
        &["client", "create", "--merchant", nobody, "--name", "till"],
        &["secret", "create", nobody],
        &["secret", "list", nobody],
        &["secret", "revoke", nobody, &ids.secret],
        &["secret", "revoke", &ids.client, nobody],
    ] {
        for format in ["text", "json"] {
            let said = fails(&mut tollgate(folder.path(), &[args, &["--format", format]].concat()));
            assert!(said.contains(nobody) && said.contains("`tollgate "), "{args:?}: {said}");
        }
    }
    let elsewhere = tempfile::tempdir().unwrap();
    let said = fails(&mut tollgate(elsewhere.path(), &["merchant", "list"]));
    assert!(said.contains("--config") && said.contains("--data"), "{said}");
    let said = fails(&mut tollgate(elsewhere.path(), &["merchant", "list", "--data", "."]));
    assert!(said.contains("tollgate.db"), "{said}");
    fails(&mut tollgate(elsewhere.path(), &["inspect"]));
}

#[test]
fn every_printing_command_prints_one_json_document_when_asked_to() {
    let (folder, ids) = installation();
    let json = |args: &[&str]| {
        let before = finish(&mut tollgate(folder.path(), &[&["--format", "json"], args].concat()));
        before.succeeded().json()
    };
    assert_eq!(json(&["merchant", "create", "--name", "Café \"Zoë\""])["name"], "Café \"Zoë\"");
    assert_eq!(json(&["merchant", "list"]).as_array().unwrap().len(), 2);
    let client = json(&[
        "client",
        "create",
        "--merchant",
        &ids.merchant,
        "--name",
        "office",
        "--scope",
        "payments:read",
        "--env",
        "live",
        "--allow-from",
        "10.0.0.0/8",
        "--allow-from",
        "2001:db8::/32",
    ]);
    assert_eq!((&client["scope"], &client["environment"]), (&"payments:read".into(), &"live".into()));
    assert!(client["client_secret"].as_str().unwrap().starts_with("tg_live_"), "{client}");
    let operator = json(&["client", "create", "--operator", "--name", "back office"]);
    assert_eq!(operator["merchant_id"], Value::Null);
    assert_eq!(json(&["client", "list"]).as_array().unwrap().len(), 3);
    assert_eq!(json(&["client", "list", "--merchant", &ids.merchant]).as_array().unwrap().len(), 2);
    let shown = json(&["client", "show", client["client_id"].as_str().unwrap()]);
    assert_eq!((&shown["status"], &shown["active_secrets"]), (&"enabled".into(), &1.into()));
    assert_eq!(shown["allow_from"], "10.0.0.0/8 2001:db8::/32");
    assert!(shown.get("client_secret").is_none(), "a secret is shown once");
    assert!(shown.as_object().unwrap().iter().all(|(member, value)| &client[member] == value), "{client}");
    assert_eq!(json(&["client", "disable", &ids.client])["status"], "disabled");
    assert_eq!(json(&["client", "enable", &ids.client])["status"], "enabled");
    let secret = json(&["secret", "create", &ids.client, "--old-expires-in", "24h"]);
    assert!(secret["client_secret"].is_string() && secret["others_expire_at"].is_string(), "{secret}");
    let secrets = json(&["secret", "list", &ids.client]);
    assert_eq!(secrets.as_array().unwrap().len(), 2);
    assert_eq!(json(&["secret", "revoke", &ids.client, &ids.secret])["status"], "revoked");
    assert_eq!(json(&["client", "show", &ids.client])["active_secrets"], 1);
    assert_eq!(json(&["merchant", "disable", &ids.merchant])["status"], "disabled");
    assert_eq!(json(&["merchant", "enable", &ids.merchant])["status"], "enabled");
    assert_eq!(json(&["client", "delete", &ids.client])["status"], "deleted");
    assert!(json(&["key", "rotate"])["key_id"].is_string());
    assert_eq!(json(&["key", "list"]).as_array().unwrap().len(), 2);
    assert!(json(&["key", "rotate", "--compromised"])["key_id"].is_string());

    let checked = finish(&mut tollgate(
        folder.path(),
        &["config", "check", "--config", "tollgate.toml", "--format", "json"],
    ));
    assert_eq!(checked.code, Some(0), "{checked:?}");
    assert_eq!(checked.json()["public_url"], "https://pay.example.com");
    assert_eq!(inspect(folder.path(), &["--format", "json"]).json()["accepted"], false);
}

#[test]
fn a_client_has_terms_of_its_own_and_its_tokens_are_revoked() {
    let (folder, ids) = installation();
    let json = |args: &[&str]| {
        let before = finish(&mut tollgate(folder.path(), &[&["--format", "json"], args].concat()));
        before.succeeded().json()
    };
    let (update, reset) =
        (["client", "update", &ids.client], ["--quota", "default", "--access-ttl", "default", "--no-labels"]);
    let set = ["--quota", "30/min", "--access-ttl", "5m", "--refresh-ttl", "1h", "--label", "team=north"];
    let own = json(&[&update[..], &set].concat());
    assert_eq!((&own["quota"], &own["access_ttl"]), (&"30/min".into(), &"5m".into()));
    assert_eq!((&own["refresh_ttl"], &own["labels"]["team"]), (&"1h".into(), &"north".into()));
    let reset = json(&[&update[..], &reset].concat());
    assert_eq!((&reset["quota"], &reset["access_ttl"]), (&Value::Null, &Value::Null));
    assert_eq!((&reset["refresh_ttl"], &reset["labels"]), (&"1h".into(), &serde_json::json!({})));
    let moved = "3fa85f64-5717-4562-b3fc-2c963f66afa6";
    let merchant = json(&["merchant", "create", "--id", moved, "--name", "Moved"]);
    let till =
        json(&["client", "create", "--id", moved, "--merchant", moved, "--name", "till", "--quota", "2/s"]);
    assert_eq!((&merchant["merchant_id"], &till["client_id"]), (&moved.into(), &moved.into()));
    assert_eq!(json(&["client", "show", moved])["quota"], "2/s");
    for (kind, which, id) in [
        ("client", "--client", moved),
        ("merchant", "--merchant", moved),
        ("token", "--token-id", "Vb3L9RACLcjNhEcGzdRnXg"),
    ] {
        let revoked = json(&["revoke", which, id]);
        assert_eq!((&revoked["kind"], &revoked["id"]), (&kind.into(), &id.into()));
    }
    assert_eq!(json(&["client", "delete", moved])["status"], "deleted");
    assert_eq!(json(&["merchant", "delete", moved])["status"], "deleted");
}

#[test]
fn what_is_not_named_stays_and_a_merchant_takes_its_clients_along() {
    let (folder, ids) = installation();
    let json = |args: &[&str]| {
        finish(&mut tollgate(folder.path(), &[args, &["--format", "json"]].concat())).succeeded().json()
    };
    let client =
        json(&["client", "create", "--merchant", &ids.merchant, "--name", "a", "--scope", "payments:read"]);
    let id = client["client_id"].as_str().unwrap();
    let updated = json(&["client", "update", id, "--name", "desk", "--allow-from", "10.0.0.1"]);
    assert_eq!((&updated["name"], &updated["allow_from"]), (&"desk".into(), &"10.0.0.1/32".into()));
    assert_eq!(updated["scope"], "payments:read", "what is not named stays");
    let updated = json(&["client", "update", id, "--scope", "payments:write", "--allow-from-anywhere"]);
    assert_eq!((&updated["scope"], &updated["allow_from"]), (&"payments:write".into(), &"".into()));
    assert_eq!(updated["audiences"], serde_json::json!([]), "none was chosen, so it is the default one");
    let updated = json(&["client", "update", id, "--audience", "payment-api"]);
    assert_eq!((&updated["audiences"][0], &updated["name"]), (&"payment-api".into(), &"desk".into()));
    assert_eq!(json(&["merchant", "rename", &ids.merchant, "--name", "Store"])["name"], "Store");
    assert_eq!(json(&["merchant", "show", &ids.merchant])["name"], "Store");
    json(&["client", "create", "--operator", "--name", "back office"]);
    assert_eq!(json(&["merchant", "delete", &ids.merchant])["status"], "deleted");
    let left = json(&["client", "list"]);
    assert_eq!((left.as_array().unwrap().len(), &left[0]["name"]), (1, &"back office".into()), "{left}");
}

#[test]
fn a_narrower_scope_is_said_to_reach_new_tokens_only() {
    let (folder, ids) = installation();
    let update = |scope: &str| {
        finish(&mut tollgate(folder.path(), &["client", "update", &ids.client, "--scope", scope])).succeeded()
    };
    assert!(update("payments:read").notes.contains("issued before keep their scope"));
    assert!(!update("payments:read payments:write").notes.contains("issued before"));
}

#[test]
fn an_audience_that_is_taken_away_is_said_to_reach_new_tokens_only_and_an_unknown_one_is_refused() {
    let (folder, ids) = installation();
    let update = |audiences: &[&str]| {
        let named = audiences.iter().flat_map(|audience| ["--audience", audience]);
        let args: Vec<_> = ["client", "update", &ids.client].into_iter().chain(named).collect();
        let ledger = ("TOLLGATE_AUDIENCES", "https://ledger.example.com=HS256");
        finish(tollgate(folder.path(), &args).envs([ledger]))
    };
    let (default, ledger) = ("payment-api", "https://ledger.example.com");
    let said = update(&[ledger, default]).succeeded();
    assert!(said.stdout.contains(r#"["https://ledger.example.com","payment-api"]"#), "{said:?}");
    assert!(!said.notes.contains("keep their audience"), "it has the default one still: {said:?}");
    assert!(!update(&[default, ledger]).succeeded().notes.contains("keep their audience"), "another order");
    assert!(update(&[ledger]).succeeded().notes.contains("keep their audience"));
    let refused = update(&["https://x.example.com"]);
    assert!(refused.code == Some(1) && refused.stderr.contains("[[audiences]]"), "{refused:?}");
}

#[test]
fn text_is_for_people_and_names_the_same_things() {
    let (folder, ids) = installation();
    for (args, expected) in [
        (&["merchant", "list"][..], ids.merchant.as_str()),
        (&["client", "list"], &ids.client),
        (&["client", "show", &ids.client], "payments:read payments:write"),
        (&["secret", "list", &ids.client], &ids.secret),
        (&["key", "list"], "active"),
    ] {
        let shown = finish(&mut tollgate(folder.path(), args)).succeeded().stdout;
        assert!(shown.contains(expected), "{args:?}: {shown}");
    }
    assert!(inspect(folder.path(), &[]).stdout.starts_with("refused: "));
    let masked =
        finish(&mut tollgate(folder.path(), &["config", "check", "--config", "tollgate.toml"])).stdout;
    assert!(masked.contains("access_ttl = \"15m\""), "{masked}");
}

#[test]
fn a_dev_folder_is_found_without_being_named() {
    let folder = tempfile::tempdir().unwrap();
    let dev = Dev::start(&folder.path().join(".tollgate"));
    let shown =
        finish(&mut tollgate(folder.path(), &["client", "list", "--format", "json"])).succeeded().json();
    assert_eq!(shown[0]["client_id"], dev.client_id());
}

pub(crate) struct Ids {
    pub(crate) merchant: String,
    pub(crate) client: String,
    secret: String,
}

/// A folder with a configuration, and one merchant with a client.
pub(crate) fn installation() -> (TempDir, Ids) {
    let folder = tempfile::tempdir().unwrap();
    let (client, _) = Serve::install(folder.path(), "");
    let json =
        |args: &[&str]| finish(&mut tollgate(folder.path(), &[args, &["--format", "json"]].concat())).json();
    let merchant = json(&["client", "show", &client])["merchant_id"].as_str().unwrap().to_owned();
    let secret = json(&["secret", "list", &client])[0]["secret_id"].as_str().unwrap().to_owned();
    (folder, Ids { merchant, client, secret })
}

fn inspect(folder: &Path, args: &[&str]) -> Finished {
    let mut command = tollgate(folder, &[&["inspect"], args].concat());
    Process::spawn_with_input(&mut command, "no.token.at-all\n").finish()
}
