//! Merchants, clients and secrets.

use tollgate_core::{Environment, Generation, Revocation, Revoked, Scope};

use super::{
    DAY, FORGOTTEN, HOUR, MILLISECOND, NOW, SYSTEM, Shared, at_once, changed_since, client, client_id,
    longest_scope, merchant, merchant_id, secret, secret_id, the_client, with_client,
};
use crate::{Changed, Client, ClientUpdate, Merchant, Status, StoreError, Terms, Version};

const SECOND: Generation = Generation::FIRST.next();

pub async fn a_merchant_is_as_it_was_created(store: Shared) {
    let mut disabled = merchant(2);
    disabled.status = Status::Disabled;
    disabled.name = String::new();
    for merchant in [merchant(1), disabled] {
        store.create_merchant(&merchant, &SYSTEM).await.unwrap();
        assert_eq!(store.merchant(merchant.id).await.unwrap(), Some(merchant));
    }
    assert_eq!(store.merchant(merchant_id(3)).await.unwrap(), None);
}

pub async fn an_id_is_taken_once(store: Shared) {
    with_client(&store).await;
    let before = store.last_change().await.unwrap();
    let mut other = client(1, Some(1));
    other.name.push('2');
    assert!(matches!(store.create_merchant(&merchant(1), &SYSTEM).await, Err(StoreError::Unavailable(_))));
    assert!(matches!(store.create_client(&other, &SYSTEM).await, Err(StoreError::Unavailable(_))));
    assert_eq!(the_client(&store, 1).await, client(1, Some(1)));
    assert_eq!(changed_since(&store, before).await, []);
}

pub async fn merchants_come_in_pages_without_gaps_or_repeats(store: Shared) {
    for number in [50, 10, 30, 20, 40, 0] {
        store.create_merchant(&merchant(number), &SYSTEM).await.unwrap();
    }
    let (mut after, mut seen) = (None, Vec::new());
    loop {
        let page = store.merchants(after, 2).await.unwrap();
        let Some(last) = page.last() else { break };
        after = Some(last.id);
        seen.extend(page.into_iter().map(|merchant| merchant.id));
        if seen.len() == 2 {
            // One comes before the reader's position, and one behind it.
            store.create_merchant(&merchant(5), &SYSTEM).await.unwrap();
            store.create_merchant(&merchant(25), &SYSTEM).await.unwrap();
        }
    }
    assert_eq!(seen, [0, 10, 20, 25, 30, 40, 50].map(merchant_id));
    assert_eq!(store.merchants(None, 0).await.unwrap(), []);
}

pub async fn a_client_is_as_it_was_created(store: Shared) {
    store.create_merchant(&merchant(1), &SYSTEM).await.unwrap();
    let mut full = client(2, Some(1));
    full.environment = Environment::Live;
    full.scope = longest_scope();
    full.status = Status::Disabled;
    full.generation = Generation::from_number(7);
    full.secrets = vec![secret(9), secret(3), secret(7)];
    full.secrets[0].created_at = NOW.before(HOUR);
    full.secrets[0].revoked_at = Some(NOW);
    full.secrets[2].expires_at = Some(NOW.after(DAY));
    let mut bare = client(3, Some(1));
    bare.name = String::new();
    bare.scope = Scope::empty();
    bare.addresses = Vec::new();
    bare.audiences = Vec::new();
    bare.secrets = Vec::new();
    for client in [client(1, Some(1)), full, bare] {
        assert!(store.create_client(&client, &SYSTEM).await.unwrap());
        assert_eq!(store.client(client.id).await.unwrap(), Some(client));
    }
    assert_eq!(store.client(client_id(4)).await.unwrap(), None);
}

pub async fn an_operators_client_has_no_merchant(store: Shared) {
    assert!(store.create_client(&client(1, None), &SYSTEM).await.unwrap());
    assert_eq!(the_client(&store, 1).await, client(1, None));
    assert_eq!(store.clients(None, None, 10).await.unwrap(), [client(1, None)]);
}

