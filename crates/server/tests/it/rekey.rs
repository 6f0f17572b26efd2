//! Another master key for a store that is in use.

use std::sync::Arc;

use serde_json::json;
use tollgate_admin::clients::{self, NewClient};
use tollgate_admin::imported::{ImportedSecret, ImportedSecrets};
use tollgate_admin::rekey::{self, Resealed};
use tollgate_admin::{OpenError, keys};
use tollgate_core::Algorithm;
use tollgate_installation::{Follower, Installation};
use tollgate_keys::{MasterKey, MasterKeys};
use tollgate_server::Server;

use crate::call::{Call, LIST, REFRESH, TOKEN, assert_refused};
use crate::sandbox::mounted;
use crate::stage::{PEER, SYSTEM, Stage, answer, master_key};

/// A server of the stage's store with these master keys.
async fn with_keys(stage: &Stage, keys: Vec<MasterKey>) -> Result<Arc<Installation>, OpenError> {
    let (config, store, clock) = (stage.config.clone(), stage.elsewhere.clone(), stage.clock.clone());
    Installation::open(config, store, MasterKeys::new(keys).unwrap(), clock).await
}

fn other_key() -> MasterKey {
    "f0e1d2c3b4a5968778695a4b3c2d1e0f00112233445566778899aabbccddee17".parse().unwrap()
}

fn new_client(secrets: ImportedSecrets) -> NewClient {
    NewClient {
        merchant_id: None,
        name: "till".parse().unwrap(),
        environment: None,
        scope: "a".parse().unwrap(),
        addresses: Vec::new(),
        audiences: Vec::new(),
        id: None,
        terms: tollgate_store::Terms::default(),
        secrets,
    }
}

#[tokio::test]
async fn another_master_key_costs_no_merchant_a_new_secret_and_nobody_a_token() {
    let stage = Stage::open().await;
    let tokens = stage.tokens(&stage.shop).await;
    let hash = "$2b$04$Sh2MGIWw806iKiJ.2K5YaejQXiY8f9apN0hH8hMb0MoF66V1fRv8y".parse().unwrap();
    let imported = new_client([ImportedSecret::Hashed(hash)].into());
    let imported = clients::create(&stage.installation.administration(), imported, &SYSTEM).await.unwrap();
    let imported = json!({ "client_id": imported.client.id, "client_secret": "a-client-secret-of-hydra" });
    let rekeying = with_keys(&stage, vec![other_key(), master_key()]).await.unwrap();
    let done = rekey::rekey(&rekeying.administration(), &SYSTEM).await.unwrap();
    assert_eq!(done, Resealed { signing_keys: 1, changed: true });
    assert!(!rekey::rekey(&rekeying.administration(), &SYSTEM).await.unwrap().changed, "it is done");

    // From now on the former key opens nothing, and the new one alone opens everything.
    assert!(matches!(with_keys(&stage, vec![master_key()]).await.err(), Some(OpenError::WrongMasterKey)));
    let new = with_keys(&stage, vec![other_key()]).await.unwrap();
    let server = Server::new(new.clone(), true, |loopback| mounted(&new, loopback, true, |_| None));
    let (list, refresh) = (
        Call::get(LIST).bearer(&tokens.access),
        Call::post(REFRESH).json(&json!({ "refresh_token": tokens.refresh })),
    );
    let logins = [stage.shop.body(), imported].map(|body| Call::post(TOKEN).json(&body));
    for call in [list, refresh].into_iter().chain(logins) {
        assert_eq!(answer(&server, PEER, call.whole()).await.status(), 200);
    }
    // What is made now hangs on neither, and opens with the new one.
    let admin = new.administration();
    let created = clients::create(&admin, new_client(ImportedSecrets::default()), &SYSTEM);
    let created = created.await.unwrap();
    let hash = new.hasher().hash(created.client.id, created.expose_secret().unwrap().as_bytes());
    assert!(created.client.secrets[0].hash.matches(&hash));
    keys::rotate(&new.administration(), Algorithm::Es256, &SYSTEM).await.unwrap();
    assert!(with_keys(&stage, vec![other_key()]).await.is_ok());
}

