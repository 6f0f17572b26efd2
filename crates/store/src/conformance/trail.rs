//! The cases about the audit trail.

use tollgate_core::{Revocation, Revoked, Timestamp, TokenId};
use tollgate_keys::Link;

use super::{
    DAY, HOUR, NAME, NOW, SYSTEM, Shared, act_of, answer, at_once, bytes, client, client_id, lease, merchant,
    merchant_id, secret, secret_id, signing_key, trail_key, with_client,
};
use crate::{
    Act, Actor, ActorKind, Adoption, ClientUpdate, Completed, Creation, Draft, Object, Outcome, Record,
    RecordFilter, RecordOrder, Seal, Status, StoreError, TrailEnds, Version,
};

fn ada() -> Actor {
    Actor {
        kind: ActorKind::CommandLine { user: "ada".to_owned(), host: "gateway-1".to_owned() },
        from: Some("192.0.2.7".to_owned()),
        why: Some(NAME.to_owned()),
        request_id: Some("r-1".to_owned()),
    }
}

fn draft(act: &'static str, object: Object) -> Draft {
    Draft::new(NOW, ada(), act, object)
}

fn act(draft: Draft) -> Act {
    Act::new(trail_key(), draft)
}

async fn all(store: &Shared) -> Vec<Record> {
    let wanted = RecordFilter::default();
    store.records(&wanted, RecordOrder::OldestFirst, None, 10_000).await.unwrap()
}

/// Returns the acts since the trail began, and checks that each is chained to the one before.
async fn acts(store: &Shared) -> Vec<String> {
    let (records, key) = (all(store).await, trail_key());
    let mut before = Link::START;
    for record in &records {
        assert!(record.is_chained_to(before, &key), "{record:?}");
        before = record.link;
    }
    assert_eq!(store.trail().await.unwrap(), TrailEnds { purged: Link::START, newest: before });
    records.into_iter().skip(1).map(|record| record.act).collect()
}

pub async fn every_act_is_recorded_in_the_transaction_of_its_change(store: Shared) {
    let of = |name| act(draft(name, Object::Client(client_id(1))));
    let (id, key) = (client_id(1), signing_key(1, NOW));
    let token = Revocation { subject: Revoked::Token(TokenId::from_bytes(bytes(9))), expires_at: NOW };
    let adoption = Adoption { predecessor: None, terms: String::new(), by: "ada".to_owned(), at: NOW };
    let seal = Seal { check: b"two".to_vec(), secrets_key: None, trail_key: None };
    store.install(b"check", &key, &of("install")).await.unwrap();
    store.create_merchant(&merchant(1), &of("create merchant")).await.unwrap();
    store.rename_merchant(merchant_id(1), "Zoë", None, NOW, &of("rename")).await.unwrap();
    store.set_merchant_status(merchant_id(1), Status::Disabled, NOW, &of("disable merchant")).await.unwrap();
    store.create_client(&client(1, Some(1)), &of("create client")).await.unwrap();
    store.update_client(id, &ClientUpdate::default(), None, NOW, &of("update")).await.unwrap();
    store.set_client_status(id, Status::Disabled, NOW, &of("disable client")).await.unwrap();
    store.add_secret(id, &secret(2), None, NOW, &of("add secret")).await.unwrap();
    store.revoke_secret(id, secret_id(2), NOW, &of("revoke secret")).await.unwrap();
    store.revoke(&token, NOW, &of("revoke")).await.unwrap();
    store.end_client_tokens(id, NOW, &of("end tokens of client")).await.unwrap();
    store.end_merchant_tokens(merchant_id(1), NOW, &of("end tokens of merchant")).await.unwrap();
    create_keyed(&store, &of("create once")).await;
    store.add_signing_key(&signing_key(2, NOW), NOW, &of("add key")).await.unwrap();
    let next = signing_key(3, NOW);
    store.succeed_signing_key(signing_key(2, NOW).id, &next, NOW, &of("succeed")).await.unwrap();
    store.replace_signing_keys(&signing_key(4, NOW), &of("replace")).await.unwrap();
    store.adopt(&adoption, &of("adopt")).await.unwrap();
    let keys: Vec<_> = (1..=4).map(|number| (signing_key(number, NOW).id, vec![9])).collect();
    assert!(store.reseal(b"check", &seal, &keys, NOW, &of("reseal")).await.unwrap());
    store.delete_client(id, None, NOW, &of("delete client")).await.unwrap();
    store.delete_merchant(merchant_id(1), None, NOW, &of("delete merchant")).await.unwrap();
    store.record(&of("something happened")).await.unwrap();
    let expected = "install, create merchant, rename, disable merchant, create client, update, disable client, add secret, \
        revoke secret, revoke, end tokens of client, end tokens of merchant, create once, add key, succeed, replace, adopt, reseal, delete client, delete merchant, something happened";
    assert_eq!(acts(&store).await.join(", "), expected);
}

