//! Tests of a file that is removed while a process has it open.

use std::fs;

use tollgate_store::{Installation, Merchants, StoreError};

use super::{Fixture, SYSTEM, fixture, merchant};

/// Asserts that neither a read nor a write is answered as if nothing had happened.
async fn assert_gone(fixture: &Fixture, says: &str) {
    for error in [
        fixture.store.in_place().await.unwrap_err(),
        fixture.store.create_merchant(&merchant(7), &SYSTEM).await.unwrap_err(),
    ] {
        assert!(matches!(&error, StoreError::Unavailable(text) if text.contains(says)), "{error}");
    }
}

#[tokio::test]
async fn a_file_that_is_moved_away_takes_no_write_until_it_is_back() {
    let fixture = fixture();
    fixture.store.in_place().await.unwrap();
    let aside = fixture.path.with_file_name("aside.db");
    fs::rename(&fixture.path, &aside).unwrap();
    assert_gone(&fixture, "removed or moved").await;
    fs::rename(&aside, &fixture.path).unwrap();
    fixture.store.in_place().await.unwrap();
    fixture.store.create_merchant(&merchant(7), &SYSTEM).await.unwrap();
}

#[tokio::test]
async fn a_file_that_is_removed_takes_no_write() {
    let fixture = fixture();
    fs::remove_file(&fixture.path).unwrap();
    assert_gone(&fixture, "removed or moved").await;
    assert!(!fixture.path.exists(), "no other one is made in its place");
}

#[tokio::test]
async fn a_file_that_is_replaced_takes_no_write_and_neither_does_the_other() {
    let fixture = fixture();
    let copy = fixture.path.with_file_name("copy.db");
    fs::copy(&fixture.path, &copy).unwrap();
    let before = fs::read(&copy).unwrap();
    fs::rename(&copy, &fixture.path).unwrap();
    assert_gone(&fixture, "was replaced by another file").await;
    assert_eq!(fs::read(&fixture.path).unwrap(), before);
}
