//! Whether the schema is whole. The pages of the files are for PostgreSQL's own tools to check (`pg_amcheck`).

use async_trait::async_trait;

use super::column::{column, params};
use super::engine::Postgres;
use crate::{Integrity, StoreError};

/// The tables and indexes of the schema.
const RELATIONS: [&str; 25] = [
    "agreement",
    "agreement_pkey",
    "changes",
    "changes_by_until",
    "changes_pkey",
    "clients",
    "clients_by_merchant",
    "clients_pkey",
    "documents",
    "documents_by_time",
    "documents_pkey",
    "elected",
    "idempotency_keys",
    "idempotency_keys_by_until",
    "idempotency_keys_pkey",
    "installation",
    "merchants",
    "merchants_pkey",
    "revocations_by_until",
    "secrets",
    "secrets_pkey",
    "servers",
    "signing_keys",
    "signing_keys_pkey",
    "time_passed",
];

#[async_trait]
impl Integrity for Postgres {
    async fn damage(&self) -> Result<Vec<String>, StoreError> {
        let sql = "SELECT wanted.name, c.oid IS NOT NULL, coalesce(i.indisvalid, true)
                   FROM unnest($1) AS wanted (name)
                       LEFT JOIN pg_class c ON c.relname = wanted.name AND c.relnamespace = (
                           SELECT relnamespace FROM pg_class
                           WHERE relname = 'tollgate_schema' AND pg_table_is_visible(oid)
                       )
                       LEFT JOIN pg_index i ON i.indexrelid = c.oid
                   ORDER BY wanted.name";
        let names: Vec<&str> = RELATIONS.to_vec();
        let mut wrong = Vec::new();
        for row in self.read(sql, params![names]).await? {
            let (name, exists, valid): (String, bool, bool) =
                (column(&row, 0)?, column(&row, 1)?, column(&row, 2)?);
            if !exists {
                wrong.push(format!("{name} is missing from the schema"));
            } else if !valid {
                wrong.push(format!("the index {name} is not valid: REINDEX it"));
            }
        }
        Ok(wrong)
    }
}
