//! What machines that fail hold up, as the cluster test finds it.

use std::collections::BTreeMap;
use std::process::Command;
use std::{fs, io};

use serde::Deserialize;

use crate::document::{count, table};
use crate::servers::{Setup, succeed};

#[derive(Deserialize)]
struct Report {
    acknowledged: u64,
    lost: u64,
    doubled: u64,
    phases: Vec<Phase>,
}

#[derive(Deserialize)]
struct Phase {
    name: String,
    kinds: BTreeMap<String, Found>,
}

/// What happened to requests of a kind.
#[derive(Deserialize, Clone, Copy, Default)]
struct Found {
    done: u64,
    refused: u64,
    broken: u64,
    /// The longest time without a success, in seconds.
    interrupted: f64,
}

impl Found {
    fn and(self, other: &Self) -> Self {
        Self {
            done: self.done + other.done,
            refused: self.refused + other.refused,
            broken: self.broken + other.broken,
            interrupted: self.interrupted.max(other.interrupted),
        }
    }

    fn pause(&self) -> String {
        format!("{:.2} s", self.interrupted)
    }

    fn failed(&self) -> String {
        format!(
            "{} of {}",
            self.refused + self.broken,
            count((self.done + self.refused + self.broken) as f64)
        )
    }
}

/// On all cores: this is about time that passes, and not about work.
pub(crate) fn run(setup: &Setup) -> io::Result<Vec<(&'static str, String)>> {
    let folder = setup.folder()?;
    let file = folder.path().join("report.json");
    let failovers = if setup.quick { "2" } else { "20" };
    let mut test = Command::new("cargo");
    test.args(["test", "--locked", "--package", "tollgate", "--test", "cluster"])
        .env("TOLLGATE_TEST_CLUSTER", "required")
        .env("TOLLGATE_TEST_FAILOVERS", failovers)
        .env("TOLLGATE_TEST_REPORT", &file);
    succeed(&mut test)?;
    let report: Report = serde_json::from_slice(&fs::read(file)?)?;
    Ok(vec![("failover", tables(&report))])
}

fn tables(report: &Report) -> String {
    let mut names: Vec<&str> = Vec::new();
    for phase in &report.phases {
        if !names.contains(&phase.name.as_str()) {
            names.push(&phase.name);
        }
    }
    let rows: Vec<Vec<String>> = names.into_iter().map(|name| row(name, &report.phases)).collect();
    let head = [
        "what happens",
        "times",
        "tokens: failed",
        "longest pause",
        "guarded: failed",
        "longest pause",
        "creates: longest pause",
        "administration: longest pause",
    ];
    let settled = [
        vec!["acknowledged".to_owned(), count(report.acknowledged as f64)],
        vec!["of these lost".to_owned(), report.lost.to_string()],
        vec!["done twice".to_owned(), report.doubled.to_string()],
    ];
    format!("{}\n{}", table(&head, &rows), table(&["creates and administration, all of it", ""], &settled))
}

/// The worst of all phases of a name.
fn row(name: &str, phases: &[Phase]) -> Vec<String> {
    let phases: Vec<&Phase> = phases.iter().filter(|phase| phase.name == name).collect();
    let of = |kind: &str| {
        let found = phases.iter().filter_map(|phase| phase.kinds.get(kind));
        found.fold(Found::default(), Found::and)
    };
    let (issue, verify) = (of("issue"), of("verify"));
    vec![
        name.to_owned(),
        phases.len().to_string(),
        issue.failed(),
        issue.pause(),
        verify.failed(),
        verify.pause(),
        of("create").pause(),
        of("administer").pause(),
    ]
}
