//! The audit trail: what is recorded, and that no change of it goes unnoticed.

mod events;
mod streaming;
mod tampering;

use std::time::Duration;

use serde_json::{Value, json};
use tollgate_admin::audit::{self, Anchor, Flaw, Line, Query};
use tollgate_admin::clients::NewClient;
use tollgate_admin::imported::ImportedSecrets;
use tollgate_admin::merchants::{self, NewMerchant};
use tollgate_admin::{Administration, Authority, clients, configuration, keys, rekey, secrets, tokens};
use tollgate_core::{Algorithm, ClientId, MerchantId, TokenId};
use tollgate_keys::Link;
use tollgate_store::{
    Actor, ActorKind, ClientUpdate, Draft, Object, Record, RecordFilter, RecordOrder, Terms, Time as _,
    Trail as _,
};

use crate::oauth::post_as;
use crate::stage::{ACT, NOW, SYSTEM, Stage};

fn ada() -> Actor {
    let kind = ActorKind::CommandLine { user: "ada".to_owned(), host: "gateway-1".to_owned() };
    Actor {
        from: Some("192.0.2.7".to_owned()),
        why: Some("ticket 7".to_owned()),
        request_id: Some("r-1".to_owned()),
        ..Actor::new(kind)
    }
}

async fn everything(stage: &Stage) -> Vec<Record> {
    let all = RecordFilter::default();
    stage.elsewhere.records(&all, RecordOrder::OldestFirst, None, 10_000).await.unwrap()
}

/// The records behind a number, as they are shown.
async fn since(stage: &Stage, seq: u64) -> Vec<Value> {
    everything(stage).await.iter().filter(|record| record.link.seq > seq).map(audit::shown).collect()
}

async fn newest(stage: &Stage) -> u64 {
    stage.elsewhere.trail().await.unwrap().newest.seq
}

fn new_client(merchant: MerchantId) -> NewClient {
    NewClient {
        merchant_id: Some(merchant),
        name: "till".parse().unwrap(),
        environment: None,
        scope: "payments:read".parse().unwrap(),
        addresses: Vec::new(),
        audiences: Vec::new(),
        id: None,
        terms: Terms::default(),
        secrets: ImportedSecrets::default(),
    }
}

fn shop(name: &str) -> NewMerchant {
    NewMerchant { id: None, name: name.parse().unwrap() }
}

/// Does everything that can be done, once.
async fn everything_once(admin: &Administration<'_>, actor: &Actor) -> (MerchantId, ClientId) {
    let merchant = merchants::create(admin, shop("Shop"), actor).await.unwrap().id;
    let client = clients::create(admin, new_client(merchant), actor).await.unwrap().client.id;
    let update = ClientUpdate { name: Some("till 2".to_owned()), ..ClientUpdate::default() };
    clients::update(admin, client, &update, None, actor).await.unwrap();
    let secret = secrets::create(admin, client, Some(Duration::from_secs(60)), actor).await.unwrap();
    secrets::revoke(admin, client, secret.secret.id, actor).await.unwrap();
    clients::disable(admin, client, actor).await.unwrap();
    clients::enable(admin, client, actor).await.unwrap();
    tokens::revoke_all_of_client(admin, client, actor).await.unwrap();
    clients::delete(admin, client, None, actor).await.unwrap();
    merchants::rename(admin, merchant, "Store".parse().unwrap(), None, actor).await.unwrap();
    merchants::disable(admin, merchant, actor).await.unwrap();
    merchants::enable(admin, merchant, actor).await.unwrap();
    tokens::revoke_all_of_merchant(admin, merchant, actor).await.unwrap();
    let another = clients::create(admin, new_client(merchant), actor).await.unwrap().client.id;
    merchants::delete(admin, merchant, None, actor).await.unwrap();
    keys::create(admin, Algorithm::Es256, actor).await.unwrap();
    keys::rotate(admin, Algorithm::Hs256, actor).await.unwrap();
    keys::replace_compromised(admin, Algorithm::Es256, actor).await.unwrap();
    tokens::revoke(admin, TokenId::from_bytes([7; 16]), actor).await.unwrap();
    rekey::rekey(admin, actor).await.unwrap();
    (merchant, another)
}

