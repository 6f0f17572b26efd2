//! The reasons that keep a server from serving although a key signs and the change log is read.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A condition that a server depends on, besides its keys and the change log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cause {
    /// Its store is in the place where it was opened.
    Store,
    /// The schema of its store was not changed by a newer program so that this one can't work with it.
    Schema,
    /// Its master keys open the sealed keys in the store.
    MasterKey,
    /// Its clock has been set, and shows the store's time.
    Clock,
    /// Its clock shows the store's time.
    StoreClock,
    /// It agrees with the servers that share its store.
    Agreement,
    /// The servers that share its store know what they agree on, which takes only some seconds.
    Notice,
}

impl Cause {
    /// Returns the condition's name in the audit trail.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Store => "store",
            Self::Schema => "schema",
            Self::MasterKey => "master-key",
            Self::Clock => "clock",
            Self::StoreClock => "store-clock",
            Self::Agreement => "agreement",
            Self::Notice => "notice",
        }
    }
}

/// The number of conditions.
const CAUSES: usize = Cause::Notice as usize + 1;

/// The reasons why a server is suspended, for each condition.
#[derive(Default)]
pub(crate) struct Suspension {
    reasons: Mutex<[Option<Arc<str>>; CAUSES]>,
}

impl Suspension {
    /// Sets or clears the reason for a condition, and logs it if it is new. Returns whether the condition has begun or ceased to fail.
    pub(crate) fn set(&self, cause: Cause, reason: Option<String>) -> bool {
        let mut reasons = self.reasons();
        let known = &mut reasons[cause as usize];
        if known.as_deref() == reason.as_deref() {
            return false;
        }
        let has_come_or_gone = known.is_some() != reason.is_some();
        if cause == Cause::Notice {
            tracing::info!(reason = reason.as_deref(), "waiting until the other servers have heard");
        } else if let Some(reason) = &reason {
            tracing::error!(%reason, "not ready: tokens are neither issued nor checked");
        } else {
            tracing::info!(reason = known.as_deref(), "what was in the way is mended");
        }
        *known = reason.map(Arc::from);
        has_come_or_gone
    }

    /// Returns the first reason, if there is one.
    pub(crate) fn reason(&self) -> Option<Arc<str>> {
        self.reasons().iter().flatten().next().cloned()
    }

    /// Calls `work` with whether the server is suspended, while that can't change.
    pub(crate) fn while_known(&self, work: impl FnOnce(bool)) {
        let reasons = self.reasons();
        work(reasons.iter().any(Option::is_some));
    }

    /// Locks the reasons. Nothing panics while it holds the lock, so a poisoned lock is safe to use.
    fn reasons(&self) -> MutexGuard<'_, [Option<Arc<str>>; CAUSES]> {
        self.reasons.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
