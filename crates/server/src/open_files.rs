//! How many files this process may open, and how many connections that allows.

use rustix::process::{Resource, getrlimit};

/// Files other than connections of the API: the store, the listeners, health and metrics, and connections that are refused because
/// there are too many.
const OTHERS: u64 = 256;

/// Returns how many files this process may open; `None` if there is no limit.
pub fn open_files() -> Option<u64> {
    getrlimit(Resource::Nofile).current
}

/// Returns how many connections to the API there may be if this many are configured: some files are kept for requests that must be
/// answered even when all connections are used.
pub(crate) fn connections(configured: usize) -> usize {
    within(configured, open_files())
}

fn within(configured: usize, files: Option<u64>) -> usize {
    let Some(files) = files else { return configured };
    // If there are very few files, half of them.
    let left = files.saturating_sub(OTHERS).max(files / 2).max(1);
    configured.min(usize::try_from(left).unwrap_or(usize::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_leave_files_for_what_else_must_be_answered() {
        for (configured, files, expected) in [
            (10_000, None, 10_000),
            (10_000, Some(65_536), 10_000),
            (10_000, Some(1_024), 768),
            (100, Some(1_024), 100),
            (10_000, Some(40), 20),
            (10_000, Some(0), 1),
        ] {
            assert_eq!(within(configured, files), expected, "{configured} {files:?}");
        }
    }
}
