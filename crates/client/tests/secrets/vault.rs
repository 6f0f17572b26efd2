//! `vault:`

use std::sync::{Arc, Mutex};

use rcgen::{CertifiedKey, generate_simple_self_signed};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tollgate_client::secret::{Reason, Refusal};

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
    for (reference, word) in
        [("vault:secret/nowhere#x", "check PATH"), ("vault:elsewhere/tollgate#x", "check MOUNT")]
    {
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
    assert_eq!(refusal(&world.error(REFERENCE).await), (Refusal::Denied, 403, None));
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
        world.error(REFERENCE).await.to_string().contains("VAULT_ROLE_ID is not set, nor is VAULT_TOKEN")
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
    let config =
        ServerConfig::builder_with_provider(Arc::new(tokio_rustls::rustls::crypto::ring::default_provider()))
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

    world.set_to_file("VAULT_CACERT", cert.pem());
    assert_eq!(world.read(REFERENCE).await.unwrap(), "canary-1");
    world.set_to_file("VAULT_CACERT", "canary, no certificate");
    assert!(world.open(REFERENCE).err().unwrap().to_string().contains("VAULT_CACERT"));
}
