//! Idempotency keys: leases, answers, expiry.

use std::time::Duration;

use tollgate_core::Environment;

use super::{
    KIND, MILLISECOND, NOW, SYSTEM, Shared, answer, at_once, bytes, client, client_id, document, lease,
    merchant, merchant_id, scope, secret, the_client, with_client,
};
use crate::{Begun, Completed, Creation, Lease};

pub async fn a_key_is_fresh_then_in_progress_then_answered(store: Shared) {
    assert!(!store.is_taken(&scope(1, "key"), NOW).await.unwrap());
    let (mine, other) = (lease("key", 1), lease("key", 2));
    assert_eq!(store.begin(&mine, NOW).await.unwrap(), Begun::Fresh);
    assert!(store.is_taken(&scope(1, "key"), NOW).await.unwrap());
    assert_eq!(store.begin(&other, NOW).await.unwrap(), Begun::InProgress { until: mine.until });
    assert!(store.complete(&mine, &answer(), &document(1, 1)).await.unwrap());
    assert!(store.is_taken(&scope(1, "key"), NOW).await.unwrap());
    assert_eq!(store.begin(&other, NOW).await.unwrap(), Begun::Answered(answer()));
    assert_eq!(store.begin(&mine, NOW).await.unwrap(), Begun::Answered(answer()));
}

pub async fn another_request_with_the_key_is_a_mismatch(store: Shared) {
    let mine = lease("key", 1);
    let other = Lease { fingerprint: [4; 32], ..lease("key", 2) };
    store.begin(&mine, NOW).await.unwrap();
    assert_eq!(store.begin(&other, NOW).await.unwrap(), Begun::Mismatch);
    store.complete(&mine, &answer(), &document(1, 1)).await.unwrap();
    assert_eq!(store.begin(&other, NOW).await.unwrap(), Begun::Mismatch);
    assert_eq!(store.begin(&other, answer().expires_at).await.unwrap(), Begun::Fresh);
}

pub async fn an_answer_counts_until_exactly_its_expiry(store: Shared) {
    let mine = lease("key", 1);
    store.begin(&mine, NOW).await.unwrap();
    store.complete(&mine, &answer(), &document(1, 1)).await.unwrap();
    let expiry = answer().expires_at;
    let before = expiry.before(MILLISECOND);
    assert!(store.is_taken(&scope(1, "key"), before).await.unwrap());
    assert_eq!(store.begin(&mine, before).await.unwrap(), Begun::Answered(answer()));
    assert!(!store.is_taken(&scope(1, "key"), expiry).await.unwrap());

    let next = Lease { until: expiry.after(Duration::from_secs(30)), ..lease("key", 2) };
    assert_eq!(store.begin(&next, expiry).await.unwrap(), Begun::Fresh);
    assert_eq!(store.begin(&mine, expiry).await.unwrap(), Begun::InProgress { until: next.until });
    assert!(store.complete(&next, &answer(), &document(2, 1)).await.unwrap());
}

pub async fn a_lease_counts_until_exactly_its_end(store: Shared) {
    let mine = lease("key", 1);
    store.begin(&mine, NOW).await.unwrap();
    let next = Lease { until: mine.until.after(Duration::from_secs(30)), ..lease("key", 2) };
    let before = mine.until.before(MILLISECOND);
    assert!(store.is_taken(&scope(1, "key"), before).await.unwrap());
    assert_eq!(store.begin(&next, before).await.unwrap(), Begun::InProgress { until: mine.until });
    assert!(!store.is_taken(&scope(1, "key"), mine.until).await.unwrap());
    assert_eq!(store.begin(&next, mine.until).await.unwrap(), Begun::Fresh);
}

pub async fn a_lease_taken_over_can_neither_answer_nor_abandon(store: Shared) {
    let slow = lease("key", 1);
    let next = Lease { until: slow.until.after(Duration::from_secs(30)), ..lease("key", 2) };
    store.begin(&slow, NOW).await.unwrap();
    assert_eq!(store.begin(&next, slow.until).await.unwrap(), Begun::Fresh);

    store.abandon(&slow).await.unwrap();
    assert_eq!(store.begin(&slow, slow.until).await.unwrap(), Begun::InProgress { until: next.until });
    assert!(!store.complete(&slow, &answer(), &document(1, 1)).await.unwrap());
    assert_eq!(store.document(KIND, bytes(1)).await.unwrap(), None);

    assert!(store.complete(&next, &answer(), &document(2, 1)).await.unwrap());
    assert!(!store.complete(&slow, &answer(), &document(1, 1)).await.unwrap());
    assert_eq!(store.document(KIND, bytes(1)).await.unwrap(), None);
}

