//! Whether the trail is whole.
//!
//! Each record is chained to the one before it by a key that the database does not have. So whoever can write to the database and has
//! no key can change, remove, insert or exchange no record without a break at the first of them. What was cut off at the end leaves no
//! break: it takes an [`Anchor`] from before, or the note of the newest record that the store keeps, to know of it.

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
/// How many records are read at once.
const PAGE: u32 = 500;
/// How often the trail is read again that was purged meanwhile.
const ATTEMPTS: u32 = 3;

/// A place in the trail that somebody keeps elsewhere. The text form is `SEQ-LINK`, the link in hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Anchor(pub Link);

/// A text that is no anchor.
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

/// What is wrong with a trail, and the number of the first record that is not as it was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Flaw {
    /// Its content is another; its link is its own.
    #[error("record {0} was changed")]
    Changed(u64),
    /// It was not written in this place.
    #[error(
        "record {0} is not the one that was written there: it was inserted, put in another's place, or changed"
    )]
    Foreign(u64),
    /// It is not there, and later ones are.
    #[error("record {0} was removed")]
    Removed(u64),
    /// It is not there, and nor is any later one.
    #[error("record {0} and all after it were cut off")]
    CutOff(u64),
    /// The trail goes on otherwise than the anchor says: what is there up to this number was written later.
    #[error(
        "the trail was cut off before record {0} and went on anew: record {0} is not the one that the anchor is of, as after \
         a backup was restored"
    )]
    Replaced(u64),
    /// There is no record at all.
    #[error("the trail is empty: all records were removed, unless the store was just brought up to date")]
    Empty,
}

impl Flaw {
    /// The number of the first record that it concerns.
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

/// A trail that is whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verified {
    /// The number of its records.
    pub records: u64,
    /// When the oldest of them was written.
    pub since: Timestamp,
    /// When the newest was.
    pub until: Timestamp,
    /// The number of the newest record that was purged; 0 if none was.
    pub purged: u64,
    /// Its end, to be kept elsewhere.
    pub anchor: Anchor,
}

/// Records of which each must be chained to the one before.
pub struct Chain<'a> {
    key: &'a TrailKey,
    last: Link,
    /// A record that does not hold, unless the next shows that its link is its own.
    suspect: Option<Link>,
}

impl<'a> Chain<'a> {
    /// Begins behind a link.
    pub const fn behind(last: Link, key: &'a TrailKey) -> Self {
        Self { key, last, suspect: None }
    }

    /// The link that the next record must be chained to.
    pub const fn last(&self) -> Link {
        self.last
    }

    /// Takes the next record. A flaw is found with the record after it, or at the [end](Chain::end).
    pub fn next(&mut self, record: &Record) -> Result<(), Flaw> {
        if let Some(suspect) = self.suspect {
            // Its link was made with the key if the next was chained to it.
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

    /// Ends behind the last record; `newest` is what the store says is its link.
    pub fn end(self, newest: Link) -> Result<Link, Flaw> {
        match self.suspect {
            // The store notes the link of the newest record beside it.
            Some(suspect) if suspect.is_same(&newest) => Err(Flaw::Changed(suspect.seq)),
            Some(suspect) => Err(Flaw::Foreign(suspect.seq)),
            None if self.last.seq < newest.seq => Err(Flaw::CutOff(self.last.seq + 1)),
            None if self.last.is_same(&newest) => Ok(self.last),
            None => Err(Flaw::Foreign(self.last.seq)),
        }
    }
}

/// Verifies the whole trail, and that it still holds what it held when somebody noted the anchor.
pub async fn verify(
    admin: &Administration<'_>,
    anchor: Option<Anchor>,
) -> Result<Result<Verified, Flaw>, AdminError> {
    verify_by(admin.store, admin.unlocked.trail().key(), anchor).await
}

/// Does so by the key that the records are chained by.
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
            // Nobody has written since, so it has no place there.
            (Ok(_), Some(seq)) if ends_now.newest == ends.newest => return Ok(Err(Flaw::Foreign(seq))),
            // What a server purged meanwhile is missing, and no flaw.
            (Err(_), _) if ends_now.purged != ends.purged && attempt < ATTEMPTS => attempt += 1,
            (found, _) => return Ok(found),
        }
    }
}

/// Verifies it once. Returns also the first record behind the end, which was perhaps written since.
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
            // One of them holds what was never written: the others are still read.
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

/// The way through a trail.
struct Walk<'a> {
    ends: TrailEnds,
    anchor: Option<Anchor>,
    chain: Chain<'a>,
    count: u64,
    since: Option<Timestamp>,
    until: Option<Timestamp>,
    /// Where the newest purge says that the trail begins.
    begins: Option<Link>,
    /// Whether the record of the anchor was another.
    replaced: bool,
    /// The first record behind the end.
    beyond: Option<u64>,
}

impl<'a> Walk<'a> {
    fn from(ends: TrailEnds, anchor: Option<Anchor>, key: &'a TrailKey) -> Self {
        let replaced = anchor.is_some_and(|Anchor(link)| link.seq == ends.purged.seq && link != ends.purged);
        let chain = Chain::behind(ends.purged, key);
        Self { ends, anchor, chain, count: 0, since: None, until: None, begins: None, replaced, beyond: None }
    }

    fn take(&mut self, record: &Record) -> Result<(), Flaw> {
        // What was written since the verification began is not looked at.
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

    /// The flaw of the next record, which can't be read.
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

/// Says whether a record is of a purge, which moves the beginning of the trail.
pub fn is_purge(record: &Record) -> bool {
    record.act == PURGE && record.outcome == "done"
}

/// Where the trail begins by the record of a purge; `None` if it does not say so as a purge does.
pub fn purged_through(purge: &Record) -> Option<Link> {
    let after: Value = serde_json::from_str(purge.after.as_deref()?).ok()?;
    after["through"].as_str()?.parse::<Anchor>().ok().map(|Anchor(link)| link)
}
