//! `vault:`

use std::sync::{Arc, Mutex};

use rcgen::{CertifiedKey, generate_simple_self_signed};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tollgate_secrets::{Reason, Refusal, SystemClock};

use crate::fakes::vault::{ROLE, ROOT, State, Vault};
use crate::server::{Server, answer};
use crate::world::{World, read, refusal};

const REFERENCE: &str = "vault:secret/tollgate#client_secret";

async fn with_token() -> (World, Vault) {
    let (world, vault) = (World::new(), Vault::start().await);
    world.set("VAULT_ADDR", vault.server.url());
    world.set("VAULT_TOKEN", ROOT);
    (world, vault)
}

async fn with_approle() -> (World, Vault) {
    let (world, vault) = with_token().await;
    world.unset("VAULT_TOKEN");
    world.set("VAULT_ROLE_ID", ROLE);
    world.set("VAULT_SECRET_ID", vault.state().secret_id.clone());
    (world, vault)
}

#[tokio::test]
async fn a_field_is_read_anew_each_time() {
    let (world, vault) = with_token().await;
    let source = world.open(REFERENCE).unwrap();
    assert_eq!(read(&*source).await.unwrap(), "canary-1");
    let rotated = serde_json::json!({ "client_secret": "canary-rotated" });
    vault.state().secrets.insert(("secret".into(), "tollgate".into()), rotated);
    assert_eq!(read(&*source).await.unwrap(), "canary-rotated");
    assert_eq!(vault.state().logins, 0);
}

#[tokio::test]
async fn mounts_and_paths_may_have_slashes_and_are_encoded() {
    let (world, vault) = with_token().await;
    assert_eq!(world.read("vault:team/kv//a b/c%41?d#x").await.unwrap(), "canary-2");
    world.set("VAULT_ADDR", format!("{}/", vault.server.url()));
    assert_eq!(world.read("vault:team/kv//a b/c%41?d#x").await.unwrap(), "canary-2");
}

#[tokio::test]
async fn the_namespace_is_sent_with_the_login_and_the_reading() {
    let (world, vault) = with_approle().await;
    vault.state().namespace = Some("payments/");
    assert_eq!(refusal(&world.error(REFERENCE).await).0, Refusal::Denied);
    world.set("VAULT_NAMESPACE", "payments/");
    assert_eq!(world.read(REFERENCE).await.unwrap(), "canary-1");
}

#[tokio::test]
async fn one_login_lasts_for_its_lease() {
    let (world, vault) = with_approle().await;
    let source = world.open(REFERENCE).unwrap();
    for (after, logins) in [(0, 1), (3500, 1), (100, 2)] {
        world.advance(after);
        assert_eq!(read(&*source).await.unwrap(), "canary-1");
        assert_eq!(vault.state().logins, logins);
    }
    vault.state().lease = 0;
    world.advance(3600);
    for after in [0, 100_000_000] {
        world.advance(after);
        assert_eq!(read(&*source).await.unwrap(), "canary-1");
        assert_eq!(vault.state().logins, 3, "a lease of 0 has no end");
    }
}

#[tokio::test]
async fn a_token_that_is_revoked_is_replaced_by_another_login() {
    let (world, vault) = with_approle().await;
    let source = world.open(REFERENCE).unwrap();
    assert_eq!(read(&*source).await.unwrap(), "canary-1");
    vault.state().tokens.clear();
    assert_eq!(read(&*source).await.unwrap(), "canary-1");
    assert_eq!(vault.state().counts(), (2, 3));
}

#[tokio::test]
async fn a_policy_that_forbids_is_asked_at_most_twice() {
    let (world, vault) = with_approle().await;
    vault.state().policy = false;
    let source = world.open(REFERENCE).unwrap();
    let error = read(&*source).await.unwrap_err();
    assert_eq!(refusal(&error), (Refusal::Denied, 403, None));
    assert_eq!(vault.state().counts(), (1, 1), "a fresh token is as good as another");
    read(&*source).await.unwrap_err();
    assert_eq!(vault.state().counts(), (2, 3));
}

