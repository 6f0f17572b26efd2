//! What keeps a server from serving though a key signs and the change log is read.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What a server depends on, besides its keys and the change log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cause {
    /// Its store is where it was opened.
    Store,
    /// No newer program has changed the schema of its store so that it can't work with it.
    Schema,
    /// Its master keys open what is sealed in the store.
    MasterKey,
    /// Its clock has been set, and shows the store's time.
    Clock,
    /// Its clock shows the store's time.
    StoreClock,
    /// It agrees with the servers that share its store.
    Agreement,
    /// They have heard of what they agree on. Some seconds are all that it takes.
    Notice,
}

impl Cause {
    /// Its name in the audit trail.
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

/// How many causes there are.
const CAUSES: usize = Cause::Notice as usize + 1;

/// Why a server is suspended, for each cause there can be.
#[derive(Default)]
pub(crate) struct Suspension {
    reasons: Mutex<[Option<Arc<str>>; CAUSES]>,
}

impl Suspension {
    /// Notes why, or that a cause has gone, and logs it if it is new. Says whether the cause has come or gone.
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

    /// The first reason there is.
    pub(crate) fn reason(&self) -> Option<Arc<str>> {
        self.reasons().iter().flatten().next().cloned()
    }

    /// Does what depends on whether the server is suspended, while that can't change.
    pub(crate) fn while_known(&self, work: impl FnOnce(bool)) {
        let reasons = self.reasons();
        work(reasons.iter().any(Option::is_some));
    }

    /// Nothing panics while it holds the lock, so a poisoned one is as good as any.
    fn reasons(&self) -> MutexGuard<'_, [Option<Arc<str>>; CAUSES]> {
        self.reasons.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
