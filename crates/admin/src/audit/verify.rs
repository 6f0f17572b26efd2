//! Verifies the audit trail.
//!
//! Each record is chained to the one before it by a key that the database does not have. So somebody who can write to the database
//! but has no key can't change, remove, insert or exchange records without a break at the first of them. Cutting off the end leaves
//! no break: it is noticed by an [`Anchor`] from before, or by the note of the newest record that the store keeps.

use std::fmt;
use std::str::FromStr;

use serde_json::Value;
use tollgate_core::Timestamp;
use tollgate_keys::{Link, TrailKey};
use tollgate_store::{Record, RecordFilter, RecordOrder, Store, StoreError, TrailEnds};

use super::line::{hex, unhex};
use crate::{AdminError, Administration};

/// The act of deleting the oldest records: the only one that moves the beginning of the trail.
pub(super) const PURGE: &str = "trail.purge";
/// How many records are read at a time.
const PAGE: u32 = 500;
/// How often the trail is read again if it was purged meanwhile.
const ATTEMPTS: u32 = 3;

/// A position in the trail that somebody keeps elsewhere. The text form is `SEQ-LINK`, the link in hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Anchor(pub Link);

/// The error for a text that is not an anchor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an anchor is a number, `-` and 64 hexadecimal digits, as `tollgate audit export` prints it")]
pub struct AnchorError;

impl fmt::Display for Anchor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.0.seq, hex(&self.0.mac))
    }
}

impl FromStr for Anchor {
    type Err = AnchorError;

    fn from_str(text: &str) -> Result<Self, AnchorError> {
        let (seq, mac) = text.trim().split_once('-').ok_or(AnchorError)?;
        let seq = seq.parse().map_err(|_| AnchorError)?;
        Ok(Self(Link { seq, mac: unhex(mac).ok_or(AnchorError)? }))
    }
}

/// The flaw of a trail, with the number of the first record that is not as it was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Flaw {
    /// The record's content was changed; its link was not.
    #[error("record {0} was changed")]
    Changed(u64),
    /// The record was not written in this position.
    #[error(
        "record {0} is not the one that was written there: it was inserted, put in another's place, or changed"
    )]
    Foreign(u64),
    /// The record is missing, but later ones exist.
    #[error("record {0} was removed")]
    Removed(u64),
    /// The record is missing, and so are all later ones.
    #[error("record {0} and all after it were cut off")]
    CutOff(u64),
    /// The trail goes on differently from what the anchor says: the records up to this number were written later.
    #[error(
        "the trail was cut off before record {0} and went on anew: record {0} is not the one that the anchor is of, as after \
         a backup was restored"
    )]
    Replaced(u64),
    /// The trail has no record at all.
    #[error("the trail is empty: all records were removed, unless the store was just brought up to date")]
    Empty,
}

impl Flaw {
    /// Returns the number of the first record that is not as it was written.
    pub const fn seq(&self) -> u64 {
        match self {
            Self::Changed(seq)
            | Self::Foreign(seq)
            | Self::Removed(seq)
            | Self::CutOff(seq)
            | Self::Replaced(seq) => *seq,
            Self::Empty => 1,
        }
    }
}

/// The result of verifying a trail without flaws.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verified {
    /// The number of records.
    pub records: u64,
    /// When the oldest record was written.
    pub since: Timestamp,
    /// When the newest record was written.
    pub until: Timestamp,
    /// The number of the newest record that was purged; 0 if none was.
    pub purged: u64,
    /// The end of the trail, to be kept elsewhere.
    pub anchor: Anchor,
}

/// A check that each record is chained to the one before.
pub struct Chain<'a> {
    key: &'a TrailKey,
    last: Link,
    /// A record that does not match its link, unless the next record shows that the link is its own.
    suspect: Option<Link>,
}

impl<'a> Chain<'a> {
    /// Begins after the record with this link.
    pub const fn behind(last: Link, key: &'a TrailKey) -> Self {
        Self { key, last, suspect: None }
    }

