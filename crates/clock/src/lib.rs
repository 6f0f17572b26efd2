//! The clocks of the system, for whoever is not given one.
//!
//! Time is an argument everywhere else: a program reads [`SystemClock`] at its edge, or hands it to what reads a
//! [`Clock`]. What only writes a time down and decides nothing by it, as a line of the log does, needs no clock of here.

use std::fs;
use std::sync::OnceLock;
use std::time::Duration;

use tollgate_core::{Clock, Timestamp, Uptime};

/// Reads the system's clocks: the [wall clock](wall()), and the time that the machine has been up.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_seconds(0).after(wall())
    }

    fn uptime(&self) -> Uptime {
        uptime().unwrap_or_else(uptime_of_the_process)
    }
}

/// The time since 1970 in UTC, by the system's wall clock: on Linux the coarse one, which the kernel advances every 1 to
/// 10 ms. Reading it takes a fraction of the time, and tokens count in whole seconds.
///
/// A time before 1970 counts as 1970: no token is valid then.
#[cfg(target_os = "linux")]
#[inline]
pub fn wall() -> Duration {
    use rustix::time::{ClockId, clock_gettime};
    clock_gettime(ClockId::RealtimeCoarse).try_into().unwrap_or_default()
}

/// The time since 1970 in UTC, by the system's wall clock. A time before 1970 counts as 1970: no token is valid then.
#[cfg(not(target_os = "linux"))]
#[expect(clippy::disallowed_methods, reason = "this is the clock that everything else is given")]
pub fn wall() -> Duration {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default()
}

/// Reads the uptime from the kernel's files, which a tool that changes the clock of one process, such as faketime, can't
/// influence.
fn uptime() -> Option<Uptime> {
    static BOOT: OnceLock<[u8; 16]> = OnceLock::new();
    let boot = if let Some(boot) = BOOT.get() {
        *boot
    } else {
        let read = boot_id()?;
        *BOOT.get_or_init(|| read)
    };
    let uptime = fs::read_to_string("/proc/uptime").ok()?;
    let seconds: f64 = uptime.split_ascii_whitespace().next()?.parse().ok()?;
    Some(Uptime { boot, elapsed: Duration::try_from_secs_f64(seconds).ok()? })
}

/// Returns the id of the machine's present boot. It can't change while the process lives.
fn boot_id() -> Option<[u8; 16]> {
    let text = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    u128::from_str_radix(&text.trim().replace('-', ""), 16).ok().map(u128::to_be_bytes)
}

/// Returns the uptime of the process, if the machine's can't be read. No other process can compare its times with these.
#[expect(clippy::disallowed_methods, reason = "this is the clock that everything else is given")]
fn uptime_of_the_process() -> Uptime {
    static START: OnceLock<([u8; 16], std::time::Instant)> = OnceLock::new();
    let (boot, start) = START.get_or_init(|| {
        use std::hash::{BuildHasher, RandomState};
        let half = || RandomState::new().hash_one(std::process::id()).to_be_bytes();
        let mut boot = [0; 16];
        boot[..8].copy_from_slice(&half());
        boot[8..].copy_from_slice(&half());
        (boot, std::time::Instant::now())
    });
    Uptime { boot: *boot, elapsed: start.elapsed() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::disallowed_methods, reason = "it is compared with the other clock")]
    fn it_shows_the_time_of_the_wall() {
        let before = std::time::SystemTime::now().into();
        let now = SystemClock.now();
        // A tick takes 10 ms at most; a day leaves room for a machine that stands still for a while.
        assert!(now.after(Duration::from_secs(1)) > before);
        assert!(now < Timestamp::after(before, Duration::from_secs(24 * 60 * 60)));
    }

    #[test]
    fn the_uptime_goes_on_within_one_start_of_the_machine() {
        for read in [|| SystemClock.uptime(), uptime_of_the_process] {
            let (before, after) = (read(), read());
            assert_eq!(before.boot, after.boot);
            assert!(before.elapsed <= after.elapsed);
        }
        #[cfg(target_os = "linux")]
        assert_eq!(uptime().map(|uptime| uptime.boot), Some(SystemClock.uptime().boot));
    }
}
