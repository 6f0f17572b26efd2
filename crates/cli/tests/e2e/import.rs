//! Clients that move here from another authority, from its file to a token.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use serde_json::{Value, json};

use crate::documented::{blocks, configured};
use crate::harness::{Finished, Serve, finish, tollgate};
use crate::postgres_server::Database;

const UUID: &str = "0191e0a1-5c3b-7def-8123-456789abcdef";
const ANOTHER: &str = "0191e0a1-5c3b-7def-8123-456789abcde0";
/// A secret and its hashes by bcrypt, and by PBKDF2 as Hydra writes it.
const SECRET: &str = "a-client-secret-of-hydra";
const BCRYPT: &str = "$2b$04$Sh2MGIWw806iKiJ.2K5YaejQXiY8f9apN0hH8hMb0MoF66V1fRv8y";
const PBKDF2: &str =
    "$pbkdf2-sha256$i=25000,l=32$BwgJCgsMDQ4PEBESExQVFg$gdl6V7xU3t9RdiRxjfZaWAELR01aQ0nAf6NmPd7U8hM";

/// An installation with a merchant, and a file.
fn installation(name: &str, file: &str) -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    Serve::write_config(folder.path(), "");
    Serve::make_store(folder.path());
    let shop = json_of(folder.path(), &["merchant", "create", "--name", "Shop"]);
    fs::write(folder.path().join(name), file).unwrap();
    (folder, text(&shop, "merchant_id"))
}

fn json_of(folder: &Path, args: &[&str]) -> Value {
    finish(&mut tollgate(folder, &[args, &["--format", "json"]].concat())).succeeded().json()
}

fn text(value: &Value, name: &str) -> String {
    value[name].as_str().unwrap_or_else(|| panic!("no {name}: {value}")).to_owned()
}

fn import(folder: &Path, args: &[&str]) -> Finished {
    finish(&mut tollgate(folder, &[&["client", "import", "--format", "json", "--from"], args].concat()))
}

/// What became of each client, by its old id.
fn acts(done: &Finished) -> Vec<(String, String)> {
    let items = done.json();
    let items = items.as_array().unwrap().iter();
    items
        .map(|item| (text(item, "act"), item["old_client_id"].as_str().unwrap_or_default().to_owned()))
        .collect()
}

fn act(act: &str, old: &str) -> (String, String) {
    (act.to_owned(), old.to_owned())
}

/// The new ids, by the old ones.
fn map(folder: &Path) -> Vec<(String, String)> {
    let path = folder.join("map.csv");
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o600);
    let text = fs::read_to_string(path).unwrap();
    let mut lines = text.lines();
    assert_eq!(lines.next(), Some("old_client_id,client_id,merchant_id"));
    let pair = |line: &str| {
        let mut columns = line.split(',').map(str::to_owned);
        (columns.next().unwrap(), columns.next().unwrap())
    };
    lines.map(pair).collect()
}

/// A dry run names the merchant that is here by its id, and one that is to be created by its name: its id is not drawn yet.
fn assert_merchants(planned: &Value, shop: &str) {
    assert_eq!(planned[1]["merchant_id"], shop);
    let (merchant, reason) = (&planned[3]["merchant_id"], &planned[3]["reason"]);
    assert_eq!((merchant, reason), (&Value::Null, &json!("of the new merchant \"New Shop\"")));
}

/// The whole file of ids. The merchant of every client is in it.
fn map_text(folder: &Path) -> String {
    let text = fs::read_to_string(folder.join("map.csv")).unwrap();
    assert!(text.lines().skip(1).all(|line| line.split(',').nth(2).unwrap().len() == 36), "{text}");
    text
}

fn keycloak_client(id: &str, secret: &str, merchant: &str) -> Value {
    json!({
        "id": "5f0c1a52-7d0e-4c1b-9a55-0b3f1f6f2c11", "clientId": id, "name": "", "enabled": true, "secret": secret,
        "clientAuthenticatorType": "client-secret", "protocol": "openid-connect", "publicClient": false,
        "bearerOnly": false, "standardFlowEnabled": false, "serviceAccountsEnabled": true,
        "attributes": {"merchant": merchant, "client.secret.creation.time": "1700000000"},
        "defaultClientScopes": ["web-origins", "acr", "roles", "profile", "basic", "email", "payments:read"],
        "optionalClientScopes": ["address", "phone", "offline_access"],
    })
}

