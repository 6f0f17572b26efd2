//! A listening socket in the file system that only its owner can ever reach.

use std::fs::{self, DirBuilder, File, Permissions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, FileTypeExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use tokio::net::{UnixListener, UnixStream};

use crate::listener::{Listener, Socket};

/// A listening socket in the file system that its owner and root alone can reach, from the start. The kernel names the user of each
/// peer, and others are passed over. The socket is removed when this is dropped, unless another process has replaced it.
#[derive(Debug)]
pub(crate) struct OwnSocket {
    listener: UnixListener,
    file: SocketFile,
}

/// The outcome of [`OwnSocket::bind`].
#[derive(Debug)]
pub(crate) enum Bound {
    /// The socket listens.
    Listening(OwnSocket),
    /// The path leads to something that is not a socket, which is not touched.
    NotASocket,
}

impl OwnSocket {
    /// Listens at `path`, and replaces a socket that nobody answers on. Another process that listens there is
    /// [`AddrInUse`](io::ErrorKind::AddrInUse).
    pub(crate) async fn bind(path: &Path) -> io::Result<Bound> {
        // A socket is created with a mode that depends on the umask, and `chmod` would come too late. So it is created in a
        // folder that nobody else can enter, and renamed when its mode is set.
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let _turn = take_turn(folder)?;
        match fs::symlink_metadata(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
            Ok(found) if !found.file_type().is_socket() => return Ok(Bound::NotASocket),
            Ok(_) if is_answered(path).await? => return Err(io::ErrorKind::AddrInUse.into()),
            Ok(_) => {}
        }
        let private = PrivateFolder::make_in(folder)?;
        let made = private.0.join("s");
        let listener = UnixListener::bind(&made)?;
        fs::set_permissions(&made, Permissions::from_mode(0o600))?;
        let metadata = fs::symlink_metadata(&made)?;
        fs::rename(&made, path)?;
        let (device, inode, owner) = (metadata.dev(), metadata.ino(), metadata.uid());
        let file = SocketFile { path: path.to_owned(), device, inode, owner };
        Ok(Bound::Listening(Self { listener, file }))
    }

    /// Where it listens.
    pub(crate) fn path(&self) -> &Path {
        &self.file.path
    }
}

impl Listener for OwnSocket {
    type Peer = ();

    async fn accept(&self) -> io::Result<(Socket, ())> {
        loop {
            let (stream, peer) = Listener::accept(&self.listener).await?;
            if may_connect(peer.uid(), self.file.owner()) {
                return Ok((stream, ()));
            }
            tracing::warn!(uid = peer.uid(), "a connection of another user was refused");
        }
    }

    fn into_established(self) -> impl Iterator<Item = (Socket, ())> + Send {
        let Self { listener, file } = self;
        let established = Listener::into_established(listener);
        established.filter(move |(_, peer)| may_connect(peer.uid(), file.owner())).map(|(io, _)| (io, ()))
    }
}

/// The file of a socket. It is removed on drop, unless another process has replaced it.
#[derive(Debug)]
struct SocketFile {
    path: PathBuf,
    device: u64,
    inode: u64,
    owner: u32,
}

/// Says whether a process of user `peer` may use the socket of user `owner`.
fn may_connect(peer: u32, owner: u32) -> bool {
    peer == owner || peer == 0
}

impl SocketFile {
    /// Returns the user that owns the socket.
    fn owner(&self) -> u32 {
        self.owner
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        let found = fs::symlink_metadata(&self.path);
        if found.is_ok_and(|found| (found.dev(), found.ino()) == (self.device, self.inode)) {
            // Best effort: no process answers on a socket that is left over.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Locks the folder, so that two processes that start at once do not each take the other for stopped.
fn take_turn(folder: &Path) -> io::Result<File> {
    let folder = File::open(folder)?;
    match folder.try_lock() {
        Err(TryLockError::WouldBlock) => Err(io::ErrorKind::AddrInUse.into()),
        // On a file system without locks, two processes hardly start at once.
        Ok(()) | Err(TryLockError::Error(_)) => Ok(folder),
    }
}

async fn is_answered(path: &Path) -> io::Result<bool> {
    match UnixStream::connect(path).await {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(true),
        Err(error) => match error.kind() {
            io::ErrorKind::ConnectionRefused | io::ErrorKind::NotFound => Ok(false),
            _ => Err(error),
        },
    }
}

/// A temporary folder that only this user can enter.
struct PrivateFolder(PathBuf);

impl PrivateFolder {
    fn make_in(folder: &Path) -> io::Result<Self> {
        // The path of a socket has at most 107 bytes, so this is short.
        let path = folder.join(format!(".{:08x}", rand::random::<u32>()));
        DirBuilder::new().mode(0o700).create(&path)?;
        Ok(Self(path))
    }
}

impl Drop for PrivateFolder {
    fn drop(&mut self) {
        let _ = fs::remove_file(self.0.join("s"));
        let _ = fs::remove_dir(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn listen(path: &Path) -> (UnixListener, SocketFile) {
        match OwnSocket::bind(path).await.unwrap() {
            Bound::Listening(OwnSocket { listener, file }) => (listener, file),
            Bound::NotASocket => panic!("{} is no socket", path.display()),
        }
    }

    #[test]
    fn the_owner_and_root_may_connect() {
        assert!(may_connect(1_000, 1_000));
        assert!(may_connect(0, 1_000));
        assert!(!may_connect(1_001, 1_000));
        assert!(!may_connect(1_000, 0));
    }

    #[tokio::test]
    async fn a_socket_is_its_owners_alone_and_goes_with_the_listener() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("agent.sock");
        let (listener, file) = listen(&path).await;
        let metadata = fs::symlink_metadata(&path).unwrap();
        assert_eq!(metadata.permissions().mode() & 0o777, 0o600);
        assert_eq!(file.owner(), metadata.uid());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing else is left");
        UnixStream::connect(&path).await.unwrap();
        drop((listener, file));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[tokio::test]
    async fn a_live_socket_is_left_alone_and_a_stale_one_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("agent.sock");
        let (listener, file) = listen(&path).await;
        assert_eq!(OwnSocket::bind(&path).await.err().unwrap().kind(), io::ErrorKind::AddrInUse);
        UnixStream::connect(&path).await.unwrap();
        // As after a crash: the file exists, and no process answers.
        drop(listener);
        std::mem::forget(file);
        let (_listener, _file) = listen(&path).await;
        UnixStream::connect(&path).await.unwrap();
    }

    #[tokio::test]
    async fn what_is_no_socket_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let (file, link) = (folder.path().join("file"), folder.path().join("link"));
        fs::write(&file, "kept").unwrap();
        std::os::unix::fs::symlink(folder.path().join("nowhere"), &link).unwrap();
        for path in [&file, &link, &folder.path().to_owned()] {
            assert!(matches!(OwnSocket::bind(path).await.unwrap(), Bound::NotASocket), "{}", path.display());
        }
        assert_eq!(fs::read(&file).unwrap(), b"kept");
    }

    #[tokio::test]
    async fn a_name_that_another_has_taken_over_is_not_removed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("agent.sock");
        let (_listener, file) = listen(&path).await;
        fs::remove_file(&path).unwrap();
        fs::write(&path, "another's").unwrap();
        drop(file);
        assert!(path.exists());
    }
}