#[tokio::test]
async fn while_the_list_is_rolled_out_every_server_opens_what_any_has_sealed() {
    let stage = Stage::open().await;
    let [old, both, new] =
        [vec![master_key()], vec![master_key(), other_key()], vec![other_key(), master_key()]];
    // The new key is first in one server's list, and unknown to another.
    let early = with_keys(&stage, new).await.unwrap();
    keys::rotate(&early.administration(), Algorithm::Hs256, &SYSTEM).await.unwrap();
    assert!(with_keys(&stage, old).await.is_ok());
    let running = with_keys(&stage, both).await.unwrap();
    rekey::rekey(&early.administration(), &SYSTEM).await.unwrap();
    // One that started before seals with the new key as well.
    keys::rotate(&running.administration(), Algorithm::Hs256, &SYSTEM).await.unwrap();
    assert!(with_keys(&stage, vec![other_key()]).await.is_ok());
}

/// It would leave out what the newer program has added, or leave it sealed with the former key alone.
#[tokio::test]
async fn a_store_to_which_a_newer_program_has_added_is_neither_sealed_anew_nor_copied_by_an_older_one() {
    let stage = Stage::open().await;
    rusqlite::Connection::open(stage.path()).unwrap().execute_batch("PRAGMA user_version = 13").unwrap();
    let rekeying = with_keys(&stage, vec![other_key(), master_key()]).await.unwrap();
    let sealed = rekey::rekey(&rekeying.administration(), &SYSTEM).await.unwrap_err();
    let folder = tempfile::tempdir().unwrap();
    let target = tollgate_store_sqlite::Sqlite::open(&folder.path().join("copy.db")).unwrap();
    let copied = tollgate_admin::copy::copy(stage.elsewhere.as_ref(), &target).await.unwrap_err();
    for error in [sealed, copied] {
        assert!(error.to_string().contains("schema version 13, this version knows up to 12"), "{error}");
    }
    assert!(with_keys(&stage, vec![master_key()]).await.is_ok());
}

#[tokio::test]
async fn a_server_that_has_only_the_former_master_key_is_not_ready_at_once_and_says_which_is_missing() {
    let stage = Stage::open().await;
    let tokens = stage.tokens(&stage.shop).await;
    let mut follower = Follower::new(stage.installation.clone());
    let both = with_keys(&stage, vec![other_key(), master_key()]).await.unwrap();
    rekey::rekey(&both.administration(), &SYSTEM).await.unwrap();
    follower.step_or_warn().await;
    let ready = stage.answer(Call::get("/readyz")).await;
    assert_refused(&ready, 503, "UNAVAILABLE");
    assert!(ready.text().contains("add the new master key to master_key"), "{}", ready.text());
    // Others sign with keys that are not known here, and no token of theirs is called wrong.
    assert_refused(&stage.list(&tokens.access).await, 503, "UNAVAILABLE");
    assert_refused(&stage.answer(Call::post(TOKEN).json(&stage.shop.body())).await, 503, "UNAVAILABLE");
    let rotated = keys::rotate(&stage.installation.administration(), Algorithm::Hs256, &SYSTEM).await;
    let refused = rotated.err().unwrap().to_string();
    assert!(refused.contains("add the new master key to master_key"), "{refused}");

    let back = with_keys(&stage, vec![master_key(), other_key()]).await.unwrap();
    rekey::rekey(&back.administration(), &SYSTEM).await.unwrap();
    follower.step_or_warn().await;
    assert_eq!(stage.answer(Call::get("/readyz")).await.status(), 200);
    assert_eq!(stage.list(&tokens.access).await.status(), 200);
}
