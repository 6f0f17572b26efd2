//! Payment requests.

use tollgate_core::Environment;

use super::{HOUR, MILLISECOND, NOW, Shared, answer, at_once, lease, merchant_id, payment, payment_id};
use crate::{Begun, PaymentRequest, PaymentStatus};

pub async fn a_payment_request_is_as_it_was_created(store: Shared) {
    let mut decided = payment(2, 1);
    decided.environment = Environment::Live;
    decided.details = "x".repeat(100_000);
    decided.status = PaymentStatus::Declined;
    decided.decided_at = Some(NOW);
    for request in [payment(1, 1), decided] {
        assert!(store.create_payment_request(&request, None).await.unwrap());
        assert_eq!(store.payment_request(request.id).await.unwrap(), Some(request));
    }
    assert_eq!(store.payment_request(payment_id(3)).await.unwrap(), None);
}

pub async fn a_payment_request_and_its_answer_come_together(store: Shared) {
    let mine = lease("key", 1);
    store.begin(&mine, NOW).await.unwrap();
    assert!(store.create_payment_request(&payment(1, 1), Some((&mine, &answer()))).await.unwrap());
    assert_eq!(store.payment_request(payment_id(1)).await.unwrap(), Some(payment(1, 1)));
    assert_eq!(store.begin(&mine, NOW).await.unwrap(), Begun::Answered(answer()));

    // The same id again fails, and takes the answer with it.
    let other = lease("other", 2);
    store.begin(&other, NOW).await.unwrap();
    assert!(store.create_payment_request(&payment(1, 1), Some((&other, &answer()))).await.is_err());
    assert_eq!(store.begin(&other, NOW).await.unwrap(), Begun::InProgress { until: other.until });
}

pub async fn without_the_lease_nothing_is_created(store: Shared) {
    let mine = lease("key", 1);
    assert!(!store.create_payment_request(&payment(1, 1), Some((&mine, &answer()))).await.unwrap());
    store.begin(&lease("key", 2), NOW).await.unwrap();
    assert!(!store.create_payment_request(&payment(1, 1), Some((&mine, &answer()))).await.unwrap());
    assert_eq!(store.payment_request(payment_id(1)).await.unwrap(), None);
    assert_eq!(store.payment_requests(merchant_id(1), Environment::Test, None, 10).await.unwrap(), []);
}

pub async fn concurrent_creates_are_all_kept(store: Shared) {
    let created = at_once(&store, 200, async |store, number| {
        let lease = lease(&number.to_string(), number);
        assert_eq!(store.begin(&lease, NOW).await.unwrap(), Begun::Fresh);
        store.create_payment_request(&payment(number, 1), Some((&lease, &answer()))).await.unwrap()
    })
    .await;
    assert!(created.into_iter().all(|created| created));
    assert_eq!(pages(&store, 17).await.len(), 200);
}

pub async fn of_many_creates_under_one_lease_one_is_kept(store: Shared) {
    store.begin(&lease("key", 1), NOW).await.unwrap();
    let created = at_once(&store, 50, async |store, number| {
        let request = payment(number, 1);
        store.create_payment_request(&request, Some((&lease("key", 1), &answer()))).await.unwrap()
    })
    .await;
    assert_eq!(created.into_iter().filter(|created| *created).count(), 1);
    assert_eq!(pages(&store, 17).await.len(), 1);
}

pub async fn payment_requests_come_newest_first_without_gaps_or_repeats(store: Shared) {
    let mut expected = Vec::new();
    for number in 0..20 {
        // Three of each time, in an order that is not that of their ids.
        let mut request = payment((number * 7) % 20, 1);
        request.created_at = NOW.after(MILLISECOND * (number / 3));
        store.create_payment_request(&request, None).await.unwrap();
        expected.push(request);
    }
    expected.sort_by_key(|request| std::cmp::Reverse((request.created_at, request.id)));
    for limit in [1, 2, 3, 7, 20, 50] {
        assert_eq!(pages(&store, limit).await, expected, "{limit}");
    }

    let page = store.payment_requests(merchant_id(1), Environment::Test, None, 4).await.unwrap();
    let after = page.last().map(|request| (request.created_at, request.id));
    let mut newer = payment(99, 1);
    newer.created_at = NOW.after(HOUR);
    store.create_payment_request(&newer, None).await.unwrap();
    let rest = store.payment_requests(merchant_id(1), Environment::Test, after, 50).await.unwrap();
    assert_eq!(rest, expected[4..]);
}

pub async fn a_merchants_payment_requests_are_its_own(store: Shared) {
    let mut live = payment(3, 1);
    live.environment = Environment::Live;
    for request in [&payment(1, 1), &payment(2, 2), &live] {
        store.create_payment_request(request, None).await.unwrap();
    }
    for (merchant, environment, expected) in [
        (1, Environment::Test, vec![payment(1, 1)]),
        (1, Environment::Live, vec![live]),
        (2, Environment::Test, vec![payment(2, 2)]),
        (2, Environment::Live, vec![]),
        (3, Environment::Test, vec![]),
    ] {
        let found = store.payment_requests(merchant_id(merchant), environment, None, 10).await.unwrap();
        assert_eq!(found, expected);
    }
}

pub async fn a_payment_request_is_decided_once(store: Shared) {
    let later = NOW.after(MILLISECOND);
    store.create_payment_request(&payment(1, 1), None).await.unwrap();
    store.create_payment_request(&payment(2, 1), None).await.unwrap();
    let undecided = store.decide_payment_request(payment_id(1), PaymentStatus::Pending, NOW).await.unwrap();
    assert_eq!(undecided, Some(payment(1, 1)));

    let approved = PaymentRequest { status: PaymentStatus::Approved, decided_at: Some(NOW), ..payment(1, 1) };
    let answer = store.decide_payment_request(payment_id(1), PaymentStatus::Approved, NOW).await.unwrap();
    assert_eq!(answer.as_ref(), Some(&approved));
    for status in [PaymentStatus::Declined, PaymentStatus::Approved, PaymentStatus::Pending] {
        let answer = store.decide_payment_request(payment_id(1), status, later).await.unwrap();
        assert_eq!(answer.as_ref(), Some(&approved));
    }
    assert_eq!(store.payment_request(payment_id(1)).await.unwrap(), Some(approved));
    assert_eq!(store.payment_request(payment_id(2)).await.unwrap(), Some(payment(2, 1)));
    assert_eq!(
        store.decide_payment_request(payment_id(3), PaymentStatus::Approved, NOW).await.unwrap(),
        None
    );
}

pub async fn an_expired_payment_request_is_not_decided(store: Shared) {
    let expiry = payment(1, 1).expires_at;
    store.create_payment_request(&payment(1, 1), None).await.unwrap();
    let answer = store.decide_payment_request(payment_id(1), PaymentStatus::Approved, expiry).await.unwrap();
    assert_eq!(answer, Some(payment(1, 1)));
    let before = expiry.before(MILLISECOND);
    let answer = store.decide_payment_request(payment_id(1), PaymentStatus::Declined, before).await.unwrap();
    assert_eq!(answer.unwrap().status, PaymentStatus::Declined);
}

/// All of merchant 1's, read in pages.
async fn pages(store: &Shared, limit: u32) -> Vec<PaymentRequest> {
    let (mut after, mut seen) = (None, Vec::new());
    loop {
        let page = store.payment_requests(merchant_id(1), Environment::Test, after, limit).await.unwrap();
        let Some(last) = page.last() else { return seen };
        after = Some((last.created_at, last.id));
        seen.extend(page);
    }
}
