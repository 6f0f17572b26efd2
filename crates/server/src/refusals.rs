//! A table of the most recent refusals, limited in size: who was refused, since when, why and from where.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tollgate_core::{ClientId, Timestamp};
use tollgate_http::ClientAddress;

use crate::why::Why;

/// How many pairs of client and reason are kept.
const ENTRIES: usize = 1_024;
/// How many sources of each pair are kept.
const SOURCES: usize = 8;

/// The refusals of this server. All clients that don't exist, whose ids anybody can make up, share one entry.
#[derive(Default)]
pub struct Refusals(Mutex<HashMap<Key, Entry>>);

type Key = (Option<ClientId>, Why);

struct Entry {
    count: u64,
    first_at: Timestamp,
    last_at: Timestamp,
    /// The most recent sources, the latest at the end.
    sources: Vec<IpAddr>,
}

/// How often a client was refused for a reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The client; `None` for all clients that don't exist, and for tokens that this authority has not issued.
    pub client: Option<ClientId>,
    /// The reason for the refusals.
    pub why: Why,
    /// How often the client was refused for this reason.
    pub count: u64,
    /// When it was first refused for this reason.
    pub first_at: Timestamp,
    /// When it was last refused for this reason.
    pub last_at: Timestamp,
    /// The addresses that it was refused from, at most eight, the latest first.
    pub sources: Vec<IpAddr>,
}

impl Refusals {
    /// Notes a refusal. If the table is full, the entry whose last refusal is the oldest is removed.
    pub(crate) fn note(&self, client: Option<ClientId>, why: Why, from: ClientAddress, now: Timestamp) {
        let mut entries = self.entries();
        let key = (client, why);
        if entries.len() >= ENTRIES && !entries.contains_key(&key) {
            let oldest = entries.iter().min_by_key(|(_, entry)| entry.last_at).map(|(key, _)| *key);
            oldest.and_then(|oldest| entries.remove(&oldest));
        }
        let new = || Entry { count: 0, first_at: now, last_at: now, sources: Vec::new() };
        let entry = entries.entry(key).or_insert_with(new);
        entry.count += 1;
        entry.last_at = now;
        if let Some(source) = from.known() {
            entry.sources.retain(|known| *known != source);
            if entry.sources.len() == SOURCES {
                entry.sources.remove(0);
            }
            entry.sources.push(source);
        }
    }

    /// Returns up to `limit` refusals, the most frequent first. Entries whose last refusal is longer ago than `kept` are removed.
    pub fn most(&self, limit: usize, now: Timestamp, kept: Duration) -> Vec<Refusal> {
        let mut entries = self.entries();
        entries.retain(|_, entry| entry.last_at.after(kept) > now);
        let shown = |(&(client, why), entry): (&Key, &Entry)| Refusal {
            client,
            why,
            count: entry.count,
            first_at: entry.first_at,
            last_at: entry.last_at,
            sources: entry.sources.iter().rev().copied().collect(),
        };
        let mut most: Vec<_> = entries.iter().map(shown).collect();
        most.sort_by_key(|refusal| (std::cmp::Reverse(refusal.count), refusal.client, refusal.why));
        most.truncate(limit);
        most
    }

    /// Locks the entries. Nothing panics while it holds the lock, so a poisoned lock is safe to use.
    fn entries(&self) -> MutexGuard<'_, HashMap<Key, Entry>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_764_000_000);
    const DAY: Duration = Duration::from_secs(24 * 60 * 60);

    fn client(number: u16) -> ClientId {
        let [high, low] = number.to_be_bytes();
        ClientId::from_bytes([7, high, low, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0])
    }

    fn from(last: u8) -> ClientAddress {
        ClientAddress::Known([192, 0, 2, last].into())
    }

    #[test]
    fn the_most_refused_come_first_with_their_times_and_sources() {
        let refusals = Refusals::default();
        refusals.note(Some(client(1)), Why::WrongSecret, from(1), NOW);
        for last in 0..12 {
            refusals.note(
                Some(client(2)),
                Why::ExpiredSecret,
                from(last),
                NOW.after(Duration::from_secs(last.into())),
            );
        }
        refusals.note(Some(client(2)), Why::ExpiredSecret, from(4), NOW.after(DAY));
        refusals.note(None, Why::UnknownClient, ClientAddress::Unknown, NOW);
        let most = refusals.most(2, NOW.after(DAY), DAY * 2);
        let sources = [4, 11, 10, 9, 8, 7, 6, 5].map(|last| IpAddr::from([192, 0, 2, last])).to_vec();
        let (first_at, last_at) = (NOW, NOW.after(DAY));
        let why = Why::ExpiredSecret;
        assert_eq!(most[0], Refusal { client: Some(client(2)), why, count: 13, first_at, last_at, sources });
        assert_eq!((most.len(), most[1].count), (2, 1));
        let left = refusals.most(10, NOW.after(DAY), DAY);
        assert_eq!(left.len(), 1, "what was refused a day ago is forgotten: {left:?}");
    }

    #[test]
    fn however_many_are_refused_the_table_is_bounded_and_has_the_latest() {
        let refusals = Refusals::default();
        for number in 0..5_000 {
            let at = NOW.after(Duration::from_secs(number.into()));
            refusals.note(Some(client(number)), Why::WrongSecret, from(1), at);
        }
        let most = refusals.most(usize::MAX, NOW, DAY);
        assert_eq!(most.len(), ENTRIES);
        assert!(most.iter().any(|refusal| refusal.client == Some(client(4_999))));
    }
}
