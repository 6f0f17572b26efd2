//! Slow hashes of imported secrets, computed on other threads, a few at a time.
//!
//! Anybody who names a client with such a secret can cause a computation, so the cost is limited: half of the processors, and a
//! short queue. A request that finds no room is refused for the moment, which does not count as a failed authentication.

use std::num::NonZero;
use std::sync::Arc;
use std::thread::available_parallelism;
use std::time::Duration;

use pbkdf2::pbkdf2_hmac;
use sha2::{Sha256, Sha512};
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;
use tokio::time::timeout;
use tollgate_core::{ClientId, Timestamp};
use tollgate_installation::{Installation, Registered, Unproved};
use tollgate_keys::{SecretHash, SecretHasher, Sha2, SlowHash};
use zeroize::Zeroizing;

use crate::error::Error;

/// How many computations may wait for each one that runs.
const WAITING: usize = 16;
/// How long a computation may wait for its turn.
const PATIENCE: Duration = Duration::from_secs(2);
/// The longest secret that bcrypt hashes completely, in bytes.
const LONGEST_OF_BCRYPT: usize = 72;

/// Computes slow hashes.
pub(crate) struct SlowHashes {
    /// Permits to wait or to run.
    slots: Arc<Semaphore>,
    /// Permits to compute.
    turns: Arc<Semaphore>,
}

impl SlowHashes {
    /// Uses half of the processors, so that the others go on issuing tokens.
    pub(crate) fn new() -> Self {
        Self::at_once(available_parallelism().map_or(1, NonZero::get).div_ceil(2))
    }

    fn at_once(count: usize) -> Self {
        let slots = Semaphore::new(count * (1 + WAITING));
        Self { slots: slots.into(), turns: Semaphore::new(count).into() }
    }