    /// Returns the link that the next record must be chained to.
    pub const fn last(&self) -> Link {
        self.last
    }

    /// Checks the next record. A flaw is found with the record after it, or at the [end](Chain::end).
    pub fn next(&mut self, record: &Record) -> Result<(), Flaw> {
        if let Some(suspect) = self.suspect {
            // Its link was made with the key if the next record is chained to it.
            let is_own = record.link.seq == suspect.seq + 1 && record.is_chained_to(suspect, self.key);
            return Err(if is_own { Flaw::Changed(suspect.seq) } else { Flaw::Foreign(suspect.seq) });
        }
        if record.link.seq <= self.last.seq {
            return Err(Flaw::Foreign(self.last.seq + 1));
        }
        if record.link.seq > self.last.seq + 1 {
            return Err(Flaw::Removed(self.last.seq + 1));
        }
        if record.is_chained_to(self.last, self.key) {
            self.last = record.link;
        } else {
            self.suspect = Some(record.link);
        }
        Ok(())
    }

    /// Ends after the last record, whose link the store has noted as `newest`.
    pub fn end(self, newest: Link) -> Result<Link, Flaw> {
        match self.suspect {
            // The store notes the link of the newest record separately.
            Some(suspect) if suspect.is_same(&newest) => Err(Flaw::Changed(suspect.seq)),
            Some(suspect) => Err(Flaw::Foreign(suspect.seq)),
            None if self.last.seq < newest.seq => Err(Flaw::CutOff(self.last.seq + 1)),
            None if self.last.is_same(&newest) => Ok(self.last),
            None => Err(Flaw::Foreign(self.last.seq)),
        }
    }
}

/// Verifies the whole trail, and that it still has the records up to the anchor that somebody noted.
pub async fn verify(
    admin: &Administration<'_>,
    anchor: Option<Anchor>,
) -> Result<Result<Verified, Flaw>, AdminError> {
    verify_by(admin.store, admin.unlocked.trail().key(), anchor).await
}

/// Verifies the whole trail with the key that the records are chained by.
pub(crate) async fn verify_by(
    store: &dyn Store,
    key: &TrailKey,
    anchor: Option<Anchor>,
) -> Result<Result<Verified, Flaw>, AdminError> {
    let mut attempt = 1;
    loop {
        let ends = store.trail().await?;
        let (found, beyond) = once(store, key, ends, anchor).await?;
        let ends_now = store.trail().await?;
        match (found, beyond) {
            // Nothing was written meanwhile, so the record doesn't belong there.
            (Ok(_), Some(seq)) if ends_now.newest == ends.newest => return Ok(Err(Flaw::Foreign(seq))),
            // Records that a server purged meanwhile are missing, which is not a flaw.
            (Err(_), _) if ends_now.purged != ends.purged && attempt < ATTEMPTS => attempt += 1,
            (found, _) => return Ok(found),
        }
    }
}

/// Reads and verifies the trail once. Returns also the first record after the end, which may have been written meanwhile.
async fn once(
    store: &dyn Store,
    key: &TrailKey,
    ends: TrailEnds,
    anchor: Option<Anchor>,
) -> Result<(Result<Verified, Flaw>, Option<u64>), AdminError> {
    let mut walk = Walk::from(ends, anchor, key);
    let mut after = None;
    loop {
        let page = match page(store, after, PAGE).await {
            // One record of the page has content that was never written: the others are still read.
            Err(AdminError::Store(StoreError::Corrupt(_))) => page(store, after, 1).await,
            page => page,
        };
        let page = match page {
            Err(AdminError::Store(StoreError::Corrupt(_))) => return Ok((Err(walk.unreadable()), None)),
            page => page?,
        };
        let Some(last) = page.last() else { break };
        after = Some(last.link.seq);
        for record in &page {
            if let Err(flaw) = walk.take(record) {
                return Ok((Err(flaw), None));
            }
        }
    }
    let beyond = walk.beyond;
    Ok((walk.end(), beyond))
}

