//! Checks whether the schema is complete. The pages of the files are for PostgreSQL's own tools to check (`pg_amcheck`).

use async_trait::async_trait;
use tollgate_store::{Integrity, StoreError};

use crate::column::{column, params};
use crate::engine::Postgres;

/// The tables and indexes of the schema, by their names.
pub(crate) const RELATIONS: &str = "agreement agreement_pkey audit audit_by_client audit_by_merchant audit_by_object audit_by_time
    audit_pkey changes changes_by_until changes_pkey clients clients_by_merchant clients_pkey documents documents_by_time
    documents_pkey elected elected_pkey idempotency_keys idempotency_keys_by_until idempotency_keys_pkey installation
    installation_pkey merchants merchants_pkey revocations_by_seq revocations_by_until secret_uses secret_uses_pkey secrets
    secrets_pkey servers servers_pkey signing_keys signing_keys_pkey time_passed time_passed_pkey tollgate_schema
    tollgate_schema_pkey";

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
        let names: Vec<&str> = RELATIONS.split_ascii_whitespace().collect();
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
