//! A client in memory: whether it is accepted, and by which secrets.

use std::sync::OnceLock;
use std::time::Duration;

use tollgate_core::{
    Audience, Claims, Environment, Generation, MerchantId, Scope, SecretId, Timestamp, is_allowed,
};
use tollgate_guard::ClientAddress;
use tollgate_keys::{SecretHash, SlowHash};
use tollgate_store::{Client, Quota, Secret, Status};

use crate::last_use::LastUse;
use crate::unproved::Unproved;

/// A client in the form in which it is authenticated: two allocations, whatever its content.
pub struct Registered {
    /// The merchant it acts for; `None` for an operator.
    pub merchant_id: Option<MerchantId>,
    /// Whether its calls move money, or are tests.
    pub environment: Environment,
    /// The widest scope that its tokens may have.
    pub scope: Scope,
    /// The networks that it may call from, as space-separated CIDR blocks; `None` for any network.
    pub addresses: Option<Box<str>>,
    /// The APIs that its tokens may be for; the first is the default. Empty means only the server's default API.
    pub audiences: Box<[Audience]>,
    /// The generation of its tokens.
    pub generation: Generation,
    /// The generation of its merchant's tokens.
    pub merchant_generation: Generation,
    /// The lifetime of its access tokens, if it is shorter than the configured one.
    pub access_ttl: Option<Duration>,
    /// The lifetime of its refresh tokens, if it is shorter than the configured one.
    pub refresh_ttl: Option<Duration>,
    /// How many tokens it may obtain; `None` for any number.
    pub quota: Option<Quota>,
    standing: Standing,
    secrets: Box<[KnownSecret]>,
}

/// Whether a client is accepted, and why not.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Standing {
    Accepted,
    Disabled,
    MerchantDisabled,
    /// The client doesn't exist.
    Absent,
}

/// A secret in the form in which it is compared.
pub struct KnownSecret {
    id: SecretId,
    hash: SecretHash,
    /// The slow hash of an imported secret.
    slow: Option<Box<Slow>>,
    expires_at: Timestamp,
    /// Whether it is refused, and known only to say why.
    is_revoked: bool,
    last_use: LastUse,
}

/// The slow hash of a secret, and the keyed hash that may replace it.
struct Slow {
    function: SlowHash,
    /// The keyed hash, once a client has proved here that it has the secret.
    proved: OnceLock<SecretHash>,
}

/// How many revoked secrets of a client are kept in memory, the newest ones.
const REVOKED: usize = 4;

impl Registered {
    /// Makes the dummy client, with which an unknown client is compared for constant cost: it has a secret, which nothing hashes to.
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

    /// Returns the live secret with this hash, or why there is none. Every secret is compared, in constant time; a secret with a slow
    /// hash only after it was proved here.
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

    /// Says whether a refresh token of this client may still be used, or why not: checks the client, the secret that it was obtained
    /// with and the revocations since.
    #[inline]
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

    /// Notes that a secret is used. Returns whether the use must be written to the store.
    #[inline]
    pub fn notes_use(&self, of: SecretId, from: ClientAddress, now: Timestamp) -> bool {
        let used = self.secrets.iter().find(|secret| secret.id == of);
        used.is_some_and(|secret| secret.last_use.note(from, now))
    }

    /// Returns the live secrets that can only be checked by a slow hash.
    pub fn unproved(&self, now: Timestamp) -> impl Iterator<Item = (&SlowHash, &KnownSecret)> {
        let live = self.secrets.iter().filter(move |secret| secret.is_live(now));
        live.filter_map(|secret| {
            let slow = secret.slow.as_deref().filter(|slow| slow.proved.get().is_none())?;
            Some((&slow.function, secret))
        })
    }

    /// Returns the keyed hash of a secret that was proved here, but is still stored by its slow hash.
    #[inline]
    pub fn proved(&self, secret: SecretId) -> Option<&SecretHash> {
        let found = self.secrets.iter().find(|known| known.id == secret)?;
        found.slow.as_deref()?.proved.get()
    }

    /// Says whether its tokens may be for `audience`. `default` is the API of a client without audiences of its own.
    #[inline]
    pub fn may_have(&self, audience: &str, default: &str) -> bool {
        match &*self.audiences {
            [] => audience == default,
            chosen => chosen.iter().any(|one| one.as_str() == audience),
        }
    }

    /// Says whether the client may call from `address`. An unknown address is in no network.
    #[inline]
    pub fn allows(&self, address: ClientAddress) -> bool {
        let is_listed = |list| address.known().is_some_and(|address| is_allowed(list, address));
        self.addresses.as_deref().is_none_or(is_listed)
    }
}

impl From<Client> for Registered {
    fn from(client: Client) -> Self {
        let addresses: Vec<String> = client.addresses.iter().map(ToString::to_string).collect();
        Self {
            merchant_id: client.merchant_id,
            environment: client.environment,
            scope: client.scope,
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

    /// Says whether `slow` is the secret's slow hash. If so, `keyed` is its hash as well from now on.
    pub fn prove(&self, slow: &SecretHash, keyed: &SecretHash) -> bool {
        let is_proved = self.hash.matches(slow);
        if let (true, Some(slow)) = (is_proved, &self.slow) {
            // If two threads prove it at once, both set the same hash.
            let _ = slow.proved.set(keyed.clone());
        }
        is_proved
    }

    fn is_live(&self, now: Timestamp) -> bool {
        !self.is_revoked && self.expires_at > now
    }
}

/// Keeps every secret that is not revoked, and the newest of those that are.
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
