//! Streams the audit trail to a file or to syslog, for programs that collect events of all machines.
//!
//! The store keeps how far the stream is, and is told only once records have arrived: on the disk, or at a receiver
//! that has read them to the end. Records that a crash cuts off in between are streamed again, so nothing is left out; records have
//! numbers, by which a reader recognizes repeated ones, and would notice a missing one.

mod file;
mod syslog;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tokio::sync::watch;
use tollgate_admin::audit::Line;
use tollgate_config::StreamTarget;
use tollgate_core::Timestamp;
use tollgate_installation::{Installation, ticks};
use tollgate_keys::Link;
use tollgate_store::{LeaderLease, Outcome, Record, RecordFilter, RecordOrder, StoreError};

use self::file::StreamFile;
use self::syslog::Syslog;

/// The name of the leader's task.
const TASK: &str = "audit stream";
/// How long a leader lease lasts. If the leader dies, nothing is streamed for at most this long.
const LEASE: Duration = Duration::from_secs(15);
/// How often the leader renews its lease, and the others ask for it.
const ASK_EVERY: Duration = Duration::from_secs(5);
/// How often the leader looks for new records.
const INTERVAL: Duration = Duration::from_secs(1);
/// How many records are streamed at a time.
const PAGE: u32 = 500;

/// Why records can't be streamed.
#[derive(Debug, thiserror::Error)]
pub enum StreamError {
    /// The store failed, or refused to read the trail.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The records can't be written.
    #[error("{target}: {source}")]
    Target {
        /// The file or receiver that they can't be written to.
        target: StreamTarget,
        /// The system's error.
        source: io::Error,
    },
}

/// Streams the audit trail while this server leads.
pub struct Streaming {
    installation: Arc<Installation>,
    target: StreamTarget,
    sink: Sink,
    /// The id that tells this server from the others.
    holder: [u8; 16],
    /// Until when this server leads, and when it last asked for the lease.
    leads_until: Timestamp,
    asked_at: Timestamp,
    failing: bool,
}

enum Sink {
    File(StreamFile),
    Syslog(Syslog),
}

impl Streaming {
    /// Makes the streaming of an installation's trail, if its configuration names a target.
    pub fn new(installation: Arc<Installation>) -> Option<Self> {
        let target = installation.config().audit.stream.clone()?;
        let sink = match &target {
            StreamTarget::File(path) => Sink::File(StreamFile::new(path.clone())),
            StreamTarget::Syslog(address) => Sink::Syslog(Syslog::new(address.clone())),
        };
        let never = Timestamp::from_millis(0);
        let holder = rand::random();
        Some(Self { installation, target, sink, holder, leads_until: never, asked_at: never, failing: false })
    }

    /// Streams until the sender of `stopped` is dropped, then gives the leader lease back.
    pub(crate) async fn run(mut self, mut stopped: watch::Receiver<()>) {
        let mut ticks = ticks(INTERVAL);
        loop {
            tokio::select! {
                _ = ticks.tick() => self.step_or_warn().await,
                _ = stopped.changed() => break,
            }
        }
        self.step_or_warn().await;
        // Best effort: otherwise the others wait until the lease ends.
        let _ = self.installation.store().stop_leading(&self.lease(self.leads_until)).await;
    }

    async fn step_or_warn(&mut self) {
        let result = self.step().await;
        let to = &self.target;
        match &result {
            Err(error) if !self.failing => {
                tracing::error!(%error, "the audit trail can't be streamed: it is again as soon as it can be");
                let what = json!({ "to": to.to_string(), "reason": error.to_string() });
                self.installation.note_event("trail.stream", Outcome::Failed, &what);
            }
            Ok(()) if self.failing => {
                tracing::info!("the audit trail is streamed again");
                self.installation.note_event("trail.stream", Outcome::Done, &json!({ "to": to.to_string() }));
            }
            Ok(()) | Err(_) => {}
        }
        self.failing = result.is_err();
    }

    /// Streams the new records, if this server leads.
    pub async fn step(&mut self) -> Result<(), StreamError> {
        if !self.leads().await? {
            self.installation.set_unstreamed(None);
            return Ok(());
        }
        loop {
            let (streamed, ends) = {
                let store = self.installation.store();
                (store.streamed().await?, store.trail().await?)
            };
            self.installation.set_unstreamed(Some(ends.newest.seq.saturating_sub(streamed)));
            let before = if streamed <= ends.purged.seq { ends.purged } else { self.link(streamed).await? };
            let lines = lines(before, self.records(before.seq, PAGE).await?);
            let Some(last) = lines.last().map(|line| line.record.link.seq) else { return Ok(()) };
            let written = match &mut self.sink {
                Sink::File(file) => file.write(lines).await,
                Sink::Syslog(syslog) => syslog.write(&lines).await,
            };
            written.map_err(|source| StreamError::Target { target: self.target.clone(), source })?;
            self.installation.store().note_streamed(last).await?;
        }
    }

    /// Returns the link of a record. A missing record breaks the chain in the stream as it does in the store.
    async fn link(&self, seq: u64) -> Result<Link, StoreError> {
        let found = self.records(seq - 1, 1).await?;
        let link = found.first().map(|record| record.link).filter(|link| link.seq == seq);
        Ok(link.unwrap_or(Link { seq, ..Link::START }))
    }

    async fn records(&self, after: u64, limit: u32) -> Result<Vec<Record>, StoreError> {
        let (all, order) = (RecordFilter::default(), RecordOrder::OldestFirst);
        self.installation.store().records(&all, order, Some(after), limit).await
    }

    async fn leads(&mut self) -> Result<bool, StoreError> {
        let now = self.installation.now();
        // If the clock was set back, it doesn't tell how long ago that was.
        if now.since(self.asked_at) >= ASK_EVERY || now < self.asked_at {
            let until = now.after(LEASE);
            let leads = self.installation.store().lead(&self.lease(until), now).await?;
            self.leads_until = if leads { until } else { Timestamp::from_millis(0) };
            self.asked_at = now;
        }
        Ok(now < self.leads_until)
    }

    const fn lease(&self, until: Timestamp) -> LeaderLease {
        LeaderLease { task: TASK, holder: self.holder, until }
    }
}

fn lines(mut before: Link, records: Vec<Record>) -> Vec<Line> {
    let line = |record: Record| {
        let line = Line { before, record };
        before = line.record.link;
        line
    };
    records.into_iter().map(line).collect()
}
