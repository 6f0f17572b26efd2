//! The clients that authenticate: a bounded cache over the store, which the change log invalidates.

use std::collections::HashSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use quick_cache::sync::Cache;
use tollgate_core::{
    Audience, Claims, ClientId, Environment, Generation, MerchantId, Scope, SecretHash, SecretId, Timestamp,
    is_allowed,
};
use tollgate_http::ClientAddress;
use tollgate_store::{Client, Clients, Quota, Status, StoreError};

use crate::client_id_filter::ClientIdFilter;

/// The clients, as the authority needs them.
pub struct Registry {
    store: Arc<dyn Clients>,
    cache: Cache<ClientId, Arc<Registered>>,
    filter: ClientIdFilter,
    /// Ids that the filter lets through and the store does not know: asking for one again and again costs one query.
    absent: Cache<ClientId, ()>,
    /// Counts invalidations, so that a record read before one is not kept after it.
    epoch: AtomicU64,
    /// Most clients share a handful of scopes: each text is kept once.
    scopes: Mutex<HashSet<Scope>>,
}

/// How many ids that no client has are remembered.
const ABSENT: usize = 4_096;

/// A client in the form that authenticating it takes: in two allocations, whatever it is called.
pub struct Registered {
    /// The merchant it acts for; `None` for an operator.
    pub merchant_id: Option<MerchantId>,
    /// Whether its calls move money.
    pub environment: Environment,
    /// The most its tokens may allow.
    pub scope: Scope,
    /// Where it may call from, as space-separated CIDR blocks.
    pub addresses: Option<Box<str>>,
    /// The APIs that its tokens may be for, the first unless it asks for another; empty means the default one alone.
    pub audiences: Box<[Audience]>,
    /// The generation of its tokens.
    pub generation: Generation,
    /// The generation of its merchant's tokens.
    pub merchant_generation: Generation,
    /// The lifetime of its access tokens, where that is shorter than the configured one.
    pub access_ttl: Option<Duration>,
    /// The lifetime of its refresh tokens, likewise.
    pub refresh_ttl: Option<Duration>,
    /// How many tokens it may obtain; `None` is any number.
    pub quota: Option<Quota>,
    enabled: bool,
    secrets: Box<[LiveSecret]>,
}

struct LiveSecret {
    id: SecretId,
    hash: SecretHash,
    expires_at: Timestamp,
}

impl Registered {
    /// The dummy client, with which an unknown one is compared for constant cost: it has a secret, which nothing hashes to.
    pub fn dummy() -> Self {
        let secret = LiveSecret {
            id: SecretId::from_bytes([0; 16]),
            hash: SecretHash::from_bytes([0; 32]),
            expires_at: Timestamp::MAX,
        };
        Self {
            merchant_id: None,
            environment: Environment::Test,
            scope: Scope::empty(),
            addresses: None,
            audiences: Box::default(),
            generation: Generation::END,
            merchant_generation: Generation::END,
            access_ttl: None,
            refresh_ttl: None,
            quota: None,
            enabled: false,
            secrets: [secret].into(),
        }
    }

    /// The live secret with this hash. Every secret is compared, in constant time.
    pub fn authenticate(&self, hash: &SecretHash, now: Timestamp) -> Option<SecretId> {
        let mut found = None;
        for secret in &self.secrets {
            if secret.hash.matches(hash) && secret.expires_at > now {
                found = Some(secret.id);
            }
        }
        found.filter(|_| self.enabled)
    }

    /// Says whether a refresh token of this client may still be used: the client, the secret that it was obtained with
    /// and what has been revoked since are asked.
    pub fn vouches_for(&self, refresh: &Claims<'_>, now: Timestamp) -> bool {
        self.enabled
            && refresh.generation >= self.generation
            && refresh.merchant_generation >= self.merchant_generation
            && self.secrets.iter().any(|live| live.id == refresh.secret_id && live.expires_at > now)
    }

    /// Says whether its tokens may be for `audience`. `default` is the API of a client that none was chosen for.
    pub fn may_have(&self, audience: &str, default: &str) -> bool {
        match &*self.audiences {
            [] => audience == default,
            chosen => chosen.iter().any(|one| one.as_str() == audience),
        }
    }

