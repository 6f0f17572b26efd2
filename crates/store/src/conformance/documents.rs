//! The cases about documents.

use tollgate_core::Environment;

use super::{HOUR, KIND, MILLISECOND, NOW, Shared, answer, at_once, bytes, document, lease, merchant_id};
use crate::{Begun, Document};

pub async fn a_document_is_as_it_was_created(store: Shared) {
    let mut decided = document(2, 1);
    decided.environment = Environment::Live;
    decided.body = "x".repeat(100_000);
    "declined".clone_into(&mut decided.state);
    decided.changed_at = Some(NOW);
    for request in [document(1, 1), decided] {
        store.add_document(&request).await.unwrap();
        assert_eq!(store.document(KIND, request.id).await.unwrap(), Some(request));
    }
    assert_eq!(store.document(KIND, bytes(3)).await.unwrap(), None);
}

pub async fn a_document_and_its_answer_come_together(store: Shared) {
    let mine = lease("key", 1);
    store.begin(&mine, NOW).await.unwrap();
    assert!(store.complete(&mine, &answer(), &document(1, 1)).await.unwrap());
    assert_eq!(store.document(KIND, bytes(1)).await.unwrap(), Some(document(1, 1)));
    assert_eq!(store.begin(&mine, NOW).await.unwrap(), Begun::Answered(answer()));

    // Adding the same id again fails, and the answer isn't kept either.
    let other = lease("other", 2);
    store.begin(&other, NOW).await.unwrap();
    assert!(store.complete(&other, &answer(), &document(1, 1)).await.is_err());
    assert_eq!(store.begin(&other, NOW).await.unwrap(), Begun::InProgress { until: other.until });
}

pub async fn without_the_lease_nothing_is_created(store: Shared) {
    let mine = lease("key", 1);
    assert!(!store.complete(&mine, &answer(), &document(1, 1)).await.unwrap());
    store.begin(&lease("key", 2), NOW).await.unwrap();
    assert!(!store.complete(&mine, &answer(), &document(1, 1)).await.unwrap());
    assert_eq!(store.document(KIND, bytes(1)).await.unwrap(), None);
    assert_eq!(store.documents(KIND, merchant_id(1), Environment::Test, None, 10).await.unwrap(), []);
}

pub async fn concurrent_creates_are_all_kept(store: Shared) {
    let created = at_once(&store, 200, async |store, number| {
        let lease = lease(&number.to_string(), number);
        assert_eq!(store.begin(&lease, NOW).await.unwrap(), Begun::Fresh);
        store.complete(&lease, &answer(), &document(number, 1)).await.unwrap()
    })
    .await;
    assert!(created.into_iter().all(|created| created));
    assert_eq!(pages(&store, 17).await.len(), 200);
}

pub async fn of_many_creates_under_one_lease_one_is_kept(store: Shared) {
    store.begin(&lease("key", 1), NOW).await.unwrap();
    let created = at_once(&store, 50, async |store, number| {
        let request = document(number, 1);
        store.complete(&lease("key", 1), &answer(), &request).await.unwrap()
    })
    .await;
    assert_eq!(created.into_iter().filter(|created| *created).count(), 1);
    assert_eq!(pages(&store, 17).await.len(), 1);
}

pub async fn documents_come_newest_first_without_gaps_or_repeats(store: Shared) {
    let mut expected = Vec::new();
    for number in 0..20 {
        // Three documents of each time, in an order that is not the order of their ids.
        let mut request = document((number * 7) % 20, 1);
        request.created_at = NOW.after(MILLISECOND * (number / 3));
        store.add_document(&request).await.unwrap();
        expected.push(request);
    }
    expected.sort_by_key(|request| std::cmp::Reverse((request.created_at, request.id)));
    for limit in [1, 2, 3, 7, 20, 50] {
        assert_eq!(pages(&store, limit).await, expected, "{limit}");
    }

    let page = store.documents(KIND, merchant_id(1), Environment::Test, None, 4).await.unwrap();
    let after = page.last().map(|request| (request.created_at, request.id));
    let mut newer = document(99, 1);
    newer.created_at = NOW.after(HOUR);
    store.add_document(&newer).await.unwrap();
    let rest = store.documents(KIND, merchant_id(1), Environment::Test, after, 50).await.unwrap();
    assert_eq!(rest, expected[4..]);
}

