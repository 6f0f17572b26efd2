//! What the environment asks of the test.

use std::path::PathBuf;
use std::process::{Command, Stdio};

/// What the environment asks of the test.
pub(crate) struct Settings {
    /// How many times the primary fails.
    pub(crate) failovers: u32,
    /// Where to write what was found.
    pub(crate) report: Option<PathBuf>,
}

impl Settings {
    /// `None` if the test is to be left out. Without the programs that it needs it fails, and is never left out by itself.
    #[expect(clippy::disallowed_methods, reason = "it chooses what is tested and is no setting")]
    pub(crate) fn read() -> Option<Self> {
        if std::env::var("TOLLGATE_TEST_CLUSTER").is_ok_and(|wish| wish == "skip") {
            return None;
        }
        for program in ["patroni", "etcd"] {
            let found =
                Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
            assert!(
                found.is_ok(),
                "the cluster test needs {program}: install patroni and etcd-server, or set TOLLGATE_TEST_CLUSTER=skip"
            );
        }
        let failovers = std::env::var("TOLLGATE_TEST_FAILOVERS").map_or(2, |count| count.parse().unwrap());
        let report = std::env::var_os("TOLLGATE_TEST_REPORT").map(PathBuf::from);
        Some(Self { failovers, report })
    }
}
