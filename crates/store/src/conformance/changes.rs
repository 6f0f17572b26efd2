//! The installation, the signing keys, the change log and the revocations.

use std::time::Duration;

use tollgate_core::{Algorithm, Generation, Revocation, Revoked, TokenId, Uptime};

use super::transfer::exported;
use super::{
    DAY, FORGOTTEN, HOUR, MILLISECOND, NAME, NOW, SYSTEM, Shared, act_of, at_once, bytes, changed_since,
    client, client_id, lease, merchant, merchant_id, secret, secret_id, signing_key, with_client,
};
use crate::{
    Actor, ActorKind, Adoption, Changed, Part, Position, Seal, SigningKey, Status, Table, TimePassed, Value,
};

pub async fn installing_twice_keeps_the_first_check_and_key(store: Shared) {
    assert_eq!(store.installation().await.unwrap(), None);
    assert_eq!(store.install(b"\0one", &signing_key(1, NOW), &SYSTEM).await.unwrap(), b"\0one");
    assert_eq!(store.install(b"two", &signing_key(2, NOW), &SYSTEM).await.unwrap(), b"\0one");
    assert_eq!(store.installation().await.unwrap().unwrap().check, b"\0one");
    assert_eq!(store.signing_keys().await.unwrap(), [signing_key(1, NOW)]);
}

pub async fn concurrent_installs_agree(store: Shared) {
    let checks = at_once(&store, 16, async |store, number| {
        store.install(&bytes(number), &signing_key(number, NOW), &SYSTEM).await.unwrap()
    })
    .await;
    let keys = store.signing_keys().await.unwrap();
    assert_eq!(keys.len(), 1);
    assert!(checks.iter().all(|check| *check == keys[0].id.as_bytes()), "{checks:?}");
}

pub async fn sealing_anew_replaces_every_key_or_nothing(store: Shared) {
    let never = NOW.after(100 * DAY);
    store.install(b"one", &signing_key(1, NOW), &SYSTEM).await.unwrap();
    store.add_signing_key(&signing_key(2, NOW.after(HOUR)), never, &SYSTEM).await.unwrap();
    let before = store.last_change().await.unwrap();
    let sealed = |number: u32| (signing_key(number, NOW).id, vec![9; 3]);
    let seal = |check: &[u8], key: u8| Seal {
        check: check.to_owned(),
        secrets_key: Some(vec![key]),
        trail_key: Some(vec![key, 1]),
    };
    for (from, keys) in [
        (&b"two"[..], vec![sealed(1), sealed(2)]),
        (b"one", vec![sealed(1)]),
        (b"one", vec![sealed(1), sealed(3)]),
        (b"one", vec![sealed(1), sealed(2), sealed(3)]),
    ] {
        assert!(!store.reseal(from, &seal(b"two", 7), &keys, NOW, &SYSTEM).await.unwrap());
    }
    let unchanged = Seal { check: b"one".to_vec(), secrets_key: None, trail_key: None };
    assert_eq!(store.installation().await.unwrap(), Some(unchanged));
    assert_eq!(store.signing_keys().await.unwrap()[0].sealed, signing_key(1, NOW).sealed);
    assert_eq!(changed_since(&store, before).await, []);

    let all = [sealed(2), sealed(1)];
    assert!(store.reseal(b"one", &seal(b"two", 7), &all, NOW, &SYSTEM).await.unwrap());
    assert_eq!(store.installation().await.unwrap(), Some(seal(b"two", 7)));
    assert!(store.signing_keys().await.unwrap().iter().all(|key| key.sealed == [9; 3]));
    assert_eq!(changed_since(&store, before).await, [Changed::SigningKeys]);
    assert!(store.reseal(b"two", &seal(b"two", 8), &all, NOW, &SYSTEM).await.unwrap(), "once more");
    assert_eq!(store.installation().await.unwrap(), Some(seal(b"two", 8)));
}

pub async fn signing_keys_come_oldest_first(store: Shared) {
    let never = NOW.after(100 * DAY);
    store.install(b"check", &signing_key(9, NOW), &SYSTEM).await.unwrap();
    store.add_signing_key(&signing_key(5, NOW.after(HOUR)), never, &SYSTEM).await.unwrap();
    store.add_signing_key(&signing_key(7, NOW.before(HOUR)), never, &SYSTEM).await.unwrap();
    let ids: Vec<_> = store.signing_keys().await.unwrap().into_iter().map(|key| *key.id.as_bytes()).collect();
    assert_eq!(ids, [bytes(7), bytes(9), bytes(5)]);
}