pub async fn a_client_of_no_merchant_is_not_added(store: Shared) {
    assert!(!store.create_client(&client(1, Some(1)), &SYSTEM).await.unwrap());
    assert_eq!(store.client(client_id(1)).await.unwrap(), None);
    assert_eq!(store.last_change().await.unwrap().seq, 0);
}

pub async fn clients_come_in_pages_without_gaps_or_repeats(store: Shared) {
    store.create_merchant(&merchant(1), &SYSTEM).await.unwrap();
    store.create_merchant(&merchant(2), &SYSTEM).await.unwrap();
    for number in [50, 10, 30, 20, 40, 0] {
        let mut client = client(number, (number != 30).then_some(1));
        // A client counts once, even with as many secrets as there may be rows.
        client.secrets = vec![secret(number), secret(number + 1), secret(number + 2)];
        store.create_client(&client, &SYSTEM).await.unwrap();
    }
    store.create_client(&client(15, Some(2)), &SYSTEM).await.unwrap();
    for (merchant, expected) in [(None, vec![0, 10, 15, 20, 30, 40, 50]), (Some(1), vec![0, 10, 20, 40, 50])]
    {
        let (mut after, mut seen) = (None, Vec::new());
        loop {
            let page = store.clients(merchant.map(merchant_id), after, 2).await.unwrap();
            let Some(last) = page.last() else { break };
            assert!(
                page.iter()
                    .all(|client| client.secrets.len() == if client.id == client_id(15) { 1 } else { 3 })
            );
            after = Some(last.id);
            seen.extend(page.into_iter().map(|client| client.id));
        }
        assert_eq!(seen, expected.into_iter().map(client_id).collect::<Vec<_>>());
    }
    let first = store.clients(None, None, 1).await.unwrap();
    store.create_client(&client(5, Some(1)), &SYSTEM).await.unwrap();
    let next = store.clients(None, Some(first[0].id), 1).await.unwrap();
    assert_eq!(next[0].id, client_id(5));
}

pub async fn a_merchants_clients_are_its_own(store: Shared) {
    with_client(&store).await;
    store.create_merchant(&merchant(2), &SYSTEM).await.unwrap();
    store.create_client(&client(2, Some(2)), &SYSTEM).await.unwrap();
    store.create_client(&client(3, None), &SYSTEM).await.unwrap();
    assert_eq!(store.clients(Some(merchant_id(1)), None, 10).await.unwrap(), [client(1, Some(1))]);
    assert_eq!(store.clients(Some(merchant_id(2)), None, 10).await.unwrap(), [client(2, Some(2))]);
    assert_eq!(store.clients(Some(merchant_id(3)), None, 10).await.unwrap(), []);
}

pub async fn disabling_a_client_revokes_its_tokens(store: Shared) {
    with_client(&store).await;
    assert!(store.set_client_status(client_id(1), Status::Disabled, NOW, &SYSTEM).await.unwrap());
    let disabled = the_client(&store, 1).await;
    assert_eq!(disabled.status, Status::Disabled);
    assert_eq!(disabled.merchant_status, Status::Enabled);
    assert_eq!((disabled.generation, disabled.merchant_generation), (SECOND, Generation::FIRST));
    let subject = Revoked::Client(client_id(1), SECOND);
    assert_eq!(store.revocations(NOW).await.unwrap(), [Revocation { subject, expires_at: FORGOTTEN }]);
}

pub async fn disabling_a_client_twice_ends_its_tokens_twice(store: Shared) {
    with_client(&store).await;
    // The result doesn't depend on the clock of the caller.
    for (now, expected) in [(NOW.after(HOUR), SECOND), (NOW, SECOND.next())] {
        assert!(store.set_client_status(client_id(1), Status::Disabled, now, &SYSTEM).await.unwrap());
        let disabled = the_client(&store, 1).await;
        assert_eq!((disabled.status, disabled.generation), (Status::Disabled, expected));
    }
}

