//! Tests of which files are accepted as a store, and of the errors for the others.

use std::fs;
use std::io::{BufRead, BufReader, Seek, SeekFrom, Write as _};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::thread;

use tollgate_store::{
    ChangeLog, Installation, Integrity, Keys, Merchants, Position, Revocations, StoreError,
};

use super::{
    Fixture, NOW, SYSTEM, beside, child, fixture, given_path, merchant, raw, take_a_step_that_only_adds,
};
use crate::Sqlite;

/// Returns the error of `open`, after checking that it is one line that names the file.
fn refusal(path: &Path) -> StoreError {
    let error = Sqlite::open(path).err().expect("it is refused");
    let text = error.to_string();
    if !matches!(error, StoreError::Newer { .. }) {
        assert!(text.contains(&path.display().to_string()), "{text}");
    }
    assert!(!text.contains('\n'), "{text}");
    error
}

#[track_caller]
fn assert_unavailable(path: &Path, says: &str) {
    let error = refusal(path);
    assert!(matches!(&error, StoreError::Unavailable(text) if text.contains(says)), "{error}");
}

#[track_caller]
fn assert_corrupt(path: &Path, says: &str) {
    let error = refusal(path);
    assert!(matches!(&error, StoreError::Corrupt(text) if text.contains(says)), "{error}");
}

/// Closes the store, then writes over its file.
fn overwrite(fixture: Fixture, at: u64, bytes: &[u8]) -> tempfile::TempDir {
    let Fixture { store, path, _folder: folder } = fixture;
    drop(store);
    let mut file = fs::File::options().write(true).open(path).unwrap();
    file.seek(SeekFrom::Start(at)).unwrap();
    file.write_all(bytes).unwrap();
    folder
}

#[test]
fn only_the_owner_can_read_the_files() {
    let fixture = fixture();
    for suffix in ["", "-wal", "-shm"] {
        let mode = fs::metadata(beside(&fixture.path, suffix)).unwrap().mode();
        assert_eq!(mode & 0o777, 0o600, "{suffix}");
    }
}

#[test]
fn an_existing_store_is_opened_and_none_is_made_by_mistake() {
    let fixture = fixture();
    assert!(Sqlite::open_existing(&fixture.path).is_ok());
    let other = fixture.path.with_file_name("other.db");
    let error = Sqlite::open_existing(&other).err().unwrap();
    assert!(matches!(&error, StoreError::Misconfigured(text) if text.contains("does not exist")), "{error}");
    assert!(!other.exists());
}

#[test]
fn a_database_without_tables_is_no_store_until_somebody_makes_it_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("vacant.db");
    raw(&path).execute_batch("PRAGMA user_version = 0; VACUUM").unwrap();
    let error = Sqlite::open_existing(&path).err().unwrap();
    assert!(
        matches!(&error, StoreError::Misconfigured(text) if text.contains("vacant.db: it is empty")),
        "{error}"
    );
    assert!(Sqlite::open(&path).is_ok());
    assert!(Sqlite::open_existing(&path).is_ok());
}

#[test]
fn an_empty_file_is_what_is_left_of_a_store() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("empty.db");
    fs::write(&path, "").unwrap();
    assert_corrupt(&path, "restore it");
}

#[test]
fn a_new_store_appears_whole_and_nothing_else_is_left() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("new.db");
    drop(Sqlite::open(&path).unwrap());
    let files: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|file| file.unwrap().file_name()).collect();
    assert_eq!(files, ["new.db"]);
}

#[test]
fn a_link_that_lies_in_wait_is_not_followed() {
    let folder = tempfile::tempdir().unwrap();
    let (victim, draft) = (folder.path().join("victim"), folder.path().join("draft"));
    fs::write(&victim, "the victim's").unwrap();
    std::os::unix::fs::symlink(&victim, &draft).unwrap();
    assert_eq!(crate::open::create_file(&draft), Err(std::io::ErrorKind::AlreadyExists));
    assert_eq!(crate::open::create_file(&victim), Err(std::io::ErrorKind::AlreadyExists));
    assert_eq!(fs::read(&victim).unwrap(), b"the victim's");

    // The place where the store is to be created.
    let path = folder.path().join("store.db");
    std::os::unix::fs::symlink(folder.path().join("nowhere"), &path).unwrap();
    assert!(Sqlite::open(&path).is_err());
    assert!(!folder.path().join("nowhere").exists());
}

