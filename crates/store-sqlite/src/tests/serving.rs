//! Tests of the leases that a process held when it died.

use tollgate_store::{Begun, Idempotency, Servers};

use super::{NOW, answer, document, fixture, lease};
use crate::Sqlite;

#[tokio::test(flavor = "multi_thread")]
async fn what_the_only_server_held_when_it_died_is_free_when_it_starts_again() {
    let fixture = fixture();
    let died = Sqlite::open_existing(&fixture.path).unwrap();
    assert_eq!(died.start_serving(None).await.unwrap(), 0);
    assert_eq!(died.begin(&lease(1), NOW).await.unwrap(), Begun::Fresh);
    assert_eq!(died.begin(&lease(2), NOW).await.unwrap(), Begun::Fresh);
    assert!(died.complete(&lease(2), &answer(), &document(2)).await.unwrap());
    // The kernel releases the lock of a killed process just as when the file is closed.
    drop(died);
    let next = Sqlite::open_existing(&fixture.path).unwrap();
    assert_eq!(next.start_serving(None).await.unwrap(), 1);
    assert_eq!(next.begin(&lease(1), NOW).await.unwrap(), Begun::Fresh);
    assert_eq!(next.begin(&lease(2), NOW).await.unwrap(), Begun::Answered(answer()));
}

#[tokio::test(flavor = "multi_thread")]
async fn while_another_process_serves_no_lease_is_taken_from_it() {
    let fixture = fixture();
    let (one, other) =
        (Sqlite::open_existing(&fixture.path).unwrap(), Sqlite::open_existing(&fixture.path).unwrap());
    assert_eq!(one.start_serving(None).await.unwrap(), 0);
    assert_eq!(one.begin(&lease(1), NOW).await.unwrap(), Begun::Fresh);
    assert_eq!(other.start_serving(None).await.unwrap(), 0);
    assert!(one.is_taken(&lease(1).scope, NOW).await.unwrap());
    // Nor are they freed when one of several processes is restarted: it can't tell its leases from theirs.
    assert_eq!(other.begin(&lease(2), NOW).await.unwrap(), Begun::Fresh);
    drop(other);
    let again = Sqlite::open_existing(&fixture.path).unwrap();
    assert_eq!(again.start_serving(None).await.unwrap(), 0);
    assert!(one.complete(&lease(1), &answer(), &document(1)).await.unwrap());
}

/// Opens the store as a command does.
#[tokio::test(flavor = "multi_thread")]
async fn whoever_has_the_store_open_and_does_not_serve_is_in_nobodys_way() {
    let fixture = fixture();
    let died = Sqlite::open_existing(&fixture.path).unwrap();
    died.start_serving(None).await.unwrap();
    assert_eq!(died.begin(&lease(1), NOW).await.unwrap(), Begun::Fresh);
    drop(died);
    assert!(fixture.store.is_taken(&lease(1).scope, NOW).await.unwrap());
    let next = Sqlite::open_existing(&fixture.path).unwrap();
    assert_eq!(next.start_serving(None).await.unwrap(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_in_place_of_the_lock_is_not_followed() {
    let fixture = fixture();
    let folder = fixture.path.parent().unwrap();
    let mut lock = fixture.path.clone().into_os_string();
    lock.push("-serving");
    let victim = folder.join("victim");
    for there in [false, true] {
        if there {
            std::fs::write(&victim, "the victim's").unwrap();
        } else {
            std::os::unix::fs::symlink(&victim, &lock).unwrap();
        }
        let store = Sqlite::open_existing(&fixture.path).unwrap();
        let refused = store.start_serving(None).await.unwrap_err().to_string();
        assert!(refused.contains("-serving can't be locked"), "{refused}");
        assert_eq!(victim.exists(), there, "nothing was made behind the link");
    }
    assert_eq!(std::fs::read(&victim).unwrap(), b"the victim's");
}
