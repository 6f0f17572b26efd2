//! Other people's libraries verify our tokens by the published keys alone.

mod apis;

use std::path::Path;
use std::process::Command;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::harness::{Dev, Process, SEEN_WITHIN, eventually, finish, tollgate};

const AUDIENCE: &str = "payment-api";

/// What `jose` for Node says of tokens, each of which may be followed by the time at which it is looked at.
fn jose(dev: &Dev, audience: &str, tokens: &[String]) -> Vec<String> {
    let modules = Path::new(env!("CARGO_TARGET_TMPDIR")).join("oidc/node_modules");
    let program = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/e2e/verifiers/jose.mjs");
    let mut node = Command::new("node");
    node.arg(program).arg(modules).args([&dev.base_url, audience]);
    let finished = Process::spawn_with_input(&mut node, &tokens.join("\n")).finish();
    assert_eq!(finished.code, Some(0), "{finished:?}");
    finished.stdout.lines().map(str::to_owned).collect()
}

#[test]
fn jose_takes_a_good_token_of_every_algorithm_and_no_other() {
    for algorithm in ["ES256", "EdDSA", "PS256", "RS256"] {
        let folder = tempfile::tempdir().unwrap();
        let dev = Dev::start_with(&folder.path().join("data"), &[("TOLLGATE_TOKENS__ALGORITHM", algorithm)]);
        let (access, refresh) = dev.tokens();
        let (signed, signature) = access.rsplit_once('.').unwrap();
        let (header, claims) = signed.split_once('.').unwrap();
        let first = if signature.starts_with('A') { "B" } else { "A" };
        let altered = format!("{signed}.{first}{}", &signature[1..]);
        let without_signature = format!("{header}.{claims}.");
        let claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).unwrap()).unwrap();
        let at_its_end = format!("{access} {}", claims["exp"]);
        let tokens = [access.clone(), at_its_end, refresh, altered, without_signature];
        let good = format!("good {} payments:read payments:write", dev.client_id());
        let said = jose(&dev, AUDIENCE, &tokens);
        assert_eq!((said.len(), said[0].as_str()), (5, good.as_str()), "{algorithm}: {said:?}");
        assert_eq!(said[1], "ERR_JWT_EXPIRED", "{algorithm}");
        assert!(said[2..].iter().all(|said| !said.starts_with("good")), "{algorithm}: {said:?}");
        let elsewhere = jose(&dev, "https://other.example.com", &[access]);
        assert_eq!(elsewhere, ["ERR_JWT_CLAIM_VALIDATION_FAILED"], "{algorithm}");
    }
}

#[test]
fn jose_follows_to_a_key_that_replaces_a_compromised_one() {
    let folder = tempfile::tempdir().unwrap();
    let dev = Dev::start_with(&folder.path().join("data"), &[("TOLLGATE_TOKENS__ALGORITHM", "ES256")]);
    let (old, _) = dev.tokens();
    let rotate =
        ["key", "rotate", "--compromised", "--algorithm", "ES256", "--data", "data", "--format", "json"];
    let rotated = finish(tollgate(folder.path(), &rotate).env("TOLLGATE_TOKENS__ALGORITHM", "ES256"));
    assert_eq!(rotated.succeeded().json()["algorithm"], json!("ES256"));
    eventually("the new key signs", SEEN_WITHIN, || {
        let (new, _) = dev.tokens();
        let said = jose(&dev, AUDIENCE, &[new, old.clone()]);
        (said[0].starts_with("good") && said[1] == "ERR_JWKS_NO_MATCHING_KEY").then_some(())
    });
}
