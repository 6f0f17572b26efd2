//! Files that only their owner can read, written completely or not at all.
//!
//! The draft has a random name and must be new, so no symbolic link is followed, and no file is written that another process has
//! open.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// Creates a new file. Returns `false`, and writes nothing, if something has that name already: of several
/// processes at once only one writes.
pub fn create(path: &Path, content: &[u8]) -> io::Result<bool> {
    let draft = Draft::write(path, content)?;
    match fs::hard_link(&draft.0, path) {
        Ok(()) => sync_folder(path).map(|()| true),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(error),
    }
}

/// Writes a file, and replaces an existing one. A symbolic link is replaced, not followed.
pub(crate) fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    let draft = Draft::write(path, content)?;
    fs::rename(&draft.0, path)?;
    sync_folder(path)
}

/// The draft of the file, in the same folder. Dropping it removes the draft, unless it was renamed.
struct Draft(PathBuf);

impl Draft {
    fn write(path: &Path, content: &[u8]) -> io::Result<Self> {
        let name = path.file_name().ok_or(ErrorKind::IsADirectory)?;
        let mut draft = std::ffi::OsString::from(".");
        draft.push(name);
        draft.push(format!(".{:016x}.partial", rand::random::<u64>()));
        let draft = path.with_file_name(draft);
        // The file must be new, so that no link is followed (POSIX open, O_EXCL).
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft)?;
        let draft = Self(draft);
        file.set_permissions(Permissions::from_mode(0o600))?;
        file.write_all(content)?;
        file.sync_all()?;
        Ok(draft)
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        // Best effort: it may have been renamed, and a draft that is left over does no harm.
        let _ = fs::remove_file(&self.0);
    }
}

/// Makes the name of a file survive a power cut.
pub(crate) fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;
    use std::thread;

    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<_> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn of_many_who_create_a_file_at_once_one_does() {
        for _ in 0..20 {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("key");
            let created: Vec<bool> = thread::scope(|scope| {
                let path = &path;
                let creating: Vec<_> =
                    (0..8).map(|n| scope.spawn(move || create(path, &[b'0' + n; 64]).unwrap())).collect();
                creating.into_iter().map(|thread| thread.join().unwrap()).collect()
            });
            let winner = created.iter().position(|created| *created).unwrap();
            assert_eq!(created.iter().filter(|created| **created).count(), 1);
            assert_eq!(fs::read(&path).unwrap(), [b'0' + u8::try_from(winner).unwrap(); 64]);
            assert_eq!(names(folder.path()), ["key"]);
        }
    }

    #[test]
    fn a_link_that_lies_in_wait_is_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        let (victim, path) = (folder.path().join("victim"), folder.path().join("credentials.json"));
        fs::write(&victim, "the victim's").unwrap();
        symlink(&victim, &path).unwrap();
        assert!(!create(&path, b"a secret").unwrap());
        assert_eq!(fs::read(&victim).unwrap(), b"the victim's");
        replace(&path, b"a secret").unwrap();
        assert_eq!(fs::read(&victim).unwrap(), b"the victim's");
        assert_eq!(fs::read(&path).unwrap(), b"a secret");
        assert!(!fs::symlink_metadata(&path).unwrap().is_symlink());
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o600);

        // A link that leads nowhere counts as existing, too.
        let dangling = folder.path().join("master.key");
        symlink(folder.path().join("nowhere"), &dangling).unwrap();
        assert!(!create(&dangling, b"a secret").unwrap());
        assert_eq!(names(folder.path()), ["credentials.json", "master.key", "victim"]);
    }
}