#[tokio::test]
async fn every_act_leaves_a_record_that_says_who_what_where_and_why() {
    let stage = Stage::open().await;
    let (admin, before) = (stage.installation.administration(), newest(&stage).await);
    let (merchant, another) = everything_once(&admin, &ada()).await;
    let recorded = since(&stage, before).await;
    let acts: Vec<_> = recorded.iter().map(|record| record["act"].as_str().unwrap()).collect();
    let expected = "merchant.create client.create client.update secret.create secret.revoke client.disable client.enable \
        client.revoke-tokens client.delete merchant.rename merchant.disable merchant.enable merchant.revoke-tokens \
        client.create merchant.delete client.delete key.create key.rotate key.replace-compromised token.revoke";
    assert_eq!(acts.join(" "), expected, "the store is sealed with its only master key already");
    for record in &recorded {
        assert_eq!(record["actor"], "command-line:ada@gateway-1");
        assert_eq!((&record["source"], &record["reason"]), (&json!("192.0.2.7"), &json!("ticket 7")));
        assert_eq!((&record["request_id"], &record["outcome"]), (&json!("r-1"), &json!("done")));
    }
    let of_the_merchant = recorded[..16].iter().all(|record| record["merchant_id"] == merchant.to_string());
    assert!(of_the_merchant, "{recorded:#?}");
    assert_eq!(recorded[2]["before"], json!({"name": "till"}));
    assert_eq!(recorded[2]["after"], json!({"name": "till 2"}));
    assert_eq!(recorded[5]["before"], json!({"status": "enabled"}));
    assert_eq!(recorded[5]["after"], json!({"status": "disabled"}));
    assert_eq!(recorded[15]["object"], format!("client:{another}"), "it went with its merchant");
    assert_eq!(recorded[15]["before"]["name"], "till");
}

#[tokio::test]
async fn what_is_refused_is_recorded_and_so_is_who_reads_the_trail() {
    let stage = Stage::open().await;
    let (admin, before) = (stage.installation.administration(), newest(&stage).await);
    let nobody = ClientId::from_bytes([7; 16]);
    clients::disable(&admin, nobody, &ada()).await.unwrap_err();
    let query = Query { limit: 10, ..Query::default() };
    let listed = audit::list(&admin, &query, &ada()).await.unwrap();
    let why = "the role does not suffice";
    audit::refused(&admin, "merchant.create", Object::Route("/admin/v1/merchants".to_owned()), why, &ada())
        .await
        .unwrap();
    let [refused, list, role] = since(&stage, before).await.try_into().unwrap();
    assert_eq!((&refused["act"], &refused["outcome"]), (&json!("client.disable"), &json!("refused")));
    assert_eq!(refused["object"], format!("client:{nobody}"));
    assert_eq!(refused["after"]["refused"], format!("there is no client {nobody}"));
    assert_eq!((&list["act"], &list["object"]), (&json!("trail.list"), &json!("trail")));
    assert!(listed.len() < 11);
    assert_eq!(
        (&role["object"], &role["after"]["refused"]),
        (&json!("route:/admin/v1/merchants"), &json!(why))
    );
    // Going on with a list is no other reading.
    let further = Query { after: Some(1), ..query };
    audit::list(&admin, &further, &ada()).await.unwrap();
    assert_eq!(newest(&stage).await, before + 3);
}

