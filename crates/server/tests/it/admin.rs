//! The acts of administration, as a library offers them: typed, and recorded with who did them.

use std::net::IpAddr;
use std::time::Duration;

use tollgate_admin::clients::NewClient;
use tollgate_admin::imported::ImportedSecrets;
use tollgate_admin::merchants::{self, NewMerchant};
use tollgate_admin::secrets::SecretStatus;
use tollgate_admin::{AdminError, clients, copy, keys, many, secrets};
use tollgate_core::{Algorithm, ClientId, Environment, MerchantId, SecretId};
use tollgate_keys::Phase;
use tollgate_store::{Actor, ActorKind, ClientUpdate, Part, Status, Store, Table, Terms, Value};
use tollgate_store_sqlite::Sqlite;

use crate::call::{Call, REFRESH, TOKEN, assert_refused};
use crate::oauth::post_as;
use crate::stage::{Kind, Stage, create};

fn ada() -> Actor {
    let kind = ActorKind::CommandLine { user: "ada".to_owned(), host: "gateway-1".to_owned() };
    Actor { why: Some("ticket 7".to_owned()), ..Actor::new(kind) }
}

fn shop(name: &str) -> NewMerchant {
    NewMerchant { id: None, name: name.parse().unwrap() }
}

fn new_client(merchant_id: Option<MerchantId>) -> NewClient {
    NewClient {
        merchant_id,
        name: "till".parse().unwrap(),
        environment: None,
        scope: "payments:read payments:write".parse().unwrap(),
        addresses: Vec::new(),
        audiences: Vec::new(),
        id: None,
        terms: Terms::default(),
        secrets: ImportedSecrets::default(),
    }
}

/// Acts of administration can be called by a server, whose tasks move between threads.
fn sent<F: Future + Send>(act: F) -> F {
    act
}

/// The actors of all changes, as the store keeps them.
async fn actors(store: &dyn Store) -> Vec<(String, Value, Value)> {
    let (sender, mut parts) = tokio::sync::mpsc::channel(4);
    let mut actors = Vec::new();
    let take = async {
        while let Some(part) = parts.recv().await {
            let Part::Rows(Table::Changes, rows) = part else { continue };
            actors.extend(rows.into_iter().map(|row| {
                let Value::Text(actor) = &row[5] else { panic!("a change without an actor: {row:?}") };
                (actor.clone(), row[6].clone(), row[7].clone())
            }));
        }
    };
    let (exported, ()) = tokio::join!(store.export(sender), take);
    exported.unwrap();
    actors
}

#[tokio::test]
async fn whoever_administers_creates_what_can_log_in_and_ends_it_again() {
    let stage = Stage::open().await;
    let (admin, ada) = (stage.installation.administration(), ada());
    let merchant = sent(merchants::create(&admin, shop("Shop"), &ada)).await.unwrap();
    let created = sent(clients::create(&admin, new_client(Some(merchant.id)), &ada)).await.unwrap();
    assert_eq!(created.client.environment, Environment::Test, "the sandbox is on");
    stage.follow().await;
    let login = serde_json::json!({
        "client_id": created.client.id,
        "client_secret": created.expose_secret(),
    });
    let token = Call::post(TOKEN).json(&login);
    assert_eq!(stage.answer(token.clone()).await.status(), 200);

    let disabled = sent(clients::disable(&admin, created.client.id, &ada)).await.unwrap();
    assert_eq!(disabled.status, Status::Disabled);
    stage.follow().await;
    assert_refused(&stage.answer(token.clone()).await, 401, "INVALID_CLIENT");
    assert_eq!(sent(clients::enable(&admin, created.client.id, &ada)).await.unwrap().status, Status::Enabled);
    stage.follow().await;
    assert_eq!(stage.answer(token.clone()).await.status(), 200);
    sent(clients::delete(&admin, created.client.id, None, &ada)).await.unwrap();
    stage.follow().await;
    assert_refused(&stage.answer(token).await, 401, "INVALID_CLIENT");
}

