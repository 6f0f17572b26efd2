//! Tests of backups, and of a backup that is put in place of a store.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use tollgate_store::{ChangeLog, Integrity, Merchants, Position, StoreError};

use super::{Fixture, SYSTEM, beside, fixture, merchant, raw};
use crate::Sqlite;

/// Copies a store and its log as a killed process leaves them.
fn killed(fixture: &Fixture, to: &Path) {
    fs::copy(&fixture.path, to).unwrap();
    fs::copy(beside(&fixture.path, "-wal"), beside(to, "-wal")).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_under_constant_writes_ends_and_has_all_that_was_written_before() {
    let Fixture { store, path, _folder: folder } = fixture();
    let (written, stop) = (AtomicU32::new(0), AtomicBool::new(false));
    let to = folder.path().join("backup.db");
    let write = async {
        while !stop.load(Ordering::Relaxed) {
            let number = written.load(Ordering::Relaxed);
            store.create_merchant(&merchant(number), &SYSTEM).await.unwrap();
            written.store(number + 1, Ordering::Relaxed);
        }
    };
    let back_up = async {
        while written.load(Ordering::Relaxed) < 20 {
            tokio::task::yield_now().await;
        }
        let before = written.load(Ordering::Relaxed);
        let (path, to) = (path.clone(), to.clone());
        let backup = tokio::task::spawn_blocking(move || Sqlite::back_up(&path, &to)).await.unwrap().unwrap();
        stop.store(true, Ordering::Relaxed);
        (before, backup)
    };
    let ((), (before, backup)) = tokio::join!(write, back_up);
    let file = fs::metadata(&to).unwrap();
    assert_eq!((file.mode() & 0o7777, file.len()), (0o600, backup.bytes));

    let read = Sqlite::open_to_read(&to).unwrap();
    assert_eq!(read.damage().await.unwrap(), Vec::<String>::new());
    let found = read.merchants(None, 1_000_000).await.unwrap();
    assert!(found.len() >= before as usize, "{} of {before}", found.len());
    assert!((0..before).all(|number| found.contains(&merchant(number))));
    drop(read);
    let names = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name());
    assert!(names.into_iter().all(|name| !name.to_str().unwrap().contains(".new")), "no draft is left");
}

#[tokio::test]
async fn who_has_seen_changes_that_a_backup_lacks_is_told_so_when_others_have_their_numbers() {
    let Fixture { store, path, _folder: folder } = fixture();
    store.create_merchant(&merchant(1), &SYSTEM).await.unwrap();
    let both = store.last_change().await.unwrap();
    let to = folder.path().join("backup.db");
    Sqlite::back_up(&path, &to).unwrap();
    store.create_merchant(&merchant(2), &SYSTEM).await.unwrap();
    let lacking = store.last_change().await.unwrap();

    let restored = Sqlite::open(&to).unwrap();
    assert_eq!(restored.changes_since(lacking, 10).await.unwrap(), None);
    for number in 3..6 {
        restored.create_merchant(&merchant(number), &SYSTEM).await.unwrap();
        assert_eq!(restored.changes_since(lacking, 10).await.unwrap(), None);
    }
    let since = restored.changes_since(both, 10).await.unwrap().unwrap();
    assert_eq!(since.len(), 3);
    for change in since {
        assert!(restored.changes_since(change.position, 10).await.unwrap().is_some());
        let unmarked = Position { seq: change.position.seq, ..Position::START };
        assert_eq!(restored.changes_since(unmarked, 10).await.unwrap(), None);
    }
}

#[tokio::test]
async fn a_backup_never_replaces_a_file_and_follows_no_link() {
    let Fixture { store, path, _folder: folder } = fixture();
    let (file, link) = (folder.path().join("there.db"), folder.path().join("link.db"));
    fs::write(&file, "mine").unwrap();
    symlink(folder.path().join("nowhere"), &link).unwrap();
    for to in [&file, &link, &path] {
        let refused = Sqlite::back_up(&path, to).err();
        assert!(
            matches!(&refused, Some(StoreError::Unavailable(text)) if text.contains("is there already")),
            "{refused:?}"
        );
    }
    assert_eq!(fs::read(&file).unwrap(), b"mine");
    assert!(!folder.path().join("nowhere").exists());
    let missing = Sqlite::back_up(&path, &folder.path().join("missing/backup.db")).err();
    assert!(matches!(missing, Some(StoreError::Unavailable(text)) if text.contains("folder does not exist")));
    drop(store);
}

