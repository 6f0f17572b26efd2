//! Identifies this process, so that another one on the same machine can tell whether it has ended.

use std::fs;
use tollgate_store::Actor;

use rustix::process::{Pid, getuid, test_kill_process};

/// A process, identified by what its machine says about it.
#[derive(Debug, Clone)]
pub struct Process {
    /// The boot of the machine, and the namespace of process ids; `None` if the system doesn't say.
    space: Option<String>,
    pid: u32,
    started: Option<String>,
}

impl Process {
    /// Returns the current process.
    pub fn current() -> Self {
        let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok();
        let pids = fs::read_link("/proc/self/ns/pid").ok();
        let space = boot.zip(pids).map(|(boot, pids)| format!("{}/{}", boot.trim(), pids.display()));
        let pid = std::process::id();
        Self { space, pid, started: started(pid) }
    }

    /// Returns the process as it is recorded: three words, separated by spaces. Empty if the system doesn't say enough.
    pub fn text(&self) -> String {
        match (&self.space, &self.started) {
            (Some(space), Some(started)) => format!("{space} {} {started}", self.pid),
            _ => String::new(),
        }
    }

    /// Says whether a recorded process certainly runs on this machine.
    pub fn knows_running(&self, recorded: &str) -> bool {
        let parts: Vec<&str> = recorded.split(' ').collect();
        let [space, pid, then_started] = parts[..] else { return false };
        self.space.as_deref() == Some(space)
            && pid.parse().ok().and_then(started).is_some_and(|started| started == then_started)
    }

    /// Says whether a recorded process has certainly ended. Nobody here can tell for a process of another machine.
    pub fn knows_ended(&self, recorded: &str) -> bool {
        let parts: Vec<&str> = recorded.split(' ').collect();
        let [space, pid, then_started] = parts[..] else { return false };
        let Some(pid) = pid.parse::<u32>().ok().filter(|_| self.space.as_deref() == Some(space)) else {
            return false;
        };
        match started(pid) {
            Some(started) => started != then_started,
            // The system may hide the processes of other users.
            None => is_gone(pid),
        }
    }

    /// Returns the actor for the server that this process is.
    pub fn acting(&self) -> Actor {
        Actor { from: Some(self.place()), ..Actor::system() }
    }

    /// Returns where it runs, for people.
    pub fn place(&self) -> String {
        format!("{}, pid {}", machine(), self.pid)
    }
}

/// Returns the actor for the server that the current process is.
pub fn this_server() -> Actor {
    Process::current().acting()
}

/// Returns the name of the Unix user who runs this process, or the number of a user without a name.
pub fn unix_user() -> String {
    let uid = getuid().as_raw();
    let users = fs::read_to_string("/etc/passwd").unwrap_or_default();
    name_of(&users, uid).unwrap_or_else(|| format!("uid {uid}"))
}

/// Finds a user's name in the text of `/etc/passwd` (passwd(5)).
fn name_of(users: &str, uid: u32) -> Option<String> {
    users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let (name, found) = (fields.next()?, fields.nth(1)?);
        (found.parse() == Ok(uid) && !name.is_empty()).then(|| name.to_owned())
    })
}

/// Returns who runs this process, and where, for people.
pub fn whoever_runs_this() -> String {
    format!("uid {} on {}", getuid().as_raw(), machine())
}

/// Returns the machine's name, in ASCII and without `@`.
pub fn machine() -> String {
    let uname = rustix::system::uname();
    let name = uname.nodename().to_string_lossy();
    name.chars().map(|c| if c.is_ascii_graphic() && c != '@' { c } else { '?' }).take(64).collect()
}

/// Returns when a process was started, in ticks since the boot, which tells two processes with the same id apart.
fn started(pid: u32) -> Option<String> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The second field, the name in parentheses, may hold anything.
    let (_, fields) = stat.rsplit_once(')')?;
    fields.split_whitespace().nth(19).map(str::to_owned)
}

fn is_gone(pid: u32) -> bool {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
    pid.is_some_and(|pid| test_kill_process(pid) == Err(rustix::io::Errno::SRCH))
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_named_by_the_system() {
        let users =
            "root:x:0:0:root:/root:/bin/sh\nbad line\nada:x:1000:1000::/home/ada:/bin/sh\n:x:7:7:::\n";
        assert_eq!(name_of(users, 0).as_deref(), Some("root"));
        assert_eq!(name_of(users, 1000).as_deref(), Some("ada"));
        assert_eq!((name_of(users, 7), name_of(users, 100)), (None, None));
        assert!(!unix_user().is_empty() && !machine().is_empty());
    }

    #[test]
    fn a_process_that_runs_has_not_ended() {
        let own = Process::current();
        assert!(!own.knows_ended(&own.text()));
    }

    #[test]
    fn a_process_of_this_machine_that_has_ended_is_known_to_have() {
        let own = Process::current();
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let recorded = Process { pid: child.id(), started: started(child.id()), ..own.clone() }.text();
        assert!(!own.knows_ended(&recorded));
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(own.knows_ended(&recorded));
    }

    #[test]
    fn a_process_of_this_machine_that_runs_is_known_to() {
        let own = Process::current();
        assert!(own.knows_running(&own.text()));
        let earlier = Process { started: Some("1".to_owned()), ..own.clone() };
        let elsewhere = Process { space: Some("another".to_owned()), ..own.clone() };
        assert!(!own.knows_running(&earlier.text()) && !own.knows_running(&elsewhere.text()));
    }

    #[test]
    fn a_process_with_the_id_of_another_is_not_the_other() {
        let own = Process::current();
        let earlier = Process { started: Some("1".to_owned()), ..own.clone() };
        assert!(own.knows_ended(&earlier.text()));
    }

    #[test]
    fn of_a_process_elsewhere_nobody_can_tell() {
        let own = Process::current();
        let elsewhere =
            Process { space: Some("another/pid:[1]".to_owned()), pid: 999_999_999, ..own.clone() };
        for recorded in [elsewhere.text(), String::new(), "x".to_owned(), "a b c d".to_owned()] {
            assert!(!own.knows_ended(&recorded), "{recorded}");
        }
    }
}