#[tokio::test]
async fn other_networks_count_for_the_tokens_that_a_client_has() {
    let mut stage = Stage::open().await;
    let bound = stage.client(Kind { addresses: &["192.0.2.0/24"], ..stage.kind() }).await;
    let list =
        |token: &serde_json::Value| Call::get("/api/v1/payment-requests").bearer(token.as_str().unwrap());
    let mut at: IpAddr = "192.0.2.9".parse().unwrap();
    // Others, wider, any, and narrower again.
    for (networks, next) in [
        (&["198.51.100.0/24"][..], "198.51.100.9"),
        (&["198.51.100.0/24", "203.0.113.0/24"], "203.0.113.9"),
        (&[], "192.0.2.9"),
        (&["203.0.113.9/32"], "203.0.113.9"),
    ] {
        let had = stage.answer_from(at, Call::post(TOKEN).json(&bound.body())).await.data();
        assert_eq!(stage.answer_from(at, list(&had["access_token"])).await.status(), 200);
        let addresses = networks.iter().map(|text| text.parse().unwrap()).collect();
        let update = ClientUpdate { addresses: Some(addresses), ..ClientUpdate::default() };
        let admin = stage.installation.administration();
        clients::update(&admin, bound.id, &update, None, &ada()).await.unwrap();
        stage.follow().await;
        let next = next.parse().unwrap();
        for from in [at, next] {
            let reply = stage.answer_from(from, list(&had["access_token"])).await;
            assert_refused(&reply, 401, "INVALID_TOKEN");
        }
        let refresh = Call::post(REFRESH).json(&serde_json::json!({"refresh_token": had["refresh_token"]}));
        assert_refused(&stage.answer_from(next, refresh).await, 401, "INVALID_TOKEN");
        at = next;
        let has = stage.answer_from(at, Call::post(TOKEN).json(&bound.body())).await.data();
        assert_eq!(stage.answer_from(at, list(&has["access_token"])).await.status(), 200, "{networks:?}");
    }
}

#[tokio::test]
async fn a_merchant_that_was_deleted_is_not_created_again_under_its_id() {
    let stage = Stage::open().await;
    let (admin, ada) = (stage.installation.administration(), ada());
    let id = merchants::create(&admin, shop("Shop"), &ada).await.unwrap().id;
    merchants::delete(&admin, id, None, &ada).await.unwrap();
    let again = NewMerchant { id: Some(id), ..shop("Shop") };
    let refused = merchants::create(&admin, again, &ada).await.unwrap_err();
    assert_eq!(refused.to_string(), AdminError::MerchantDeleted(id).to_string());
    assert!(merchants::create(&admin, shop("Shop"), &ada).await.is_ok());
}

#[tokio::test]
async fn clients_that_are_created_together_are_refused_together() {
    let stage = Stage::open().await;
    let (admin, ada) = (stage.installation.administration(), ada());
    let merchant = merchants::create(&admin, shop("Shop"), &ada).await.unwrap().id;
    let created = clients::create(&admin, new_client(Some(merchant)), &ada).await.unwrap().client.id;
    let deleted = clients::create(&admin, new_client(Some(merchant)), &ada).await.unwrap().client.id;
    clients::delete(&admin, deleted, None, &ada).await.unwrap();
    let fresh = new_client(Some(merchant));
    let with = |id| NewClient { id: Some(id), ..fresh.clone() };
    let twice = ClientId::from_bytes([7; 16]);
    let lost = MerchantId::from_bytes([7; 16]);
    let unknown = NewClient { audiences: vec!["ledger".parse().unwrap()], ..fresh.clone() };
    let cases: [(&[NewClient], String); 5] = [
        (&[with(created)], AdminError::ClientExists(created).to_string()),
        (&[with(deleted)], AdminError::ClientDeleted(deleted).to_string()),
        (&[with(twice), with(twice)], AdminError::ClientExists(twice).to_string()),
        (&[new_client(Some(lost))], AdminError::UnknownMerchant(lost).to_string()),
        (&[unknown], AdminError::UnknownAudience("ledger".parse().unwrap()).to_string()),
    ];
    let before = clients::list(&admin, None, None, 100).await.unwrap();
    for (new, expected) in cases {
        let drawn = many::draw(&admin, &[std::slice::from_ref(&fresh), new].concat());
        let refused = sent(many::create(&admin, &drawn, &ada)).await.unwrap_err();
        assert_eq!(refused.to_string(), expected);
    }
    assert_eq!(clients::list(&admin, None, None, 100).await.unwrap(), before);
    let drawn = many::draw(&admin, &[fresh.clone(), fresh]);
    let created = many::create(&admin, &drawn, &ada).await.unwrap();
    stage.follow().await;
    for (client, drawn) in created.iter().zip(&drawn) {
        let login = serde_json::json!({"client_id": client.id, "client_secret": drawn.expose_secret()});
        assert_eq!(stage.answer(Call::post(TOKEN).json(&login)).await.status(), 200);
    }
}