/// Adds a merchant by a request with an idempotency key; a second request, which has lost its lease, adds none.
async fn create_keyed(store: &Shared, act: &Act) {
    let (creation, mine) = (Creation::Merchant(merchant(3)), lease("key", 1));
    store.begin(&mine, NOW).await.unwrap();
    for (lease, expected) in [(lease("key", 2), Completed::LeaseLost), (mine, Completed::Created)] {
        let completed = store.complete_creation(&lease, &answer(), &creation, NOW, act).await;
        assert_eq!(completed.unwrap(), expected);
    }
}

pub async fn what_changes_nothing_has_no_record(store: Shared) {
    store.install(b"check", &signing_key(1, NOW), &SYSTEM).await.unwrap();
    with_client(&store).await;
    store.revoke_secret(client_id(1), secret_id(1), NOW, &SYSTEM).await.unwrap();
    let before = store.trail().await.unwrap();
    store.install(b"other", &signing_key(2, NOW), &SYSTEM).await.unwrap();
    assert!(store.revoke_secret(client_id(1), secret_id(1), NOW, &SYSTEM).await.unwrap());
    assert!(!store.revoke_secret(client_id(1), secret_id(7), NOW, &SYSTEM).await.unwrap());
    assert!(!store.set_client_status(client_id(7), Status::Disabled, NOW, &SYSTEM).await.unwrap());
    assert!(!store.end_client_tokens(client_id(7), NOW, &SYSTEM).await.unwrap());
    assert!(!store.end_merchant_tokens(merchant_id(7), NOW, &SYSTEM).await.unwrap());
    let only = Some(Version::from_number(7));
    assert!(!store.rename_merchant(merchant_id(1), "Zoë", only, NOW, &SYSTEM).await.unwrap());
    assert!(!store.update_client(client_id(1), &ClientUpdate::default(), only, NOW, &SYSTEM).await.unwrap());
    assert!(!store.delete_client(client_id(1), only, NOW, &SYSTEM).await.unwrap());
    assert!(!store.delete_merchant(merchant_id(1), only, NOW, &SYSTEM).await.unwrap());
    assert!(!store.delete_merchant(merchant_id(7), None, NOW, &SYSTEM).await.unwrap());
    assert!(!store.create_client(&client(7, Some(7)), &SYSTEM).await.unwrap());
    assert!(store.create_merchant(&merchant(1), &SYSTEM).await.is_err(), "it is there already");
    assert_eq!(store.purge_records(Link { seq: 1, mac: [7; 32] }, &SYSTEM).await.unwrap(), 0);
    assert_eq!(store.trail().await.unwrap(), before);
    assert_eq!(all(&store).await.len() as u64, before.newest.seq);
}

pub async fn records_are_as_they_were_written_and_chained(store: Shared) {
    let hostile = format!("{NAME}\n\u{1b}[2J");
    let full = Draft {
        merchant: Some(merchant_id(3)),
        outcome: Outcome::Refused,
        before: Some(hostile.clone()),
        after: Some("x".repeat(10_000)),
        ..draft("secret.revoke", Object::Secret(client_id(1), secret_id(2)))
    };
    store.record(&act(full)).await.unwrap();
    let bare = Draft::new(Timestamp::from_millis(0), Actor::system(), "server.start", Object::Store);
    store.record(&act(bare)).await.unwrap();
    assert_eq!(acts(&store).await, ["secret.revoke", "server.start"]);
    let [_, full, bare] = all(&store).await.try_into().unwrap();
    assert_eq!((full.at, full.actor.as_str()), (NOW, "command-line:ada@gateway-1"));
    assert_eq!((full.source.as_deref(), full.outcome.as_str()), (Some("192.0.2.7"), "refused"));
    assert_eq!((full.reason.as_deref(), full.request_id.as_deref()), (Some(NAME), Some("r-1")));
    assert_eq!(full.object, format!("secret:{}", secret_id(2)));
    assert_eq!((full.client_id, full.merchant_id), (Some(client_id(1)), Some(merchant_id(3))));
    assert_eq!((full.before.unwrap(), full.after.unwrap().len()), (hostile, 10_000));
    assert_eq!(
        (bare.actor.as_str(), bare.outcome.as_str(), bare.object.as_str()),
        ("system", "done", "store")
    );
    let nothing = [bare.source, bare.before, bare.after, bare.reason, bare.request_id];
    assert_eq!(nothing, [None, None, None, None, None]);
    assert_eq!((bare.client_id, bare.merchant_id), (None, None));
}

