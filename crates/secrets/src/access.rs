//! Checks who may read a file with a secret, and who may replace it.
//!
//! One rule for all of them: the file belongs to root or to the user of this process; others can't write it; only its owner and
//! groups of this process can read it. Links are followed, as Kubernetes mounts secrets behind some; the file at their end and the
//! folder of that file are what count. A file that others could read is still private if they can't enter a folder above it.

use std::fmt;
use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use rustix::process::{Gid, getegid, geteuid, getgroups};

use acl::Grant;

mod acl;

const READ: u32 = 4;
const WRITE: u32 = 2;
const ENTER: u32 = 1;
/// The sticky bit of a folder: only the owner of a file may remove or rename it.
const STICKY: u32 = 0o1000;
const TYPE: u32 = 0o170_000;
const PIPE: u32 = 0o010_000;

/// Whether a file with a secret may be readable for every user of the machine.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Sharing {
    /// It may not, unless others can't enter a folder above it.
    #[default]
    Private,
    /// It may: the operator knows that nobody else uses the machine, as in most containers.
    WorldReadable,
}

/// The error that others can read or replace a file with a secret, or its folder.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{} {problem}", path.display())]
pub struct Exposed {
    path: PathBuf,
    problem: Problem,
}

/// Why a file with a secret can't be read.
#[derive(Debug, thiserror::Error)]
pub enum AccessError {
    /// The system does not let this process read it.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// Other users have access to the file.
    #[error(transparent)]
    Exposed(#[from] Exposed),
}

/// Opens a file or a pipe with a secret, unless others have access to it.
pub fn open(path: &Path, sharing: Sharing) -> Result<File, AccessError> {
    let file = File::open(path)?;
    let found = Node::of_file(&file, &file.metadata()?)?;
    judge(path, &found, sharing, &Process::current()?)?;
    Ok(file)
}

/// Checks a file with secrets that another library opens, such as a store or the key of a certificate.
pub fn check(path: &Path, sharing: Sharing) -> Result<(), AccessError> {
    let found = Node::at(path)?;
    judge(path, &found, sharing, &Process::current()?)
}

/// Checks a folder for files with secrets: others must not be able to replace the files in it.
pub fn check_folder(path: &Path) -> Result<(), AccessError> {
    folder(path, &Process::current()?)
}

fn judge(path: &Path, file: &Node, sharing: Sharing, process: &Process) -> Result<(), AccessError> {
    let exposed = |problem| Exposed { path: path.to_owned(), problem };
    if file.mode & TYPE == 0o040_000 {
        return Err(io::Error::from(io::ErrorKind::IsADirectory).into());
    }
    if !process.trusts(file.owner) {
        return Err(exposed(Problem::Owner { owner: file.owner, own: process.user }).into());
    }
    if let Some(who) = file.open_to(WRITE, process) {
        return Err(exposed(Problem::Writable { who, mode: file.mode }).into());
    }
    if file.mode & TYPE == PIPE {
        // An inherited file has no folder.
        let readable = file.open_to(READ, process);
        return readable
            .map_or(Ok(()), |who| Err(exposed(Problem::Readable { who, mode: file.mode }).into()));
    }
    let real = path.canonicalize()?;
    let parent = real.parent().unwrap_or(Path::new("/"));
    folder(parent, process)?;
    match file.open_to(READ, process) {
        None => Ok(()),
        Some(Who::Everybody) if sharing == Sharing::WorldReadable => Ok(()),
        Some(_) if is_enclosed(parent, process)? => Ok(()),
        Some(who) => Err(exposed(Problem::Readable { who, mode: file.mode }).into()),
    }
}

fn folder(path: &Path, process: &Process) -> Result<(), AccessError> {
    let found = Node::at(path)?;
    let exposed = |problem| AccessError::Exposed(Exposed { path: path.to_owned(), problem });
    if !process.trusts(found.owner) {
        return Err(exposed(Problem::FolderOwner { owner: found.owner, own: process.user }));
    }
    match found.open_to(WRITE, process) {
        Some(who) if found.mode & STICKY == 0 => {
            Err(exposed(Problem::FolderWritable { who, mode: found.mode }))
        }
        Some(_) | None => Ok(()),
    }
}

/// Says whether nobody else can enter this folder, or one above it.
fn is_enclosed(folder: &Path, process: &Process) -> io::Result<bool> {
    for folder in folder.ancestors() {
        let found = Node::at(folder)?;
        if process.trusts(found.owner) && found.open_to(ENTER, process).is_none() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The user and the groups of this process.
#[derive(Debug)]
struct Process {
    user: u32,
    groups: Vec<u32>,
}

impl Process {
    fn current() -> io::Result<Self> {
        let mut groups: Vec<u32> = getgroups()?.into_iter().map(Gid::as_raw).collect();
        groups.push(getegid().as_raw());
        Ok(Self { user: geteuid().as_raw(), groups })
    }

    fn trusts(&self, owner: u32) -> bool {
        owner == 0 || owner == self.user
    }
}

/// The owner of a file or a folder, and who else may use it.
#[derive(Debug)]
struct Node {
    owner: u32,
    group: u32,
    mode: u32,
    /// Users and groups beside the owner and the group (acl(5)). If there are any, the group bits of the mode are not
    /// the group's rights, but the maximum for all of them.
    grants: Vec<Grant>,
}

impl Node {
    fn of_file(file: &File, found: &Metadata) -> io::Result<Self> {
        Ok(Self::of(found, acl::of_file(file)?))
    }

    fn at(path: &Path) -> io::Result<Self> {
        Ok(Self::of(&std::fs::metadata(path)?, acl::at(path)?))
    }

    fn of(found: &Metadata, grants: Vec<Grant>) -> Self {
        Self { owner: found.uid(), group: found.gid(), mode: found.mode(), grants }
    }

    /// Returns who may do this besides root, the user of the process and its groups.
    fn open_to(&self, bit: u32, process: &Process) -> Option<Who> {
        if self.mode & bit != 0 {
            return Some(Who::Everybody);
        }
        if self.mode >> 3 & bit == 0 {
            return None;
        }
        let is_ours = |group: &u32| process.groups.contains(group);
        if self.grants.is_empty() {
            return (!is_ours(&self.group)).then_some(Who::Group(self.group));
        }
        self.grants.iter().filter(|grant| grant.may & bit != 0).find_map(|grant| match grant.to {
            acl::To::User(user) => (!process.trusts(user)).then_some(Who::User(user)),
            acl::To::OwningGroup => (!is_ours(&self.group)).then_some(Who::Group(self.group)),
            acl::To::Group(group) => (!is_ours(&group)).then_some(Who::Group(group)),
        })
    }
}

/// A user or group other than root and those of this process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Who {
    Everybody,
    User(u32),
    Group(u32),
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Everybody => f.write_str("others"),
            Self::User(user) => write!(f, "the user {user}"),
            Self::Group(group) => write!(f, "the group {group}, which this process is not in"),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Problem {
    Owner { owner: u32, own: u32 },
    Writable { who: Who, mode: u32 },
    Readable { who: Who, mode: u32 },
    FolderOwner { owner: u32, own: u32 },
    FolderWritable { who: Who, mode: u32 },
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Owner { owner, own } => write!(
                f,
                "belongs to the user {owner}: chown it to the user of this process ({own}) or to root, or run as its owner"
            ),
            Self::Writable { who, mode } => {
                write!(f, "can be changed by {who} (mode {:04o}): chmod 600 it", mode & 0o7777)
            }
            Self::Readable { who: Who::Everybody, mode } => write!(
                f,
                "can be read by others (mode {:04o}): chmod 600 it, or where it is mounted so and nobody else is on the \
                 machine set TOLLGATE_WORLD_READABLE_SECRETS=true",
                mode & 0o7777
            ),
            Self::Readable { who, mode } => {
                write!(
                    f,
                    "can be read by {who} (mode {:04o}): chmod 600 it, or make a group of this process its group",
                    mode & 0o7777
                )
            }
            Self::FolderOwner { owner, own } => write!(
                f,
                "is a folder of the user {owner}, who can replace what is in it: chown it to the user of this process ({own}) \
                 or to root, or run as its owner"
            ),
            Self::FolderWritable { who, mode } => write!(
                f,
                "is a folder in which {who} can replace files (mode {:04o}): chmod go-w it",
                mode & 0o7777
            ),
        }
    }
}

#[cfg(test)]
mod tests;