#[tokio::test]
async fn a_secret_expires_or_is_revoked_and_the_others_stay() {
    let stage = Stage::open().await;
    let (admin, ada, shop) = (stage.installation.administration(), ada(), stage.shop.id);
    let hour = Duration::from_secs(3600);
    let created = sent(secrets::create(&admin, shop, Some(hour), &ada)).await.unwrap();
    let now = admin.now().await.unwrap();
    let listed = sent(secrets::list(&admin, shop)).await.unwrap();
    assert_eq!(listed.len(), 2);
    for secret in &listed {
        let later = if secret.id == created.secret.id { SecretStatus::Active } else { SecretStatus::Expired };
        assert_eq!(SecretStatus::at(now, secret), SecretStatus::Active);
        assert_eq!(SecretStatus::at(now.after(2 * hour), secret), later);
    }
    sent(secrets::revoke(&admin, shop, created.secret.id, &ada)).await.unwrap();
    for secret in secrets::list(&admin, shop).await.unwrap() {
        let status =
            if secret.id == created.secret.id { SecretStatus::Revoked } else { SecretStatus::Active };
        assert_eq!(SecretStatus::at(now, &secret), status);
    }
}

#[tokio::test]
async fn what_is_unknown_is_said_by_its_kind() {
    let stage = Stage::open().await;
    let (admin, ada) = (stage.installation.administration(), ada());
    let (merchant, client) = (MerchantId::from_bytes([9; 16]), ClientId::from_bytes([9; 16]));
    let secret = SecretId::from_bytes([9; 16]);
    let before = stage.elsewhere.last_change().await.unwrap();
    let unknown = |error: &AdminError| error.to_string();
    for error in [
        merchants::disable(&admin, merchant, &ada).await.unwrap_err(),
        merchants::enable(&admin, merchant, &ada).await.unwrap_err(),
        merchants::find(&admin, merchant).await.unwrap_err(),
        clients::create(&admin, new_client(Some(merchant)), &ada).await.map(drop).unwrap_err(),
    ] {
        assert_eq!(unknown(&error), format!("there is no merchant {merchant}"));
    }
    for error in [
        clients::find(&admin, client).await.unwrap_err(),
        clients::disable(&admin, client, &ada).await.unwrap_err(),
        clients::enable(&admin, client, &ada).await.unwrap_err(),
        clients::delete(&admin, client, None, &ada).await.unwrap_err(),
        secrets::create(&admin, client, None, &ada).await.map(drop).unwrap_err(),
        secrets::list(&admin, client).await.unwrap_err(),
    ] {
        assert_eq!(unknown(&error), format!("there is no client {client}"));
    }
    let error = secrets::revoke(&admin, stage.shop.id, secret, &ada).await.unwrap_err();
    assert_eq!(unknown(&error), format!("client {} has no secret {secret}", stage.shop.id));
    assert_eq!(stage.elsewhere.last_change().await.unwrap(), before, "nothing was changed");
}

#[tokio::test(start_paused = true)]
async fn enabling_again_waits_until_every_server_has_read_of_the_disabling() {
    let stage = Stage::open().await;
    let (admin, ada) = (stage.installation.administration(), ada());
    let enable = async || {
        let start = tokio::time::Instant::now();
        merchants::enable(&admin, stage.merchant, &ada).await.unwrap();
        clients::enable(&admin, stage.shop.id, &ada).await.unwrap();
        start.elapsed()
    };
    let second = Duration::from_secs(1);
    assert!(enable().await < second, "both are enabled already");
    merchants::disable(&admin, stage.merchant, &ada).await.unwrap();
    assert!(enable().await >= second);
    clients::disable(&admin, stage.shop.id, &ada).await.unwrap();
    assert!(enable().await >= second);
}

#[tokio::test]
async fn keys_rotate_without_an_end_and_end_at_once_when_they_are_compromised() {
    let stage = Stage::open().await;
    let (admin, ada) = (stage.installation.administration(), ada());
    let rotated = sent(keys::rotate(&admin, Algorithm::Hs256, &ada)).await.unwrap();
    for listed in sent(keys::list(&admin)).await.unwrap() {
        let phase = if listed.key.id == rotated.id { Phase::Next } else { Phase::Active };
        assert_eq!(listed.phase, Some(phase));
    }
    assert!(rotated.others_retire_at > Some(rotated.activates_at));
    let replaced = sent(keys::replace_compromised(&admin, Algorithm::Hs256, &ada)).await.unwrap();
    assert_eq!(replaced.others_retire_at, Some(replaced.activates_at));
    let listed = keys::list(&admin).await.unwrap();
    assert_eq!(listed.len(), 3);
    for listed in listed {
        assert_eq!(listed.key.compromised, listed.key.id != replaced.id);
    }
}

