//! What the callers met with, phase by phase.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::harness::now;
use crate::load::Kind;

/// Why a request did not succeed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// It was answered, but not as expected.
    Refused(String),
    /// The connection broke.
    Broken(String),
}

/// What happened to the requests of one caller.
pub(crate) struct Track {
    found: Found,
    /// When it succeeded last, and when that request was made.
    succeeded: Option<(Instant, Instant)>,
    since: Instant,
}

/// What happened to requests of a kind.
#[derive(Debug, Clone, Default)]
pub(crate) struct Found {
    pub(crate) done: u64,
    pub(crate) refused: u64,
    pub(crate) broken: u64,
    /// The longest time without a success.
    pub(crate) interrupted: Duration,
    /// The first of what was refused or broke.
    example: Option<String>,
}

impl Track {
    pub(crate) fn new() -> Self {
        Self { found: Found::default(), succeeded: None, since: now() }
    }

    pub(crate) fn reset(&mut self) {
        self.found = Found::default();
        self.since = now();
    }

    pub(crate) fn add(&mut self, started: Instant, outcome: Result<(), Failure>) {
        let found = &mut self.found;
        match outcome {
            Ok(()) => {
                let ended = now();
                // An interruption counts from the last success, or from when somebody began to count.
                let last = self.succeeded.map_or(self.since, |(_, ended)| ended.max(self.since));
                found.interrupted = found.interrupted.max(ended - last);
                found.done += 1;
                self.succeeded = Some((started, ended));
            }
            Err(Failure::Refused(what)) => {
                found.refused += 1;
                found.example.get_or_insert(what);
            }
            Err(Failure::Broken(what)) => {
                found.broken += 1;
                found.example.get_or_insert(what);
            }
        }
    }

    pub(crate) fn succeeded_since(&self, moment: Instant) -> bool {
        self.succeeded.is_some_and(|(started, _)| started >= moment)
    }

    pub(crate) fn found(&self) -> Found {
        self.found.clone()
    }
}

/// What happened in a phase of the test, by kind of request.
#[derive(Debug)]
pub(crate) struct Phase(BTreeMap<Kind, Found>);

impl Phase {
    pub(crate) fn of(tracks: impl Iterator<Item = (Kind, Found)>) -> Self {
        let mut kinds = BTreeMap::<Kind, Found>::new();
        for (kind, found) in tracks {
            let all = kinds.entry(kind).or_default();
            all.done += found.done;
            all.refused += found.refused;
            all.broken += found.broken;
            all.interrupted = all.interrupted.max(found.interrupted);
            all.example = all.example.take().or(found.example);
        }
        Self(kinds)
    }

    pub(crate) fn found(&self, kind: Kind) -> &Found {
        &self.0[&kind]
    }
}

/// What the whole test found.
#[derive(Default)]
pub(crate) struct Report {
    phases: Vec<(&'static str, Phase)>,
    pub(crate) settled: Settled,
}

/// What was there in the end, compared with what had been acknowledged.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Settled {
    pub(crate) acknowledged: usize,
    pub(crate) lost: usize,
    pub(crate) doubled: usize,
}

impl Report {
    pub(crate) fn add(&mut self, name: &'static str, phase: Phase) {
        println!("{name}: {phase:?}");
        self.phases.push((name, phase));
    }

    /// Writes it as JSON, for the tables of the benchmarks.
    pub(crate) fn write(&self, file: &Path) {
        let phases = self.phases.iter().map(|(name, phase)| {
            let kinds = phase.0.iter().map(|(kind, found)| {
                let Found { done, refused, broken, interrupted, .. } = found;
                let value = json!({
                    "done": done, "refused": refused, "broken": broken, "interrupted": interrupted.as_secs_f64(),
                });
                (format!("{kind:?}").to_lowercase(), value)
            });
            json!({ "name": name, "kinds": kinds.collect::<serde_json::Map<String, Value>>() })
        });
        let Settled { acknowledged, lost, doubled } = self.settled;
        let report = json!({
            "acknowledged": acknowledged, "lost": lost, "doubled": doubled, "phases": phases.collect::<Vec<_>>(),
        });
        std::fs::write(file, report.to_string()).unwrap();
    }
}
