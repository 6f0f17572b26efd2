//! Audiences with public algorithms: created by commands, asked for by curl, verified by OpenSSL.

use std::path::Path;

use serde_json::{Value, json};

use crate::harness::{Dev, Process, SEEN_WITHIN, eventually, finish, shell, tollgate};

const LEDGER: &str = "https://ledger.example.com";
const AUDIENCES: (&str, &str) = ("TOLLGATE_AUDIENCES", "https://ledger.example.com=RS256");

#[test]
fn a_token_for_another_api_is_verified_by_openssl_with_the_exported_key() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let dev = Dev::start_with(&folder.join("data"), &[AUDIENCES]);
    let merchant = dev.credentials["merchant_id"].as_str().unwrap();
    let create = ["client", "create", "--merchant", merchant, "--name", "ledger", "--audience", LEDGER];
    let created = admin(folder, &create);
    assert_eq!(created["audiences"], json!([LEDGER]));
    let (id, secret) = (created["client_id"].as_str().unwrap(), created["client_secret"].as_str().unwrap());
    std::fs::write(folder.join("client"), format!("user = \"{id}:{secret}\"\n")).unwrap();

    let form = format!("-d grant_type=client_credentials --data-urlencode resource={LEDGER}");
    let token = fetch(folder, &format!("-K client {form} {}/oauth2/token", dev.base_url));
    let token = token["access_token"].as_str().unwrap();
    std::fs::write(folder.join("token"), token).unwrap();
    // Only RSA, of which the signature of a token is in the form that OpenSSL reads.
    let pem = finish(&mut admin_command(folder, &["key", "export", "--public", "--pem"])).succeeded().stdout;
    std::fs::write(folder.join("key.pem"), pem).unwrap();
    let verify = "cut -d. -f1,2 token | tr -d '\\n' > signed
        cut -d. -f3 token | tr -d '\\n' | tr '_-' '/+' > base64
        printf '==' >> base64
        base64 -di base64 > signature 2> /dev/null || true
        openssl dgst -sha256 -verify key.pem -signature signature signed";
    let verified = finish(&mut shell(folder, verify));
    assert_eq!(verified.stdout.trim(), "Verified OK", "{verified:?}");

    let exported = admin(folder, &["key", "export", "--public"]);
    assert_eq!(exported, fetch(folder, &format!("{}/oauth2/jwks", dev.base_url)));
    let mut inspect = admin_command(folder, &["inspect"]);
    let inspected = Process::spawn_with_input(&mut inspect, token).finish();
    assert_eq!(inspected.code, Some(0), "{inspected:?}");
}

#[test]
fn keys_are_made_and_rotated_by_algorithm() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let dev = Dev::start(&folder.join("data"));
    let none = finish(&mut admin_command(folder, &["key", "export", "--public"]));
    assert_eq!(none.code, Some(1));
    assert!(none.stderr.contains("tollgate key create --algorithm ES256"), "{none:?}");
    let create = ["key", "create", "--algorithm", "ES256"];
    let created = admin(folder, &create);
    let again = finish(&mut admin_command(folder, &create));
    assert!(again.code == Some(1) && again.stderr.contains("key rotate --algorithm ES256"), "{again:?}");

    let rotated = admin(folder, &["key", "rotate"]);
    assert_eq!(
        (&rotated["algorithm"], rotated["further"][0]["algorithm"].clone()),
        (&json!("HS256"), json!("ES256"))
    );
    let one = admin(folder, &["key", "rotate", "--algorithm", "ES256"]);
    assert_eq!((&one["algorithm"], &one["further"]), (&json!("ES256"), &Value::Null));
    let listed = admin(folder, &["key", "list"]);
    let of = |algorithm: &str| {
        listed.as_array().unwrap().iter().filter(|key| key["algorithm"] == algorithm).count()
    };
    assert_eq!((of("HS256"), of("ES256")), (2, 3), "{listed}");
    eventually("the new key is published", SEEN_WITHIN, || {
        let published = fetch(folder, &format!("{}/oauth2/jwks", dev.base_url));
        let keys = published["keys"].as_array().unwrap();
        keys.iter().any(|key| key["kid"] == created["key_id"]).then_some(())
    });
    let unknown = finish(&mut admin_command(
        folder,
        &["client", "create", "--operator", "--name", "x", "--audience", "https://x.example.com"],
    ));
    assert!(unknown.code == Some(1) && unknown.stderr.contains("[[audiences]]"), "{unknown:?}");
}

fn admin_command(folder: &Path, args: &[&str]) -> std::process::Command {
    let mut command = tollgate(folder, &[args, &["--data", "data", "--format", "json"]].concat());
    command.env(AUDIENCES.0, AUDIENCES.1);
    command
}

fn admin(folder: &Path, args: &[&str]) -> Value {
    finish(&mut admin_command(folder, args)).succeeded().json()
}

fn fetch(folder: &Path, args: &str) -> Value {
    let said = finish(&mut shell(folder, &format!("curl -sS --fail-with-body {args}"))).succeeded();
    serde_json::from_str(&said.stdout).unwrap()
}