pub async fn a_new_signing_key_retires_the_others_unless_they_retire_sooner(store: Shared) {
    let (sooner, later) = (NOW.after(HOUR), NOW.after(DAY));
    store.install(b"check", &signing_key(1, NOW), &SYSTEM).await.unwrap();
    store.add_signing_key(&signing_key(2, NOW.after(MILLISECOND)), sooner, &SYSTEM).await.unwrap();
    let before = store.last_change().await.unwrap();
    store.add_signing_key(&signing_key(3, NOW.after(2 * MILLISECOND)), later, &SYSTEM).await.unwrap();
    let retire: Vec<_> = store.signing_keys().await.unwrap().into_iter().map(|key| key.retires_at).collect();
    assert_eq!(retire, [Some(sooner), Some(later), None]);
    assert_eq!(changed_since(&store, before).await, [Changed::SigningKeys]);
}

pub async fn compromised_signing_keys_are_marked_and_replaced(store: Shared) {
    store.install(b"check", &signing_key(1, NOW), &SYSTEM).await.unwrap();
    store.add_signing_key(&signing_key(2, NOW.after(MILLISECOND)), NOW.after(DAY), &SYSTEM).await.unwrap();
    let before = store.last_change().await.unwrap();
    store.replace_signing_keys(&signing_key(3, NOW.after(HOUR)), &SYSTEM).await.unwrap();
    let keys = store.signing_keys().await.unwrap();
    assert_eq!(keys.iter().map(|key| key.compromised).collect::<Vec<_>>(), [true, true, false]);
    assert_eq!(keys[2], signing_key(3, NOW.after(HOUR)));
    assert!(keys[..2].iter().all(|key| key.retires_at == Some(NOW.after(HOUR))));
    assert_eq!(changed_since(&store, before).await, [Changed::SigningKeys]);
    store.add_signing_key(&signing_key(4, NOW.after(DAY)), NOW.after(2 * DAY), &SYSTEM).await.unwrap();
    let compromised: Vec<_> =
        store.signing_keys().await.unwrap().into_iter().map(|key| key.compromised).collect();
    assert_eq!(compromised, [true, true, false, false]);
}

pub async fn a_signing_key_concerns_only_those_of_its_algorithm(store: Shared) {
    let es256 =
        |number, created_at| SigningKey { algorithm: Algorithm::Es256, ..signing_key(number, created_at) };
    let (first, later) = (NOW.after(MILLISECOND), NOW.after(HOUR));
    store.install(b"check", &signing_key(1, NOW), &SYSTEM).await.unwrap();
    store.add_signing_key(&es256(2, first), later, &SYSTEM).await.unwrap();
    assert_eq!(store.signing_keys().await.unwrap(), [signing_key(1, NOW), es256(2, first)]);
    let succeeded = store.succeed_signing_key(es256(2, first).id, &es256(3, later), later, &SYSTEM).await;
    assert!(succeeded.unwrap());
    store.replace_signing_keys(&es256(4, later.after(HOUR)), &SYSTEM).await.unwrap();
    let keys = store.signing_keys().await.unwrap();
    assert_eq!(keys[0], signing_key(1, NOW));
    assert_eq!(keys.iter().map(|key| key.compromised).collect::<Vec<_>>(), [false, true, true, false]);
    store.replace_signing_keys(&signing_key(5, later.after(DAY)), &SYSTEM).await.unwrap();
    let keys = store.signing_keys().await.unwrap();
    assert_eq!(keys.iter().map(|key| key.compromised).collect::<Vec<_>>(), [true, true, true, false, false]);
}

pub async fn the_longest_lifetime_only_ever_grows(store: Shared) {
    for (at_least, expected) in [(Duration::ZERO, Duration::ZERO), (HOUR, HOUR), (DAY, DAY), (HOUR, DAY)] {
        assert_eq!(store.longest_lifetime(at_least).await.unwrap(), expected);
    }
    let raised =
        at_once(&store, 16, async |store, number| store.longest_lifetime(number * DAY).await.unwrap()).await;
    assert!(raised.iter().zip(0..).all(|(longest, number)| *longest >= number * DAY), "{raised:?}");
    assert_eq!(store.longest_lifetime(Duration::ZERO).await.unwrap(), 15 * DAY);
}

