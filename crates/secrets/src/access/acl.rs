//! Access control lists, which Linux keeps beside the mode of a file (acl(5)).

use std::fs::File;
use std::io;
use std::path::Path;

use rustix::io::Errno;

const NAME: &str = "system.posix_acl_access";
/// The version number of the format, before the entries (`linux/posix_acl_xattr.h`).
const VERSION: u32 = 2;
/// The largest attribute that Linux keeps, in bytes.
const LONGEST: usize = 64 * 1024;

/// The rights of a user or group beside the owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Grant {
    pub(super) to: To,
    /// The bits 4, 2 and 1, as in a mode.
    pub(super) may: u32,
}

/// The user or group that has the rights.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum To {
    User(u32),
    OwningGroup,
    Group(u32),
}

/// Reads the list of an open file. It is empty if there is none, which means that only the mode counts.
#[cfg(target_os = "linux")]
pub(super) fn of_file(file: &File) -> io::Result<Vec<Grant>> {
    let mut bytes = vec![0; LONGEST];
    grants(rustix::fs::fgetxattr(file, NAME, &mut bytes[..]).map(|length| &bytes[..length]))
}

/// Reads the list of the file or folder at a path.
#[cfg(target_os = "linux")]
pub(super) fn at(path: &Path) -> io::Result<Vec<Grant>> {
    let mut bytes = vec![0; LONGEST];
    grants(rustix::fs::getxattr(path, NAME, &mut bytes[..]).map(|length| &bytes[..length]))
}

#[cfg(not(target_os = "linux"))]
pub(super) fn of_file(_: &File) -> io::Result<Vec<Grant>> {
    Ok(Vec::new())
}

#[cfg(not(target_os = "linux"))]
pub(super) fn at(_: &Path) -> io::Result<Vec<Grant>> {
    Ok(Vec::new())
}

fn grants(found: Result<&[u8], Errno>) -> io::Result<Vec<Grant>> {
    match found {
        Ok(bytes) => parse(bytes).ok_or_else(|| {
            io::Error::new(io::ErrorKind::InvalidData, "its access control list can't be read")
        }),
        // There is no list, or the file system or the kind of file doesn't support lists.
        Err(Errno::NODATA | Errno::NOTSUP | Errno::NOSYS) => Ok(Vec::new()),
        Err(error) => Err(error.into()),
    }
}

/// Parses the format of Linux: a version, then entries of a tag, permissions and an id, all little-endian.
fn parse(bytes: &[u8]) -> Option<Vec<Grant>> {
    let (version, entries) = bytes.split_first_chunk::<4>()?;
    if u32::from_le_bytes(*version) != VERSION || !entries.len().is_multiple_of(8) {
        return None;
    }
    let mut mask = 7;
    let mut grants = Vec::new();
    for entry in entries.chunks_exact(8) {
        let half = |at: usize| u16::from_le_bytes([entry[at], entry[at + 1]]);
        let id = u32::from_le_bytes([entry[4], entry[5], entry[6], entry[7]]);
        let (tag, may) = (half(0), u32::from(half(2)));
        let to = match tag {
            0x02 => To::User(id),
            0x04 => To::OwningGroup,
            0x08 => To::Group(id),
            0x10 => {
                mask = may;
                continue;
            }
            // The owner, and others: both are in the mode.
            0x01 | 0x20 => continue,
            _ => return None,
        };
        grants.push(Grant { to, may });
    }
    for grant in &mut grants {
        grant.may &= mask;
    }
    Some(grants)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns a list in the format of Linux.
    fn list(entries: &[(u16, u16, u32)]) -> Vec<u8> {
        let mut bytes = VERSION.to_le_bytes().to_vec();
        for (tag, may, id) in entries {
            bytes.extend(tag.to_le_bytes());
            bytes.extend(may.to_le_bytes());
            bytes.extend(id.to_le_bytes());
        }
        bytes
    }

    #[test]
    fn a_list_names_users_and_groups_within_its_mask() {
        let none = u32::MAX;
        let bytes = list(&[
            (0x01, 6, none),
            (0x02, 7, 999),
            (0x04, 0, none),
            (0x08, 6, 7),
            (0x10, 4, none),
            (0x20, 0, none),
        ]);
        let expected = [(To::User(999), 4), (To::OwningGroup, 0), (To::Group(7), 4)];
        assert_eq!(parse(&bytes), Some(expected.map(|(to, may)| Grant { to, may }).to_vec()));
    }

    #[test]
    fn what_is_no_list_is_not_taken_for_an_empty_one() {
        let mut other_version = list(&[]);
        other_version[0] = 3;
        for bytes in
            [vec![], vec![2, 0, 0], other_version, list(&[(0x40, 7, 0)]), [list(&[]), vec![0; 7]].concat()]
        {
            assert_eq!(parse(&bytes), None, "{bytes:?}");
        }
        assert_eq!(parse(&list(&[])), Some(Vec::new()));
    }
}