pub async fn enabling_a_client_changes_no_generation(store: Shared) {
    with_client(&store).await;
    assert!(store.set_client_status(client_id(1), Status::Enabled, NOW, &SYSTEM).await.unwrap());
    let changed = Client { version: Version::from_number(1), ..client(1, Some(1)) };
    assert_eq!(the_client(&store, 1).await, changed);
    store.set_client_status(client_id(1), Status::Disabled, NOW, &SYSTEM).await.unwrap();
    assert!(store.set_client_status(client_id(1), Status::Enabled, NOW.after(HOUR), &SYSTEM).await.unwrap());
    let enabled = the_client(&store, 1).await;
    assert_eq!((enabled.status, enabled.generation), (Status::Enabled, SECOND));
    assert_eq!(store.revocations(NOW).await.unwrap().len(), 1);
}

pub async fn disabling_a_merchant_reaches_its_clients_and_no_others(store: Shared) {
    with_client(&store).await;
    store.create_merchant(&merchant(2), &SYSTEM).await.unwrap();
    store.create_client(&client(2, Some(2)), &SYSTEM).await.unwrap();
    store.create_client(&client(3, None), &SYSTEM).await.unwrap();
    assert!(store.set_merchant_status(merchant_id(1), Status::Disabled, NOW, &SYSTEM).await.unwrap());

    assert_eq!(store.merchant(merchant_id(1)).await.unwrap().unwrap().status, Status::Disabled);
    let of_it = the_client(&store, 1).await;
    assert_eq!((of_it.status, of_it.generation), (Status::Enabled, Generation::FIRST));
    assert_eq!((of_it.merchant_status, of_it.merchant_generation), (Status::Disabled, SECOND));
    assert_eq!(store.clients(Some(merchant_id(1)), None, 10).await.unwrap(), [of_it]);
    assert_eq!(the_client(&store, 2).await, client(2, Some(2)));
    assert_eq!(the_client(&store, 3).await, client(3, None));
    let subject = Revoked::Merchant(merchant_id(1), SECOND);
    assert_eq!(store.revocations(NOW).await.unwrap(), [Revocation { subject, expires_at: FORGOTTEN }]);

    store.set_client_status(client_id(1), Status::Disabled, NOW, &SYSTEM).await.unwrap();
    store.set_merchant_status(merchant_id(1), Status::Enabled, NOW, &SYSTEM).await.unwrap();
    let of_it = the_client(&store, 1).await;
    assert_eq!((of_it.status, of_it.merchant_status), (Status::Disabled, Status::Enabled));
    assert_eq!((of_it.generation, of_it.merchant_generation), (SECOND, SECOND));
}

pub async fn a_deleted_client_is_gone_and_its_tokens_are_revoked(store: Shared) {
    with_client(&store).await;
    store.create_client(&client(2, Some(1)), &SYSTEM).await.unwrap();
    assert!(store.delete_client(client_id(1), None, NOW, &SYSTEM).await.unwrap());
    assert_eq!(store.client(client_id(1)).await.unwrap(), None);
    assert_eq!(store.clients(None, None, 10).await.unwrap(), [client(2, Some(1))]);
    assert!(!store.revoke_secret(client_id(1), secret_id(1), NOW, &SYSTEM).await.unwrap());
    assert!(!store.delete_client(client_id(1), None, NOW, &SYSTEM).await.unwrap());
    let revoked = store.revocations(NOW).await.unwrap();
    assert_eq!(revoked.len(), 1);
    assert_eq!(revoked[0].subject, Revoked::Client(client_id(1), Generation::END));
}

