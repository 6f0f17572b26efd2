//! The client-id filter, which tells the client ids that were ever given out: a Bloom filter that grows with their number.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use arc_swap::ArcSwap;
use tollgate_core::ClientId;

/// Bits per id: about one unknown id in 800 is looked up in the store in vain.
const BITS_PER_ID: usize = 16;
const HASHES: u32 = 5;
const INITIAL_IDS: usize = 8_192;

/// Tells ids that were never given out from those that may have been. It never refuses an id that was.
///
/// A filter can't be copied into a larger one, so it grows by generations: each is four times as large as the one
/// before, and an id is looked up in all of them. There are six of them for ten million ids.
pub(crate) struct ClientIdFilter {
    generations: ArcSwap<Vec<std::sync::Arc<Generation>>>,
    growth: Mutex<()>,
    /// How often all ids had to be read, and the value of this count up to which they have been.
    wanted: AtomicU64,
    learned: AtomicU64,
}

struct Generation {
    bits: Box<[AtomicU64]>,
    ids: AtomicUsize,
    capacity: usize,
}

impl ClientIdFilter {
    pub(crate) fn new() -> Self {
        Self {
            generations: ArcSwap::from_pointee(vec![Generation::new(INITIAL_IDS).into()]),
            growth: Mutex::new(()),
            wanted: AtomicU64::new(1),
            learned: AtomicU64::new(0),
        }
    }

    /// Returns `false` only for an id that was never inserted, and only after [`ClientIdFilter::complete`].
    pub(crate) fn may_contain(&self, id: ClientId) -> bool {
        !self.is_complete() || self.contains(id)
    }

    fn contains(&self, id: ClientId) -> bool {
        self.generations.load().iter().any(|generation| generation.contains(id))
    }

    /// Says whether every id that was ever given out has been inserted.
    pub(crate) fn is_complete(&self) -> bool {
        self.learned.load(Ordering::Acquire) == self.wanted.load(Ordering::Acquire)
    }

    /// Makes the filter incomplete: every id may be a client's until all of them were inserted once more.
    pub(crate) fn reopen(&self) {
        self.wanted.fetch_add(1, Ordering::AcqRel);
    }

    /// Returns the argument for [`ClientIdFilter::complete`]. Call it before reading the ids.
    pub(crate) fn round(&self) -> u64 {
        self.wanted.load(Ordering::Acquire)
    }

    /// Makes the filter complete: an id that was not inserted is unknown, unless the filter was reopened since this `round` began.
    ///
    /// A thread that sees this (by the acquiring reads of [`ClientIdFilter::is_complete`]) also sees every id that was
    /// inserted before: without that order another core could refuse a client that exists.
    pub(crate) fn complete(&self, round: u64) {
        self.learned.store(round, Ordering::Release);
    }

    pub(crate) fn insert(&self, id: ClientId) {
        let _growth = self.growth.lock().unwrap_or_else(PoisonError::into_inner);
        if self.contains(id) {
            return;
        }
        let generations = self.generations.load();
        let newest = generations.last().expect("there is one from the start");
        if newest.insert(id) < newest.capacity {
            return;
        }
        let next = Generation::new(newest.capacity * 4);
        let grown = generations.iter().cloned().chain([next.into()]).collect();
        self.generations.store(std::sync::Arc::new(grown));
    }
}

impl Generation {
    fn new(capacity: usize) -> Self {
        let words = (capacity * BITS_PER_ID).div_ceil(64);
        Self { bits: (0..words).map(|_| AtomicU64::new(0)).collect(), ids: AtomicUsize::new(0), capacity }
    }

    fn contains(&self, id: ClientId) -> bool {
        self.places(id).all(|(word, bit)| self.bits[word].load(Ordering::Acquire) & bit != 0)
    }

    /// Inserts an id, and returns how many ids the generation now holds.
    fn insert(&self, id: ClientId) -> usize {
        for (word, bit) in self.places(id) {
            self.bits[word].fetch_or(bit, Ordering::Release);
        }
        self.ids.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Returns the bits of an id. Ids are random themselves, so their halves serve as the two hashes from which the others are made.
    fn places(&self, id: ClientId) -> impl Iterator<Item = (usize, u64)> {
        let (first, second) = id.as_bytes().split_at(8);
        let half =
            |bytes: &[u8]| u64::from_le_bytes(bytes.try_into().expect("an id has two halves of 8 bytes"));
        let (first, step) = (half(first), half(second) | 1);
        let words = self.bits.len() as u64;
        (0..HASHES).map(move |n| {
            let at = first.wrapping_add(step.wrapping_mul(u64::from(n))) % (words * 64);
            (usize::try_from(at / 64).expect("a word of the filter is in memory"), 1 << (at % 64))
        })
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    use super::*;

    #[test]
    fn every_inserted_id_may_be_a_clients_and_hardly_any_other() {
        let mut rng = StdRng::seed_from_u64(1);
        let filter = ClientIdFilter::new();
        let ids: Vec<ClientId> = (0..50_000).map(|_| ClientId::random(&mut rng)).collect();
        for id in &ids {
            filter.insert(*id);
        }
        filter.complete(filter.round());
        assert!(ids.iter().all(|id| filter.may_contain(*id)));
        let wrong = (0..50_000).filter(|_| filter.may_contain(ClientId::random(&mut rng))).count();
        assert!(wrong < 400, "{wrong} of 50,000 unknown ids");
    }

    #[test]
    fn nothing_is_unknown_before_all_ids_were_read() {
        let filter = ClientIdFilter::new();
        let id = ClientId::from_bytes([7; 16]);
        assert!(filter.may_contain(id));
        filter.complete(filter.round());
        assert!(!filter.may_contain(id));
    }

    #[test]
    fn a_filter_that_was_reopened_while_the_ids_were_read_is_not_complete() {
        let filter = ClientIdFilter::new();
        let round = filter.round();
        filter.reopen();
        filter.complete(round);
        assert!(!filter.is_complete());
        filter.complete(filter.round());
        assert!(filter.is_complete());
    }
}