#[tokio::test]
async fn the_secret_id_is_read_from_its_file_at_each_login() {
    let (world, vault) = with_approle().await;
    world.unset("VAULT_SECRET_ID");
    world.set_to_file("VAULT_SECRET_ID_FILE", "canary-secret-id-1\n");
    let source = world.open(REFERENCE).unwrap();
    assert_eq!(read(&*source).await.unwrap(), "canary-1");
    vault.state().secret_id = "canary-secret-id-2".to_owned();
    vault.state().tokens.clear();
    let error = read(&*source).await.unwrap_err();
    assert_eq!(refusal(&error), (Refusal::Denied, 400, None));
    assert!(error.to_string().contains("AppRole"), "{error}");
    world.set_to_file("VAULT_SECRET_ID_FILE", "canary-secret-id-2\n");
    assert_eq!(read(&*source).await.unwrap(), "canary-1");
}

#[tokio::test]
async fn a_secret_id_that_is_refused_is_not_tried_again_so_that_its_role_is_not_locked() {
    let (world, vault) = with_approle().await;
    world.unset("VAULT_SECRET_ID");
    world.set_to_file("VAULT_SECRET_ID_FILE", "canary-expired");
    let source = world.open(REFERENCE).unwrap();
    let before = source.mark().await;
    for _ in 0..2_000 {
        let error = read(&*source).await.unwrap_err();
        assert_eq!(refusal(&error), (Refusal::Denied, 400, None));
        assert!(error.to_string().contains("is not asked again with the same"), "{error}");
        assert!(error.is_denied());
        world.advance(10);
    }
    assert_eq!(vault.state().logins, 1);
    assert_eq!(source.mark().await, before);
    world.set_to_file("VAULT_SECRET_ID_FILE", "canary-secret-id-1 ");
    world.set_to_file("VAULT_SECRET_ID_FILE", "canary-secret-id-1");
    assert_ne!(source.mark().await, before, "the file shows that it was changed");
    assert_eq!(read(&*source).await.unwrap(), "canary-1");
    assert_eq!(vault.state().logins, 2);
}

#[tokio::test]
async fn a_role_that_others_have_locked_is_asked_once_in_a_quarter_of_an_hour() {
    let (world, vault) = with_approle().await;
    vault.state().failed_logins = 5;
    let source = world.open(REFERENCE).unwrap();
    for _ in 0..89 {
        assert_eq!(refusal(&read(&*source).await.unwrap_err()), (Refusal::Denied, 403, None));
        world.advance(10);
    }
    assert_eq!(vault.state().logins, 1);
    vault.state().failed_logins = 0;
    world.advance(10);
    assert_eq!(read(&*source).await.unwrap(), "canary-1");
}

#[tokio::test]
async fn a_token_comes_from_a_file_that_another_may_write() {
    let (world, vault) = with_token().await;
    world.unset("VAULT_TOKEN");
    world.set_to_file("VAULT_TOKEN_FILE", format!("{ROOT}\n"));
    let source = world.open(REFERENCE).unwrap();
    assert_eq!(read(&*source).await.unwrap(), "canary-1");
    vault.state().tokens = vec!["hvs.canary-other-token".to_owned()];
    assert_eq!(refusal(&read(&*source).await.unwrap_err()), (Refusal::Denied, 403, None));
    world.set_to_file("VAULT_TOKEN_FILE", "hvs.canary-other-token");
    assert_eq!(read(&*source).await.unwrap(), "canary-1");
    assert_eq!(vault.state().logins, 0);
}