#[test]
fn clients_of_keycloak_obtain_tokens_with_the_secrets_that_they_have() {
    let secrets = ["IEOHp0cJ7Xw4jv2kO9mA3zLq8RrTtYyU", "legacy secret, with +%&"];
    let mut public = keycloak_client("account", "x", "Shop");
    public["publicClient"] = true.into();
    let realm = json!({"id": "shops", "realm": "shops", "enabled": true, "users": [], "clients": [
        keycloak_client(UUID, secrets[0], "Shop"), public, keycloak_client("new-till", secrets[1], "New Shop"),
    ]});
    let (folder, shop) = installation("shops.json", &realm.to_string());
    let path = folder.path();
    let args = ["keycloak", "shops.json", "--merchant-from", "attributes.merchant"];
    let run = |more: &[&str]| import(path, &[&args, more].concat());

    let refused = run(&["--map", "map.csv"]);
    assert!(refused.code == Some(1) && refused.stderr.contains("--create-merchants"), "{refused:?}");
    let planned = run(&["--create-merchants", "--dry-run"]).succeeded();
    let expected = [
        act("merchant.create", ""),
        act("client.create", UUID),
        act("left out", "account"),
        act("client.create", "new-till"),
    ];
    assert_eq!(acts(&planned), expected);
    assert_eq!(planned.json()[2]["reason"], "clients[1]: it is public, and has no secret");
    assert_merchants(&planned.json(), &shop);
    assert!(
        planned.notes.contains("nothing was done; 2 clients to create, 0 are here already, 1 left out"),
        "{planned:?}"
    );
    let unmapped = run(&["--create-merchants"]);
    assert!(unmapped.stderr.contains("1 clients have an id that is no UUID"), "{unmapped:?}");
    let replacing = run(&["--create-merchants", "--map", "shops.json"]);
    assert!(replacing.stderr.contains("shops.json: it is there and is no file of ids"), "{replacing:?}");
    assert_eq!(json_of(path, &["client", "list"]), json!([]), "nothing was done");

    let done = run(&["--create-merchants", "--map", "map.csv", "--reason", "ticket 7"]).succeeded();
    assert_eq!(acts(&done), expected);
    assert!(done.notes.contains("1 of them had an id that is no UUID"), "{done:?}");
    let ids = map(path);
    assert_eq!((ids[0].clone(), ids[1].0.as_str()), ((UUID.to_owned(), UUID.to_owned()), "new-till"));
    let written = map_text(path);
    let again = run(&["--map", "map.csv"]).succeeded();
    assert_eq!(acts(&again), [act("exists", UUID), act("left out", "account"), act("exists", "new-till")]);
    assert_eq!(map_text(path), written, "with the merchants of both");
    for said in [&planned, &done, &again] {
        assert!(secrets.iter().all(|secret| !format!("{said:?}").contains(secret)));
    }

    let serve = Serve::start(path);
    for ((_, id), secret) in ids.iter().zip(secrets) {
        assert_eq!(serve.api.token(id, secret).status, 200);
        assert_eq!(serve.api.token(id, "IEOHp0cJ7Xw4jv2kO9mA3zLq8RrTtYyV").status, 401);
    }
    let client = json_of(path, &["client", "show", UUID]);
    assert_eq!((text(&client, "merchant_id"), text(&client, "scope")), (shop, "payments:read".to_owned()));
    assert_eq!(client["labels"], json!({"imported-from": "keycloak", "imported-id": UUID}));
    let records = json_of(path, &["audit", "list", "--act", "client.create"]);
    assert!(records.as_array().unwrap().iter().all(|record| record["reason"] == "ticket 7"), "{records}");
    assert_eq!(json_of(path, &["audit", "verify"])["whole"], true);
}

fn hydra_row(id: &str, hash: &str, scope: &str) -> Value {
    json!({
        "id": id, "client_name": "till", "client_secret": hash, "scope": scope, "owner": "Shop", "metadata": {},
        "grant_types": ["client_credentials"], "token_endpoint_auth_method": "client_secret_basic",
    })
}

#[test]
fn clients_of_hydra_prove_themselves_by_their_hashes_which_then_go() {
    let rows = [
        hydra_row(UUID, PBKDF2, "offline payments:read"),
        hydra_row(ANOTHER, BCRYPT, "invoices"),
        hydra_row(
            "6f9619ff-8b86-4d01-b42d-00cf4fc964ff",
            "$argon2id$v=19$m=32,t=2,p=4$c2FsdA$aGFzaA",
            "invoices",
        ),
    ];
    let file: Vec<String> = rows.iter().map(Value::to_string).collect();
    let (folder, shop) = installation("clients.json", &file.join("\n"));
    let path = folder.path();
    let args = ["hydra", "clients.json", "--merchant", &shop];
    let refused = import(path, &args);
    assert!(refused.stderr.contains("the scope \"invoices\" means nothing here"), "{refused:?}");
    let done = import(path, &[&args[..], &["--map-scope", "invoices=payments:read payments:write"]].concat());
    let left_out = act("left out", "6f9619ff-8b86-4d01-b42d-00cf4fc964ff");
    assert_eq!(
        acts(&done.succeeded()),
        [act("client.create", UUID), act("client.create", ANOTHER), left_out]
    );
    let hashed_by = |id: &str| text(&json_of(path, &["secret", "list", id])[0], "hashed_by");
    assert_eq!((hashed_by(UUID), hashed_by(ANOTHER)), ("pbkdf2-sha256".to_owned(), "bcrypt".to_owned()));

    // What is not used yet moves on to another store with everything else.
    json_of(path, &["store", "copy", "--to", "sqlite:copy.db"]);
    Serve::write_config(path, "database.url = \"sqlite:copy.db\"");
    let serve = Serve::start(path);
    for id in [UUID, ANOTHER] {
        assert_eq!(serve.api.token(id, "a-client-secret-of-hydrb").status, 401);
        assert_eq!(serve.api.token(id, SECRET).status, 200);
        assert_eq!(hashed_by(id), "hmac-sha256");
        assert_eq!(serve.api.token(id, SECRET).status, 200);
    }
    let records = json_of(path, &["audit", "list", "--act", "secret.rehash"]);
    assert_eq!(records.as_array().unwrap().len(), 2);
    assert_eq!(json_of(path, &["store", "check"])["rows_with_unknown_content"].as_u64().unwrap_or(0), 0);
}