/// Checks that the folder may be a symbolic link, as folders often are; only the file must not be one.
#[test]
fn a_store_can_be_made_in_a_folder_behind_a_link() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("real")).unwrap();
    std::os::unix::fs::symlink(folder.path().join("real"), folder.path().join("link")).unwrap();
    drop(Sqlite::open(&folder.path().join("link/store.db")).unwrap());
    assert!(folder.path().join("real/store.db").exists());
}

#[test]
fn an_empty_file_with_a_wal_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("empty.db");
    fs::write(&path, "").unwrap();
    fs::write(beside(&path, "-wal"), "committed").unwrap();
    assert_corrupt(&path, "restore it");
    assert_eq!(fs::read(beside(&path, "-wal")).unwrap(), b"committed");
}

#[test]
fn a_file_that_is_no_database_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notes.txt");
    for text in ["notes".to_owned(), "not a database\n".repeat(1000)] {
        fs::write(&path, &text).unwrap();
        assert_corrupt(&path, "not a database");
        assert_eq!(fs::read_to_string(&path).unwrap(), text);
    }
}

#[test]
fn a_database_of_another_program_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("other.db");
    raw(&path).execute_batch("CREATE TABLE notes (text TEXT)").unwrap();
    assert_corrupt(&path, "another program");
    raw(&path).execute_batch("PRAGMA application_id = 1").unwrap();
    assert_corrupt(&path, "another program");
    let mode: String = raw(&path).pragma_query_value(None, "journal_mode", |row| row.get(0)).unwrap();
    assert_eq!(mode, "delete");
}

#[test]
fn a_damaged_store_is_refused() {
    for (at, garbage) in [(0, 16), (16, 8), (100, 400)] {
        let fixture = fixture();
        let path = fixture.path.clone();
        let _folder = overwrite(fixture, at, &vec![0xee; garbage]);
        assert!(matches!(refusal(&path), StoreError::Corrupt(_)), "{at}");
    }
}

#[test]
fn a_truncated_store_is_refused() {
    let Fixture { store, path, _folder } = fixture();
    drop(store);
    let file = fs::File::options().write(true).open(&path).unwrap();
    file.set_len(file.metadata().unwrap().len() / 2).unwrap();
    assert_corrupt(&path, "contradict");
}

#[tokio::test]
async fn damage_elsewhere_is_reported_when_it_is_met() {
    let fixture = fixture();
    fixture.store.create_merchant(&merchant(1), &SYSTEM).await.unwrap();
    let page: u64 = raw(&fixture.path)
        .query_row("SELECT rootpage FROM sqlite_schema WHERE name = 'merchants'", [], |row| row.get(0))
        .unwrap();
    let path = fixture.path.clone();
    let _folder = overwrite(fixture, (page - 1) * 4096, &[0xee; 4096]);
    let store = Sqlite::open(&path).unwrap();
    assert!(matches!(store.merchant(merchant(1).id).await, Err(StoreError::Corrupt(_))));
    assert!(matches!(store.create_merchant(&merchant(2), &SYSTEM).await, Err(StoreError::Corrupt(_))));
    assert_eq!(store.revocations(NOW).await.unwrap(), []);
}

#[tokio::test]
async fn a_value_that_is_none_of_ours_is_damage() {
    let fixture = fixture();
    raw(&fixture.path)
        .execute_batch("INSERT INTO changes (kind, id, generation, until) VALUES ('?', x'00', NULL, 0)")
        .unwrap();
    assert!(matches!(fixture.store.changes_since(Position::START, 10).await, Err(StoreError::Corrupt(_))));
    // Nobody knows any more which revocation it was.
    raw(&fixture.path)
        .execute_batch(&format!(
            "UPDATE changes SET kind = 'signing keys', generation = 0, until = {}",
            i64::MAX
        ))
        .unwrap();
    assert!(matches!(fixture.store.revocations(NOW).await, Err(StoreError::Corrupt(_))));
    assert!(matches!(fixture.store.revocations_after(0, NOW, 10).await, Err(StoreError::Corrupt(_))));
    raw(&fixture.path)
        .execute_batch(
            "INSERT INTO signing_keys (id, alg, sealed, created_at, activates_at)
             VALUES (x'00000001000000000000000000000000', 'none', x'07', 0, 0)",
        )
        .unwrap();
    assert!(matches!(fixture.store.signing_keys().await, Err(StoreError::Corrupt(_))));
}

