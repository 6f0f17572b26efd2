//! The audit trail as a file: exporting all of it, and verifying it without the store.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader};
use std::path::{Path, PathBuf};

use serde_json::Value;
use tollgate_admin::audit::{self, Anchor, Chain, Flaw, Line};
use tollgate_admin::{AdminError, Administration};
use tollgate_core::Timestamp;
use tollgate_keys::{Link, TrailKey};
use tollgate_store::Actor;

use crate::file_error::FileError;

/// How many records are read at a time.
const PAGE: u32 = 1_000;

/// Why the trail can't be exported, or an exported file is not verified.
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
    /// A line of the file was not written by an export.
    #[error("line {line} of {} is not a record as `tollgate audit export` writes it", file.display())]
    NotARecord {
        /// The number of the line; the first is 1.
        line: usize,
        /// The path of the file.
        file: PathBuf,
    },
    /// The file has no lines.
    #[error("{} has no records", .0.display())]
    NoRecords(PathBuf),
    /// The store failed, or refused to read the trail.
    #[error(transparent)]
    Act(#[from] AdminError),
}

/// The result of verifying a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VerifiedFile {
    /// The number of records in the file.
    pub records: u64,
    /// When the first record was written.
    pub since: Timestamp,
    /// When the last record was written.
    pub until: Timestamp,
    /// The record before the first one; its number is 0 if the first record is the trail's first.
    pub behind: Anchor,
    /// Whether the trail begins with the first record, by its number or according to a purge among the records.
    pub is_from_the_beginning: bool,
    /// The position of the last record.
    pub anchor: Anchor,
}

/// Verifies an exported file: each line by itself, and that each follows the one before it. If an anchor is given, the record that it
/// names must be among them.
pub fn verify_file(file: &Path, key: &TrailKey, anchor: Option<Anchor>) -> Result<VerifiedFile, TrailError> {
    let unreadable = |error: io::Error| FileError::unreadable(file, error);
    let lines = BufReader::new(File::open(file).map_err(unreadable)?).split(b'\n');
    let mut reading: Option<Reading<'_>> = None;
    let mut is_anchored = anchor.is_none();
    for (place, line) in lines.enumerate() {
        let line = line.map_err(unreadable)?;
        let text = std::str::from_utf8(line.strip_suffix(b"\r").unwrap_or(&line)).ok();
        let Some(line) = text.and_then(|text| Line::parse(text).ok()) else {
            return Err(TrailError::NotARecord { line: place + 1, file: file.to_owned() });
        };
        is_anchored |= anchor == Some(Anchor(line.record.link));
        reading.get_or_insert_with(|| Reading::from(&line, key)).take(&line)?;
    }
    let read = reading.ok_or_else(|| TrailError::NoRecords(file.to_owned()))?.end()?;
    match anchor.filter(|_| !is_anchored) {
        None => Ok(read),
        Some(Anchor(link)) if link.seq > read.anchor.0.seq => Err(Flaw::CutOff(read.anchor.0.seq + 1).into()),
        Some(Anchor(link)) => Err(Flaw::Replaced(link.seq).into()),
    }
}

/// The state of reading a file.
struct Reading<'a> {
    chain: Chain<'a>,
    begin: Link,
    last: Link,
    since: Timestamp,
    until: Timestamp,
    /// The link at which the trail begins, according to the newest purge.
    begins: Option<Link>,
}

impl<'a> Reading<'a> {
    /// Begins with the first line.
    fn from(line: &Line, key: &'a TrailKey) -> Self {
        let (begin, at) = (line.before, line.record.at);
        Self { chain: Chain::behind(begin, key), begin, last: begin, since: at, until: at, begins: None }
    }

    fn take(&mut self, line: &Line) -> Result<(), Flaw> {
        let (before, record) = (self.last, &line.record);
        (self.last, self.until) = (record.link, record.at);
        if audit::is_purge(record) {
            self.begins = audit::purged_through(record);
        }
        self.chain.next(record)?;
        let is_behind = line.before == before || self.chain.last() != record.link;
        if is_behind { Ok(()) } else { Err(Flaw::Changed(record.link.seq)) }
    }

    fn end(self) -> Result<VerifiedFile, Flaw> {
        let Self { chain, begin, last, since, until, begins } = self;
        let end = chain.end(last)?;
        // No record between them is missing.
        let records = end.seq - begin.seq;
        let is_from_the_beginning = begin == begins.unwrap_or(Link::START);
        Ok(VerifiedFile {
            records,
            since,
            until,
            behind: Anchor(begin),
            is_from_the_beginning,
            anchor: Anchor(end),
        })
    }
}

/// An export of all records that exist when it begins. If it isn't read to its end, or the trail has a flaw, it doesn't count as
/// exported.
pub struct Export<'a> {
    admin: Administration<'a>,
    /// The number of the record after which it begins, as it was asked for.
    after: Option<u64>,
    newest: Link,
    before: Link,
    chain: Chain<'a>,
    flaw: Option<Flaw>,
}

impl<'a> Export<'a> {
    /// Begins after a record, or after those that were purged. The beginning is recorded in the trail.
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

    /// Returns the next lines, oldest first; empty at the end.
    pub async fn page(&mut self) -> Result<Vec<Value>, TrailError> {
        if self.before.seq >= self.newest.seq {
            return Ok(Vec::new());
        }
        let records = audit::export_page(&self.admin, Some(self.before.seq), PAGE).await?;
        let mut lines = Vec::with_capacity(records.len());
        for record in records.into_iter().take_while(|record| record.link.seq <= self.newest.seq) {
            // A flaw doesn't prevent the rest from being exported.
            self.flaw = self.flaw.take().or_else(|| self.chain.next(&record).err());
            let line = Line { before: self.before, record };
            lines.push(line.to_json());
            self.before = line.record.link;
        }
        Ok(lines)
    }

    /// Ends the export after all of it was written: it counts as exported if the trail has no flaw. Returns the last position.
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