#[tokio::test]
async fn a_backup_that_is_put_in_place_is_a_store() {
    let Fixture { store, path, _folder: folder } = fixture();
    store.create_merchant(&merchant(1), &SYSTEM).await.unwrap();
    let to = folder.path().join("backup.db");
    Sqlite::back_up(&path, &to).unwrap();
    drop(store);
    let restored = Sqlite::open_existing(&to).unwrap();
    restored.create_merchant(&merchant(2), &SYSTEM).await.unwrap();
    // As if the process had been killed now: the log is the file's own.
    let again = folder.path().join("again.db");
    killed(&Fixture { store: restored, path: to, _folder: tempfile::tempdir().unwrap() }, &again);
    assert_eq!(Sqlite::open_existing(&again).unwrap().merchants(None, 10).await.unwrap().len(), 2);
}

#[tokio::test]
async fn a_backup_that_is_put_beside_the_log_of_a_killed_process_is_refused_and_left_as_it_is() {
    let fixture = fixture();
    fixture.store.create_merchant(&merchant(1), &SYSTEM).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (backup, place) = (folder.path().join("backup.db"), folder.path().join("tollgate.db"));
    Sqlite::back_up(&fixture.path, &backup).unwrap();
    for number in 2..200 {
        fixture.store.create_merchant(&merchant(number), &SYSTEM).await.unwrap();
    }
    killed(&fixture, &place);
    fs::copy(&backup, &place).unwrap();
    for open in [Sqlite::open, Sqlite::open_existing, Sqlite::open_to_read] {
        let refused = open(&place).err();
        assert!(
            matches!(&refused, Some(StoreError::Corrupt(text)) if text.contains("tollgate.db-wal is not the log of")),
            "{refused:?}"
        );
    }
    assert_eq!(fs::read(&place).unwrap(), fs::read(&backup).unwrap());
    // What the message says to do.
    fs::remove_file(beside(&place, "-wal")).unwrap();
    let _ = fs::remove_file(beside(&place, "-shm"));
    assert_eq!(Sqlite::open_existing(&place).unwrap().merchants(None, 10).await.unwrap(), [merchant(1)]);
}

/// Checks a copy that was made without `store backup`, which has no mark.
#[tokio::test]
async fn an_older_copy_beside_the_log_of_a_killed_process_is_found_by_its_contradictions() {
    let fixture = fixture();
    for number in 0..200 {
        fixture.store.create_merchant(&merchant(number), &SYSTEM).await.unwrap();
    }
    raw(&fixture.path).execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (copy, place) = (folder.path().join("copy.db"), folder.path().join("tollgate.db"));
    fs::copy(&fixture.path, &copy).unwrap();
    // Most of what follows is moved into the file, and the log starts again.
    for number in 200..1_000 {
        fixture.store.create_merchant(&merchant(number), &SYSTEM).await.unwrap();
    }
    raw(&fixture.path).execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
    fixture.store.create_merchant(&merchant(1_001), &SYSTEM).await.unwrap();
    killed(&fixture, &place);
    assert_eq!(Sqlite::open_existing(&place).unwrap().merchants(None, 2_000).await.unwrap().len(), 1_001);
    killed(&fixture, &place);
    fs::copy(&copy, &place).unwrap();
    let refused = Sqlite::open_existing(&place).err();
    assert!(
        matches!(&refused, Some(StoreError::Corrupt(text)) if text.contains("is not the log")),
        "{refused:?}"
    );
    assert_eq!(fs::read(&place).unwrap(), fs::read(&copy).unwrap());
}

/// Checks that a log is accepted while somebody commits: a commit is in the log before other processes are told of it.
#[tokio::test]
async fn a_log_that_somebody_is_writing_is_not_taken_for_another_s() {
    let fixture = fixture();
    let writer = raw(&fixture.path);
    writer.execute_batch("CREATE TABLE more (x)").unwrap();
    let copy = fixture.path.with_file_name("copy.db");
    killed(&fixture, &copy);
    let elsewhere = raw(&copy);
    elsewhere.execute_batch("INSERT INTO more SELECT zeroblob(100000)").unwrap();
    let log = fs::read(beside(&copy, "-wal")).unwrap();
    let so_far = fs::read(beside(&fixture.path, "-wal")).unwrap().len();

    writer.execute_batch("BEGIN IMMEDIATE").unwrap();
    let mut appended = fs::OpenOptions::new().append(true).open(beside(&fixture.path, "-wal")).unwrap();
    appended.write_all(&log[so_far..]).unwrap();
    let refused = Sqlite::open_to_read(&fixture.path).err();
    assert!(matches!(refused, Some(StoreError::Unavailable(_))), "{refused:?}");
    writer.execute_batch("INSERT INTO more SELECT zeroblob(100000); COMMIT").unwrap();
    assert!(Sqlite::open_to_read(&fixture.path).is_ok());
}