pub async fn revocations_outlive_the_longest_lifetime(store: Shared) {
    with_client(&store).await;
    store.longest_lifetime(30 * DAY).await.unwrap();
    store.revoke_secret(client_id(1), secret_id(1), NOW, &SYSTEM).await.unwrap();
    store.set_client_status(client_id(1), Status::Disabled, NOW, &SYSTEM).await.unwrap();
    store.set_merchant_status(merchant_id(1), Status::Disabled, NOW, &SYSTEM).await.unwrap();
    store.delete_client(client_id(1), None, NOW, &SYSTEM).await.unwrap();
    let until = FORGOTTEN.after(30 * DAY);
    assert_eq!(store.revocations(until.before(MILLISECOND)).await.unwrap().len(), 4);
    assert_eq!(store.revocations(until).await.unwrap(), []);
}

pub async fn the_store_has_a_clock(store: Shared) {
    let before = store.now().await.unwrap();
    assert!(before > NOW, "it shows the time of today");
    assert!(store.now().await.unwrap() >= before);
}

pub async fn the_latest_time_that_has_passed_is_kept(store: Shared) {
    assert_eq!(store.time_passed().await.unwrap(), None);
    let passed = |until, boot, seconds| TimePassed {
        until,
        uptime: Uptime { boot: [boot; 16], elapsed: Duration::from_secs(seconds) },
    };
    let (first, later) = (passed(NOW, 1, 10), passed(NOW.after(HOUR), 0xff, 3));
    for (noted, kept) in [(first, first), (later, later), (first, later)] {
        store.note_time_passed(&noted).await.unwrap();
        assert_eq!(store.time_passed().await.unwrap(), Some(kept));
    }
}

pub async fn changes_are_written_with_their_effect_and_in_its_order(store: Shared) {
    assert_eq!(store.last_change().await.unwrap(), Position::START);
    assert_eq!(changed_since(&store, Position::START).await, []);
    let expires_at = NOW.after(DAY);
    let token = Revocation { subject: Revoked::Token(TokenId::from_bytes(bytes(9))), expires_at };
    let (client, merchant) = (client_id(1), merchant_id(1));
    with_client(&store).await;
    store.add_secret(client, &secret(2), None, NOW, &SYSTEM).await.unwrap();
    store.revoke(&token, NOW, &SYSTEM).await.unwrap();
    store.revoke_secret(client, secret_id(1), NOW, &SYSTEM).await.unwrap();
    store.set_client_status(client, Status::Disabled, NOW, &SYSTEM).await.unwrap();
    store.set_client_status(client, Status::Enabled, NOW, &SYSTEM).await.unwrap();
    store.set_merchant_status(merchant, Status::Disabled, NOW, &SYSTEM).await.unwrap();
    store.set_merchant_status(merchant, Status::Enabled, NOW, &SYSTEM).await.unwrap();
    store.delete_client(client, None, NOW, &SYSTEM).await.unwrap();

    let revoked = |subject| Changed::Revocation(Revocation { subject, expires_at: FORGOTTEN });
    let second = Generation::FIRST.next();
    assert_eq!(
        changed_since(&store, Position::START).await,
        [
            Changed::Merchant(merchant),
            Changed::Client(client),
            Changed::Client(client),
            Changed::Revocation(token),
            Changed::Client(client),
            revoked(Revoked::Secret(secret_id(1))),
            Changed::Client(client),
            revoked(Revoked::Client(client, second)),
            Changed::Client(client),
            Changed::Merchant(merchant),
            revoked(Revoked::Merchant(merchant, second)),
            Changed::Merchant(merchant),
            Changed::Client(client),
            revoked(Revoked::Client(client, Generation::END)),
        ]
    );
}

pub async fn what_changes_nothing_is_no_change(store: Shared) {
    with_client(&store).await;
    store.revoke_secret(client_id(1), secret_id(1), NOW, &SYSTEM).await.unwrap();
    let before = store.last_change().await.unwrap();
    assert!(store.revoke_secret(client_id(1), secret_id(1), NOW.after(HOUR), &SYSTEM).await.unwrap());
    assert!(!store.revoke_secret(client_id(1), secret_id(2), NOW, &SYSTEM).await.unwrap());
    assert!(!store.delete_client(client_id(2), None, NOW, &SYSTEM).await.unwrap());
    store.begin(&lease("key", 1), NOW).await.unwrap();
    assert_eq!(changed_since(&store, before).await, []);
}

pub async fn changes_come_in_pages(store: Shared) {
    store.create_merchant(&merchant(1), &SYSTEM).await.unwrap();
    let before = store.last_change().await.unwrap();
    for number in 0..5 {
        store.create_client(&client(number, Some(1)), &SYSTEM).await.unwrap();
    }
    let (mut seen_until, mut seen) = (before, Vec::new());
    for expected in [2, 2, 1, 0] {
        let page = store.changes_since(seen_until, 2).await.unwrap().unwrap();
        assert_eq!(page.len(), expected);
        seen_until = page.last().map_or(seen_until, |change| change.position);
        seen.extend(page.into_iter().map(|change| change.what));
    }
    assert_eq!(seen, (0..5).map(|number| Changed::Client(client_id(number))).collect::<Vec<_>>());
}

