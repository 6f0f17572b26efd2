//! Moving a store to another engine, table by table, in a form that every engine reads and writes.

use async_trait::async_trait;
use tokio::sync::mpsc;

use tollgate_core::{Algorithm, Environment, Generation, Scope, Timestamp};
use tollgate_keys::SlowHash;

use crate::changes::{ChangeColumns, Changed};
use crate::clients::parse_networks;
use crate::{Labels, Quota, StoreError};

use ColumnKind::{Bytes, Flag, Id, Number, Text, Written};

/// Export and import of everything.
#[async_trait]
pub trait Transfer: Send + Sync {
    /// Sends everything that the store holds, as of one point in time: rows by [`Table::ALL`] and by their keys, then
    /// [`Part::End`].
    async fn export(&self, parts: mpsc::Sender<Part>) -> Result<(), StoreError>;

    /// Imports what another store exports, all of it or nothing. Returns `false`, and takes nothing, if this store is not empty.
    async fn import(&self, parts: mpsc::Receiver<Part>) -> Result<bool, StoreError>;
}

/// A table, by the same name on every engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Table {
    /// The signing keys.
    SigningKeys,
    /// The merchants.
    Merchants,
    /// The clients, without their secrets.
    Clients,
    /// The clients' secrets.
    Secrets,
    /// When secrets were last used, and from where.
    SecretUses,
    /// The idempotency keys.
    IdempotencyKeys,
    /// The documents.
    Documents,
    /// The change log.
    Changes,
    /// The agreements of the servers that share the store.
    Agreement,
    /// The audit trail.
    Audit,
    /// The installation, in one row: its seal, where the change log and the audit trail begin and end, and the longest lifetime of a
    /// token.
    Installation,
}

impl Table {
    /// Every table. Rows refer only to tables that come earlier.
    pub const ALL: [Self; 11] = [
        Self::SigningKeys,
        Self::Merchants,
        Self::Clients,
        Self::Secrets,
        Self::SecretUses,
        Self::IdempotencyKeys,
        Self::Documents,
        Self::Changes,
        Self::Agreement,
        Self::Audit,
        Self::Installation,
    ];

    /// Returns the table's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::SigningKeys => "signing_keys",
            Self::Merchants => "merchants",
            Self::Clients => "clients",
            Self::Secrets => "secrets",
            Self::SecretUses => "secret_uses",
            Self::IdempotencyKeys => "idempotency_keys",
            Self::Documents => "documents",
            Self::Changes => "changes",
            Self::Agreement => "agreement",
            Self::Audit => "audit",
            Self::Installation => "installation",
        }
    }

    /// Returns its columns, in the order of a row's values. The columns of the key come first.
    pub const fn columns(self) -> &'static [Column] {
        match self {
            Self::SigningKeys => SIGNING_KEYS,
            Self::Merchants => MERCHANTS,
            Self::Clients => CLIENTS,
            Self::Secrets => SECRETS,
            Self::SecretUses => SECRET_USES,
            Self::IdempotencyKeys => IDEMPOTENCY_KEYS,
            Self::Documents => DOCUMENTS,
            Self::Changes => CHANGES,
            Self::Agreement => AGREEMENT,
            Self::Audit => AUDIT,
            Self::Installation => INSTALLATION,
        }
    }

    /// Returns the columns of its key; rows are exported in their order.
    pub fn key(self) -> &'static [Column] {
        let count = match self {
            Self::SigningKeys
            | Self::Merchants
            | Self::Clients
            | Self::Documents
            | Self::Changes
            | Self::Agreement
            | Self::Audit => 1,
            Self::Secrets => 2,
            Self::SecretUses => 3,
            Self::IdempotencyKeys => 4,
            Self::Installation => 0,
        };
        &self.columns()[..count]
    }

    /// Returns the names of its columns, separated by commas.
    pub fn column_names(self) -> String {
        self.columns().iter().map(|column| column.0).collect::<Vec<_>>().join(", ")
    }
}

/// A column's name, and the kind of its values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Column(pub &'static str, pub ColumnKind);

/// The kind of a column's values, unless they are [`Value::Null`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColumnKind {
    /// An id of 16 bytes.
    Id,
    /// Bytes of any length.
    Bytes,
    /// Text that Tollgate wrote, which is ASCII.
    Text,
    /// Text that people wrote, which may have any character.
    Written,
    /// A number, or a time in milliseconds.
    Number,
    /// A value that is `true` or `false`.
    Flag,
}

const SIGNING_KEYS: &[Column] = &[
    Column("id", Id),
    Column("sealed", Bytes),
    Column("created_at", Number),
    Column("activates_at", Number),
    Column("retires_at", Number),
    Column("compromised", Flag),
    Column("alg", Text),
    Column("public_key", Bytes),
];

const MERCHANTS: &[Column] = &[
    Column("id", Id),
    Column("name", Written),
    Column("disabled", Flag),
    Column("created_at", Number),
    Column("generation", Number),
    Column("version", Number),
];

const CLIENTS: &[Column] = &[
    Column("id", Id),
    Column("merchant_id", Id),
    Column("name", Written),
    Column("environment", Text),
    Column("scope", Text),
    Column("addresses", Text),
    Column("disabled", Flag),
    Column("created_at", Number),
    Column("generation", Number),
    Column("audiences", Text),
    Column("version", Number),
    Column("access_ttl", Number),
    Column("refresh_ttl", Number),
    Column("quota", Text),
    Column("labels", Written),
];

