//! Clients that are created together.

use tollgate_core::{ClientId, MerchantId};

use super::{
    NOW, SYSTEM, Shared, changed_since, client, client_id, merchant, merchant_id, secret, trail_key,
    with_client,
};
use crate::{Act, Actor, Changed, Client, Draft, Object, Record, RecordFilter, RecordOrder, StoreError};

/// Makes the act of creating these clients, with a record for each.
fn act_of(clients: &[Client]) -> Act {
    let record = |client: &Client| Draft {
        merchant: client.merchant_id,
        ..Draft::new(NOW, Actor::system(), "client.create", Object::Client(client.id))
    };
    let (first, more) = clients.split_first().unwrap();
    Act::new(trail_key(), record(first)).with(more.iter().map(record))
}

async fn records_of(store: &Shared, client: ClientId) -> Vec<Record> {
    let wanted = RecordFilter { client: Some(client), ..RecordFilter::default() };
    store.records(&wanted, RecordOrder::OldestFirst, None, 100).await.unwrap()
}

pub async fn clients_that_are_created_together_have_a_record_and_a_change_each(store: Shared) {
    store.create_merchant(&merchant(1), &SYSTEM).await.unwrap();
    store.create_merchant(&merchant(2), &SYSTEM).await.unwrap();
    let before = store.last_change().await.unwrap();
    let mut clients: Vec<Client> = (1..=300).map(|number| client(number, Some(1 + number % 2))).collect();
    clients[7] = client(8, None);
    clients[8].secrets.clear();
    clients[9].secrets = vec![secret(10), secret(1_000), secret(1_001)];
    assert!(store.create_clients(&clients, &act_of(&clients)).await.unwrap());
    for created in &clients {
        assert_eq!(store.client(created.id).await.unwrap().as_ref(), Some(created));
        let records = records_of(&store, created.id).await;
        let of: Vec<Option<MerchantId>> = records.iter().map(|record| record.merchant_id).collect();
        assert_eq!(of, [created.merchant_id]);
    }
    let mut changed: Vec<ClientId> = Vec::new();
    for change in changed_since(&store, before).await {
        let Changed::Client(id) = change else { panic!("{change:?}") };
        changed.push(id);
    }
    changed.sort_unstable();
    assert_eq!(changed, clients.iter().map(|client| client.id).collect::<Vec<_>>());
    let asked = [client_id(7), client_id(301), client_id(8), client_id(0)];
    let mut existing = store.existing_clients(&asked).await.unwrap();
    existing.sort_unstable();
    assert_eq!(existing, [client_id(7), client_id(8)]);
    assert!(store.existing_clients(&[]).await.unwrap().is_empty());
}

pub async fn of_clients_that_are_created_together_either_all_are_or_none(store: Shared) {
    with_client(&store).await;
    let before = store.last_change().await.unwrap();
    let with_unknown_merchant = [client(2, Some(1)), client(3, Some(7)), client(4, None)];
    let act = act_of(&with_unknown_merchant);
    assert!(!store.create_clients(&with_unknown_merchant, &act).await.unwrap());
    let with_one_that_exists = [client(2, Some(1)), client(1, Some(1))];
    let outcome = store.create_clients(&with_one_that_exists, &act_of(&with_one_that_exists)).await;
    assert!(matches!(outcome, Err(StoreError::Unavailable(_))), "{outcome:?}");
    assert!(store.create_clients(&[], &SYSTEM).await.unwrap());
    for number in 2..=4 {
        assert_eq!(store.client(client_id(number)).await.unwrap(), None);
        assert_eq!(records_of(&store, client_id(number)).await, []);
    }
    assert_eq!(store.clients(Some(merchant_id(1)), None, 10).await.unwrap(), [client(1, Some(1))]);
    assert_eq!(changed_since(&store, before).await, []);
}
