//! The audit trail as a file: written whole, and verified without the store.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader};
use std::path::{Path, PathBuf};

use serde_json::Value;
use tollgate_admin::audit::{self, Anchor, Chain, Flaw, Line};
use tollgate_admin::{AdminError, Administration};
use tollgate_core::{Actor, Link, TrailKey};

use crate::file_error::FileError;

/// How many records are read at once.
const PAGE: u32 = 1_000;

/// Why the trail is not exported, or a file of it not verified.
#[derive(Debug, thiserror::Error)]
pub enum TrailError {
    /// A record was changed, removed, inserted, exchanged or cut off.
    #[error("the audit trail is not whole: {0}")]
    Flaw(#[from] Flaw),
    /// The trail has no record with this number.
    #[error("there is no record {0}")]
    NoRecord(u64),
    /// The file can't be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// A line of the file is none that an export has written.
    #[error("line {line} of {} is not a record as `tollgate audit export` writes it", file.display())]
    NotARecord {
        /// Which line; the first is 1.
        line: usize,
        /// The file.
        file: PathBuf,
    },
    /// The file has no line.
    #[error("{} has no records", .0.display())]
    NoRecords(PathBuf),
    /// The store could not do it.
    #[error(transparent)]
    Act(#[from] AdminError),
}

/// What a file was found to hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VerifiedFile {
    /// How many records.
    pub records: u64,
    /// Where they end.
    pub anchor: Anchor,
}

/// Verifies what an export has written: each line by itself, and that each follows the one before it. With an anchor the record that it
/// names must be among them.
pub fn verify_file(file: &Path, key: &TrailKey, anchor: Option<Anchor>) -> Result<VerifiedFile, TrailError> {
    let unreadable = |error: io::Error| FileError::unreadable(file, error);
    let lines = BufReader::new(File::open(file).map_err(unreadable)?).lines();
    let (mut chain, mut records): (Option<Chain<'_>>, u64) = (None, 0);
    let mut last = Link::START;
    let mut is_anchored = anchor.is_none();
    for (place, line) in lines.enumerate() {
        let line = line.map_err(unreadable)?;
        let parsed = serde_json::from_str::<Value>(&line).ok();
        let Some(Line { before, record }) = parsed.and_then(|line| Line::from_json(&line).ok()) else {
            return Err(TrailError::NotARecord { line: place + 1, file: file.to_owned() });
        };
        let chain = chain.get_or_insert_with(|| Chain::behind(before, key));
        chain.next(&record)?;
        is_anchored |= anchor == Some(Anchor(record.link));
        (last, records) = (record.link, records + 1);
    }
    let end = chain.ok_or_else(|| TrailError::NoRecords(file.to_owned()))?.end(last)?;
    match anchor.filter(|_| !is_anchored) {
        None => Ok(VerifiedFile { records, anchor: Anchor(end) }),
        Some(Anchor(link)) if link.seq > end.seq => Err(Flaw::CutOff(end.seq + 1).into()),
        Some(Anchor(link)) => Err(Flaw::Replaced(link.seq).into()),
    }
}

/// An export of all records that there are when it begins. What is not read to its end, or is not whole, does not count as exported.
pub struct Export<'a> {
    admin: Administration<'a>,
    /// The number of the record behind which it begins, as it was asked for.
    after: Option<u64>,
    newest: Link,
    before: Link,
    chain: Chain<'a>,
    flaw: Option<Flaw>,
}

impl<'a> Export<'a> {
    /// Begins behind a record, or behind those that were purged. That it was begun is recorded.
    pub async fn begin(
        admin: Administration<'a>,
        after: Option<u64>,
        actor: &Actor,
    ) -> Result<Self, TrailError> {
        audit::start_export(&admin, after, actor).await?;
        let trail = admin.store.trail().await.map_err(AdminError::from)?;
        let before = match after.filter(|seq| *seq != 0 && *seq != trail.purged.seq) {
            None => trail.purged,
            Some(seq) => link_of(&admin, seq).await?,
        };
        let chain = Chain::behind(before, admin.unlocked.trail().key());
        Ok(Self { admin, after, newest: trail.newest, before, chain, flaw: None })
    }

    /// Returns the next lines, oldest first; none at the end.
    pub async fn page(&mut self) -> Result<Vec<Value>, TrailError> {
        if self.before.seq >= self.newest.seq {
            return Ok(Vec::new());
        }
        let records = audit::export_page(&self.admin, Some(self.before.seq), PAGE).await?;
        let mut lines = Vec::with_capacity(records.len());
        for record in records.into_iter().take_while(|record| record.link.seq <= self.newest.seq) {
            // A flaw keeps nobody from seeing the rest.
            self.flaw = self.flaw.take().or_else(|| self.chain.next(&record).err());
            let line = Line { before: self.before, record };
            lines.push(line.to_json());
            self.before = line.record.link;
        }
        Ok(lines)
    }

    /// Ends it, where all of it was written: it counts as exported if it is whole. Returns where it ends.
    pub async fn end(self, actor: &Actor) -> Result<Anchor, TrailError> {
        let end = self.flaw.map_or_else(|| self.chain.end(self.newest), Err)?;
        audit::end_export(&self.admin, self.after, end, actor).await?;
        Ok(Anchor(end))
    }
}

/// Returns the link of a record.
async fn link_of(admin: &Administration<'_>, seq: u64) -> Result<Link, TrailError> {
    let page = audit::export_page(admin, Some(seq - 1), 1).await?;
    let found = page.first().filter(|record| record.link.seq == seq);
    found.map(|record| record.link).ok_or(TrailError::NoRecord(seq))
}