pub async fn an_abandoned_key_is_free_and_an_answered_one_stays(store: Shared) {
    let (mine, other) = (lease("key", 1), lease("key", 2));
    store.abandon(&mine).await.unwrap();
    store.begin(&mine, NOW).await.unwrap();
    store.abandon(&other).await.unwrap();
    assert!(store.is_taken(&scope(1, "key"), NOW).await.unwrap());
    store.abandon(&mine).await.unwrap();
    assert!(!store.is_taken(&scope(1, "key"), NOW).await.unwrap());
    assert!(!store.complete(&mine, &answer(), &document(1, 1)).await.unwrap());

    assert_eq!(store.begin(&other, NOW).await.unwrap(), Begun::Fresh);
    store.complete(&other, &answer(), &document(1, 1)).await.unwrap();
    store.abandon(&other).await.unwrap();
    assert_eq!(store.begin(&mine, NOW).await.unwrap(), Begun::Answered(answer()));
}

pub async fn a_key_counts_in_its_scope_only(store: Shared) {
    let mine = lease("key", 1);
    store.begin(&mine, NOW).await.unwrap();
    let mut others = vec![mine.scope.clone(); 4];
    others[0].merchant_id = merchant_id(2);
    others[1].environment = Environment::Live;
    others[2].route = "POST /api/v1/refunds";
    others[3].key.push('2');
    for (number, scope) in (2..).zip(others) {
        assert!(!store.is_taken(&scope, NOW).await.unwrap());
        let lease = Lease { scope: scope.clone(), owner: bytes(number), ..mine.clone() };
        assert_eq!(store.begin(&lease, NOW).await.unwrap(), Begun::Fresh);
        assert!(store.complete(&lease, &answer(), &document(number, 1)).await.unwrap());
    }
    assert!(matches!(store.begin(&lease("key", 9), NOW).await.unwrap(), Begun::InProgress { .. }));
}

pub async fn keys_of_every_length_and_case_are_told_apart(store: Shared) {
    let longest = "~".repeat(255);
    let keys = ["k", "K", "k ", " k", "0", "00", "%", "_", "'", "\\", &longest[1..], &longest];
    for (number, key) in (1..).zip(keys) {
        let lease = lease(key, number);
        assert_eq!(store.begin(&lease, NOW).await.unwrap(), Begun::Fresh, "{key:?}");
        assert!(store.complete(&lease, &answer(), &document(number, 1)).await.unwrap());
    }
    for key in keys {
        assert_eq!(store.begin(&lease(key, 99), NOW).await.unwrap(), Begun::Answered(answer()), "{key:?}");
    }
}

pub async fn an_answer_is_kept_byte_for_byte(store: Shared) {
    let every_byte: Vec<u8> = (0..=255).cycle().take(100_000).collect();
    for (number, body) in (1..).zip([Vec::new(), b"\0".to_vec(), every_byte]) {
        let (mine, mut answer) = (lease(&number.to_string(), number), answer());
        answer.status = 599;
        answer.body = body;
        store.begin(&mine, NOW).await.unwrap();
        assert!(store.complete(&mine, &answer, &document(number, 1)).await.unwrap());
        assert_eq!(store.begin(&mine, NOW).await.unwrap(), Begun::Answered(answer));
    }
}

pub async fn of_many_begins_one_is_fresh(store: Shared) {
    let begun =
        at_once(&store, 50, async |store, number| store.begin(&lease("key", number), NOW).await.unwrap())
            .await;
    assert_eq!(begun.iter().filter(|begun| **begun == Begun::Fresh).count(), 1);
    let in_progress = Begun::InProgress { until: lease("key", 0).until };
    assert_eq!(begun.iter().filter(|begun| **begun == in_progress).count(), 49);
}