pub async fn a_merchants_documents_are_its_own_and_of_one_kind(store: Shared) {
    let mut live = document(3, 1);
    live.environment = Environment::Live;
    let other = Document { kind: "refund", ..document(4, 1) };
    for document in [&document(1, 1), &document(2, 2), &live, &other] {
        store.add_document(document).await.unwrap();
    }
    for (kind, merchant, environment, expected) in [
        (KIND, 1, Environment::Test, vec![document(1, 1)]),
        (KIND, 1, Environment::Live, vec![live]),
        (KIND, 2, Environment::Test, vec![document(2, 2)]),
        (KIND, 2, Environment::Live, vec![]),
        (KIND, 3, Environment::Test, vec![]),
        ("refund", 1, Environment::Test, vec![other.clone()]),
    ] {
        let found = store.documents(kind, merchant_id(merchant), environment, None, 10).await.unwrap();
        assert_eq!(found, expected);
    }
    assert_eq!(store.document(KIND, other.id).await.unwrap(), None);
    assert_eq!(store.document("refund", other.id).await.unwrap(), Some(other));
    let changed = store.change_document("refund", bytes(1), "pending", "approved", NOW).await.unwrap();
    assert_eq!(changed, None);
}

pub async fn a_document_changes_from_the_state_that_it_is_in(store: Shared) {
    let later = NOW.after(MILLISECOND);
    store.add_document(&document(1, 1)).await.unwrap();
    store.add_document(&document(2, 1)).await.unwrap();
    let approved = Document { state: "approved".to_owned(), changed_at: Some(NOW), ..document(1, 1) };
    let changed = store.change_document(KIND, bytes(1), "pending", "approved", NOW).await.unwrap();
    assert_eq!(changed.as_ref(), Some(&approved));
    for state in ["declined", "approved", "pending"] {
        let changed = store.change_document(KIND, bytes(1), "pending", state, later).await.unwrap();
        assert_eq!(changed.as_ref(), Some(&approved));
    }
    assert_eq!(store.document(KIND, bytes(1)).await.unwrap(), Some(approved));
    assert_eq!(store.document(KIND, bytes(2)).await.unwrap(), Some(document(2, 1)));
    assert_eq!(store.change_document(KIND, bytes(3), "pending", "approved", NOW).await.unwrap(), None);
}

pub async fn of_many_changes_of_a_document_one_counts(store: Shared) {
    store.add_document(&document(1, 1)).await.unwrap();
    let changed = at_once(&store, 50, async |store, number| {
        let state = number.to_string();
        let changed = store.change_document(KIND, bytes(1), "pending", &state, NOW).await.unwrap();
        changed.unwrap().state == state
    })
    .await;
    assert_eq!(changed.into_iter().filter(|changed| *changed).count(), 1);
}

pub async fn an_expired_document_does_not_change(store: Shared) {
    let expiry = document(1, 1).expires_at;
    store.add_document(&document(1, 1)).await.unwrap();
    let unchanged = store.change_document(KIND, bytes(1), "pending", "approved", expiry).await.unwrap();
    assert_eq!(unchanged, Some(document(1, 1)));
    let before = expiry.before(MILLISECOND);
    let changed = store.change_document(KIND, bytes(1), "pending", "declined", before).await.unwrap();
    assert_eq!(changed.unwrap().state, "declined");
}

/// Returns all documents of merchant 1, read in pages.
async fn pages(store: &Shared, limit: u32) -> Vec<Document> {
    let (mut after, mut seen) = (None, Vec::new());
    loop {
        let page = store.documents(KIND, merchant_id(1), Environment::Test, after, limit).await.unwrap();
        let Some(last) = page.last() else { return seen };
        after = Some((last.created_at, last.id));
        seen.extend(page);
    }
}