pub async fn a_deleted_merchant_takes_its_clients_and_their_tokens_along(store: Shared) {
    with_client(&store).await;
    store.create_merchant(&merchant(2), &SYSTEM).await.unwrap();
    store.create_client(&client(2, Some(1)), &SYSTEM).await.unwrap();
    store.create_client(&client(3, Some(2)), &SYSTEM).await.unwrap();
    store.create_client(&client(4, None), &SYSTEM).await.unwrap();
    let before = store.last_change().await.unwrap();
    assert!(store.delete_merchant(merchant_id(1), None, NOW, &SYSTEM).await.unwrap());
    assert_eq!(store.merchants(None, 10).await.unwrap(), [merchant(2)]);
    assert_eq!(store.clients(None, None, 10).await.unwrap(), [client(3, Some(2)), client(4, None)]);
    let revoked = store.revocations(NOW).await.unwrap();
    assert_eq!(revoked.len(), 1);
    assert_eq!(revoked[0].subject, Revoked::Merchant(merchant_id(1), Generation::END));
    let changed = changed_since(&store, before).await;
    assert_eq!(changed, [Changed::Merchant(merchant_id(1)), Changed::Revocation(revoked[0])]);
    assert!(!store.delete_merchant(merchant_id(1), None, NOW, &SYSTEM).await.unwrap());
    assert!(!store.create_client(&client(5, Some(1)), &SYSTEM).await.unwrap());
    // Another client with the same id can be created.
    store.create_merchant(&merchant(1), &SYSTEM).await.unwrap();
    assert!(store.create_client(&client(1, Some(1)), &SYSTEM).await.unwrap());
}

pub async fn a_merchant_and_a_client_change_in_what_is_given_and_in_nothing_else(store: Shared) {
    with_client(&store).await;
    let before = store.last_change().await.unwrap();
    assert!(store.rename_merchant(merchant_id(1), "Zoë's", None, NOW, &SYSTEM).await.unwrap());
    let renamed = Merchant { name: "Zoë's".to_owned(), version: Version::from_number(1), ..merchant(1) };
    assert_eq!(store.merchant(merchant_id(1)).await.unwrap(), Some(renamed));

    let mut expected = client(1, Some(1));
    let update = |update: ClientUpdate| {
        let store = &store;
        async move { store.update_client(client_id(1), &update, None, NOW, &SYSTEM).await.unwrap() }
    };
    assert!(update(ClientUpdate { name: Some("till".to_owned()), ..ClientUpdate::default() }).await);
    "till".clone_into(&mut expected.name);
    expected.version = Version::from_number(1);
    assert_eq!(the_client(&store, 1).await, expected);
    let scope: Scope = "payments:read".parse().unwrap();
    assert!(update(ClientUpdate { scope: Some(scope.clone()), ..ClientUpdate::default() }).await);
    expected.scope = scope;
    expected.version = Version::from_number(2);
    assert_eq!(the_client(&store, 1).await, expected);
    assert!(update(ClientUpdate { addresses: Some(Vec::new()), ..ClientUpdate::default() }).await);
    expected.addresses = Vec::new();
    expected.version = Version::from_number(3);
    // The tokens that the client has carry its networks.
    expected.generation = SECOND;
    assert_eq!(the_client(&store, 1).await, expected);
    let terms = Terms { refresh_ttl: Some(HOUR), labels: "a=b\n".parse().unwrap(), ..Terms::default() };
    let all = ClientUpdate {
        audiences: Some(Vec::new()),
        access_ttl: Some(None),
        refresh_ttl: Some(Some(HOUR)),
        quota: Some(None),
        labels: Some(terms.labels.clone()),
        ..ClientUpdate::default()
    };
    assert!(update(all).await);
    (expected.audiences, expected.terms, expected.version) = (Vec::new(), terms, Version::from_number(4));
    assert_eq!(the_client(&store, 1).await, expected);
    let audiences = vec!["https://ledger.example.com".parse().unwrap()];
    assert!(update(ClientUpdate { audiences: Some(audiences.clone()), ..ClientUpdate::default() }).await);
    (expected.audiences, expected.version) = (audiences, Version::from_number(5));
    assert_eq!(the_client(&store, 1).await, expected);
    assert!(update(ClientUpdate { audiences: Some(Vec::new()), ..ClientUpdate::default() }).await);
    (expected.audiences, expected.version) = (Vec::new(), Version::from_number(6));
    assert_eq!(the_client(&store, 1).await, expected);
    let client = Changed::Client(client_id(1));
    let subject = Revoked::Client(client_id(1), SECOND);
    let moved = Changed::Revocation(Revocation { subject, expires_at: FORGOTTEN });
    assert_eq!(
        changed_since(&store, before).await,
        [Changed::Merchant(merchant_id(1)), client, client, client, moved, client, client, client]
    );
}