const SECRETS: &[Column] = &[
    Column("client_id", Id),
    Column("id", Id),
    Column("hash", Bytes),
    Column("created_at", Number),
    Column("expires_at", Number),
    Column("revoked_at", Number),
    Column("slow_hash", Text),
];

const IDEMPOTENCY_KEYS: &[Column] = &[
    Column("merchant_id", Id),
    Column("environment", Text),
    Column("route", Text),
    Column("key", Text),
    Column("owner", Id),
    Column("fingerprint", Bytes),
    Column("until", Number),
    Column("status", Number),
    Column("body", Bytes),
];

const DOCUMENTS: &[Column] = &[
    Column("id", Id),
    Column("merchant_id", Id),
    Column("environment", Text),
    Column("body", Written),
    Column("state", Text),
    Column("created_at", Number),
    Column("expires_at", Number),
    Column("changed_at", Number),
    Column("kind", Text),
];

const CHANGES: &[Column] = &[
    Column("seq", Number),
    Column("kind", Text),
    Column("id", Id),
    Column("until", Number),
    Column("generation", Number),
    Column("actor", Written),
    Column("source", Written),
    Column("reason", Written),
];

const AGREEMENT: &[Column] = &[
    Column("seq", Number),
    Column("terms", Text),
    Column("adopted_at", Number),
    Column("adopted_by", Text),
    Column("superseded_at", Number),
];

const AUDIT: &[Column] = &[
    Column("seq", Number),
    Column("at", Number),
    Column("actor", Written),
    Column("source", Written),
    Column("act", Text),
    Column("outcome", Text),
    Column("object", Written),
    Column("client_id", Id),
    Column("merchant_id", Id),
    Column("state_before", Written),
    Column("state_after", Written),
    Column("reason", Written),
    Column("request_id", Written),
    Column("mac", Bytes),
];

const INSTALLATION: &[Column] = &[
    Column("check_value", Bytes),
    Column("purged_change", Number),
    Column("last_change", Number),
    Column("longest_lifetime", Number),
    Column("secrets_key", Bytes),
    Column("trail_key", Bytes),
    Column("audit_seq", Number),
    Column("audit_mac", Bytes),
    Column("purged_audit", Number),
    Column("purged_audit_mac", Bytes),
    Column("streamed_audit", Number),
];

const SECRET_USES: &[Column] =
    &[Column("client_id", Id), Column("secret_id", Id), Column("source", Text), Column("last_at", Number)];

/// A value in a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// The absence of a value.
    Null,
    /// An id of 16 bytes.
    Id([u8; 16]),
    /// Bytes of any length.
    Bytes(Vec<u8>),
    /// Text, of either kind.
    Text(String),
    /// A number, or a time in milliseconds.
    Number(u64),
    /// A value that is `true` or `false`.
    Flag(bool),
}

/// The values of a row, in the order of its table's columns.
pub type Row = Vec<Value>;

/// Says whether a row of an export holds only what Tollgate writes.
pub fn is_understood(table: Table, row: &[Value]) -> bool {
    match (table, row) {
        (Table::SigningKeys, [.., algorithm, _]) => parses::<Algorithm>(algorithm),
        (Table::Clients, [_, _, _, environment, scope, addresses, ..]) => {
            parses::<Environment>(environment)
                && parses::<Scope>(scope)
                && matches!(row, [.., quota, labels] if (*quota == Value::Null || parses::<Quota>(quota)) && parses::<Labels>(labels))
                && text(addresses).is_some_and(|text| parse_networks(text).is_ok())
        }
        (Table::Secrets, [_, _, Value::Bytes(hash), .., slow_hash]) => {
            hash.len() == 32 && (*slow_hash == Value::Null || parses::<SlowHash>(slow_hash))
        }
        (Table::IdempotencyKeys, [_, environment, _, _, _, Value::Bytes(fingerprint), ..]) => {
            parses::<Environment>(environment) && fingerprint.len() == 32
        }
        (Table::Documents, [_, _, environment, ..]) => parses::<Environment>(environment),
        (Table::Changes, [_, kind, id, until, generation, ..]) => is_a_change(kind, id, until, generation),
        (Table::Audit, [.., Value::Bytes(mac)]) => mac.len() == 32,
        (Table::Merchants | Table::Agreement | Table::SecretUses | Table::Installation, _) => true,
        _ => false,
    }
}

fn is_a_change(kind: &Value, id: &Value, until: &Value, generation: &Value) -> bool {
    let (Some(kind), Value::Number(until)) = (text(kind), until) else { return false };
    let id = match id {
        Value::Id(id) => Some(*id),
        _ => None,
    };
    let generation = match generation {
        Value::Number(number) => Some(Generation::from_number(*number)),
        _ => None,
    };
    Changed::read(&ChangeColumns { kind, id, generation, until: Timestamp::from_millis(*until) }).is_some()
}

fn parses<T: std::str::FromStr>(value: &Value) -> bool {
    text(value).is_some_and(|text| text.parse::<T>().is_ok())
}

fn text(value: &Value) -> Option<&str> {
    match value {
        Value::Text(text) => Some(text),
        _ => None,
    }
}

/// A part of an export, as it is sent to the importer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// Rows of a table.
    Rows(Table, Vec<Row>),
    /// The end of the export. Without it the export is not complete.
    End,
}

/// The most rows in one part: it bounds the memory that an export takes.
pub const ROWS_IN_A_PART: usize = 500;