pub async fn concurrent_changes_have_numbers_of_their_own(store: Shared) {
    store.create_merchant(&merchant(1), &SYSTEM).await.unwrap();
    let before = store.last_change().await.unwrap();
    at_once(&store, 50, async |store, number| {
        store.create_client(&client(number, Some(1)), &SYSTEM).await.unwrap()
    })
    .await;
    let changed = changed_since(&store, before).await;
    assert_eq!(changed.len(), 50);
    assert!((0..50).all(|number| changed.contains(&Changed::Client(client_id(number)))));
}

pub async fn purged_changes_force_a_reload(store: Shared) {
    store.create_merchant(&merchant(1), &SYSTEM).await.unwrap();
    store.create_client(&client(1, Some(1)), &SYSTEM).await.unwrap();
    let purged = store.last_change().await.unwrap();
    let mut later = client(2, Some(1));
    later.created_at = NOW.after(MILLISECOND);
    store.create_client(&later, &SYSTEM).await.unwrap();

    assert_eq!(store.purge(NOW.after(DAY).before(MILLISECOND)).await.unwrap(), 0);
    assert_eq!(changed_since(&store, Position::START).await.len(), 3);
    assert_eq!(store.purge(NOW.after(DAY)).await.unwrap(), 2);
    assert_eq!(store.changes_since(Position::START, 1000).await.unwrap(), None);
    assert_eq!(changed_since(&store, purged).await, [Changed::Client(client_id(2))]);

    // The last number is known even after every change was purged.
    let last = store.last_change().await.unwrap();
    assert_eq!(store.purge(NOW.after(2 * DAY)).await.unwrap(), 1);
    assert_eq!(store.last_change().await.unwrap(), last);
    assert_eq!(store.changes_since(purged, 1000).await.unwrap(), None);
    assert_eq!(changed_since(&store, last).await, []);
    let of_another_history = Position { seq: last.seq, ..Position::START };
    assert_eq!(store.changes_since(of_another_history, 1000).await.unwrap(), None);
    store.create_client(&client(3, Some(1)), &SYSTEM).await.unwrap();
    assert_eq!(changed_since(&store, last).await, [Changed::Client(client_id(3))]);
}

pub async fn a_number_from_the_future_forces_a_reload(store: Shared) {
    with_client(&store).await;
    let last = store.last_change().await.unwrap();
    assert_eq!(store.changes_since(last, 1000).await.unwrap(), Some(Vec::new()));
    let future = Position { seq: last.seq + 1, ..last };
    assert_eq!(store.changes_since(future, 1000).await.unwrap(), None);
}

pub async fn every_change_says_who_made_it(store: Shared) {
    let ada = act_of(Actor {
        kind: ActorKind::CommandLine { user: "ada".to_owned(), host: "gateway-1".to_owned() },
        from: Some("192.0.2.7".to_owned()),
        why: Some(NAME.to_owned()),
        request_id: None,
    });
    let token = Revocation { subject: Revoked::Token(TokenId::from_bytes(bytes(9))), expires_at: NOW };
    let (id, key) = (client_id(1), signing_key(1, NOW));
    store.install(b"check", &key, &SYSTEM).await.unwrap();
    store.create_merchant(&merchant(1), &ada).await.unwrap();
    store.create_client(&client(1, Some(1)), &ada).await.unwrap();
    store.add_secret(id, &secret(2), None, NOW, &ada).await.unwrap();
    store.revoke_secret(id, secret_id(2), NOW, &ada).await.unwrap();
    store.set_client_status(id, Status::Disabled, NOW, &ada).await.unwrap();
    store.set_merchant_status(merchant_id(1), Status::Disabled, NOW, &ada).await.unwrap();
    store.delete_client(id, None, NOW, &ada).await.unwrap();
    store.revoke(&token, NOW, &ada).await.unwrap();
    store.add_signing_key(&signing_key(2, NOW), NOW, &ada).await.unwrap();
    store.succeed_signing_key(signing_key(2, NOW).id, &signing_key(3, NOW), NOW, &ada).await.unwrap();
    store.replace_signing_keys(&signing_key(4, NOW), &ada).await.unwrap();
    let adoption = Adoption { predecessor: None, terms: String::new(), by: "ada".to_owned(), at: NOW };
    store.adopt(&adoption, &ada).await.unwrap();
    let theirs = store.last_change().await.unwrap().seq;
    store.create_merchant(&merchant(2), &SYSTEM).await.unwrap();

    let actors: Vec<[Value; 3]> = exported(&store)
        .await
        .into_iter()
        .filter_map(|part| match part {
            Part::Rows(Table::Changes, rows) => Some(rows),
            Part::Rows(..) | Part::End => None,
        })
        .flatten()
        .map(|row| [row[5].clone(), row[6].clone(), row[7].clone()])
        .collect();
    let text = |text: &str| Value::Text(text.to_owned());
    let (by_ada, by_itself) = actors.split_at(usize::try_from(theirs).unwrap());
    assert_eq!(by_ada.len(), 16);
    for actor in by_ada {
        assert_eq!(*actor, [text("command-line:ada@gateway-1"), text("192.0.2.7"), text(NAME)]);
    }
    assert_eq!(by_itself, [[text("system"), Value::Null, Value::Null]]);
}

