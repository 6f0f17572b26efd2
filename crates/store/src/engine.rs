//! For those who write an engine: what all engines have in common, so that they keep and forget the same.
//!
//! An engine is a type that implements every trait of [`Store`](crate::Store). Besides what stands here it needs
//! [`Act::records`](crate::Act::records) for the audit trail, [`Changed::columns`](crate::Changed::columns) and
//! [`Changed::read`](crate::Changed::read) for the change log, [`Measures::start`](crate::Measures::start) around each operation, and
//! [`Table::columns`](crate::Table::columns) to export and import. Its tests run the conformance suite, which is behind the feature
//! `conformance`.

pub use crate::agreements::AGREEMENTS_SHOWN;
pub use crate::changes::{CHANGES_KEPT, ChangeColumns};
pub use crate::clients::{audiences_text, gather_clients, networks_text, parse_audiences, parse_networks};
pub use crate::measures::Running;
pub use crate::purge::PURGED_AT_ONCE;
pub use crate::servers::SERVERS_KEPT;
pub use crate::transfer::{Column, ColumnKind, ROWS_IN_A_PART};
pub use crate::uses::{OTHER_SOURCES, SOURCES_TOLD_APART, gather_uses};
