//! The token in a file.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::Duration;

use tollgate_client::agent::TokenFile;
use tollgate_client::{Cached, Settings};

use crate::fixture::Tokens;

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