/// Checks that a new trail begins with a record that says so: nobody can know what was done in the store before.
pub async fn a_trail_begins_by_saying_so(store: Shared) {
    assert_eq!(store.trail().await.unwrap(), TrailEnds { purged: Link::START, newest: Link::START });
    store.create_merchant(&merchant(1), &act_of(ada())).await.unwrap();
    let [begin, create] = all(&store).await.try_into().unwrap();
    assert_eq!((begin.link.seq, begin.act.as_str(), begin.object.as_str()), (1, "trail.begin", "trail"));
    assert_eq!(begin.actor, "command-line:ada@gateway-1");
    assert_eq!(begin.after.as_deref(), Some(r#"{"since":"the store was brought up to date"}"#));
    assert_eq!(create.link.seq, 2);
}

pub async fn an_act_that_was_overtaken_changes_nothing(store: Shared) {
    store.create_merchant(&merchant(1), &SYSTEM).await.unwrap();
    let seen = store.trail().await.unwrap().newest;
    store.record(&SYSTEM).await.unwrap();
    let late = || act_of(ada()).on(seen);
    let before = (store.trail().await.unwrap(), store.last_change().await.unwrap());
    let refused = store.set_merchant_status(merchant_id(1), Status::Disabled, NOW, &late()).await;
    assert!(matches!(refused, Err(StoreError::Overtaken)), "{refused:?}");
    assert!(matches!(store.create_merchant(&merchant(2), &late()).await, Err(StoreError::Overtaken)));
    assert!(matches!(store.record(&late()).await, Err(StoreError::Overtaken)));
    assert_eq!(store.merchants(None, 10).await.unwrap(), [merchant(1)]);
    assert_eq!((store.trail().await.unwrap(), store.last_change().await.unwrap()), before);

    let now = store.trail().await.unwrap().newest;
    store.create_merchant(&merchant(2), &act_of(ada()).on(now)).await.unwrap();
    assert_eq!(store.trail().await.unwrap().newest.seq, now.seq + 1);
}

pub async fn of_many_acts_at_once_each_has_its_place_in_one_chain(store: Shared) {
    at_once(&store, 50, async |store, number| {
        store.create_merchant(&merchant(number), &SYSTEM).await.unwrap();
    })
    .await;
    assert_eq!(acts(&store).await.len(), 50);
    assert_eq!(store.merchants(None, 100).await.unwrap().len(), 50);
}

pub async fn an_act_may_have_several_records(store: Shared) {
    let more = [draft("client.delete", Object::Client(client_id(1))), draft("client.delete", Object::Store)];
    let deletes = act(draft("merchant.delete", Object::Merchant(merchant_id(1)))).with(more);
    with_client(&store).await;
    assert!(store.delete_merchant(merchant_id(1), None, NOW, &deletes).await.unwrap());
    let recorded = acts(&store).await;
    assert_eq!(recorded[2..], ["merchant.delete", "client.delete", "client.delete"]);
}

pub async fn records_are_found_by_what_they_are_about(store: Shared) {
    let of_client = |number, act| Draft {
        merchant: Some(merchant_id(number)),
        ..draft(act, Object::Client(client_id(number)))
    };
    let secret = draft("secret.revoke", Object::Secret(client_id(2), secret_id(2)));
    for draft in [
        draft("merchant.create", Object::Merchant(merchant_id(1))),
        of_client(1, "client.create"),
        Draft { at: NOW.after(HOUR), ..of_client(1, "client.disable") },
        of_client(2, "client.create"),
        Draft { at: NOW.after(DAY), actor: Actor::system(), ..secret },
    ] {
        store.record(&act(draft)).await.unwrap();
    }
    let found = |wanted: RecordFilter| {
        let store = &store;
        async move {
            let records = store.records(&wanted, RecordOrder::OldestFirst, Some(1), 100).await.unwrap();
            records.into_iter().map(|record| record.link.seq).collect::<Vec<_>>()
        }
    };
    let none = RecordFilter::default;
    assert_eq!(found(none()).await, [2, 3, 4, 5, 6]);
    assert_eq!(found(RecordFilter { merchant: Some(merchant_id(1)), ..none() }).await, [2, 3, 4]);
    assert_eq!(found(RecordFilter { client: Some(client_id(2)), ..none() }).await, [5, 6]);
    let object = Some(format!("client:{}", client_id(1)));
    assert_eq!(found(RecordFilter { object, ..none() }).await, [3, 4]);
    for (act, expected) in [("client.", &[3, 4, 5][..]), ("client.d", &[4]), ("client_", &[]), ("%", &[])] {
        assert_eq!(found(RecordFilter { act: Some(act.to_owned()), ..none() }).await, expected, "{act}");
    }
    let actor = |text: &str| Some(text.to_owned());
    assert_eq!(found(RecordFilter { actor: actor("system"), ..none() }).await, [6]);
    assert_eq!(found(RecordFilter { actor: actor("command-line:ada"), ..none() }).await, [2, 3, 4, 5]);
    let (since, until) = (Some(NOW.after(HOUR)), Some(NOW.after(DAY)));
    assert_eq!(found(RecordFilter { since, ..none() }).await, [4, 6]);
    assert_eq!(found(RecordFilter { since, until, ..none() }).await, [4]);
    let both = RecordFilter { act: actor("client."), client: Some(client_id(2)), ..none() };
    assert_eq!(found(both).await, [5]);
}

pub async fn records_come_in_pages_either_way(store: Shared) {
    for _ in 0..4 {
        store.record(&SYSTEM).await.unwrap();
    }
    for (order, expected) in
        [(RecordOrder::OldestFirst, [1, 2, 3, 4, 5]), (RecordOrder::NewestFirst, [5, 4, 3, 2, 1])]
    {
        let (mut after, mut seen) = (None, Vec::new());
        loop {
            let page = store.records(&RecordFilter::default(), order, after, 2).await.unwrap();
            let Some(last) = page.last() else { break };
            after = Some(last.link.seq);
            seen.extend(page.iter().map(|record| record.link.seq));
        }
        assert_eq!(seen, expected);
    }
}

pub async fn a_trail_that_was_purged_goes_on_from_there(store: Shared) {
    for _ in 0..4 {
        store.record(&SYSTEM).await.unwrap();
    }
    let until = all(&store).await[2].link;
    assert_eq!(store.purge_records(until, &act(draft("trail.purge", Object::Trail))).await.unwrap(), 3);
    let left = all(&store).await;
    assert_eq!(left.iter().map(|record| record.link.seq).collect::<Vec<_>>(), [4, 5, 6]);
    let ends = store.trail().await.unwrap();
    assert_eq!(ends, TrailEnds { purged: until, newest: left[2].link });
    assert!(left[0].is_chained_to(ends.purged, &trail_key()));
    assert_eq!(left[2].act, "trail.purge");
    store.record(&SYSTEM).await.unwrap();
    assert_eq!(store.trail().await.unwrap().newest.seq, 7);
}

pub async fn an_installation_is_recorded_once(store: Shared) {
    at_once(&store, 8, async |store, number| {
        let act = Act::new(trail_key(), Draft::install(NOW, ada()));
        store.install(&bytes(number), &signing_key(number, NOW), &act).await.unwrap()
    })
    .await;
    assert_eq!(acts(&store).await, ["store.install"]);
    assert_eq!(all(&store).await[0].after.as_deref(), Some(r#"{"since":"the store was made"}"#));
}

pub async fn what_was_streamed_is_never_taken_back(store: Shared) {
    assert_eq!(store.streamed().await.unwrap(), 0);
    for (noted, known) in [(3, 3), (2, 3), (7, 7)] {
        store.note_streamed(noted).await.unwrap();
        assert_eq!(store.streamed().await.unwrap(), known);
    }
}
