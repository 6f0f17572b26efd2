//! The clients that authenticate: a bounded cache over the store, which the change log invalidates.

use std::collections::HashSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use quick_cache::sync::Cache;
use tollgate_core::{
    Audience, Claims, ClientId, Environment, Generation, MerchantId, Scope, SecretHash, SecretId, SlowHash,
    Timestamp, is_allowed,
};
use tollgate_http::ClientAddress;
use tollgate_store::{Client, Clients, Quota, Secret, Status, StoreError};

use crate::client_id_filter::ClientIdFilter;
use crate::last_use::LastUse;
use crate::why::Unproved;

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
    standing: Standing,
    secrets: Box<[KnownSecret]>,
}

/// Whether a client is accepted.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Standing {
    Accepted,
    Disabled,
    MerchantDisabled,
    /// There is no such client.
    Absent,
}

pub(crate) struct KnownSecret {
    id: SecretId,
    hash: SecretHash,
    /// Of one that was imported.
    slow: Option<Box<Slow>>,
    expires_at: Timestamp,
    /// It is refused, and known only to say why.
    is_revoked: bool,
    last_use: LastUse,
}

/// What a secret has that is known by a slow hash.
struct Slow {
    function: SlowHash,
    /// Its keyed hash, once a client has proved itself with it here.
    proved: OnceLock<SecretHash>,
}

/// How many revoked secrets of a client are known, the newest ones.
const REVOKED: usize = 4;

impl Registered {
    /// The dummy client, with which an unknown one is compared for constant cost: it has a secret, which nothing hashes to.
    pub fn dummy() -> Self {
        let secret = KnownSecret {
            id: SecretId::from_bytes([0; 16]),
            hash: SecretHash::from_bytes([0; 32]),
            slow: None,
            expires_at: Timestamp::MAX,
            is_revoked: false,
            last_use: LastUse::default(),
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
            standing: Standing::Absent,
            secrets: [secret].into(),
        }
    }

    /// The live secret with this hash, or why there is none. Every secret is compared, in constant time; one that is known by a slow
    /// hash once it was proved here.
    pub fn authenticate(&self, hash: &SecretHash, now: Timestamp) -> Result<SecretId, Unproved> {
        let (mut live, mut ended) = (None, None);
        for secret in &self.secrets {
            if secret.matches(hash) {
                let slot = if secret.is_live(now) { &mut live } else { &mut ended };
                *slot = Some(secret);
            }
        }
        match (live.or(ended), self.standing) {
            (_, Standing::Absent) => Err(Unproved::UnknownClient),
            (None, _) => Err(Unproved::WrongSecret),
            (Some(secret), _) if secret.is_revoked => Err(Unproved::RevokedSecret(secret.id)),
            (Some(secret), _) if !secret.is_live(now) => Err(Unproved::ExpiredSecret(secret.id)),
            (Some(secret), standing) => standing.accepts(secret.id).map(|()| secret.id),
        }
    }

    /// Says whether a refresh token of this client may still be used, or why not: the client, the secret that it was obtained
    /// with and what has been revoked since are asked.
    pub fn vouches_for(&self, refresh: &Claims<'_>, now: Timestamp) -> Result<(), Unproved> {
        self.standing.accepts(refresh.secret_id)?;
        if refresh.generation < self.generation || refresh.merchant_generation < self.merchant_generation {
            return Err(Unproved::EndedToken);
        }
        match self.secrets.iter().find(|secret| secret.id == refresh.secret_id) {
            Some(secret) if secret.is_live(now) => Ok(()),
            Some(secret) if !secret.is_revoked => Err(Unproved::ExpiredSecret(secret.id)),
            Some(_) | None => Err(Unproved::RevokedSecret(refresh.secret_id)),
        }
    }

    /// Notes that a secret is used. Says whether that is news.
    pub(crate) fn notes_use(&self, of: SecretId, from: ClientAddress, now: Timestamp) -> bool {
        let used = self.secrets.iter().find(|secret| secret.id == of);
        used.is_some_and(|secret| secret.last_use.note(from, now))
    }

    /// The live secrets that only a slow hash can tell from others.
    pub(crate) fn unproved(&self, now: Timestamp) -> impl Iterator<Item = (&SlowHash, &KnownSecret)> {
        let live = self.secrets.iter().filter(move |secret| secret.is_live(now));
        live.filter_map(|secret| {
            let slow = secret.slow.as_deref().filter(|slow| slow.proved.get().is_none())?;
            Some((&slow.function, secret))
        })
    }

    /// The keyed hash of a secret that was proved here, and is kept by its slow hash still.
    pub(crate) fn proved(&self, secret: SecretId) -> Option<&SecretHash> {
        let found = self.secrets.iter().find(|known| known.id == secret)?;
        found.slow.as_deref()?.proved.get()
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

impl Standing {
    fn accepts(self, secret: SecretId) -> Result<(), Unproved> {
        match self {
            Self::Accepted => Ok(()),
            Self::Disabled => Err(Unproved::DisabledClient(secret)),
            Self::MerchantDisabled => Err(Unproved::DisabledMerchant(secret)),
            Self::Absent => Err(Unproved::UnknownClient),
        }
    }
}

impl KnownSecret {
    fn matches(&self, hash: &SecretHash) -> bool {
        match &self.slow {
            None => self.hash.matches(hash),
            Some(slow) => slow.proved.get().is_some_and(|proved| proved.matches(hash)),
        }
    }

    /// Says whether `slow` is what is kept of it. Then `keyed` is its hash as well from now on.
    pub(crate) fn prove(&self, slow: &SecretHash, keyed: &SecretHash) -> bool {
        let is_proved = self.hash.matches(slow);
        if let (true, Some(slow)) = (is_proved, &self.slow) {
            // Of two at once the first has said the same.
            let _ = slow.proved.set(keyed.clone());
        }
        is_proved
    }

    fn is_live(&self, now: Timestamp) -> bool {
        !self.is_revoked && self.expires_at > now
    }
}

/// Takes every secret that is not revoked, and the newest of those that are.
fn known_secrets(secrets: Vec<Secret>) -> Box<[KnownSecret]> {
    let revoked = secrets.iter().filter(|secret| secret.revoked_at.is_some()).count();
    let mut left_out = revoked.saturating_sub(REVOKED);
    let mut is_known = |secret: &Secret| {
        let is_left_out = secret.revoked_at.is_some() && left_out > 0;
        left_out -= usize::from(is_left_out);
        !is_left_out
    };
    secrets
        .into_iter()
        .filter(|secret| is_known(secret))
        .map(|secret| KnownSecret {
            id: secret.id,
            hash: secret.hash,
            slow: secret.slow_hash.map(|function| Box::new(Slow { function, proved: OnceLock::new() })),
            expires_at: secret.expires_at.unwrap_or(Timestamp::MAX),
            is_revoked: secret.revoked_at.is_some(),
            last_use: LastUse::default(),
        })
        .collect()
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
            standing: match (client.status, client.merchant_status) {
                (Status::Enabled, Status::Enabled) => Standing::Accepted,
                (Status::Disabled, _) => Standing::Disabled,
                (Status::Enabled, Status::Disabled) => Standing::MerchantDisabled,
            },
            secrets: known_secrets(client.secrets),
        }
    }

    /// The client `id`, if it is in memory.
    pub(crate) fn cached(&self, id: ClientId) -> Option<Arc<Registered>> {
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
