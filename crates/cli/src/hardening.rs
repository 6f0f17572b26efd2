//! Hardens a process before it reads secrets: others can't read its memory, and it may open as many files as
//! its limits allow.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tollgate_commands::Failure;

/// Keeps others out of this process and raises its limit of open files.
///
/// No core dump is written (core(5)), no other process of the user can attach to it or read its memory (`PR_SET_DUMPABLE`,
/// prctl(2)), and if the limits of the process allow it, none of its pages goes to a swap device.
pub(crate) fn harden() -> Result<(), Failure> {
    let none = Rlimit { current: Some(0), maximum: Some(0) };
    setrlimit(Resource::Core, none)
        .map_err(|error| Failure::new(format!("core dumps can't be turned off: {error}")))?;
    forbid_tracing().map_err(|error| {
        Failure::new(format!("other processes can't be kept from reading this one's memory: {error}"))
    })?;
    raise_to_hard_limit(Resource::Nofile);
    lock_memory();
    Ok(())
}

/// Raises a soft limit to the hard one. If the system refuses, the limit stays, and the server reports it.
fn raise_to_hard_limit(resource: Resource) {
    let Rlimit { current, maximum } = getrlimit(resource);
    if current != maximum {
        let _ = setrlimit(resource, Rlimit { current: maximum, maximum });
    }
}

#[cfg(target_os = "linux")]
fn forbid_tracing() -> rustix::io::Result<()> {
    rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable)
}

#[cfg(not(target_os = "linux"))]
fn forbid_tracing() -> rustix::io::Result<()> {
    Ok(())
}

/// Locks all memory, present and future, if there is no limit on locked memory. Under a limit any allocation could fail.
#[cfg(target_os = "linux")]
fn lock_memory() {
    use rustix::mm::{MlockAllFlags, mlockall};
    use rustix::thread::{CapabilitySet, capabilities};

    raise_to_hard_limit(Resource::Memlock);
    let is_unlimited = getrlimit(Resource::Memlock).current.is_none();
    let may_lock = capabilities(None).is_ok_and(|sets| sets.effective.contains(CapabilitySet::IPC_LOCK));
    if is_unlimited || may_lock {
        // Pages are locked when they are first used; otherwise the whole of each stack would be. The log says whether it worked.
        let _ = mlockall(MlockAllFlags::CURRENT | MlockAllFlags::FUTURE | MlockAllFlags::ONFAULT);
    }
}

#[cfg(not(target_os = "linux"))]
fn lock_memory() {}

/// Says whether the memory of this process is locked, according to the system.
pub(crate) fn is_memory_locked() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let locked = status.lines().find_map(|line| line.strip_prefix("VmLck:"));
    locked.is_some_and(|locked| !locked.trim().starts_with("0 "))
}