async fn page(store: &dyn Store, after: Option<u64>, limit: u32) -> Result<Vec<Record>, AdminError> {
    Ok(store.records(&RecordFilter::default(), RecordOrder::OldestFirst, after, limit).await?)
}

/// The state of a walk through the trail.
struct Walk<'a> {
    ends: TrailEnds,
    anchor: Option<Anchor>,
    chain: Chain<'a>,
    count: u64,
    since: Option<Timestamp>,
    until: Option<Timestamp>,
    /// The link at which the trail begins, according to the newest purge.
    begins: Option<Link>,
    /// Whether the record at the anchor's number has another link.
    replaced: bool,
    /// The number of the first record after the end.
    beyond: Option<u64>,
}

impl<'a> Walk<'a> {
    fn from(ends: TrailEnds, anchor: Option<Anchor>, key: &'a TrailKey) -> Self {
        let replaced = anchor.is_some_and(|Anchor(link)| link.seq == ends.purged.seq && link != ends.purged);
        let chain = Chain::behind(ends.purged, key);
        Self { ends, anchor, chain, count: 0, since: None, until: None, begins: None, replaced, beyond: None }
    }

    fn take(&mut self, record: &Record) -> Result<(), Flaw> {
        // Records that were written after the verification began are ignored.
        if record.link.seq > self.ends.newest.seq {
            self.beyond = self.beyond.or(Some(record.link.seq));
            return Ok(());
        }
        self.chain.next(record)?;
        self.count += 1;
        self.since = self.since.or(Some(record.at));
        self.until = Some(record.at);
        if is_purge(record) {
            self.begins = purged_through(record);
        }
        let is_anchor = self.anchor.filter(|Anchor(link)| link.seq == record.link.seq);
        self.replaced |= is_anchor.is_some_and(|Anchor(link)| !link.is_same(&record.link));
        Ok(())
    }

    /// Returns the flaw of the next record, which can't be read.
    fn unreadable(&self) -> Flaw {
        Flaw::Foreign(self.chain.suspect.map_or(self.chain.last.seq + 1, |suspect| suspect.seq))
    }

    fn end(self) -> Result<Verified, Flaw> {
        let Self { ends, anchor, chain, count, since, until, begins, replaced, beyond: _ } = self;
        if ends.newest == Link::START && count == 0 {
            return Err(anchor.map_or(Flaw::Empty, |_| Flaw::CutOff(1)));
        }
        let newest = chain.end(ends.newest)?;
        match anchor {
            Some(Anchor(link)) if link.seq > newest.seq => return Err(Flaw::CutOff(newest.seq + 1)),
            Some(Anchor(link)) if replaced => return Err(Flaw::Replaced(link.seq)),
            _ => {}
        }
        // Only a purge moves the beginning, and its record is in the chain.
        let begins = begins.unwrap_or(Link::START);
        if !begins.is_same(&ends.purged) {
            return Err(Flaw::Removed(begins.seq.min(ends.purged.seq) + 1));
        }
        let (since, until) = since.zip(until).ok_or(Flaw::CutOff(ends.purged.seq + 1))?;
        Ok(Verified { records: count, since, until, purged: ends.purged.seq, anchor: Anchor(newest) })
    }
}

/// Says whether a record is about a purge, which moves the beginning of the trail.
pub fn is_purge(record: &Record) -> bool {
    record.act == PURGE && record.outcome == "done"
}

/// Returns the link at which the trail begins after a purge; `None` if the record does not say so as a purge does.
pub fn purged_through(purge: &Record) -> Option<Link> {
    let after: Value = serde_json::from_str(purge.after.as_deref()?).ok()?;
    after["through"].as_str()?.parse::<Anchor>().ok().map(|Anchor(link)| link)
}