pub async fn a_change_of_another_version_is_not_made(store: Shared) {
    with_client(&store).await;
    let (first, other) = (Some(Version::default()), Some(Version::from_number(1)));
    let rename = ClientUpdate { name: Some("till".to_owned()), ..ClientUpdate::default() };
    let before = store.last_change().await.unwrap();
    assert!(!store.update_client(client_id(1), &rename, other, NOW, &SYSTEM).await.unwrap());
    assert!(!store.delete_client(client_id(1), other, NOW, &SYSTEM).await.unwrap());
    assert!(!store.rename_merchant(merchant_id(1), "Shop", other, NOW, &SYSTEM).await.unwrap());
    assert!(!store.delete_merchant(merchant_id(1), other, NOW, &SYSTEM).await.unwrap());
    assert_eq!(store.last_change().await.unwrap(), before);
    assert_eq!(the_client(&store, 1).await, client(1, Some(1)));

    let renamed = at_once(&store, 20, async |store, number| {
        let rename = ClientUpdate { name: Some(number.to_string()), ..ClientUpdate::default() };
        store.update_client(client_id(1), &rename, Some(Version::default()), NOW, &SYSTEM).await.unwrap()
    })
    .await;
    assert_eq!(renamed.into_iter().filter(|renamed| *renamed).count(), 1);
    store.set_client_status(client_id(1), Status::Disabled, NOW, &SYSTEM).await.unwrap();
    assert_eq!(the_client(&store, 1).await.version, Version::from_number(2));
    assert!(store.rename_merchant(merchant_id(1), "Shop", first, NOW, &SYSTEM).await.unwrap());
    assert!(store.delete_client(client_id(1), Some(Version::from_number(2)), NOW, &SYSTEM).await.unwrap());
    assert!(store.delete_merchant(merchant_id(1), other, NOW, &SYSTEM).await.unwrap());
}

pub async fn ending_tokens_leaves_the_rest_as_it_is(store: Shared) {
    with_client(&store).await;
    assert!(store.end_client_tokens(client_id(1), NOW, &SYSTEM).await.unwrap());
    assert!(store.end_merchant_tokens(merchant_id(1), NOW, &SYSTEM).await.unwrap());
    let next = Generation::FIRST.next();
    let expected = Client { generation: next, merchant_generation: next, ..client(1, Some(1)) };
    assert_eq!(the_client(&store, 1).await, expected);
    let revoked: Vec<_> = store.revocations(NOW).await.unwrap().iter().map(|it| it.subject).collect();
    assert_eq!(revoked, [Revoked::Client(client_id(1), next), Revoked::Merchant(merchant_id(1), next)]);
    assert!(!store.end_client_tokens(client_id(2), NOW, &SYSTEM).await.unwrap());
    assert!(!store.end_merchant_tokens(merchant_id(2), NOW, &SYSTEM).await.unwrap());
}

