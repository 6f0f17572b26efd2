//! The token in a file.

#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a test that can't go on fails")]

#[allow(dead_code, reason = "other tests use the rest of it")]
#[path = "../../agent/tests/it/tokens.rs"]
mod tokens;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tollgate_client::{Cached, Settings};
use tollgate_token_file::TokenFile;

use crate::tokens::{Skipping, Tokens};

/// Waits until the file holds this.
async fn holds(path: &Path, token: &str) {
    while fs::read(path).ok().as_deref() != Some(token.as_bytes()) {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

#[tokio::test]
async fn the_file_follows_the_token_and_goes_with_the_agent() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("token");
    // What an earlier process left behind, for everybody to read.
    let partial = folder.path().join(".token.partial");
    fs::write(&partial, "old").unwrap();
    fs::set_permissions(&partial, fs::Permissions::from_mode(0o666)).unwrap();

    let cached = Cached::new(Tokens::default(), Settings::default());
    let file = TokenFile::keep(&path, cached.clone()).unwrap();
    holds(&path, "access-1").await;
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let first = fs::File::open(&path).unwrap();

    cached.refused(cached.authorization().unwrap().generation()).await.unwrap();
    holds(&path, "access-2").await;
    assert_eq!(std::io::read_to_string(first).unwrap(), "access-1", "it was replaced, not written over");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing else is left");

    drop(file);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn a_place_that_can_not_be_written_is_known_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let cached = Cached::new(Tokens::default(), Settings::default());
    for path in [folder.path().to_owned(), folder.path().join("nowhere/token"), "/".into()] {
        assert!(TokenFile::keep(&path, cached.clone()).is_err(), "{}", path.display());
    }
}

#[tokio::test]
async fn a_link_in_the_place_of_the_file_is_replaced_and_not_followed() {
    let folder = tempfile::tempdir().unwrap();
    let (path, other) = (folder.path().join("token"), folder.path().join("other"));
    fs::write(&other, "another's").unwrap();
    for link in [&path, &folder.path().join(".token.partial")] {
        std::os::unix::fs::symlink(&other, link).unwrap();
    }
    let _file = TokenFile::keep(&path, Cached::new(Tokens::default(), Settings::default())).unwrap();
    holds(&path, "access-1").await;
    assert_eq!(fs::read(&other).unwrap(), b"another's");
    assert!(fs::symlink_metadata(&path).unwrap().is_file());
}

#[tokio::test(start_paused = true)]
async fn of_two_agents_the_one_that_ends_leaves_the_file_of_the_other() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("token");
    let tokens = Tokens::default();
    let first = Cached::new(tokens.clone(), Settings::default());
    let old = TokenFile::keep(&path, first.clone()).unwrap();
    holds(&path, "access-1").await;
    let new = TokenFile::keep(&path, Cached::new(tokens.clone(), Settings::default())).unwrap();
    holds(&path, "access-2").await;
    drop(old);
    assert_eq!(fs::read(&path).unwrap(), b"access-2");

    // The other way round: the one that ends has written last. What it takes away is put back at once.
    let third = TokenFile::keep(&path, first.clone()).unwrap();
    holds(&path, "access-1").await;
    drop(third);
    holds(&path, "access-2").await;
    drop(new);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_file_with_the_inode_of_an_old_one_is_still_the_others() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("token");
    let file = TokenFile::keep(&path, Cached::new(Tokens::default(), Settings::default())).unwrap();
    holds(&path, "access-1").await;
    // As many as it takes for a file system to give out the inode again that was freed first.
    for n in 0..64 {
        let other = folder.path().join("other");
        fs::write(&other, format!("another's {n}")).unwrap();
        fs::rename(&other, &path).unwrap();
    }
    drop(file);
    assert_eq!(fs::read(&path).unwrap(), b"another's 63");
}

#[tokio::test(start_paused = true)]
async fn an_expired_token_does_not_stay_in_the_file_while_the_authority_is_away() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("token");
    let (tokens, clock) = (Tokens::default(), Skipping::new());
    let cached = Cached::new(tokens.clone(), Settings::default().clock(Arc::new(clock.clone())));
    let _file = TokenFile::keep(&path, cached).unwrap();
    holds(&path, "access-1").await;
    tokens.set_down(true);
    clock.skip(900);
    while path.exists() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    tokens.set_down(false);
    holds(&path, "access-2").await;
}

#[tokio::test]
async fn what_processes_left_that_were_killed_is_removed_and_what_is_being_written_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("token");
    let left = folder.path().join(".token.0123456789abcdef.partial");
    let written = folder.path().join(".token.fedcba9876543210.partial");
    let stranger = folder.path().join(".token.backup.partial");
    for file in [&left, &written, &stranger] {
        fs::write(file, "x").unwrap();
    }
    let writer = fs::File::open(&written).unwrap();
    writer.lock().unwrap();
    let _file = TokenFile::keep(&path, Cached::new(Tokens::default(), Settings::default())).unwrap();
    assert_eq!((left.exists(), written.exists(), stranger.exists()), (false, true, true));
}

#[tokio::test(start_paused = true)]
async fn a_file_that_no_agent_has_written_is_neither_replaced_nor_removed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("token");
    let keep = || TokenFile::keep(&path, Cached::new(Tokens::default(), Settings::default()));
    let header = "eyJhbGciOiJIUzI1NiJ9";
    for precious in
        ["precious\n", "{\"client_secret\":\"x\"}", "tg_test_x", "eyJhIjoxfQ", &format!("{header}.a.b\n")]
    {
        fs::write(&path, precious).unwrap();
        assert_eq!(keep().unwrap_err().kind(), std::io::ErrorKind::AlreadyExists, "{precious}");
        assert_eq!(fs::read_to_string(&path).unwrap(), precious);
    }
    // What an agent that was killed has left behind, or nothing, is replaced.
    for left in [String::new(), format!("{header}.a.b")] {
        fs::write(&path, left).unwrap();
        let file = keep().unwrap();
        holds(&path, "access-1").await;
        drop(file);
    }
    // And likewise what somebody puts there meanwhile, when the next token comes.
    let cached = Cached::new(Tokens::default(), Settings::default());
    let file = TokenFile::keep(&path, cached.clone()).unwrap();
    holds(&path, "access-1").await;
    fs::remove_file(&path).unwrap();
    fs::write(&path, "precious").unwrap();
    cached.refused(cached.authorization().unwrap().generation()).await.unwrap();
    tokio::time::sleep(Duration::from_secs(10)).await;
    drop(file);
    assert_eq!(fs::read_to_string(&path).unwrap(), "precious");
}
