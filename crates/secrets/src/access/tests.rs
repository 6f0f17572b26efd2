use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt as _, symlink};

use super::*;

const USER: u32 = 1000;
const GROUP: u32 = 2000;

fn process() -> Process {
    Process { user: USER, groups: vec![GROUP, 2001] }
}

fn node(owner: u32, group: u32, mode: u32) -> Node {
    Node { owner, group, mode: 0o100_000 | mode, grants: Vec::new() }
}

fn readable(file: &Node) -> Option<Who> {
    file.open_to(READ, &process())
}

#[test]
fn a_file_is_for_its_owner_and_for_the_groups_of_this_process() {
    for mode in [0o400, 0o600, 0o440, 0o640, 0o660] {
        assert_eq!(readable(&node(0, GROUP, mode)), None, "{mode:o}");
    }
    for mode in [0o440, 0o640, 0o660] {
        assert_eq!(readable(&node(USER, 5, mode)), Some(Who::Group(5)), "{mode:o}");
    }
    for mode in [0o444, 0o604, 0o644] {
        assert_eq!(readable(&node(USER, GROUP, mode)), Some(Who::Everybody), "{mode:o}");
    }
    assert_eq!(node(USER, 5, 0o660).open_to(WRITE, &process()), Some(Who::Group(5)));
    assert_eq!(node(USER, GROUP, 0o602).open_to(WRITE, &process()), Some(Who::Everybody));
    assert!(process().trusts(0) && process().trusts(USER) && !process().trusts(1001));
}

#[test]
fn a_list_says_whom_the_bits_of_the_group_are_for() {
    let with = |grants: &[(acl::To, u32)]| {
        let grants = grants.iter().map(|(to, may)| Grant { to: *to, may: *may }).collect();
        Node { grants, ..node(0, 0, 0o440) }
    };
    // As systemd passes a credential: it belongs to root, and the list has the user of the service.
    assert_eq!(readable(&with(&[(acl::To::User(USER), 4), (acl::To::OwningGroup, 0)])), None);
    assert_eq!(readable(&with(&[(acl::To::User(USER), 4), (acl::To::User(1001), 4)])), Some(Who::User(1001)));
    assert_eq!(readable(&with(&[(acl::To::User(1001), 0)])), None);
    assert_eq!(readable(&with(&[(acl::To::Group(2001), 4), (acl::To::OwningGroup, 4)])), Some(Who::Group(0)));
    assert_eq!(readable(&with(&[(acl::To::Group(9), 4)])), Some(Who::Group(9)));
}

/// Makes a folder that every user can enter, as most are.
fn open_folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    chmod(folder.path(), 0o755);
    folder
}

fn chmod(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

fn refusal(path: &Path, sharing: Sharing) -> String {
    match open(path, sharing) {
        Ok(_) => panic!("{} is read", path.display()),
        Err(error) => {
            assert_eq!(check(path, sharing).unwrap_err().to_string(), error.to_string());
            error.to_string()
        }
    }
}

#[test]
fn what_everybody_may_read_is_refused_unless_it_is_said_so_or_they_cannot_come_near() {
    let folder = open_folder();
    let path = folder.path().join("secret");
    fs::write(&path, "s").unwrap();
    for mode in [0o444, 0o644, 0o604] {
        chmod(&path, mode);
        let said = refusal(&path, Sharing::Private);
        assert!(said.contains(&format!("read by others (mode {mode:04o}): chmod 600 it")), "{said}");
        open(&path, Sharing::WorldReadable).unwrap();
    }
    chmod(&path, 0o646);
    for sharing in [Sharing::Private, Sharing::WorldReadable] {
        let said = refusal(&path, sharing);
        assert!(said.contains("changed by others (mode 0646)"), "{said}");
    }
    chmod(&path, 0o444);
    chmod(folder.path(), 0o700);
    open(&path, Sharing::Private).unwrap();
    check(&path, Sharing::Private).unwrap();
}

#[test]
fn links_are_followed_and_the_folder_at_their_end_counts() {
    let folder = open_folder();
    let (dated, data, link) =
        (folder.path().join("..2026_11_28"), folder.path().join("..data"), folder.path().join("secret"));
    fs::create_dir(&dated).unwrap();
    fs::write(dated.join("secret"), "s").unwrap();
    chmod(&dated.join("secret"), 0o400);
    symlink("..2026_11_28", &data).unwrap();
    symlink("..data/secret", &link).unwrap();
    open(&link, Sharing::Private).unwrap();
    chmod(&dated, 0o777);
    let said = refusal(&link, Sharing::WorldReadable);
    assert!(
        said.contains("..2026_11_28 is a folder in which others can replace files (mode 0777)"),
        "{said}"
    );
    assert!(check_folder(&dated).is_err());
    // As in /tmp: others can make files, but not replace this one.
    chmod(&dated, 0o1777);
    open(&link, Sharing::Private).unwrap();
    check_folder(&dated).unwrap();
}

#[test]
fn what_is_not_there_or_no_file_is_an_error_of_the_system() {
    let folder = open_folder();
    for path in [folder.path().join("absent"), folder.path().to_owned()] {
        assert!(matches!(open(&path, Sharing::Private), Err(AccessError::Io(_))), "{}", path.display());
        assert!(matches!(check(&path, Sharing::Private), Err(AccessError::Io(_))), "{}", path.display());
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_list_of_a_real_file_is_read() {
    let folder = open_folder();
    let path = folder.path().join("secret");
    fs::write(&path, "s").unwrap();
    chmod(&path, 0o400);
    let entry = |tag: u16, may: u16, id: u32| {
        [&tag.to_le_bytes()[..], &may.to_le_bytes()[..], &id.to_le_bytes()[..]].concat()
    };
    let none = u32::MAX;
    let list = |user: u32| {
        let entries = [(1, 4, none), (2, 4, user), (4, 0, none), (16, 4, none), (32, 0, none)];
        let entries = entries.map(|(tag, may, id)| entry(tag, may, id)).concat();
        [2_u32.to_le_bytes().to_vec(), entries].concat()
    };
    let set = |list: &[u8]| {
        let flags = rustix::fs::XattrFlags::empty();
        rustix::fs::setxattr(&path, "system.posix_acl_access", list, flags)
    };
    let own = geteuid().as_raw();
    match set(&list(own)) {
        // Not every file system has lists; their format is tested in `acl`.
        Err(rustix::io::Errno::NOTSUP) => return,
        set => set.unwrap(),
    }
    assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o440, "the mask shows as the bits of the group");
    open(&path, Sharing::Private).unwrap();
    set(&list(own + 1)).unwrap();
    let said = refusal(&path, Sharing::WorldReadable);
    assert!(said.contains(&format!("read by the user {}", own + 1)), "{said}");
}
