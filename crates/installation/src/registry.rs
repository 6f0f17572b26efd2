//! A cache of the clients that authenticate, limited in size, which the change log invalidates.

use std::collections::HashSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use quick_cache::sync::Cache;
use tollgate_core::{ClientId, MerchantId, Scope};
use tollgate_store::{Clients, StoreError};

use crate::client_id_filter::ClientIdFilter;
use crate::registered::Registered;

/// The clients, in the form that the authority needs.
pub struct Registry {
    store: Arc<dyn Clients>,
    cache: Cache<ClientId, Arc<Registered>>,
    filter: ClientIdFilter,
    /// Ids that the filter lets through but the store does not know: asking for one of them again and again costs one query.
    absent: Cache<ClientId, ()>,
    /// Counts invalidations, so that a client that was read before one is not cached after it.
    epoch: AtomicU64,
    /// The texts of scopes, each kept once: most clients share a handful of them.
    scopes: Mutex<HashSet<Scope>>,
}

/// How many ids without a client are cached.
const ABSENT: usize = 4_096;

impl Registry {
    /// Makes a cache of up to `capacity` clients.
    pub fn new(store: Arc<dyn Clients>, capacity: usize) -> Self {
        Self {
            store,
            cache: Cache::new(capacity),
            filter: ClientIdFilter::new(),
            absent: Cache::new(ABSENT),
            epoch: AtomicU64::new(0),
            scopes: Mutex::default(),
        }
    }

    /// Changes how many clients the cache may hold.
    pub fn set_capacity(&self, clients: usize) {
        self.cache.set_capacity(clients as u64);
    }

    /// Returns the client `id`. An id that was never given out is refused without asking the store, once
    /// [`Registry::learn_ids`] has finished: guessing costs the store nothing, and takes no longer than sending a
    /// wrong secret.
    #[inline]
    pub async fn client(&self, id: ClientId) -> Result<Option<Arc<Registered>>, StoreError> {
        if let Some(client) = self.cache.get(&id) {
            return Ok(Some(client));
        }
        if !self.filter.may_contain(id) || self.absent.get(&id).is_some() {
            return Ok(None);
        }
        self.load(id).await
    }

    /// Returns the number of invalidations so far: while it stays the same, [`Registry::client`] returns the same.
    #[inline]
    pub fn version(&self) -> u64 {
        self.epoch.load(Ordering::Acquire)
    }

    async fn load(&self, id: ClientId) -> Result<Option<Arc<Registered>>, StoreError> {
        let epoch = self.epoch.load(Ordering::Acquire);
        let client = self.store.client(id).await?.map(|mut client| {
            client.scope = self.interned(client.scope);
            Arc::new(Registered::from(client))
        });
        match &client {
            Some(client) => self.cache.insert(id, client.clone()),
            None => self.absent.insert(id, ()),
        }
        if self.epoch.load(Ordering::Acquire) != epoch {
            // Something changed while the store was read; removing the client is cheaper than finding out whether it was this one.
            self.cache.remove(&id);
            self.absent.remove(&id);
        }
        Ok(client)
    }

    /// Returns the client `id`, if it is in memory.
    #[inline]
    pub fn cached(&self, id: ClientId) -> Option<Arc<Registered>> {
        self.cache.peek(&id)
    }

    fn interned(&self, scope: Scope) -> Scope {
        const KINDS: usize = 1024;
        let mut scopes = self.scopes.lock().unwrap_or_else(PoisonError::into_inner);
        match scopes.get(&scope) {
            Some(kept) => kept.clone(),
            None if scopes.len() < KINDS => {
                scopes.insert(scope.clone());
                scope
            }
            None => scope,
        }
    }

    /// Removes a client: the next request reads it from the store.
    pub fn invalidate(&self, id: ClientId) {
        self.filter.insert(id);
        self.epoch.fetch_add(1, Ordering::AcqRel);
        self.cache.remove(&id);
        self.absent.remove(&id);
    }

    /// Removes the clients of these merchants. Other clients stay, so that administration costs their servers no queries.
    pub(crate) fn invalidate_clients_of(&self, merchants: &HashSet<MerchantId>) {
        self.epoch.fetch_add(1, Ordering::AcqRel);
        self.cache
            .retain(|_, client| client.merchant_id.is_none_or(|merchant| !merchants.contains(&merchant)));
    }

    /// Removes every client, and lets every id be a client's until all were read again: ids may have been missed.
    pub(crate) fn invalidate_ids(&self) {
        self.filter.reopen();
        self.epoch.fetch_add(1, Ordering::AcqRel);
        self.cache.clear();
        self.absent.clear();
    }

    /// Reads every client's id from the store. Until that has finished, every id may be a client's.
    pub async fn learn_ids(&self) -> Result<(), StoreError> {
        const PAGE: u32 = 10_000;
        let round = self.filter.round();
        let mut after = None;
        loop {
            let ids = self.store.client_ids(after, PAGE).await?;
            for id in &ids {
                self.filter.insert(*id);
            }
            match ids.last() {
                Some(last) if ids.len() == PAGE as usize => after = Some(*last),
                _ => break,
            }
        }
        self.filter.complete(round);
        Ok(())
    }

    /// Says whether every client's id has been read.
    pub(crate) fn knows_ids(&self) -> bool {
        self.filter.is_complete()
    }

    /// Returns how many clients are in memory.
    pub fn len(&self) -> usize {
        self.cache.len()
    }

    /// Says whether no client is in memory.
    pub fn is_empty(&self) -> bool {
        self.cache.is_empty()
    }
}
