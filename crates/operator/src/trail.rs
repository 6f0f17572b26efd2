//! The audit trail as a file: written whole, and verified without the store.

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
    /// When the first was written.
    pub since: Timestamp,
    /// When the last was.
    pub until: Timestamp,
    /// The record before the first; its number is 0 if the first is that of the trail.
    pub behind: Anchor,
    /// Whether the trail begins there, by its first number or by what a purge among the records says.
    pub is_from_the_beginning: bool,
    /// Where they end.
    pub anchor: Anchor,
}

/// Verifies what an export has written: each line by itself, and that each follows the one before it. With an anchor the record that it
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

/// What was read of a file so far.
struct Reading<'a> {
    chain: Chain<'a>,
    begin: Link,
    last: Link,
    since: Timestamp,
    until: Timestamp,
    /// Where the newest purge says that the trail begins.
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
        // None is left out between them.
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
