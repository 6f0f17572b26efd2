//! The cases about the store's clock.

use tollgate_core::Timestamp;

use super::Shared;

pub async fn its_clock_has_been_set_and_goes_on(store: Shared) {
    let first = store.now().await.unwrap();
    assert!(first > Timestamp::YEAR_2020, "{first:?}");
    assert!(first < Timestamp::from_seconds(7_258_118_400), "it counts in milliseconds: {first:?}");
    assert!(store.now().await.unwrap() >= first);
}