#[tokio::test]
async fn the_first_key_of_an_algorithm_is_next_until_its_time_and_there_is_no_other_to_retire() {
    let stage = Stage::open().await;
    let (admin, ada) = (stage.installation.administration(), ada());
    let first = sent(keys::rotate(&admin, Algorithm::Es256, &ada)).await.unwrap();
    assert!(first.others_retire_at.is_none() && first.activates_at > stage.now());
    let listed = sent(keys::list(&admin)).await.unwrap();
    let listed = listed.iter().find(|listed| listed.key.id == first.id).unwrap();
    assert_eq!((listed.phase, listed.advances_at), (Some(Phase::Next), Some(first.activates_at)));
    let created = sent(keys::create(&admin, Algorithm::EdDsa, &ada)).await.unwrap();
    assert_eq!(created.others_retire_at, None);
    let replaced = sent(keys::replace_compromised(&admin, Algorithm::Rs256, &ada)).await.unwrap();
    assert_eq!(replaced.others_retire_at, None);
}

#[tokio::test]
async fn every_act_is_recorded_with_its_actor() {
    let stage = Stage::open().await;
    let (admin, ada) = (stage.installation.administration(), ada());
    let before = actors(stage.elsewhere.as_ref()).await.len();
    let merchant = merchants::create(&admin, shop("Shop"), &ada).await.unwrap();
    let client = clients::create(&admin, new_client(Some(merchant.id)), &ada).await.unwrap().client.id;
    let secret = secrets::create(&admin, client, None, &ada).await.unwrap().secret.id;
    secrets::revoke(&admin, client, secret, &ada).await.unwrap();
    clients::disable(&admin, client, &ada).await.unwrap();
    merchants::disable(&admin, merchant.id, &ada).await.unwrap();
    clients::delete(&admin, client, None, &ada).await.unwrap();
    keys::rotate(&admin, Algorithm::Hs256, &ada).await.unwrap();
    keys::replace_compromised(&admin, Algorithm::Hs256, &ada).await.unwrap();
    let recorded = actors(stage.elsewhere.as_ref()).await.split_off(before);
    assert_eq!(recorded.len(), 13);
    let expected = ("command-line:ada@gateway-1".to_owned(), Value::Null, Value::Text("ticket 7".to_owned()));
    assert!(recorded.iter().all(|actor| *actor == expected), "{recorded:?}");
}

#[tokio::test]
async fn a_client_that_revokes_its_token_is_the_actor() {
    let stage = Stage::open().await;
    let token = stage.tokens(&stage.shop).await.access;
    assert_eq!(stage.answer(create(&token)).await.status(), 201);
    let revoke = post_as(&stage.shop, "/oauth2/revoke", &format!("token={token}"));
    assert_eq!(stage.answer(revoke).await.status(), 200);
    let (actor, from, why) = actors(stage.elsewhere.as_ref()).await.pop().unwrap();
    assert_eq!((actor, why), (format!("client:{}", stage.shop.id), Value::Null));
    assert!(matches!(&from, Value::Text(address) if address.parse::<std::net::IpAddr>().is_ok()), "{from:?}");
}

#[tokio::test]
async fn a_store_is_copied_whole_to_an_empty_one_only() {
    let (stage, folder) = (Stage::open().await, tempfile::tempdir().unwrap());
    let from = stage.elsewhere.as_ref();
    let to = Sqlite::open(&folder.path().join("copy.db")).unwrap();
    assert!(matches!(copy::check_source(&to).await, Err(AdminError::NoInstallation)));
    let copied = sent(copy::copy(from, &to)).await.unwrap();
    assert_eq!(copied.iter().find(|copied| copied.table == Table::Merchants).unwrap().rows, 2);
    assert!(sent(copy::compare(from, &to)).await.unwrap().iter().all(copy::ComparedTable::is_same));
    assert!(matches!(copy::copy(from, &to).await, Err(AdminError::TargetNotEmpty)));

    merchants::create(&stage.installation.administration(), shop("New"), &ada()).await.unwrap();
    let compared = copy::compare(from, &to).await.unwrap();
    let different: Vec<_> =
        compared.iter().filter(|compared| !compared.is_same()).map(|it| it.table).collect();
    assert_eq!(different, [Table::Merchants, Table::Changes, Table::Audit, Table::Installation]);
}