    /// Says whether the client may call from `address`. An unknown one is in no list.
    pub fn allows(&self, address: ClientAddress) -> bool {
        let is_listed = |list| address.known().is_some_and(|address| is_allowed(list, address));
        self.addresses.as_deref().is_none_or(is_listed)
    }
}

impl Registry {
    /// Keeps up to `capacity` clients in memory.
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

    /// Keeps up to so many clients in memory from now on.
    pub(crate) fn set_capacity(&self, clients: usize) {
        self.cache.set_capacity(clients as u64);
    }

    /// The client `id`. An id that was never given out is refused without asking the store, once
    /// [`Registry::learn_ids`] has finished: guessing costs the store nothing, and takes no longer than being wrong
    /// about a secret.
    pub async fn client(&self, id: ClientId) -> Result<Option<Arc<Registered>>, StoreError> {
        if let Some(client) = self.cache.get(&id) {
            return Ok(Some(client));
        }
        if !self.filter.may_contain(id) || self.absent.get(&id).is_some() {
            return Ok(None);
        }
        self.load(id).await
    }

    /// Counts what has been invalidated so far: while it stays, [`Registry::client`] says the same.
    pub(crate) fn version(&self) -> u64 {
        self.epoch.load(Ordering::Acquire)
    }

    async fn load(&self, id: ClientId) -> Result<Option<Arc<Registered>>, StoreError> {
        let epoch = self.epoch.load(Ordering::Acquire);
        let client = self.store.client(id).await?.map(|client| Arc::new(self.registered(client)));
        match &client {
            Some(client) => self.cache.insert(id, client.clone()),
            None => self.absent.insert(id, ()),
        }
        if self.epoch.load(Ordering::Acquire) != epoch {
            // Something changed while the store was read; whether it was this client is cheaper to forget than to ask.
            self.cache.remove(&id);
            self.absent.remove(&id);
        }
        Ok(client)
    }

    fn registered(&self, client: Client) -> Registered {
        let addresses: Vec<String> = client.addresses.iter().map(ToString::to_string).collect();
        Registered {
            merchant_id: client.merchant_id,
            environment: client.environment,
            scope: self.interned(client.scope),
            addresses: (!addresses.is_empty()).then(|| addresses.join(" ").into()),
            audiences: client.audiences.into(),
            generation: client.generation,
            merchant_generation: client.merchant_generation,
            access_ttl: client.terms.access_ttl,
            refresh_ttl: client.terms.refresh_ttl,
            quota: client.terms.quota,
            enabled: client.status == Status::Enabled && client.merchant_status == Status::Enabled,
            secrets: client
                .secrets
                .into_iter()
                .filter(|secret| secret.revoked_at.is_none())
                .map(|secret| LiveSecret {
                    id: secret.id,
                    hash: secret.hash,
                    expires_at: secret.expires_at.unwrap_or(Timestamp::MAX),
                })
                .collect(),
        }
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

    /// Forgets a client: the next request reads it from the store.
    pub fn invalidate(&self, id: ClientId) {
        self.filter.insert(id);
        self.epoch.fetch_add(1, Ordering::AcqRel);
        self.cache.remove(&id);
        self.absent.remove(&id);
    }

    /// Forgets the clients of these merchants. Those of others stay, so that administration costs their servers no query.
    pub(crate) fn invalidate_clients_of(&self, merchants: &HashSet<MerchantId>) {
        self.epoch.fetch_add(1, Ordering::AcqRel);
        self.cache
            .retain(|_, client| client.merchant_id.is_none_or(|merchant| !merchants.contains(&merchant)));
    }

    /// Forgets every client, and lets every id be a client's until all were read again: ids may have been missed.
    pub(crate) fn invalidate_ids(&self) {
        self.filter.reopen();
        self.epoch.fetch_add(1, Ordering::AcqRel);
        self.cache.clear();
        self.absent.clear();
    }

    /// Reads every client's id from the store. Until it has finished, every id may be a client's.
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

    /// How many clients are in memory.
    pub fn len(&self) -> usize {
        self.cache.len()
    }

    /// Says whether no client is in memory.
    pub fn is_empty(&self) -> bool {
        self.cache.is_empty()
    }
}