pub async fn of_many_takeovers_one_is_fresh(store: Shared) {
    let dead = lease("key", 99);
    store.begin(&dead, NOW).await.unwrap();
    let created = at_once(&store, 50, async |store, number| {
        let now = lease("key", 0).until;
        let mine = Lease { until: now.after(Duration::from_secs(30)), ..lease("key", number) };
        let begun = store.begin(&mine, now).await.unwrap();
        let created = store.complete(&mine, &answer(), &document(number, 1)).await.unwrap();
        assert_eq!(begun == Begun::Fresh, created);
        created
    })
    .await;
    assert_eq!(created.iter().filter(|created| **created).count(), 1);
    assert!(!store.complete(&dead, &answer(), &document(99, 1)).await.unwrap());
}

pub async fn purging_frees_what_has_expired_and_nothing_else(store: Shared) {
    let (in_flight, answered) = (lease("in flight", 1), lease("answered", 2));
    store.begin(&in_flight, NOW).await.unwrap();
    store.begin(&answered, NOW).await.unwrap();
    store.complete(&answered, &answer(), &document(1, 1)).await.unwrap();

    assert_eq!(store.purge(in_flight.until.before(MILLISECOND)).await.unwrap(), 0);
    assert_eq!(store.purge(in_flight.until).await.unwrap(), 1);
    assert_eq!(store.purge(answer().expires_at.before(MILLISECOND)).await.unwrap(), 0);
    assert_eq!(store.begin(&answered, NOW).await.unwrap(), Begun::Answered(answer()));
    assert_eq!(store.purge(answer().expires_at).await.unwrap(), 1);
    assert!(!store.is_taken(&answered.scope, NOW).await.unwrap());
    assert!(store.document(KIND, bytes(1)).await.unwrap().is_some());
}

pub async fn what_an_administrator_creates_comes_with_its_answer(store: Shared) {
    let creations = [
        Creation::Merchant(merchant(1)),
        Creation::Client(Box::new(client(1, Some(1)))),
        Creation::Secret { client: client_id(1), secret: secret(2), others_expire_at: Some(NOW) },
    ];
    for (number, creation) in (1..).zip(creations) {
        let mine = lease(&format!("key {number}"), number);
        store.begin(&mine, NOW).await.unwrap();
        let completed = store.complete_creation(&mine, &answer(), &creation, NOW, &SYSTEM).await.unwrap();
        assert_eq!(completed, Completed::Created);
        assert_eq!(store.begin(&mine, NOW).await.unwrap(), Begun::Answered(answer()));
    }
    let mut expected = client(1, Some(1));
    expected.secrets[0].expires_at = Some(NOW);
    expected.secrets.push(secret(2));
    assert_eq!(the_client(&store, 1).await, expected);
    assert_eq!(store.merchants(None, 10).await.unwrap(), [merchant(1)]);
}

pub async fn what_an_administrator_creates_needs_the_lease(store: Shared) {
    with_client(&store).await;
    let before = store.last_change().await.unwrap();
    store.begin(&lease("key", 2), NOW).await.unwrap();
    for creation in [
        Creation::Merchant(merchant(2)),
        Creation::Client(Box::new(client(2, Some(1)))),
        Creation::Secret { client: client_id(1), secret: secret(2), others_expire_at: Some(NOW) },
    ] {
        for mine in [lease("key", 1), lease("other", 1)] {
            let completed = store.complete_creation(&mine, &answer(), &creation, NOW, &SYSTEM).await.unwrap();
            assert_eq!(completed, Completed::LeaseLost, "{creation:?}");
        }
    }
    assert_eq!(store.last_change().await.unwrap(), before);
    assert_eq!(the_client(&store, 1).await, client(1, Some(1)));
}

pub async fn what_can_not_be_created_frees_its_key(store: Shared) {
    let mine = lease("key", 1);
    for creation in [
        Creation::Client(Box::new(client(1, Some(1)))),
        Creation::Secret { client: client_id(1), secret: secret(2), others_expire_at: None },
    ] {
        assert_eq!(store.begin(&mine, NOW).await.unwrap(), Begun::Fresh);
        let completed = store.complete_creation(&mine, &answer(), &creation, NOW, &SYSTEM).await.unwrap();
        assert_eq!(completed, Completed::Refused);
    }
    assert_eq!(store.begin(&mine, NOW).await.unwrap(), Begun::Fresh);
}