#[tokio::test]
async fn what_a_client_ends_by_itself_is_recorded_as_its_own_doing() {
    let stage = Stage::open().await;
    let token = stage.tokens(&stage.shop).await.access;
    let before = newest(&stage).await;
    let revoke = post_as(&stage.shop, "/oauth2/revoke", &format!("token={token}"));
    assert_eq!(stage.answer(revoke).await.status(), 200);
    let [revoked] = since(&stage, before).await.try_into().unwrap();
    assert_eq!(revoked["act"], "token.revoke");
    assert_eq!(revoked["actor"], format!("client:{}", stage.shop.id));
    assert_eq!(
        (&revoked["client_id"], &revoked["merchant_id"]),
        (&json!(stage.shop.id), &json!(stage.merchant))
    );
}

#[tokio::test]
async fn no_secret_is_in_any_record() {
    let stage = Stage::open().await;
    let admin = stage.installation.administration();
    let created = clients::create(&admin, new_client(stage.merchant), &ada()).await.unwrap();
    let added = secrets::create(&admin, created.client.id, None, &ada()).await.unwrap();
    keys::rotate(&admin, Algorithm::Hs256, &ada()).await.unwrap();
    let text = format!("{:?}", everything(&stage).await);
    for secret in [created.expose_secret().unwrap(), added.value.expose_secret()] {
        assert!(!text.contains(secret));
    }
    let hashes = stage.elsewhere.client(created.client.id).await.unwrap().unwrap().secrets;
    for hash in hashes.iter().map(|secret| format!("{:?}", secret.hash)) {
        assert!(!text.contains(&hash));
    }
    assert!(!text.contains("sealed"));
}

#[tokio::test]
async fn acts_at_once_of_several_processes_all_have_their_place() {
    let stage = Stage::open().await;
    let nodes = [stage.node(stage.clock.clone()).await, stage.node(stage.clock.clone()).await];
    let mut acts = tokio::task::JoinSet::new();
    for number in 0..40 {
        let installation = nodes[number % 2].installation.clone();
        acts.spawn(async move {
            let name = format!("Shop {number}").parse().unwrap();
            merchants::create(&installation.administration(), NewMerchant { id: None, name }, &ada())
                .await
                .unwrap()
        });
    }
    assert_eq!(acts.join_all().await.len(), 40);
    let verified = audit::verify(&stage.installation.administration(), None).await.unwrap().unwrap();
    assert_eq!(verified.records, newest(&stage).await);
}

#[tokio::test]
async fn a_line_of_an_export_comes_back_as_the_record_that_it_is_of() {
    let stage = Stage::open().await;
    let admin = stage.installation.administration();
    let name = "Zoë's \u{202e}\u{9b}2J\" \\ 🦀";
    let odd = Actor { from: Some("\u{1b}[2J\n".repeat(2_000)), why: Some(name.to_owned()), ..ada() };
    audit::refused(&admin, "client.create", Object::Route(name.to_owned()), name, &odd).await.unwrap();
    everything_once(&admin, &odd).await;
    for text in ["null", "1", "\"x\"", "{\"a\": 1}", "[]"] {
        let of = Draft { before: Some(text.to_owned()), ..Draft::new(NOW, ada(), "test", Object::Store) };
        stage.elsewhere.record(&admin.unlocked.trail().act(of)).await.unwrap();
    }
    let mut before = Link::START;
    for record in everything(&stage).await {
        let line = Line { before, record };
        before = line.record.link;
        let text = line.to_json().to_string();
        assert_eq!(text.lines().count(), 1);
        assert_eq!(Line::from_json(&serde_json::from_str(&text).unwrap()), Ok(line.clone()));
        assert_eq!(Line::parse(&text), Ok(line));
    }
}

#[tokio::test]
async fn what_servers_agree_on_is_recorded_with_what_it_was_before() {
    let stage = Stage::open().await;
    let mut config = stage.config.clone();
    config.tokens.audience = "another".to_owned();
    let running = stage.installation.administration();
    let admin = Administration { config: &config, ..running };
    let before = newest(&stage).await;
    configuration::adopt(&admin, "ada", &ada()).await.unwrap();
    let [adopted] = since(&stage, before).await.try_into().unwrap();
    assert_eq!(adopted["act"], "configuration.adopt");
    assert_eq!(adopted["before"], json!({"audience": "payment-api"}));
    assert_eq!(adopted["after"], json!({"audience": "another"}));
}