#[tokio::test]
async fn a_newer_schema_is_used_as_long_as_it_only_adds() {
    let fixture = fixture();
    take_a_step_that_only_adds(&fixture.path);
    fixture.store.schema().await.unwrap().check().unwrap();
    assert!(fixture.store.schema().await.unwrap().check_whole().is_err());
    let other = Sqlite::open_existing(&fixture.path).unwrap();
    other.create_merchant(&merchant(1), &SYSTEM).await.unwrap();
    assert_eq!(other.damage().await.unwrap(), Vec::<String>::new());
    Sqlite::back_up(&fixture.path, &fixture.path.with_file_name("copy.db")).unwrap();

    let says = |oldest: u32| {
        raw(&fixture.path).execute("UPDATE tollgate_schema SET oldest = ?1", [oldest]).unwrap();
    };
    says(13);
    assert!(matches!(refusal(&fixture.path), StoreError::Newer { found: 13, known: 12 }));
    assert!(matches!(
        Sqlite::open_to_read(&fixture.path).err(),
        Some(StoreError::Newer { found: 13, known: 12 })
    ));
    let running = fixture.store.schema().await.unwrap().check();
    assert!(matches!(running, Err(StoreError::Newer { found: 13, known: 12 })), "{running:?}");
    says(12);
    fixture.store.schema().await.unwrap().check().unwrap();
}

#[test]
fn a_newer_schema_that_does_not_say_who_can_work_with_it_is_refused() {
    let fixture = fixture();
    raw(&fixture.path).execute_batch("PRAGMA user_version = 13; DROP TABLE tollgate_schema").unwrap();
    assert!(Sqlite::open_existing(&fixture.path).is_err());
}

#[test]
fn a_new_store_says_that_this_version_can_work_with_it() {
    let fixture = fixture();
    let row = |sql: &str| raw(&fixture.path).query_one(sql, [], |row| row.get::<_, u32>(0)).unwrap();
    assert_eq!((row("PRAGMA user_version"), row("SELECT oldest FROM tollgate_schema")), (12, 12));
}

#[test]
fn a_folder_is_no_store_and_neither_is_what_lies_in_no_folder() {
    let folder = tempfile::tempdir().unwrap();
    assert_unavailable(folder.path(), "is a folder");
    assert_unavailable(&folder.path().join("missing/tollgate.db"), "folder does not exist");
    fs::write(folder.path().join("file"), "").unwrap();
    assert_unavailable(&folder.path().join("file/tollgate.db"), "folder does not exist");
}

#[test]
fn what_may_not_be_written_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let mode = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    let file = folder.path().join("tollgate.db");
    drop(Sqlite::open(&file).unwrap());
    mode(&file, 0o444);
    mode(folder.path(), 0o555);
    for (name, says) in [("new.db", "make its folder writable"), ("tollgate.db", "writable for this user")] {
        let said = said_to_nobody(folder.path(), name);
        assert!(said.contains("the store is unavailable") && said.contains(says), "{said}");
    }
    mode(&file, 0o666);
    let said = said_to_nobody(folder.path(), "tollgate.db");
    assert!(said.contains("writable for this user"), "{said}");
}

/// Returns the error of `open` for a user who is not root; file modes don't apply to root.
fn said_to_nobody(folder: &Path, name: &str) -> String {
    let programs = tempfile::tempdir().unwrap();
    fs::set_permissions(programs.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let program = programs.path().join("tests");
    fs::copy(std::env::current_exe().unwrap(), &program).unwrap();
    let is_root = fs::metadata(folder).unwrap().uid() == 0;
    let opener = child(&program, "tests::opening::child_opens", &folder.join(name), |command| {
        if is_root {
            command.uid(65534);
        }
    });
    let output = opener.wait_with_output().unwrap();
    BufReader::new(&output.stdout[..])
        .lines()
        .map_while(Result::ok)
        .find_map(|line| line.split_once("said: ").map(|(_, said)| said.to_owned()))
        .expect("the child opened it, or failed to")
}

#[test]
#[ignore = "run by another test in another process"]
fn child_opens() {
    match Sqlite::open(&given_path()) {
        Ok(_) => println!("said: nothing"),
        Err(error) => println!("said: {error}"),
    }
}

#[test]
fn a_new_store_may_be_opened_by_many_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tollgate.db");
    thread::scope(|scope| {
        let openers: Vec<_> = (0..8).map(|_| scope.spawn(|| Sqlite::open(&path))).collect();
        for opener in openers {
            opener.join().unwrap().unwrap();
        }
    });
}

#[test]
fn a_closed_store_is_one_file() {
    let Fixture { store, path, _folder } = fixture();
    drop(store);
    assert!(!beside(&path, "-wal").exists());
    assert!(!beside(&path, "-shm").exists());
}