pub async fn an_added_secret_lets_the_others_expire(store: Shared) {
    store.create_merchant(&merchant(1), &SYSTEM).await.unwrap();
    let at = NOW.after(HOUR);
    let mut client = client(1, Some(1));
    client.secrets = vec![secret(1), secret(2), secret(3), secret(4)];
    client.secrets[1].expires_at = Some(at.before(MILLISECOND));
    client.secrets[2].expires_at = Some(at.after(MILLISECOND));
    client.secrets[3].revoked_at = Some(NOW);
    store.create_client(&client, &SYSTEM).await.unwrap();
    assert!(store.add_secret(client_id(1), &secret(5), Some(at), NOW, &SYSTEM).await.unwrap());
    client.secrets[0].expires_at = Some(at);
    client.secrets[2].expires_at = Some(at);
    client.secrets.push(secret(5));
    assert_eq!(the_client(&store, 1).await, client);
}

pub async fn an_added_secret_leaves_the_others_alone(store: Shared) {
    with_client(&store).await;
    store.create_client(&client(2, Some(1)), &SYSTEM).await.unwrap();
    assert!(store.add_secret(client_id(1), &secret(5), None, NOW, &SYSTEM).await.unwrap());
    assert_eq!(the_client(&store, 1).await.secrets, [secret(1), secret(5)]);
    store.add_secret(client_id(1), &secret(6), Some(NOW), NOW, &SYSTEM).await.unwrap();
    assert_eq!(the_client(&store, 2).await, client(2, Some(1)), "another client's");
}

pub async fn a_revoked_secret_ends_its_tokens(store: Shared) {
    with_client(&store).await;
    store.add_secret(client_id(1), &secret(2), None, NOW, &SYSTEM).await.unwrap();
    assert!(store.revoke_secret(client_id(1), secret_id(1), NOW, &SYSTEM).await.unwrap());
    assert!(store.revoke_secret(client_id(1), secret_id(1), NOW.after(HOUR), &SYSTEM).await.unwrap());
    let secrets = the_client(&store, 1).await.secrets;
    assert_eq!(secrets[0].revoked_at, Some(NOW));
    assert_eq!(secrets[1], secret(2));
    let revoked = store.revocations(NOW).await.unwrap();
    assert_eq!(revoked.len(), 1);
    assert_eq!((revoked[0].subject, revoked[0].expires_at), (Revoked::Secret(secret_id(1)), FORGOTTEN));
}

pub async fn a_secret_is_revoked_by_its_client_only(store: Shared) {
    with_client(&store).await;
    store.create_client(&client(2, Some(1)), &SYSTEM).await.unwrap();
    assert!(!store.revoke_secret(client_id(2), secret_id(1), NOW, &SYSTEM).await.unwrap());
    assert_eq!(the_client(&store, 1).await, client(1, Some(1)));
    assert_eq!(store.revocations(NOW).await.unwrap(), []);
}

pub async fn nothing_is_done_to_an_unknown_client_or_merchant(store: Shared) {
    for status in [Status::Enabled, Status::Disabled] {
        assert!(!store.set_client_status(client_id(1), status, NOW, &SYSTEM).await.unwrap());
        assert!(!store.set_merchant_status(merchant_id(1), status, NOW, &SYSTEM).await.unwrap());
    }
    assert!(!store.delete_client(client_id(1), None, NOW, &SYSTEM).await.unwrap());
    assert!(!store.update_client(client_id(1), &ClientUpdate::default(), None, NOW, &SYSTEM).await.unwrap());
    assert!(!store.delete_merchant(merchant_id(1), None, NOW, &SYSTEM).await.unwrap());
    assert!(!store.rename_merchant(merchant_id(1), "Shop", None, NOW, &SYSTEM).await.unwrap());
    assert!(!store.add_secret(client_id(1), &secret(1), Some(NOW), NOW, &SYSTEM).await.unwrap());
    assert!(!store.revoke_secret(client_id(1), secret_id(1), NOW, &SYSTEM).await.unwrap());
    assert_eq!(store.last_change().await.unwrap().seq, 0);
    assert_eq!(store.revocations(NOW).await.unwrap(), []);
}
