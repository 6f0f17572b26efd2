//! How many files this process may open, and how many connections that leaves.

use rustix::process::{Resource, getrlimit};

/// Files that are no connections of the API: the store, the listeners, health and metrics, those that are told that there are
/// too many.
const OTHERS: u64 = 256;

/// How many files this process may open; `None` if as many as it likes.
pub fn open_files() -> Option<u64> {
    getrlimit(Resource::Nofile).current
}

/// How many connections to the API there may be where so many are configured: some files are kept for what must be answered
/// when all connections are used.
pub(crate) fn connections(configured: usize) -> usize {
    within(configured, open_files())
}

fn within(configured: usize, files: Option<u64>) -> usize {
    let Some(files) = files else { return configured };
    // With very few, half of them.
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