#[test]
fn many_clients_of_a_file_are_created_together() {
    let mut file = "client_id,secret,secret_hash,scope,merchant,environment\n".to_owned();
    for number in 0..2_500 {
        let id = format!("0191e0a1-5c3b-7def-8123-{number:012}");
        let (secret, hash) = if number % 2 == 0 { (SECRET, "") } else { ("", BCRYPT) };
        writeln!(file, "{id},{secret},{hash},payments:read,Shop,live").unwrap();
    }
    let (folder, _) = installation("clients.csv", &file);
    let done = import(folder.path(), &["csv", "clients.csv"]).succeeded();
    assert!(done.notes.contains("2500 clients created, 0 are here already, 0 left out"), "{}", done.notes);
    let again = import(folder.path(), &["csv", "clients.csv"]).succeeded();
    assert!(again.notes.contains("0 clients created, 2500 are here already, 0 left out"), "{}", again.notes);
    let serve = Serve::start(folder.path());
    for number in ["000000000000", "000000002499"] {
        assert_eq!(serve.api.token(&format!("0191e0a1-5c3b-7def-8123-{number}"), SECRET).status, 200);
    }
    assert_eq!(json_of(folder.path(), &["audit", "verify"])["whole"], true);
}

#[test]
fn a_file_that_can_not_be_read_is_named_with_its_place() {
    let (folder, shop) = installation("clients.csv", "client_id,secret\na,0123456789abcdef,too many\n");
    for (args, said) in [
        (["csv", "clients.csv"], "clients.csv: CSV error: record 1 (line: 2"),
        (["hydra", "clients.csv"], "clients.csv: expected value at line 1 column 1"),
        (["keycloak", "nowhere.json"], "nowhere.json can't be read"),
    ] {
        let refused = import(folder.path(), &[&args[..], &["--merchant", &shop]].concat());
        assert!(refused.code == Some(1) && refused.stderr.contains(said), "{refused:?}");
    }
}

/// Keycloak's program is played by one that writes an export; Hydra's table is in a database.
#[test]
fn the_steps_of_the_documentation_move_clients_from_each_authority() {
    let machine = configured();
    machine.install();
    let heading = "### Moving from another authority";
    let [keycloak, hydra, csv] = &blocks(heading, "sh")[..] else { panic!("three blocks") };

    let secret = "IEOHp0cJ7Xw4jv2kO9mA3zLq8RrTtYyU";
    let of_keycloak = "6f9619ff-8b86-4d01-b42d-00cf4fc964ff";
    let clients =
        [keycloak_client(of_keycloak, secret, "Shop"), keycloak_client("shop-web", secret, "New Shop")];
    fs::write(machine.path("realm.json"), json!({ "realm": "shops", "clients": clients }).to_string())
        .unwrap();
    let program =
        "#!/bin/sh\n[ \"$*\" = 'export --realm shops --file shops.json' ] && cp realm.json shops.json\n";
    fs::write(machine.path("bin/kc.sh"), program).unwrap();
    fs::set_permissions(machine.path("bin/kc.sh"), fs::Permissions::from_mode(0o755)).unwrap();
    machine.run(keycloak).succeeded();
    assert!(!machine.path("shops.json").exists());
    let moved = fs::read_to_string(machine.path("moved.csv")).unwrap();
    let of_web = moved.lines().find_map(|line| line.strip_prefix("shop-web,")?.split(',').next()).unwrap();

    let database = Database::create();
    database.psql(&format!(
        "CREATE TABLE hydra_client (id varchar(255) NOT NULL, nid uuid NOT NULL, client_name text NOT NULL, client_secret text \
             NOT NULL, scope text NOT NULL, owner text NOT NULL, grant_types jsonb NOT NULL, token_endpoint_auth_method \
             varchar(25) NOT NULL DEFAULT '', metadata jsonb NOT NULL DEFAULT '{{}}');
         INSERT INTO hydra_client VALUES ('{ANOTHER}', '{UUID}', 'till', '{BCRYPT}', 'payments:read', 'Shop', \
             '[\"client_credentials\"]', 'client_secret_basic')"
    ));
    machine.run(&format!("export HYDRA_DATABASE='{}'\n{hydra}", database.url)).succeeded();

    fs::write(machine.path("clients.csv"), &blocks(heading, "csv")[0]).unwrap();
    machine.run(csv).succeeded();
    let serve = machine.serve();
    for (id, secret) in [(of_keycloak, secret), (of_web, secret), (ANOTHER, SECRET), (UUID, SECRET)] {
        assert_eq!(serve.api.token(id, secret).status, 200, "{id}");
    }
}
