//! How a change of a client's networks affects its tokens.

use tollgate_core::{Generation, Revocation, Revoked};

use super::{FORGOTTEN, NOW, SYSTEM, Shared, changed_since, client_id, the_client, with_client};
use crate::{Changed, ClientUpdate, Version};

pub async fn other_networks_of_a_client_end_its_tokens_and_the_same_ones_end_none(store: Shared) {
    with_client(&store).await;
    let update = |networks: &str| ClientUpdate {
        addresses: Some(networks.split_ascii_whitespace().map(|text| text.parse().unwrap()).collect()),
        ..ClientUpdate::default()
    };
    let had = the_client(&store, 1).await.addresses;
    let same = ClientUpdate { addresses: Some(had.clone()), ..ClientUpdate::default() };
    assert!(store.update_client(client_id(1), &same, None, NOW, &SYSTEM).await.unwrap());
    assert_eq!(the_client(&store, 1).await.generation, Generation::FIRST);
    assert_eq!(store.revocations(NOW).await.unwrap(), []);
    let other = Some(Version::from_number(9));
    assert!(!store.update_client(client_id(1), &update("192.0.2.0/24"), other, NOW, &SYSTEM).await.unwrap());
    assert_eq!(store.revocations(NOW).await.unwrap(), []);
    // Narrower networks, other networks, and any network: the tokens carry the wrong networks after each change.
    let mut generation = Generation::FIRST;
    for networks in ["192.0.2.0/24", "192.0.2.7/32", "198.51.100.0/24 2001:db8::/32", ""] {
        let before = store.last_change().await.unwrap();
        assert!(store.update_client(client_id(1), &update(networks), None, NOW, &SYSTEM).await.unwrap());
        generation = generation.next();
        assert_eq!(the_client(&store, 1).await.generation, generation, "{networks}");
        let subject = Revoked::Client(client_id(1), generation);
        let revocation = Changed::Revocation(Revocation { subject, expires_at: FORGOTTEN });
        let changed = changed_since(&store, before).await;
        assert_eq!(changed, [Changed::Client(client_id(1)), revocation], "{networks}");
    }
    let another = ClientUpdate { name: Some("till".to_owned()), ..ClientUpdate::default() };
    assert!(store.update_client(client_id(1), &another, None, NOW, &SYSTEM).await.unwrap());
    assert_eq!(the_client(&store, 1).await.generation, generation);
}