pub async fn a_revocation_counts_until_it_expires(store: Shared) {
    let subject = Revoked::Token(TokenId::from_bytes(bytes(1)));
    let revocation = Revocation { subject, expires_at: NOW.after(HOUR) };
    store.revoke(&revocation, NOW, &SYSTEM).await.unwrap();
    assert_eq!(store.revocations(NOW.after(HOUR).before(MILLISECOND)).await.unwrap(), [revocation]);
    assert_eq!(store.revocations(NOW.after(HOUR)).await.unwrap(), []);

    assert_eq!(store.purge(NOW.after(HOUR).before(MILLISECOND)).await.unwrap(), 0);
    assert_eq!(store.revocations(NOW).await.unwrap(), [revocation]);
    assert_eq!(store.purge(NOW.after(HOUR)).await.unwrap(), 1);
    assert_eq!(store.revocations(NOW).await.unwrap(), []);
}

pub async fn every_kind_of_revocation_is_kept(store: Shared) {
    let subjects = [
        Revoked::Token(TokenId::from_bytes(bytes(1))),
        Revoked::Secret(secret_id(1)),
        Revoked::Client(client_id(1), Generation::FIRST.next()),
        Revoked::Merchant(merchant_id(1), Generation::END),
    ];
    for subject in subjects {
        let revocation = Revocation { subject, expires_at: NOW.after(DAY) };
        store.revoke(&revocation, NOW, &SYSTEM).await.unwrap();
    }
    with_client(&store).await;
    let mut kept: Vec<_> =
        store.revocations(NOW).await.unwrap().into_iter().map(|kept| kept.subject).collect();
    for subject in subjects {
        let at = kept.iter().position(|kept| *kept == subject).unwrap();
        kept.swap_remove(at);
    }
    assert_eq!(kept, []);
}

pub async fn revocations_come_in_pages_without_gaps_or_repeats(store: Shared) {
    for number in 0..25 {
        let subject = Revoked::Token(TokenId::from_bytes(bytes(number)));
        let expires_at = if number == 7 { NOW } else { NOW.after(DAY) };
        store.revoke(&Revocation { subject, expires_at }, NOW, &SYSTEM).await.unwrap();
        store.create_merchant(&merchant(number), &SYSTEM).await.unwrap();
    }
    let (mut found, mut after) = (Vec::new(), 0);
    loop {
        let page = store.revocations_after(after, NOW, 10).await.unwrap();
        let Some((last, _)) = page.last() else { break };
        after = *last;
        found.extend(page.iter().map(|(_, revocation)| revocation.subject));
    }
    let expected: Vec<_> = (0..25).filter(|number| *number != 7).collect();
    assert_eq!(
        found,
        expected.iter().map(|number| Revoked::Token(TokenId::from_bytes(bytes(*number)))).collect::<Vec<_>>()
    );
}

pub async fn purging_is_bounded(store: Shared) {
    at_once(&store, 1500, async |store, number| {
        let subject = Revoked::Token(TokenId::from_bytes(bytes(number)));
        store.revoke(&Revocation { subject, expires_at: NOW }, NOW, &SYSTEM).await.unwrap();
    })
    .await;
    let mut steps = 0;
    loop {
        let purged = store.purge(NOW).await.unwrap();
        if purged == 0 {
            break;
        }
        assert!(purged <= 1000, "{purged}");
        steps += 1;
    }
    assert!(steps >= 2);
    assert_eq!(store.last_change().await.unwrap().seq, 1500);
}
