//! How many connections one source may hold, and how many it may open.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ipnet::IpNet;
use tokio::time::Instant;

use crate::{ClientAddress, Limiter, Source};

/// The limits on one source's connections. A trusted proxy has none: it connects for everybody behind it.
#[derive(Clone, Debug)]
pub struct SourceLimits {
    /// Connections that a source may hold at once.
    pub connections: usize,
    /// Connections that a source may open within a time; `None` for any number.
    pub new_connections: Option<(u32, Duration)>,
    /// Whether connections over the limits are refused, or only counted.
    pub enforce: bool,
    /// Networks of the proxies that are trusted.
    pub trusted: Vec<IpNet>,
}

/// The connections that sources hold and have opened. It has no more entries than there are connections.
#[derive(Debug)]
pub struct Sources {
    state: Mutex<State>,
    exceeded: AtomicU64,
    new: Limiter,
}

#[derive(Debug)]
struct State {
    limits: SourceLimits,
    held: HashMap<Source, usize>,
}

impl Sources {
    /// Limits sources from now on.
    pub fn new(limits: SourceLimits, now: Instant) -> Arc<Self> {
        let new = Limiter::new(limits.new_connections, limits.enforce, now);
        let state = State { limits, held: HashMap::new() };
        Arc::new(Self { state: Mutex::new(state), exceeded: AtomicU64::new(0), new })
    }

    /// Changes the limits from now on. Open connections stay.
    pub fn set(&self, limits: SourceLimits, now: Instant) {
        self.new.set(limits.new_connections, limits.enforce, now);
        self.state().limits = limits;
    }

    /// Returns how many connections were over the number that a source may hold, refused or not.
    pub fn exceeded(&self) -> u64 {
        self.exceeded.load(Relaxed)
    }

    /// Returns how many connections were over the rate at which a source may open them, refused or not.
    pub fn exceeded_new(&self) -> u64 {
        self.new.exceeded()
    }

    /// Counts a connection until what is returned is dropped; `None` if it is to be refused.
    pub fn admit(self: &Arc<Self>, peer: IpAddr, now: Instant) -> Option<Held> {
        let peer = peer.to_canonical();
        let mut state = self.state();
        let State { limits, held } = &mut *state;
        if limits.trusted.iter().any(|network| network.contains(&peer)) {
            return Some(Held(None));
        }
        let source = Source::of(ClientAddress::Known(peer));
        self.new.take(source, now).ok()?;
        let count = held.get(&source).copied().unwrap_or_default();
        if count >= limits.connections {
            self.exceeded.fetch_add(1, Relaxed);
            if limits.enforce {
                return None;
            }
        }
        held.insert(source, count + 1);
        Some(Held(Some((Arc::clone(self), source))))
    }

    fn release(&self, source: Source) {
        if let Entry::Occupied(mut held) = self.state().held.entry(source) {
            *held.get_mut() -= 1;
            if *held.get() == 0 {
                held.remove();
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection that counts for its source, if it counts.
#[derive(Debug)]
pub struct Held(Option<(Arc<Sources>, Source)>);

impl Drop for Held {
    fn drop(&mut self) {
        if let Some((sources, source)) = self.0.take() {
            sources.release(source);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv6Addr;

    use super::*;

    fn sources(limits: SourceLimits) -> (Arc<Sources>, Instant) {
        let now = Instant::now();
        (Sources::new(limits, now), now)
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn a_sweep_through_one_ipv6_subnet_is_one_source_and_leaves_nothing_behind() {
        let (sources, now) = sources(SourceLimits {
            connections: 100,
            new_connections: None,
            enforce: true,
            trusted: Vec::new(),
        });
        let subnet = u128::from("2001:db8::".parse::<Ipv6Addr>().unwrap());
        let sweep = (0..10_000).filter_map(|n| sources.admit(Ipv6Addr::from(subnet + n).into(), now));
        let held: Vec<_> = sweep.collect();
        assert_eq!((held.len(), sources.exceeded()), (100, 9_900));
        assert_eq!(sources.state().held.len(), 1);
        // Other sources are not affected, however many they are, and cost nothing when they are gone.
        for n in 1..10_000_u128 {
            assert!(sources.admit(Ipv6Addr::from(subnet + (n << 64)).into(), now).is_some());
        }
        drop(held);
        assert!(sources.state().held.is_empty());
    }

    #[test]
    fn a_trusted_proxy_may_hold_and_open_any_number() {
        let (sources, now) = sources(SourceLimits {
            connections: 1,
            new_connections: Some((1, Duration::from_secs(60))),
            enforce: true,
            trusted: vec!["10.0.0.0/8".parse().unwrap()],
        });
        let _held: Vec<_> = (0..10).map(|_| sources.admit(ip("::ffff:10.0.0.1"), now).unwrap()).collect();
        assert_eq!((sources.exceeded(), sources.exceeded_new()), (0, 0));
        let _one = sources.admit(ip("192.0.2.1"), now).unwrap();
        assert!(sources.admit(ip("192.0.2.1"), now).is_none());
    }

    #[test]
    fn new_connections_are_limited_by_source_also_when_they_end_at_once() {
        let (sources, now) = sources(SourceLimits {
            connections: 100,
            new_connections: Some((2, Duration::from_secs(60))),
            enforce: true,
            trusted: Vec::new(),
        });
        let opened = |address: &str, now| sources.admit(ip(address), now).is_some();
        assert!(opened("192.0.2.1", now) && opened("192.0.2.1", now) && !opened("192.0.2.1", now));
        assert!(opened("192.0.2.2", now) && opened("192.0.2.1", now + Duration::from_secs(30)));
        assert_eq!((sources.exceeded(), sources.exceeded_new()), (0, 1));
    }

    #[test]
    fn other_limits_count_at_once() {
        let one = SourceLimits { connections: 1, new_connections: None, enforce: true, trusted: Vec::new() };
        let (sources, now) = sources(one.clone());
        let _held = sources.admit(ip("192.0.2.1"), now).unwrap();
        assert!(sources.admit(ip("192.0.2.1"), now).is_none());
        sources.set(SourceLimits { connections: 2, ..one.clone() }, now);
        let _another = sources.admit(ip("192.0.2.1"), now).unwrap();
        assert!(sources.admit(ip("192.0.2.1"), now).is_none());
        sources.set(SourceLimits { trusted: vec!["192.0.2.0/24".parse().unwrap()], ..one }, now);
        assert!(sources.admit(ip("192.0.2.1"), now).is_some());
    }

    #[test]
    fn limits_that_are_not_enforced_count_alone() {
        let (sources, now) = sources(SourceLimits {
            connections: 1,
            new_connections: Some((2, Duration::from_secs(60))),
            enforce: false,
            trusted: Vec::new(),
        });
        let _held: Vec<_> = (0..4).map(|_| sources.admit(ip("192.0.2.1"), now).unwrap()).collect();
        assert_eq!((sources.exceeded(), sources.exceeded_new()), (3, 2));
    }
}