    /// Asks `judge` about a client that brings a secret, as [`Installation::judge`] does. If the secret is not one of the client's
    /// known ones, and the client has imported ones, their slow hashes are checked first: this server's data is enough to
    /// accept it, even if the store is unreachable. The slow part is boxed, so that it costs nothing when it isn't needed.
    pub(crate) async fn judge<T>(
        &self,
        installation: &Installation,
        proof: &Proof<'_>,
        judge: impl Fn(Option<Arc<Registered>>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let (registry, id) = (installation.registry(), proof.client);
        let version = registry.version();
        let refusal = match judge(registry.client(id).await?) {
            Ok(good) => return Ok(good),
            Err(refusal) => refusal,
        };
        // Looked up again: a full cache may not have kept the client.
        let asked = if is_wrong_secret(&refusal) { registry.client(id).await? } else { None };
        let refusal = match &asked {
            Some(client) if Box::pin(self.prove(client, proof)).await? => match judge(asked.clone()) {
                Ok(good) => return Ok(good),
                Err(refusal) => refusal,
            },
            _ => refusal,
        };
        Box::pin(installation.catch_up()).await?;
        if registry.version() == version {
            return Err(refusal);
        }
        let client = registry.client(id).await?;
        let refusal = match judge(client.clone()) {
            Err(refusal) if is_wrong_secret(&refusal) => refusal,
            outcome => return outcome,
        };
        // A client that was checked before would fail again.
        let news = client.filter(|client| asked.as_ref().is_none_or(|asked| !Arc::ptr_eq(asked, client)));
        match &news {
            Some(client) if Box::pin(self.prove(client, proof)).await? => judge(Some(client.clone())),
            _ => Err(refusal),
        }
    }

    /// Says whether a secret is one of a client's that are known by their slow hashes. From then on the client has it by its keyed hash
    /// `hash`, too.
    async fn prove(&self, client: &Registered, proof: &Proof<'_>) -> Result<bool, Error> {
        for (function, kept) in client.unproved(proof.now) {
            let digest = self.compute(function.clone(), proof.secret).await?;
            let slow = digest.map(|digest| proof.hasher.hash_slow(proof.client, function, &digest));
            if slow.is_some_and(|slow| kept.prove(&slow, &proof.hash)) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Computes the slow hash of a secret when it is its turn. Returns `None` for a secret that the function can't hash uniquely.
    async fn compute(&self, function: SlowHash, secret: &[u8]) -> Result<Option<Zeroizing<Vec<u8>>>, Error> {
        let slot = self.slots.clone().try_acquire_owned().map_err(|_| Error::SlowHashesBusy)?;
        let turn = timeout(PATIENCE, self.turns.clone().acquire_owned()).await;
        let turn = turn.ok().and_then(Result::ok).ok_or(Error::SlowHashesBusy)?;
        let secret = Zeroizing::new(secret.to_vec());
        let computing = spawn_blocking(move || {
            // Held until the computation ends, even if nobody waits for it any more.
            let _held = (slot, turn);
            digest(&function, &secret)
        });
        computing.await.map_err(|_| Error::Internal("a slow hash could not be computed".to_owned()))
    }
}

const fn is_wrong_secret(refusal: &Error) -> bool {
    matches!(refusal, Error::InvalidClient(Unproved::WrongSecret))
}

/// The secret that a client proves itself with.
pub(crate) struct Proof<'a> {
    pub(crate) client: ClientId,
    secret: &'a [u8],
    /// The keyed hash of the secret.
    pub(crate) hash: SecretHash,
    hasher: &'a SecretHasher,
    now: Timestamp,
}

impl<'a> Proof<'a> {
    /// Hashes a secret, whatever it is and whichever client is named.
    pub(crate) fn of(hasher: &'a SecretHasher, client: ClientId, secret: &'a [u8], now: Timestamp) -> Self {
        Self { client, secret, hash: hasher.hash(client, secret), hasher, now }
    }
}

/// Computes a slow hash. Returns `None` if other secrets have the same hash: bcrypt repeats a secret with a NUL after it and hashes
/// no more than 72 bytes, PBKDF2 fills a short one with NULs.
fn digest(function: &SlowHash, secret: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    if secret.contains(&0) {
        return None;
    }
    match function {
        SlowHash::Bcrypt { cost, salt } => {
            if secret.len() > LONGEST_OF_BCRYPT {
                return None;
            }
            // bcrypt hashes the NUL after the secret as well, if there is room.
            let mut key = Zeroizing::new([0; LONGEST_OF_BCRYPT]);
            key[..secret.len()].copy_from_slice(secret);
            let key = &key[..(secret.len() + 1).min(LONGEST_OF_BCRYPT)];
            // Every implementation keeps 23 of the 24 bytes.
            Some(Zeroizing::new(bcrypt::bcrypt(*cost, *salt, key)[..23].to_vec()))
        }
        SlowHash::Pbkdf2 { digest, iterations, length, salt } => {
            let mut output = Zeroizing::new(vec![0; *length]);
            match digest {
                Sha2::Sha256 => pbkdf2_hmac::<Sha256>(secret, salt, *iterations, &mut output),
                Sha2::Sha512 => pbkdf2_hmac::<Sha512>(secret, salt, *iterations, &mut output),
            }
            Some(output)
        }
    }
}

#[cfg(test)]
mod tests {
    use tollgate_keys::ForeignHash;

    use super::*;

    fn is_of(hash: &str, secret: &[u8]) -> bool {
        let hash: ForeignHash = hash.parse().unwrap();
        digest(&hash.function, secret).is_some_and(|digest| digest.as_slice() == hash.digest())
    }

    /// Hashes that other programs have made: Ory Hydra, and bcrypt in C, Python and PHP.
    #[test]
    fn what_others_have_hashed_is_recognised() {
        for (hash, secret) in HASHES {
            assert!(is_of(hash, secret.as_bytes()), "{hash}");
            for wrong in ["", "x", &secret[..secret.len().saturating_sub(1)], &format!("{secret}x")] {
                assert!(wrong == *secret || !is_of(hash, wrong.as_bytes()), "{hash} {wrong}");
            }
            for alike in [format!("{secret}\0"), format!("{secret}\0{secret}")] {
                assert!(!is_of(hash, alike.as_bytes()), "{hash}");
            }
        }
    }

    const HASHES: &[(&str, &str)] = &[
        ("$2a$12$o6hx.Wog/wvFSkT/Bp/6DOxCtLRTDj7lm9on9suF/WaCGNVHbkfL6", "test"),
        (
            "$pbkdf2-sha256$i=100000,l=32$1jP+5Zxpxgtee/iPxGgOz0RfE9/KJuDElP1ley4VxXc$QJxzfvdbHYBpydCbHoFg3GJEqMFULwskiuqiJctoYpI",
            "test",
        ),
        (
            "$pbkdf2-sha512$i=100000,l=32$bdHBpn7OWOivJMVJypy2UqR0UnaD5prQXRZevj/05YU$+wArTfv1a+bNGO1iZrmEdVjhA+lL11wF4/IxpgYfPwc",
            "test",
        ),
        ("$2b$04$Sh2MGIWw806iKiJ.2K5YaejQXiY8f9apN0hH8hMb0MoF66V1fRv8y", "a-client-secret-of-hydra"),
        (
            "$2b$04$DD5nUvSKMf64aaxN0cf3MOK1sFnl9FnTBIGwNUxB1wyNX.fS4cKWC",
            "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
        ),
        ("$2b$04$3gZ0TZ8MFPB9O1Rh/sw4beUlPpF4Jq3aBsb749jJxLLUtwlZMhQJG", "with spaces ~!"),
        ("$2y$05$jKKEshBmLSYNGC3Eg8v3ceMfh11riNhhf0.EcKylQvayMeHLtCrPe", "of another library"),
        (
            "$pbkdf2-sha256$i=1000,l=32$xKaHP6GUXvj3OTdkZK3EEg$wLNjYZ3ACSaqA0nX8eGQtxsgM1x3HJAa2bEy8Sv23ZE",
            "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
        ),
        (
            "$pbkdf2-sha512$i=1000,l=64$iV2jo6z3FnDjteqFZiY1XQ$+V2qh5aPu5hNqFObWJTZesulByUwlBFNluP8zLNroxuhEYWMCcPxFf35s4yYXofiWxVUyUAdZb95z2HrUhcGPA",
            "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
        ),
    ];

    #[tokio::test]
    async fn what_finds_no_room_is_refused_at_once_and_the_rest_has_its_turn() {
        let pool = Arc::new(SlowHashes::at_once(1));
        let function = || SlowHash::Bcrypt { cost: 4, salt: [7; 16] };
        let turn = pool.turns.clone().acquire_owned().await.unwrap();
        let waiting: Vec<_> = (0..=WAITING)
            .map(|_| {
                let pool = pool.clone();
                tokio::spawn(async move { pool.compute(function(), b"secret").await })
            })
            .collect();
        while pool.slots.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
        assert!(matches!(pool.compute(function(), b"secret").await, Err(Error::SlowHashesBusy)));
        drop(turn);
        for one in waiting {
            assert!(one.await.unwrap().unwrap().is_some());
        }
        assert!(pool.compute(function(), b"secret").await.unwrap().is_some());
        assert_eq!(pool.slots.available_permits(), 1 + WAITING);
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_waits_for_long_and_who_leaves_makes_room() {
        let pool = SlowHashes::at_once(1);
        let function = || SlowHash::Bcrypt { cost: 4, salt: [7; 16] };
        let turn = pool.turns.clone().acquire_owned().await.unwrap();
        assert!(matches!(pool.compute(function(), b"secret").await, Err(Error::SlowHashesBusy)));
        drop(turn);
        assert_eq!(pool.slots.available_permits(), 1 + WAITING);
    }
}
