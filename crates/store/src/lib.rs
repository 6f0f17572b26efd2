//! The storage of Tollgate: its traits, which the engines implement.
//!
//! A store remembers, it never decides. Each subject has a trait, and [`Store`] is all of them. The engines implement them,
//! each in a crate of its own, and one conformance suite runs on every engine ([`engine`]). A method is a transaction,
//! absence is `Option` or `false`, and the time is an argument. A change that other processes must know of is written to the
//! change log in the same transaction. Who made the change and what it changed is written to the audit trail, which is why
//! every method that changes something takes an [`Act`].

mod access;
mod actor;
mod agreements;
mod changes;
mod clients;
#[cfg(feature = "conformance")]
pub mod conformance;
mod documents;
pub mod engine;
mod error;
mod idempotency;
mod installation;
mod integrity;
mod keys;
mod labels;
mod measures;
mod merchants;
mod purge;
mod schema;
mod servers;
mod time;
mod trail;
mod transfer;
mod uses;

pub use access::Access;
pub use actor::{Actor, ActorError, ActorKind};
pub use agreements::{Adoption, Agreement, Agreements};
pub use changes::{CLOCKS_DIFFER, Change, ChangeLog, Changed, Position, Revocations};
pub use clients::{Client, ClientUpdate, Clients, Secret, Terms};
pub use documents::{Document, Documents};
pub use error::StoreError;
pub use idempotency::{Answer, Begun, Completed, Creation, Idempotency, IdempotencyScope, Lease};
pub use installation::{Installation, Seal};
pub use integrity::Integrity;
pub use keys::{Keys, RETIRED_KEPT, SigningKey};
pub use labels::{Labels, LabelsError, Quota, QuotaError};
pub use measures::{BOUNDS, Connections, Durations, Ended, Measured, Measures, Observed, Operation, Queued};
pub use merchants::{Merchant, Merchants, Status, Version};
pub use purge::Purge;
pub use schema::Schema;
pub use servers::{Alone, LeaderLease, RunningServer, Servers};
pub use time::{Time, TimePassed};
pub use trail::{Act, Draft, Object, Outcome, Record, RecordFilter, RecordOrder, Trail, TrailEnds};
pub use transfer::{Part, Row, Table, Transfer, Value, is_understood};
pub use uses::{SecretUse, SecretUses, Uses};

/// A store of everything that Tollgate keeps, on any engine.
pub trait Store:
    Agreements
    + ChangeLog
    + Clients
    + Documents
    + Idempotency
    + Installation
    + Integrity
    + Keys
    + Measured
    + Merchants
    + Purge
    + Revocations
    + Servers
    + Time
    + Trail
    + Transfer
    + Uses
    + 'static
{
}

impl<T> Store for T where
    T: Agreements
        + ChangeLog
        + Clients
        + Documents
        + Idempotency
        + Installation
        + Integrity
        + Keys
        + Measured
        + Merchants
        + Purge
        + Revocations
        + Servers
        + Time
        + Trail
        + Transfer
        + Uses
        + 'static
{
}