/// Opens the trail of a store that was sealed with another master key since.
#[tokio::test]
async fn the_trail_outlives_the_master_key_and_a_copy() {
    let stage = Stage::open().await;
    let both = [
        "00f1d2c3b4a5968778695a4b3c2d1e0f00112233445566778899aabbccddee99",
        "f0e1d2c3b4a5968778695a4b3c2d1e0f00112233445566778899aabbccddee42",
    ];
    let keys = |texts: &[&str]| {
        let keys = texts.iter().map(|text| text.parse().unwrap()).collect();
        tollgate_keys::MasterKeys::new(keys).unwrap()
    };
    let store = stage.elsewhere.as_ref();
    let old = tollgate_admin::Unlocked::new(store, keys(&both)).await.unwrap();
    let admin =
        Administration { store, unlocked: &old, config: &stage.config, authority: Authority::MasterKey };
    assert!(rekey::rekey(&admin, &ada()).await.unwrap().changed);
    let new = tollgate_admin::Unlocked::new(store, keys(&both[..1])).await.unwrap();
    let admin = Administration { unlocked: &new, ..admin };
    let anchor = audit::verify(&admin, None).await.unwrap().unwrap().anchor;

    let folder = tempfile::tempdir().unwrap();
    let copied = tollgate_store_sqlite::Sqlite::open(&folder.path().join("copy.db")).unwrap();
    tollgate_admin::copy::copy(store, &copied).await.unwrap();
    let admin = Administration { store: &copied, ..admin };
    merchants::create(&admin, shop("There"), &ada()).await.unwrap();
    let verified = audit::verify(&admin, Some(anchor)).await.unwrap().unwrap();
    assert_eq!(verified.records, anchor.0.seq + 1, "it goes on there");
}

#[tokio::test]
async fn records_are_purged_when_they_were_kept_for_long_enough_and_were_exported() {
    let (stage, folder) = (Stage::open().await, tempfile::tempdir().unwrap());
    let early = tollgate_store_sqlite::Sqlite::open(&folder.path().join("early.db")).unwrap();
    for _ in 0..3 {
        early.record(&ACT).await.unwrap();
    }
    let through = early.trail().await.unwrap().newest;
    let mut config = stage.config.clone();
    config.audit.keep = Duration::from_secs(24 * 60 * 60);
    config.audit.purge_only_exported = true;
    let admin = Administration { config: &config, store: &early, ..stage.installation.administration() };
    let passed = early.now().await.unwrap();
    assert_eq!(audit::purge(&admin, NOW, &SYSTEM).await.unwrap(), 0, "the time has not passed for certain");
    assert_eq!(audit::purge(&admin, passed, &SYSTEM).await.unwrap(), 0, "nothing was exported");
    audit::end_export(&admin, Some(2), through, &SYSTEM).await.unwrap();
    assert_eq!(audit::purge(&admin, passed, &SYSTEM).await.unwrap(), 0, "the first two were not");
    audit::end_export(&admin, None, through, &SYSTEM).await.unwrap();
    assert_eq!(audit::purge(&admin, passed, &SYSTEM).await.unwrap(), through.seq);
    let verified = audit::verify(&admin, Some(Anchor(through))).await.unwrap().unwrap();
    assert_eq!((verified.purged, verified.records), (through.seq, 3));
    let other = Anchor(Link { mac: [7; 32], ..through });
    assert_eq!(audit::verify(&admin, Some(other)).await.unwrap(), Err(Flaw::Replaced(through.seq)));
    // What is left is of today.
    assert_eq!(audit::purge(&admin, passed, &SYSTEM).await.unwrap(), 0);
}