/// Waits until the state of Vault is so.
async fn until(vault: &Vault, is_so: impl Fn(&State) -> bool) {
    while !is_so(&vault.state()) {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn a_token_that_was_given_is_renewed_and_its_successor_too() {
    let (world, vault) = with_token().await;
    vault.state().lease = 1;
    vault.state().tokens = vec!["hvs.canary-a".to_owned(), "hvs.canary-b".to_owned()];
    world.unset("VAULT_TOKEN");
    world.set_to_file("VAULT_TOKEN_FILE", "hvs.canary-a");
    let source = world.open_by(REFERENCE, SystemClock::new()).unwrap();
    assert_eq!(read(&*source).await.unwrap(), "canary-1");
    until(&vault, |vault| vault.renewed.len() >= 2).await;
    assert!(vault.state().renewed.iter().all(|token| token == "hvs.canary-a"));
    world.set_to_file("VAULT_TOKEN_FILE", "hvs.canary-b");
    until(&vault, |vault| vault.renewed.iter().any(|token| token == "hvs.canary-b")).await;
    assert_eq!(vault.state().looked_at, ["hvs.canary-a", "hvs.canary-b"]);
}

#[tokio::test]
async fn the_mount_of_approle_is_a_setting() {
    let (world, vault) = with_approle().await;
    vault.state().approle_mount = "team/approle";
    world.set("VAULT_APPROLE_MOUNT", "team/approle");
    assert_eq!(world.read(REFERENCE).await.unwrap(), "canary-1");
}

#[tokio::test]
async fn each_refusal_says_what_it_is() {
    let (world, vault) = with_token().await;
    for (fate, word) in [("deleted", "undelete"), ("destroyed", "destroyed")] {
        vault.state().fate = fate;
        let error = world.error(REFERENCE).await;
        assert_eq!(refusal(&error), (Refusal::Absent, 404, None));
        assert!(error.to_string().contains(word), "{error}");
    }
    vault.state().fate = "";
    for (reference, word) in [
        ("vault:secret/nowhere#x", "check PATH"),
        ("vault:secret/nowhere#x", "VAULT_NAMESPACE"),
        ("vault:secret/data/tollgate#x", "leave data/ out"),
        ("vault:elsewhere/tollgate#x", "check MOUNT"),
        ("vault:team/other/app#x", "team/kv//app"),
        ("vault:team/other/app#x", "VAULT_NAMESPACE"),
    ] {
        let error = world.error(reference).await;
        assert_eq!(refusal(&error), (Refusal::Absent, 404, None));
        assert!(error.to_string().contains(word), "{error}");
        assert!(!error.is_transient());
    }
    for (status, word) in
        [(503, "sealed"), (429, "standby"), (473, "standby"), (307, "standby"), (412, "behind"), (500, "log")]
    {
        vault.state().out_of_service = Some(status);
        let error = world.error(REFERENCE).await;
        assert_eq!(refusal(&error), (Refusal::Unavailable, status, None));
        assert!(error.to_string().contains(word), "{error}");
        assert!(error.is_transient());
    }
    vault.state().out_of_service = None;
    world.set("VAULT_TOKEN", "canary-unknown");
    let error = world.error(REFERENCE).await;
    assert_eq!(refusal(&error), (Refusal::Denied, 403, None));
    assert!(error.to_string().contains("VAULT_NAMESPACE"), "{error}");
    let error = world.error("vault:secret/data/tollgate#x").await;
    assert!(error.to_string().contains("leave data/ out"), "{error}");
}

#[tokio::test]
async fn http_in_place_of_https_and_the_other_way_round_is_named() {
    let (world, vault) = with_approle().await;
    world.set("VAULT_ADDR", vault.server.url().replace("http:", "https:"));
    let error = world.error(REFERENCE).await.to_string();
    assert!(error.contains("it doesn't speak TLS at this port") && error.contains("http://"), "{error}");

    let text = "Client sent an HTTP request to an HTTPS server.\n";
    let server = Server::start(move |_| answer(400, "text/plain", text)).await;
    world.set("VAULT_ADDR", server.url());
    for token in [None, Some(ROOT)] {
        if let Some(token) = token {
            world.set("VAULT_TOKEN", token);
        }
        let error = world.error(REFERENCE).await.to_string();
        assert!(error.contains("let VAULT_ADDR begin with https://"), "{error}");
    }
}

#[tokio::test]
async fn a_field_must_be_there_and_a_string() {
    let (world, vault) = with_token().await;
    for (field, word) in [("other", "no such field"), ("port", "a string"), ("nothing", "a string")] {
        let error = world.error(&format!("vault:secret/tollgate#{field}")).await;
        assert!(matches!(error.reason(), Reason::Content(_)), "{error:?}");
        assert!(error.to_string().contains(word), "{error}");
    }
    vault.state().secrets.insert(("secret".into(), "empty".into()), serde_json::json!({ "x": "\n" }));
    assert!(world.error("vault:secret/empty#x").await.to_string().contains("empty"));
}

#[tokio::test]
async fn an_answer_that_is_not_of_version_2_is_not_guessed_at() {
    for body in [r#"{"data":{"client_secret":"canary"}}"#, r#"{"data":null}"#, "<html>canary</html>", ""] {
        let server = Server::start(move |_| answer(200, "application/json", body)).await;
        let world = World::new();
        world.set("VAULT_ADDR", server.url());
        world.set("VAULT_TOKEN", ROOT);
        let error = world.error(REFERENCE).await;
        assert!(matches!(error.reason(), Reason::Unexpected(_)), "{body}: {error:?}");
    }
}

#[tokio::test]
async fn what_is_not_set_or_not_an_address_is_named() {
    let (world, _vault) = with_token().await;
    world.unset("VAULT_TOKEN");
    assert!(
        world
            .error(REFERENCE)
            .await
            .to_string()
            .contains("VAULT_ROLE_ID is not set, nor is VAULT_TOKEN(_FILE)")
    );
    world.set("VAULT_ROLE_ID", ROLE);
    assert!(world.error(REFERENCE).await.to_string().contains("VAULT_SECRET_ID is not set"));
    world.set("VAULT_TOKEN", ROOT);
    for (address, word) in [
        ("", "VAULT_ADDR is not set"),
        ("vault.example.com", "VAULT_ADDR is not the address"),
        ("unix:///run/vault.sock", "VAULT_ADDR is not the address"),
        ("http://vault.example.com:8200", "http://vault.example.com:8200 would carry secrets in the clear"),
    ] {
        world.set("VAULT_ADDR", address);
        let error = world.error(REFERENCE).await.to_string();
        assert!(error.contains(word), "{error}");
        assert!(error.starts_with(REFERENCE), "{error}");
    }
}

#[tokio::test]
async fn a_certificate_is_trusted_that_vault_cacert_names() {
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(
        tokio_rustls::rustls::crypto::aws_lc_rs::default_provider(),
    ))
    .with_safe_default_protocol_versions()
    .unwrap()
    .with_no_client_auth()
    .with_single_cert(vec![cert.der().clone()], signing_key.into())
    .unwrap();
    let state = Mutex::new(State::new());
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let server = Server::start_tls(acceptor, move |request| state.lock().unwrap().handle(&request)).await;

    let world = World::new();
    world.set("VAULT_ADDR", server.url().replace("http:", "https:"));
    world.set("VAULT_TOKEN", ROOT);
    let error = world.error(REFERENCE).await;
    assert!(matches!(error.reason(), Reason::Unreachable { .. }), "{error:?}");
    assert!(error.to_string().contains("certificate"), "{error}");
    assert!(error.to_string().contains("VAULT_CACERT"), "{error}");

    world.set_to_file("VAULT_CACERT", cert.pem());
    assert_eq!(world.read(REFERENCE).await.unwrap(), "canary-1");
    world.set_to_file("VAULT_CACERT", "canary, no certificate");
    assert!(world.open(REFERENCE).err().unwrap().to_string().contains("VAULT_CACERT"));
}

#[tokio::test]
async fn new_secrets_are_kept_in_a_folder_and_none_is_replaced() {
    let (world, vault) = with_approle().await;
    let folder = world.folder("vault:secret/shops").unwrap();
    let fields = serde_json::json!({ "client_id": "c-1", "client_secret": "canary-new" });
    folder.keep("c-1", &fields).await.unwrap();
    assert_eq!(world.read("vault:secret/shops/c-1#client_secret").await.unwrap(), "canary-new");
    let again =
        folder.keep("c-1", &serde_json::json!({ "client_secret": "canary-other" })).await.unwrap_err();
    assert_eq!(refusal(&again), (Refusal::Other, 400, None));
    assert!(again.to_string().starts_with("vault:secret/shops/c-1: Vault has a secret by this name already"));
    assert_eq!(world.read("vault:secret/shops/c-1#client_secret").await.unwrap(), "canary-new");
    // A token that was revoked is obtained anew, once.
    vault.state().tokens.clear();
    folder.keep("c-2", &fields).await.unwrap();
    assert_eq!(vault.state().logins, 4, "one of the folder, two of the references, and one again");
    vault.state().policy = false;
    assert_eq!(refusal(&folder.keep("c-3", &fields).await.unwrap_err()).0, Refusal::Denied);
    vault.state().out_of_service = Some(503);
    assert!(folder.keep("c-3", &fields).await.unwrap_err().is_transient());
}

#[tokio::test]
async fn a_folder_is_a_mount_and_a_path_without_a_field() {
    let (world, _vault) = with_token().await;
    for bad in
        ["secret/shops", "vault:secret", "vault:secret/shops#client_secret", "vault:secret/../x", "file:x"]
    {
        let error = world.folder(bad).err().unwrap_or_else(|| panic!("{bad} is a folder"));
        assert!(error.to_string().contains("MOUNT/PATH"), "{bad}: {error}");
    }
    let elsewhere = world.folder("vault:nowhere/shops").unwrap();
    let error = elsewhere.keep("c-1", &serde_json::json!({})).await.unwrap_err();
    assert_eq!(refusal(&error).0, Refusal::Absent);
}
